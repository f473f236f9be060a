"""Which archives an ingest is asked for: files, folders, addresses, and lists of paths such as
Common Crawl's `warc.paths.gz`. Reading archives is `web`'s."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tracewell.web.archive_sources import FetchBounds, fetched, is_remote
from tracewell.web.disk import ENDINGS

COMMON_CRAWL = "https://data.commoncrawl.org/"
ARCHIVES_MAX = 1_000_000
LIST_BYTES_MAX = 256 << 20

_LISTS = (".paths", ".paths.gz")


class ListingWrong(ValueError):  # noqa: N818
    """What was named gives no archives; the text says why."""


def list_sources(
    names: Sequence[str], *, base: str | None = None, anonymous: bool = False
) -> list[str]:
    """Absolute paths and addresses of the archives: those named, those that lie in folders, and
    those of lists (`*.paths`, `*.paths.gz`).

    Relative paths of a list lie under `base`; by default under the root of the list's own server or
    bucket, for a list on the disk under Common Crawl's. Raises ListingWrong, OSError.
    """
    found: list[str] = []
    for name in names:
        if name.endswith(_LISTS):
            found += _iter_listed(name, base, anonymous=anonymous)
        elif is_remote(name):
            found.append(name)
        else:
            found += _find_files(Path(name))
        if len(found) > ARCHIVES_MAX:
            raise ListingWrong(f"more than {ARCHIVES_MAX} archives")
    return found


def _find_files(path: Path) -> list[str]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.name.endswith(ENDINGS))
    else:
        path.stat()
        files = [path]
    return [str(file.absolute()) for file in files]


def _iter_listed(name: str, base: str | None, *, anonymous: bool) -> Iterator[str]:
    root = base or _root_of(name)
    bounds = FetchBounds(bytes_max=LIST_BYTES_MAX)
    with fetched(name, anonymous=anonymous, bounds=bounds) as path:
        try:
            with path.open("rb") as raw:
                file = gzip.GzipFile(fileobj=raw) if name.endswith(".gz") else raw
                text = file.read(LIST_BYTES_MAX + 1)
            if len(text) > LIST_BYTES_MAX:
                raise ListingWrong(f"{name}: a list of more than {LIST_BYTES_MAX} bytes")
            lines = text.decode("utf-8").split("\n")
        except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
            raise ListingWrong(f"{name}: this is no list of paths") from error
    for line in filter(None, map(str.strip, lines)):
        yield line if is_remote(line) else _join(root, line)


def _root_of(name: str) -> str:
    if not is_remote(name):
        return COMMON_CRAWL
    parts = urlsplit(name)
    return f"{parts.scheme}://{parts.netloc}/"


def _join(root: str, path: str) -> str:
    if not is_remote(root):
        return str(Path(root).absolute() / path)
    if root.startswith("s3:"):
        return root.rstrip("/") + "/" + path.lstrip("/")
    return urljoin(root if root.endswith("/") else f"{root}/", path)
