"""Candidate pairs of very many records, proposed by Splink on DuckDB (the extra `batch`).

Splink blocks and weighs on disk-backed columns, with its own estimation; what it does not rule out
is compared and adjudicated as always. Decisions: docs/decisions/0124.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from tracewell.resolution.columns import Indexes
from tracewell.resolution.features import Features
from tracewell.resolution.folding import skeleton, sound

# Splink is asked for whatever it thinks possible: the decision is not its own.
KEPT_PROBABILITY: Final = 1e-5
SAMPLE_PAIRS_MAX: Final = 1_000_000
_BLOCKS: Final = (
    ("personal",),
    ("email",),
    ("phone",),
    ("contact",),
    ("birth",),
    ("name_key",),
    ("mailbox",),
    ("family", "year"),
    ("given", "year"),
    ("family", "month_day"),
    ("given", "month_day"),
    ("family", "place"),
    ("given", "place"),
    ("family", "number"),
    ("given", "number"),
    ("number", "place"),
)
# The given and the family name in the order of the alphabet: to change places is no contradiction.
_NAMES: Final = ("early_name", "late_name")
_COLUMNS: Final = (*dict.fromkeys(name for block in _BLOCKS for name in block), *_NAMES)


class EngineMissing(RuntimeError):  # noqa: N818 - what is missing, as in the house's errors
    """The packages of the extra `batch` are not installed."""


def find_candidates_with_splink(features: Sequence[Features]) -> tuple[Indexes, Indexes]:
    """Pairs (i, j), i < j, sorted, that Splink finds possible; raises `EngineMissing`.

    Deterministic for the same records in the same order. Needs some 1 kB of memory a record.
    """
    try:
        import duckdb
        import pyarrow as pa
        from splink import DuckDBAPI, Linker, SettingsCreator, block_on
        from splink.comparison_library import ExactMatch, JaroWinklerAtThresholds
    except ImportError as error:
        raise EngineMissing("pip install 'tracewell[batch]'") from error
    rows = [_row(index, record) for index, record in enumerate(features)]
    table = pa.table(
        {
            "unique_id": pa.array([row[0] for row in rows], pa.int64()),
            **{
                name: pa.array([row[1].get(name) or None for row in rows], pa.string())
                for name in _COLUMNS
            },
        }
    )
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[block_on(*block) for block in _BLOCKS],
        comparisons=[
            *(JaroWinklerAtThresholds(name, [0.9, 0.75]) for name in _NAMES),
            JaroWinklerAtThresholds("birth", [0.9]),
            *(ExactMatch(name) for name in ("personal", "email", "phone", "place", "number")),
        ],
        probability_two_random_records_match=min(0.01, 1.0 / max(2, len(features))),
    )
    with duckdb.connect() as connection:
        connection.execute("SET threads TO 1")  # the same pairs every time
        api = DuckDBAPI(connection)
        linker = Linker(api.register(table), settings, log_level="ERROR")
        # How often values agree by chance is learned; the shares of agreement among true pairs stay
        # Splink's own: learning them fails where a batch lacks a level, and decides nothing here.
        linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLE_PAIRS_MAX, seed=1)
        predicted: Any = linker.inference.predict(threshold_match_probability=KEPT_PROBABILITY)
        found = predicted.as_pyarrow_table()
    count = len(features)
    one = found.column("unique_id_l").to_numpy().astype(np.int64)
    other = found.column("unique_id_r").to_numpy().astype(np.int64)
    codes = np.unique(np.minimum(one, other) * count + np.maximum(one, other))
    return codes // count, codes % count


def _row(index: int, record: Features) -> tuple[int, dict[str, str]]:
    """What Splink sees of a record: one value a column, by the same normal forms."""
    row: dict[str, str] = {}
    if record.names:
        name = record.names[0]
        heard = [sound(w) if name.has_vowels else skeleton(w) for w in name.words]
        row["name_key"] = " ".join(sorted(heard))
        row["family"] = heard[-1] if heard else ""
        row["given"] = heard[0] if len(heard) > 1 else ""
        row.update(zip(_NAMES, sorted({heard[0], heard[-1]}) if heard else (), strict=False))
    year, month, day = record.birth
    if year:
        row["year"] = str(year)
    if day:
        row["birth"] = f"{year:04}{min(month, day):02}{max(month, day):02}"
        row["month_day"] = f"{month:02}{day:02}"
    for column, values in (
        ("personal", [":".join(pair) for pair in record.personal]),
        ("contact", [":".join(pair) for pair in record.contacts]),
        ("email", record.emails),
        ("mailbox", [e.partition("@")[0] for e in record.emails if e.find("@") > 4]),
        ("phone", [phone[-7:] for phone in record.phones]),
        ("number", [w for w in record.address_words if w[0].isdigit()]),
        ("place", sorted((w for w in record.address_words if not w[0].isdigit()), key=_by_length)),
    ):
        if values:
            row[column] = values[0]
    return index, row


def _by_length(word: str) -> tuple[int, str]:
    return (-len(word), word)
