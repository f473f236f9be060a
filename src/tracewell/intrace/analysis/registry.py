"""The types of analysis, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tracewell.intrace.analysis.agreement import SOURCE_AGREEMENT
from tracewell.intrace.analysis.kinds import AnalysisType
from tracewell.intrace.analysis.network import NETWORK_CENTRALITY
from tracewell.intrace.analysis.shared import SHARED_IDENTIFIERS
from tracewell.intrace.analysis.technologies import COMPANY_TECHNOLOGY_PROFILE
from tracewell.intrace.analysis.timeline import TIMELINE
from tracewell.intrace.analysis.watchlists import WATCHLIST_SCREENING

TYPES: Final[Mapping[str, AnalysisType]] = {
    kind.name: kind
    for kind in (
        NETWORK_CENTRALITY,
        SHARED_IDENTIFIERS,
        TIMELINE,
        WATCHLIST_SCREENING,
        SOURCE_AGREEMENT,
        COMPANY_TECHNOLOGY_PROFILE,
    )
}
