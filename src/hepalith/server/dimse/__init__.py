"""DIMSE: associations, receiving, sending, fetching."""
