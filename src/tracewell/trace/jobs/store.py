"""The SQL of refresh jobs. Whatever ends a domain's run asks that it has not ended yet."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from tracewell.kernel.database import Sql, Transaction
from tracewell.trace.jobs.model import Begun, DomainState, Job, Outcome

_ADD = "INSERT INTO refresh_jobs (job_id, org_id, created_at) VALUES (:job_id, :org_id, :at)"
_ADD_DOMAIN = """
    INSERT INTO refresh_domains (job_id, place, domain, status, error_code, error_message, run,
      attempts, finished_at)
    VALUES (:job_id, :place, :domain, :status, :code, :message, 0, 0, :finished_at)"""
_DOMAINS = Sql(
    sqlite="""
        SELECT job_id, domain, status, error_code, error_message, started_at, finished_at
        FROM refresh_domains WHERE job_id IN (SELECT value FROM json_each(:ids))
        ORDER BY job_id, place""",
    postgresql="""
        SELECT job_id, domain, status, error_code, error_message, started_at, finished_at
        FROM refresh_domains WHERE job_id = ANY(CAST(:ids AS TEXT[])) ORDER BY job_id, place""",
)
_RECENT = """
    SELECT job_id, org_id, created_at FROM refresh_jobs AS j
    WHERE NOT CAST(:is_open AS BOOLEAN) OR EXISTS (
      SELECT 1 FROM refresh_domains AS d
      WHERE d.job_id = j.job_id AND d.status IN ('queued', 'running'))
    ORDER BY created_at DESC, job_id DESC LIMIT :limit"""
_BEGIN = """
    UPDATE refresh_domains SET status = 'running', attempts = attempts + 1,
      started_at = COALESCE(started_at, :at)
    WHERE job_id = :job_id AND place = :place AND status IN ('queued', 'running')
    RETURNING domain, run, attempts, captures"""
_OF_RUN = "job_id = :job_id AND place = :place AND run = :run AND status = 'running'"
_GIVE_BACK = f"UPDATE refresh_domains SET status = 'queued' WHERE {_OF_RUN}"  # noqa: S608
_NOTE = f"""
    UPDATE refresh_domains SET captures = :captures
    WHERE {_OF_RUN} AND captures IS NULL"""  # noqa: S608 - our own words
_FORGET = f"""
    UPDATE refresh_domains SET captures = NULL
    WHERE {_OF_RUN} AND captures = :captures"""  # noqa: S608
_END = f"""
    UPDATE refresh_domains SET status = :status, error_code = :code, error_message = :message,
      finished_at = :at, captures = NULL WHERE {_OF_RUN}"""  # noqa: S608
_CANCEL = """
    UPDATE refresh_domains SET status = 'failed', error_code = :code, error_message = :message,
      finished_at = :at
    WHERE job_id = :job_id AND status = 'queued'"""
_RETRY = """
    UPDATE refresh_domains SET status = 'queued', error_code = NULL, error_message = NULL,
      run = run + 1, attempts = 0, captures = NULL, started_at = NULL, finished_at = NULL
    WHERE job_id = :job_id AND status = 'failed' AND error_code <> 'invalid_domain'
    RETURNING place"""
_STALE = """
    SELECT c.primary_domain FROM companies AS c
    WHERE c.last_crawled_at < :before AND NOT EXISTS (
      SELECT 1 FROM refresh_domains AS d
      WHERE d.domain = c.primary_domain AND (d.finished_at IS NULL OR d.finished_at >= :before))
    ORDER BY c.last_crawled_at, c.company_id LIMIT :limit"""
_DONE_SINCE = """
    SELECT j.job_id FROM refresh_jobs AS j
    WHERE j.created_at < :before AND NOT EXISTS (
      SELECT 1 FROM refresh_domains AS d
      WHERE d.job_id = j.job_id AND (d.finished_at IS NULL OR d.finished_at >= :before))
    ORDER BY j.created_at, j.job_id LIMIT :limit"""
# SQLite's writer is alone; in PostgreSQL a retry may have come between: who holds the rows looks.
_OPEN_OF = Sql(
    sqlite="""
        SELECT job_id, finished_at FROM refresh_domains
        WHERE job_id IN (SELECT value FROM json_each(:ids))""",
    postgresql="""
        SELECT job_id, finished_at FROM refresh_domains
        WHERE job_id = ANY(CAST(:ids AS TEXT[])) ORDER BY job_id, place FOR UPDATE""",
)
_REMOVE = tuple(
    Sql(
        sqlite=f"DELETE FROM {table} WHERE job_id IN (SELECT value FROM json_each(:ids))",  # noqa: S608
        postgresql=f"DELETE FROM {table} WHERE job_id = ANY(CAST(:ids AS TEXT[]))",  # noqa: S608
    )
    for table in ("refresh_domains", "refresh_jobs")
)
_LOCK = 0x74726163_6A6F62


async def add_job(
    tx: Transaction, job_id: str, org_id: int | None, at: int, domains: Sequence[DomainState]
) -> None:
    """A new job."""
    await tx.execute(_ADD, job_id=job_id, org_id=org_id, at=at)
    await tx.execute_many(
        _ADD_DOMAIN,
        [
            {
                "job_id": job_id,
                "place": place,
                "domain": one.domain,
                "status": one.status,
                "code": one.error.code if one.error else None,
                "message": one.error.message if one.error else None,
                "finished_at": one.finished_at,
            }
            for place, one in enumerate(domains)
        ],
    )


async def find_job(tx: Transaction, job_id: str) -> Job | None:
    """The job of that id."""
    row = await tx.fetch_one(
        "SELECT job_id, org_id, created_at FROM refresh_jobs WHERE job_id = :job_id", job_id=job_id
    )
    return None if row is None else (await _with_domains(tx, [row]))[0]


async def list_jobs(tx: Transaction, *, limit: int, is_open: bool) -> list[Job]:
    """The newest jobs; with `is_open` only those that are not done."""
    rows = await tx.fetch_all(_RECENT, limit=limit, is_open=is_open)
    return await _with_domains(tx, rows)


async def _with_domains(tx: Transaction, jobs: Sequence[Sequence[object]]) -> list[Job]:
    ids = [str(row[0]) for row in jobs]
    domains: dict[str, list[DomainState]] = {job_id: [] for job_id in ids}
    for job_id, domain, status, code, message, started, finished in await tx.fetch_all(
        _DOMAINS, ids=_id_list(tx, ids)
    ):
        error = None if code is None else Outcome(code, message)
        domains[job_id].append(DomainState(domain, status, error, started, finished))
    return [Job(str(i), org, at, tuple(domains[str(i)])) for i, org, at in jobs]  # type: ignore[arg-type]


async def begin_domain(tx: Transaction, job_id: str, place: int, at: int) -> Begun | None:
    """Notes that a worker has begun; None where nothing is left to do."""
    row = await tx.fetch_one(_BEGIN, job_id=job_id, place=place, at=at)
    if row is None:
        return None
    domain, run, attempts, captures = row
    return Begun(domain, run, attempts, _unpack(captures))


async def give_back(tx: Transaction, job_id: str, place: int, run: int) -> None:
    """Notes that no worker is at it any more."""
    await tx.execute(_GIVE_BACK, job_id=job_id, place=place, run=run)


async def note_captures(
    tx: Transaction, job_id: str, place: int, run: int, captures: Sequence[str]
) -> tuple[str, ...] | None:
    """Notes what a crawl kept, unless another attempt's crawl was first; whichever counts.

    None where the run has ended meanwhile.
    """
    told = orjson.dumps(captures).decode()
    await tx.execute(_NOTE, job_id=job_id, place=place, run=run, captures=told)
    stored = await tx.fetch_value(
        f"SELECT captures FROM refresh_domains WHERE {_OF_RUN}",  # noqa: S608 - our own words
        job_id=job_id,
        place=place,
        run=run,
    )
    return _unpack(stored)


async def forget_captures(
    tx: Transaction, job_id: str, place: int, run: int, captures: Sequence[str]
) -> None:
    """Captures that cannot be read any more: the domain is to be crawled anew."""
    told = orjson.dumps(captures).decode()
    await tx.execute(_FORGET, job_id=job_id, place=place, run=run, captures=told)


async def end_domain(
    tx: Transaction, job_id: str, place: int, run: int, at: int, error: Outcome | None
) -> None:
    """Ends a domain's run, the first time alone."""
    await tx.execute(
        _END,
        job_id=job_id,
        place=place,
        run=run,
        at=at,
        status="succeeded" if error is None else "failed",
        code=None if error is None else error.code,
        message=None if error is None else error.message,
    )


async def cancel_queued(tx: Transaction, job_id: str, at: int, error: Outcome) -> int:
    """Ends the domains that nobody has begun; how many."""
    return await tx.execute(_CANCEL, job_id=job_id, at=at, code=error.code, message=error.message)


async def queue_failed_again(tx: Transaction, job_id: str) -> list[int]:
    """Queues the failed domains once more; their places."""
    return sorted(row[0] for row in await tx.fetch_all(_RETRY, job_id=job_id))


async def lock_schedule(tx: Transaction) -> None:
    """Waits until no other transaction looks for what is stale."""
    if tx.dialect == "postgresql":
        await tx.execute("SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)


async def list_stale_domains(tx: Transaction, before: int, limit: int) -> list[str]:
    """Domains of companies that were crawled last before then, and not tried since."""
    return [row[0] for row in await tx.fetch_all(_STALE, before=before, limit=limit)]


async def remove_done_jobs(tx: Transaction, before: int, limit: int) -> int:
    """Removes the oldest jobs of which every domain had ended by then; how many."""
    done = [row[0] for row in await tx.fetch_all(_DONE_SINCE, before=before, limit=limit)]
    held = await tx.fetch_all(_OPEN_OF, ids=_id_list(tx, done))
    queued_again = {job_id for job_id, finished_at in held if finished_at is None}
    removed = [job_id for job_id in done if job_id not in queued_again]
    for statement in _REMOVE:
        await tx.execute(statement, ids=_id_list(tx, removed))
    return len(removed)


def _id_list(tx: Transaction, ids: Sequence[str]) -> str | list[str]:
    return orjson.dumps(ids).decode() if tx.dialect == "sqlite" else list(ids)


def _unpack(captures: str | None) -> tuple[str, ...] | None:
    return None if captures is None else tuple(orjson.loads(captures))
