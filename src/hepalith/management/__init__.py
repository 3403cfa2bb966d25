"""Management: what follows from the differential."""

from hepalith.management.advise import advise
from hepalith.management.plan import Action, Alert, Grading, NextTest, Plan, Repeat, Visit
from hepalith.management.policy import Policy, list_policies, load_policy

__all__ = [
    "Action",
    "Alert",
    "Grading",
    "NextTest",
    "Plan",
    "Policy",
    "Repeat",
    "Visit",
    "advise",
    "list_policies",
    "load_policy",
]
