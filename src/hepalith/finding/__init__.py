"""Findings: what is seen, said in the controlled vocabulary. Describing a CT is in `ct`."""

from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.finding.person import findings_from_patient

__all__ = ["Finding", "Pattern", "Subject", "findings_from_patient"]
