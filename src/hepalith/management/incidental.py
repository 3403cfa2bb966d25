"""The category of an incidental liver lesion on CT by the American College of Radiology, 2017.

References
----------
Gore RM et al. Management of incidental liver lesions on CT: a white paper of the ACR Incidental Findings
Committee. J Am Coll Radiol 2017;14:1429-1437, DOI 10.1016/j.jacr.2017.07.018. Its algorithm was read in
AuntMinnie's table of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hepalith.management.known import Known

__all__ = ["SMALL_BELOW_MM", "SOURCE", "Category", "applies", "categorise_lesion", "is_high_risk"]

SOURCE = "ACR 2017, DOI 10.1016/j.jacr.2017.07.018 (B)"

SMALL_BELOW_MM = 10.0
"""Below this size the paper asks for nothing at low risk, and for MRI after 3 to 6 months at high risk."""

ADULT_FROM_YEARS = 18.0
"""The white paper is about adults."""

HIGH_RISK = (
    "cancer_history",
    "cirrhosis",
    "nodular_surface",
    "hepatitis_b",
    "hepatitis_c",
    "primary_sclerosing_cholangitis",
    "chemotherapy",
    "tace",
    "liver_ablation",
)
"""Known cancer that may spread to the liver, cirrhosis, or another reason for liver cancer."""

LOW_RISK = ("cancer_history", "cirrhosis", "hepatitis_b")
"""What must be denied before a patient is at low risk."""

ONCOLOGY_SIGNS = ("vein_occlusion", "portal_thrombosis", "dilated_ducts", "enlarged_nodes")
"""With these the white paper leaves its size classes and sends the patient on at once."""


@dataclass(frozen=True, slots=True)
class Category:
    """Risk, and size class where the lesion was measured; ``oncology`` where signs overrule both."""

    risk: Literal["low", "high", "unknown"]
    size: Literal["small", "large", "unknown"]
    oncology: bool


def applies(known: Known) -> bool:
    """Return whether the white paper speaks of such a patient: an adult, as far as is known."""
    age = known.patient.age_years
    return known.patient.subject == "patient" and (age is None or age >= ADULT_FROM_YEARS)


def is_high_risk(known: Known) -> bool:
    """Return whether the patient has a reason for cancer in the liver."""
    return known.patient.knows("known_primary") is not None or any(known.has(r) for r in HIGH_RISK)


def categorise_lesion(known: Known) -> Category:
    """Return the category of the lesion that surrounds the calcium (or of a mass without any)."""
    diameter = known.measured("host_diameter")
    if diameter is None:
        diameter = known.measured("mass_without_calcium")
    low = all(known.denies(r) for r in LOW_RISK)
    return Category(
        risk="high" if is_high_risk(known) else "low" if low else "unknown",
        size="unknown" if diameter is None else "small" if diameter < SMALL_BELOW_MM else "large",
        oncology=any(known.has(s) for s in ONCOLOGY_SIGNS),
    )
