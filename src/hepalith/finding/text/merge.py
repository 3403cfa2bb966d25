"""From all that a report says of one finding to one statement of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hepalith.finding.text.account import Said
from hepalith.finding.text.mention import Size
from hepalith.finding.text.number import FROM_SIZES
from hepalith.vocabulary import Measurement, State

__all__ = ["FEWEST_SURE", "Composed", "merge"]

FEWEST_SURE = 0.5
"""Below this probability a finding is neither present nor absent: it is named, and unknown."""


@dataclass(frozen=True, slots=True)
class Composed:
    """One finding as the whole report has it, with the tokens that say so."""

    id: str
    subject: str
    state: State
    probability: float | None
    value: Measurement | str | None
    places: tuple[tuple[int, int], ...]
    reason: str | None = None


def merge(name: str, kind: str, subject: str, unit: str | None, said: Sequence[Said]) -> Composed:
    """Return one statement of a finding from all that is said of it."""
    seen = [s for s in said if s.probability >= 0]
    if not seen:
        places = tuple(dict.fromkeys((s.first, s.last) for s in said))[:3]
        return Composed(
            name, subject, State.NOT_ASSESSABLE, None, None, places, "the report says it could not be judged"
        )
    if kind == "quantity":
        return _merge_quantity(name, subject, str(unit), seen)
    best = _choose(name, seen) if kind == "choice" else max(seen, key=lambda s: s.probability)
    agreeing = [s for s in seen if (s.probability >= FEWEST_SURE) == (best.probability >= FEWEST_SURE)]
    places = tuple(
        dict.fromkeys((s.first, s.last) for s in agreeing if kind != "choice" or s.value == best.value)
    )[:3]
    value = best.value if kind == "choice" and isinstance(best.value, str) else None
    if best.probability >= FEWEST_SURE:
        return Composed(name, subject, State.PRESENT, round(best.probability, 3), value, places)
    if best.probability > 0:
        chance = round(best.probability, 3)
        return Composed(name, subject, State.UNKNOWN, chance, value, places, "the report leaves it open")
    if kind == "choice":
        return Composed(
            name, subject, State.UNKNOWN, None, None, places, "one value is denied, none is stated"
        )
    return Composed(name, subject, State.ABSENT, 0.0, None, places)


_ORDER = {
    "enhancement": (
        "arterial_washout", "blood_pool", "peripheral_nodular", "septal", "rim", "delayed", "arterial",
        "none",
    ),
    "acoustic_shadow": ("comet_tail", "dirty", "faint", "clean", "none"),
    "dominant_morphology": (
        "eggshell", "tram_track", "equal_sign", "stellate", "curvilinear_septal", "rim", "beaded",
        "branching", "granular", "plaque", "linear", "amorphous", "coarse", "band", "nodular", "punctate",
        "lump", "pin",
    ),
    "change_since_prior": ("new", "grown", "shrunk", "gone", "stable"),
    "duct_relation": ("apart", "in_wall", "in_lumen", "along_portal_triad"),
}  # fmt: skip
"""Where several values are stated, the one that says most is heard first (our judgement)."""


def _choose(name: str, said: Sequence[Said]) -> Said:
    """Return the value of a choice: the surest, then the one that says most, then the first."""
    if name == "change_since_prior":
        said = [s for s in said if s.probability > FROM_SIZES] or said
    ranks = {value: place for place, value in enumerate(_ORDER.get(name, ()))}
    sure = [s for s in said if s.probability >= FEWEST_SURE] or [max(said, key=lambda s: s.probability)]
    if ranks:
        return min(sure, key=lambda s: ranks.get(str(s.value), 99))
    return max(sure, key=lambda s: s.probability)


def _merge_quantity(name: str, subject: str, unit: str, said: Sequence[Said]) -> Composed:
    sizes = [(s, s.value) for s in said if isinstance(s.value, Size)]
    counts = [(s, s.value) for s in said if isinstance(s.value, int)]
    if sizes:
        best, size = max(sizes, key=lambda p: p[1].high or p[1].value)
        measured = Measurement(size.value, unit, size.low, size.high)
        return Composed(name, subject, State.PRESENT, 1.0, measured, ((best.first, best.last),))
    best, count = max(counts, key=lambda p: p[1])
    return Composed(
        name, subject, State.PRESENT, 1.0, Measurement(float(count), unit), ((best.first, best.last),)
    )
