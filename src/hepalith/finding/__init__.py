"""Findings: what is seen, said in the controlled vocabulary. Describing a CT is in `ct`.

The reader of free text is loaded when it is first used: who gives no report need not wait for it.
"""

from importlib import import_module as _import_module

from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.finding.person import findings_from_patient

_OF_TEXT = ("ReportText", "Span", "read_report")

__all__ = ["Finding", "Pattern", "Subject", "findings_from_patient", *_OF_TEXT]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    """Load a name of the reader of free text."""
    if name not in _OF_TEXT:
        raise AttributeError(f"module 'hepalith.finding' has no attribute {name!r}")
    value: object = getattr(_import_module("hepalith.finding.text.read"), name)
    globals()[name] = value
    return value
