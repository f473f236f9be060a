"""What a link is: whom it names, whether it stands in a sentence or leads to one partner's page."""

from __future__ import annotations

import re

import turbohtml

from tracewell.extraction.names import clean_name, is_call, looks_like_url, name_in_file
from tracewell.extraction.page import HEADINGS, squeeze
from tracewell.extraction.vocabulary import find_listing

INNER_MAX = 60
SENTENCE_CHARS_MIN = 20
NAME_CLASS = re.compile(
    r"(?:^|[\s_-])(?:name|title|company|brand)(?:$|[\s_-])|(?:Name|Title)(?:$|\s)"
)
_BLOCKS = frozenset({"p", "li", "td", "dd", "div", "blockquote", "span"})


def label(domain: str | None) -> str:
    """The first label of a domain: one company's sites in several countries share it."""
    return (domain or "").split(".")[0]


def is_detail(url: str, page_url: str) -> bool:
    """Whether the address is that of one partner's page on the same site."""
    bare, own = (text.split("#")[0].split("?")[0].rstrip("/") for text in (url, page_url))
    if bare == own:
        return False
    host, _, path = bare.partition("://")[2].partition("/")
    listing = find_listing(host, "/" + path)
    return listing is not None and listing.slug is not None


def name_of_link(link: turbohtml.Element) -> tuple[str | None, int, bool]:
    """The name that a link gives, how much it is worth, and whether a picture gives it."""
    labels: list[str] = []
    files: list[str] = []
    has_image = False
    for number, inner in enumerate(link.iter_elements()):
        if number == INNER_MAX:
            break
        if inner.tag in HEADINGS or NAME_CLASS.search(inner.attr("class") or ""):
            name = clean_name(squeeze(inner.text))
            if name is not None:
                return name, 3, False
        elif inner.tag == "img":
            has_image = True
            labels += (inner.attr("alt") or "", inner.attr("title") or "")
            files.append(inner.attr("data-src") or inner.attr("src") or "")
        elif inner.tag == "svg":
            has_image = True
            files.append("")
        elif inner.tag in ("strong", "b", "title", "figcaption"):
            labels.append(squeeze(inner.text))
    text = squeeze(link.text)
    name = clean_name(text)
    if name is not None:
        return name, 2, has_image
    told = (*labels, link.attr("aria-label"), link.attr("title"))
    for label in told:
        name = clean_name(label)
        if name is not None:
            return name, 2, has_image
    for address in files:
        name = name_in_file(address)
        if name is not None:
            return name, 1, True
    return None, 0, has_image or looks_like_url(text)


def is_prose(link: turbohtml.Element, is_image: bool) -> bool:
    """Whether the link stands in the middle of a sentence."""
    parent = link.parent
    if is_image or not isinstance(parent, turbohtml.Element) or parent.tag not in _BLOCKS:
        return False
    text = squeeze(link.text)
    if is_call(text) or squeeze(parent.text).startswith(text):
        return False
    bare = (child.data for child in parent.children if isinstance(child, turbohtml.Text))
    return sum(len(squeeze(part)) for part in bare) > SENTENCE_CHARS_MIN
