"""The command line: one door to everything."""

from hepalith.cli.main import main

__all__ = ["main"]
