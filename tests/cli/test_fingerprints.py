"""`tracewell fingerprints` as an operator has it, and what it changes for ingest."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import socket
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.cli.conftest import Console
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tracewell.main.fingerprint_errors import CollectionRefused, RegistryUnreachable
from tracewell.main.fingerprint_store import FingerprintStore, load_all
from tracewell.main.published_fingerprints import (
    PUBLISHED,
    Published,
    find_registry,
    install_archive,
)

AT = 1_780_000_000_000
CATEGORIES = {"1": {"name": "CMS"}}
ACME = {"Acme CMS": {"cats": [1], "html": "made-by-acme (\\d+)\\;version:\\1"}}


def make_collection(folder: Path, technologies: dict[str, Any] | None = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "categories.json").write_text(json.dumps(CATEGORIES))
    (folder / "a.json").write_text(json.dumps(technologies or ACME))
    return folder


def make_archive(file: Path, pages: dict[str, str]) -> Path:
    with file.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)
        for url, html in pages.items():
            headers = StatusAndHeaders(
                "200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1"
            )
            writer.write_record(
                writer.create_warc_record(
                    url, "response", payload=io.BytesIO(html.encode()), http_headers=headers
                )
            )
    return file


def make_package(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def published_as(archive: bytes) -> Published:
    digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    return Published("acme-fingerprints", "1.2.3", "MIT", f"sha512-{digest}")


@pytest.fixture
def registry() -> Iterator[str]:
    """A registry on this machine whose archives are not those that were published."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/npm/wappalyzer/-/wappalyzer-6.10.47.tgz"
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(make_package({"package/technologies/a.json": b"{}"}))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/npm"
    server.shutdown()
    server.server_close()


def test_a_collection_is_added_listed_and_removed(console: Console) -> None:
    folder = make_collection(console.folder / "My Prints")
    added = console("fingerprints", "add", str(folder), "--json").json
    assert added["name"] == "my-prints"
    assert (added["technologies"], added["problems"]) == (1, 0)
    assert added["source"] == str(folder)
    own, listed = console("fingerprints", "list", "--json").json
    assert own["name"] == "tracewell"
    assert own["technologies"] >= 1_450
    assert listed == added
    assert "my-prints" in console("fingerprints", "list").out
    assert console("fingerprints", "remove", "my-prints", "--json").json == {"removed": "my-prints"}
    assert len(console("fingerprints", "list", "--json").json) == 1
    assert list((console.data / "fingerprints").iterdir()) == []


def test_what_was_added_is_used_by_ingest(console: Console) -> None:
    archive = make_archive(
        console.folder / "pages.warc.gz",
        {"https://acme.example/": "<title>Acme</title><p>made-by-acme 7</p>"},
    )
    folder = make_collection(console.folder / "prints")
    console("fingerprints", "add", str(folder))
    console("ingest", str(archive), "--json")
    stored = (console.data / "fingerprints" / "prints" / "technologies" / "a.json").read_text()
    assert json.loads(stored) == ACME
    names = load_all((), console.data).technologies
    assert "Acme CMS" in names
    assert "WordPress" in names


def test_without_collections_only_our_pack_is_loaded(tmp_path: Path) -> None:
    assert load_all((), tmp_path / "none").technologies == load_all((), None).technologies


def test_the_stored_copy_does_not_follow_the_folder(console: Console) -> None:
    folder = make_collection(console.folder / "prints")
    console("fingerprints", "add", str(folder))
    (folder / "a.json").write_text("{}")
    assert "Acme CMS" in load_all((), console.data).technologies


def test_a_collection_is_renewed_only_on_request(console: Console) -> None:
    folder = make_collection(console.folder / "prints")
    console("fingerprints", "add", str(folder))
    assert "--replace" in console("fingerprints", "add", str(folder), code=1).err
    (folder / "b.json").write_text(json.dumps({"Bcme": {"html": "b"}}))
    renewed = console("fingerprints", "add", str(folder), "--replace", "--json").json
    assert renewed["technologies"] == 2
    assert len(console("fingerprints", "list", "--json").json) == 2


def test_what_cannot_be_read_of_a_collection_is_counted(console: Console) -> None:
    folder = make_collection(console.folder / "prints", {**ACME, "Bad": {"html": "("}})
    outcome = console("fingerprints", "add", str(folder), "--json")
    assert outcome.json["problems"] == 1
    assert "fingerprint left out: a.json: Bad: html: bad pattern" in outcome.err


def test_a_collection_without_categories_takes_our_numbers(console: Console) -> None:
    folder = make_collection(console.folder / "prints", {"Acme": {"cats": [1, 6], "html": "acme"}})
    (folder / "categories.json").unlink()
    for loaded in (
        load_all([folder], None),
        (console("fingerprints", "add", str(folder)), load_all((), console.data))[1],
    ):
        assert loaded.technologies["Acme"].categories == ("CMS", "Ecommerce")
        assert loaded.problems == ()


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("add", "empty"), 1, "holds no fingerprints"),
        (("add", "broken"), 1, "holds no fingerprints (a.json: cannot be read"),
        (("add", "missing"), 2, "does not exist"),
        (("add", "prints", "--name", "tracewell"), 1, "our own pack"),
        (("add", "prints", "--name", "../up"), 1, "cannot be the name"),
        (("remove", "unknown"), 1, "there is no collection 'unknown'; there are tracewell"),
        (("remove", "tracewell"), 1, "our own pack"),
        (("remove", "../up"), 1, "cannot be the name"),
        (("install", "unknown"), 2, "wappalyzer-mit"),
        (("diff", "tracewell", "unknown", "pages.warc.gz"), 1, "there is no collection"),
        (("diff", "tracewell", "./missing", "pages.warc.gz"), 1, "there is no folder"),
        (("diff", "tracewell", "tracewell", "missing.warc"), 2, "missing.warc"),
        (("diff", "tracewell", "tracewell", "empty"), 2, "no .warc"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_done_is_told_with_a_code(
    console: Console, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    (console.folder / "empty").mkdir()
    (console.folder / "broken").mkdir()
    (console.folder / "broken" / "a.json").write_text("{")
    make_collection(console.folder / "prints")
    make_archive(console.folder / "pages.warc.gz", {"https://a.example/": "a"})
    outcome = console("fingerprints", *arguments, code=code)
    assert reason in outcome.err
    assert outcome.out == ""


def test_a_failed_addition_leaves_nothing_behind(console: Console) -> None:
    (console.folder / "empty").mkdir()
    console("fingerprints", "add", "empty", code=1)
    assert list((console.data / "fingerprints").iterdir()) == []


def test_the_difference_of_two_sets_names_gains_and_losses(console: Console) -> None:
    first = make_collection(
        console.folder / "first", {"Old": {"html": "old"}, "Kept": {"html": "k"}}
    )
    make_collection(console.folder / "second", {"New": {"html": "new"}, "Kept": {"html": "k"}})
    archive = make_archive(
        console.folder / "pages.warc.gz",
        {"https://a.example/": "old k", "https://b.example/": "new k", "https://c.example/": "new"},
    )
    console("fingerprints", "add", str(first))
    told = console("fingerprints", "diff", "first", "./second", str(archive), "--json").json
    assert (told["pages"], told["findings_first"], told["findings_second"]) == (3, 3, 4)
    changes = {change["technology"]: change for change in told["changes"]}
    assert list(changes) == ["New", "Old"]
    assert (changes["New"]["gain"], changes["New"]["only_second"]) == (2, 2)
    assert changes["New"]["examples"] == ["https://b.example/", "https://c.example/"]
    assert (changes["Old"]["gain"], changes["Old"]["only_first"]) == (-1, 1)
    text = console("fingerprints", "diff", "first", "./second", str(archive)).out
    assert "2      0      0  New" in text


def test_sets_can_be_joined_for_the_difference(console: Console) -> None:
    make_collection(console.folder / "prints")
    archive = make_archive(
        console.folder / "pages.warc.gz", {"https://a.example/": "made-by-acme 7"}
    )
    told = console(
        "fingerprints", "diff", "tracewell", "tracewell+./prints", str(archive), "--json"
    ).json
    assert [change["technology"] for change in told["changes"]] == ["Acme CMS"]


def test_an_archive_with_another_checksum_is_not_installed(
    console: Console, registry: str, tmp_path: Path
) -> None:
    outcome = console("fingerprints", "install", "wappalyzer-mit", "--registry", registry, code=1)
    assert "not the expected one" in outcome.err
    file = tmp_path / "other.tgz"
    file.write_bytes(make_package({"package/technologies/a.json": b"{}"}))
    outcome = console("fingerprints", "install", "wappalyzer-mit", "--file", str(file), code=1)
    assert "nothing was installed" in outcome.err
    assert len(console("fingerprints", "list", "--json").json) == 1


def test_a_registry_that_does_not_answer_has_a_code_of_its_own(
    console: Console, registry: str
) -> None:
    command = ("fingerprints", "install", "wappalyzer-mit", "--registry")
    assert "answers 404" in console(*command, f"{registry}/other", code=3).err
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{reserved.getsockname()[1]}/"
        assert "cannot be read" in console(*command, address, code=3).err
    assert "is not the address" in console(*command, "ftp://npm.example/", code=1).err


def test_a_published_package_is_installed_by_its_checksum(tmp_path: Path) -> None:
    archive = make_package(
        {
            "package/technologies/a.json": json.dumps(ACME).encode(),
            "package/technologies/../../../evil.json": b"{}",
            "package/categories.json": json.dumps(CATEGORIES).encode(),
            "package/driver.js": b"never taken",
        }
    )
    store = FingerprintStore(tmp_path / "data")
    collection = install_archive(published_as(archive), archive, store, lambda: AT, name="acme")
    assert collection.source == "npm:acme-fingerprints@1.2.3 (MIT)"
    assert (collection.added_at, collection.technologies) == (AT, 1)
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"a.json", "categories.json", "collection.json"}
    assert store.list_collections() == [collection]


@pytest.mark.parametrize("archive", [b"", b"no archive", make_package({})])
def test_an_archive_that_holds_nothing_is_refused(tmp_path: Path, archive: bytes) -> None:
    store = FingerprintStore(tmp_path)
    with pytest.raises(CollectionRefused):
        install_archive(published_as(archive), archive, store, lambda: AT, name="acme")
    assert store.list_collections() == []


def test_the_registry_is_npms_own_setting_and_never_guessed(tmp_path: Path) -> None:
    assert find_registry({"npm_config_registry": "https://npm.example/"}) == "https://npm.example/"
    with pytest.raises(RegistryUnreachable, match="--registry"):
        find_registry({"PATH": str(tmp_path)})
    fake = tmp_path / "npm"
    fake.write_text("#!/bin/sh\necho https://mirror.example/npm/\n")
    fake.chmod(0o755)
    assert find_registry({"PATH": str(tmp_path)}) == "https://mirror.example/npm/"
    fake.write_text("#!/bin/sh\necho undefined\n")
    with pytest.raises(RegistryUnreachable, match="--registry"):
        find_registry({"PATH": str(tmp_path)})


def test_every_published_collection_has_a_permissive_licence_and_a_checksum() -> None:
    for published in PUBLISHED.values():
        assert published.licence in ("MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0")
        assert len(base64.b64decode(published.integrity.removeprefix("sha512-"))) == 64


def test_the_mit_set_is_installed_from_the_registry(console: Console) -> None:
    package = PUBLISHED["wappalyzer-mit"]
    try:
        registry = find_registry()
        parts = urlsplit(registry)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=5).close()
    except (OSError, RegistryUnreachable):
        pytest.skip("npm's registry cannot be reached from here")
    console.environment["npm_config_registry"] = registry
    installed = console("fingerprints", "install", "wappalyzer-mit", "--json").json
    assert installed["technologies"] > 3_000
    assert installed["licence"] == package.licence
    assert installed["source"] == "npm:wappalyzer@6.10.47 (MIT)"
