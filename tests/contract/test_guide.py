"""docs/trace.md: every call that it shows is made, and answered as it shows.

A JSON block is the answer to the last call before it, an HTTP block its status and headers as well.
`"..."` stands for any value; as a key, or as the last element of a list, for what is left out.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.stage import Stage

GUIDE = Path(__file__).parents[2] / "docs" / "trace.md"
_BLOCK = re.compile(r"^```(sh|json|http)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LEFT_OUT = "..."


@dataclass
class Reader:
    """Whoever follows the page: the variables of the shell, and the last answer."""

    client: httpx.Client
    variables: dict[str, str]
    answer: httpx.Response | None = None
    calls: int = field(default=0)

    def fill(self, text: str) -> str:
        """The text with its variables."""
        return re.sub(r"\$([A-Z_]+)", lambda match: self.variables[match[1]], text)

    def run(self, script: str) -> None:
        """Makes the calls of a block, and keeps the ids that they tell under their names."""
        for line in script.replace("\\\n", " ").split("\ncurl "):
            words = shlex.split(line.removeprefix("curl "))
            if words[0] == "export":
                continue
            self.answer = self._call(words)
            self.calls += 1
            body = self.answer.json()
            for name in ("list_id", "job_id"):
                if name in body:
                    self.variables[name.upper()] = body[name]

    def _call(self, words: list[str]) -> httpx.Response:
        method, headers, content, url = "GET", {}, None, None
        rest = iter(words)
        for word in rest:
            if word == "-X":
                method = next(rest)
            elif word == "-H":
                name, _, value = self.fill(next(rest)).partition(": ")
                headers[name] = value
            elif word == "-d":
                content = next(rest)
            elif word != "-i":
                assert url is None, words
                url = self.fill(word)
        assert url is not None, words
        return self.client.request(method, url, headers=headers, content=content)

    def check(self, kind: str, block: str) -> None:
        """Holds the last answer against a block."""
        answer = self.answer
        assert answer is not None
        status, text = 200, block
        if kind == "http":
            head, _, text = block.partition("\n\n")
            first, *headers = head.splitlines()
            status = int(first.removeprefix("HTTP/1.1 "))
            for header in headers:
                name, _, value = header.partition(": ")
                assert value in (_LEFT_OUT, answer.headers[name])
        assert answer.status_code == status, answer.text
        fits(json.loads(self.fill(text)), answer.json())


def fits(shown: Any, found: Any, place: str = "$") -> None:
    """Asserts that what is shown is what was found, but for what is left out."""
    if shown == _LEFT_OUT:
        return
    if isinstance(shown, dict) and isinstance(found, dict):
        names = shown.keys() - {_LEFT_OUT}
        assert names <= found.keys() if _LEFT_OUT in shown else names == found.keys(), place
        for name in names:
            fits(shown[name], found[name], f"{place}.{name}")
    elif isinstance(shown, list) and isinstance(found, list):
        rows = shown[:-1] if shown[-1:] == [_LEFT_OUT] else shown
        assert len(rows) <= len(found) if rows is not shown else len(rows) == len(found), place
        for number, row in enumerate(rows):
            fits(row, found[number], f"{place}[{number}]")
    else:
        assert (type(shown), shown) == (type(found), found), place


def blocks() -> Iterator[tuple[str, str]]:
    """The page's code, kind by kind."""
    for match in _BLOCK.finditer(GUIDE.read_text("utf-8")):
        yield match[1], match[2]


def test_the_guide_is_true(stage: Stage) -> None:
    customer = stage.new_customer()
    key = customer.owner.headers["x-api-key"]
    with httpx.Client(timeout=60, trust_env=False) as client:
        reader = Reader(client, {"TRACE": stage.server.trace, "KEY": key})
        for kind, block in blocks():
            if kind == "sh":
                reader.run(block.rstrip())
            else:
                reader.check(kind, block)
    assert reader.calls >= 15


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "...": "..."}, {"b": 2}),
        ([1, "..."], [2]),
        ([1], [1, 2]),
        ({"a": 1}, {"a": True}),
        ({"a": [{"b": None}]}, {"a": [{"b": 0}]}),
    ],
)
def test_what_differs_does_not_fit(shown: Any, found: Any) -> None:
    with pytest.raises(AssertionError):
        fits(shown, found)
