"""Every exception to the laws of the house, in one place, each with its reason."""

from __future__ import annotations

LONG_MODULES = {
    "tests/resolution/test_resolve.py": "the cases of resolution, side by side to be compared",
}

LONG_FUNCTIONS: dict[str, str] = {}

LONG_DOCSTRINGS = {
    "src/tracewell/intrace/connectors/sources/record_manifest.py": "shows the format users write",
}

# Where a handler of any exception may end it: the edges.
BROAD_EXCEPTS = {
    "src/tracewell/kernel/http/gate.py:__call__": "the edge of every route",
    "src/tracewell/kernel/http/gate.py:_serve_beside": "the edge of every route beside the API",
    "src/tracewell/kernel/http/gate.py:_count_stray": "the edge of every path that is no route",
    "src/tracewell/kernel/credits/batch.py:_handle_all": "a worker loop: told to whoever waits",
    "src/tracewell/kernel/queue/embedded.py:_do": "a worker loop: the task is done again",
    "src/tracewell/kernel/queue/through_pgqueuer.py:_do": "a worker loop: the task is done again",
    "src/tracewell/kernel/database/sqlite.py:transaction": "kept, and raised after the group's end",
    "src/tracewell/intrace/connectors/planning.py:find_obstacle": "the edge of every connector",
    "src/tracewell/intrace/connectors/declared/loading.py:load_python": "a foreign file: told",
    "src/tracewell/intrace/connectors/threads.py:run": "a worker loop: told to whoever waits",
    "src/tracewell/main/asgi.py:_live": "the edge of the server's start: told to the operator",
}

# SPDX expressions whose every part may be shipped with, or called by, an Apache-2.0 program.
PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
    "Unlicense",
    "Zlib",
}

# Distributions whose metadata do not say it in SPDX's words.
LICENCES_READ_BY_HAND = {
    "apsw": "any-OSI: the user may choose any licence that OSI approves",
}

# Names of modules that say nothing about what lives there.
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
