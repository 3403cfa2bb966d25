"""Distributions of one feature, over all forms of all diagnoses, from the numbers of the knowledge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.entry import Distribution, Entry, Feature, Knowledge, Number, Variant

__all__ = ["Z95", "Table", "list_atoms", "logit_range", "pack_tables", "tabulate", "unpack_tables"]

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
    parent values) and says which row an atom uses; `cited` has the shape of `points` and says which
    citation a number has, 0 where it is what the others leave or true by definition. `low_z` and
    `high_z` are how far a standard deviation reaches below and above, in logits.
    """

    feature: Feature
    points: NDArray[np.float64]
    row_of: NDArray[np.intp]
    cited: NDArray[np.intp]
    low_z: NDArray[np.float64]
    high_z: NDArray[np.float64]
    background: NDArray[np.float64]
    """Shape (parent values, values): how often any liver shows them."""


def list_atoms(knowledge: Knowledge) -> Iterator[tuple[Entry, Variant | None]]:
    """Yield every form of every diagnosis, in the order of the knowledge."""
    for entry in knowledge.entries:
        yield from ((entry, variant) for variant in entry.variant or (None,))


def _logit(p: float) -> float:
    return math.log(p / (1.0 - p))


def logit_range(number: Number) -> tuple[float, float, float]:
    """Return the value, and how far below and above it, in logits, one standard deviation reaches."""
    middle = _logit(number.value)
    return (number.value, (middle - _logit(number.low)) / Z95, (_logit(number.high) - middle) / Z95)


def tabulate(
    knowledge: Knowledge,
    feature: Feature,
    atoms: Sequence[tuple[Entry, Variant | None]],
    citations: dict[str, int],
) -> Table:
    """Return the distributions of one feature; citations not met before are added to `citations`."""
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
    cited = [
        [citations.setdefault(n.citation, len(citations) + 1) if n else 0 for n in numbers]
        for _, numbers in kept
    ]
    ranges = [[logit_range(n) if n else (0.0, 0.0, 0.0) for n in numbers] for _, numbers in kept]
    spread = np.array(ranges)
    return Table(
        feature=feature,
        points=points / points.sum(axis=1, keepdims=True),
        row_of=row_of,
        cited=np.array(cited, dtype=np.intp),
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


_OF_ROWS = ("points", "low_z", "high_z", "cited", "background")
"""Arrays of a table with one column for each value."""


def pack_tables(tables: Mapping[str, Table]) -> dict[str, NDArray[Any]]:
    """Return all tables as a few long arrays: `unpack_tables` undoes it."""
    packed: dict[str, NDArray[Any]] = {
        name: np.concatenate([getattr(t, name).ravel() for t in tables.values()]) for name in _OF_ROWS
    }
    packed["cited"] = packed["cited"].astype(np.int32)
    packed["row_of"] = np.concatenate([t.row_of.ravel() for t in tables.values()]).astype(np.int32)
    packed["shapes"] = np.array([(*t.points.shape, *t.row_of.shape) for t in tables.values()], np.int32)
    return packed


def unpack_tables(features: Mapping[str, Feature], packed: Mapping[str, NDArray[Any]]) -> dict[str, Table]:
    """Return the tables that were packed, in the order of the features."""
    tables: dict[str, Table] = {}
    at = dict.fromkeys((*_OF_ROWS, "row_of"), 0)

    def take(name: str, *shape: int) -> NDArray[Any]:
        begin = at[name]
        at[name] += shape[0] * shape[1]
        return packed[name][begin : at[name]].reshape(shape)

    for feature, (rows, values, atoms, parents) in zip(
        features.values(), packed["shapes"].tolist(), strict=True
    ):
        tables[feature.id] = Table(
            feature=feature,
            points=take("points", rows, values),
            row_of=take("row_of", atoms, parents).astype(np.intp),
            cited=take("cited", rows, values).astype(np.intp),
            low_z=take("low_z", rows, values),
            high_z=take("high_z", rows, values),
            background=take("background", parents, values),
        )
    return tables
