"""What an ultrasound examination could not tell: sentences in a file, each with the case it belongs to."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from hepalith.finding.description import Limit
from hepalith.finding.finding import Finding
from hepalith.finding.ultrasound.scene import Scene
from hepalith.vocabulary import State

__all__ = ["list_limits", "load_limits"]

Case = Literal[
    "one_picture", "several_pictures", "focus", "no_scale", "shadow_not_expected", "focus_in_stills"
]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    when: Case
    en: str
    zh: str


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: tuple[_Row, ...]


@lru_cache(maxsize=1)
def load_limits() -> tuple[_Row, ...]:
    """Return the rows of the file beside this module, checked."""
    content = (files("hepalith.finding.ultrasound") / "limits.toml").read_text(encoding="utf-8")
    return _File.model_validate(tomllib.loads(content)).limit


def list_limits(scene: Scene, findings: Sequence[Finding]) -> tuple[Limit, ...]:
    """Return what these pictures could not tell, in the order of the file."""
    if not scene.is_liver_in_view:
        return ()
    cases = _cases(scene, findings)
    return tuple(Limit(row.id, row.en, row.zh) for row in load_limits() if row.when in cases)


def _cases(scene: Scene, findings: Sequence[Finding]) -> frozenset[str]:
    pictures = len({(look.image, look.picture.region) for look in scene.liver_looks})
    cases = {"one_picture" if pictures == 1 else "several_pictures"}
    if scene.explained:
        cases.add("focus")
        if any(look.picture.mm_per_px is None for look in scene.liver_looks):
            cases.add("no_scale")
        if not scene.motion:
            cases.add("focus_in_stills")
        states = {f.state for f in findings if f.id == "acoustic_shadow"}
        weak = any(f.shadow is not None and f.shadow.grade in ("none", "faint") for f in scene.explained)
        if weak and State.NOT_ASSESSABLE in states:
            cases.add("shadow_not_expected")
    return frozenset(cases)
