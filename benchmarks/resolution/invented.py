"""Invented people and what happens to them on paper: slips of the pen, lost fields, swapped names.

Seeded, so that a set can be made again; no name, address or number belongs to anybody. After the
generator of FEBRL (Christen, 2005): an original, and copies with a bounded number of slips.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from benchmarks.resolution.datasets import DataSet
from tracewell.resolution import parse_record


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WOMEN = _words(
    "Amelia Beatrix Caroline Daphne Eleanor Felicity Georgia Harriet Imogen Josephine Katrina "
    "Lavinia Mirabel Natasha Ottilie Philippa Rosalind Sabrina Tabitha Ursula Verena Winifred "
    "Yolanda Zelda Annette Brigitte Claudia Deborah Estelle Francesca Gwendolyn Henrietta Isolde "
    "Jacinta Kirsten Lorraine Magdalena Nadine Olivia Patricia Ramona Sophie Theresa Valerie"
)
MEN = _words(
    "Albert Benedict Cornelius Dominic Edmund Frederick Gilbert Horatio Isaac Jonathan Kenneth "
    "Leopold Maurice Nathaniel Oliver Percival Quentin Roderick Sebastian Theodore Ulrich Vincent "
    "Walter Xavier Adrian Barnaby Clement Desmond Ernest Florian Gregory Hubert Ignatius Julian "
    "Konrad Lambert Matthias Norbert Oswald Patrick Raymond Stephen Tobias Victor"
)
_HEADS = _words(
    "Al Bar Ber Bran Cal Car Cor Dal Dun Ed El Far Fen Gar Gil Hal Har Hol Kel Kir Lang Lin Mal "
    "Mar Mor Nor Or Pen Pres Quin Ral Ros San Sel Stan Tal Thorn Ul Van Ver Wal Wen Whit Wool"
)
_TAILS = _words(
    "bach berg bourne brook by combe croft dale den er feld field ford gate ham hurst ing land "
    "ley low man mere more ner ock ridge sen shaw sky son stead stein stone ton vik ward well wick "
    "win wood worth"
)
FAMILIES = tuple(head + tail for head in _HEADS for tail in _TAILS)
STREETS = tuple(
    f"{stem} {kind}"
    for stem in _words(
        "Alder Birch Chapel Dunmore Elgin Foundry Granary Hawthorn Ivy Juniper Kestrel Larch Mill "
        "Nightingale Orchard Priory Quarry Rowan Sandpiper Tannery Union Vicarage Weaver Yarrow"
    )
    for kind in _words("Street Road Avenue Lane Crescent Court Place Drive")
)
TOWNS = tuple(
    f"{head}{tail}" for head in _HEADS[::3] for tail in ("bury", "mouth", "chester", "port")
)
STATES = ("nsw", "vic", "qld", "wa", "sa", "tas")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Letters that lie next to each other on a keyboard, and groups that sound alike.
_BESIDE = dict(pair for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm") for pair in pairwise(row))
_ALIKE = (("ph", "f"), ("ck", "k"), ("c", "k"), ("y", "i"), ("ie", "y"), ("ll", "l"), ("s", "z"))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist, as FEBRL's columns have them; a field may be empty."""

    given: str
    family: str
    number: str
    street: str
    locality: str
    town: str
    postcode: str
    state: str
    birth: str
    document: str


def invent_person(chance: random.Random) -> Person:
    """A person; common names are common, as in life."""
    return Person(
        given=_common(chance, (*WOMEN, *MEN)),
        family=_common(chance, FAMILIES),
        number=str(chance.randint(1, 250)),
        street=chance.choice(STREETS),
        locality=f"{chance.choice(FAMILIES)} {chance.choice(('park', 'heights', 'hill'))}"
        if chance.random() < 0.5
        else "",
        town=_common(chance, TOWNS),
        postcode=str(chance.randint(2000, 7999)),
        state=chance.choice(STATES),
        birth=f"{chance.randint(1920, 2005)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}",
        document=str(chance.randint(1_000_000, 9_999_999)),
    )


def _common(chance: random.Random, words: Sequence[str]) -> str:
    return words[int(len(words) * chance.random() ** 2)]


def slip(chance: random.Random, text: str) -> str:
    """The text with one slip: a letter lost, doubled, swapped, mistaken, or a sound misspelt."""
    if len(text) < 2:
        return text
    at = chance.randrange(len(text) - 1)
    digit = text[at].isdigit()
    if not digit and chance.random() < 0.25:
        fitting = [(a, b) for a, b in _ALIKE if a in text]
        if fitting:
            heard, spelt = chance.choice(fitting)
            return text.replace(heard, spelt, 1)
    other = chance.choice("0123456789" if digit else _BESIDE.get(text[at], "") or _LETTERS)
    kinds = (
        text[:at] + text[at + 1 :],
        text[:at] + other + text[at:],
        text[:at] + other + text[at + 1 :],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    )
    return chance.choice(kinds[2:] if digit else kinds)


def copied(chance: random.Random, person: Person, slips_max: int, slips_of_field: int) -> Person:
    """The person as somebody else typed them: 1 to `slips_max` slips, at most so many a field."""
    names = [name for name in Person.__slots__ if getattr(person, name)]
    spent = dict.fromkeys(names, 0)
    for _ in range(chance.randint(1, slips_max)):
        name = chance.choice([n for n in names if spent[n] < slips_of_field])
        spent[name] += 1
        value = getattr(person, name)
        if chance.random() < 0.08 and name not in ("given", "family"):
            person = replace(person, **{name: ""})
        elif chance.random() < 0.06:
            person = replace(person, given=person.family, family=person.given)
        elif chance.random() < 0.12 and name in ("given", "street", "town", "birth"):
            person = replace(person, **{name: getattr(invent_person(chance), name)})
        else:
            person = replace(person, **{name: slip(chance, value)})
    return person


def invent_copies(
    people: int, copies: Callable[[random.Random], int], seed: int, slips_max: int = 4,
    slips_of_field: int = 2,
) -> DataSet:  # fmt: skip
    """Originals and, of each, as many copies as `copies` draws; the id tells the true cluster."""
    chance = random.Random(seed)
    records, truth = [], {}
    for holder in range(people):
        person = invent_person(chance)
        for copy in range(1 + copies(chance)):
            record_id = f"rec-{holder}-{copy}"
            typed = person if not copy else copied(chance, person, slips_max, slips_of_field)
            records.append(parse_record(as_record(record_id, typed)))
            truth["febrl", record_id] = str(holder)
    return DataSet(f"invented, seed {seed}", tuple(records), truth)


def as_record(record_id: str, person: Person) -> dict[str, object]:
    """The person in the documented JSON shape, as FEBRL's own rows are read."""
    place = (person.number, person.street, person.locality, person.town, person.postcode)
    return {
        "record_id": record_id,
        "source": "febrl",
        "kind": "person",
        "names": [f"{person.given} {person.family}"],
        "dates": {"birth": person.birth},
        "identifiers": [{"type": "soc_sec_id", "value": person.document}],
        "addresses": [" ".join((*place, person.state))],
    }
