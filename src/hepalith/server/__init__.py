"""Doors to the hospital: asking archives, sending results to them, receiving studies and reading them."""
