"""Archives where they lie: on the disk, behind an http(s) address, in an S3 bucket.

What is remote is fetched into a file of its own first, on from where a broken line ended. The
address comes from the operator: no address guard stands here, unlike in `fetcher`.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from pyarrow import fs

_SCHEMES = ("http", "https", "s3")
_CHUNK_BYTES = 1 << 20
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_NAME_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class FetchBounds:
    """How much is fetched of one archive, and how patiently.

    `tries_max` counts tries that brought nothing new, `timeout_s` is the silence of a line,
    `pause_s` doubles with each such try; `total_s` holds for the whole archive.
    """

    bytes_max: int = 16 << 30
    timeout_s: float = 60
    tries_max: int = 6
    pause_s: float = 1
    total_s: float = 6 * 3600


BOUNDS = FetchBounds()


class FetchFailed(OSError):  # noqa: N818
    """An archive cannot be fetched, whatever is tried again; the text says why."""


class _Final(FetchFailed):
    """Trying again is of no use."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open line: where in the archive it begins, how long the archive is, if told."""

    start: int
    total: int | None
    chunks: Iterator[bytes]


_OpenAt = Callable[[int], AbstractContextManager[_Opened]]


def is_remote(archive: str) -> bool:
    """Whether this is an address rather than a path."""
    return urlsplit(archive).scheme.lower() in _SCHEMES and "://" in archive


def archive_name(archive: str) -> str:
    """The last part of a path or address: what capture ids begin with."""
    if not is_remote(archive):
        return Path(archive).name or archive
    name = unquote(urlsplit(archive).path).rpartition("/")[2].replace("\0", "")
    return name[-_NAME_CHARS_MAX:] or "archive"


@contextmanager
def fetched(
    archive: str,
    *,
    anonymous: bool = False,
    bounds: FetchBounds = BOUNDS,
    folder: str | os.PathLike[str] | None = None,
) -> Generator[Path]:
    """The archive as a file: a local one as it lies, a remote one fetched into a file of the same
    name, which goes afterwards. `anonymous` asks S3 without credentials; `folder` holds the file
    (default: the system's folder for such).

    S3 reads credentials, AWS_REGION and AWS_ENDPOINT_URL as all its tools do. Raises FetchFailed,
    OSError.
    """
    if not is_remote(archive):
        yield Path(archive)
        return
    with tempfile.TemporaryDirectory(prefix="tracewell-archive-", dir=folder) as made:
        path = Path(made) / archive_name(archive)
        with path.open("wb") as file:
            if urlsplit(archive).scheme.lower() == "s3":
                _fetch(_s3(archive, bounds, anonymous=anonymous), file, bounds)
            else:
                _fetch(_http(archive, bounds), file, bounds)
        yield path


def _fetch(open_at: _OpenAt, file: BinaryIO, bounds: FetchBounds) -> None:
    """Writes the whole, however often the line breaks. Raises FetchFailed."""
    until = time.monotonic() + bounds.total_s
    tries = 0
    while True:
        before = file.tell()
        try:
            with open_at(before) as opened:
                if opened.start != file.tell():
                    file.seek(opened.start)
                    file.truncate()
                _copy(opened, file, bounds, until)
            return
        except _Final:
            raise
        except (OSError, http.client.HTTPException) as error:
            tries = 1 if file.tell() > before else tries + 1
            if tries >= bounds.tries_max or time.monotonic() > until:
                raise FetchFailed(f"cannot be fetched: {_reason(error)}") from error
            time.sleep(bounds.pause_s * 2 ** (tries - 1))


def _copy(opened: _Opened, file: BinaryIO, bounds: FetchBounds, until: float) -> None:
    if opened.total is not None and opened.total > bounds.bytes_max:
        raise _Final(f"has {opened.total} bytes, at most {bounds.bytes_max} are fetched")
    for chunk in opened.chunks:
        file.write(chunk)
        if file.tell() > bounds.bytes_max:
            raise _Final(f"has more than {bounds.bytes_max} bytes")
        if time.monotonic() > until:
            raise _Final(f"was not there after {bounds.total_s:g} seconds")
    if opened.total is not None and file.tell() != opened.total:
        raise FetchFailed(f"the line broke after {file.tell()} of {opened.total} bytes")


def _http(url: str, bounds: FetchBounds) -> _OpenAt:
    # Only http and https, also behind redirects; proxies as the environment says.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    tag: str | None = None

    @contextmanager
    def open_at(offset: int) -> Generator[_Opened]:
        nonlocal tag
        headers = {"User-Agent": "tracewell", "Accept-Encoding": "identity"}
        if offset and tag:
            # A file that changed meanwhile comes anew from its beginning (RFC 9110, 13.1.5).
            headers |= {"Range": f"bytes={offset}-", "If-Range": tag}
        request = urllib.request.Request(url, headers=headers)  # noqa: S310
        try:
            response = opener.open(request, timeout=bounds.timeout_s)
        except urllib.error.HTTPError as error:
            error.close()
            kind = FetchFailed if error.code in _RETRIED else _Final
            raise kind(f"the server answers {error.code} {error.reason}"[:200]) from error
        if response is None:
            raise _Final("leads to an address that is neither http nor https")
        with response:
            found = response.headers.get("ETag")
            tag = found if found and not found.startswith("W/") else None
            length = response.headers.get("Content-Length")
            start = offset if response.status == 206 else 0
            total = start + int(length) if length and length.isdigit() else None
            yield _Opened(start, total, iter(lambda: response.read(_CHUNK_BYTES), b""))

    return open_at


def _s3(address: str, bounds: FetchBounds, *, anonymous: bool) -> _OpenAt:
    parts = urlsplit(address)
    bucket, key = parts.netloc, parts.path.lstrip("/")
    if not bucket or not key:
        raise FetchFailed("write s3://BUCKET/KEY")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")

    @contextmanager
    def open_at(offset: int) -> Generator[_Opened]:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if region is None and endpoint is None:
            region = fs.resolve_s3_region(bucket)
        system = fs.S3FileSystem(
            anonymous=anonymous,
            region=region,
            endpoint_override=endpoint,
            request_timeout=bounds.timeout_s,
            connect_timeout=bounds.timeout_s,
        )
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(system.open_input_file(f"{bucket}/{key}"))
            except (FileNotFoundError, PermissionError) as error:
                raise _Final(f"S3 has no such object: {_reason(error)}") from error
            file.seek(offset)
            yield _Opened(offset, file.size(), iter(lambda: file.read(_CHUNK_BYTES), b""))

    return open_at


def _reason(error: BaseException) -> str:
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        return _reason(error.reason)
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
