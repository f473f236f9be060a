"""What earlier crawls kept of a site, so that a later one asks only for what has changed.

One small JSON file for each site beside the archive, from URL to capture id; the archive itself
holds everything else. Losing these files costs traffic, never evidence.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

from tracewell.web.archive import ArchiveError, parse_capture_id, read_original
from tracewell.web.exchange import Exchange, Original
from tracewell.web.serialising import find_revisit

URLS_MAX = 500
FILE_BYTES_MAX = 4 << 20
FOLDER = "sites"


class SeenPages:
    """The sites of one archive folder.

    Originals older than `age_ms_max` are not leant on: a revisit record is worth nothing once the
    file of its original is gone.
    """

    def __init__(self, archive: Path, clock: Callable[[], int], *, age_ms_max: int) -> None:
        self._archive = archive
        self._clock = clock
        self._age_ms_max = age_ms_max

    async def open_site(self, site: str) -> SitePages:
        """What is known of a site; nothing where its file is missing or broken."""
        digest = hashlib.sha256(site.encode("utf-8", "replace")).hexdigest()
        path = self._archive / FOLDER / digest[:2] / f"{digest}.json"
        known = await asyncio.to_thread(_load, path)
        return SitePages(self._archive, path, known, self._clock, self._age_ms_max)


class SitePages:
    """The pages of one site; `save` after a crawl."""

    def __init__(
        self,
        archive: Path,
        path: Path,
        known: dict[str, str],
        clock: Callable[[], int],
        age_ms_max: int,
    ) -> None:
        self._archive = archive
        self._path = path
        self._known = known
        self._clock = clock
        self._age_ms_max = age_ms_max
        self._is_changed = False

    async def find(self, url: str) -> Original | None:
        """The archived response of that URL, if it can be read and is young enough."""
        capture_id = self._known.get(url)
        if capture_id is None:
            return None
        original = await asyncio.to_thread(self._read, capture_id)
        if original is None or original.capture.url != url:
            return None
        age_ms = self._clock() - original.capture.captured_at
        return original if age_ms <= self._age_ms_max else None

    def note(self, exchange: Exchange, capture_id: str) -> None:
        """The exchange was kept under that id: a later crawl may find it unchanged."""
        if exchange.status != 200 or find_revisit(exchange) is not None:
            return
        # Taken out first: what was seen last stands last, and the first go.
        self._known.pop(exchange.url, None)
        self._known[exchange.url] = capture_id
        while len(self._known) > URLS_MAX:
            del self._known[next(iter(self._known))]
        self._is_changed = True

    def save(self) -> None:
        """Write the file anew where something was noted. Raises OSError."""
        if not self._is_changed:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=self._path.parent, delete=False, encoding="utf-8") as file:
            try:
                json.dump(self._known, file)
                file.flush()
                os.replace(file.name, self._path)
            except BaseException:
                os.unlink(file.name)
                raise
        self._is_changed = False

    def _read(self, capture_id: str) -> Original | None:
        try:
            name, offset = parse_capture_id(capture_id)
            return read_original(self._archive / name, offset)
        except (ArchiveError, ValueError, OSError):
            return None


def _load(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            return {}
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {str(url): str(place) for url, place in list(known.items())[-URLS_MAX:]}
