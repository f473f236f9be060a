"""Several rounds as one finding, and the paragraph that tells who was silent. Pure."""

from __future__ import annotations

import pytest

from tracewell.intrace.connectors.model import Outcome, OutcomeStatus
from tracewell.intrace.connectors.runner import RunResult, Source
from tracewell.intrace.lookups.following import findings_of
from tracewell.intrace.lookups.model import Findings
from tracewell.intrace.lookups.result import coverage_note, portable, resolve
from tracewell.resolution import OBSERVATIONS_MAX, SourcedObservation
from tracewell.values import Observation

S = OutcomeStatus


def ran(status: S, source_id: str, *, record: str = "r", copies: int = 1) -> RunResult:
    observation = Observation("s", "person.name", "Ada Lovelace", "u", record, 0)
    return RunResult(
        coverage=(Outcome("c", status, f"it {status}", 5),),
        observations=(SourcedObservation(observation, source_id, "c"),) * copies,
        sources=(Source(source_id, "c", 0, "u", record, "CC0"),),
    )


def covered(*statuses: S, left_out: int = 0) -> Findings:
    outcomes = tuple(Outcome(f"c{n}", status, "", 1) for n, status in enumerate(statuses))
    return Findings((), outcomes, (), (), left_out)


@pytest.mark.parametrize(
    ("statuses", "combined"),
    [
        ((S.ANSWERED, S.ANSWERED), S.ANSWERED),
        ((S.EMPTY, S.ANSWERED), S.ANSWERED),
        ((S.ANSWERED, S.SKIPPED), S.ANSWERED),
        ((S.EMPTY, S.SKIPPED), S.EMPTY),
        ((S.ANSWERED, S.TIMED_OUT), S.PARTIAL),
        ((S.EMPTY, S.FAILED), S.PARTIAL),
        ((S.SKIPPED, S.RATE_LIMITED), S.RATE_LIMITED),
        ((S.TIMED_OUT, S.FAILED), S.FAILED),
        ((S.NOT_CONFIGURED, S.NOT_CONFIGURED), S.NOT_CONFIGURED),
    ],
)
def test_trouble_in_any_round_shows_and_none_becomes_an_answer(
    statuses: tuple[S, S], combined: S
) -> None:
    first, second = statuses

    [outcome] = findings_of((), [ran(first, "src_1"), ran(second, "src_2")]).coverage

    assert outcome.status is combined
    assert outcome.latency_ms == 10


def test_a_source_record_met_in_two_rounds_is_one_source() -> None:
    rounds = [
        ran(S.ANSWERED, "src_1"),
        ran(S.ANSWERED, "src_2"),
        ran(S.ANSWERED, "src_3", record="x"),
    ]

    findings = findings_of((), rounds)

    assert [source.source_id for source in findings.sources] == ["src_1", "src_3"]
    assert [o.source_id for o in findings.observations] == ["src_1", "src_1", "src_3"]


def test_more_statements_than_one_resolution_takes_are_left_out_and_told() -> None:
    findings = findings_of((), [ran(S.ANSWERED, "src_1", copies=OBSERVATIONS_MAX + 7)])

    assert len(resolve(findings, b"").entities) == 1
    assert "7 statements above the bound of a lookup were left out." in coverage_note(findings)


@pytest.mark.parametrize(
    ("findings", "note"),
    [
        (covered(), "No connector was asked."),
        (covered(S.SKIPPED), "No connector was asked."),
        (covered(S.ANSWERED, S.EMPTY), "All connectors that were asked answered (2)."),
        (
            covered(S.ANSWERED, S.TIMED_OUT, S.NOT_CONFIGURED),
            "1 of 2 connectors that were asked answered in full. Did not answer in time: c1. "
            "Not configured: c2. A silent source is no evidence of absence.",
        ),
    ],
)
def test_the_note_says_who_was_silent_and_what_that_means(findings: Findings, note: str) -> None:
    assert coverage_note(findings) == note


def test_odd_values_become_portable_json() -> None:
    odd = {
        "a": [float("nan"), float("-inf"), 2**60, -(2**53), 1.5, True, None],
        "\ud800": "x\udfffy",
    }

    assert portable(odd) == {
        "a": [None, None, str(2**60), str(-(2**53)), 1.5, True, None],
        "\ufffd": "x\ufffdy",
    }
