"""Which strings a CSS selector cannot match without, and which selectors are cheap. Pure reasoning.

Running selectors is the parser's work (`page`).
"""

from __future__ import annotations

import functools

import regex

from tracewell.detection.literals import CHOICES_MAX, LENGTH_MAX, LENGTH_MIN, Needles, rank

_SELECTOR_PART = regex.compile(
    r"""[#.](?P<name>(?:[\w-]|\\.)+)
      | \[\s*(?P<attribute>(?:[\w-]|\\.)+)\s*
        (?:[~|^$*]?=\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'
          |(?P<bare>(?:[\w-]|\\.)+))\s*[is]?\s*)?\]
      | (?P<element>[A-Za-z][\w-]*)
      | ::?[\w-]+ (?P<call>\()?
      | [\s>+~*]+""",
    regex.VERBOSE | regex.ASCII,
)
_ESCAPE = regex.compile(r"\\(.)", regex.DOTALL)
_ANY_ESCAPE = regex.compile(r"\\(?:[0-9a-fA-F]{1,6}\s?|.)", regex.DOTALL)
_CODE = regex.compile(r"\\[0-9a-fA-F\n]")
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_COMPOUND = rf"""(?:[\w-]+|\*)?(?:[#.][\w-]+|\[[^\]"'\\]*{_QUOTED}?[^\]"'\\]*\])*"""
_CHAIN = regex.compile(rf"{_COMPOUND}(?:\s*>\s*{_COMPOUND})*")
# Printable ASCII without the characters that the source may write as references.
_PLAIN = regex.compile(r"[ !#-%(-;=?-~]+", regex.ASCII)
_BRANCH_LENGTH_MIN = 3
# Elements and attributes that nearly every page has, or that need no tag to be there.
_EVERYWHERE = frozenset(
    (
        *("a", "action", "alt", "article", "aside", "async", "body", "br", "button", "canonical"),
        *("charset", "class", "code", "colgroup", "content", "data", "data-src", "dir", "div"),
        *("em", "external", "figure", "footer", "for", "form", "h1", "h2", "h3", "h4", "head"),
        *("header", "height", "hidden", "href", "html", "id", "iframe", "img", "input", "label"),
        *("lang", "li", "link", "main", "media", "meta", "method", "name", "nav", "noscript", "ol"),
        *("option", "p", "param", "picture", "placeholder", "property", "rel", "role"),
        *("script", "section", "select", "source", "span", "src", "srcset", "strong", "style"),
        *("stylesheet", "svg", "table", "target", "tbody", "td", "text", "text/css", "th", "title"),
        *("tr", "type", "ul", "value", "video", "width", "_blank"),
    )
)


def find_selector_needles(selector: str) -> Needles | None:
    """Strings of which one stands in the source of every document that the selector matches.

    In lower case; the source may have any, and may write any character as a reference. None where
    the selector has forms that this small reader does not follow, or only strings that tell
    nothing: such a selector is always tried.
    """
    needles = frozenset(needle for _, needle in find_branch_needles(selector))
    return needles if "" not in needles and len(needles) <= CHOICES_MAX else None


@functools.lru_cache(maxsize=65_536)
def find_branch_needles(selector: str) -> tuple[tuple[str, str], ...]:
    """The branches of the selector, each with a string that stands in the source of every document
    that it matches, as in `find_selector_needles`; "" where none is known."""
    found: list[tuple[str, str]] = []
    for branch in split_branches(selector):
        needles = sorted(_branch_needles(branch))
        best = max(needles, key=lambda needle: rank(frozenset((needle,))), default="")
        found.append((branch, best if len(best) >= _BRANCH_LENGTH_MIN else ""))
    return tuple(found)


def find_attribute_needles(name: str) -> Needles | None:
    """The attribute's name, where it tells something."""
    return _telling([name]) if regex.fullmatch(r"[\w:.-]+", name, regex.ASCII) else None


def _telling(texts: list[str]) -> Needles | None:
    usable = [text[:LENGTH_MAX].lower() for text in texts if len(text) >= LENGTH_MIN]
    telling = frozenset(text for text in usable if text not in _EVERYWHERE)
    return telling or None


def _branch_needles(branch: str) -> Needles:
    found: list[str] = []
    at = 0
    while at < len(branch):
        part = _SELECTOR_PART.match(branch, at)
        if part is None or part.end() == at:
            return frozenset()
        at = part.end()
        if part.group("call"):
            at = _past_parenthesis(branch, at)
        values = part.group("name", "attribute", "bare")
        if any(value and _CODE.search(value) for value in values):
            return frozenset()  # a space may belong to the number: this reader stops too early
        values += part.group("double", "single")
        found += [text for value in values if value for text in _plain_texts(value)]
        element = part.group("element")
        if element and element.lower() not in _EVERYWHERE:
            found.append(f"<{element}")  # every element but those above has a start tag
    return _telling(found) or frozenset()


def _plain_texts(value: str) -> list[str]:
    """What the source writes as it is, in pieces, of a name or string of CSS."""
    if _CODE.search(value):  # characters written by their numbers
        return _PLAIN.findall(_ANY_ESCAPE.sub("\0", value))
    return _PLAIN.findall(_ESCAPE.sub(r"\1", value))


def _past_parenthesis(text: str, at: int) -> int:
    depth = 1
    while at < len(text) and depth:
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return at


@functools.lru_cache(maxsize=65_536)
def split_branches(selector: str) -> tuple[str, ...]:
    """The selector cut at its top-level commas."""
    branches = [""]
    depth, quote = 0, ""
    for character in selector:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth == 0:
            branches.append("")
            continue
        branches[-1] += character
    return tuple(branch.strip() for branch in branches)


@functools.lru_cache(maxsize=65_536)
def is_near_selector(selector: str) -> bool:
    """Whether the selector looks at an element, its parent, and so on for as many steps as it is
    written in: no far combinator, no pseudo-class."""
    return all(_CHAIN.fullmatch(branch) for branch in split_branches(selector))


@functools.lru_cache(maxsize=65_536)
def is_named_selector(branch: str) -> bool:
    """Whether it names the element that it is about: those of one name are found by an index. Only
    speed hangs on it."""
    return bool(_NAMED.search(branch))


@functools.lru_cache(maxsize=65_536)
def is_raw_text_selector(selector: str) -> bool:
    """Whether it names only elements whose text the source has as it is: scripts and styles."""
    return all(_RAW_TEXT.search(branch) for branch in split_branches(selector))


@functools.lru_cache(maxsize=65_536)
def is_one_text_selector(selector: str) -> bool:
    """Whether it names only elements that hold one piece of text: titles too, where characters may
    be written as references."""
    return all(_ONE_TEXT.search(branch) for branch in split_branches(selector))


_NARROWED = r"(?:[#.][\w-]+|\[[^\]]*\])*$"
_NAMED = regex.compile(rf"(?:^|[\s>+~])[A-Za-z][\w-]*{_NARROWED}")
_RAW_TEXT = regex.compile(rf"(?:^|[\s>+~])(?:script|style){_NARROWED}", regex.IGNORECASE)
_ONE_TEXT = regex.compile(rf"(?:^|[\s>+~])(?:script|style|title){_NARROWED}", regex.IGNORECASE)
