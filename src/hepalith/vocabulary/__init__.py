"""Every controlled term and the shapes of what is measured."""

from hepalith.vocabulary.coding import Coded, coded, concept
from hepalith.vocabulary.measurement import Assessed, Measurement, NotAssessable, State
from hepalith.vocabulary.term import (
    Choice,
    Code,
    Term,
    Vocabulary,
    all_terms,
    display,
    inline,
    list_terms,
    load_vocabulary,
    term,
)

__all__ = [
    "Assessed",
    "Choice",
    "Code",
    "Coded",
    "Measurement",
    "NotAssessable",
    "State",
    "Term",
    "Vocabulary",
    "all_terms",
    "coded",
    "concept",
    "display",
    "inline",
    "list_terms",
    "load_vocabulary",
    "term",
]
