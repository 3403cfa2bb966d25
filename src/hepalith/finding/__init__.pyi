from hepalith.finding.ct import Description as Description
from hepalith.finding.ct import describe as describe
from hepalith.finding.finding import Finding as Finding
from hepalith.finding.finding import Pattern as Pattern
from hepalith.finding.finding import Subject as Subject
from hepalith.finding.person import findings_from_patient as findings_from_patient

__all__ = ["Description", "Finding", "Pattern", "Subject", "describe", "findings_from_patient"]
