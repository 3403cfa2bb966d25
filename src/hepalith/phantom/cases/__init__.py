"""Whole cases of the source article."""
