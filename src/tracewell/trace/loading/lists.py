"""Anybody's lists of companies, and lists of domains as of Wikidata, row to record. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from tracewell.extraction import Field
from tracewell.extraction.organization import find_phone, find_social_profile, find_web_url
from tracewell.trace.loading.drafting import LIST_WEIGHTS, Draft
from tracewell.trace.loading.model import Place, Record, RowRefused
from tracewell.trace.loading.values import (
    COMPANIES_HOUSE,
    LEI,
    LONG_TEXT_CHARS_MAX,
    Getter,
    bounded,
    getter,
    headquarters_fact,
    parse_company_number,
    parse_country,
    parse_employees,
    parse_lei,
    parse_moment,
    parse_site,
    parse_year,
    split_sites,
)

COMPANIES: Final = "companies"
DOMAINS: Final = "domains"

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "domain": ("domain", "website", "url", "homepage", "web", "site", "official_website",
               "officialwebsite", "primary_domain", "company_domain", "domain_name"),
    "domains": ("domains", "alias_domains", "aliases"),
    "name": ("name", "company", "company_name", "companyname", "label", "itemlabel",
             "companylabel", "organization", "organisation", "account_name"),
    "legal_name": ("legal_name", "legalname", "registered_name"),
    "lei": ("lei", "lei_code", "leicode"),
    "company_number": ("company_number", "companynumber", "companies_house_number",
                       "companieshouseid", "companies_house_id"),
    "id": ("id", "item", "qid", "account_id", "external_id"),
    "country": ("country", "country_code", "countrycode", "hq_country", "countrylabel"),
    "street": ("street", "address", "street_address", "address_line_1"),
    "postal_code": ("postal_code", "postcode", "zip", "zip_code", "zipcode"),
    "locality": ("locality", "city", "town", "hq_city", "citylabel"),
    "region": ("region", "state", "county", "province"),
    "founded_year": ("founded_year", "founded", "year_founded", "inception", "founding_date"),
    "employee_range": ("employee_range", "employees", "employee_count", "headcount",
                       "number_of_employees"),
    "industry": ("industry", "sector", "industrylabel"),
    "description": ("description", "about", "itemdescription"),
    "phone": ("phone", "telephone", "phone_number"),
    "logo": ("logo", "logo_url"),
    "social_profiles": ("social_profiles", "linkedin", "linkedin_url", "twitter"),
    "source_url": ("source_url", "source"),
    "observed_at": ("observed_at", "updated_at", "last_updated", "as_of"),
}  # fmt: skip
"""Our fields, and the names of columns under which each is found; case and blanks do not matter."""

_FOR_ONE_OF: Final = ("domain", "name", "legal_name", "lei")


def map_columns(
    columns: Sequence[str], given: Mapping[str, str], *, needs_domain: bool
) -> dict[str, str]:
    """The file's column of each of our fields that it has.

    `given` maps columns to our fields by hand. Raises RowRefused, telling what is missing and what
    was found.
    """
    plain = {_plain(column): column for column in reversed(columns)}
    found = {
        ours: plain[alias]
        for ours, aliases in ALIASES.items()
        for alias in reversed(aliases)
        if alias in plain
    }
    for ours, column in given.items():
        if column not in columns:
            raise RowRefused(f"there is no column {column!r}; there are {_listed(columns)}")
        found[ours] = column
    wanted = ("domain",) if needs_domain else _FOR_ONE_OF
    if not any(name in found for name in wanted):
        raise RowRefused(
            f"no column says the {' or '.join(wanted).replace('_', ' ')}; "
            f"there are {_listed(columns)}"
        )
    return found


def _plain(column: str) -> str:
    return "_".join(column.strip().lower().replace("-", " ").replace("_", " ").split())


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(column[:40] for column in columns[:12])
    return f"{shown}, ... ({len(columns)} in all)" if len(columns) > 12 else shown


def parse(source: str, fields: Mapping[str, object], at: int, file_url: str) -> Record:
    """The record of a row under our names. Raises RowRefused."""
    get = getter(fields)
    observed_at = parse_moment(get("observed_at"), at)
    item = get("id")
    url = get("source_url") or (item if item.startswith("http") else file_url)
    draft = Draft(source, url, observed_at, LIST_WEIGHTS)
    name = bounded("name", get("name"))
    legal_name = bounded("legal_name", get("legal_name"))
    draft.names += [legal_name, name]
    draft.tell("name", name or legal_name)
    draft.tell("legal_name", legal_name)
    _find_sites(draft, get)
    if get("lei"):
        draft.identify(LEI, parse_lei(get("lei")))
    if get("company_number"):
        draft.identify(COMPANIES_HOUSE, parse_company_number(get("company_number")))
    _describe(draft, get)
    if not (draft.domains or draft.identifiers or name or legal_name):
        raise RowRefused("neither domain, name, LEI nor company number")
    return draft.finish(_key(draft, item))


def _find_sites(draft: Draft, get: Getter) -> None:
    told = [*([get("domain")] if get("domain") else []), *split_sites(get("domains"))]
    sites = [parse_site(site) for site in told]
    draft.domains += [site for site in sites if site is not None]


def _describe(draft: Draft, get: Getter) -> None:
    country = parse_country(get("country"))
    street, postal_code, locality, region = (
        bounded(name, get(name)) for name in ("street", "postal_code", "locality", "region")
    )
    if country or locality or postal_code:
        draft.places.append(Place(country, locality or None, postal_code or None))
    draft.tell("headquarters", headquarters_fact(street, postal_code, locality, region, country))
    draft.tell("founded_year", parse_year(get("founded_year")))
    draft.tell("employee_range", parse_employees(get("employee_range")))
    draft.tell("industry", bounded("industry", get("industry")))
    # As of pages, the beginning of a long one is enough.
    draft.tell("description", " ".join(get("description").split())[:LONG_TEXT_CHARS_MAX])
    checked: tuple[tuple[Field, str, str | None], ...] = (
        ("phone", get("phone"), find_phone(get("phone") or None)),
        ("logo", get("logo"), find_web_url(get("logo") or None, "")),
    )
    for what, told, value in checked:
        if told and value is None:
            raise RowRefused(f"{told[:80]!r} is no {what}")
        draft.tell(what, value)
    for profile in split_sites(get("social_profiles")):
        address = find_social_profile(profile)
        if address is None:
            raise RowRefused(f"{profile[:80]!r} is no profile at a social network")
        draft.tell("social_profile", address)


def _key(draft: Draft, item: str) -> str:
    """What the row is known by when it comes again, changed."""
    if item:
        return f"id:{item[:200]}"
    if draft.identifiers:
        return "{}:{}".format(*draft.identifiers[0])
    if draft.domains:
        return f"domain:{draft.domains[0]}"
    told = orjson.dumps([draft.names, [[p.country, p.locality] for p in draft.places]])
    return f"name:{hashlib.blake2b(told, digest_size=12).hexdigest()}"
