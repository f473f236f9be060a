"""Detection: fingerprints and a capture in, technology uses with evidence out.

A pure library: no database, no network, no settings; the only I/O is reading fingerprint files from
directories that the caller names, and keeping what was read in a folder that the caller names.
"""

from tracewell.detection.checking import is_evident
from tracewell.detection.detecting import detect
from tracewell.detection.fingerprints import FingerprintSet
from tracewell.detection.loading import load_fingerprints
from tracewell.detection.model import (
    DetectionResult,
    Fingerprint,
    GivenUp,
    Implication,
    Limits,
    Pattern,
    Problem,
)
from tracewell.detection.pack import default_fingerprints_directory, load_pack
from tracewell.detection.storing import digest_fingerprints, load_cached_fingerprints

__all__ = [
    "DetectionResult",
    "Fingerprint",
    "FingerprintSet",
    "GivenUp",
    "Implication",
    "Limits",
    "Pattern",
    "Problem",
    "default_fingerprints_directory",
    "detect",
    "digest_fingerprints",
    "is_evident",
    "load_cached_fingerprints",
    "load_fingerprints",
    "load_pack",
]
