"""`tracewell fingerprints`: collections that are used beside our own pack."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.fingerprint_options import tell_problems
from tracewell.cli.options import data_option, json_option, show, show_all
from tracewell.cli.progress import BytesBar, Problems
from tracewell.detection import default_fingerprints_directory
from tracewell.kernel.clock import format_utc, system_clock
from tracewell.main.fingerprint_difference import Difference, compare_sets
from tracewell.main.fingerprint_store import (
    OWN,
    Collection,
    FingerprintStore,
    count_own,
    load_named,
)
from tracewell.main.intake import list_archives
from tracewell.main.published_fingerprints import (
    ARCHIVE_BYTES_MAX,
    PUBLISHED,
    fetch_archive,
    find_registry,
    install_archive,
)
from tracewell.main.settings import load_settings
from tracewell.values import Capture
from tracewell.web.archive import iter_captures

_CHANGES_SHOWN_MAX = 50

name_option = click.option("--name", help="Keep the collection under this name.")
replace_option = click.option(
    "--replace", is_flag=True, help="Renew a collection that is there already."
)


@click.group()
def fingerprints() -> None:
    """Fingerprint collections beside our own pack.

    What is added here is used by ingest, crawl and detect of the same data folder.

    \b
    Examples:
      tracewell fingerprints list
      tracewell fingerprints add ./my-fingerprints
      tracewell fingerprints install wappalyzer-mit
    """


def _store(data: Path | None) -> FingerprintStore:
    return FingerprintStore(load_settings(data=data).data)


def _shown(collection: Collection) -> dict[str, Any]:
    values = dataclasses.asdict(collection)
    return {**values, "added_at": format_utc(collection.added_at)}


@fingerprints.command("add")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@name_option
@replace_option
@data_option
@json_option
def add(folder: Path, name: str | None, replace: bool, data: Path | None, as_json: bool) -> None:
    """Copies the fingerprints in FOLDER (Wappalyzer-style JSON) to the data folder.

    What cannot be read of them is told and left out. A folder without categories.json takes the
    category numbers of our own pack, which are the public ones.

    \b
    Examples:
      tracewell fingerprints add ./my-fingerprints
      tracewell fingerprints add ./checkout/src --name theirs --replace
    """
    store = _store(data)
    collection = store.add(folder, system_clock, name=name, replace=replace)
    tell_problems(store.list_problems(collection.name))
    show(_shown(collection), as_json=as_json)


@fingerprints.command("list")
@data_option
@json_option
def list_(data: Path | None, as_json: bool) -> None:
    """Lists our own pack and the collections of the data folder.

    \b
    Example:
      tracewell fingerprints list --json
    """
    own = {
        "name": OWN,
        "source": str(default_fingerprints_directory()),
        "added_at": None,
        "technologies": count_own(),
        "problems": 0,
    }
    rows = [own, *(_shown(collection) for collection in _store(data).list_collections())]
    show_all(rows, as_json=as_json)


@fingerprints.command("remove")
@click.argument("name")
@data_option
@json_option
def remove(name: str, data: Path | None, as_json: bool) -> None:
    """Removes the collection NAME from the data folder.

    \b
    Example:
      tracewell fingerprints remove wappalyzer-mit
    """
    _store(data).remove(name)
    show({"removed": name}, as_json=as_json)


@fingerprints.command("install")
@click.argument("published", type=click.Choice(sorted(PUBLISHED)))
@click.option("--registry", help="Address of the npm registry.  [default: npm's own setting]")
@click.option(
    "--file",
    "archive_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the archive (.tgz) from a file, where there is no network.",
)
@name_option
@replace_option
@data_option
@json_option
def install(
    published: str,
    registry: str | None,
    archive_file: Path | None,
    name: str | None,
    replace: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Gets a published collection from a npm registry and checks it by its checksum.

    wappalyzer-mit: the last state of the original project under the MIT licence (npm package
    wappalyzer@6.10.47). It stays under its authors' licence; it is no part of this project.

    \b
    Examples:
      tracewell fingerprints install wappalyzer-mit
      tracewell fingerprints install wappalyzer-mit --registry https://npm.example.com/
      tracewell fingerprints install wappalyzer-mit --file wappalyzer-6.10.47.tgz
    """
    package = PUBLISHED[published]
    if archive_file is not None:
        archive = _read_archive(archive_file)
    else:
        archive = asyncio.run(fetch_archive(package, registry or find_registry()))
    store = _store(data)
    collection = install_archive(
        package, archive, store, system_clock, name=name or published, replace=replace
    )
    tell_problems(store.list_problems(collection.name))
    show({**_shown(collection), "licence": package.licence}, as_json=as_json)


def _read_archive(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(ARCHIVE_BYTES_MAX + 1)
    except OSError as error:
        fail(f"{file}: {error.strerror}", USAGE)


@fingerprints.command("diff")
@click.argument("first")
@click.argument("second")
@click.argument("corpus", nargs=-1, required=True, type=click.Path(path_type=Path))
@data_option
@json_option
def diff(
    first: str, second: str, corpus: tuple[Path, ...], data: Path | None, as_json: bool
) -> None:
    """Tells which technologies gain or lose detections from FIRST to SECOND over WARC files.

    FIRST and SECOND are names of collections (our own pack is `tracewell`) or folders (with a
    slash), or several of them joined by `+`.

    \b
    Examples:
      tracewell fingerprints diff wappalyzer-mit tracewell+wappalyzer-mit pages.warc.gz
      tracewell fingerprints diff tracewell ./my-fingerprints/ archive/ --json
    """
    try:
        archives = list_archives(corpus)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", USAGE)
    if not archives:
        fail("there is no .warc or .warc.gz file", USAGE)
    folder = load_settings(data=data).data
    sets = load_named(first, folder), load_named(second, folder)
    problems = Problems()
    with BytesBar("diff", sum(path.stat().st_size for path in archives)) as bar:
        difference = compare_sets(
            *sets,
            _iter_pages(archives, problems, bar),
            on_page=lambda pages: bar.say(f"{pages} pages"),
        )
    if not difference.pages:
        fail("no page could be read", REFUSED)
    _show_difference(first, second, difference, problems.count, as_json)


def _iter_pages(archives: list[Path], problems: Problems, bar: BytesBar) -> Iterator[Capture]:
    before = 0
    for path in archives:

        def tell(offset: int, reason: str, path: Path = path) -> None:
            problems.tell(path, offset, reason)

        def move(done: int, total: int, before: int = before) -> None:
            bar.move(before + done)

        yield from iter_captures(path, tell, on_progress=move)
        before += path.stat().st_size


def _show_difference(
    first: str, second: str, difference: Difference, broken: int, as_json: bool
) -> None:
    changes = [{**dataclasses.asdict(change), "gain": change.gain} for change in difference.changes]
    summary = {
        "first": first,
        "second": second,
        "pages": difference.pages,
        "records_broken": broken,
        "findings_first": difference.findings_first,
        "findings_second": difference.findings_second,
        "technologies_changed": len(changes),
    }
    if as_json:
        show({**summary, "changes": changes}, as_json=True)
        return
    show(summary, as_json=False)
    if changes:
        click.echo(f"\n{'gained':>7}{'lost':>7}{'both':>7}  technology")
    for change in difference.changes[:_CHANGES_SHOWN_MAX]:
        counts = f"{change.only_second:>7}{change.only_first:>7}{change.both:>7}"
        click.echo(f"{counts}  {change.technology}  (for example {change.examples[0]})")
    if len(changes) > _CHANGES_SHOWN_MAX:
        click.echo(f"and {len(changes) - _CHANGES_SHOWN_MAX} more; --json tells all")
