"""What the tubes of ultrasound pictures show, as findings: in a duct or apart, bile, dilated ducts, gas."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hepalith.anatomy.ultrasound.sonogram import DarkBody
from hepalith.calcification.echo import COUNTED
from hepalith.calcification.track.look import Look
from hepalith.finding.duct.duct import RELATIONS, DuctRelation
from hepalith.finding.finding import Finding, Subject
from hepalith.finding.ultrasound.duct import (
    DUCT_MM,
    MAY_BE_GAS,
    NO_FOCUS,
    NO_TUBE,
    ONLY_GAS,
    calibre_of,
    gas_chance,
    has_tubes,
    rise,
)
from hepalith.finding.ultrasound.scene import Scene
from hepalith.vocabulary import Measurement, State

__all__ = ["describe_ducts"]

NO_GAS = 0.03
"""Probability of gas in ducts where no bright body looks like it. Our judgement."""

MISSED = 0.08
"""Probability that ducts are dilated though no picture shows it: one plane misses those of other segments.
Our judgement."""

PARALLEL, ALONE = 0.85, 0.35
"""Probability that a second tube beside a first is a dilated duct (parallel channel), and that a tube which
the sonogram calls a duct, with none beside it, is one rather than a vessel. Our judgement."""

NO_SIZE = "a tube holds a focus, and how wide it is cannot be told: the size of a pixel is unknown"


def describe_ducts(scene: Scene, relations: Mapping[int, DuctRelation]) -> tuple[Finding, ...]:
    """Return the findings of bile ducts."""
    return (_relation(scene, relations), _bile(scene, relations), _dilated(scene, relations), _gas(scene))


def _relation(scene: Scene, relations: Mapping[int, DuctRelation]) -> Finding:
    name = "duct_relation"
    known = [(i, r) for i, r in relations.items() if r.relation in RELATIONS]
    if not known:
        reasons = [r.reason for r in relations.values()]
        return _unable(name, reasons[0] if reasons else NO_FOCUS)
    focus, best = min(
        known, key=lambda p: (RELATIONS.index(p[1].relation), -max(p[1].probabilities.values()), p[0])
    )
    return Finding(
        name, Subject("duct", str(focus)), State.PRESENT, best.probabilities[best.relation], best.relation,
        "us", scene.images_of(focus), reason=best.reason,
        alternatives=tuple(sorted(best.probabilities.items())), foci=(focus,),
    )  # fmt: skip


def _bile(scene: Scene, relations: Mapping[int, DuctRelation]) -> Finding:
    chances = [(r.bile_probability, i) for i, r in relations.items() if r.bile_probability is not None]
    if not chances:
        reasons = [r.reason for r in relations.values()]
        return _unable("bile_around_focus", reasons[0] if reasons else NO_FOCUS)
    chance, focus = max(chances)
    return _said("bile_around_focus", chance, scene.images_of(focus), str(focus), foci=(focus,))


@dataclass(frozen=True, slots=True)
class _Wide:
    """A tube that may be a dilated duct."""

    chance: float
    body: DarkBody
    look: Look


def _dilated(scene: Scene, relations: Mapping[int, DuctRelation]) -> Finding:
    """Return whether ducts are dilated: a tube that holds a focus, or a second tube beside a first."""
    name = "dilated_ducts"
    held = [(i, r) for i, r in relations.items() if r.relation == "in_lumen" and r.dilated is State.PRESENT]
    wide = [w for look in scene.liver_looks for w in _wide_tubes(look)]
    best = max(wide, key=lambda w: w.chance, default=None)
    if held:
        focus, relation = max(held, key=lambda p: p[1].probabilities["in_lumen"])
        chance = max(_one_of(held), 0.0 if best is None else best.chance)
        value = relation.calibre if isinstance(relation.calibre, Measurement) else None
        return _said(name, chance, scene.images_of(focus), str(focus), value, (focus,))
    if best is not None and best.chance >= 0.5:
        calibre = calibre_of(best.body.calibre_px, best.look)
        value = calibre if isinstance(calibre, Measurement) else None
        return _said(name, best.chance, (best.look.image,), "", value)
    if not scene.is_liver_in_view:
        return _unable(name, "no liver is in view")
    if not any(has_tubes(look) for look in scene.liver_looks):
        return _unable(name, NO_TUBE)
    if any(r.relation == "in_lumen" and r.dilated is State.NOT_ASSESSABLE for r in relations.values()):
        return _unable(name, NO_SIZE)
    return _said(name, max(MISSED, 0.0 if best is None else best.chance), scene.images)


def _one_of(held: Sequence[tuple[int, DuctRelation]]) -> float:
    """Return the probability that any of several foci lies in a tube: between one and all apart.

    Foci of one tube stand or fall together in part, so the mean of the two extremes is taken.
    """
    chances = [r.probabilities["in_lumen"] for _, r in held]
    return 0.5 * (max(chances) + 1.0 - math.prod(1.0 - p for p in chances))


def _wide_tubes(look: Look) -> Sequence[_Wide]:
    """Return the tubes of a picture that may be dilated ducts."""
    found = []
    for body in look.sonogram.bodies:
        duct = body.probabilities.get("duct", float(body.kind == "duct"))
        beside = min(max(body.extra.get("beside_parallel", 0.0), 0.0), 1.0)
        calibre = calibre_of(body.calibre_px, look)
        fits = 1.0 if not isinstance(calibre, Measurement) else rise(calibre.value, DUCT_MM - 1.0, 0.5)
        chance = fits * max(PARALLEL * beside * min(2.0 * duct, 1.0), duct * (ALONE + (1.0 - ALONE) * beside))
        if chance > 0:
            found.append(_Wide(chance, body, look))
    return found


def _gas(scene: Scene) -> Finding:
    """Return whether gas lies in ducts: bright bodies called gas within the liver."""
    if not scene.is_liver_in_view:
        return _unable("duct_gas", "no liver is in view")
    foci = [f for f in scene.foci.foci if f.label in ("gas", *COUNTED) and scene.sights[f.id]]
    alone = not scene.counted
    chances = {f.id: gas_chance(scene.sights[f.id][0], alone=alone) for f in foci}
    gas = {i: p for i, p in chances.items() if p >= MAY_BE_GAS}
    if not gas:
        return _said("duct_gas", max([NO_GAS, *chances.values()]), scene.images)
    chance = 1.0 - math.prod(1.0 - p for p in gas.values())
    leading = max(gas, key=lambda i: (gas[i], -i))
    return _said("duct_gas", min(chance, ONLY_GAS), scene.images_of(leading), "", None, tuple(gas))


def _said(  # noqa: PLR0917
    name: str,
    chance: float,
    images: tuple[str, ...],
    ref: str = "",
    value: Measurement | None = None,
    foci: tuple[int, ...] = (),
) -> Finding:
    present = chance >= 0.5
    return Finding(
        name, Subject("duct", ref if present else ""), State.PRESENT if present else State.ABSENT, chance,
        value if present else None, "us", images, foci=foci,
    )  # fmt: skip


def _unable(name: str, reason: str) -> Finding:
    return Finding(name, Subject("duct"), State.NOT_ASSESSABLE, source="us", reason=reason)
