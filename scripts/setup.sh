#!/bin/sh
# Makes .venv with everything in it. Says what is missing instead of failing half-way.
set -eu

missing() {
    printf 'tracewell: %s\n' "$1" >&2
    exit 1
}

find_python() {
    for name in python3.13 python3.12 python3.11 python3; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$name"
            return
        fi
    done
}

# The plain `python3` of the machine goes first when it is new enough.
python=python3
if ! command -v python3 >/dev/null 2>&1 ||
    ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$(find_python)
fi
[ -n "$python" ] || missing "Python 3.11 or newer is needed (Debian: apt-get install python3; macOS: brew install python)"

"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    missing "Python's venv module is needed (Debian: apt-get install python3-venv)"

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c '' 2>/dev/null; then
    printf 'Making .venv with %s ...\n' "$("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
fi

printf 'Installing packages into .venv ...\n'
log=.venv/setup.log
if ! .venv/bin/python -m pip install --disable-pip-version-check -q \
    -c constraints.txt -e '.[dev,redis]' >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    missing "the packages could not be installed; is a Python package registry reachable? (log: $log)"
fi
touch .venv/.ready
