"""How captures add up: the same whatever their order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.trace.conftest import NOW

from tracewell.extraction import Fact
from tracewell.trace.companies.days import day_of
from tracewell.trace.companies.model import Company, Domain, Sighting, Sign, Use
from tracewell.trace.companies.profile import render_profile
from tracewell.trace.companies.rules import (
    FACTS_KEPT,
    SIGNS_KEPT,
    add_alias,
    best_facts,
    name_of,
    observe,
)
from tracewell.trace.technologies.model import Technology

NGINX = Technology(1, "nginx", "nginx", None, None, None, ("Web servers",))
PHP = Technology(2, "php", "PHP", None, None, "The PHP Group", ())


def company() -> Company:
    primary = Domain("acme.example", True, NOW, NOW)
    return Company(7, "acme", "acme.example", (primary,), (), (), 0, 0, NOW, NOW, NOW, ())


def use(technology: Technology, at: int, version: str | None = None, confidence: int = 100) -> Use:
    sign = Sign("header", "Server", "p", f"e{at}", "https://acme.example/", "", None, None, at)
    told_at = at if version else None
    return Use(
        technology, version, told_at, confidence, "active", at, at, 1, (sign,), (day_of(at),), None
    )


def sighting(at: int, *uses: Use, facts: tuple[Fact, ...] = ()) -> Sighting:
    return Sighting("https://acme.example/", "", at, uses, facts, is_visit=True)


times = st.integers(NOW - 5, NOW + 5)
facts = st.builds(
    Fact,
    st.sampled_from(["name", "description", "social_profile"]),
    st.sampled_from([f"value {n}" for n in range(15)]),
    st.integers(1, 4),
    st.sampled_from(["https://acme.example/", "https://acme.example/about"]),
    times,
)
signs = st.builds(
    Sign, st.just("html"), st.sampled_from([f"s{n}" for n in range(15)]), st.just(""),
    st.sampled_from(["x", "y"]), st.just("u"), st.sampled_from(["a:1", "a:2"]), st.none(),
    st.none(), times,
)  # fmt: skip


@st.composite
def sightings(draw: st.DrawFn) -> Sighting:
    at = draw(times)
    version = draw(st.sampled_from([None, "1.2", "1.10", "2"]))
    uses = [
        Use(
            technology, version, at if version else None, draw(st.integers(0, 100)), "active",
            at, at, 1, tuple(draw(st.lists(signs, max_size=3))), (day_of(at),), None,
        )
        for technology in draw(st.sets(st.sampled_from([NGINX, PHP])))
    ]  # fmt: skip
    return sighting(at, *uses, facts=tuple(draw(st.lists(facts, max_size=6))))


@given(st.lists(sightings(), max_size=8), st.data())
def test_captures_add_up_to_the_same_company_in_any_order_and_grouping(
    seen: list[Sighting], data: st.DataObject
) -> None:
    at_once = observe(company(), seen)
    shuffled = data.draw(st.permutations(seen))
    one_by_one = company()
    for one in shuffled:
        one_by_one = observe(one_by_one, [one])
    assert render_profile(one_by_one) == render_profile(at_once)
    assert one_by_one.facts == at_once.facts
    assert {u.technology.slug: u for u in one_by_one.uses} == {
        u.technology.slug: u for u in at_once.uses
    }


def test_an_older_capture_read_later_does_not_bring_an_old_version_back() -> None:
    after = observe(company(), [sighting(NOW, use(NGINX, NOW, "1.25.3"))])
    after = observe(after, [sighting(NOW - 100, use(NGINX, NOW - 100, "1.18.0"))])
    (found,) = after.uses
    assert (found.version, found.first_observed_at, found.last_observed_at) == (
        "1.25.3", NOW - 100, NOW,
    )  # fmt: skip
    assert found.observation_count == 2
    assert after.first_observed_at == NOW - 100


def test_a_capture_that_tells_no_version_leaves_the_one_told_before() -> None:
    after = observe(company(), [sighting(NOW, use(NGINX, NOW, "1.25.3"))])
    after = observe(after, [sighting(NOW + 9, use(NGINX, NOW + 9))])
    assert after.uses[0].version == "1.25.3"


def test_the_weightier_value_of_a_field_is_shown_then_the_newer() -> None:
    told = (
        Fact("name", "Acme | Home", 30, "https://acme.example/", NOW + 9),
        Fact("name", "Acme", 90, "https://acme.example/about", NOW),
        Fact("name", "Acme Inc", 90, "https://acme.example/", NOW + 1),
    )
    after = observe(company(), [sighting(NOW, facts=told)])
    assert name_of(after) == "Acme Inc"
    assert [fact.value for fact in best_facts(told)["name"]] == ["Acme Inc"]


def test_a_company_that_no_page_names_is_called_by_its_domain() -> None:
    assert name_of(company()) == "acme.example"


def test_what_is_kept_is_bounded() -> None:
    many = tuple(Fact("name", f"n{n}", 1 + n, "https://acme.example/", NOW) for n in range(50))
    shown = [Sign("html", f"s{n}", "", "x", "u", "c", None, None, NOW + n) for n in range(50)]
    seen = [sighting(NOW, replace(use(NGINX, NOW), signs=(sign,))) for sign in shown]
    after = observe(company(), [sighting(NOW, facts=many), *seen])
    assert [fact.value for fact in after.facts] == [f"n{n}" for n in range(49, 39, -1)]
    assert len(after.facts) == FACTS_KEPT
    assert [sign.name for sign in after.uses[0].signs] == [f"s{n}" for n in range(49, 39, -1)]
    assert len(after.uses[0].signs) == SIGNS_KEPT


def test_an_alias_keeps_its_first_and_last_sight_and_leaves_the_primary_domain_alone() -> None:
    after = add_alias(company(), "acme-old.example", NOW)
    after = add_alias(after, "acme-old.example", NOW - 5)
    assert after.domains == (
        Domain("acme.example", True, NOW, NOW),
        Domain("acme-old.example", False, NOW - 5, NOW),
    )
    assert add_alias(after, "acme-old.example", NOW - 1) == after
