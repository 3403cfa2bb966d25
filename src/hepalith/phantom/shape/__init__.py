"""Shapes and solids: distances, volumes and exact arithmetic."""
