"""Companies looked into again over their kept captures, with newer fingerprints."""

from tracewell.trace.redetection.model import RedetectionSummary
from tracewell.trace.redetection.service import redetect_companies

__all__ = ["RedetectionSummary", "redetect_companies"]
