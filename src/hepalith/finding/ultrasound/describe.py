"""What an ultrasound examination shows, in the controlled vocabulary. What was not looked for stays unknown.

One plane shows what it shows: absence in the whole liver, and the side of a focus, are never claimed from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hepalith.calcification.focus import Foci, Focus
from hepalith.calcification.track.look import Look
from hepalith.finding.description import Description
from hepalith.finding.duct.duct import DuctRelation
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.finding.ultrasound.duct import relate_to_tubes
from hepalith.finding.ultrasound.duct_findings import describe_ducts
from hepalith.finding.ultrasound.echo import chance_of_calcium, describe_shadow, leading_focus
from hepalith.finding.ultrasound.halo import look_about
from hepalith.finding.ultrasound.host import Surround, describe_surround, hosts_of, look_around
from hepalith.finding.ultrasound.limit import list_limits
from hepalith.finding.ultrasound.liver import describe_liver, describe_stent
from hepalith.finding.ultrasound.pattern import find_patterns, others_unseen
from hepalith.finding.ultrasound.scene import Scene
from hepalith.vocabulary import Measurement, State, load_vocabulary

__all__ = ["describe_ultrasound"]

NO_LIVER = "no liver is in view"
NO_FOCUS = "no bright focus was found"
ONE_PLANE = "none was seen in the planes that were shown, and the rest of the liver was not seen"
NO_SUBSTANCE = "there are bright foci whose substance ultrasound cannot say"
NO_SIDE = "a picture without a body mark does not say which lobe it shows"
NO_SCALE = "the size of a pixel is unknown"
NO_DOPPLER = "it takes colour Doppler, and B-mode alone was read"
NO_CINE = "only a cine, or a second position of the patient, shows whether it moves"
UNSURE_CAPSULE = "the liver's surface over the focus is not in view"

SUBCAPSULAR_MM = 3.0
"""As on CT: a focus whose centre lies within this of the capsule is subcapsular."""

MOVES = 0.5
"""Probability of its own movement from which a focus is called mobile."""

LEAST_BEADS = 3
"""Fewest foci that make a chain."""

STRUNG_UNSEEN = 0.5
"""Share of the foci that other planes may hold that lie in one line with the one or two that are seen.

Stones of one duct do. Our judgement (C).
"""

NEEDS_DOPPLER = ("doppler_flow_in_focus", "twinkling")
"""Findings that only colour shows."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What was worked out before the findings are said."""

    scene: Scene
    relations: Mapping[int, DuctRelation]
    surrounds: Mapping[int, Surround]
    patterns: tuple[Pattern, ...]
    leading: Focus | None

    @property
    def images(self) -> tuple[str, ...]:
        """The pictures in which the leading focus was seen."""
        return () if self.leading is None else self.scene.images_of(self.leading.id)


def describe_ultrasound(looks: Sequence[Look], foci: Foci, motion: Mapping[int, float]) -> Description:
    """Describe one ultrasound examination.

    Every finding of the vocabulary that ultrasound can show is returned: present or absent with its
    probability where it was looked for, `not_assessable` with the reason where these pictures cannot say, and
    `unknown` where it was not looked for.

    Parameters
    ----------
    looks
        Every picture of the examination, each at the frame that was read.
    foci
        The bright bodies, one a body over all pictures.
    motion
        Probability that a focus moves against the liver, by its id; of foci in a cine only.

    Returns
    -------
    Description
        Its `hosts` hold the relation of each focus and no label map.
    """
    scene = Scene.of(looks, foci, motion)
    abouts = look_about(scene)
    relations = relate_to_tubes(scene, abouts)
    surrounds = look_around(scene, abouts, relations)
    patterns = find_patterns(scene, relations, surrounds)
    seen = _Seen(scene, relations, surrounds, patterns, leading_focus(scene, relations))
    read = {f.id: f for f in _read(seen)}
    findings = []
    for term in load_vocabulary().of_group("finding"):
        if "us" not in term.modalities:
            continue
        subject = Subject(term.subject or "liver")
        if term.id in NEEDS_DOPPLER:
            found = Finding(term.id, subject, State.UNKNOWN, source="us", reason=NO_DOPPLER)
        elif not scene.is_liver_in_view:
            found = Finding(term.id, subject, State.NOT_ASSESSABLE, source="us", reason=NO_LIVER)
        else:
            found = read.get(term.id, Finding(term.id, subject, State.UNKNOWN, source="us"))
        findings.append(found)
    findings += describe_stent(scene) if scene.is_liver_in_view else ()
    limits = list_limits(scene, tuple(findings))
    return Description(
        tuple(findings), patterns, ducts=relations, hosts=hosts_of(surrounds, scene), limits=limits
    )


def _read(seen: _Seen) -> tuple[Finding, ...]:
    """Return what was looked for."""
    return (
        *(read(seen) for read in _READERS),
        describe_shadow(seen.scene, seen.leading),
        *describe_ducts(seen.scene, seen.relations),
        *describe_surround(seen.scene, seen.surrounds),
        *describe_liver(seen.scene),
    )


def _said(  # noqa: PLR0917
    name: str,
    subject: str,
    chance: float,
    images: tuple[str, ...],
    value: Measurement | str | None = None,
    foci: tuple[int, ...] = (),
) -> Finding:
    state = State.PRESENT if chance >= 0.5 else State.ABSENT
    return Finding(name, Subject(subject), state, chance, value, "us", images, foci=foci)


def _unable(name: str, subject: str, reason: str) -> Finding:
    return Finding(name, Subject(subject), State.NOT_ASSESSABLE, source="us", reason=reason)


def _calcification(seen: _Seen) -> Finding:
    """Return whether any bright focus is calcium; its absence is never claimed from planes."""
    name, foci = "intrahepatic_calcification", seen.scene.counted
    if not foci:
        unsure = any(f.label in ("gas", "undetermined") for f in seen.scene.foci.foci)
        return _unable(name, "liver", NO_SUBSTANCE if unsure else ONE_PLANE)
    chances = [chance_of_calcium(f) * seen.scene.chance_bright(f.id) for f in foci]
    chance = 1.0 - math.prod(1.0 - p for p in chances)
    if max(chance_of_calcium(f) for f in foci) >= 0.5:
        chance = max(chance, 0.5)  # what is counted is believed to be there
    if chance < 0.5:
        return _unable(name, "liver", NO_SUBSTANCE)
    return _said(name, "liver", chance, _images_of(seen, foci))


def _echo(seen: _Seen) -> Finding:
    """Return whether there is a stone-like strong echo, whatever it is made of."""
    foci = seen.scene.explained
    if not foci:
        return _unable("strong_echo", "liver", ONE_PLANE)
    chance = 1.0 - math.prod(1.0 - seen.scene.chance_bright(f.id) for f in foci)
    return _said("strong_echo", "liver", max(chance, 0.5), _images_of(seen, foci))


def _images_of(seen: _Seen, foci: Sequence[Focus]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(image for f in foci for image in seen.scene.images_of(f.id)))


def _count(seen: _Seen) -> Finding:
    foci = seen.scene.counted
    if seen.scene.explained and not foci:
        return _unable("focus_count", "liver", NO_SUBSTANCE)
    value = Measurement(float(len(foci)), "1")
    images = seen.scene.images
    return Finding("focus_count", Subject("liver"), State.PRESENT, value=value, source="us", images=images)


def _multiple(seen: _Seen) -> Finding:
    """Return whether there are several: by those seen, and by those that other planes may hold."""
    foci = seen.scene.explained
    if not foci:
        return _unable("multiple_foci", "liver", NO_FOCUS)
    chances = [seen.scene.chance_bright(f.id) for f in foci]
    none = math.prod(1.0 - p for p in chances)
    one = sum(p * math.prod(1.0 - q for j, q in enumerate(chances) if j != i) for i, p in enumerate(chances))
    several = 1.0 - one / max(1.0 - none, 1e-9)
    unseen = others_unseen(seen.scene)
    return _said("multiple_foci", "liver", several + (1.0 - several) * unseen, _images_of(seen, foci))


def _side(seen: _Seen) -> Finding:
    """Return that the lobe is not known: no picture says where in the liver it lies."""
    return _unable("side_of_foci", "liver", NO_SIDE if seen.scene.explained else NO_FOCUS)


def _diffuse(seen: _Seen) -> Finding:
    return _unable("diffuse_bilobar", "liver", NO_SIDE if seen.scene.explained else NO_FOCUS)


def _largest(seen: _Seen) -> Finding:
    foci = seen.scene.counted
    sizes = [f.diameter for f in foci if isinstance(f.diameter, Measurement)]
    if not foci:
        return _unable("largest_calcium", "liver", NO_FOCUS)
    if not sizes:
        return _unable("largest_calcium", "liver", NO_SCALE)
    value = max(sizes, key=lambda d: d.value)
    images = _images_of(seen, foci)
    return Finding(
        "largest_calcium", Subject("liver"), State.PRESENT, value=value, source="us", images=images
    )


def _morphology(seen: _Seen) -> Finding:
    leading = seen.leading
    if leading is None:
        return _unable("dominant_morphology", "liver", NO_FOCUS)
    chance = leading.morphology_probabilities.get(leading.morphology, 1.0)
    return Finding(
        "dominant_morphology", Subject("focus", str(leading.id)), State.PRESENT, chance, leading.morphology,
        "us", seen.images, alternatives=tuple(sorted(leading.morphology_probabilities.items())),
    )  # fmt: skip


RINGS = ("rim", "eggshell")
"""Forms of calcium in a wall."""


def _ring(seen: _Seen) -> Finding:
    """Return whether a bright focus is a ring or part of one."""
    foci = seen.scene.counted
    if not foci:
        return _unable("ring_calcification", "focus", NO_FOCUS)
    ringed = {
        f.id: sum(f.morphology_probabilities.get(m, float(f.morphology == m)) for m in RINGS) for f in foci
    }
    best = max(ringed, key=lambda i: (ringed[i], -i))
    chance = min(max(ringed[best], 0.02), 0.98)
    present = (best,) if chance >= 0.5 else ()
    return _said("ring_calcification", "focus", chance, seen.scene.images_of(best), foci=present)


def _subcapsular(seen: _Seen) -> Finding:
    """Return whether a focus lies at the capsule: measured in the plane only, and only with calibration."""
    if not seen.scene.explained:
        return _unable("subcapsular", "liver", NO_FOCUS)
    return _unable("subcapsular", "liver", UNSURE_CAPSULE)


def _beaded(seen: _Seen) -> Finding:
    """Return whether foci are strung along a curve, as separate beads or within one focus."""
    foci = seen.scene.explained
    if not foci:
        return _unable("beaded_chain", "liver", NO_FOCUS)
    strung = [p for p in seen.patterns if p.id in ("along_duct", "along_portal_triad") and len(p.foci) > 2]
    best = max(strung, key=lambda p: p.probability, default=None)
    fused = max(f.morphology_probabilities.get("beaded", float(f.morphology == "beaded")) for f in foci)
    unseen = STRUNG_UNSEEN * others_unseen(seen.scene) if len(foci) < LEAST_BEADS else 0.0
    chance = max(0.0 if best is None else best.probability, fused, unseen, 0.03)
    which = best.foci if best is not None and chance >= 0.5 else ()
    return _said("beaded_chain", "liver", chance, _images_of(seen, foci), foci=which)


def _mobile(seen: _Seen) -> Finding:
    """Return whether a focus moves against the liver."""
    if not seen.scene.explained:
        return _unable("mobile_focus", "focus", NO_FOCUS)
    known = {f.id: seen.scene.motion[f.id] for f in seen.scene.explained if f.id in seen.scene.motion}
    if not known:
        return _unable("mobile_focus", "focus", NO_CINE)
    best = max(known, key=lambda i: (known[i], -i))
    chance = min(max(known[best], 0.01), 0.99)
    return _said(
        "mobile_focus", "focus", chance, seen.scene.images_of(best), foci=(best,) if chance >= MOVES else ()
    )


_READERS: tuple[Callable[[_Seen], Finding], ...] = (
    _calcification, _echo, _count, _multiple, _diffuse, _side, _largest, _morphology, _ring, _subcapsular,
    _beaded, _mobile,
)  # fmt: skip
"""What reads each finding of the foci, in order."""
