"""Resolution: observations of many sources -> entities with confidence and reasons.

Pure and usable alone: no I/O, no settings, no kernel. Who asks the sources is not its affair.
"""

from tracewell.resolution.model import (
    Entity,
    Fact,
    IdentifierFacts,
    Item,
    PossibleMatch,
    QueriedIdentifier,
    Reason,
    Resolution,
    SourcedObservation,
)
from tracewell.resolution.names import NameAgreement, compare_names
from tracewell.resolution.rendering import render_facts, render_resolution
from tracewell.resolution.resolve import OBSERVATIONS_MAX, resolve_observations

__all__ = [
    "OBSERVATIONS_MAX",
    "Entity",
    "Fact",
    "IdentifierFacts",
    "Item",
    "NameAgreement",
    "PossibleMatch",
    "QueriedIdentifier",
    "Reason",
    "Resolution",
    "SourcedObservation",
    "compare_names",
    "render_facts",
    "render_resolution",
    "resolve_observations",
]
