"""One parser per identifier type: text in, normal form out, `FormatError` with a sentence else.

Each stands on a well-kept library. Nothing here knows of requests, indexes or codes.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

import can_ada
import email_validator
import idna
import phonenumbers
import tldextract

from tracewell.intrace.identifiers.model import IdentifierType
from tracewell.intrace.identifiers.platforms import find_profile

_E164: Final = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)
_LDH_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_USERNAME: Final = re.compile(r"\w(?:[\w.+~-]*\w|[\w.+~-]*[_-])?")
_BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class FormatError(ValueError):
    """The text is no identifier of that type; the sentence says what it must be."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A normal form, the key under which equals are equal, and what parsing told besides."""

    value: str
    key: str
    details: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@cache
def suffix_rules() -> tldextract.TLDExtract:
    """The bundled public suffix list; never fetched, never written to disk."""
    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def split_suffix(domain: str) -> tuple[str, str]:
    """A domain's (registrable domain, public suffix); the first is empty for a suffix itself.

    A top-level domain that the list does not know is a suffix (the list's own default rule), so
    that names under `.example` and `.test` have a registrable part as well.
    """
    parts = suffix_rules()(domain)
    if parts.suffix:
        return parts.top_domain_under_public_suffix, parts.suffix
    labels = domain.split(".")
    return ".".join(labels[-2:]) if len(labels) > 1 else "", labels[-1]


def parse_email(text: str) -> Parsed:
    """An address in the syntax of RFC 5321 (quoted local parts and address literals too).

    The local part is folded to lower case: RFC 5321 allows it to differ, no provider of note does.
    """
    sentence = "Must be an e-mail address as in RFC 5321, such as name@example.com."
    try:
        checked = email_validator.validate_email(
            text,
            check_deliverability=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
            test_environment=True,
            strict=True,
        )
    except email_validator.EmailNotValidError:
        raise FormatError(sentence) from None
    domain = checked.domain
    if not domain.startswith("["):
        try:
            domain = parse_domain(checked.ascii_domain or domain).value
        except FormatError:
            raise FormatError(sentence) from None
    value = f"{checked.local_part.lower()}@{domain}"
    return Parsed(value, value, MappingProxyType({"domain": domain}))


def parse_phone(text: str) -> Parsed:
    """A number as E.164 writes it: a plus, a country code that exists, at most 15 digits."""
    sentence = "Must be a phone number in E.164 format, such as +14155552671."
    if _E164.fullmatch(text) is None:
        raise FormatError(sentence)
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise FormatError(sentence) from None
    if not phonenumbers.is_possible_number(number):
        raise FormatError(f"{sentence[:-1]}, of a length that its country uses.")
    value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Parsed(value, value)


def parse_username(text: str) -> Parsed:
    """A handle without its platform: letters, digits and `. _ - + ~`, a leading @ is dropped."""
    value = unicodedata.normalize("NFKC", text.removeprefix("@"))
    if _USERNAME.fullmatch(value) is None or not any(c.isalnum() for c in value):
        raise FormatError("Must be a username of letters, digits and . _ - + ~ without spaces.")
    return Parsed(value, unicodedata.normalize("NFKC", value.casefold()))


def parse_ip(text: str) -> Parsed:
    """An IPv4 or IPv6 address in its shortest form; an IPv4-mapped one becomes IPv4."""
    sentence = "Must be an IPv4 or IPv6 address."
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise FormatError(sentence) from None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise FormatError(f"{sentence[:-1]} without a zone.")
        address = address.ipv4_mapped or address
    value = str(address)
    return Parsed(value, value, MappingProxyType({"version": str(address.version)}))


def parse_domain(text: str) -> Parsed:
    """A domain name of at least two labels (RFC 1035), internationalised ones as A-labels."""
    sentence = "Must be a domain name as in RFC 1035, such as example.com."
    name = unicodedata.normalize("NFC", text).removesuffix(".").lower()
    try:
        labels = [_a_label(label) for label in name.split(".")]
    except (idna.IDNAError, UnicodeError):
        raise FormatError(sentence) from None
    value = ".".join(labels)
    if len(labels) < 2 or len(value) > 253 or labels[-1].isdigit():
        raise FormatError(sentence)
    registrable, suffix = split_suffix(value)
    details = {"registrable_domain": registrable, "suffix": suffix}
    return Parsed(value, value, MappingProxyType(details))


def _a_label(label: str) -> str:
    # Plain names are judged by RFC 1035 alone: IDNA refuses `r4---sn`, which the DNS has plenty of.
    if label.isascii() and not label.startswith("xn--"):
        if _LDH_LABEL.fullmatch(label) is None:
            raise idna.IDNAError("not letters, digits and hyphens")
        return label
    encoded = idna.encode(label, uts46=True, transitional=False, std3_rules=True).decode("ascii")
    if "." in encoded:
        raise idna.IDNAError("a label holds a full stop of another script")
    return encoded


def parse_name(text: str) -> Parsed:
    """A person's name in any script: at least one letter, white space collapsed, NFC."""
    value = _plain_text(text)
    if not any(c.isalpha() for c in value):
        raise FormatError("Must be a name with at least one letter.")
    return Parsed(value, _folded(value))


def parse_company_name(text: str) -> Parsed:
    """An organisation's name: at least one letter or digit, white space collapsed, NFC."""
    value = _plain_text(text)
    if not any(c.isalnum() for c in value):
        raise FormatError("Must be a company name with at least one letter or digit.")
    return Parsed(value, _folded(value))


def parse_address(text: str) -> Parsed:
    """A postal address on one line: line breaks become commas; nothing is looked up."""
    lines = [_plain_text(line) for line in re.split(r"[\r\n]+", text)]
    value = ", ".join(line.rstrip(",") for line in lines if line)
    if len(value) < 5 or not any(c.isalpha() for c in value):
        raise FormatError("Must be a postal address with a street or place name.")
    return Parsed(value, _folded(value))


def parse_url(text: str) -> Parsed:
    """An http or https address in the WHATWG canonical form, without its fragment."""
    host, value = _http_url(text)
    return Parsed(value, value, MappingProxyType({"host": host}))


def parse_social_url(text: str) -> Parsed:
    """A profile page of a known platform: `value` is its canonical address."""
    host, url = _http_url(text if "://" in text else f"https://{text}")
    found = find_profile(host, unquote(url.split(host, 1)[1]))
    if found is None:
        raise FormatError(
            "Must be the address of a profile page on a known platform;"
            " any other page is an identifier of type url."
        )
    platform, handle = found
    return Parsed(
        platform.canonical.format(handle=handle),
        f"{platform.id}:{handle}",
        MappingProxyType({"platform": platform.id, "handle": handle}),
    )


def _http_url(text: str) -> tuple[str, str]:
    sentence = "Must be an absolute http or https URL, such as https://example.com/page."
    if any(c.isspace() for c in text):
        raise FormatError(sentence)
    try:
        url = can_ada.parse(text)
    except ValueError:
        raise FormatError(sentence) from None
    if url.protocol not in ("http:", "https:") or not url.hostname:
        raise FormatError(sentence)
    if url.has_credentials():
        raise FormatError(f"{sentence[:-1]}, without user name and password.")
    return url.hostname, url.href.partition("#")[0]


def _plain_text(text: str) -> str:
    if any(c in _BIDI_CONTROLS for c in text):
        raise FormatError("Must not hold characters that change the direction of the text.")
    return " ".join(unicodedata.normalize("NFC", text).split())


def _folded(value: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())


PARSERS: Final[Mapping[IdentifierType, tuple[Callable[[str], Parsed], int]]] = MappingProxyType(
    {
        # type: (parser, longest accepted value in characters)
        IdentifierType.EMAIL: (parse_email, 320),
        IdentifierType.PHONE: (parse_phone, 16),
        IdentifierType.USERNAME: (parse_username, 128),
        IdentifierType.IP: (parse_ip, 45),
        IdentifierType.DOMAIN: (parse_domain, 254),
        IdentifierType.NAME: (parse_name, 200),
        IdentifierType.URL: (parse_url, 2048),
        IdentifierType.ADDRESS: (parse_address, 500),
        IdentifierType.COMPANY_NAME: (parse_company_name, 200),
        IdentifierType.SOCIAL_URL: (parse_social_url, 2048),
    }
)
