"""What is slow at first, done at start-up: tables of scripts, expressions, compiled paths."""

from __future__ import annotations

from tracewell.resolution.clusters import resolve
from tracewell.resolution.features import parse_date, words_of_address
from tracewell.resolution.folding import plain, skeleton, sound
from tracewell.resolution.names import align_names, compare_names
from tracewell.resolution.parsing import parse_name

# A letter or two of each script whose table is loaded when it is first met.
_SCRIPTS = "éß Жд Ωλ א ب अ ক ก ა Ա あ カ 한 王 张 ខ አ"


def warm() -> None:
    """Loads every table that a first call would load; some 100 ms, to be called at start-up."""
    for letter in _SCRIPTS.split():
        plain(letter)
    compare_names("Ada Lovelace", "Lovelase, A.", "person")
    compare_names("Acme GmbH", "Acme Aktiengesellschaft", "organization")
    names = ("Ada Lovelace", "Ada Lovelase", "A. Lovelace", "أدا لوفليس")
    resolve(
        [
            {
                "record_id": str(number),
                "kind": "person",
                "names": [name],
                "dates": {"birth": f"1815-12-{10 + number % 2}"},
                "identifiers": [
                    {"type": "email", "value": f"ada{number % 2}@example.com"},
                    {"type": "phone", "value": "+14155552671"},
                    {"type": "passport", "value": f"P100200{number}"},
                ],
                "addresses": ["1 Main Street", "1 Main St, Springfield"][: 1 + number % 2],
            }
            for number, name in enumerate(names)
        ]
    )


def forget() -> None:
    """Drops what is remembered of names and texts; results do not change, only their speed."""
    of_texts = (plain, sound, skeleton, words_of_address, parse_date, parse_name, align_names)
    for remembered in of_texts:
        remembered.cache_clear()
