"""All endpoints of computations, over parts that they share."""

from __future__ import annotations

from tracewell.kernel.clock import Clock
from tracewell.kernel.credits import Ledger
from tracewell.kernel.database import Database
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.trace.computations.adoption import Adoptions
from tracewell.trace.computations.adoption_routes import adoption_endpoints
from tracewell.trace.computations.churn import Churns
from tracewell.trace.computations.churn_routes import churn_endpoints
from tracewell.trace.computations.look_alike_routes import look_alike_endpoints
from tracewell.trace.computations.look_alikes import LookAlikes
from tracewell.trace.computations.overlap import Overlap
from tracewell.trace.computations.overlap_routes import overlap_endpoints
from tracewell.trace.computations.segments import Segments
from tracewell.trace.computations.stacks import StackKeeper
from tracewell.trace.lists.members import Members
from tracewell.trace.paging import Pager
from tracewell.trace.search.service import Search


def computation_endpoints(
    database: Database, ledger: Ledger, search: Search, members: Members, clock: Clock, pager: Pager
) -> tuple[Endpoint, ...]:
    """The endpoints; `search` and `members` are the process's."""
    segments, stacks = Segments(members), StackKeeper()
    return (
        *overlap_endpoints(Overlap(database, ledger, search, segments, stacks), pager),
        *look_alike_endpoints(LookAlikes(database, ledger, search, segments, stacks), pager),
        *adoption_endpoints(Adoptions(database, ledger, search, segments), clock),
        *churn_endpoints(Churns(database, ledger, search, segments), pager, clock),
    )
