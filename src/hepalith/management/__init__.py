"""Management: what follows from the differential."""

from hepalith.management.advise import advise
from hepalith.management.plan import Action, Alert, NextTest, Plan, Repeat
from hepalith.management.policy import Policy, list_policies, load_policy

__all__ = [
    "Action",
    "Alert",
    "NextTest",
    "Plan",
    "Policy",
    "Repeat",
    "advise",
    "list_policies",
    "load_policy",
]
