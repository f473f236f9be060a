"""The content of a page as entries: what belongs to one link, logo or name, under what heading.

An entry is the largest part of the page that holds one link target, one logo and one name at most.
Whether an entry is a partner is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import turbohtml

from tracewell.extraction.domains import domain_of, unwrap
from tracewell.extraction.furniture import is_furniture, is_profile
from tracewell.extraction.linking import NAME_CLASS, is_detail, is_prose, label, name_of_link
from tracewell.extraction.names import (
    clean_name,
    is_namelike,
    name_in_file,
    squash,
)
from tracewell.extraction.page import HEADINGS, Page, resolve, squeeze
from tracewell.extraction.vocabulary import (
    Heading,
    Listing,
    judge_heading,
    judge_line,
    judge_section,
)

ELEMENTS_MAX = 30_000
PIECES_MAX = 5_000
DEPTH_MAX = 300
CLIMB_MAX = 12
_CONTENT = frozenset({"main", "article", "section"})
_LINES = frozenset(
    {"p", "div", "span", "font", "strong", "b", "em", "legend", "caption", "td", "th"}
)


@dataclass(slots=True, eq=False)
class Box:
    """An element on the way from the body to a piece, and how much stands in it."""

    parent: Box | None
    tag: str
    is_content: bool
    targets: set[str] = field(default_factory=set)
    inner_targets: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    is_section: bool = False
    """Whether a heading of a section stands in it."""

    def add_name(self, spelt: str) -> None:
        """Notes a name; of `Acme` and `Acme Tools` one counts."""
        if len(self.names) > 1 or not spelt:
            return
        if not any(spelt in known or known in spelt for known in self.names):
            self.names.append(spelt)

    def is_entry(self) -> bool:
        """Whether all of it can be said of one company."""
        return (
            not self.is_section
            and len(self.targets) <= 1
            and len(self.inner_targets) <= 1
            and len(self.names) <= 1
            and all(count <= 1 for count in self.counts.values())
        )


@dataclass(frozen=True, slots=True)
class Area:
    """What the headings above (or the page's address) say of a part of the page."""

    heading: Heading
    is_told_by_heading: bool
    number: int


@dataclass(slots=True, eq=False)
class Piece:
    """A link, a logo or a name. `rank`: 3 a heading, 2 a label, 1 a file name, 0 no name."""

    kind: str
    element: turbohtml.Element
    box: Box
    area: Area
    name: str | None
    rank: int
    url: str | None = None
    domain: str | None = None
    is_image: bool = False
    is_prose: bool = False


@dataclass(slots=True, eq=False)
class Entry:
    """The pieces of one company."""

    area: Area
    box: Box
    pieces: list[Piece]

    @property
    def link(self) -> Piece | None:
        """The link to another site; else the one to a page of this site."""
        links = [piece for piece in self.pieces if piece.url is not None]
        return next(
            (link for link in links if link.domain is not None), links[0] if links else None
        )

    @property
    def naming(self) -> Piece | None:
        """The piece that names it best."""
        named = [piece for piece in self.pieces if piece.name is not None]
        return max(named, key=lambda piece: piece.rank) if named else None


def iter_entries(page: Page, listing: Listing | None) -> Iterator[Entry]:
    """The entries of the areas about partners, in the order of the page."""
    walk = _Walk(page, listing)
    walk.run()
    entries: dict[tuple[int, int], Entry] = {}
    for piece in walk.pieces:
        box = piece.box
        for _ in range(CLIMB_MAX):
            if not box.is_entry() or box.parent is None or not box.parent.is_entry():
                break
            box = box.parent
        # A box that holds several is nobody's: its pieces are entries of their own.
        key = (id(box), piece.area.number) if box.is_entry() else (id(piece), 0)
        entry = entries.setdefault(key, Entry(piece.area, box, []))
        entry.pieces.append(piece)
    yield from _merge(list(entries.values()))


def _merge(entries: list[Entry]) -> Iterator[Entry]:
    """Joins a name and the nameless link after it: `<h3>Acme</h3> ... <a>Visit website</a>`."""
    waiting: Entry | None = None
    for entry in entries:
        link, naming = entry.link, entry.naming
        if link is None and naming is not None and not naming.is_image:
            if waiting is not None:
                yield waiting
            waiting = entry
            continue
        if waiting is not None:
            same = waiting.area.number == entry.area.number
            if same and link is not None and (naming is None or naming.rank <= 1):
                entry.pieces = [*waiting.pieces, *entry.pieces]
            else:
                yield waiting
            waiting = None
        yield entry
    if waiting is not None:
        yield waiting


class _Walk:
    def __init__(self, page: Page, listing: Listing | None) -> None:
        self.page = page
        self.listing = listing
        self.own = domain_of(page.url)
        self.pieces: list[Piece] = []
        self.stack: list[tuple[float, Heading | None, Box | None]] = []
        self.number = 0
        self.default = (
            Heading(listing.partnership_type, listing.source_kind != "partner_page")
            if listing is not None
            else None
        )

    def run(self) -> None:
        body = self.page.document.find("body")
        if body is None:
            return
        root = Box(None, "body", False)
        waiting: list[tuple[turbohtml.Element | None, Box, int]] = [(body, root, 0)]
        left = ELEMENTS_MAX
        while waiting and left and len(self.pieces) < PIECES_MAX:
            element, box, depth = waiting.pop()
            if element is None:
                self._leave(box)
                continue
            left -= 1
            if self._take(element, box) or depth > DEPTH_MAX:
                continue
            tag = element.tag
            inner = Box(box, tag, box.is_content or tag in _CONTENT)
            if tag in ("section", "article"):
                waiting.append((None, inner, depth))
            children = [child for child in element.children if isinstance(child, turbohtml.Element)]
            waiting += [(child, inner, depth + 1) for child in reversed(children)]

    def _leave(self, box: Box) -> None:
        """A heading within a section does not head what follows the section."""
        if box.counts or box.targets or box.inner_targets:
            while (
                self.stack and self.stack[-1][2] is not None and _is_within(self.stack[-1][2], box)
            ):
                self.stack.pop()
                self.number += 1

    def _take(self, element: turbohtml.Element, box: Box) -> bool:
        """Takes the element as a whole, or leaves it to be entered."""
        tag = element.tag
        if is_furniture(element, tag, in_content=box.is_content):
            return True
        if tag in HEADINGS:
            self._take_heading(element, box, tag)
            return element.find("a") is None
        if tag == "a":
            return self._take_link(element, box)
        if tag == "img":
            self._take_image(element, box)
            return True
        if tag == "br":
            return True
        return self._take_line(element, box, tag)

    def _take_heading(self, element: turbohtml.Element, box: Box, tag: str) -> None:
        level = int(tag[1])
        text = squeeze(element.text)
        judge = judge_section if self.listing is None else judge_heading
        heading = judge(text)
        if heading is not None or level <= 1 or not text:
            self._push(level, heading, box)
            return
        if self.stack and self.stack[-1][0] >= level and self.stack[-1][0] > 1:
            # What it heads is no longer what the heading before it headed.
            self._push(level, None, box, marks=False)
        area = self._area()
        if area is not None:
            self._add("head", element, box, area, clean_name(text), 3)

    def _push(self, level: float, heading: Heading | None, box: Box, marks: bool = True) -> None:
        while self.stack and self.stack[-1][0] >= level:
            self.stack.pop()
        self.stack.append((level, heading, box))
        self.number += 1
        above: Box | None = box if marks else None
        for _ in range(CLIMB_MAX):
            if above is None:
                break
            above.is_section = True
            above = above.parent

    def _area(self) -> Area | None:
        told: Heading | None = None
        for _, heading, _ in reversed(self.stack):
            if heading is None:
                continue
            if heading.kind is None:
                if told is None:
                    return None
                break
            if told is None:
                told = heading
            elif told.kind == "generic" and heading.kind != "generic":
                told = heading
                break
        if told is None:
            return Area(self.default, False, self.number) if self.default is not None else None
        if told.kind == "generic" and self.default is not None:
            told = self.default
        return Area(told, True, self.number)

    def _add(
        self, kind: str, element: turbohtml.Element, box: Box, area: Area, name: str | None,
        rank: int, **more: object,
    ) -> Piece:  # fmt: skip
        piece = Piece(kind, element, box, area, name, rank if name else 0)
        for key, value in more.items():
            setattr(piece, key, value)
        self.pieces.append(piece)
        spelt = squash(piece.name) if piece.name is not None and piece.rank >= 2 else ""
        above: Box | None = box
        for _ in range(CLIMB_MAX):
            if above is None:
                break
            above.add_name(spelt)
            if piece.domain is not None:
                above.targets.add(piece.domain)
            elif piece.url is not None:
                above.inner_targets.add(piece.url)
            else:
                above.counts[kind] = above.counts.get(kind, 0) + 1
            above = above.parent
        return piece

    def _take_link(self, element: turbohtml.Element, box: Box) -> bool:
        area = self._area()
        url = resolve(self.page.base_url, element.attr("href"))
        if area is None or url is None:
            # A mail address or a script's button names nobody; an anchor without a target may.
            return element.attr("href") is not None
        url = unwrap(url, self.own)
        domain = domain_of(url)
        if domain is None or (domain != self.own and is_profile(url, domain)):
            return True
        if domain == self.own or label(domain) == label(self.own):
            if not is_detail(url, self.page.url):
                return True
            domain = None
        name, rank, is_image = name_of_link(element)
        self._add(
            "link", element, box, area, name, rank,
            url=url, domain=domain, is_image=is_image, is_prose=is_prose(element, is_image),
        )  # fmt: skip
        return True

    def _take_image(self, element: turbohtml.Element, box: Box) -> None:
        area = self._area()
        if area is None:
            return
        address = element.attr("data-src") or element.attr("src")
        name, rank = clean_name(element.attr("alt")), 2
        if name is None:
            name, rank = name_in_file(address), 1
        if name is not None:
            self._add("image", element, box, area, name, rank, is_image=True)

    def _take_line(self, element: turbohtml.Element, box: Box, tag: str) -> bool:
        children = element.children
        if any(isinstance(child, turbohtml.Element) for child in children) or not children:
            return False
        text = squeeze(element.text)
        if tag in _LINES:
            line = judge_line(text)
            if line is not None:
                above = next((level for level, _, _ in reversed(self.stack) if level % 1 == 0), 1.0)
                self._push(above + 0.5, line, box)
                return True
        area = self._area()
        if area is None or not text or len(text) > 100:
            return True
        if NAME_CLASS.search(element.attr("class") or "") or tag == "figcaption":
            self._add("name", element, box, area, clean_name(text), 3)
        elif (tag in ("dt", "li") or (tag == "td" and _is_first(element))) and is_namelike(text):
            self._add("text", element, box, area, clean_name(text), 2)
        return True


def _is_within(box: Box | None, outer: Box) -> bool:
    for _ in range(DEPTH_MAX):
        if box is None or box is outer:
            return box is outer
        box = box.parent
    return False


def _is_first(cell: turbohtml.Element) -> bool:
    before = cell.previous_sibling
    while before is not None and not isinstance(before, turbohtml.Element):
        before = before.previous_sibling
    return before is None
