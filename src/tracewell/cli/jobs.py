"""`tracewell jobs`: what the operator sees of refresh jobs, and may do with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, fail
from tracewell.cli.on_ground import run_on_ground
from tracewell.cli.options import data_option, json_option, show
from tracewell.kernel.queue import count_tasks
from tracewell.main.ground import Ground
from tracewell.trace.jobs.model import KIND, Job
from tracewell.trace.jobs.routes import describe_job
from tracewell.trace.jobs.service import Jobs


@click.group()
def jobs() -> None:
    """Looks after the jobs of POST /v1/companies/refresh.

    \b
    Examples:
      tracewell jobs list --open
      tracewell jobs show job_01K...
      tracewell jobs retry job_01K...
    """


@jobs.command("list")
@click.option("--open", "is_open", is_flag=True, help="Only those that are not done.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Jobs at most."
)
@data_option
@json_option
def list_jobs(is_open: bool, limit: int, data: Path | None, as_json: bool) -> None:
    """The newest jobs, and how many tasks wait.

    \b
    Examples:
      tracewell jobs list --open --limit 100
    """

    async def read(ground: Ground) -> dict[str, Any]:
        found = await _jobs(ground).list_jobs(limit=limit, is_open=is_open)
        async with ground.database.snapshot() as tx:
            depth = await count_tasks(tx, KIND)
        return {
            "tasks_waiting": depth.waiting,
            "tasks_running": depth.running,
            "jobs": [_summary(job) for job in found],
        }

    told = run_on_ground(data, read)
    if as_json:
        show(told, as_json=True)
        return
    click.echo(f"{told['tasks_waiting']} tasks wait, {told['tasks_running']} run")
    for job in told["jobs"]:
        progress = f"{job['done']}/{job['total']}"
        click.echo(f"{job['job_id']}  {job['status']:<9}  {progress:>5}  {job['created_at']}")


@jobs.command("show")
@click.argument("job_id")
@data_option
@json_option
def show_job(job_id: str, data: Path | None, as_json: bool) -> None:
    """What came of each domain of a job.

    \b
    Examples:
      tracewell jobs show job_01K...
    """

    async def read(ground: Ground) -> dict[str, Any]:
        return describe_job(await _get(ground, job_id))

    told = run_on_ground(data, read)
    if as_json:
        show(told, as_json=True)
        return
    progress = told["progress"]
    click.echo(f"{told['job_id']}: {told['status']}, {progress['done']} of {progress['total']}")
    for domain in told["domains"]:
        error = domain["error"]
        why = f"  {error['code']}: {error['message']}" if error else ""
        click.echo(f"{domain['status']:<9}  {domain['domain']}{why}")


@jobs.command("cancel")
@click.argument("job_id")
@data_option
@json_option
def cancel_job(job_id: str, data: Path | None, as_json: bool) -> None:
    """Ends the domains that no worker has begun; those under way are finished.

    \b
    Examples:
      tracewell jobs cancel job_01K...
    """

    async def cancel(ground: Ground) -> int:
        await _get(ground, job_id)
        return await _jobs(ground).cancel_job(job_id)

    show({"domains_cancelled": run_on_ground(data, cancel)}, as_json=as_json)


@jobs.command("retry")
@click.argument("job_id")
@data_option
@json_option
def retry_job(job_id: str, data: Path | None, as_json: bool) -> None:
    """Queues the failed domains of a job again.

    \b
    Examples:
      tracewell jobs retry job_01K...
    """

    async def retry(ground: Ground) -> int:
        await _get(ground, job_id)
        return await _jobs(ground).retry_job(job_id)

    show({"domains_queued": run_on_ground(data, retry)}, as_json=as_json)


def _jobs(ground: Ground) -> Jobs:
    return Jobs(ground.database, ground.clock, ground.new_id)


async def _get(ground: Ground, job_id: str) -> Job:
    job = await _jobs(ground).find_job(job_id)
    if job is None:
        fail(f"there is no job {job_id}", REFUSED)
    return job


def _summary(job: Job) -> dict[str, Any]:
    told = describe_job(job)
    return {
        "job_id": told["job_id"],
        "status": told["status"],
        "org_id": job.org_id,
        **told["progress"],
        "created_at": told["created_at"],
        "finished_at": told["finished_at"],
    }
