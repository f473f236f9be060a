"""What `detect` is given: web addresses, saved pages, web archives, folders, standard input."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from tracewell.web.archive import opens_archive
from tracewell.web.saved import SAVED_LIMITS
from tracewell.web.urls import BadUrlError, parse_url

STDIN = "-"
STDIN_NAME = "stdin"
_OPENING_BYTES = 4_096
_ARCHIVES = (".warc", ".warc.gz")
_PAGES = (".html", ".htm", ".xhtml")


class InputWrong(ValueError):  # noqa: N818
    """Something named that is no page, no archive and no address."""


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page to be fetched."""

    url: str

    @property
    def name(self) -> str:
        """How it is called in messages."""
        return self.url


@dataclass(frozen=True, slots=True)
class SavedPage:
    """A file with one page; `url` is the address it came from, where that is known."""

    path: Path
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Archive:
    """A WARC file; `name` stands in the capture ids."""

    path: Path
    name: str


PageInput = WebPage | SavedPage | Archive


def list_inputs(
    named: Sequence[str], *, stdin: PageInput | None = None, url: str | None = None
) -> list[PageInput]:
    """What the arguments stand for, in their order (folders by name); `-` stands for `stdin`.
    `url` is the address of the one saved page that is named. Raises InputWrong."""
    inputs: list[PageInput] = []
    for text in named:
        if text == STDIN and stdin is not None:
            inputs.append(stdin)
        else:
            inputs.extend(_list_named(text))
    if url is None:
        return inputs
    if len(inputs) != 1 or not isinstance(inputs[0], SavedPage):
        raise InputWrong("--url is the address of one saved page, and nothing else may be named")
    return [SavedPage(inputs[0].path, inputs[0].name, parse_address(url))]


def parse_address(text: str) -> str:
    """A web address. Raises InputWrong."""
    try:
        return parse_url(text)
    except BadUrlError as error:
        raise InputWrong(f"{text[:200]}: {error}") from error


def _list_named(text: str) -> Iterator[PageInput]:
    if text.lower().startswith(("http://", "https://")):
        yield WebPage(parse_address(text))
        return
    path = Path(text)
    try:
        if path.is_dir():
            yield from _list_folder(path)
        else:
            yield _open_file(path, path.name)
    except OSError as error:
        hint = ""
        if isinstance(error, FileNotFoundError) and "." in text and os.sep not in text:
            hint = f"; for the page on the web say https://{text}"
        raise InputWrong(f"{text}: {error.strerror}{hint}") from error


def _list_folder(folder: Path) -> Iterator[PageInput]:
    found = [path for path in sorted(folder.rglob("*")) if path.name.lower().endswith(
        (*_ARCHIVES, *_PAGES)
    ) and path.is_file()]  # fmt: skip
    if not found:
        raise InputWrong(f"{folder}: there is no .warc, .warc.gz or .html file")
    for path in found:
        yield _open_file(path, path.name)


def _open_file(path: Path, name: str) -> PageInput:
    with path.open("rb") as file:
        opening = file.read(_OPENING_BYTES)
    if opens_archive(opening) or path.name.lower().endswith(_ARCHIVES):
        return Archive(path, name)
    return SavedPage(path, name, path.resolve().as_uri())


@contextmanager
def spooled(stream: BinaryIO) -> Iterator[PageInput]:
    """Standard input as a file, gone at the end: an archive is read by offset, and a page twice."""
    with NamedTemporaryFile(prefix="tracewell-") as file:
        opening = stream.read(_OPENING_BYTES)
        file.write(opening)
        if opens_archive(opening):
            shutil.copyfileobj(stream, file)
            file.flush()
            yield Archive(Path(file.name), STDIN_NAME)
            return
        file.write(stream.read(SAVED_LIMITS.wire_bytes_max))
        file.flush()
        yield SavedPage(Path(file.name), STDIN_NAME, f"file:///{STDIN_NAME}")
