"""What this CT shows, in the controlled vocabulary. What was not looked for stays unknown."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from hepalith.anatomy.anatomy import Anatomy
from hepalith.anatomy.liver import Liver, Phase
from hepalith.calcification.focus import Foci, Focus
from hepalith.finding.around import describe_around
from hepalith.finding.description import Description
from hepalith.finding.duct.duct import relate_to_ducts
from hepalith.finding.duct.findings import describe_ducts
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.finding.host.enhancement import follow_hosts
from hepalith.finding.host.findings import describe_hosts
from hepalith.finding.host.host import Hosts
from hepalith.finding.host.search import find_hosts
from hepalith.finding.parenchyma import describe_parenchyma
from hepalith.finding.pattern.pattern import SUBCAPSULAR_MM, find_patterns, share_below
from hepalith.finding.place import find_places
from hepalith.finding.vein import find_vein_occlusion
from hepalith.image.volume import Volume
from hepalith.vocabulary import Measurement, NotAssessable, State, load_vocabulary

__all__ = ["Description", "describe"]

LEAST_IN_VIEW = 0.95
"""Share of the liver that must be in view before calcium is called absent. Our judgement."""

DIFFUSE_FOCI = 10
"""Number of foci at which a spread over both lobes is as likely as not called diffuse; the probability
rises by `DIFFUSE_SLOPE` logits a focus. Our judgement."""

DIFFUSE_SLOPE = 0.4

STRUNG = ("along_duct", "along_portal_triad")
"""Patterns of foci that are beads on a curve."""

NO_HOST_REASON = "on an unenhanced scan a lesion around the calcium can be seen, but never excluded"
NO_LIVER_REASON = "no liver is in view"
PART_REASON = "none was found in the part of the liver that is in view, and the rest was not seen"
UNNAMED_REASON = "there are bright foci whose substance this scan cannot say"
"""Why it is not known whether, and how many, calcifications there are."""

NO_LOBES_REASON = "the lobes could not be told apart on this scan"


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the findings are read from."""

    volume: Volume
    liver: Liver
    foci: Foci
    phase: Phase

    @property
    def calcifications(self) -> tuple[Focus, ...]:
        return self.foci.calcifications


def describe(
    volume: Volume, liver: Liver, foci: Foci, phase: Phase, anatomy: Anatomy | None = None
) -> Description:
    """Describe one CT.

    Every finding of the vocabulary that a CT can show is returned: present or absent with its
    probability where it was looked for, `not_assessable` with the reason where this scan cannot
    say, and `unknown` where it was not looked for: without `anatomy`, ducts, hosts and neighbours are not.

    Parameters
    ----------
    volume, liver, foci, phase
        The image, and what was found in it.
    anatomy
        What lies in and about the liver.
    """
    scene = _Scene(volume, liver, foci, phase)
    company = _keep_company(scene, anatomy)
    read = {f.id: f for f in company.findings}
    findings = []
    for term in load_vocabulary().of_group("finding"):
        if "ct" in term.modalities:
            subject = Subject(term.subject or "liver")
            if not liver.is_in_view:
                found = Finding(term.id, subject, State.NOT_ASSESSABLE, reason=NO_LIVER_REASON)
            elif term.id in read:
                found = read[term.id]
            elif term.id in _READERS:
                found = _READERS[term.id](scene, subject)
            elif term.id == "beaded_chain":
                found = _beaded(scene, subject, company.patterns)
            else:
                found = Finding(term.id, subject, State.UNKNOWN)
            findings.append(found)
    return replace(company, findings=tuple(findings))


def _keep_company(scene: _Scene, anatomy: Anatomy | None) -> Description:
    """Return what lies around the foci and the liver, and the findings that follow from it."""
    volume, liver, foci, phase = scene.volume, scene.liver, scene.foci, scene.phase
    if not liver.is_in_view:
        return Description((), ())
    neighbours = None if anatomy is None else anatomy.neighbours
    whole = describe_parenchyma(volume, liver, phase, neighbours)
    if anatomy is None:
        return Description(whole, find_patterns(foci, liver))
    vessels, ducts = anatomy.vessels, anatomy.ducts
    places = find_places(foci, liver, anatomy.segments, vessels)
    shown, by = anatomy.shown, anatomy.shown_by
    hosts = find_hosts(shown, liver, foci, phase=by, vessels=vessels, ducts=ducts)
    relations = relate_to_ducts(shown, liver, foci, ducts, vessels, by, in_lesion=_in_lesions(hosts))
    hosts = follow_hosts(hosts, foci, volume, liver, phase, others=anatomy.others)
    around = describe_around(volume, liver, anatomy.neighbours, phase)
    tubes = describe_ducts(ducts, relations, anatomy.shown_by, anatomy.segments, liver)
    occluded = find_vein_occlusion(shown, liver, vessels, by)
    findings = (*whole, *around, *tubes, occluded, *describe_hosts(hosts, foci, by))
    patterns = find_patterns(foci, liver, vessels=vessels, relations=relations, hosts=hosts)
    return Description(findings, patterns, places, relations, hosts)


def _in_lesions(hosts: Hosts) -> dict[int, float]:
    """Return the probability that each focus lies in the lesion that is seen about it."""
    return {i: 1.0 - r.probabilities.get("none", 1.0) for i, r in hosts.of_focus.items() if r.host}


def _state(
    term_id: str, subject: Subject, probability: float, value: Measurement | str | None = None
) -> Finding:
    state = State.PRESENT if probability >= 0.5 else State.ABSENT
    return Finding(term_id, subject, state, probability, value)


def _not_assessable(term_id: str, subject: Subject, reason: str) -> Finding:
    return Finding(term_id, subject, State.NOT_ASSESSABLE, reason=reason)


def _nothing_seen(term_id: str, subject: Subject) -> Finding:
    return _not_assessable(term_id, subject, "no calcification was found")


def _any_calcification(scene: _Scene, subject: Subject) -> Finding:
    name = "intrahepatic_calcification"
    if scene.calcifications:
        missed = math.prod(1.0 - f.probability for f in scene.calcifications)
        return _state(name, subject, max(1.0 - missed, 0.5))
    if any(f.label == "undetermined" for f in scene.foci.foci):
        return _not_assessable(name, subject, UNNAMED_REASON)
    if scene.liver.in_view < LEAST_IN_VIEW:
        return _not_assessable(name, subject, PART_REASON)
    return Finding(name, subject, State.ABSENT)


def _in_view(scene: _Scene, subject: Subject) -> Finding:
    share = Measurement(100.0 * scene.liver.in_view, "%")
    return Finding("liver_in_view", subject, State.PRESENT, value=share)


def _outline_trust(scene: _Scene, subject: Subject) -> Finding:
    trust = Measurement(100.0 * scene.liver.quality, "%")
    return Finding("outline_trust", subject, State.PRESENT, value=trust)


def _count(scene: _Scene, subject: Subject) -> Finding:
    if not scene.calcifications and any(f.label == "undetermined" for f in scene.foci.foci):
        return _not_assessable("focus_count", subject, UNNAMED_REASON)
    count = float(len(scene.calcifications))
    return Finding("focus_count", subject, State.PRESENT, value=Measurement(count, "1"))


def _multiple(scene: _Scene, subject: Subject) -> Finding:
    if not scene.calcifications:
        return _nothing_seen("multiple_foci", subject)
    chances = [f.probability for f in scene.calcifications]
    none = math.prod(1.0 - p for p in chances)
    one = sum(p * math.prod(1.0 - q for j, q in enumerate(chances) if j != i) for i, p in enumerate(chances))
    some = max(1.0 - none, 1e-9)
    return _state("multiple_foci", subject, min(max(1.0 - one / some, 0.0), 1.0))


def _lobe_counts(scene: _Scene) -> tuple[int, int, int]:
    lobes = [f.lobe for f in scene.calcifications]
    return lobes.count("left"), lobes.count("right") + lobes.count("caudate"), lobes.count(None)


def _side(scene: _Scene, subject: Subject) -> Finding:
    if not scene.calcifications:
        return _nothing_seen("side_of_foci", subject)
    left, right, unknown = _lobe_counts(scene)
    if unknown:
        return _not_assessable("side_of_foci", subject, NO_LOBES_REASON)
    value = "both" if left and right else "left" if left else "right"
    return Finding("side_of_foci", subject, State.PRESENT, probability=0.95, value=value)


def _diffuse(scene: _Scene, subject: Subject) -> Finding:
    if not scene.calcifications:
        return _nothing_seen("diffuse_bilobar", subject)
    left, right, unknown = _lobe_counts(scene)
    if unknown:
        return _not_assessable("diffuse_bilobar", subject, NO_LOBES_REASON)
    if not (left and right):
        return _state("diffuse_bilobar", subject, 0.01)
    return _state(
        "diffuse_bilobar", subject, 1.0 / (1.0 + math.exp(-DIFFUSE_SLOPE * (left + right - DIFFUSE_FOCI)))
    )


def _largest(scene: _Scene, subject: Subject) -> Finding:
    diameters = [f.diameter for f in scene.calcifications if isinstance(f.diameter, Measurement)]
    if not scene.calcifications:
        return _nothing_seen("largest_calcium", subject)
    if not diameters:
        why = [f.diameter.reason for f in scene.calcifications if isinstance(f.diameter, NotAssessable)]
        return _not_assessable("largest_calcium", subject, why[0])
    return Finding("largest_calcium", subject, State.PRESENT, value=max(diameters, key=lambda d: d.value))


def _morphology(scene: _Scene, subject: Subject) -> Finding:
    if not scene.calcifications:
        return _nothing_seen("dominant_morphology", subject)
    leading = scene.calcifications[0]
    probability = leading.morphology_probabilities.get(leading.morphology, 1.0)
    alternatives = tuple(sorted(leading.morphology_probabilities.items()))
    return Finding(
        "dominant_morphology",
        Subject("focus", str(leading.id)),
        State.PRESENT,
        probability,
        leading.morphology,
        alternatives=alternatives,
    )


def _subcapsular(scene: _Scene, subject: Subject) -> Finding:
    depths = [f.capsule_distance for f in scene.calcifications if isinstance(f.capsule_distance, Measurement)]
    if not scene.calcifications:
        return _nothing_seen("subcapsular", subject)
    if not depths:
        return _not_assessable("subcapsular", subject, "the distance from the capsule could not be measured")
    return _state("subcapsular", subject, max(share_below(d, SUBCAPSULAR_MM) for d in depths))


def _host(scene: _Scene, subject: Subject) -> Finding:
    if scene.phase.label in ("none", "unknown"):
        return _not_assessable("host_kind", subject, NO_HOST_REASON)
    return Finding("host_kind", subject, State.UNKNOWN)


def _vessel_wall(scene: _Scene, subject: Subject) -> Finding:
    walls = [f.probability for f in scene.foci.foci if f.label == "vessel_wall_calcification"]
    if walls:
        return _state("vessel_wall_calcium", subject, max(walls))
    return Finding("vessel_wall_calcium", subject, State.UNKNOWN)


def _metal(scene: _Scene, subject: Subject) -> Finding:
    metal = [f.probability for f in scene.foci.foci if f.label in ("clip_or_coil", "stent_or_catheter")]
    return _state("metal_density", subject, max(metal, default=0.01))


_READERS: dict[str, Callable[[_Scene, Subject], Finding]] = {
    "intrahepatic_calcification": _any_calcification,
    "focus_count": _count,
    "multiple_foci": _multiple,
    "diffuse_bilobar": _diffuse,
    "side_of_foci": _side,
    "largest_calcium": _largest,
    "dominant_morphology": _morphology,
    "subcapsular": _subcapsular,
    "host_kind": _host,
    "vessel_wall_calcium": _vessel_wall,
    "metal_density": _metal,
    "liver_in_view": _in_view,
    "outline_trust": _outline_trust,
}
"""Which function reads which finding. A finding that is not here is not looked for."""


def _beaded(scene: _Scene, subject: Subject, patterns: tuple[Pattern, ...]) -> Finding:
    """Return whether foci are strung along a curve, as separate beads or within one focus."""
    if not scene.calcifications:
        return _nothing_seen("beaded_chain", subject)
    chained = max((p.probability for p in patterns if p.id in STRUNG and len(p.foci) > 1), default=0.0)
    fused = max(f.morphology_probabilities.get("beaded", 0.0) for f in scene.calcifications)
    return _state("beaded_chain", subject, max(chained, fused, 0.02))
