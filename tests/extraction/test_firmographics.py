"""Who a page says its company is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewell.extraction import FIELDS, extract_firmographics
from tracewell.extraction.countries import find_country
from tracewell.extraction.firmographics import FACTS_MAX
from tracewell.extraction.organization import find_phone, find_social_profile
from tracewell.values import Capture

AT = 1_790_000_000_000
HOME = "https://www.acme-tools.example/"


def capture(
    body: str | bytes, url: str = HOME, content_type: str | None = "text/html; charset=utf-8"
) -> Capture:
    headers = (("content-type", content_type),) if content_type else ()
    data = body if isinstance(body, bytes) else body.encode()
    return Capture(url=url, status=200, headers=headers, body=data, captured_at=AT)


def told(body: str | bytes, url: str = HOME, **given: Any) -> dict[str, Any]:
    """The best value of each field, all of those that have several."""
    best: dict[str, Any] = {}
    facts = sorted(extract_firmographics(capture(body, url, **given)), key=lambda f: -f.weight)
    for fact in facts:
        assert fact.source_url == url
        assert fact.observed_at == AT
        assert fact.field in FIELDS
        if fact.field in ("social_profile", "registry_identifier"):
            best.setdefault(fact.field, []).append(fact.value)
        else:
            best.setdefault(fact.field, fact.value)
    return best


def script(*nodes: Any) -> str:
    return "".join(
        f'<script type="application/ld+json">{json.dumps(node)}</script>' for node in nodes
    )


def org(**members: Any) -> dict[str, Any]:
    return {"@type": "Organization", "url": HOME, **members}


def test_every_member_of_an_organisation_is_read() -> None:
    found = told(
        script(
            org(
                name="Acme &amp; Sons",
                legalName="Acme and Sons Ltd.",
                description="Tools\n  and more",
                industry="Machines",
                foundingDate="1954",
                numberOfEmployees={"@type": "QuantitativeValue", "minValue": 50, "maxValue": "199"},
                address={
                    "@type": "PostalAddress",
                    "streetAddress": "1 High Street",
                    "postalCode": "AB1 2CD",
                    "addressLocality": "Leeds",
                    "addressCountry": {"@type": "Country", "name": "United Kingdom"},
                },
                contactPoint=[{"telephone": "tel:+44 113 496 0000"}],
                logo={"@type": "ImageObject", "url": "/img/logo.png"},
                sameAs=["https://x.com/acme/", "http://www.facebook.com/acme?ref=1", "x", HOME],
                leiCode="529900t8bm49aursdo55",
                vatID="GB 999 9999 73",
            )
        )
    )
    assert found == {
        "name": "Acme & Sons",
        "legal_name": "Acme and Sons Ltd.",
        "description": "Tools and more",
        "industry": "Machines",
        "founded_year": "1954",
        "employee_range": "50-199",
        "headquarters": json.dumps(
            {
                "street": "1 High Street",
                "postal_code": "AB1 2CD",
                "locality": "Leeds",
                "country": "GB",
            }
        ),
        "phone": "+44 113 496 0000",
        "logo": "https://www.acme-tools.example/img/logo.png",
        "social_profile": ["https://x.com/acme", "https://www.facebook.com/acme"],
        "registry_identifier": [
            '{"kind": "LEI", "value": "529900T8BM49AURSDO55"}',
            '{"kind": "VAT", "value": "GB999999973"}',
        ],
    }


def test_the_sites_own_organisation_is_told_from_others() -> None:
    others = [
        {"@type": "Organization", "name": "Partner", "url": "https://partner.example/"},
        {"@type": "JobPosting", "hiringOrganization": {"@type": "Organization", "name": "Job"}},
        {"@type": "Article", "author": {"@type": "Organization", "name": "Author"}},
        {"@type": "Person", "name": "Ann"},
        {"@type": "WebSite", "name": "Other site", "url": "https://other.example/"},
    ]
    found = told(script(*others, {"@graph": [org(name="Acme")]}))
    assert found == {"name": "Acme"}
    assert told(script(*others)) == {}


@pytest.mark.parametrize(
    "url",
    [HOME, "http://acme-tools.example", "https://shop.acme-tools.example/x", "/", "#organization"],
)
def test_an_organisation_is_the_sites_own_by_its_address(url: str) -> None:
    assert told(script({"@type": "Corporation", "name": "Acme", "url": url})) == {"name": "Acme"}


def test_one_organisation_without_an_address_is_taken_and_two_are_not() -> None:
    one = {"@type": ["Thing", "https://schema.org/LocalBusiness"], "name": "Acme"}
    two = {"@type": "NewsMediaOrganization", "name": "Someone else"}
    assert told(script(one)) == {"name": "Acme"}
    assert told(script(one, one)) == {"name": "Acme"}
    assert told(script(one, two)) == {}


def test_a_publisher_is_the_company_behind_the_site() -> None:
    article = {"@type": "Article", "publisher": org(name="Acme Press", logo="/l.png")}
    found = told(script(article), url="https://acme-tools.example/2026/news")
    assert found == {"name": "Acme Press", "logo": "https://acme-tools.example/l.png"}


def test_names_rank_from_the_organisation_down_to_the_title() -> None:
    title = "<title>Prices | Acme Tools</title>"
    site_name = '<meta property="og:site_name" content="Acme by og">'
    application = '<meta name="application-name" content="Acme App">'
    website = script({"@type": "WebSite", "name": "Acme by site", "url": HOME})
    own = script(org(name="Acme by itself"))
    assert told(title)["name"] == "Acme Tools"
    assert told(title + application)["name"] == "Acme App"
    assert told(title + application + site_name)["name"] == "Acme by og"
    assert told(title + application + site_name + website)["name"] == "Acme by site"
    assert told(title + application + site_name + website + own)["name"] == "Acme by itself"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Acme Tools", "Acme Tools"),
        ("Acme-Tools: everything for the workshop", "Acme-Tools"),
        ("Jobs – ACME TOOLS – Kiel", "ACME TOOLS"),
        ("Welcome | The best tools", None),
        ("", None),
    ],
)
def test_a_title_names_the_company_where_its_host_spells_the_same(
    title: str, name: str | None
) -> None:
    assert told(f"<title>{title}</title>").get("name") == name


def test_the_description_of_the_page_is_the_companys_on_the_home_page_alone() -> None:
    graph = '<meta property="og:description" content="og">'
    body = f'<meta name="description" content="We make tools.">{graph}'
    assert told(body) == {"description": "We make tools."}
    assert told(body, url=f"{HOME}prices") == {}
    assert told(graph) == {"description": "og"}


def test_the_home_page_weighs_more_than_other_pages() -> None:
    body = script(org(name="Acme"))
    (home,) = extract_firmographics(capture(body))
    (other,) = extract_firmographics(capture(body, f"{HOME}about"))
    assert home.weight > other.weight


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (120, "120"), ("200-499", "200-499"), ("1,000 – 4,999", "1000-4999"), ("10.000+", "10000+"),
        ({"value": 55}, "55"), ({"minValue": 10}, "10+"), ({"minValue": 9, "maxValue": 3}, None),
        ("many", None), (-5, None), ("9" * 40, None), (None, None), (True, None),
    ],
)  # fmt: skip
def test_employees_are_a_number_or_a_range(given: Any, expected: str | None) -> None:
    assert told(script(org(numberOfEmployees=given))).get("employee_range") == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [("DE", "DE"), ("de", "DE"), ("Germany", "DE"), ("Deutschland", "DE"), ("Allemagne", "DE"),
     ("USA", "US"), ("United  States", "US"), ("UK", "GB"), ("日本", "JP"), ("DEU", "DE"),
     ("Atlantis", None), ("XX", None), ("", None)],
)  # fmt: skip
def test_countries_are_told_by_their_code(text: str, code: str | None) -> None:
    assert find_country(text) == code


def test_phones_and_profiles_that_are_none_are_left_out() -> None:
    assert find_phone("call us") is None
    assert find_phone("1234") is None
    assert find_phone("+49 (40) 1234-56 ext. 7") == "+49 (40) 1234-56 ext. 7"
    assert find_social_profile("https://www.linkedin.com/") is None
    assert find_social_profile("https://linkedin.com.evil.example/company/acme") is None
    assert find_social_profile("javascript:alert(1)") is None


def test_broken_blocks_leave_the_others_standing() -> None:
    broken = [
        '<script type="application/ld+json">{"@type": "Organization", </script>',
        '<script type="application/ld+json">' + "[" * 100_000 + "</script>",
        '<script type="application/ld+json">' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "</script>",
        '<script type="application/ld+json"></script>',
        script(None, 1, "x", [], {"@type": None}, {"@type": {"x": 1}, "name": []}),
    ]
    assert told("".join(broken) + script(org(name="Acme"))) == {"name": "Acme"}


def test_blocks_in_comments_and_with_line_breaks_in_strings_are_read() -> None:
    block = '<!--\n{"@type":"Organization","name":"Acme\nTools","url":"/"}\n-->'
    assert told(f'<script type="application/ld+json">{block}</script>') == {"name": "Acme Tools"}


def test_the_charset_of_the_page_is_obeyed() -> None:
    body = '<title>x</title><meta property="og:site_name" content="Bäcker">'
    assert told(body.encode("latin-1"), content_type="text/html; charset=iso-8859-1") == {
        "name": "Bäcker"
    }
    assert told(body.encode(), content_type="text/html; charset=no-such")["name"] == "Bäcker"


def test_other_contents_than_html_say_nothing() -> None:
    assert extract_firmographics(capture(script(org(name="x")), content_type="text/plain")) == ()
    assert extract_firmographics(capture(script(org(name="Acme")), content_type=None)) != ()


def test_the_number_of_facts_is_bounded() -> None:
    names = script(*({"@type": "WebSite", "name": f"n{n}", "url": HOME} for n in range(40)))
    many = script(*(org(name=f"o{n}", description=f"d{n}", legalName=f"l{n}") for n in range(50)))
    assert len(extract_firmographics(capture(many + names))) == FACTS_MAX


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
members = st.dictionaries(
    st.sampled_from(
        ["name", "legalName", "description", "address", "logo", "telephone", "sameAs", "url",
         "numberOfEmployees", "foundingDate", "contactPoint", "vatID", "@id", "industry"]
    ),
    json_values,
)  # fmt: skip


@given(members, st.sampled_from([HOME, "https://[", "http://x", "", "https://a.example/b?c#d"]))
def test_no_content_makes_extraction_fail(given_members: dict[str, Any], url: str) -> None:
    body = script({"@type": "Organization", **given_members})
    for fact in extract_firmographics(capture(body.encode("utf-8", "surrogatepass"), url)):
        assert fact.value


@given(st.binary(max_size=200))
def test_no_bytes_make_extraction_fail(body: bytes) -> None:
    extract_firmographics(capture(body))
