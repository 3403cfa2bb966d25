"""The differential: inference over the findings, and its explanation."""

from hepalith.differential.differential import Diagnosis, Differential, Evidence, Process

__all__ = ["Diagnosis", "Differential", "Evidence", "Process"]
