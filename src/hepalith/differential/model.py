"""The knowledge base as arrays: point values and seeded draws, and likelihoods from them.

Every diagnosis is a mixture of its forms (`atoms`); within a form, features are independent but
for those that depend on another (`given`). A feature and its dependants make a `Unit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.compiled import load_compiled
from hepalith.differential.entry import Knowledge, Number, load_knowledge
from hepalith.differential.table import Table, list_atoms, logit_range, tabulate, unpack_tables

__all__ = ["DRAWS", "SEED", "Model", "Table", "load_model", "make_model", "make_tables"]


DRAWS = 4096
"""Seeded draws over every number's range. The standard error of a "first in" share is then at
most 0.8 percentage points (0.5 / √4096)."""

SEED = 20_261_122
"""Seed of the draws; with the feature's place it fixes every one of them."""

MOST_WEIGHED = 64
"""Weighed draws kept: about 1 MB each. What-if and repeated readings then need not weigh them again."""

AT_ONCE = 16
"""Numbers drawn at once: what is worked on then stays in a core's own cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Atoms, priors and tables, compiled from the knowledge once per digest."""

    knowledge: Knowledge
    diagnosis_of: NDArray[np.intp]
    """Shape (atoms,): index into `knowledge.entries`."""
    share: NDArray[np.float64]
    """Shape (atoms,): P(form | diagnosis)."""
    share_factors: NDArray[np.float32]
    """Shape (atoms, draws): draws of `share`, as factors of it."""
    tables: Mapping[str, Table]
    children: Mapping[str, tuple[str, ...]]
    citations: tuple[str, ...]
    """What `Table.cited` names; the first is no citation."""
    draws_made: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Draws of a feature's rows, made when first asked for; the same whenever that is."""
    weighed: dict[tuple[str, bytes], NDArray[np.float32]] = field(default_factory=dict)
    """Draws of P(what was said | row) of late, by feature and what was said."""

    def draws(self, feature: str) -> NDArray[np.float32]:
        """Return the draws of one feature, shape (rows, values, draws), summing to 1 along values."""
        if feature not in self.draws_made:
            place = list(self.tables).index(feature)
            rng = np.random.default_rng([SEED, place])
            table = self.tables[feature]
            if len(table.feature.values) == 2:
                first = _draw(table.points[:, :1], table.low_z[:, :1], table.high_z[:, :1], rng)
                drawn = np.concatenate([first, 1.0 - first], axis=1)
            else:
                drawn = _draw(table.points, table.low_z, table.high_z, rng)
                drawn /= drawn.sum(axis=1, keepdims=True)
            self.draws_made[feature] = drawn
        return self.draws_made[feature]

    def priors(self, setting: str) -> NDArray[np.float64]:
        """Return P(diagnosis) in a setting, shape (diagnoses,)."""
        points = np.array([entry.prior[setting].value for entry in self.knowledge.entries])
        return np.asarray(points / points.sum())

    def bare_odds(self) -> NDArray[np.float64]:
        """Return the odds that a diagnosis does not show as calcium, shape (diagnoses,)."""
        shown = np.array([entry.calcified.value for entry in self.knowledge.entries])
        return np.asarray((1.0 - shown) / shown)

    def draw_bare_odds(self) -> NDArray[np.float32]:
        """Return draws of `bare_odds`, shape (diagnoses, draws)."""
        if (key := "bare odds") not in self.draws_made:
            numbers = [entry.calcified for entry in self.knowledge.entries]
            points, low_z, high_z = (np.array(v) for v in zip(*map(logit_range, numbers), strict=True))
            shown = _draw(points, low_z, high_z, np.random.default_rng([SEED, 40_000]))
            self.draws_made[key] = (1.0 - shown) / shown
        return self.draws_made[key]

    def echo_odds(self) -> NDArray[np.float64]:
        r"""Return how many times likelier each form is where only a bright echo is known, shape (atoms,).

        The priors are those of livers that show calcium, with which a form without any hardly counts. With e
        the share of the diagnosis that ultrasound shows as a bright echo without calcium, c that which shows
        as calcium, and s the form's share of the latter, it is e / (c s); of all other forms it is 1.
        """
        odds = np.ones(len(self.share))
        for atom, number in self._echoes():
            shown = self.knowledge.entries[self.diagnosis_of[atom]].calcified.value
            odds[atom] = number.value / (shown * self.share[atom])
        return odds

    def draw_echo_odds(self) -> NDArray[np.float32]:
        """Return draws of `echo_odds`, shape (atoms, draws)."""
        if (key := "echo odds") not in self.draws_made:
            drawn = np.ones((len(self.share), DRAWS), dtype=np.float32)
            bare = self.draw_bare_odds()
            for place, (atom, number) in enumerate(self._echoes()):
                point, low_z, high_z = (np.array([v]) for v in logit_range(number))
                seen = _draw(point, low_z, high_z, np.random.default_rng([SEED, 50_000, place]))[0]
                share = np.float32(self.share[atom]) * self.share_factors[atom]
                drawn[atom] = seen * (1.0 + bare[self.diagnosis_of[atom]]) / share
            self.draws_made[key] = drawn
        return self.draws_made[key]

    def _echoes(self) -> list[tuple[int, Number]]:
        """Return the forms that are a bright echo without calcium, and how often they are."""
        variants = (variant for _, variant in list_atoms(self.knowledge))
        return [(atom, v.echo) for atom, v in enumerate(variants) if v is not None and v.echo is not None]

    def draw_priors(self, setting: str) -> NDArray[np.float32]:
        """Return draws of the priors of a setting, shape (diagnoses, draws), summing to 1."""
        if (setting_key := f"prior of {setting}") not in self.draws_made:
            numbers = [entry.prior[setting] for entry in self.knowledge.entries]
            points, low_z, high_z = (np.array(v) for v in zip(*map(logit_range, numbers), strict=True))
            rng = np.random.default_rng([SEED, 10_000 + list(self.knowledge.settings).index(setting)])
            drawn = _draw(points, low_z, high_z, rng)
            self.draws_made[setting_key] = drawn / drawn.sum(axis=0)
        return self.draws_made[setting_key]

    def likelihood(
        self,
        root: str,
        said: Mapping[str, NDArray[np.float64]],
        *,
        atoms: NDArray[np.intp] | slice = slice(None),
        drawn: bool = False,
    ) -> NDArray[np.floating]:
        r"""Return P(what was said of a unit | atom), shape (atoms,) or, `drawn`, (atoms, draws).

        .. math:: \sum_p \lambda(p)\, P(p \mid a) \prod_c \sum_v \lambda_c(v)\, P(v \mid p, a)

        over the values p of the root and its children c.
        """
        spoken = [c for c in self.children.get(root, ()) if c in said]
        table = self.tables[root]
        if not spoken:
            return np.asarray(self._weigh(root, said[root], drawn=drawn)[table.row_of[atoms, 0]])
        rows = self.draws(root) if drawn else table.points
        weight = said.get(root, np.ones(len(table.feature.values))).astype(rows.dtype)
        total: NDArray[np.floating] | float = 0.0
        summed_children = {c: self._weigh(c, said[c], drawn=drawn) for c in spoken}
        for place, support in enumerate(weight):
            if support > 0:
                part = support * rows[table.row_of[atoms, 0], place]
                for child in spoken:
                    part = part * summed_children[child][self.tables[child].row_of[atoms, place]]
                total = total + part
        return np.asarray(total)

    def spread(
        self, feature: str, atoms: NDArray[np.intp], column: int = 0, *, drawn: bool = False
    ) -> NDArray[np.floating]:
        """Return P(value | atom) at one value of the parent, shape (atoms, values) or (.., draws)."""
        table = self.tables[feature]
        rows = self.draws(feature) if drawn else table.points
        return np.asarray(rows[table.row_of[atoms, column]])

    def follow(
        self,
        root: str,
        atoms: NDArray[np.intp],
        said: Mapping[str, NDArray[np.float64]],
        *,
        drawn: bool = False,
    ) -> NDArray[np.floating] | None:
        """Return P(what was said of the root's children | its value, atom), shape (atoms, values).

        ``None`` where nothing was said of any.
        """
        together = None
        for child in self.children.get(root, ()):
            if child in said:
                told = self._weigh(child, said[child], drawn=drawn)[self.tables[child].row_of[atoms]]
                together = told if together is None else together * told
        return together

    def _weigh(self, feature: str, said: NDArray[np.float64], *, drawn: bool) -> NDArray[np.floating]:
        """Return P(what was said | row), shape (rows,) or (rows, draws); of draws, the latest are kept."""
        if not drawn:
            return np.asarray(self.tables[feature].points @ said)
        key = (feature, said.tobytes())
        made = self.weighed.get(key)
        if made is None:
            rows, told = self.draws(feature), np.flatnonzero(said)
            made = rows[:, told[0]] * np.float32(said[told[0]])
            for value in told[1:]:
                made += rows[:, value] * np.float32(said[value])
            if len(self.weighed) >= MOST_WEIGHED:
                self.weighed.clear()
            self.weighed[key] = made
        return made

    def root_of(self, feature: str) -> str:
        """Return the feature that this one's unit is named for."""
        return self.tables[feature].feature.given or feature


@lru_cache(maxsize=1)
def load_model() -> Model:
    """Return the knowledge base as arrays: as they were shipped, or made anew where it has changed since."""
    knowledge = load_knowledge()
    compiled = load_compiled(knowledge.digest)
    if compiled is None:
        tables, citations = make_tables(knowledge)
    else:
        tables, citations = unpack_tables(knowledge.features, compiled.arrays), compiled.citations
    return make_model(knowledge, tables, citations)


def make_tables(knowledge: Knowledge) -> tuple[dict[str, Table], tuple[str, ...]]:
    """Return every feature's table, and the citations that they name, from the numbers themselves."""
    atoms = list(list_atoms(knowledge))
    citations: dict[str, int] = {}
    tables = {f.id: tabulate(knowledge, f, atoms, citations) for f in knowledge.features.values()}
    return tables, ("", *citations)


def make_model(knowledge: Knowledge, tables: Mapping[str, Table], citations: tuple[str, ...]) -> Model:
    """Return the model of these tables."""
    atoms = list(list_atoms(knowledge))
    shares = [variant.share if variant else None for _, variant in atoms]
    ranges = [logit_range(n) if n else (1.0, 0.0, 0.0) for n in shares]
    points, low_z, high_z = (np.array(v) for v in zip(*ranges, strict=True))
    places = {entry.id: place for place, entry in enumerate(knowledge.entries)}
    owners = np.array([places[entry.id] for entry, _ in atoms])
    drawn = _draw(points, low_z, high_z, np.random.default_rng([SEED, 20_000]))
    share = points / _sums(points, owners)[owners]
    children: dict[str, tuple[str, ...]] = {}
    for feature in knowledge.features.values():
        if feature.given:
            children[feature.given] = (*children.get(feature.given, ()), feature.id)
    return Model(
        knowledge=knowledge,
        diagnosis_of=owners,
        share=share,
        share_factors=(drawn / _sums(drawn, owners)[owners] / share[:, None]).astype(np.float32),
        tables=tables,
        children=children,
        citations=citations,
    )


def _sums(values: NDArray[np.floating], owners: NDArray[np.intp]) -> NDArray[np.floating]:
    """Return the sums of the first axis by owner; owners come in order."""
    return np.asarray(np.add.reduceat(values, np.flatnonzero(np.diff(owners, prepend=-1))))


def _draw(
    points: NDArray[np.float64],
    low_z: NDArray[np.float64],
    high_z: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return draws whose median is the point and whose 2.5 and 97.5 % quantiles are the range.

    A two-piece normal on the logit scale, in single precision. Points at 0 or 1 stay there. Draws come in
    pairs of opposite sign, so that their mean is that of the distribution's.
    """
    with np.errstate(divide="ignore"):
        middle = (np.log(points) - np.log1p(-points)).astype(np.float32).reshape(-1, 1)
    low, high = (w.astype(np.float32).reshape(-1, 1) for w in (low_z, high_z))
    drawn = np.empty((len(middle), DRAWS), dtype=np.float32)
    for start in range(0, len(middle), AT_ONCE):
        at = slice(start, start + AT_ONCE)
        z = rng.standard_normal((len(middle[at]), DRAWS // 2), dtype=np.float32)
        above = np.maximum(z, 0.0)
        below = z - above
        drawn[at, : DRAWS // 2] = -middle[at] - below * low[at] - above * high[at]
        drawn[at, DRAWS // 2 :] = -middle[at] + above * low[at] + below * high[at]
        with np.errstate(over="ignore"):
            np.exp(drawn[at], out=drawn[at])
        drawn[at] += 1.0
        np.reciprocal(drawn[at], out=drawn[at])
    return drawn.reshape(*points.shape, DRAWS)
