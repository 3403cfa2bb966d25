"""Every controlled term and the shapes of what is measured."""

from hepalith.vocabulary.measurement import Assessed, Measurement, NotAssessable, State

__all__ = ["Assessed", "Measurement", "NotAssessable", "State"]
