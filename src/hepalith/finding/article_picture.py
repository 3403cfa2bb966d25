"""The two pictures of the article: stones of the ducts and simple calcification, point by point.

The article lists four points for each. Every point is present, absent or not assessable here, with the
reason, and each picture fits as far as its points do. This is a comparison with one source, shown beside the
differential and never in its place: the weights of the differential come from all of the knowledge.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from hepalith.calcification.echo import COUNTED
from hepalith.calcification.focus import Foci, Focus
from hepalith.finding.description import Description
from hepalith.finding.finding import Finding
from hepalith.vocabulary import State, inline, load_vocabulary

__all__ = ["ArticlePicture", "ArticlePoint", "compare_with_article", "load_pictures"]

STONE_FORMS = (
    "pin", "punctate", "nodular", "lump", "coarse", "linear", "band", "branching", "beaded", "granular",
    "amorphous",
)  # fmt: skip
"""Forms that the article's stones have (S127): dots, spots, strands, a rosary, round, lumps."""

SIMPLE_FORMS = ("pin", "punctate", "equal_sign", "nodular", "lump", "coarse", "linear")
"""Forms of simple calcification (S33, S34, S133); what is strung or branches follows a duct."""

STONE_SHADOW: Mapping[str, float] = {
    "clean": 0.95, "faint": 0.75, "none": 0.5, "dirty": 0.3, "comet_tail": 0.3, "not_assessable": 0.65,
}  # fmt: skip
"""How well a shadow fits "often accompanied by a shadow" (S128): strong in 77 % and weak in 23 % of 30 stones
(J Korean Soc Med Ultrasound 1983;2:49); the steps are our judgement (C)."""

KEY_WEIGHT = 2.0
"""Weight of the point about ducts in the fit: the article calls it the reliable one (S129). Our judgement."""

KEY = ("in_duct", "off_duct")

HARD_TO_SEE = 0.55
"""Highest probability of "along the duct" where foci lie on one curve and no tube is seen. Our judgement."""

Said = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ArticlePoint:
    """One point of a picture: what the article says, and whether this examination shows it.

    `text` and `reason` hold ``en`` and ``zh``; `claims` the numbers of the claims of the article.
    """

    id: str
    claims: tuple[str, ...]
    text: Said
    state: State
    probability: float | None
    reason: Said


@dataclass(frozen=True, slots=True)
class ArticlePicture:
    """One picture of the article, its points, and how far the examination fits it.

    `fit` is the mean probability of the points that could be judged, the one about ducts counted twice;
    ``None`` where none could.
    """

    id: str
    diagnosis: str
    title: Said
    points: tuple[ArticlePoint, ...]
    fit: float | None

    @property
    def judged(self) -> int:
        """How many of the points could be judged."""
        return sum(p.state in (State.PRESENT, State.ABSENT) for p in self.points)

    @property
    def shown(self) -> int:
        """How many of the points are there."""
        return sum(p.state is State.PRESENT for p in self.points)


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    en: str
    zh: str


class _PointRow(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    asks: Literal[
        "stone_form", "in_duct", "segment_damage", "left_lobe", "isolated_echo", "off_duct", "normal_around",
        "right_and_unchanged",
    ]  # fmt: skip
    claims: tuple[str, ...]
    en: str
    zh: str


class _PictureRow(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    diagnosis: str
    title: _Words
    point: tuple[_PointRow, ...]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    picture: tuple[_PictureRow, ...]
    reasons: dict[str, _Words]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a rule found: a probability, or ``None`` where it could not be judged, and why."""

    chance: float | None
    reason: str
    fills: tuple[tuple[str, str, str], ...] = ()
    """Blanks of the reason: name, vocabulary term, choice (empty: the term itself)."""


@dataclass(frozen=True, slots=True)
class _Case:
    """What the rules read."""

    description: Description
    foci: tuple[Focus, ...]

    def of(self, name: str) -> Finding | None:
        """Return a finding that was judged."""
        known = [f for f in self.description.findings if f.id == name]
        return next((f for f in known if f.state in (State.PRESENT, State.ABSENT)), None)

    def chance(self, name: str) -> float | None:
        """Return the probability of a finding; None where it was not judged."""
        found = self.of(name)
        if found is None:
            return None
        return float(found.state is State.PRESENT) if found.probability is None else found.probability

    def choice(self, name: str, values: Sequence[str]) -> float | None:
        """Return the probability that a finding has one of these values; None where it was not judged."""
        found = self.of(name)
        if found is None:
            return None
        if found.alternatives:
            return sum(p for value, p in found.alternatives if value in values)
        return (found.probability or 1.0) * float(found.value in values)


@lru_cache(maxsize=1)
def load_pictures() -> _File:
    """Return the file beside this module, checked."""
    content = (files("hepalith.finding") / "article_picture.toml").read_text(encoding="utf-8")
    return _File.model_validate(tomllib.loads(content))


def compare_with_article(description: Description, foci: Foci) -> tuple[ArticlePicture, ...]:
    """Return the two pictures of the article, with each point as this examination shows it.

    Parameters
    ----------
    description
        What the ultrasound examination shows. Findings of another source may be among them: the lobe from
        CT, change since an earlier examination from a person.
    foci
        The bright foci; without one that is counted no point can be judged.
    """
    case = _Case(description, tuple(f for f in foci.foci if f.label in COUNTED))
    return tuple(_picture(row, case) for row in load_pictures().picture)


def _picture(row: _PictureRow, case: _Case) -> ArticlePicture:
    answers = [_Answer(None, "no_focus") if not case.foci else _RULES[p.asks](case) for p in row.point]
    points = tuple(_point(p, a) for p, a in zip(row.point, answers, strict=True))
    judged = [
        (a.chance, KEY_WEIGHT if p.asks in KEY else 1.0)
        for p, a in zip(row.point, answers, strict=True)
        if a.chance is not None
    ]
    total = sum(weight for _, weight in judged)
    fit = sum(chance * weight for chance, weight in judged) / total if total else None
    title = {"en": row.title.en, "zh": row.title.zh}
    return ArticlePicture(row.id, row.diagnosis, title, points, fit)


def _point(row: _PointRow, answer: _Answer) -> ArticlePoint:
    if answer.chance is None:
        state = State.NOT_ASSESSABLE
    else:
        state = State.PRESENT if answer.chance >= 0.5 else State.ABSENT
    reason = {lang: _say(answer, lang) for lang in ("en", "zh")}
    return ArticlePoint(row.asks, row.claims, {"en": row.en, "zh": row.zh}, state, answer.chance, reason)


def _say(answer: _Answer, language: str) -> str:
    words = load_pictures().reasons
    said = words[answer.reason].zh if language == "zh" else words[answer.reason].en
    fills = {}
    for name, term, choice in answer.fills:
        if term == "reasons":
            fills[name] = words[choice].zh if language == "zh" else words[choice].en
        else:
            fills[name] = inline(load_vocabulary().display(term, language, choice or None), language)
    return said.format(**fills)


def _seen_as(case: _Case) -> tuple[tuple[str, str, str], ...]:
    """Return the form and the shadow of the leading focus, to be said."""
    leading = _leading(case)
    grade = "not_assessable" if leading.shadow is None else leading.shadow.grade
    return (("form", leading.morphology, ""), ("shadow", "reasons", f"shadow_{grade}"))


def _leading(case: _Case) -> Focus:
    """Return the focus that the morphology is said of, else the first."""
    said = case.of("dominant_morphology")
    wanted = "" if said is None else said.subject.ref
    return next((f for f in case.foci if str(f.id) == wanted), case.foci[0])


def _form_chance(focus: Focus, forms: Sequence[str]) -> float:
    if focus.morphology_probabilities:
        return sum(focus.morphology_probabilities.get(name, 0.0) for name in forms)
    return float(focus.morphology in forms)


def _stone_form(case: _Case) -> _Answer:
    leading = _leading(case)
    grade = "not_assessable" if leading.shadow is None else leading.shadow.grade
    chance = _form_chance(leading, STONE_FORMS) * STONE_SHADOW.get(grade, STONE_SHADOW["not_assessable"])
    reason = "fits_both" if grade == "none" else "form_fits"
    return _Answer(chance, reason, _seen_as(case))


def _in_duct(case: _Case) -> _Answer:
    lumen = case.choice("duct_relation", ("in_lumen",))
    if lumen is None:
        return _Answer(None, "duct_open")
    dilated = case.chance("dilated_ducts")
    if lumen >= 0.5:
        wide = dilated is not None and dilated >= 0.5
        return _Answer(lumen, "in_lumen_wide" if wide else "in_lumen")
    strung = [p.probability for p in case.description.patterns if p.id == "along_portal_triad"]
    if strung:
        return _Answer(max(lumen, min(max(strung), HARD_TO_SEE)), "along_curve")
    return _Answer(lumen, "apart")


def _segment_damage(case: _Case) -> _Answer:
    atrophy = case.chance("lobar_atrophy")
    if atrophy is None:
        return _Answer(None, "damage_open")
    return _Answer(atrophy, "damage_seen" if atrophy >= 0.5 else "damage_open")


def _left_lobe(case: _Case) -> _Answer:
    left = case.choice("side_of_foci", ("left", "both"))
    if left is None:
        return _Answer(None, "side_open")
    found = case.of("side_of_foci")
    return _Answer(left, f"side_{'left' if found is None else found.value}")


def _isolated_echo(case: _Case) -> _Answer:
    strung = case.chance("beaded_chain")
    leading = _leading(case)
    chance = _form_chance(leading, SIMPLE_FORMS) * (1.0 - (strung or 0.0))
    if strung is not None and strung >= 0.5:
        return _Answer(chance, "strung", _seen_as(case))
    return _Answer(chance, "isolated" if chance >= 0.5 else "other_form", _seen_as(case))


def _off_duct(case: _Case) -> _Answer:
    dilated = case.chance("dilated_ducts")
    if dilated is not None and dilated >= 0.5:
        return _Answer(1.0 - dilated, "ducts_wide")
    off = case.choice("duct_relation", ("apart", "along_portal_triad"))
    if off is None:
        return _Answer(None, "duct_open")
    if dilated is None:
        return _Answer(None, "dilated_open")
    return _Answer(off * (1.0 - dilated), "apart" if off >= 0.5 else "in_lumen")


def _normal_around(case: _Case) -> _Answer:
    none = case.choice("host_kind", ("none",))
    found = case.of("host_kind")
    if none is None or found is None:
        return _Answer(None, "around_open")
    if none >= 0.5:
        return _Answer(none, "around_normal")
    return _Answer(none, "around_lesion", (("kind", "host_kind", str(found.value)),))


def _right_and_unchanged(case: _Case) -> _Answer:
    right = case.choice("side_of_foci", ("right",))
    same = case.chance("unchanged_two_years")
    if same is None:
        same = case.choice("change_since_prior", ("stable",))
    if same is not None and same < 0.5:
        return _Answer(same, "changed")
    if right is None and same is None:
        return _Answer(None, "no_prior")
    if right is None:
        return _Answer(None, "unchanged_side_open")
    if same is None:
        return _Answer(right, "right_no_prior") if right >= 0.5 else _Answer(right, "side_left")
    return _Answer(right * same, "follow_up" if right >= 0.5 else "side_left")


_RULES: Mapping[str, Callable[[_Case], _Answer]] = {
    "stone_form": _stone_form,
    "in_duct": _in_duct,
    "segment_damage": _segment_damage,
    "left_lobe": _left_lobe,
    "isolated_echo": _isolated_echo,
    "off_duct": _off_duct,
    "normal_around": _normal_around,
    "right_and_unchanged": _right_and_unchanged,
}
"""Which rule reads which point."""
