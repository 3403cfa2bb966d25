"""The liver as a whole and its neighbours on ultrasound: texture, fluid, gallbladder, foreign bodies."""

from __future__ import annotations

from collections.abc import Callable

from hepalith.finding.finding import Finding, Subject
from hepalith.finding.ultrasound.scene import Scene
from hepalith.vocabulary import State

__all__ = ["describe_liver", "describe_stent"]

NO_TEXTURE = "the texture of the liver could not be judged in these pictures"
NO_GALLBLADDER = "the gallbladder is not in view"
FLUID_MISSED = 0.1
"""Probability of free fluid where none is seen: a picture of the liver shows its surroundings in part. Our
judgement."""

STONES_MISSED = 0.1
"""Probability of gallbladder stones where the gallbladder is seen in one plane and none in it. Ours."""

STENT_MISSED = 0.03
"""Probability of a swallowed straight body where nothing is seen of it. Our judgement."""


def describe_liver(scene: Scene) -> tuple[Finding, ...]:
    """Return the findings of the liver's tissue and of what lies beside it."""
    if not scene.is_liver_in_view:
        return ()
    return tuple(read(scene) for read in _READERS)


def _said(
    name: str, subject: str, chance: float, images: tuple[str, ...], foci: tuple[int, ...] = ()
) -> Finding:
    state = State.PRESENT if chance >= 0.5 else State.ABSENT
    chance = min(max(chance, 0.01), 0.99)
    return Finding(name, Subject(subject), state, chance, source="us", images=images, foci=foci)


def _unable(name: str, subject: str, reason: str) -> Finding:
    return Finding(name, Subject(subject), State.NOT_ASSESSABLE, source="us", reason=reason)


def _texture(name: str, key: str) -> Callable[[Scene], Finding]:
    """Return what reads one measure of the texture."""

    def read(scene: Scene) -> Finding:
        known = {
            look.image: look.sonogram.texture[key]
            for look in scene.liver_looks
            if key in look.sonogram.texture
        }
        if not known:
            return _unable(name, "liver", NO_TEXTURE)
        best = max(known, key=lambda image: known[image])
        return _said(name, "liver", known[best], (best,))

    return read


def _ascites(scene: Scene) -> Finding:
    """Return whether free fluid lies beside the liver."""
    chances = {
        look.image: max(
            (b.probabilities.get("fluid", float(b.kind == "fluid")) for b in look.sonogram.bodies),
            default=0.0,
        )
        for look in scene.liver_looks
    }
    best = max(chances, key=lambda image: chances[image])
    return _said("ascites", "neighbour", max(chances[best], FLUID_MISSED), (best,))


def _gallbladder_stones(scene: Scene) -> Finding:
    """Return whether stones lie in the gallbladder: bright bodies called so, where it is in view."""
    name = "gallbladder_stones"
    stones = [f for f in scene.foci.foci if f.label == "gallstone"]
    if stones:
        best = max(stones, key=lambda f: f.probability)
        return _said(name, "neighbour", best.probability, scene.images_of(best.id), (best.id,))
    shown = tuple(
        look.image for look in scene.liver_looks if any(b.kind == "gallbladder" for b in look.sonogram.bodies)
    )
    if not shown:
        return _unable(name, "neighbour", NO_GALLBLADDER)
    return _said(name, "neighbour", STONES_MISSED, shown)


def _foreign_body(scene: Scene) -> Finding:
    """Return that no swallowed body was seen: the two lines of a stent are those of a tube, and named so."""
    return _said("foreign_body_seen", "focus", STENT_MISSED, scene.images)


def describe_stent(scene: Scene) -> tuple[Finding, ...]:
    """Return the history that a stent or catheter in the liver tells, where one is named: drained ducts.

    Only where one is seen: its absence tells nothing of what was done.
    """
    seen = [f for f in scene.foci.foci if f.label == "stent_or_catheter"]
    if not seen:
        return ()
    best = max(seen, key=lambda f: f.probability)
    chance, images = DRAINED * best.probability, scene.images_of(best.id)
    if chance < 0.5:
        return ()
    said = Finding(
        "biliary_surgery", Subject("patient"), State.PRESENT, chance, source="us", images=images, reason=STENT
    )
    return (said,)


DRAINED = 0.9
"""Share of the stents and catheters in a liver that lie in bile ducts; others are shunts and drains of
abscesses. Our judgement (C)."""

STENT = "two long parallel lines in the liver: a stent or catheter"


_READERS: tuple[Callable[[Scene], Finding], ...] = (
    _texture("bright_liver", "bright"),
    _texture("coarse_echotexture", "coarse"),
    _ascites,
    _gallbladder_stones,
    _foreign_body,
)
"""What reads each finding, in order."""
