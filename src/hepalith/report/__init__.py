"""Reports: one writer, one file."""

from hepalith.report.html import render_html, write_html

__all__ = ["render_html", "write_html"]
