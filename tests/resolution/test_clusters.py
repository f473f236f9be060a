"""`resolve`: who is one, who stays apart, and what holds of every answer."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracewell.resolution import Cluster, parse_record, resolve
from tracewell.resolution.features import extract_features, normalize_email, normalize_phone

Json = dict[str, Any]


def person(name: str = "", **members: Any) -> Json:
    """A record of a person; `birth`, `phone`, `email`, `passport`, `home` as a short form."""
    record: Json = {"kind": "person", "names": [name] if name else [], "source": "crm"}
    identifiers = [
        {"type": kind, "value": members.pop(kind)}
        for kind in ("phone", "email", "passport", "licence")
        if kind in members
    ]
    if "birth" in members:
        record["dates"] = {"birth": members.pop("birth")}
    if "home" in members:
        record["addresses"] = [members.pop("home")]
    return {**record, "identifiers": identifiers, "attributes": members}


def company(name: str, **members: Any) -> Json:
    """A record of an organisation."""
    return {**person(name, **members), "kind": "organization"}


def groups(records: list[Json], **options: Any) -> set[frozenset[int]]:
    """The clusters as sets of places in the list."""
    numbered = [{**r, "record_id": f"{n:04}"} for n, r in enumerate(records)]
    return {frozenset(map(int, c.record_ids)) for c in resolve(numbered, **options)}


HOME = "14 Larch Close, Brookfield, OH 44001"
TOGETHER = {
    "a short form of the name and a swapped date": (
        person("Robert Hale", birth="1978-11-12", home=HOME),
        person("Bob Hale", birth="1978-12-11", home="14 Larch Cl Brookfield"),
    ),
    "one letter and one date": (
        person("Kandace Green", birth="12/3/91", home=HOME),
        person("Candace Green", birth="3-Dec-91"),
    ),
    "Zara and Sarah at one passport": (
        person("Zara Okafor", passport="P4471199"),
        person("Sahra Okafor", passport="P4471199"),
    ),
    "two scripts and one phone": (
        person("Наталья Орлова", phone="+7 495 123-45-67", home="Arbat 12, Moscow"),
        person("Natalia Orlova", phone="(495) 123 45 67"),
    ),
    "an abjad and one address": (
        person("ياسر منصور", home="17 Nile Corniche, Aswan", phone="+20 97 555 0123"),
        person("Yasser Mansour", home="17 Nile Corniche, Aswan"),
    ),
    "a maiden name under one licence": (
        person("Amelia Stone", birth="1987-03-12", licence="73423499"),
        person("Amelia Price", birth="1987-03-12", licence="73423499"),
    ),
    "an initial at one phone": (
        person("Ray Roderick", phone="971-421-8250"),
        person("R Roderick", phone="9714218250"),
    ),
    "the employer as the only corroboration": (
        person("Howard Pendleton", employer="Meridian Freight Worldwide"),
        person("Pendleton, Howie", employer="Meridian Freight"),
    ),
    "a mailbox in angle brackets": (
        person("Anastassia Petrou", email="Nastassia<patak@meridian.example>"),
        person("Petrou, Nastassia", email="patak@meridian.example"),
    ),
    "a company in two spellings at one place": (
        company("Müllerkranz", home="Hafenstraße 87, 66879, Germany"),
        company("Mullerkrants", home="Hafenstrasse 87 66879"),
    ),
    "a company with its legal form": (
        company("Acme GmbH", domain="acme.example"),
        company("ACME", domain="acme.example"),
    ),
}
APART = {
    "Jr and Sr at one address": (
        person("David Marsh Jr", home=HOME),
        person("David Marsh Senior", home=HOME),
    ),
    "twins": (
        person("Mary Hale", birth="2001-02-03", home=HOME, phone="6145550111"),
        person("Thomas Hale", birth="2001-02-03", home=HOME, phone="6145550111"),
    ),
    "sisters with like names and one mailbox": (
        person("Darla Hale", home=HOME, email="hale@brookfield.example"),
        person("Darlene Hale", home=HOME, email="hale@brookfield.example"),
    ),
    "a father and a son of one name": (
        person("Peter Hale", birth="1950-04-01", home=HOME, phone="6145550111"),
        person("Peter Hale", birth="1980-09-17", home=HOME, phone="6145550111"),
    ),
    "two colleagues at a switchboard": (
        person("Mary Jones", phone="6145550100", email="info@acme.example"),
        person("Walter Smith", phone="6145550100", email="info@acme.example"),
    ),
    "namesakes and nothing else": (
        person("John Smith", email="js@first.example"),
        person("John Smith", email="smith.j@second.example"),
    ),
    "twins with consecutive documents": (
        person("Ivy Hale", birth="2001-02-03", home=HOME, passport="483290175"),
        person("Rose Hale", birth="2001-02-03", home=HOME, passport="483290176"),
    ),
    "a person and the company of one name": (
        person("Max Muster", email="max@muster.example"),
        company("Max Muster", email="max@muster.example"),
    ),
    "companies of one register": (
        company("Acme", domain="acme.example", passport="HRB10001"),
        company("Acme", domain="acme.example", passport="HRB20417"),
    ),
    "two companies at one address and switchboard": (
        company("Harbour Freight Ltd", home=HOME, phone="6145550100"),
        company("Kestrel Legal LLP", home=HOME, phone="6145550100"),
    ),
    "sister companies": (
        company("Borealis Payments Ltd", phone="6145550199", domain="borealis.example"),
        company("Borealis Logistics Ltd", phone="6145550199", domain="borealis.example"),
    ),
    "two people in two characters": (
        person("王杰", birth="1993-09-14"),
        person("王伟", birth="1997-02-14"),
    ),
}


@pytest.mark.parametrize("case", TOGETHER)
def test_records_of_one_holder_are_one(case: str) -> None:
    assert groups(list(TOGETHER[case])) == {frozenset({0, 1})}


@pytest.mark.parametrize("case", APART)
def test_records_of_two_holders_are_two(case: str) -> None:
    assert groups(list(APART[case])) == {frozenset({0}), frozenset({1})}


def test_all_of_them_at_once_stay_as_they_are_one_by_one() -> None:
    pairs = [*TOGETHER.values(), *APART.values()]
    found = groups([record for pair in pairs for record in pair])
    for place, case in enumerate([*TOGETHER, *APART]):
        together = frozenset({2 * place, 2 * place + 1}) in found
        assert together == (case in TOGETHER), case


def test_an_undated_record_between_two_dated_ones_belongs_to_neither() -> None:
    home = "3212 W 32nd St, Palm Harbor, FL 60527"
    records = [
        person("John Smith", birth="10/10/70", home=home),
        person("John Smith", birth="3/15/90", home=home),
        person("John Smith", home=home),
        person("John Smith", home=home),
    ]
    assert groups(records) == {frozenset({0}), frozenset({1}), frozenset({2, 3})}
    numbered = [{**r, "record_id": str(n)} for n, r in enumerate(records)]
    undated = next(c for c in resolve(numbered) if len(c.members) == 2)
    assert len(undated.possibly_same_as) == 2


def test_twins_with_several_records_each_stay_two_households_of_one() -> None:
    def twin(name: str) -> list[Json]:
        shared = {"birth": "2001-02-03", "home": HOME, "phone": "6145550111"}
        return [
            person(name, **shared),
            person(f"{name[0]}. Hale", home=HOME),
            person(name, home=HOME),
        ]

    found = groups(twin("Oliver Hale") + twin("Mary Hale"))
    for cluster in found:
        assert not ({0, 2} & cluster and {3, 5} & cluster)


def test_a_mailbox_of_a_whole_office_joins_nobody() -> None:
    names = ["Gaston Gray", "Henry Howard", "Inez Inverness", "Julia Jackson", "Leslie Leonard"]
    names += ["Millie Miller", "Nelson Nice", "Otto Otter", "Penny Pemberton", "Sandy Sanders"]
    office = "1 Capitol Mall, Sacramento, CA 95814"
    records = [person(n, email="info@state.example", home=office) for n in names]
    assert len(groups(records)) == len(names)


def test_every_confidence_lies_within_its_bounds_and_doubts_are_told_both_ways() -> None:
    records = [r for pair in (*TOGETHER.values(), *APART.values()) for r in pair]
    numbered = [{**r, "record_id": str(n)} for n, r in enumerate(records)]
    clusters = resolve(numbered)
    assert sorted(int(i) for c in clusters for i in c.record_ids) == list(range(len(records)))
    by_id = {c.entity_id: c for c in clusters}
    assert len(by_id) == len(clusters)
    for cluster in clusters:
        assert all(0.0 < member.confidence < 1.0 for member in cluster.members)
        assert cluster.confidence == min(member.confidence for member in cluster.members)
        for doubt in cluster.possibly_same_as:
            back = {d.entity_id for d in by_id[doubt.entity_id].possibly_same_as}
            assert cluster.entity_id in back


def test_an_explanation_tells_why_why_not_and_how() -> None:
    together, twins = TOGETHER["a maiden name under one licence"], APART["twins"]
    numbered = [{**r, "record_id": str(n)} for n, r in enumerate([*together, *twins])]
    clusters = resolve(numbered, explained=True)
    joined = next(c for c in clusters if len(c.members) == 2)
    assert joined.explanation is not None
    (link,) = joined.explanation.why
    assert link.verdict == "one entity"
    assert link.bits == pytest.approx(sum(r.effect for r in link.reasons), abs=0.1)
    assert {"the same number of a document", "different family names"} <= {
        r.evidence for r in link.reasons
    }
    assert joined.explanation.how["records"] == 4
    alone = next(c for c in clusters if c.record_ids == ("2",))
    assert alone.explanation is not None
    assert alone.explanation.why == ()
    assert alone.explanation.why_not[0].verdict.startswith("apart")
    assert "different given names" in {r.evidence for r in alone.explanation.why_not[0].reasons}
    assert resolve(numbered)[0].explanation is None


def test_an_entity_keeps_its_id_as_long_as_its_records_are_the_same() -> None:
    pair = [{**r, "record_id": str(n)} for n, r in enumerate(TOGETHER["an initial at one phone"])]
    other = {**person("Somebody Else"), "record_id": "9"}
    (alone,) = resolve(pair, id_key=b"k")
    assert alone.entity_id in {c.entity_id for c in resolve([*pair, other], id_key=b"k")}
    assert alone.entity_id != resolve(pair, id_key=b"other")[0].entity_id


@pytest.mark.parametrize(
    "record, reason",
    [
        ({}, "record_id"),
        ({"record_id": "1", "kind": "vessel"}, "kind"),
        ({"record_id": "1", "names": 3}, "names"),
        ({"record_id": "1", "names": ["x"] * 51}, "more than 50"),
        ({"record_id": "1", "identifiers": ["x"]}, "identifiers"),
        ({"record_id": "1", "dates": []}, None),
        ({"record_id": "1", "dates": ["1990"]}, "dates"),
    ],
)
def test_a_malformed_record_is_refused_with_what_is_wrong(record: Json, reason: str | None) -> None:
    if reason is None:
        assert resolve([record])
        return
    with pytest.raises(ValueError, match=reason):
        resolve([record])


def test_a_record_twice_in_one_source_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        resolve([{"record_id": "1", "source": "a"}, {"record_id": "1", "source": "a"}])
    assert len(resolve([{"record_id": "1", "source": "a"}, {"record_id": "1", "source": "b"}])) == 2


_NAMES = st.sampled_from(
    [
        "Ada Hale",
        "HALE, Ada",
        "A. Hale",
        "Adah Hale",
        "Tom Hale",
        "Tom Hale Jr",
        "李小龍",
        "Hale",
        "",
    ]
)
_RECORDS = st.lists(
    st.builds(
        lambda source, kind, name, birth, email, phone, home: {
            "source": source,
            "kind": kind,
            "names": [name],
            "dates": {"birth": birth},
            "identifiers": [{"type": "email", "value": email}, {"type": "phone", "value": phone}],
            "addresses": [home],
        },
        st.sampled_from("abc"),
        st.sampled_from(["person", "person", "organization"]),
        _NAMES,
        st.sampled_from(["", "1990-01-02", "1990-02-01", "1991-01-02", "1961-07-19"]),
        st.sampled_from(["", "ada@hale.example", "info@hale.example", "adda@hale.example"]),
        st.sampled_from(["", "6145550111", "5550111"]),
        st.sampled_from(["", HOME, "14 Larch Cl", "9 Elm Row, Dayton"]),
    ),
    max_size=14,
).map(lambda rows: [{**row, "record_id": f"{n:02}"} for n, row in enumerate(rows)])


def _bytes(clusters: tuple[Cluster, ...]) -> str:
    return repr([dataclasses.astuple(c) for c in clusters])


@settings(max_examples=60, deadline=None)
@given(_RECORDS, st.randoms(use_true_random=False))
def test_any_order_of_the_records_gives_the_same_bytes(
    records: list[Json], chance: random.Random
) -> None:
    shuffled = list(records)
    chance.shuffle(shuffled)
    assert _bytes(resolve(records, explained=True)) == _bytes(resolve(shuffled, explained=True))


@settings(max_examples=60, deadline=None)
@given(_RECORDS, st.sampled_from("abc"))
def test_without_a_source_all_is_as_if_it_had_never_answered(
    records: list[Json], source: str
) -> None:
    resolve(records)
    kept = [r for r in records if r["source"] != source]
    before = _bytes(resolve(kept))
    resolve(records)
    assert _bytes(resolve(kept)) == before
    assert all(m.source != source for c in resolve(kept) for m in c.members)


@settings(max_examples=60, deadline=None)
@given(_RECORDS, st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_higher_threshold_only_takes_clusters_apart(
    records: list[Json], one: float, other: float
) -> None:
    lower, higher = sorted((one, other))
    coarse = [set(c.record_ids) for c in resolve(records, threshold=lower)]
    for cluster in resolve(records, threshold=higher):
        assert any(set(cluster.record_ids) <= group for group in coarse)


@settings(max_examples=60, deadline=None)
@given(_RECORDS)
def test_records_that_exclude_each_other_are_never_one_entity(records: list[Json]) -> None:
    kinds = {r["record_id"]: r["kind"] for r in records}
    junior = {r["record_id"] for r in records if r["names"] == ["Tom Hale Jr"]}
    assert junior <= set(kinds)
    for cluster in resolve(records):
        assert len({kinds[i] for i in cluster.record_ids}) == 1


@given(st.text(max_size=40))
@example(":0@\r0")
def test_normalising_a_normal_form_changes_nothing(text: str) -> None:
    assert normalize_phone(normalize_phone(text)) == normalize_phone(text)
    assert normalize_email(normalize_email(text)) == normalize_email(text)


def test_the_order_of_statements_within_a_record_means_nothing() -> None:
    one = parse_record({"record_id": "1", "names": ["A B", "C D"], "addresses": ["x 1", "y 2"]})
    other = parse_record({"record_id": "1", "names": ["C D", "A B"], "addresses": ["y 2", "x 1"]})
    assert extract_features(one) == extract_features(other)


def test_records_that_tell_only_different_kinds_of_documents_are_compared() -> None:
    told = {"kind": "person", "names": ["Ann Ashford"], "dates": {"birth": "1970-02-03"}}
    numbers = (("passport", "P1002001"), ("licence", "L5550001"))
    records = [
        {"record_id": kind, "identifiers": [{"type": kind, "value": value}], **told}
        for kind, value in numbers
    ]
    assert len(resolve(records)) == 1
