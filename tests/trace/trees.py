"""A small world with all that filters ask for, what trees mean there in plain Python, and trees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import orjson
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.trace.conftest import DAY_MS, NOW, organization, page

from tracewell.kernel.database import Transaction
from tracewell.trace.filters.fields import FIELDS
from tracewell.trace.filters.kinds import UseValue, is_version
from tracewell.trace.filters.model import Group, Leaf, Node
from tracewell.values import Capture

DOMAINS = [f"{name}.example" for name in ("alpha", "beta", "gamma", "delta")] + ["epsilon.test"]


def captures() -> list[Capture]:
    """Five companies that differ in everything that a field looks at."""
    wordpress = '<meta name="generator" content="WordPress {}">'
    places = [{"addressCountry": code} for code in ("DE", "FR", "DE", None, "US")]
    names = ["Alpha", "Beta Works", "Gamma 100%", "delta", "Épsilon"]
    made: list[Capture] = []
    for number, domain in enumerate(DOMAINS):
        told: dict[str, Any] = {
            "name": names[number],
            "address": {"@type": "PostalAddress", "streetAddress": "Street 1", **places[number]},
            "foundingDate": str(1990 + number) if number % 2 else None,
            "industry": ["Software", "Retail"][number % 2],
        }
        body = organization(**{key: value for key, value in told.items() if value})
        if number in (0, 1, 3):
            body += wordpress.format(["6.1", "6.1.3", "", "5.9"][number])
        if number == 2:
            body += "made with c++"
        server = {"Server": f"nginx/1.{number}"} if number in (0, 4) else {}
        at = NOW + number * 3 * DAY_MS
        made.append(page(f"https://{domain}/", body, at=at, headers=server))
        links = [f"https://{DOMAINS[number - 1]}/", "https://elsewhere.example/"][: 1 + number % 2]
        logos = "".join(f'<a href="{link}">Partner {place}</a>' for place, link in enumerate(links))
        made.append(page(f"https://{domain}/integrations", f"<main>{logos}", at=at))
        if number in (1, 2):
            node = {"@context": "https://schema.org", "@type": "JobPosting", "title": "Engineer",
                    "description": ["C++ and PHP", "WordPress"][number - 1]}  # fmt: skip
            text = orjson.dumps(node).decode()
            made.append(
                page(f"https://{domain}/jobs",
                     f'<script type="application/ld+json">{text}</script>', at=at)
            )  # fmt: skip
    # Three visits without C++: gamma has dropped it.
    for day in (1, 2, 3):
        made.append(page(f"https://{DOMAINS[2]}/", f"{day}", at=NOW + (6 + day) * DAY_MS))
    return made


async def naive_rows(tx: Transaction) -> list[dict[str, Any]]:
    """Every company as a dictionary, read without the index."""
    rows = []
    for row in await tx.fetch_all(
        "SELECT company_id, profile, search_text, posting_count, partnership_count FROM companies"
    ):
        one = orjson.loads(row[1]) | {"text": row[2]}
        of_company = {"id": row[0]}
        one["partners"] = {
            r[0]
            for r in await tx.fetch_all(
                "SELECT COALESCE(o.primary_domain, p.partner_domain) FROM partnerships AS p"
                " LEFT JOIN companies AS o ON o.company_id = p.partner_id"
                " WHERE p.company_id = :id",
                **of_company,
            )
        }
        one["partnership_types"] = {
            r[0]
            for r in await tx.fetch_all(
                "SELECT partnership_type FROM partnerships WHERE company_id = :id", **of_company
            )
        }
        one["named"] = {
            r[0]
            for r in await tx.fetch_all(
                "SELECT t.slug FROM postings AS p JOIN posting_technologies AS m"
                " ON m.posting_id = p.posting_id JOIN technologies AS t"
                " ON t.technology_id = m.technology_id WHERE p.company_id = :id",
                **of_company,
            )
        }
        rows.append(one)
    return rows


def day(at: str) -> date:
    return datetime.fromisoformat(at).astimezone(UTC).date()


def fits(node: Node, one: dict[str, Any], tier: int, *, negated: bool = False) -> bool:
    """What a tree means, word by word."""
    if isinstance(node, Group):
        if node.op == "not":
            return not fits(node.children[0], one, tier, negated=not negated)
        together = all if node.op == "and" else any
        return together(fits(child, one, tier, negated=negated) for child in node.children)
    least = 0 if negated or node.operator == "none_of" else tier
    return leaf_fits(node, one, least)


def leaf_fits(leaf: Leaf, one: dict[str, Any], least: int) -> bool:
    active = [use for use in one["technologies"] if use["status"] == "active"]
    strong = [use for use in active if use["confidence"] >= least]
    told = one["firmographics"]

    def value_of(field: str) -> Any:
        return told[field]["value"] if told[field] else None

    country = told["headquarters"]["value"]["country"] if told["headquarters"] else None
    sets: dict[str, set[Any]] = {
        "technology": {use["slug"] for use in strong},
        "technology_dropped": {u["slug"] for u in one["technologies"] if u["status"] == "dropped"},
        "category": {
            name.lower().replace(" ", "-") for use in strong for name in use["categories"]
        },
        "vendor": {use["vendor"] for use in strong if use["vendor"]},
        "partner": one["partners"],
        "partnership_type": one["partnership_types"],
        "country": {country},
        "industry": {value_of("industry")},
        "employee_range": {value_of("employee_range")},
        "domain": {domain["domain"] for domain in one["domains"]},
        "top_level_domain": {one["primary_domain"].split(".")[-1]},
        "posting_technology": one["named"],
    }
    if leaf.field in sets:
        has, asked = sets[leaf.field], set(leaf.value)
        tests: dict[str, Callable[[], bool]] = {
            "any_of": lambda: bool(has & asked),
            "all_of": lambda: asked <= has,
            "none_of": lambda: not has & asked,
        }
        return tests[leaf.operator]()
    if leaf.field == "name":
        text = leaf.value.casefold()
        if leaf.operator == "contains":
            return any(text in line for line in one["text"].split("\n"))
        names = [one["name"].casefold(), one["slug"], *(d["domain"] for d in one["domains"])]
        return any(name.startswith(text) for name in names)
    if leaf.field == "hiring":
        return (one["posting_count"] > 0) is leaf.value
    if leaf.field == "technology_use":
        return use_fits(leaf.value, one["technologies"], least)
    value = value_of("founded_year") if leaf.field == "founded_year" else one[leaf.field]
    if leaf.field.endswith("_at"):
        value = day(value)
    if value is None:
        return False
    low, high = leaf.value if leaf.operator == "between" else (leaf.value, leaf.value)
    return (leaf.operator == "lte" or value >= low) and (leaf.operator == "gte" or value <= high)


def use_fits(asked: UseValue, uses: list[dict[str, Any]], least: int) -> bool:
    for use in uses:
        tier = least if asked.status == "active" else 0
        if (use["slug"], use["status"]) != (asked.technology, asked.status):
            continue
        if use["confidence"] < max(asked.min_confidence or 0, tier):
            continue
        if asked.asks_version and not (use["version"] and is_version(use["version"], asked)):
            continue
        first, last = day(use["first_observed_at"]), day(use["last_observed_at"])
        return (asked.first_observed_gte or first) <= first <= (
            asked.first_observed_lte or first
        ) and (asked.last_observed_gte or last) <= last <= (asked.last_observed_lte or last)
    return False


slugs = st.sampled_from(["nginx", "wordpress", "php", "c-plus-plus", "no-such"])
days = st.integers(-2, 20).map(
    lambda n: datetime.fromtimestamp(NOW / 1000 + n * 86_400, UTC).date()
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "technology": slugs, "technology_dropped": slugs, "posting_technology": slugs,
    "vendor": st.sampled_from(["the-php-group", "nobody"]),
    "category": st.sampled_from(["cms", "web-servers", "programming-languages", "none"]),
    "partner": st.sampled_from([*DOMAINS, "elsewhere.example", "nobody.example"]),
    "partnership_type": st.sampled_from(["technology", "channel", "generic"]),
    "country": st.sampled_from(["DE", "FR", "US", "XX"]),
    "industry": st.sampled_from(["Software", "Retail", "Mining"]),
    "employee_range": st.sampled_from(["1-10", "51-200"]),
    "domain": st.sampled_from([*DOMAINS, "nobody.example"]),
    "top_level_domain": st.sampled_from(["example", "test", "de"]),
    "name": st.sampled_from(
        ["a", "al", "alp", "example", ".example", "%", "gamma 1", "é", "é\"", "épsi", "ta w"]
    ),
    "technology_count": st.integers(0, 4), "partnership_count": st.integers(0, 4),
    "posting_count": st.integers(0, 2), "founded_year": st.integers(1989, 1996),
    "hiring": st.booleans(),
    "first_observed_at": days, "last_observed_at": days, "last_crawled_at": days,
}  # fmt: skip


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    field = draw(st.sampled_from(sorted(FIELDS)))
    operator = draw(st.sampled_from(sorted(FIELDS[field].kind.operators)))
    if field == "technology_use":
        value: Any = draw(uses)
    elif operator in ("any_of", "all_of", "none_of"):
        value = draw(st.lists(VALUES[field], min_size=1, max_size=3))
    elif operator == "between":
        value = sorted(draw(st.tuples(VALUES[field], VALUES[field])))
    else:
        value = draw(VALUES[field])
    adapter = FIELDS[field].kind.operators[operator]
    return Leaf(field, operator, adapter.validate_python(value))


versions = st.sampled_from([None, None, "6", "6.1", "6.1.3", "1.4", "1"])
maybe_days = st.none() | days
active_uses: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict, technology=slugs, version=versions, version_gte=versions, version_lte=versions,
    min_confidence=st.none() | st.sampled_from([0, 50, 60, 80, 100]),
    first_observed_gte=maybe_days, first_observed_lte=maybe_days,
    last_observed_gte=maybe_days, last_observed_lte=maybe_days,
)  # fmt: skip
dropped_uses: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict, technology=slugs, status=st.just("dropped"), last_observed_gte=maybe_days
)
uses: st.SearchStrategy[dict[str, Any]] = active_uses | dropped_uses

trees = st.recursive(
    leaves(),
    lambda inner: (
        st.builds(
            Group,
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=1, max_size=4).map(tuple),
        )
        | st.builds(Group, st.just("not"), st.tuples(inner))
    ),
    max_leaves=8,
)


def draw_trees(number: int) -> list[Node]:
    """Trees of hypothesis' making, the same every time."""
    drawn: list[Node] = []

    @seed(20261122)
    @settings(
        max_examples=number, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(trees)
    def collect(tree: Node) -> None:
        drawn.append(tree)

    collect()
    return drawn
