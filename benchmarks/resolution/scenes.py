"""Look-alikes with invented names, by the kinds of trap that the public truth set punishes.

Each scene makes a few records of people who share what families and offices share (they stay
apart), or of one holder told in two ways (they join). Counted in `traps`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.resolution.datasets import DataSet, Key
from benchmarks.resolution.invented import FAMILIES, MEN, STREETS, TOWNS, WOMEN, slip
from tracewell.resolution import parse_record

# Given names that are one name in two spellings, in short, and those that only look alike.
SPELT = (
    ("Katrina", "Catrina"), ("Sophie", "Sofie"), ("Stephen", "Steven"), ("Philippa", "Filippa"),
    ("Isaac", "Izaak"), ("Theresa", "Teresa"), ("Frederick", "Frederic"), ("Zoe", "Zoey"),
    ("Kirsten", "Kirstin"), ("Geoffrey", "Jeffrey"), ("Sarah", "Zara"), ("Vivian", "Vivienne"),
)  # fmt: skip
SHORT = (
    ("Robert", "Bob"), ("William", "Bill"), ("Margaret", "Peggy"), ("Elizabeth", "Liz"),
    ("Edward", "Ted"), ("Theodore", "Ted"), ("Katherine", "Kate"), ("Richard", "Dick"),
    ("James", "Jim"), ("Francis", "Frank"), ("Rebecca", "Becky"), ("Anthony", "Tony"),
)  # fmt: skip
LOOK_ALIKE = (
    ("Carla", "Carlene", "Carletta"), ("Julia", "Juliana", "Julietta"), ("Mario", "Maria"),
    ("Christian", "Christina"), ("Daniel", "Daniela"), ("Paul", "Paula"), ("Patrick", "Patricia"),
    ("Martin", "Martina"), ("Anna", "Annabelle"), ("Eric", "Erica"), ("Victor", "Victoria"),
)  # fmt: skip
# Given and family names in their own script and romanised, to be combined within a script.
FOREIGN = (
    (
        (("Иван", "Ivan"), ("Дмитрий", "Dmitri"), ("Сергій", "Serhii"), ("Алексей", "Aleksei"),
         ("Николай", "Nikolai"), ("Павел", "Pavel"), ("Юрий", "Yuri"), ("Борис", "Boris")),
        (("Петров", "Petrov"), ("Кузнецов", "Kuznetsov"), ("Бондаренко", "Bondarenko"),
         ("Соколов", "Sokolov"), ("Лебедев", "Lebedev"), ("Шевченко", "Shevchenko")),
    ),
    (
        (("محمود", "Mahmoud"), ("طارق", "Tariq"), ("سالم", "Salem"), ("يوسف", "Youssef")),
        (("صالح", "Saleh"), ("حسين", "Hussein"), ("منصور", "Mansour"), ("الخطيب", "Al-Khatib")),
    ),
    (
        (("Νίκος", "Nikos"), ("Δημήτρης", "Dimitris"), ("Ελένη", "Eleni"), ("Μαρία", "Maria")),
        (("Παπαδόπουλος", "Papadopoulos"), ("Γεωργίου", "Georgiou"), ("Ιωάννου", "Ioannou")),
    ),
)  # fmt: skip
CHINESE = (("李娜", "Li Na"), ("陈静", "Jing Chen"), ("刘洋", "Liu Yang"), ("赵磊", "Zhao Lei"))
TRADES = ("Freight", "Foods", "Textiles", "Optics", "Timber", "Ceramics", "Insurance", "Robotics")
FORMS = ("Ltd", "GmbH", "Inc", "LLC", "SA", "AG")


@dataclass
class Cast:
    """The records of one batch in the making, with their holders and the trap that they are in."""

    chance: random.Random
    records: list[dict[str, Any]] = field(default_factory=list)
    holders: dict[Key, str] = field(default_factory=dict)
    traps: dict[Key, str] = field(default_factory=dict)
    trap: str = ""
    scene: int = 0

    def add(self, holder: object, *names: str, kind: str = "person", **told: Any) -> None:
        """One record of somebody of this scene; `told` may be birth, address, phone, ..."""
        source = self.chance.choice(("crm", "list", "register"))
        record_id = f"{self.chance.randrange(10**9):09}-{len(self.records)}"
        self.records.append(
            {
                "record_id": record_id,
                "source": source,
                "kind": kind,
                "names": list(names),
                "dates": {"birth": told.pop("birth")} if "birth" in told else {},
                "addresses": [told.pop("address")] if "address" in told else [],
                "attributes": {k: told.pop(k) for k in ("gender", "employer") if k in told},
                "identifiers": [{"type": k, "value": v} for k, v in told.items()],
            }
        )
        self.holders[source, record_id] = f"{self.trap} {self.scene} {holder}"
        self.traps[source, record_id] = self.trap

    def given(self, number: int = 1) -> list[str]:
        """Different given names, none a spelling of another."""
        return self.chance.sample((*WOMEN, *MEN), number)

    def family(self) -> str:
        return self.chance.choice(FAMILIES)

    def address(self) -> tuple[str, str]:
        """One address, written twice."""
        house, street = self.chance.randint(1, 900), self.chance.choice(STREETS)
        town, code = self.chance.choice(TOWNS), self.chance.randint(10_000, 99_999)
        short = street.replace("Street", "St").replace("Road", "Rd").replace("Avenue", "Ave")
        return f"{house} {street}, {town}, {code}", f"{house} {short}, {town}"

    def phone(self) -> str:
        area, exchange = self.chance.randint(201, 989), self.chance.randint(200, 999)
        return f"+1 {area}-{exchange}-{self.chance.randint(0, 9_999):04}"

    def number(self) -> int:
        return self.chance.randint(10_000_000, 99_999_999)

    def birth(self, first: int = 1940, last: int = 2004) -> tuple[str, str]:
        """One date, as ISO and as month/day/year."""
        year, month = self.chance.randint(first, last), self.chance.randint(1, 12)
        day = self.chance.randint(1, 28)
        return f"{year}-{month:02}-{day:02}", f"{month}/{day}/{year}"


def twins(cast: Cast) -> None:
    """One date of birth, one home, one phone, passports issued one after the other."""
    one, other = cast.given(2)
    family, home, birth, phone = cast.family(), cast.address(), cast.birth(), cast.phone()
    number = cast.number() // 10 * 10
    for place, given in enumerate((one, other)):
        told = {"birth": birth[0], "address": home[0], "phone": phone}
        cast.add(given, f"{given} {family}", **told, passport=str(number + place))
        if cast.chance.random() < 0.6:
            cast.add(given, f"{family}, {given}", birth=birth[1], address=home[1], phone=phone)


def look_alike_siblings(cast: Cast) -> None:
    """Carla, Carlene and Carletta at one address, at one phone, some with their dates."""
    names = cast.chance.choice(LOOK_ALIKE)
    family, home, phone = cast.family(), cast.address(), cast.phone()
    dated = cast.chance.random() < 0.6
    for given in names:
        birth = {"birth": cast.birth(1970, 1999)[0]} if dated else {}
        cast.add(given, f"{given} {family}", address=home[0], phone=phone, **birth)
        if cast.chance.random() < 0.4:
            cast.add(given, f"{given} {family}", address=home[1], **birth)


def father_and_son(cast: Cast) -> None:
    """Sr and Jr of one name at one address, with and without dates."""
    name, home = f"{cast.given()[0]} {cast.family()}", cast.address()
    suffixes = cast.chance.choice((("Sr", "Jr"), ("Senior", "Junior"), ("Sr.", "II")))
    dated = cast.chance.random() < 0.4
    for place, suffix in enumerate(suffixes):
        birth = cast.birth(1930 + 30 * place, 1950 + 30 * place)
        told = {"birth": birth[0]} if dated else {}
        cast.add(suffix, f"{name} {suffix}", address=home[0], **told)
        if cast.chance.random() < 0.5:
            told = {"birth": birth[1]} if dated else {}
            cast.add(suffix, f"{name} {suffix}", address=home[1], **told)


def switchboard(cast: Cast) -> None:
    """Colleagues with one number and one mailbox of the office; some are neighbours as well."""
    phone, employer = cast.phone(), f"{cast.family()} {cast.chance.choice(TRADES)}"
    mailbox = f"info@{employer.split()[0].lower()}.example"
    homes = [cast.address() for _ in range(3)]
    for given in cast.given(cast.chance.randint(5, 9)):
        told = {"address": cast.chance.choice(homes)[0]} if cast.chance.random() < 0.5 else {}
        cast.add(given, f"{given} {cast.family()}", phone=phone, email=mailbox,
                 employer=employer, **told)  # fmt: skip


def shared_mailbox(cast: Cast) -> None:
    """A couple with a private mailbox of both."""
    one, other = cast.given(2)
    family, home = cast.family(), cast.address()
    mailbox = f"{cast.chance.choice(('the', 'family', 'house'))}{family.lower()}@post.example"
    own = cast.family() if cast.chance.random() < 0.3 else family
    for given, surname in ((one, family), (other, own)):
        cast.add(given, f"{given} {surname}", email=mailbox, address=home[0])
        if cast.chance.random() < 0.5:
            cast.add(given, f"{given} {surname}", email=mailbox, birth=cast.birth()[0])


def household(cast: Cast) -> None:
    """Parents and children at one address and phone."""
    family, home, phone = cast.family(), cast.address(), cast.phone()
    for given in cast.given(cast.chance.randint(3, 5)):
        birth = cast.birth()
        cast.add(given, f"{given} {family}", address=home[0], phone=phone, birth=birth[0])
        if cast.chance.random() < 0.4:
            cast.add(given, f"{given[0]} {family}", address=home[1], birth=birth[1])


def ambiguous(cast: Cast) -> None:
    """Two of one name at one address with different dates, and a record without a date."""
    name, home = f"{cast.given()[0]} {cast.family()}", cast.address()
    told: dict[str, Any] = {"gender": "F"} if cast.chance.random() < 0.5 else {}
    cast.add("elder", name, address=home[0], birth=cast.birth(1940, 1965)[0], **told)
    cast.add("younger", name, address=home[0], birth=cast.birth(1975, 1999)[0])
    for _ in range(cast.chance.randint(1, 2)):
        cast.add("undated", name, address=home[0])


def namesakes(cast: Cast) -> None:
    """Strangers of one name in one town, of other dates; and a record that fits all of them."""
    name, town = f"{cast.given()[0]} {cast.family()}", cast.chance.choice(TOWNS)
    for holder in range(cast.chance.randint(2, 3)):
        birth = cast.birth()
        cast.add(holder, name, birth=birth[0], address=town)
        if cast.chance.random() < 0.4:
            cast.add(holder, name, birth=birth[1], address=town)
    if cast.chance.random() < 0.5:
        cast.add("undated", name, address=town)


def flatmates(cast: Cast) -> None:
    """Strangers of one given name at one address or one phone."""
    given, home, phone = cast.given()[0], cast.address(), cast.phone()
    dated = cast.chance.random() < 0.5
    for holder in range(2):
        birth = {"birth": cast.birth()[0]} if dated else {}
        family = cast.family()
        email = f"{given.lower()}.{family.lower()}@post.example"
        cast.add(holder, f"{given} {family}", address=home[0], phone=phone, email=email, **birth)


def sister_companies(cast: Cast) -> None:
    """Companies of one name, house and number that do different things."""
    stem, home, phone = cast.family(), cast.address(), cast.phone()
    for trade in cast.chance.sample(TRADES, 3):
        cast.add(trade, f"{stem} {trade} {cast.chance.choice(FORMS)}", kind="organization",
                 address=home[0], phone=phone, domain=f"{stem.lower()}.example")  # fmt: skip


def owner_and_company(cast: Cast) -> None:
    """A person, and the company that bears the name."""
    given, family, home = cast.given()[0], cast.family(), cast.address()
    told = {"address": home[0], "phone": cast.phone()}
    cast.add("owner", f"{given} {family}", **told)
    cast.add(
        "company", f"{given} {family} {cast.chance.choice(FORMS)}", kind="organization", **told
    )


def respelt(cast: Cast) -> None:
    """One given name in two spellings, at one address or of one date."""
    family, home, birth = cast.family(), cast.address(), cast.birth()
    dated = cast.chance.random() < 0.5
    for place, given in enumerate(cast.chance.choice(SPELT)):
        told = {"birth": birth[place]} if dated else {}
        cast.add("holder", f"{given} {family}", address=home[place], **told)


def short_form(cast: Cast) -> None:
    """A given name in full and in short, at one phone, address or employer."""
    family, home, phone = cast.family(), cast.address(), cast.phone()
    kind = cast.chance.choice(("phone", "address", "employer"))
    employer = f"{cast.family()} {cast.chance.choice(TRADES)}"
    for place, given in enumerate(cast.chance.choice(SHORT)):
        told = {"phone": phone, "address": home[place], "employer": employer}
        cast.add("holder", f"{given} {family}" if place else f"{family}, {given}",
                 **{kind: told[kind]})  # fmt: skip


def day_and_month(cast: Cast) -> None:
    """A date with day and month swapped, under one number or at one address."""
    name, home = f"{cast.given()[0]} {cast.family()}", cast.address()
    year, month, day = cast.chance.randint(1940, 2004), *cast.chance.sample(range(1, 13), 2)
    numbered = cast.chance.random() < 0.5
    told = {"passport": str(cast.number())} if numbered else {"address": home[0]}
    cast.add("holder", name, birth=f"{year}-{month:02}-{day:02}", **told)
    cast.add("holder", slip(cast.chance, name), birth=f"{year}-{day:02}-{month:02}", **told)


def other_script(cast: Cast) -> None:
    """A name in its own script and romanised, with a number, a phone or a date in common."""
    own, romanised = cast.chance.choice(CHINESE)
    if cast.chance.random() < 0.8:
        given, family = (cast.chance.choice(words) for words in cast.chance.choice(FOREIGN))
        own, romanised = f"{given[0]} {family[0]}", f"{given[1]} {family[1]}"
    home, birth, phone = cast.address(), cast.birth(), cast.phone()
    number = str(cast.number())
    shared: dict[str, Any] = cast.chance.choice(
        ({"national_id": number}, {"phone": phone, "birth": birth[0]},
         {"birth": birth[0], "address": home[0]})
    )  # fmt: skip
    cast.add("holder", own, **shared)
    cast.add("holder", romanised, **shared)


def maiden_name(cast: Cast) -> None:
    """Two family names under one licence number."""
    given, birth = cast.chance.choice(WOMEN), cast.birth()
    number = str(cast.number())
    for place in range(2):
        cast.add("holder", f"{given} {cast.family()}", birth=birth[place], drivers_license=number)


def employer_alone(cast: Cast) -> None:
    """A rare name, and nothing but the employer besides."""
    given, family = cast.given()[0], f"{cast.family()}{cast.family().lower()}"
    employer = f"{cast.family()} {cast.chance.choice(TRADES)}"
    cast.add("holder", f"{given} {family}", employer=f"{employer} Worldwide")
    cast.add("holder", f"{family}, {given}", employer=employer, address=cast.address()[0])


def initial(cast: Cast) -> None:
    """A given name in full and its first letter, at one phone."""
    given, family, phone = cast.given()[0], cast.family(), cast.phone()
    cast.add("holder", f"{given} {family}", phone=phone)
    cast.add("holder", f"{given[0]} {family}", phone=phone.replace("-", "").removeprefix("+1 "))


def typed_badly(cast: Cast) -> None:
    """Three records of one person, each with a slip somewhere."""
    name, birth, home = f"{cast.given()[0]} {cast.family()}", cast.birth()[0], cast.address()
    number = str(cast.number())
    for broken in range(3):
        told = {"birth": birth, "address": home[0], "national_id": number}
        key = cast.chance.choice(sorted(told))
        told[key] = slip(cast.chance, told[key])
        cast.add("holder", slip(cast.chance, name) if broken else name, **told)


def company_told_twice(cast: Cast) -> None:
    """A company with and without its legal form, at one address or with one number."""
    name = f"{cast.family()}{cast.family().lower()} {cast.chance.choice(TRADES)}"
    home, number = cast.address(), str(cast.number())
    told = {"tax_id": number} if cast.chance.random() < 0.4 else {"address": home[1]}
    cast.add("holder", f"{name} {cast.chance.choice(FORMS)}", kind="organization",
             address=home[0], tax_id=number)  # fmt: skip
    cast.add("holder", slip(cast.chance, name), kind="organization", **told)


APART: Mapping[str, Callable[[Cast], None]] = {
    scene.__name__.replace("_", " "): scene
    for scene in (twins, look_alike_siblings, father_and_son, switchboard, shared_mailbox,
                  household, ambiguous, namesakes, flatmates, sister_companies,
                  owner_and_company)
}  # fmt: skip
JOINED: Mapping[str, Callable[[Cast], None]] = {
    scene.__name__.replace("_", " "): scene
    for scene in (respelt, short_form, day_and_month, other_script, maiden_name, employer_alone,
                  initial, typed_badly, company_told_twice)
}  # fmt: skip


def invent_traps(scenes: int, seed: int) -> tuple[DataSet, Mapping[Key, str]]:
    """`scenes` of each kind in one batch, in any order; and which trap each record belongs to."""
    cast = Cast(random.Random(seed))
    for cast.trap, scene in {**APART, **JOINED}.items():
        for cast.scene in range(scenes):
            scene(cast)
    cast.chance.shuffle(cast.records)
    records = tuple(map(parse_record, cast.records))
    return DataSet(f"traps, seed {seed}", records, cast.holders), cast.traps
