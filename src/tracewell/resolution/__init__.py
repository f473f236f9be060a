"""Resolution: records of many sources -> entities with confidence and reasons.

Pure and usable alone: no I/O, no settings, no kernel. Who asks the sources is not its affair.
"""

from tracewell.resolution.batch_engine import EngineMissing
from tracewell.resolution.clusters import RECORDS_MAX, Cluster, Doubt, Member, resolve
from tracewell.resolution.explanation import Explanation, Link
from tracewell.resolution.inputs import SourceRecord, StatedIdentifier, parse_record
from tracewell.resolution.model import (
    Entity,
    Fact,
    IdentifierFacts,
    Item,
    Kind,
    PossibleMatch,
    QueriedIdentifier,
    Reason,
    Resolution,
    SourcedObservation,
)
from tracewell.resolution.names import compare_names
from tracewell.resolution.observations import OBSERVATIONS_MAX, resolve_observations
from tracewell.resolution.rendering import render_facts, render_resolution
from tracewell.resolution.warming import forget, warm

__all__ = [
    "OBSERVATIONS_MAX",
    "RECORDS_MAX",
    "Cluster",
    "Doubt",
    "EngineMissing",
    "Entity",
    "Explanation",
    "Fact",
    "IdentifierFacts",
    "Item",
    "Kind",
    "Link",
    "Member",
    "PossibleMatch",
    "QueriedIdentifier",
    "Reason",
    "Resolution",
    "SourceRecord",
    "SourcedObservation",
    "StatedIdentifier",
    "compare_names",
    "forget",
    "parse_record",
    "render_facts",
    "render_resolution",
    "resolve",
    "resolve_observations",
    "warm",
]
