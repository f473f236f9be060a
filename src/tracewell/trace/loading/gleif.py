"""GLEIF's Level 1 golden copy (LEI-CDF 3.1), as CSV and as JSON, row to record. Pure.

Format: https://www.gleif.org/en/lei-data/access-and-use-lei-data/level-1-data-lei-cdf-3-1-format
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tracewell.trace.loading.drafting import REGISTER_WEIGHTS, Draft
from tracewell.trace.loading.model import Place, Record, RowPassedOver, RowRefused
from tracewell.trace.loading.values import (
    COMPANIES_HOUSE,
    LEI,
    TEXT_CHARS_MAX,
    Getter,
    bounded,
    getter,
    headquarters_fact,
    parse_country,
    parse_lei,
    parse_moment,
    parse_year,
)

SOURCE: Final = "gleif"
COLUMNS: Final = ("LEI", "Entity.LegalName", "Entity.LegalAddress.Country")
"""What a CSV file must have."""

_PAGE = "https://search.gleif.org/#/record/{}"
# The registries of whose numbers pages tell too, by GLEIF's code list of registration authorities.
_REGISTRIES: Final = {
    "RA000585": COMPANIES_HOUSE, "RA000586": COMPANIES_HOUSE, "RA000587": COMPANIES_HOUSE,
    "RA000189": "SIREN", "RA000192": "SIREN", "RA000463": "KvK", "RA000170": "CVR",
    "RA000025": "KBO",
}  # fmt: skip
_NO_REGISTRY: Final = frozenset({"RA777777", "RA888888", "RA999999"})
_OF_OTHERS: Final = frozenset({"BRANCH", "FUND"})
_NAME_LISTS: Final = (
    ("Entity.OtherEntityNames.OtherEntityName", 5),
    ("Entity.TransliteratedOtherEntityNames.TransliteratedOtherEntityName", 5),
)
_DEPTH_MAX: Final = 6


def parse(fields: Mapping[str, object], at: int, _: str) -> Record:
    """The record of a row of the CSV, or of a JSON record that `flatten` made flat.

    Raises RowRefused, RowPassedOver.
    """
    get = getter(fields)
    lei = parse_lei(get("LEI"))
    if get("Entity.EntityStatus") == "INACTIVE":
        raise RowPassedOver("the entity is not active")
    if get("Registration.RegistrationStatus") in ("ANNULLED", "DUPLICATE", "MERGED", "RETIRED"):
        raise RowPassedOver(f"registration {get('Registration.RegistrationStatus').lower()}")
    name = bounded("Entity.LegalName", get("Entity.LegalName"), 500)
    if not name:
        raise RowRefused("Entity.LegalName is empty")
    observed_at = parse_moment(get("Registration.LastUpdateDate"), at)
    draft = Draft(SOURCE, _PAGE.format(lei), observed_at, REGISTER_WEIGHTS)
    draft.names += [name, *_other_names(get)]
    if len(name) <= TEXT_CHARS_MAX:
        draft.tell("legal_name", name)
        draft.tell("name", name)
    draft.identify(LEI, lei)
    _identify_locally(draft, get)
    _place(draft, get)
    created = get("Entity.EntityCreationDate")
    draft.tell("founded_year", parse_year(created[:4]) if created else None)
    is_own = get("Entity.EntityCategory") not in _OF_OTHERS
    return draft.finish(lei, is_found_by_name=is_own)


def _other_names(get: Getter) -> Iterator[str]:
    for column, count in _NAME_LISTS:
        for number in range(1, count + 1):
            name = get(f"{column}.{number}")
            if name and len(name) <= 500:
                yield " ".join(name.split())


def _identify_locally(draft: Draft, get: Getter) -> None:
    authority = get("Entity.RegistrationAuthority.RegistrationAuthorityID")
    number = get("Entity.RegistrationAuthority.RegistrationAuthorityEntityID")
    if authority and 0 < len(number) <= 50 and authority not in _NO_REGISTRY:
        draft.identify(_REGISTRIES.get(authority, authority[:50]), number)


def _place(draft: Draft, get: Getter) -> None:
    for which in ("HeadquartersAddress", "LegalAddress"):
        part = f"Entity.{which}."
        country = parse_country(get(part + "Country"))
        locality = bounded(part + "City", get(part + "City"))
        postal_code = bounded(part + "PostalCode", get(part + "PostalCode"))
        if country or locality:
            draft.places.append(Place(country, locality or None, postal_code or None))
        if which == "HeadquartersAddress":
            street = bounded(part + "FirstAddressLine", get(part + "FirstAddressLine"), 500)
            region = bounded(part + "Region", get(part + "Region"))
            draft.tell(
                "headquarters",
                headquarters_fact(street, postal_code, locality, region, country),
            )


def flatten(record: Mapping[str, Any]) -> dict[str, object]:
    """A record of the JSON document under the names of the CSV's columns.

    In the JSON each value is an object whose `$` is the text. Raises RowRefused.
    """
    fields: dict[str, object] = {}
    _flatten(record, "", fields, 0)
    return fields


def _flatten(value: object, path: str, fields: dict[str, object], depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise RowRefused("nested too deeply")
    if isinstance(value, Mapping):
        if "$" in value:
            fields[path] = value["$"]
        for name, member in value.items():
            if not isinstance(name, str) or name == "$" or name.startswith("@"):
                continue
            _flatten(member, f"{path}.{name}" if path else name, fields, depth + 1)
    elif isinstance(value, list):
        for number, member in enumerate(value[:20], start=1):
            _flatten(member, f"{path}.{number}", fields, depth + 1)
    elif path:
        fields[path] = value
