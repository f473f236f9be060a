"""Lists of jobs: the boards of the common applicant-tracking systems and plain careers pages.

A board is known by its links' addresses and its own marks; fields by what its elements are called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import turbohtml

from tracewell.extraction.furniture import is_furniture
from tracewell.extraction.listings import iter_lists, iter_values
from tracewell.extraction.model import Posting
from tracewell.extraction.names import is_call
from tracewell.extraction.page import HEADINGS, Page, resolve, squeeze

LINKS_MAX = 3_000
TITLE_CHARS_MAX = 150
CARD_ELEMENTS_MAX = 60

_BOARD_LINK = re.compile(
    r"//(?:[\w-]+\.)*greenhouse\.io/[\w-]+/jobs/\d+|[?&]gh_jid=\d+|"
    r"//jobs\.(?:eu\.)?lever\.co/[\w.-]+/[0-9a-f-]{36}|"
    r"//apply\.workable\.com/(?:[\w-]+/)?j/[0-9A-F]{8,12}|"
    r"//[\w-]+\.workable\.com/j(?:obs)?/\w+|//[\w-]+\.jobs\.personio\.(?:de|com)/job/\d+|"
    r"//jobs\.smartrecruiters\.com/\w+/\d{6,}|//[\w-]+\.recruitee\.com/o/[\w-]+|"
    r"//jobs\.ashbyhq\.com/[^/]+/[0-9a-f-]{36}|"
    r"//[\w-]+\.(?:[\w-]+\.)?teamtailor\.com/jobs/\d+|//[\w.-]+\.myworkdayjobs\.com/.*/job/|"
    r"//[\w-]+\.bamboohr\.com/(?:careers|jobs)/\d+|"
    r"//[\w-]+\.breezy\.hr/p/\w+|//[\w-]+\.join\.com/|//join\.com/companies/[\w-]+/\d+|"
    r"//[\w.-]+\.softgarden\.io/job/\d+",
    re.IGNORECASE,
)
_APPLY = re.compile(r"(?:/apply|/application|#app|/thanks)/?$", re.IGNORECASE)
# Within a board's own host or a careers page, addresses that are one posting's.
_OWN_LINK = re.compile(
    r"/(?:jobs?|o|openings?|positions?|vacanc(?:y|ies)|vacatures?|stellen(?:angebote?|"
    r"anzeigen?)?|offres?(?:-d-emploi|-emploi)?|emplois?|"
    r"empleos?|ofertas?|vacantes?|recrutement|requisition|roles?|careers?|karriere|"
    r"carrieres?|carri%C3%A8res|jobangebote|recruit|採用|join-us|jobdetail)"
    r"/(?:[\w%-]+/){0,3}?(?P<slug>[\w%.-]+?)(?:\.html?|\.php)?/?$",
    re.IGNORECASE,
)
_PAGE = re.compile(
    r"careers?|jobs?\b|karriere|stellen|vacanc|vacature|emploi|carri[eè]re|recrut|empleo|"
    r"trabaja|ofertas|offene|openings|"
    r"opportunit|join-?us|work-?with-?us|recruit|採用|vacantes|positions",
    re.IGNORECASE,
)
_HOSTS = re.compile(
    r"^(?:jobs?|careers?|karriere|work|apply|stellen|emploi|recrutement)\d*\.|"
    r"greenhouse\.io$|lever\.co$|workable\.com$|"
    r"personio\.(?:de|com)$|smartrecruiters\.com$|recruitee\.com$|ashbyhq\.com$|"
    r"teamtailor\.com$|myworkdayjobs\.com$",
    re.I,
)
_NO_JOB = re.compile(
    r"(?:all|search|alerts?|benefits?|culture|our-.*|faqs?|login|apply|life.*|diversity.*|"
    r"departments?|locations?|teams?|students?|graduates?|"
    r"internships?|ausbildung|about.*|values?|perks|internal|privacy.*|index|jobs?|careers?|"
    r"stellenangebote|initiativ.*|spontan.*|candidature-spontanee|"
    r"open-application|talent.*|category|page|contact|kontakt|how-we-hire|hiring.*|"
    r"interview.*|connect|saved|profile|einstieg|warum.*|why.*|"
    r"bewerb.*|vorteile|people|blog|news|stories|events?|equal.*|join.*|signin|sign-in|"
    r"results?|rss|feed|xml|openings?|positions?|vacancies|meet.*|working.*|inclusion.*)",
    re.IGNORECASE,
)
_NO_TITLE = re.compile(
    r"(?:view|see|all|search|apply|learn|read|more|back|next|previous|jetzt|mehr|zur|alle|"
    r"voir|ver|details?|share|login|sign|home|jobs?|careers?|"
    r"open positions|benefits|culture|blog|privacy|cookie|faq|load|filter|show|browse|"
    r"explore|current openings|stellenangebote|initiativbewerbung|postuler|"
    r"open application|job alerts?|english|deutsch|français|contact|about|our)\b.*",
    re.IGNORECASE,
)
_TITLE_MARK = re.compile(r"title|posting-name|job-?name|base-link|position-?name", re.IGNORECASE)
_PLACE_MARK = re.compile(
    r"location|(?:^|[\s_-])(?:city|office|standort|place|lieu|ort|region|"
    r"body--metadata)(?:$|[\s_-])",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^(?:locations?|standorte?|lieu|ort|office|ubicación)\s*:?\s*", re.IGNORECASE)
_KINDS = re.compile(
    r"full[- ]?time|part[- ]?time|vollzeit|teilzeit|permanent|contract|intern(?:ship)?|"
    r"unbefristet|befristet|temps plein|cdi|cdd|hybrid|remote|on-?site|fully remote",
    re.I,
)
_REMOTE = re.compile(r"\bremote\b|home ?office|télétravail|teletrabajo|リモート", re.IGNORECASE)
_EMPLOYMENT = (
    (re.compile(r"full[- _]?time|vollzeit|temps plein|jornada completa", re.I), "full_time"),
    (re.compile(r"part[- _]?time|teilzeit|temps partiel|media jornada", re.I), "part_time"),
    (re.compile(r"\bintern(?:ship)?\b|praktikum|\bstage\b", re.I), "intern"),
    (re.compile(r"\bcontract(?:or)?\b|freelance", re.I), "contractor"),
    (re.compile(r"\btemporary\b", re.I), "temporary"),
)
_LISTS = re.compile(
    r"jobs?|job_?postings?|postings?|openings?|positions?|vacancies|offers|roles|"
    r"job_?listings?|open_?positions|requisitions|results|data",
    re.I,
)
_MARK = re.compile(
    r'"(?:jobs?|job_?postings?|postings?|openings?|open_?positions?|positions?|vacancies|offers|requisitions|job_?listings?)"\s*:\s*[\[{]|"(?:absolute_url|hostedUrl|jobUrl|locationName|gh_jid)"',
    re.I,
)
_URLS = (
    "absolute_url",
    "hostedUrl",
    "jobUrl",
    "url",
    "careers_url",
    "externalPath",
    "link",
    "applyUrl",
    "href",
)
_PLACES = ("locationName", "location", "locationsText", "city", "office", "place", "locations")
_EVIDENCE = frozenset(
    (
        *_URLS,
        *_PLACES,
        "department",
        "departmentName",
        "employmentType",
        "workplaceType",
        "team",
        "categories",
    )
)


@dataclass(frozen=True, slots=True)
class _Link:
    element: turbohtml.Element
    url: str


def iter_board(page: Page) -> Iterator[Posting]:
    """The postings that a board or a careers page lists."""
    path = unquote(page.parts.path[:500])
    is_careers = (
        _PAGE.search(path) is not None or _HOSTS.search(page.parts.hostname or "") is not None
    )
    if not is_careers and not any(_PAGE.match(text) for text in page.headings[:10]):
        return
    links = _job_links(page, is_careers=is_careers)
    for link in links.values():
        posting = _posting(link, links, page)
        if posting is not None:
            yield posting
    yield from _iter_embedded(page, is_careers=is_careers)


def _job_links(page: Page, *, is_careers: bool) -> dict[str, _Link]:
    """The links to postings by address, the first of each."""
    own = page.url.split("#")[0].split("?")[0].rstrip("/")
    found: dict[str, _Link] = {}
    for element in page.document.find_all("a", limit=LINKS_MAX):
        href = element.attr("href")
        if not href or href.startswith(("#", "mailto:", "tel:", "javascript:")):
            continue
        url = resolve(page.base_url, href)
        if url is None or _APPLY.search(url):
            continue
        bare = url.split("#")[0]
        if bare.split("?")[0].rstrip("/") == own and "gh_jid" not in bare:
            continue
        is_board = _BOARD_LINK.search(bare) is not None
        if not is_board and not (is_careers and _is_own_posting(page, bare)):
            continue
        known = found.get(bare)
        if known is not None and _title_in(known.element) is not None:
            continue
        if not is_board and _is_in_furniture(element):
            continue
        found[bare] = _Link(element, bare)
    return found


def _is_own_posting(page: Page, url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if (parts.hostname or "").removeprefix("www.") != page.host:
        return False
    match = _OWN_LINK.search(parts.path)
    if match is None:
        return False
    slug = match["slug"]
    # Beside postings stand texts about working there.
    return _NO_JOB.fullmatch(slug) is None


def _is_in_furniture(element: turbohtml.Element) -> bool:
    for above in element.ancestors:
        if isinstance(above, turbohtml.Element) and above.tag in ("nav", "footer", "header"):
            return is_furniture(above, above.tag, in_content=False)
    return False


def _posting(link: _Link, links: Mapping[str, _Link], page: Page) -> Posting | None:
    card = _card(link, links, page)
    title = _title_in(link.element) or (_title_in(card) if card is not link.element else None)
    if title is None:
        return None
    text = squeeze(card.to_text() if card is not link.element else link.element.to_text())
    rest = text.replace(title, " ", 1)
    place = _place_in(card, title)
    employment = next((kind for sign, kind in _EMPLOYMENT if sign.search(rest)), None)
    is_remote = True if _REMOTE.search(rest) or _REMOTE.search(place or "") else None
    return Posting(
        title, link.url, place or _place_above(card), is_remote, employment, None, None, text
    )


def _card(link: _Link, links: Mapping[str, _Link], page: Page) -> turbohtml.Element:
    """The largest element around the link that holds no other posting's."""
    card = link.element
    for above, _ in zip(link.element.ancestors, range(6), strict=False):
        if not isinstance(above, turbohtml.Element) or above.tag in (
            "body",
            "main",
            "section",
            "table",
            "tbody",
            "ul",
            "ol",
        ):
            break
        inner = above.find_all("a", limit=40)
        if len(inner) == 40:
            break
        targets = {(resolve(page.base_url, one.attr("href")) or "").split("#")[0] for one in inner}
        if len((targets & links.keys()) - {link.url}):
            break
        if above.find("h1") is not None or (
            above.find("h2") is not None and above.tag == "div" and len(inner) > 3
        ):
            break
        card = above
    return card


def _title_in(element: turbohtml.Element) -> str | None:
    for number, inner in enumerate(element.iter_elements()):
        if number == CARD_ELEMENTS_MAX:
            break
        marks = _marks_of(inner)
        if inner.tag in HEADINGS or _TITLE_MARK.search(marks):
            title = _clean_title(inner.text)
            if title is not None:
                return title
    for inner in element.find_all("p", limit=1):
        title = _clean_title(inner.text)
        if title is not None:
            return title
    if element.tag != "a":
        return None
    return _clean_title(element.text)


def _marks_of(element: turbohtml.Element) -> str:
    """What the element is called by its board."""
    told = (element.attr(name) for name in ("class", "data-qa", "data-ui", "data-automation-id"))
    return " ".join(filter(None, told))


def _clean_title(text: str) -> str | None:
    title = squeeze(text)
    if not 2 < len(title) <= TITLE_CHARS_MAX or _NO_TITLE.fullmatch(title) or is_call(title):
        return None
    return title


def _place_in(card: turbohtml.Element, title: str) -> str | None:
    for number, inner in enumerate(card.iter_elements()):
        if number == CARD_ELEMENTS_MAX:
            break
        marks = _marks_of(inner)
        if marks and _PLACE_MARK.search(marks):
            last = inner.find("dd")
            text = _LABEL.sub("", squeeze((last or inner).text)).strip(" ,·|-–—")
            if text and text != title and len(text) <= 120:
                return text
    # What is left beside title and kind: `Vollzeit · Berlin`, `Sales · London · Hybrid`.
    parts = [
        part.strip()
        for part in re.split(r"\s*[·•|]\s*", squeeze(card.to_text()).replace(title, "·", 1))
    ]
    parts = [part for part in parts if part and len(part) <= 60 and not _KINDS.search(part)]
    if "·" not in squeeze(card.text):
        return None
    return parts[-1] if parts else None


def _place_above(card: turbohtml.Element) -> str | None:
    """SmartRecruiters groups its postings by place."""
    for above, _ in zip(card.ancestors, range(4), strict=False):
        if isinstance(above, turbohtml.Element) and "openings-section" in (
            above.attr("class") or ""
        ):
            heading = above.find("h3")
            return squeeze(heading.text) or None if heading is not None else None
    return None


def _iter_embedded(page: Page, *, is_careers: bool) -> Iterator[Posting]:
    for value, _ in iter_values(page, _MARK):
        for key, objects in iter_lists(value):
            if _LISTS.fullmatch(key) is None:
                continue
            if not is_careers and "job" not in key.lower():
                continue
            for one in objects:
                posting = _embedded(page, one)
                if posting is not None:
                    yield posting


def _embedded(page: Page, one: Mapping[str, Any]) -> Posting | None:
    title = next(
        (
            one[key]
            for key in ("title", "text", "name", "jobTitle")
            if isinstance(one.get(key), str)
        ),
        None,
    )
    if title is None or len(_EVIDENCE & set(one)) < 2:
        return None
    title = _clean_title(title)
    if title is None:
        return None
    place = next(filter(None, (_place_of(one.get(key)) for key in _PLACES)), None)
    categories = one.get("categories")
    if place is None and isinstance(categories, dict):
        place = _place_of(categories.get("location"))
    address = next((one[key] for key in _URLS if isinstance(one.get(key), str)), None)
    url = resolve(page.base_url, address) if address is not None else None
    if url is None and isinstance(one.get("id"), str):
        url = f"{page.url.split('?')[0].rstrip('/')}/{one['id']}"[:2_048]
    told = f"{one.get('employmentType') or ''} {one.get('workplaceType') or ''} {place or ''}"
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", told)
    employment = next((kind for sign, kind in _EMPLOYMENT if sign.search(spaced)), None)
    is_remote = True if one.get("isRemote") is True or _REMOTE.search(told) else None
    return Posting(title, url or page.url, place, is_remote, employment, None, None, title)


def _place_of(value: object) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("name") or value.get("city") or value.get("location_str")
    return squeeze(value)[:120] or None if isinstance(value, str) else None
