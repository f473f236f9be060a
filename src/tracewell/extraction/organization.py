"""What a schema.org Organization node (https://schema.org/Organization) says, field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from tracewell.extraction.countries import find_country
from tracewell.extraction.model import Field
from tracewell.extraction.structured import Node, find_node, find_text, iter_texts

NAME_CHARS_MAX = 200
DESCRIPTION_CHARS_MAX = 2_000
URL_CHARS_MAX = 2_000
PROFILES_MAX = 20
_EMPLOYEES_MAX = 10_000_000

_YEAR = re.compile(r"(?<!\d)(1[0-9]{3}|20[0-9]{2})(?!\d)")
_RANGE = re.compile(r"(\d[\d.,]*)(?:\s*[-–—]\s*(\d[\d.,]*)|\s*\+)?")
_SOCIAL = (
    "linkedin.com", "twitter.com", "x.com", "facebook.com", "instagram.com", "youtube.com",
    "tiktok.com", "github.com", "gitlab.com", "xing.com", "threads.net", "pinterest.com",
    "vimeo.com", "bsky.app", "mastodon.social", "medium.com", "crunchbase.com", "flickr.com",
    "vk.com", "weibo.com",
)  # fmt: skip
_REGISTRIES = {
    "leiCode": ("LEI", re.compile(r"[A-Z0-9]{18}[0-9]{2}")),
    "vatID": ("VAT", re.compile(r"[A-Z]{2}[A-Z0-9+*.-]{2,15}")),
    "taxID": ("TAX", re.compile(r"[A-Z0-9./-]{4,20}")),
    "duns": ("DUNS", re.compile(r"[0-9]{9}")),
}
_ADDRESS = (
    ("street", "streetAddress"),
    ("postal_code", "postalCode"),
    ("locality", "addressLocality"),
    ("region", "addressRegion"),
)


def iter_statements(node: Node, base_url: str) -> Iterator[tuple[Field, str]]:
    """Each field that the node tells, in a checked and normalised form."""
    name = find_text(node.get("name"))
    if name is not None and len(name) <= NAME_CHARS_MAX:
        yield "name", name
    legal_name = find_text(node.get("legalName"))
    if legal_name is not None and len(legal_name) <= NAME_CHARS_MAX:
        yield "legal_name", legal_name
    description = find_text(node.get("description"))
    if description is not None:
        yield "description", description[:DESCRIPTION_CHARS_MAX]
    industry = find_text(node.get("industry"))
    if industry is not None and len(industry) <= NAME_CHARS_MAX:
        yield "industry", industry
    founded = _YEAR.search(find_text(node.get("foundingDate")) or "")
    if founded is not None:
        yield "founded_year", founded.group(1)
    yield from _iter_rest(node, base_url)


def _iter_rest(node: Node, base_url: str) -> Iterator[tuple[Field, str]]:
    employees = _employee_range(node.get("numberOfEmployees"))
    if employees is not None:
        yield "employee_range", employees
    headquarters = _address(node.get("address"))
    if headquarters is not None:
        yield "headquarters", headquarters
    contact = find_node(node.get("contactPoint")) or {}
    phone = find_phone(find_text(node.get("telephone")) or find_text(contact.get("telephone")))
    if phone is not None:
        yield "phone", phone
    logo = _logo(node.get("logo"), base_url)
    if logo is not None:
        yield "logo", logo
    profiles = map(find_social_profile, iter_texts(node.get("sameAs"), PROFILES_MAX))
    for profile in dict.fromkeys(profiles):
        if profile is not None:
            yield "social_profile", profile
    for key, (kind, form) in _REGISTRIES.items():
        number = (find_text(node.get(key)) or "").replace(" ", "").upper()
        if form.fullmatch(number):
            yield "registry_identifier", json.dumps({"kind": kind, "value": number})


def find_phone(text: str | None) -> str | None:
    """A telephone number as the page writes it, or None where it cannot be one."""
    if text is None or len(text) > 40:
        return None
    text = text.removeprefix("tel:").strip()
    digits = sum(character.isdigit() for character in text)
    return text if 5 <= digits <= 20 and not re.search(r"[A-Za-z]{4}", text) else None


def find_web_url(text: str | None, base_url: str) -> str | None:
    """The absolute http(s) address, or None."""
    if text is None or len(text) > URL_CHARS_MAX:
        return None
    try:
        url = urljoin(base_url, text)
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return url if is_web and len(url) <= URL_CHARS_MAX else None


def find_social_profile(text: str) -> str | None:
    """The address of a profile at one of the known networks, or None."""
    url = find_web_url(text, "")
    if url is None:
        return None
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    known = any(host == site or host.endswith("." + site) for site in _SOCIAL)
    if not known or parts.path in ("", "/"):
        return None
    return f"https://{parts.hostname}{parts.path.rstrip('/')}"


def _logo(value: object, base_url: str) -> str | None:
    image = find_node(value)
    if image is None:
        return find_web_url(find_text(value), base_url)
    return find_web_url(find_text(image.get("contentUrl")) or find_text(image.get("url")), base_url)


def _address(value: object) -> str | None:
    node = find_node(value)
    if node is None:
        return None
    parts: dict[str, str] = {}
    for ours, theirs in _ADDRESS:
        text = find_text(node.get(theirs))
        if text is not None and len(text) <= NAME_CHARS_MAX:
            parts[ours] = text
    country = node.get("addressCountry")
    country_node = find_node(country)
    told = find_text(country_node.get("name") if country_node else country)
    code = find_country(told) if told else None
    if code is not None:
        parts["country"] = code
    return json.dumps(parts, ensure_ascii=False) if parts else None


def _employee_range(value: object) -> str | None:
    node = find_node(value)
    if node is not None:
        low, high = (_count(find_text(node.get(key))) for key in ("minValue", "maxValue"))
        if low is not None and high is not None and low <= high:
            return f"{low}-{high}"
        if low is not None and high is None:
            return f"{low}+"
        value = node.get("value")
    match = _RANGE.fullmatch(find_text(value) or "")
    if match is None:
        return None
    low, high = _count(match.group(1)), _count(match.group(2))
    if low is None or (match.group(2) and (high is None or high < low)):
        return None
    if high is not None:
        return f"{low}-{high}"
    return f"{low}+" if match.group(0).endswith("+") else str(low)


def _count(text: str | None) -> int | None:
    digits = re.sub(r"[.,](?=\d{3}(?!\d))", "", text or "").removesuffix(".0")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 8:
        return None
    return int(digits) if int(digits) <= _EMPLOYEES_MAX else None
