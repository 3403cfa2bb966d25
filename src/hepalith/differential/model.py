"""The knowledge base as arrays: point values and seeded draws, and likelihoods from them.

Every diagnosis is a mixture of its forms (`atoms`); within a form, features are independent but
for those that depend on another (`given`). A feature and its dependants make a `Unit`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.entry import (
    Distribution,
    Entry,
    Feature,
    Knowledge,
    Number,
    Variant,
    load_knowledge,
)

__all__ = ["DRAWS", "Model", "Table", "load_model"]

DRAWS = 4096
"""Seeded draws over every number's range. The standard error of a "first in" share is then at
most 0.8 percentage points (0.5 / √4096)."""

SEED = 20_261_122
"""Seed of the draws; with the feature's place it fixes every one of them."""

POOLED_LOGIT_RANGE = 1.1
"""Half-width, in logits, of the range of a pooled number: three times the odds either way, as for
grade C. Our judgement."""

LEAST_BACKGROUND = 1e-6
"""No background is taken to be rarer than one in a million: it divides what two processes show together."""

Z95 = 1.959964
"""Standard normal quantile of 0.975."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Distributions of one feature.

    `points` has shape (rows, values) and sums to 1 along values; `row_of` has shape (atoms,
    parent values) and says which row an atom uses; `numbers[row][value]` is where a number came
    from, ``None`` where it is what the others leave or true by definition.
    """

    feature: Feature
    points: NDArray[np.float64]
    row_of: NDArray[np.intp]
    numbers: tuple[tuple[Number | None, ...], ...]
    low_z: NDArray[np.float64]
    high_z: NDArray[np.float64]
    background: NDArray[np.float64]
    """Shape (parent values, values): how often any liver shows them."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Atoms, priors and tables, compiled from the knowledge once per digest."""

    knowledge: Knowledge
    diagnosis_of: NDArray[np.intp]
    """Shape (atoms,): index into `knowledge.entries`."""
    share: NDArray[np.float64]
    """Shape (atoms,): P(form | diagnosis)."""
    share_draws: NDArray[np.float64]
    """Shape (atoms, draws)."""
    tables: Mapping[str, Table]
    children: Mapping[str, tuple[str, ...]]
    draws_made: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Draws of a feature's rows, made when first asked for; the same whenever that is."""

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

    def draw_priors(self, setting: str) -> NDArray[np.float32]:
        """Return draws of the priors of a setting, shape (diagnoses, draws), summing to 1."""
        if (setting_key := f"prior of {setting}") not in self.draws_made:
            numbers = [entry.prior[setting] for entry in self.knowledge.entries]
            points, low_z, high_z = (np.array(v) for v in zip(*map(_logit_range, numbers), strict=True))
            rng = np.random.default_rng([SEED, 10_000 + list(self.knowledge.settings).index(setting)])
            drawn = _draw(points, low_z, high_z, rng)
            self.draws_made[setting_key] = drawn / drawn.sum(axis=0)
        return self.draws_made[setting_key]

    def likelihood(
        self, root: str, said: Mapping[str, NDArray[np.float64]], *, drawn: bool = False
    ) -> NDArray[np.float64]:
        r"""Return P(what was said of a unit | atom), shape (atoms,) or, `drawn`, (atoms, draws).

        .. math:: \sum_p \lambda(p)\, P(p \mid a) \prod_c \sum_v \lambda_c(v)\, P(v \mid p, a)

        over the values p of the root and its children c.
        """
        spoken = [c for c in self.children.get(root, ()) if c in said]
        table = self.tables[root]
        rows = self.draws(root) if drawn else table.points
        if not spoken:
            return _weigh(rows, said[root])[table.row_of[:, 0]]
        weight = said.get(root, np.ones(len(table.feature.values)))
        total: NDArray[np.float64] | float = 0.0
        summed_children = {
            c: _weigh(self.draws(c) if drawn else self.tables[c].points, said[c]) for c in spoken
        }
        for place, support in enumerate(weight):
            if support > 0:
                part = support * rows[table.row_of[:, 0], place]
                for child in spoken:
                    part = part * summed_children[child][self.tables[child].row_of[:, place]]
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
                rows = self.draws(child) if drawn else self.tables[child].points
                told = _weigh(rows, said[child])[self.tables[child].row_of[atoms]]
                together = told if together is None else together * told
        return together

    def root_of(self, feature: str) -> str:
        """Return the feature that this one's unit is named for."""
        return self.tables[feature].feature.given or feature


@lru_cache(maxsize=1)
def load_model() -> Model:
    """Return the knowledge base as arrays, compiled once."""
    knowledge = load_knowledge()
    atoms = list(_atoms(knowledge))
    shares = [variant.share if variant else None for _, variant in atoms]
    ranges = [_logit_range(n) if n else (1.0, 0.0, 0.0) for n in shares]
    points, low_z, high_z = (np.array(v) for v in zip(*ranges, strict=True))
    owners = np.array([knowledge.entries.index(entry) for entry, _ in atoms])
    drawn = _draw(points, low_z, high_z, np.random.default_rng([SEED, 20_000]))
    children: dict[str, tuple[str, ...]] = {}
    for feature in knowledge.features.values():
        if feature.given:
            children[feature.given] = (*children.get(feature.given, ()), feature.id)
    return Model(
        knowledge=knowledge,
        diagnosis_of=owners,
        share=points / _sums(points, owners)[owners],
        share_draws=drawn / _sums(drawn, owners)[owners],
        tables={f.id: _tabulate(knowledge, f, atoms) for f in knowledge.features.values()},
        children=children,
    )


def _weigh(rows: NDArray[np.floating], said: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum over values (axis 1) of `rows` weighted by what was said."""
    return np.asarray(rows @ said if rows.ndim == 2 else said.astype(np.float32) @ rows)


def _atoms(knowledge: Knowledge) -> Iterator[tuple[Entry, Variant | None]]:
    for entry in knowledge.entries:
        yield from ((entry, variant) for variant in entry.variant or (None,))


def _sums(values: NDArray[np.floating], owners: NDArray[np.intp]) -> NDArray[np.float64]:
    sums = np.zeros((owners.max() + 1, *values.shape[1:]))
    np.add.at(sums, owners, values)
    return sums


def _logit(p: float) -> float:
    return math.log(p / (1.0 - p))


def _logit_range(number: Number) -> tuple[float, float, float]:
    """Return the value, and how far below and above it, in logits, one standard deviation reaches."""
    middle = _logit(number.value)
    return (number.value, (middle - _logit(number.low)) / Z95, (_logit(number.high) - middle) / Z95)


def _draw(
    points: NDArray[np.float64],
    low_z: NDArray[np.float64],
    high_z: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return draws whose median is the point and whose 2.5 and 97.5 % quantiles are the range.

    A two-piece normal on the logit scale, in single precision. Points at 0 or 1 stay there.
    """
    z = rng.standard_normal((*points.shape, DRAWS), dtype=np.float32)
    with np.errstate(divide="ignore", over="ignore"):
        middle = (np.log(points) - np.log1p(-points)).astype(np.float32)
        z *= np.where(z < 0, low_z[..., None].astype(np.float32), high_z[..., None].astype(np.float32))
        z += middle[..., None]
        np.negative(z, out=z)
        np.exp(z, out=z)
    z += 1.0
    return np.asarray(np.reciprocal(z, out=z))


def _tabulate(knowledge: Knowledge, feature: Feature, atoms: Sequence[tuple[Entry, Variant | None]]) -> Table:
    parents = knowledge.features[feature.given].values if feature.given else ("any",)
    rows: dict[object, int] = {}
    kept: list[tuple[list[float], list[Number | None]]] = []
    row_of = np.zeros((len(atoms), len(parents)), dtype=np.intp)
    for column, parent in enumerate(parents):
        if parent in feature.otherwise:
            row_of[:, column] = len(kept)
            kept.append(
                (
                    [feature.otherwise[parent].get(v, 0.0) for v in feature.values],
                    [None] * len(feature.values),
                )
            )
            continue
        pooled_row = None
        for place, (entry, variant) in enumerate(atoms):
            if entry.pooled:
                pooled_row = place
                continue
            cells = knowledge.distribution(entry, variant, feature, parent)
            key = tuple((value, cells.get(value)) for value in feature.values)
            if key not in rows:
                rows[key] = len(kept)
                kept.append(_complete(feature, cells))
            row_of[place, column] = rows[key]
        if pooled_row is not None:
            mean = _pool(
                [kept[row_of[p, column]][0] for p, (e, _) in enumerate(atoms) if not e.pooled], atoms
            )
            row_of[pooled_row, column] = len(kept)
            kept.append((list(mean), [_pooled_number(float(p)) for p in mean]))
    points = np.array([p for p, _ in kept])
    ranges = [[_logit_range(n) if n else (0.0, 0.0, 0.0) for n in numbers] for _, numbers in kept]
    spread = np.array(ranges)
    return Table(
        feature=feature,
        points=points / points.sum(axis=1, keepdims=True),
        row_of=row_of,
        numbers=tuple(tuple(n) for _, n in kept),
        low_z=spread[:, :, 1],
        high_z=spread[:, :, 2],
        background=_background(feature, parents),
    )


def _background(feature: Feature, parents: Sequence[str]) -> NDArray[np.float64]:
    """Return what any liver shows, one row for each value of the parent."""
    rows = []
    for parent in parents:
        by_definition = feature.otherwise.get(parent)
        if by_definition is not None:
            rows.append([by_definition.get(v, 0.0) for v in feature.values])
        else:
            rows.append(_complete(feature, feature.background.get(parent) or feature.background["any"])[0])
    points = np.maximum(np.array(rows), LEAST_BACKGROUND)
    return np.asarray(points / points.sum(axis=1, keepdims=True))


def _complete(feature: Feature, cells: Distribution) -> tuple[list[float], list[Number | None]]:
    """Return the probabilities of every value; the values left out share what is left."""
    missing = [v for v in feature.values if v not in cells]
    left = max(1.0 - sum(n.value for n in cells.values()), 0.0)
    points = [cells[v].value if v in cells else left / len(missing) for v in feature.values]
    numbers = [cells.get(v) for v in feature.values]
    if len(missing) == 1 and len(cells) == 1:
        (number,) = cells.values()
        numbers[feature.values.index(missing[0])] = number.model_copy(
            update={"value": 1.0 - number.value, "low": 1.0 - number.high, "high": 1.0 - number.low}
        )
    return points, numbers


def _pool(
    points: Sequence[Sequence[float]], atoms: Sequence[tuple[Entry, Variant | None]]
) -> NDArray[np.float64]:
    """Return the mean over diagnoses, each counted once however many forms it has."""
    weights = np.array([v.share.value if v else 1.0 for e, v in atoms if not e.pooled])
    return np.asarray(np.average(np.array(points), axis=0, weights=weights))


def _pooled_number(mean: float) -> Number:
    value = min(max(mean, 1e-4), 1.0 - 1e-4)
    low, high = (1.0 / (1.0 + math.exp(-(_logit(value) + s * POOLED_LOGIT_RANGE))) for s in (-1, 1))
    return Number(value=value, low=low, high=high, grade="C", source="mean of all other entries")
