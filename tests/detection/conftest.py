"""What detection tests share: where the real data lies, real pages, small captures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from tracewell.detection import FingerprintSet, load_pack
from tracewell.values import Capture

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TRACEWELL_SHARED", ROOT / ".." / "shared"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; the test is skipped where it is missing."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("the real data is not on this machine (set TRACEWELL_SHARED)")
    return data


@pytest.fixture(scope="session")
def real_pages(shared_data: Path) -> list[Capture]:
    """All response records of the real pages."""
    captures: list[Capture] = []
    with (shared_data / "pages" / "pages.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream):
            if record.rec_type == "response":
                captures.append(
                    Capture(
                        url=record.rec_headers.get_header("WARC-Target-URI"),
                        status=200,
                        headers=tuple(record.http_headers.headers),
                        body=record.content_stream().read(),
                        captured_at=0,
                    )
                )
    return captures


@pytest.fixture(scope="session")
def pack() -> FingerprintSet:
    """Our own fingerprints."""
    return load_pack()


@pytest.fixture
def page() -> Callable[..., Capture]:
    """Makes a capture of a body, by default UTF-8 HTML."""

    def make(
        body: bytes | str,
        content_type: str | None = "text/html; charset=utf-8",
        url: str = "https://www.site.example/",
        **headers: str,
    ) -> Capture:
        raw = body.encode() if isinstance(body, str) else body
        given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        own = (("Content-Type", content_type),) if content_type else ()
        return Capture(url=url, status=200, headers=own + given, body=raw, captured_at=0)

    return make
