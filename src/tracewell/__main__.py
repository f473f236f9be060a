"""`python -m tracewell`: the console script where it is not on the PATH."""

from __future__ import annotations

from tracewell.cli import main

if __name__ == "__main__":
    main()
