"""Encryption of results at rest as a deployment has it: the keys, the check, the rotation."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tracewell.intrace.reports.sealed_keys import ResultKeysMissing, ensure_keys, iter_resealing
from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, open_database
from tracewell.kernel.sealing import SealBroken, Sealer, parse_keys
from tracewell.main.settings import Settings, SettingsWrong


def open_sealer(settings: Settings) -> Sealer:
    """The sealer of the configured keys, or one that seals nothing. Raises SettingsWrong."""
    path, given = settings.result_encryption_key_path, settings.result_encryption_key
    try:
        text = path.read_text("ascii") if path else given.get_secret_value() if given else ""
        return Sealer(parse_keys(text))
    except (OSError, ValueError) as error:
        told = f"RESULT_ENCRYPTION_KEY_PATH: cannot be read ({type(error).__name__})"
        raise SettingsWrong(told) from None


async def require_result_keys(database: Database, settings: Settings, clock: Clock) -> None:
    """Raises SettingsWrong where results are encrypted with a key that is not configured."""
    try:
        await ensure_keys(database, open_sealer(settings), clock)
    except ResultKeysMissing as missing:
        ids = ", ".join(missing.key_ids)
        raise SettingsWrong(
            f"RESULT_ENCRYPTION_KEY: the database holds results encrypted with {ids}, and no such "
            "key is configured (for example the old key behind the new one: NEW,OLD)"
        ) from None


async def reseal(settings: Settings, *, dry_run: bool) -> AsyncIterator[tuple[int, int]]:
    """Encrypts all results with the first key: how many were read, and how many changed, so far.

    Raises SettingsWrong without a key and for one that is missing, DatabaseFailed.
    """
    sealer = open_sealer(settings)
    if sealer.key_id is None:
        raise SettingsWrong("RESULT_ENCRYPTION_KEY: is needed (for example openssl rand -hex 32)")
    database = await open_database(settings.database)
    try:
        async for told in iter_resealing(database, sealer, dry_run=dry_run):
            yield told
    except SealBroken as error:
        raise SettingsWrong(f"RESULT_ENCRYPTION_KEY: a result is {error}") from None
    finally:
        await database.close()
