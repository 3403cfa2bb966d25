"""Two processes in one liver: how often, which of them leads, and how features combine. Read from a file."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from hepalith.differential.entry import Entry, Feature, Number, load_knowledge
from hepalith.vocabulary import load_vocabulary

__all__ = ["MOST_BESIDE", "NOTHING_THERE", "Rule", "Together", "load_together"]

MOST_BESIDE = 0.6
"""Most that any one process can stand beside a leading one. Where stones are common, the share of stones that
have a cancer would else give nearly every cancer its stones. Our judgement."""

NOTHING_THERE = ("none", "apart", "absent", "normal")
"""Values that say that there is nothing: true only where neither process shows anything."""

Rule = Literal["number", "largest", "both", "cause", "either", "mixed", "own"]
"""How a feature is explained by two processes; see `hepalith.differential.pair`."""


class _Beside(Number):
    diagnosis: str


class _Company(Number):
    leading: str
    diagnosis: str


class _Association(Number):
    of: str
    have: tuple[str, ...]


class _Precedence(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    harmless: tuple[str, ...]
    lasting: tuple[str, ...]


class _Combine(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    number: tuple[str, ...]
    union: tuple[str, ...]
    largest: tuple[str, ...]
    both: tuple[str, ...]
    cause: tuple[str, ...]
    either: tuple[str, ...]
    own: tuple[str, ...]


class Together(BaseModel):
    """What is known of two processes in one liver, as `together.toml` holds it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by_chance: Number
    precedence: _Precedence
    beside: tuple[_Beside, ...] = ()
    company: tuple[_Company, ...] = ()
    association: tuple[_Association, ...] = ()
    combine: _Combine

    def rank(self, entry: Entry) -> int:
        """Return how grave an entry is: 0 harmless, 1 lasting, 2 any other, 3 malignant."""
        if entry.malignant:
            return 3
        if entry.id in self.precedence.harmless:
            return 0
        return 1 if entry.id in self.precedence.lasting else 2

    def share_beside(self, leading: Entry, other: Entry, setting: str) -> tuple[float, Number | None]:
        """Return P(`other` stands beside | `leading` leads) in a setting, and the number behind it.

        Known company comes first; then what is known of all people; then chance. The graver
        of two leads; by chance, two of one gravity take turns, half of the time each. 0 and
        ``None`` where it never stands beside.
        """
        if leading.id == other.id or other.pooled:
            return 0.0, None
        for known in self.company:
            if (known.leading, known.diagnosis) == (leading.id, other.id):
                return known.value, known
        for linked in self.association:
            if linked.of == other.id and leading.id in linked.have:
                expected = linked.value * other.prior[setting].value / leading.prior[setting].value
                return min(expected / len(linked.have), MOST_BESIDE), linked
        mine, others = self.rank(leading), self.rank(other)
        if others > mine:
            return 0.0, None
        of_all = other.coexists or next((b for b in self.beside if b.diagnosis == other.id), None)
        if of_all is not None:
            return of_all.value, of_all
        chance = self.by_chance.value * other.prior[setting].value
        return chance / 2 if mine == others else chance, self.by_chance

    def rule(self, feature: Feature) -> Rule:
        """Return how two processes explain a feature."""
        return _rules()[feature.id]

    def find_rule(self, feature: Feature) -> Rule:
        """Return how two processes explain a feature, by the file or else by what it is about.

        Where the file does not name it: exposures and history are causes; what is about a focus or
        a host is one process's own; of what has a word for "nothing there", either process may show
        it; the rest is mixed.
        """
        for name in ("number", "largest", "both", "cause", "either", "own"):
            if feature.id in getattr(self.combine, name):
                return name
        terms = [load_vocabulary()[reader.id] for reader in feature.findings]
        if terms and all(term.group in ("exposure", "history") for term in terms):
            return "cause"
        if any(term.subject in ("focus", "host") for term in terms):
            return "own"
        return "either" if set(NOTHING_THERE) & set(feature.values) else "mixed"


@lru_cache(maxsize=1)
def load_together() -> Together:
    """Return the file beside this module, read once and checked against the knowledge.

    Raises
    ------
    ValueError
        If it breaks the schema or names an entry or a feature that does not exist.
    """
    knowledge = load_knowledge()
    content = (files("hepalith.differential") / "together.toml").read_text(encoding="utf-8")
    together = Together.model_validate(tomllib.loads(content))
    named = {
        *together.precedence.harmless,
        *together.precedence.lasting,
        *(b.diagnosis for b in together.beside),
        *(name for c in together.company for name in (c.leading, c.diagnosis)),
        *(name for a in together.association for name in (a.of, *a.have)),
    }
    entries = {entry.id for entry in knowledge.entries}
    features = {name for _, names in together.combine for name in names}
    unknown = (named - entries) | (features - set(knowledge.features))
    if unknown:
        raise ValueError(f"together.toml names what does not exist: {', '.join(sorted(unknown))}")
    return together


@lru_cache(maxsize=1)
def _rules() -> dict[str, Rule]:
    together = load_together()
    return {f.id: together.find_rule(f) for f in load_knowledge().features.values()}
