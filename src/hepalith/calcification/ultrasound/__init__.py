"""Bright foci of a sonogram, what lies behind each, and what they may be mistaken for."""
