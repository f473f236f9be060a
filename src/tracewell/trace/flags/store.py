"""The SQL of flags."""

from __future__ import annotations

from tracewell.kernel.database import Row, Transaction
from tracewell.trace.flags.model import Flag, FlagRow, FlagStatus, Verdict

_COLUMNS = """f.flag_id, f.company_id, f.org_id, f.key_id, f.description, f.status, f.created_at,
    f.decided_at, f.note"""
_ADD = """
    INSERT INTO flags (flag_id, company_id, org_id, key_id, description, status, created_at)
    VALUES (:flag_id, :company_id, :org_id, :key_id, :description, :status, :created_at)"""
_ROWS = f"""
    SELECT {_COLUMNS}, c.slug, c.primary_domain, o.name
    FROM flags AS f
    JOIN companies AS c ON c.company_id = f.company_id
    JOIN orgs AS o ON o.org_id = f.org_id"""  # noqa: S608 - our own words
_ONE = f"{_ROWS} WHERE f.flag_id = :flag_id"
# Ids sort by time: the newest first, a page behind the last one that was seen.
_PAGE = f"""{_ROWS}
    WHERE (:before = '' OR f.flag_id < :before) AND (:status = '' OR f.status = :status)
      AND (CAST(:company_id AS BIGINT) = 0 OR f.company_id = CAST(:company_id AS BIGINT))
    ORDER BY f.flag_id DESC LIMIT :limit"""
# The first verdict stands: a second one changes no row.
_DECIDE = """
    UPDATE flags SET status = :status, decided_at = :at, note = :note
    WHERE flag_id = :flag_id AND status = 'queued'"""


async def add_flag(tx: Transaction, flag: Flag) -> None:
    """Stores a new flag."""
    await tx.execute(
        _ADD,
        flag_id=flag.flag_id,
        company_id=flag.company_id,
        org_id=flag.org_id,
        key_id=flag.key_id,
        description=flag.description,
        status=flag.status,
        created_at=flag.created_at,
    )


async def find_flag(tx: Transaction, flag_id: str) -> FlagRow | None:
    """A flag by its id."""
    row = await tx.fetch_one(_ONE, flag_id=flag_id)
    return None if row is None else _flag_row(row)


async def list_flags(
    tx: Transaction,
    *,
    status: FlagStatus | None,
    company_id: int | None,
    before: str | None,
    limit: int,
) -> list[FlagRow]:
    """The newest flags before the id `before`."""
    rows = await tx.fetch_all(
        _PAGE,
        status=status or "",
        company_id=company_id or 0,
        before=before or "",
        limit=limit,
    )
    return [_flag_row(row) for row in rows]


async def decide_flag(
    tx: Transaction, flag_id: str, verdict: Verdict, note: str | None, at: int
) -> bool:
    """Decides a flag that waits; False where it was decided before or is none."""
    changed = await tx.execute(_DECIDE, flag_id=flag_id, status=verdict, note=note, at=at)
    return changed == 1


def _flag_row(row: Row) -> FlagRow:
    *flag, slug, domain, org_name = row
    return FlagRow(Flag(*flag), slug, domain, org_name)
