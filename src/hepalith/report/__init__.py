"""Reports: one writer, one file."""

from hepalith.report.folder import write_folder
from hepalith.report.html import render_html, write_html
from hepalith.report.patient import render_patient, write_patient

__all__ = ["render_html", "render_patient", "write_folder", "write_html", "write_patient"]
