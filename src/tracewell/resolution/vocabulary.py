"""The predicates that observations may use, and what each means to resolution and profile.

Data only. A connector that states something new adds a row here; a predicate without a row is kept
out of profiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Link(StrEnum):
    """How far a shared value speaks for one holder."""

    REGISTRY = "registry"
    STRONG = "strong"
    WEAK = "weak"
    NAME = "name"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Predicate:
    """One predicate: its words in explanations, its linking power, the query types it answers."""

    name: str
    words: str
    link: Link = Link.NONE
    answers: tuple[str, ...] = ()


_ROWS: Final = (
    Predicate("person.name", "name", Link.NAME, ("name",)),
    Predicate("person.dob", "date of birth"),
    Predicate("person.age", "age"),
    Predicate("person.gender", "gender"),
    Predicate("person.registry_id", "registry number", Link.REGISTRY),
    Predicate("organization.name", "organisation name", Link.NAME, ("company_name", "name")),
    Predicate("organization.legal_name", "legal name", Link.NAME, ("company_name", "name")),
    Predicate("organization.registry_id", "registry number", Link.REGISTRY),
    Predicate("organization.status", "status"),
    Predicate("organization.industry", "industry"),
    Predicate("organization.country", "country"),
    Predicate("organization.description", "description"),
    Predicate("organization.employee_range", "number of employees"),
    Predicate("organization.founded_year", "year of foundation"),
    Predicate("email.address", "e-mail address", Link.STRONG, ("email",)),
    Predicate("phone.number", "phone number", Link.STRONG, ("phone",)),
    Predicate("social.account", "profile page", Link.STRONG, ("social_url",)),
    Predicate("domain.name", "domain", Link.STRONG, ("domain",)),
    Predicate("username.handle", "username", Link.WEAK, ("username",)),
    Predicate("address.full", "postal address", Link.WEAK, ("address",)),
    Predicate("company.name", "company", Link.WEAK, ("company_name",)),
    Predicate("ip.address", "IP address", Link.NONE, ("ip",)),
    Predicate("url.address", "web address", Link.NONE, ("url",)),
    Predicate("associate.name", "associate"),
    Predicate("technology.name", "technology"),
    Predicate("watchlist.entry", "watchlist entry"),
)

PREDICATES: Final[Mapping[str, Predicate]] = MappingProxyType({row.name: row for row in _ROWS})

DETAILS: Final[Mapping[str, str]] = MappingProxyType(
    # A detail describes the one value of that predicate in its record. A record that states two
    # phone numbers and one carrier says nothing about whose carrier it is.
    {
        **dict.fromkeys(
            (
                "phone.type",
                "phone.carrier",
                "phone.country",
                "phone.region",
                "phone.time_zone",
                "phone.is_valid",
                "phone.is_connected",
                "phone.first_reported_date",
                "phone.last_reported_date",
            ),
            "phone.number",
        ),
        **dict.fromkeys(
            (
                "email.local_part",
                "email.domain",
                "email.registrable_domain",
                "email.public_suffix",
                "email.provider",
                "email.is_free_mail",
                "email.is_disposable",
                "email.is_role_account",
                "email.breach",
                "email.accepts_mail",
                "email.mail_server",
            ),
            "email.address",
        ),
        **dict.fromkeys(
            ("social.bio", "social.url", "social.created_at", "social.location"), "social.account"
        ),
        **dict.fromkeys(
            (
                "ip.country",
                "ip.region",
                "ip.city",
                "ip.latitude",
                "ip.longitude",
                "ip.accuracy_radius_km",
                "ip.time_zone",
                "ip.asn",
                "ip.asn_organization",
                "ip.is_anonymous",
                "ip.network",
                "ip.network_name",
                "ip.network_holder",
                "ip.reverse_name",
            ),
            "ip.address",
        ),
        **dict.fromkeys(
            (
                "domain.registrar",
                "domain.registrant",
                "domain.registered_at",
                "domain.expires_at",
                "domain.status",
                "domain.name_server",
                "domain.mail_server",
                "domain.address",
                "domain.accepts_mail",
                "domain.has_spf",
                "domain.dmarc_policy",
                "domain.host_name",
                "domain.certificate_issuer",
            ),
            "domain.name",
        ),
        **dict.fromkeys(
            ("url.title", "url.description", "url.site_name", "url.type", "url.author"),
            "url.address",
        ),
        **dict.fromkeys(
            (
                "address.house_number",
                "address.road",
                "address.unit",
                "address.postcode",
                "address.city",
                "address.state",
                "address.country",
            ),
            "address.full",
        ),
        **dict.fromkeys(
            (
                "watchlist.list",
                "watchlist.name",
                "watchlist.score",
                "watchlist.topic",
                "watchlist.schema",
                "watchlist.url",
            ),
            "watchlist.entry",
        ),
        **dict.fromkeys(("technology.category", "technology.version"), "technology.name"),
    }
)

KIND_PREFIXES: Final = ("person.", "organization.")

ROLE_ACCOUNTS: Final = frozenset(
    # Mailboxes of a function, not of a person: RFC 2142's and the customary ones. Ours, CC0.
    {
        "abuse", "accounting", "accounts", "admin", "administrator", "bewerbung", "billing",
        "careers", "compliance", "contact", "contacto", "contato", "customerservice", "datenschutz",
        "enquiries", "feedback", "finance", "ftp", "hello", "help", "helpdesk", "hostmaster", "hr",
        "info", "infos", "inquiries", "invoice", "invoices", "it", "jobs", "kontakt", "legal",
        "list", "list-request", "mail", "mailer-daemon", "marketing", "media", "news", "newsletter",
        "no-reply", "noc", "noreply", "office", "orders", "partners", "personal", "postmaster",
        "pr", "press", "privacy", "recruiting", "rechnung", "root", "sales", "security", "service",
        "shop", "spam", "support", "team", "usenet", "uucp", "vertrieb", "webmaster", "www",
    }
)  # fmt: skip
