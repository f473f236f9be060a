"""`tracewell audit` beside a running server: heads, proofs, checks, exports, watches."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.intrace.auditing import Auditor, auditor
from tests.intrace.serving import Server
from tests.intrace.tampering import rebuild_tree, tamper

__all__ = ["auditor"]

SCRIPT = Path(sys.executable).with_name("tracewell")
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
FORMATS = pytest.mark.parametrize("form", ["jsonl", "cef", "syslog"])


def edit(server: Server, seq: int, *more: object) -> None:
    statement = "UPDATE audit_records SET record = :record WHERE seq = :seq"
    tamper(server.database_url, statement, *more, record=b'{"forged":true}', seq=seq)  # type: ignore[arg-type]


def test_verify_tells_a_whole_log_and_names_an_altered_record(auditor: Auditor) -> None:
    told = auditor.verify()
    assert (told["leaves"], told["records"], told["findings"]) == (6, 3, [])

    edit(auditor.server, 2)

    [finding] = auditor.verify(code=1)["findings"]
    assert finding["request_ids"] == [auditor.requests[1]]
    done = auditor.run("verify", code=1)
    assert f"leaf 2 ({auditor.requests[1]}): edited" in done.stdout


def test_a_kept_head_tells_what_was_rewritten_from_the_begin(auditor: Auditor) -> None:
    kept = auditor.folder / "head.txt"
    kept.write_text(auditor.run("head").stdout)
    assert auditor.verify("--head", str(kept))["heads_matched"] == 2

    edit(auditor.server, 2, rebuild_tree)

    auditor.verify()
    [finding] = auditor.verify("--head", str(kept), code=1)["findings"]
    assert finding["problem"] == "rewritten"
    assert auditor.requests[1] in finding["request_ids"]
    kept.write_text(kept.read_text().replace("\n6\n", "\n5\n"))
    refused = auditor.run("verify", "--jwks", auditor.jwks, "--head", str(kept), code=1)
    assert "does not belong" in refused.output


def test_a_proof_is_checked_alone_and_no_change_of_it_passes(auditor: Auditor) -> None:
    proof = auditor.folder / "proof.json"
    proof.write_text(auditor.run("proof", auditor.requests[0]).stdout)

    told = auditor.verify("--inclusion", str(proof))
    assert (told["request_id"], told["record_leaf"]) == (auditor.requests[0], 0)
    assert str(told["report_hash"]).startswith("sha256:")
    for old, new in ((auditor.requests[0], auditor.requests[1]), ("127.0.0.1", "127.0.0.2"),
                     ('"report_hash":"sha256:', '"report_hash":"sha256:0'),
                     ("index 0", "index 1"), ('"leaf_index": 0', '"leaf_index": 1'),
                     ("tlog-proof@v1", "tlog-proof@v3")):  # fmt: skip
        proof.write_text(auditor.run("proof", auditor.requests[0]).stdout.replace(old, new))
        assert "reason" in auditor.verify("--inclusion", str(proof), code=1)
    assert "no record" in auditor.run("proof", "req_unknown", code=1).output


@FORMATS
def test_an_export_is_checked_with_the_public_keys_alone(auditor: Auditor, form: str) -> None:
    path = auditor.export(form)

    told = auditor.verify("--export", str(path))
    assert (told["leaves"], told["heads_matched"]) == (6, 1)
    assert len(path.read_bytes().splitlines()) == 8
    auditor.look_up()
    newer = auditor.export(form, "--from-leaf", "6")
    told = auditor.verify("--export", str(newer))
    assert (told["first_leaf"], told["leaves"]) == (6, 2)


@SQLITE
@FORMATS
def test_no_change_of_an_export_passes(auditor: Auditor, form: str) -> None:
    lines = auditor.export(form).read_bytes().splitlines(keepends=True)
    head = auditor.folder / "head.txt"
    head.write_text(auditor.run("head").stdout)
    older = [*lines[:3], lines[-1]]
    altered = {
        "edited": [*lines[:3], lines[3].replace(b"127.0.0.1", b"127.0.0.2"), *lines[4:]],
        "deleted": [*lines[:3], *lines[4:]],
        "inserted": [*lines[:4], lines[3], *lines[4:]],
        "swapped": [*lines[:3], lines[4], lines[3], *lines[5:]],
        "cut": lines[:-1],
        "cut, head kept": older,
        "without begin": lines[1:],
        "empty": [],
    }
    for name, changed in altered.items():
        path = auditor.folder / "altered"
        path.write_bytes(b"".join(changed))
        done = auditor.run("verify", "--jwks", auditor.jwks, "--export", str(path), code=1)
        assert "NOT WHOLE" in done.output or "line" in done.output or "is" in done.output, name


@SQLITE
def test_an_edited_line_of_an_export_is_named(auditor: Auditor) -> None:
    path = auditor.export("jsonl")
    path.write_bytes(path.read_bytes().replace(b'"127.0.0.1"', b'"127.0.0.2"', 1))

    [finding] = auditor.verify("--export", str(path), code=1)["findings"]
    assert (finding["problem"], finding["first_leaf"]) == ("edited", 0)
    assert finding["request_ids"] == [auditor.requests[0]]


@SQLITE
def test_an_export_that_another_program_wrote_anew_is_still_checked(auditor: Auditor) -> None:
    path = auditor.export("jsonl")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    path.write_text("\n".join(json.dumps(line, sort_keys=True, indent=None) for line in lines))

    assert auditor.verify("--export", str(path))["leaves"] == 6


@SQLITE
def test_an_older_honest_export_does_not_pass_for_the_newest(auditor: Auditor) -> None:
    path = auditor.export("cef")
    auditor.look_up()
    head = auditor.folder / "head.txt"
    head.write_text(auditor.run("head").stdout)

    auditor.verify("--export", str(path))
    told = auditor.verify("--export", str(path), "--head", str(head), code=1)
    [finding] = told["findings"]
    assert (finding["problem"], finding["first_leaf"]) == ("truncated", 6)


@SQLITE
def test_cef_lines_hold_what_a_siem_reads(auditor: Auditor) -> None:
    lines = auditor.export("cef").read_text("utf-8").splitlines()

    record = next(line for line in lines if "|audit.record|" in line)
    assert record.startswith("CEF:0|Tracewell|Intrace|")
    for part in (f"externalId={auditor.requests[0]}", "suser=analyst-bot", "src=127.0.0.1", "cnt=1",
                 "cs1=a\\=b|c\\\\d\\ne "):  # fmt: skip
        assert part in record
    completion = next(line for line in lines if "|audit.completion|" in line)
    assert "outcome=success" in completion
    assert "lovelace" not in "\n".join(lines)


@pytest.mark.parametrize("over", ["database", "http"])
def test_a_watch_keeps_the_last_head_and_names_what_was_altered(
    auditor: Auditor, over: str
) -> None:
    state = auditor.folder / "state.json"
    where = ["--url", auditor.server.url] if over == "http" else []
    command = ["watch", "--state", str(state), "--jwks", auditor.jwks, "--json", *where]

    first = json.loads(auditor.run(*command).stdout)
    auditor.look_up()
    second = json.loads(auditor.run(*command).stdout)
    assert (first["leaves_kept_before"], first["leaves"]) == (None, 6)
    assert (second["leaves_kept_before"], second["leaves"]) == (6, 8)
    assert len((auditor.folder / "state.json.leaves").read_bytes()) == 8 * 32

    edit(auditor.server, 3, rebuild_tree)
    kept = state.read_bytes()
    if over == "database":
        told = json.loads(auditor.run(*command, code=1).stdout)
        assert [f["first_leaf"] for f in told["findings"]] == [4]
    else:
        # The server itself signs nothing over a log that it knows otherwise.
        assert "500" in auditor.run(*command, code=1).output
    assert state.read_bytes() == kept
    findings = auditor.verify("--kept", str(state), code=1)["findings"]
    assert (4, [auditor.requests[2]]) in [(f["first_leaf"], f["request_ids"]) for f in findings]


@SQLITE
def test_a_watch_tells_of_a_log_that_was_cut(auditor: Auditor) -> None:
    state = auditor.folder / "state.json"
    command = ["watch", "--state", str(state), "--jwks", auditor.jwks]
    auditor.run(*command)

    tamper(
        auditor.server.database_url,
        "DELETE FROM lookups", "DELETE FROM reports",
        "DELETE FROM audit_completions WHERE leaf > 3",
        "DELETE FROM audit_records WHERE leaf > 3", rebuild_tree,
    )  # fmt: skip

    done = auditor.run(*command, code=1)
    assert "leaves 4 to 5: truncated: 6 leaves were kept, the log now has 4" in done.stdout


@SQLITE
def test_a_watch_that_was_ended_in_the_middle_goes_on(auditor: Auditor) -> None:
    state = auditor.folder / "state.json"
    command = ["watch", "--state", str(state), "--jwks", auditor.jwks]
    auditor.run(*command)
    leaves = auditor.folder / "state.json.leaves"
    leaves.write_bytes(leaves.read_bytes() + b"half a ha")

    auditor.look_up()
    auditor.run(*command)
    auditor.run(*command)
    leaves.write_bytes(bytes(32) + leaves.read_bytes()[32:])
    assert "does not belong" in auditor.run(*command, code=2).output


@SQLITE
def test_a_watch_outlives_an_outage_of_the_server(auditor: Auditor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    arguments = ("--state", "state.json", "--jwks", "jwks.json", "--url", url, "--every", "1s")
    watch = subprocess.Popen(
        [SCRIPT, "audit", "watch", *arguments],
        cwd=auditor.folder,
        env={**os.environ, "TRACEWELL_API_KEY": auditor.server.keys["auditor"]},
        stderr=subprocess.PIPE,
    )
    try:
        assert watch.stderr is not None
        told = [watch.stderr.readline().decode() for _ in range(2)]
    finally:
        watch.kill()
        watch.communicate()
    assert [line.partition(": <")[0] for line in told] == [f"tracewell: {url}"] * 2


@SQLITE
def test_a_watch_says_what_the_servers_refusal_means(auditor: Auditor) -> None:
    command = ["watch", "--state", str(auditor.folder / "s"), "--jwks", auditor.jwks, "--url"]
    analyst = {"TRACEWELL_API_KEY": auditor.server.keys["analyst"]}
    for url, environment, code, told in (
        (auditor.server.url, {"TRACEWELL_API_KEY": ""}, 2, "needs an API key in TRACEWELL_API_KEY"),
        (auditor.server.url, {"TRACEWELL_API_KEY": "x"}, 1, "does not know the key"),
        (auditor.server.url, analyst, 1, "lacks the scope audit:read"),
        (f"{auditor.server.url}/nowhere", {}, 1, "what stands before /v1"),
    ):
        assert told in auditor.run(*command, url, code=code, **environment).output, told


@SQLITE
def test_a_mistyped_data_folder_stays_unmade(auditor: Auditor) -> None:
    state = str(auditor.folder / "state.json")
    for command in (["verify"], ["watch", "--state", state], ["head"]):
        done = auditor.run(*command, "--data", "nowhere", code=1, DATABASE_URL="")
        assert "there is no database in nowhere; name its folder with --data" in done.output
        assert not Path("nowhere").exists()


@SQLITE
def test_wrong_usage_is_told(auditor: Auditor) -> None:
    state = str(auditor.folder / "state.json")
    for arguments, code, told in (
        (["watch", "--state", state, "--url", "http://127.0.0.1:1"], 2, "--jwks"),
        (["watch", "--state", state, "--url", "http://127.0.0.1:1", "--jwks", auditor.jwks], 3,
         "127.0.0.1:1"),
        (["watch", "--state", state, "--url", "file:///etc", "--jwks", auditor.jwks], 1, "https"),
        (["watch", "--state", auditor.jwks, "--jwks", auditor.jwks], 2, "not the state"),
        (["verify", "--jwks", "missing.json"], 2, "missing.json"),
        (["verify", "--jwks", auditor.jwks, "--export", "missing"], 2, "missing"),
        (["verify", "--export", "a", "--inclusion", "b"], 2, "do not go together"),
        (["verify", "--jwks", auditor.jwks, "--head", auditor.jwks], 1, "not a signed note"),
        (["export", "--from-leaf", "7"], 1, "6 leaves"),
        (["export", "--send", "udp://127.0.0.1"], 2, "--format syslog"),
        (["export", "--format", "syslog", "--send", "http://a"], 2, "udp://"),
        (["export", "--format", "syslog", "--send", "tcp://127.0.0.1:1"], 3, "127.0.0.1:1"),
        (["export", "--output", str(auditor.folder / "none" / "file")], 2, "No such file"),
    ):  # fmt: skip
        assert told in auditor.run(*arguments, code=code).output, arguments
