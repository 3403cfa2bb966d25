"""The stage of a cyst of cystic echinococcosis, as the World Health Organization classifies it.

References
----------
WHO-IWGE: Expert consensus for the diagnosis and treatment of cystic and alveolar echinococcosis in humans.
Acta Trop 2010;114:1-16, PMID 19931502. WHO guidelines for the treatment of patients with cystic
echinococcosis 2025, ISBN 9789240110472: of the second, its overview and a third party's restatement of its
sizes were read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hepalith.management.known import Known

__all__ = ["GROUPS", "SOURCE", "Cyst", "StageGroup", "stage_cyst", "stage_group"]

SOURCE = "WHO-IWGE 2010, PMID 19931502 (B)"

StageGroup = Literal["univesicular", "multivesicular", "inactive"]

GROUPS: dict[str, StageGroup] = {
    "CE1": "univesicular",
    "CE3a": "univesicular",
    "CE2": "multivesicular",
    "CE3b": "multivesicular",
    "CE4": "inactive",
    "CE5": "inactive",
}
"""Stages that are treated alike: one cavity that a needle could empty; many; none alive."""

ECHINOCOCCAL = ("ce_active_CE1_3", "ce_inactive_CE4_5")

STAGED_FROM = 0.1
"""Share of cystic echinococcosis from which a cyst is staged. Our judgement."""

SHELLS = ("rim", "eggshell")


@dataclass(frozen=True, slots=True)
class Cyst:
    """Stages that the signs leave open, in order; and whether a person named the stage."""

    stages: tuple[str, ...]
    stated: bool


def stage_cyst(known: Known) -> Cyst | None:
    """Return the stages that a cyst may have; ``None`` where there is no cyst to stage, or no sign.

    Notes
    -----
    A stage is a look on ultrasound. Daughter cysts mean CE2 in fluid and CE3b in solid content; solid
    content without them CE4, with a calcified shell CE4 or CE5; fluid without them CE1 or CE3a (a
    detached membrane tells these apart, and CT does not show it well). Calcium of the wall alone stages
    nothing: it is seen at every stage, if most at the last.
    """
    stages = [stage for stage in GROUPS if known.chose("ce_stage", (stage,))]
    if stages:
        return Cyst(tuple(sorted(stages)), stated=True)
    if known.share(ECHINOCOCCAL) < STAGED_FROM:
        return None
    fluid = known.chose("host_kind", ("fluid",))
    solid = known.chose("host_kind", ("mixed", "solid")) or known.has("solidified_content")
    shell = known.chose("dominant_morphology", SHELLS) or known.has("ring_calcification")
    if known.has("daughter_cysts"):
        return Cyst(
            ("CE3b",) if solid and not fluid else ("CE2",) if fluid else ("CE2", "CE3b"), stated=False
        )
    if solid and not fluid and (known.denies("daughter_cysts") or known.has("solidified_content")):
        return Cyst(("CE4", "CE5") if shell else ("CE4",), stated=False)
    if fluid and known.denies("daughter_cysts"):
        return Cyst(("CE1", "CE3a"), stated=False)
    return None


def stage_group(known: Known) -> StageGroup | None:
    """Return which of the three ways of treatment the stage asks for; ``None`` where that is open."""
    cyst = stage_cyst(known)
    groups = {GROUPS[stage] for stage in cyst.stages} if cyst is not None else set()
    return groups.pop() if len(groups) == 1 else None
