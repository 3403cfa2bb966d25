"""Lesions of the liver and their edges, with or without calcium."""
