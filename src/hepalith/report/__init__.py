"""Reports: one writer, one file."""

from hepalith.report.folder import write_folder
from hepalith.report.html import render_html, write_html

__all__ = ["render_html", "write_folder", "write_html"]
