"""Findings: what is seen, said in the controlled vocabulary.

`describe` and `Description` are loaded when first asked for: they need the image rooms, which
reasoning from a patient file alone does not.
"""

from importlib import import_module
from typing import Any

from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.finding.person import findings_from_patient

__all__ = ["Description", "Finding", "Pattern", "Subject", "describe", "findings_from_patient"]

_LAZY = {"Description": "hepalith.finding.ct", "describe": "hepalith.finding.ct"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
