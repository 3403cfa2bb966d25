from hepalith.finding.finding import Finding as Finding
from hepalith.finding.finding import Pattern as Pattern
from hepalith.finding.finding import Subject as Subject
from hepalith.finding.person import findings_from_patient as findings_from_patient
from hepalith.finding.text.read import ReportText as ReportText
from hepalith.finding.text.read import Span as Span
from hepalith.finding.text.read import read_report as read_report

__all__: list[str]
