"""Facts about a reading in which ultrasound took part: what it left open, and what CT said beside it."""

from __future__ import annotations

from hepalith.management.known import Known
from hepalith.vocabulary import Measurement, State

__all__ = ["echoes_without_calcium", "finds_none", "leaves_echo_unnamed", "reads_ct", "reads_ultrasound"]


def reads_ct(known: Known) -> bool:
    """Return whether a CT was read."""
    return known.foci is not None or any(f.source == "ct" and _was_tried(f.state) for f in known.findings)


def reads_ultrasound(known: Known) -> bool:
    """Return whether ultrasound was read."""
    return any(f.source == "us" and _was_tried(f.state) for f in known.findings)


def _was_tried(state: State) -> bool:
    return state is not State.UNKNOWN


def finds_none(known: Known) -> bool:
    """Return whether ultrasound alone was read, showed liver, and no strong echo in the planes of it."""
    counted = [f for f in known.of("focus_count") if f.source == "us" and isinstance(f.value, Measurement)]
    open_ = any(f.state is State.NOT_ASSESSABLE for f in known.of("intrahepatic_calcification"))
    return bool(counted) and open_ and not reads_ct(known) and not known.has("strong_echo")


def leaves_echo_unnamed(known: Known) -> bool:
    """Return whether a strong echo was seen of which it cannot be said whether it is calcium."""
    found = known.of("intrahepatic_calcification")
    left = bool(found) and all(f.state is State.NOT_ASSESSABLE for f in found)
    return left and known.has("strong_echo")


def echoes_without_calcium(known: Known) -> bool:
    """Return whether ultrasound shows a strong echo where calcium was looked for and not found."""
    return known.has("strong_echo") and known.denies("intrahepatic_calcification")
