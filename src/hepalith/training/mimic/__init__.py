"""Learns to tell calcium from what only looks like it on CT."""
