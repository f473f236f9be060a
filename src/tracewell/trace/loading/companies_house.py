"""The snapshot of all live companies that Companies House publishes as CSV, row to record. Pure.

Format: https://download.companieshouse.gov.uk/en_output.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from tracewell.extraction.countries import find_country
from tracewell.trace.loading.drafting import REGISTER_WEIGHTS, Draft
from tracewell.trace.loading.model import Place, Record, RowPassedOver, RowRefused
from tracewell.trace.loading.values import (
    COMPANIES_HOUSE,
    TEXT_CHARS_MAX,
    Getter,
    bounded,
    getter,
    headquarters_fact,
    parse_company_number,
    parse_year,
)

SOURCE: Final = "companies-house"
COLUMNS: Final = (
    "CompanyName", "CompanyNumber", "RegAddress.PostTown", "RegAddress.PostCode", "CompanyStatus",
)  # fmt: skip
"""What a file must have; the publisher writes some names with a blank before them."""

_PAGE = "https://find-and-update.company-information.service.gov.uk/company/{}"
_GONE: Final = frozenset({"dissolved", "converted/closed", "removed"})
_DATE = re.compile(r"\d{1,2}/\d{1,2}/(\d{4})")
_PREVIOUS_NAMES: Final = 10
# Overseas companies with an establishment in the kingdom: their seat is elsewhere.
_OVERSEAS: Final = ("FC", "NF", "SF")


def parse(fields: Mapping[str, object], at: int, _: str) -> Record:
    """The record of a row. Raises RowRefused, RowPassedOver."""
    get = getter(fields)
    number = parse_company_number(get("CompanyNumber"))
    name = bounded("CompanyName", get("CompanyName"), 500)
    if not name:
        raise RowRefused("CompanyName is empty")
    if get("CompanyStatus").lower() in _GONE:
        raise RowPassedOver("the company is dissolved")
    draft = Draft(SOURCE, _PAGE.format(number), at, REGISTER_WEIGHTS)
    draft.names.append(name)
    if len(name) <= TEXT_CHARS_MAX:
        draft.tell("legal_name", name)
        draft.tell("name", name)
    for place in range(1, _PREVIOUS_NAMES + 1):
        previous = get(f"PreviousName_{place}.CompanyName")
        if not previous:
            break
        draft.names.append(bounded("PreviousName", previous, 500))
    draft.identify(COMPANIES_HOUSE, number)
    _place(draft, get, number)
    founded = _DATE.fullmatch(get("IncorporationDate"))
    draft.tell("founded_year", parse_year(founded[1]) if founded else None)
    draft.tell("industry", _industry(get("SICCode.SicText_1")))
    return draft.finish(number)


def _industry(text: str) -> str | None:
    """The words of `62012 - Business and domestic software development`."""
    code, dash, words = text.partition(" - ")
    told = words if dash and code.strip().isdigit() else ""
    return " ".join(told.split())[:TEXT_CHARS_MAX] or None


def _place(draft: Draft, get: Getter, number: str) -> None:
    is_overseas = number.startswith(_OVERSEAS)
    country = find_country(get("RegAddress.Country")[:100]) if is_overseas else "GB"
    locality = bounded("RegAddress.PostTown", get("RegAddress.PostTown"))
    postal_code = bounded("RegAddress.PostCode", get("RegAddress.PostCode"))
    draft.places.append(Place(country, locality or None, postal_code or None))
    lines = [get("RegAddress.AddressLine1"), get("RegAddress.AddressLine2")]
    draft.tell(
        "headquarters",
        headquarters_fact(
            bounded("RegAddress", ", ".join(line for line in lines if line), 500),
            postal_code,
            locality,
            bounded("RegAddress.County", get("RegAddress.County")),
            country,
        ),
    )
