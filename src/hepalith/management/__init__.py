"""Management: what follows from the differential."""

from hepalith.management.plan import Action, Alert, NextTest, Plan, Repeat

__all__ = ["Action", "Alert", "NextTest", "Plan", "Repeat"]
