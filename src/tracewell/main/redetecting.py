"""From archive files to a redetection: where the captures of companies are read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tracewell.main.crawling import archive_folder
from tracewell.main.fingerprint_store import digest_all
from tracewell.main.ground import Ground
from tracewell.main.intake import list_archives, open_fingerprints
from tracewell.trace.redetection import RedetectionSummary, redetect_companies
from tracewell.values import Capture
from tracewell.web.archive import ArchiveError, parse_capture_id, read_capture


def open_reader(data: Path, further: Sequence[Path]) -> Callable[[str], Capture | None]:
    """Reads captures from the deployment's archive, and from further files or folders of them.

    Raises OSError for one that is not there.
    """
    folder = archive_folder(data)
    given = [*further, *([folder] if folder.is_dir() else [])]
    # Of two files of one name the deployment's own counts.
    files = {path.name: path for path in list_archives(given)}

    def read(capture_id: str) -> Capture | None:
        try:
            name, offset = parse_capture_id(capture_id)
            return read_capture(files[name], offset) if name in files else None
        except (ArchiveError, ValueError, OSError):
            return None

    return read


async def redetect_archive(
    ground: Ground,
    fingerprint_folders: Sequence[Path],
    archives: Sequence[Path],
    *,
    jobs: int,
    is_dry: bool,
    on_progress: Callable[[RedetectionSummary], None],
) -> RedetectionSummary:
    """Looks into every company's kept captures with the fingerprints of today. Raises OSError."""
    data = ground.settings.data
    return await redetect_companies(
        ground.database,
        open_fingerprints(fingerprint_folders, data),
        digest_all(fingerprint_folders, data),
        open_reader(data, archives),
        jobs=jobs,
        is_dry=is_dry,
        on_progress=on_progress,
    )
