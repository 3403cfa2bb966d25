"""Published figures that stand beside ours; data in `anchors.toml`."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Anchor", "anchors_on"]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A published figure: the topic it stands beside, what was measured, the figure, its source's grade."""

    topic: str
    what: str
    figure: str
    grade: str


@functools.cache
def _load() -> tuple[Anchor, ...]:
    with (Path(__file__).parent / "anchors.toml").open("rb") as file:
        return tuple(Anchor(**entry) for entry in tomllib.load(file)["anchor"])


def anchors_on(topic: str) -> tuple[Anchor, ...]:
    """Return the published figures on a topic.

    Examples
    --------
    >>> anchors_on("liver")[0].figure
    'Dice 0.963'
    """
    return tuple(a for a in _load() if a.topic == topic)
