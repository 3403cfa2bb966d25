"""Findings: what is seen, said in the controlled vocabulary."""

from hepalith.finding.finding import Finding, Pattern, Subject

__all__ = ["Finding", "Pattern", "Subject"]
