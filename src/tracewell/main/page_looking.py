"""Looking into one page, or one part of an archive: what a process of `detect` does at a time."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from tracewell.detection import FingerprintSet, detect
from tracewell.main.page_inputs import Archive, SavedPage
from tracewell.main.page_rows import RowFormat, write_row
from tracewell.values import Capture
from tracewell.web.archive import ArchivePart, read_part
from tracewell.web.saved import SAVED_LIMITS, read_saved_page

_HTML_TYPES = frozenset({"", "text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was skipped: a record (at its offset), a file, an address."""

    name: str
    offset: int | None
    reason: str

    @property
    def place(self) -> str:
        """How it is called in messages."""
        return self.name if self.offset is None else f"{self.name}:{self.offset}"


@dataclass(slots=True)
class Step:
    """What came of a piece of work: rows, what was skipped, records that are no pages, and how many
    bytes of the input are done by it."""

    rows: list[bytes]
    problems: list[Problem]
    no_pages: int = 0
    bytes_done: int = 0

    def add(self, other: Step) -> None:
        """Puts what came later behind."""
        self.rows += other.rows
        self.problems += other.problems
        self.no_pages += other.no_pages
        self.bytes_done += other.bytes_done


@dataclass(frozen=True, slots=True)
class Look:
    """How every page is looked into; travels to the processes once."""

    fingerprints: FingerprintSet
    form: RowFormat
    started_at: int

    def prepared(self) -> Look:
        """Itself, once its fingerprints are ready to be looked for."""
        self.fingerprints.prepare()
        return self


@dataclass(frozen=True, slots=True)
class ArchiveTask:
    """A part of an archive."""

    archive: Archive
    part: ArchivePart


Task = ArchiveTask | SavedPage | Capture


def look_into(look: Look, task: Task) -> tuple[Step, int | None]:
    """All of a task at once; the second value is where a part of an archive really ended."""
    all_steps = Step([], [])
    steps = iter_steps(look, task)
    while True:
        try:
            all_steps.add(next(steps))
        except StopIteration as finished:
            return all_steps, finished.value


def iter_steps(look: Look, task: Task) -> Generator[Step, None, int | None]:
    """The same page by page. Never raises on account of what is read."""
    if isinstance(task, Capture):
        yield _see(look, task)
        return None
    if isinstance(task, SavedPage):
        yield _see_saved(look, task)
        return None
    end = yield from _iter_part(look, task.archive, task.part)
    return end


def _see(look: Look, capture: Capture) -> Step:
    result = detect(capture, look.fingerprints)
    return Step([write_row(look.form, capture, result, look.fingerprints.technologies)], [])


def _see_saved(look: Look, page: SavedPage) -> Step:
    try:
        with page.path.open("rb") as file:
            data = file.read(SAVED_LIMITS.wire_bytes_max)
        size = page.path.stat().st_size
    except OSError as error:
        return Step([], [Problem(page.name, None, error.strerror or str(error))])
    step = _see(look, read_saved_page(data, page.url, look.started_at))
    step.bytes_done = size
    return step


def _iter_part(
    look: Look, archive: Archive, part: ArchivePart
) -> Generator[Step, None, int | None]:
    problems: list[Problem] = []

    def tell(offset: int, reason: str) -> None:
        problems.append(Problem(archive.name, offset, reason))

    end: int | None = None
    try:
        captures = read_part(archive.path, part, tell, name=archive.name, resources=True)
        while True:
            try:
                capture = next(captures)
            except StopIteration as finished:
                end = finished.value
                break
            step = _see(look, capture) if _is_page(capture) else Step([], [], no_pages=1)
            step.problems, problems[:] = [*problems], []
            yield step
        last = end if end is not None else archive.path.stat().st_size
    except OSError as error:
        tell(part.start, error.strerror or str(error))
        last = part.start
    yield Step([], problems, bytes_done=last - part.start)
    return end


def _is_page(capture: Capture) -> bool:
    content_type = (capture.header("content-type") or "").partition(";")[0].strip().lower()
    return content_type in _HTML_TYPES and not 300 <= capture.status < 400
