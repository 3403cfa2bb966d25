"""The differential: inference over the findings, and its explanation."""

from hepalith.differential.belief import Belief, hypothesise
from hepalith.differential.diagnose import choose_setting, diagnose
from hepalith.differential.differential import (
    Combination,
    Contradiction,
    Diagnosis,
    Differential,
    Evidence,
    Process,
)
from hepalith.differential.entry import Knowledge, load_knowledge

__all__ = [
    "Belief",
    "Combination",
    "Contradiction",
    "Diagnosis",
    "Differential",
    "Evidence",
    "Knowledge",
    "Process",
    "choose_setting",
    "diagnose",
    "hypothesise",
    "load_knowledge",
]
