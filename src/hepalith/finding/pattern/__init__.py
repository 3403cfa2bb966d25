"""Patterns: how the foci are laid out over the liver."""
