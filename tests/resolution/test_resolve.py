"""Resolution of observations into entities: who is joined, who stays apart, and how sure it is."""

from __future__ import annotations

import hashlib
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewell.resolution import (
    QueriedIdentifier,
    Resolution,
    SourcedObservation,
    render_facts,
    render_resolution,
    resolve_observations,
)
from tracewell.values import Observation

ADA = [("person.name", "Ada Lovelace"), ("email.address", "ada@example.com")]
ASK_ADA = [QueriedIdentifier("email", "ada@example.com")]


Statements = list[tuple[str, str]]


def record(
    origin: str, statements: Statements, *, subject: str = "", is_reference: bool = False
) -> list[SourcedObservation]:
    """The observations of one source record."""
    digest = hashlib.sha256(f"{origin}{statements}".encode()).hexdigest()
    subject = subject or digest[:8]
    return [
        SourcedObservation(
            Observation(subject, predicate, value, f"test:{subject}", digest, 0),
            source_id=f"src_{origin}_{subject}",
            origin=origin,
            is_reference=is_reference,
        )
        for predicate, value in statements
    ]


def members(resolution: Resolution) -> set[frozenset[str]]:
    return {
        frozenset(record.partition("\n")[0] for record in entity.records)
        for entity in resolution.entities
    }


TOGETHER = {
    "the same e-mail address and name": (ADA, ADA),
    "the same e-mail address, one record without a name": (ADA, [ADA[1], ("phone.number", "+1")]),
    "the same phone and name": (
        [("person.name", "Ada Lovelace"), ("phone.number", "+14155552671")],
        [("person.name", "LOVELACE Ada"), ("phone.number", "+14155552671")],
    ),
    "the same profile page": (
        [("person.name", "Ada Lovelace"), ("social.account", "github:ada")],
        [("social.account", "github:ada"), ("username.handle", "ada")],
    ),
    "the same name and date of birth": (
        [("person.name", "Ada Lovelace"), ("person.dob", "1815-12-10")],
        [("person.name", "Ada Lovelace"), ("person.dob", "1815-12-10")],
    ),
    "a maiden name under one licence number": (
        [("person.name", "Ada Byron"), ("person.registry_id", "licence:77")],
        [("person.name", "Ada Lovelace"), ("person.registry_id", "licence:77")],
    ),
    "one company by its domain": (
        [("organization.name", "Acme GmbH"), ("domain.name", "acme.example")],
        [("organization.name", "ACME"), ("domain.name", "acme.example")],
    ),
}

APART = {
    "only the same name": (
        [("person.name", "John Smith"), ("email.address", "a@example.com")],
        [("person.name", "John Smith"), ("email.address", "b@example.com")],
    ),
    "different dates of birth": (
        [*ADA, ("person.dob", "1815-12-10")],
        [*ADA, ("person.dob", "1990-01-01")],
    ),
    "Jr and Sr at one phone": (
        [("person.name", "David Dobbins Jr"), ("phone.number", "+14155552671")],
        [("person.name", "David Dobbins Sr"), ("phone.number", "+14155552671")],
    ),
    "twins of one household": (
        [
            ("person.name", "Mary Jones"),
            ("person.dob", "2001-02-03"),
            ("phone.number", "+14155552671"),
            ("address.full", "1 Main St, Springfield"),
        ],
        [
            ("person.name", "Tom Jones"),
            ("person.dob", "2001-02-03"),
            ("phone.number", "+14155552671"),
            ("address.full", "1 Main St, Springfield"),
        ],
    ),
    "two colleagues at a shared mailbox": (
        [("person.name", "Mary Jones"), ("email.address", "info@acme.example")],
        [("person.name", "Tom Smith"), ("email.address", "info@acme.example")],
    ),
    "a nameless record at a group mailbox": (
        [("person.name", "Mary Jones"), ("email.address", "info@acme.example")],
        [("email.address", "info@acme.example"), ("phone.number", "+14155552671")],
    ),
    "a person and the company of the same name and mailbox": (
        [("person.name", "Max Muster"), ("email.address", "max@muster.example")],
        [("organization.name", "Max Muster"), ("email.address", "max@muster.example")],
    ),
    "two companies of one registry": (
        [("organization.name", "Acme"), ("domain.name", "a.example"),
         ("organization.registry_id", "lei:1")],
        [("organization.name", "Acme"), ("domain.name", "a.example"),
         ("organization.registry_id", "lei:2")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TOGETHER)
def test_records_of_one_holder_become_one_entity(case: str) -> None:
    first, second = TOGETHER[case]
    resolution = resolve_observations(record("crm", first) + record("billing", second), [])
    assert members(resolution) == {frozenset({"crm", "billing"})}


@pytest.mark.parametrize("case", APART)
def test_records_of_two_holders_stay_apart(case: str) -> None:
    first, second = APART[case]
    resolution = resolve_observations(record("crm", first) + record("billing", second), [])
    assert members(resolution) == {frozenset({"crm"}), frozenset({"billing"})}


def test_an_undated_record_between_two_dated_ones_belongs_to_neither() -> None:
    name = ("person.name", "John Smith")
    phone = ("phone.number", "+14155552671")
    resolution = resolve_observations(
        record("a", [name, phone, ("person.dob", "1950-01-01")])
        + record("b", [name, phone, ("person.dob", "1980-01-01")])
        + record("c", [name, phone]),
        [QueriedIdentifier("phone", "+14155552671")],
    )
    assert members(resolution) == {frozenset("a"), frozenset("b"), frozenset("c")}
    assert resolution.status == "ambiguous"
    undated = next(e for e in resolution.entities if e.records[0].startswith("c\n"))
    assert len(undated.possibly_same_as) == 2
    assert all(match.explanation for match in undated.possibly_same_as)


def test_a_chain_never_joins_two_that_conflict() -> None:
    resolution = resolve_observations(
        record("a", [("person.name", "Mary Jones"), ("email.address", "m@example.com")])
        + record("b", [("email.address", "m@example.com"), ("social.account", "x:mj")])
        + record("c", [("person.name", "Tom Smith"), ("social.account", "x:mj")]),
        [],
    )
    together = {frozenset("ac"), frozenset("abc")}
    assert not members(resolution) & together


def test_one_source_never_gives_ninety_percent() -> None:
    resolution = resolve_observations(
        [o for n in range(9) for o in record("crm", ADA, subject=f"row {n}")], ASK_ADA
    )
    (entity,) = resolution.entities
    assert entity.confidence < 0.9
    assert all(item.confidence < 0.9 for items in entity.items.values() for item in items)
    assert resolution.confidence < 0.9


def test_independent_sources_raise_the_confidence_to_ninety_percent() -> None:
    resolution = resolve_observations(
        record("crm", ADA) + record("billing", ADA) + record("trace", ADA), ASK_ADA
    )
    assert resolution.status == "resolved"
    assert resolution.confidence >= 0.9
    assert resolution.entities[0].items["email.address"][0].confidence >= 0.9


def test_a_copy_of_a_record_is_no_second_witness() -> None:
    original = record("crm", ADA)
    copy = [
        SourcedObservation(o.observation, source_id="src_copy", origin="export") for o in original
    ]
    (entity,) = resolve_observations(original + copy, ASK_ADA).entities
    assert entity.independent_sources == 1
    assert entity.confidence < 0.9


def test_every_confidence_is_the_sum_of_its_reasons() -> None:
    resolution = resolve_observations(
        record("crm", [*ADA, ("person.dob", "1815-12-10")])
        + record("billing", ADA)
        + record("shop", [("person.name", "Ada L."), ADA[1]]),
        ASK_ADA,
    )
    explained = [(resolution.confidence, resolution.explanation)]
    for entity in resolution.entities:
        explained.append((entity.confidence, entity.explanation))
        explained += [(i.confidence, i.explanation) for v in entity.items.values() for i in v]
    assert len(explained) > 5
    for confidence, reasons in explained:
        assert reasons
        assert confidence == pytest.approx(sum(r.effect for r in reasons), abs=0.002)


def test_contradicting_values_stand_side_by_side_best_supported_first() -> None:
    named = record("a", [*ADA, ("person.age", "41")])
    named += record("b", [*ADA, ("person.age", "42")]) + record("c", [*ADA, ("person.age", "42")])
    (entity,) = render_resolution(resolve_observations(named, ASK_ADA))["entities"]
    age = entity["profile"]["person"]["age"]
    assert (age["value"], age["alternatives"][0]["value"]) == (42, 41)
    assert age["confidence"] > age["alternatives"][0]["confidence"]


def test_nothing_observed_is_no_match_with_no_confidence() -> None:
    resolution = resolve_observations([], ASK_ADA)
    assert (resolution.status, resolution.confidence, resolution.entities) == ("no_match", 0.0, ())


def test_reference_data_alone_is_no_match_but_its_facts_are_told() -> None:
    asked = [QueriedIdentifier("phone", "+14155552671")]
    plan = [
        ("phone.number", "+14155552671"),
        ("phone.country", "US"),
        ("phone.is_valid", "true"),
    ]
    resolution = resolve_observations(record("phone_plan", plan, is_reference=True), asked)
    assert resolution.status == "no_match"
    assert resolution.entities == ()
    told = render_facts(resolution.facts)["phone", "+14155552671"]
    assert {f["name"]: f["value"] for f in told} == {"country": "US", "is_valid": True}
    assert all(f["sources"] and f["confidence"] < 0.9 for f in told)


def test_reference_data_describes_an_item_but_is_no_witness_for_it() -> None:
    held = [("person.name", "Ada Lovelace"), ("phone.number", "+14155552671")]
    plan = [("phone.number", "+14155552671"), ("phone.carrier", "Acme Tel"),
            ("phone.is_valid", "false")]  # fmt: skip
    asked = [QueriedIdentifier("phone", "+14155552671")]
    plain = resolve_observations(record("crm", held), asked)
    described = resolve_observations(
        record("crm", held) + record("phone_plan", plan, is_reference=True), asked
    )
    (phone,) = described.entities[0].items["phone.number"]
    assert phone.details["phone.carrier"] == "Acme Tel"
    assert any(source.startswith("src_phone_plan") for source in phone.sources)
    assert phone.confidence < plain.entities[0].items["phone.number"][0].confidence
    assert any("numbering plan" in reason.evidence for reason in phone.explanation)


def test_a_carrier_beside_two_numbers_is_given_to_neither() -> None:
    statements = [
        ("person.name", "Ada Lovelace"),
        ("phone.number", "+14155552671"),
        ("phone.number", "+14155552672"),
        ("phone.carrier", "Acme Tel"),
    ]
    (entity,) = resolve_observations(record("crm", statements), []).entities
    assert all("phone.carrier" not in item.details for item in entity.items["phone.number"])


def test_several_people_of_one_name_are_ambiguous() -> None:
    people = [
        o
        for n in range(3)
        for o in record("crm", [("person.name", "John Smith"), ("person.dob", f"198{n}-01-01")])
    ]
    resolution = resolve_observations(people, [QueriedIdentifier("name", "john smith")])
    assert resolution.status == "ambiguous"
    assert len(resolution.entities) == 3
    assert resolution.confidence < 0.2


def test_a_strong_identifier_settles_which_namesake_was_meant() -> None:
    resolution = resolve_observations(
        record("crm", ADA) + record("billing", [("person.name", "Ada Lovelace")]),
        [QueriedIdentifier("name", "ada lovelace"), *ASK_ADA],
    )
    assert resolution.status == "resolved"
    assert "email.address" in resolution.entities[0].items


def test_a_submitted_name_that_disagrees_lowers_the_confidence() -> None:
    agreed = resolve_observations(record("crm", ADA), ASK_ADA)
    contradicted = resolve_observations(
        record("crm", ADA), [*ASK_ADA, QueriedIdentifier("name", "grace hopper")]
    )
    assert contradicted.confidence < agreed.confidence
    assert any("the name differs" in r.evidence for r in contradicted.explanation)


def test_a_person_and_the_company_of_the_mail_domain_are_no_ambiguity() -> None:
    company = [("organization.name", "Example Corp"), ("domain.name", "example.com")]
    resolution = resolve_observations(record("crm", ADA) + record("trace", company), ASK_ADA)
    assert resolution.status == "resolved"
    assert [entity.kind for entity in resolution.entities] == ["person", "organization"]


def test_only_the_company_of_the_mail_domain_is_a_weak_answer() -> None:
    company = [("organization.name", "Example Corp"), ("domain.name", "example.com")]
    resolution = resolve_observations(record("trace", company), ASK_ADA)
    assert resolution.confidence < 0.25


def test_the_id_stays_when_another_record_of_the_entity_is_found() -> None:
    (before,) = resolve_observations(record("crm", ADA), ASK_ADA, id_key=b"k").entities
    (after,) = resolve_observations(
        record("crm", ADA) + record("billing", ADA), ASK_ADA, id_key=b"k"
    ).entities
    assert before.entity_id == after.entity_id
    assert before.entity_id.startswith("ent_")


def test_ids_under_another_key_tell_nothing_of_each_other() -> None:
    (ours,) = resolve_observations(record("crm", ADA), ASK_ADA, id_key=b"ours").entities
    (theirs,) = resolve_observations(record("crm", ADA), ASK_ADA, id_key=b"theirs").entities
    assert ours.entity_id != theirs.entity_id


def test_the_profile_has_every_field_of_the_contract() -> None:
    statements = [
        *ADA,
        ("phone.number", "+14155552671"),
        ("phone.first_reported_date", "2020-01-02"),
        ("social.account", "github:ada"),
        ("social.bio", "Analyst"),
        ("company.name", "Analytical Engines"),
        ("person.dob", "1815-12-10"),
        ("person.registry_id", "us-ssn:1"),
    ]
    rendered = render_resolution(resolve_observations(record("crm", statements), ASK_ADA))
    assert rendered["resolution"]["entity_count"] == 1
    profile = rendered["entities"][0]["profile"]
    assert set(profile) == {
        "person", "organization", "phones", "emails", "addresses", "social_profiles", "usernames",
        "domains", "ip_addresses", "urls", "companies", "associates", "technologies",
        "watchlist_hits",
    }  # fmt: skip
    (phone,) = profile["phones"]
    assert phone["number"] == "+14155552671"
    assert phone["first_reported_date"] == "2020-01-02"
    assert phone["carrier"] is None
    assert set(phone) >= {"type", "country", "is_connected", "last_reported_date", "confidence"}
    (social,) = profile["social_profiles"]
    assert (social["platform"], social["username"], social["bio"]) == ("github", "ada", "Analyst")
    assert profile["person"]["dob"]["value"] == "1815-12-10"
    assert profile["person"]["registry_ids"][0]["registry"] == "us-ssn"
    assert profile["person"]["registry_ids"][0]["id"] == "1"
    json.dumps(rendered)


_VALUES = {
    "person.name": ["Ada Lovelace", "LOVELACE, ADA", "A. Lovelace", "Tom Smith", "李小龍", "Zoë"],
    "person.dob": ["1815-12-10", "1815", "1990-01-01"],
    "organization.name": ["Acme GmbH", "ACME", "Other"],
    "email.address": ["ada@example.com", "Ada@Example.com", "info@acme.example"],
    "phone.number": ["+14155552671", "+14155552672"],
    "phone.carrier": ["Acme Tel", "Other Tel"],
    "social.account": ["github:ada", "x:ada"],
    "address.full": ["1 Main St", "1 main st."],
    "domain.name": ["acme.example"],
    "unknown.thing": ["x"],
}
_OBSERVATIONS = st.lists(
    st.builds(
        lambda origin, subject, pair, is_reference: SourcedObservation(
            Observation(subject, pair[0], pair[1], "test:", f"{origin}{subject}", 0),
            f"src_{origin}{subject}",
            origin,
            is_reference and origin == "c",
        ),
        st.sampled_from("abc"),
        st.sampled_from("1234"),
        st.sampled_from([(p, v) for p, values in _VALUES.items() for v in values]),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(_OBSERVATIONS, st.randoms(use_true_random=False))
def test_any_order_of_the_observations_gives_the_same_bytes(
    observations: list[SourcedObservation], chance: random.Random
) -> None:
    asked = [*ASK_ADA, QueriedIdentifier("name", "ada lovelace")]
    shuffled = list(observations)
    chance.shuffle(shuffled)
    doubled = shuffled + shuffled[: len(shuffled) // 2]
    renderings = {
        json.dumps([render_resolution(r), list(render_facts(r.facts).values())], ensure_ascii=False)
        for r in (
            resolve_observations(observations, asked),
            resolve_observations(shuffled, asked[::-1]),
            resolve_observations(doubled, asked),
        )
    }
    assert len(renderings) == 1


@settings(max_examples=100, deadline=None)
@given(_OBSERVATIONS)
def test_any_observations_give_entities_with_ids_of_their_own(
    observations: list[SourcedObservation],
) -> None:
    resolution = resolve_observations(observations, ASK_ADA)
    assert len({e.entity_id for e in resolution.entities}) == len(resolution.entities)
    assert (resolution.status == "no_match") == (not resolution.entities)
    records = [record for entity in resolution.entities for record in entity.records]
    assert len(records) == len(set(records))
    for entity in resolution.entities:
        for items in entity.items.values():
            assert all(0 <= item.confidence <= 0.98 and item.sources for item in items)


def test_a_thousand_namesakes_at_one_mailbox_are_bounded_work() -> None:
    observations = [
        o
        for n in range(1000)
        for o in record(
            "crm", [("person.name", f"Clerk {n:04} Smith"), ("email.address", "j@x.io")]
        )
    ]
    assert len(resolve_observations(observations, []).entities) == 1000


def test_too_many_observations_are_refused_before_any_work() -> None:
    with pytest.raises(ValueError, match="more than"):
        resolve_observations(record("crm", ADA) * 50_001, [])
