"""Findings from the words of a report, in English or Chinese."""
