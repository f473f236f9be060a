"""Finding names that are written otherwise: an index of names, and watchlists to screen against.

How near two names are is `tracewell.resolution.compare_names`; here is which ones to compare.
"""

from tracewell.intrace.connectors.screening.name_index import Candidate, NameIndex, build_name_index
from tracewell.intrace.connectors.screening.watchlist import (
    SCORE_MIN,
    Hit,
    ListedEntity,
    Watchlist,
    load_watchlist,
)

__all__ = [
    "SCORE_MIN",
    "Candidate",
    "Hit",
    "ListedEntity",
    "NameIndex",
    "Watchlist",
    "build_name_index",
    "load_watchlist",
]
