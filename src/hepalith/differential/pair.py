r"""How likely it is that two processes show what was said: one rule for each kind of feature.

For a hypothesis of two processes a and b, with p their probabilities of a feature's values:

number
    Two processes make at least several foci; they are diffuse if either is. Sides unite.
largest
    The larger of two sizes: :math:`P(v \le k) = P_a(v \le k) P_b(v \le k)`.
both
    True where it is true of both: :math:`p_a p_b`.
cause
    Age, sex, exposure, history lead to each process by itself: :math:`p_a p_b / p_0`, normalised, with
    :math:`p_0` the background.
either
    Each may show it (noisy or): nothing with :math:`n_a n_b / n_0`, n the probability of nothing; what is
    shown is as either shows it. A child of such a feature, or of a cause, is shown by either in turn.
mixed
    Said of the reading, and of one of the two, nobody knows which: half of each.
own
    What is said of one group of foci is said of one of the two: a mixture, group by group. Where one value
    means "nothing there" (no host, apart from ducts, absent) it is said only if neither shows anything.
    Children follow the process that shows the parent's value. At least one group is the leading process's,
    unless the two are known company: a cancer may be hidden behind the stones that it came with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.model import Model
from hepalith.differential.together import NOTHING_THERE, Rule, Together

__all__ = ["Owned", "Pairs", "join_groups"]

LEAST = 1e-12
"""Denominators are kept above this, so that a process that can show nothing divides nothing by zero."""

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Owned:
    """What was said of one unit, if it is about the leading process or about the one beside it.

    Each has shape (pairs,) or (pairs, draws); `tilt` is the log odds that the unit is about the leading one,
    before it is known what was said (a process without a host owns no host).
    """

    leading: Floats
    beside: Floats
    tilt: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The atoms of hypotheses of two processes: `leading[i]` with `beside[i]`."""

    model: Model
    together: Together
    leading: NDArray[np.intp]
    beside: NDArray[np.intp]
    hidden: NDArray[np.bool_]
    """Whether the leading process may be behind no focus at all: known company."""

    def rule(self, root: str) -> Rule:
        """Return the rule of a unit, that of its root."""
        return self.together.rule(self.model.tables[root].feature)

    def likelihood(
        self, root: str, said: Mapping[str, NDArray[np.float64]], *, drawn: bool = False
    ) -> Floats:
        """Return P(what was said of a unit | both processes), shape (pairs,) or (pairs, draws)."""
        sides = self._sides(root, said, drawn=drawn)
        rule = self.rule(root)
        if rule == "number":
            return self._count(sides, root, said, drawn=drawn)
        if rule == "largest":
            return _largest(sides)
        if rule == "both":
            true = sides.p_a[:, 0] * sides.p_b[:, 0]
            return np.asarray(
                sides.said[0] * true * sides.mean(0) + sides.said[1] * (1 - true) * sides.mean(1)
            )
        if rule == "cause":
            return self._cause(sides, root, said, drawn=drawn)
        if rule == "either":
            return self._either(sides, root, said, drawn=drawn)
        return self._mixed(sides)

    def own(self, root: str, said: Mapping[str, NDArray[np.float64]], *, drawn: bool = False) -> Owned:
        """Return P(what was said of a unit | it is about one of the two)."""
        sides = self._sides(root, said, drawn=drawn)
        values = self.model.tables[root].feature.values
        nothing = _nothing(values)
        told_a, told_b = sides.told_a(), sides.told_b()
        if nothing is None:
            leading, beside = told_a.sum(axis=1), told_b.sum(axis=1)
            return Owned(leading, beside, np.zeros_like(leading))
        none_a, none_b = sides.p_a[:, nothing], sides.p_b[:, nothing]
        neither = sides.said[nothing] * none_a * none_b * sides.mean(nothing)
        lead = (told_a.sum(axis=1) - told_a[:, nothing]) * (1 + none_b) + neither
        other = (told_b.sum(axis=1) - told_b[:, nothing]) * (1 + none_a) + neither
        of_a = np.maximum(1 + none_b - none_a, LEAST)
        of_b = np.maximum(1 + none_a - none_b, LEAST)
        return Owned(lead / of_a, other / of_b, np.log(of_a) - np.log(of_b))

    def _mixed(self, sides: _Sides) -> Floats:
        return np.asarray((sides.told_a() + sides.told_b()).sum(axis=1) / 2)

    def _cause(
        self, sides: _Sides, root: str, said: Mapping[str, NDArray[np.float64]], *, drawn: bool
    ) -> Floats:
        """Return the likelihood of a cause: it is there once for both; what it does, either may show."""
        background = _lay(self.model.tables[root].background[0], sides.p_a)
        lift = sides.p_a * sides.p_b / background
        lift = sides.said * lift / np.maximum(lift.sum(axis=1, keepdims=True), LEAST)
        total: Floats | float = 0.0
        for value in range(lift.shape[1]):
            if not sides.said[value].any():
                continue
            total = total + lift[:, value] * self._shown(root, value, value, said, drawn=drawn)
        return np.asarray(total)

    def _either(
        self, sides: _Sides, root: str, said: Mapping[str, NDArray[np.float64]], *, drawn: bool
    ) -> Floats:
        """Return the likelihood of what either may show; each shows children as it shows the parent."""
        table = self.model.tables[root]
        if not any(c in said for c in self.model.children.get(root, ())):
            nothing = _nothing(table.feature.values)
            return _combine(sides.p_a, sides.p_b, table.background[0], nothing, sides.said)
        if len(table.feature.values) > 2:
            return self._mixed(sides)
        (yes_a, no_a), (yes_b, no_b) = (np.moveaxis(p, 1, 0) for p in (sides.p_a, sides.p_b))
        neither = np.minimum(no_a * no_b / float(table.background[0][1]), np.maximum(no_a, no_b))
        some = (1 - neither) / np.maximum(1 - no_a * no_b, LEAST)
        total = sides.said[1] * neither * self._shown(root, 1, 1, said, drawn=drawn)
        for weight, column_a, column_b in ((yes_a * no_b, 0, 1), (no_a * yes_b, 1, 0), (yes_a * yes_b, 0, 0)):
            shown = self._shown(root, column_a, column_b, said, drawn=drawn)
            total = total + sides.said[0] * some * weight * shown
        return np.asarray(total)

    def _shown(
        self, root: str, column_a: int, column_b: int, said: Mapping[str, NDArray[np.float64]], *, drawn: bool
    ) -> Floats:
        """Return P(what was said of the children | each process's value of the parent)."""
        total: Floats = np.ones(1, dtype=np.float32 if drawn else np.float64)
        for child in self.model.children.get(root, ()):
            if child in said:
                table = self.model.tables[child]
                p_a = self.model.spread(child, self.leading, column_a, drawn=drawn)
                p_b = self.model.spread(child, self.beside, column_b, drawn=drawn)
                spoken = _lay(said[child], p_a)
                background = table.background[max(column_a, column_b)]
                shown = _combine(p_a, p_b, background, _nothing(table.feature.values), spoken)
                total = np.asarray(total * shown)
        return total

    def _sides(self, root: str, said: Mapping[str, NDArray[np.float64]], *, drawn: bool) -> _Sides:
        model = self.model
        values = model.tables[root].feature.values
        spoken = said.get(root, np.ones(len(values)))
        heard = {c: v for c, v in said.items() if self._follows(root, c)}
        p_a, p_b = (model.spread(root, atoms, drawn=drawn) for atoms in (self.leading, self.beside))
        c_a, c_b = (model.follow(root, atoms, heard, drawn=drawn) for atoms in (self.leading, self.beside))
        return _Sides(_lay(spoken, p_a), p_a, p_b, c_a, c_b)

    def _follows(self, root: str, child: str) -> bool:
        return not (self.rule(root) == "number" and child in self.together.combine.union)

    def _count(
        self, sides: _Sides, root: str, said: Mapping[str, NDArray[np.float64]], *, drawn: bool
    ) -> Floats:
        """Several foci, or diffuse if either process is; the sides of the two unite."""
        last = sides.p_a.shape[1] - 1
        diffuse = 1 - (1 - sides.p_a[:, last]) * (1 - sides.p_b[:, last])
        several = (1 - diffuse) * sides.mean(last - 1)
        spread = diffuse * sides.mean(last)
        for child in self.model.children.get(root, ()):
            if child in said and not self._follows(root, child):
                united, everywhere = self._unite(root, child, said[child], drawn=drawn)
                several, spread = several * united, spread * everywhere
        return np.asarray(sides.said[last - 1] * several + sides.said[last] * spread)

    def _unite(
        self, root: str, child: str, said: NDArray[np.float64], *, drawn: bool
    ) -> tuple[Floats, Floats]:
        """Return the likelihood of the sides of two processes together, and of what is diffuse.

        Sides are right, left, both: on one side only where both processes are.
        """
        alone, diffuse = [], []
        for atoms in (self.leading, self.beside):
            number = self.model.spread(root, atoms, drawn=drawn)
            last = number.shape[1] - 1
            sides = [self.model.spread(child, atoms, column, drawn=drawn) for column in range(last + 1)]
            local = np.sum([number[:, n, None] * sides[n] for n in range(last)], axis=0)
            alone.append(local / np.maximum(local.sum(axis=1, keepdims=True), LEAST))
            diffuse.append((_lay(said, number) * sides[last]).sum(axis=1))
        right, left = (alone[0][:, side] * alone[1][:, side] for side in (0, 1))
        told = _lay(said, alone[0])
        united = told[0] * right + told[1] * left + told[2] * (1 - right - left)
        return united, (diffuse[0] + diffuse[1]) / 2


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """A unit as the two processes show it: values `p`, and what is said of the children `c`.

    Shapes (pairs, values) or (pairs, values, draws); `said` (values,) or (values, 1).
    """

    said: Floats
    p_a: Floats
    p_b: Floats
    c_a: Floats | None
    c_b: Floats | None

    def told_a(self) -> Floats:
        """Return the likelihood value by value, if the leading process is meant."""
        return np.asarray(self.said * self.p_a if self.c_a is None else self.said * self.p_a * self.c_a)

    def told_b(self) -> Floats:
        """Return the likelihood value by value, if the process beside it is meant."""
        return np.asarray(self.said * self.p_b if self.c_b is None else self.said * self.p_b * self.c_b)

    def mean(self, value: int) -> Floats | float:
        """Return what is said of the children at one value, whichever of the two shows it."""
        if self.c_a is None or self.c_b is None:
            return 1.0
        return np.asarray((self.c_a[:, value] + self.c_b[:, value]) / 2)


def _largest(sides: _Sides) -> Floats:
    """Return the likelihood of the larger of two; what is said of it is said of the one that shows it."""
    told_a, told_b = sides.told_a(), sides.told_b()
    total = np.zeros_like(told_a[:, 0])
    below_a, below_b = np.zeros_like(total), np.zeros_like(total)
    for value in range(told_a.shape[1]):
        p_a, p_b = sides.p_a[:, value], sides.p_b[:, value]
        if sides.said[value].any():
            total += told_a[:, value] * (below_b + p_b / 2) + told_b[:, value] * (below_a + p_a / 2)
        below_a, below_b = below_a + p_a, below_b + p_b
    return total


def _lay(said: Floats, like: Floats) -> Floats:
    """Return one number for each value, shaped and in the precision to multiply `like` with."""
    return said.astype(like.dtype).reshape(-1, *([1] * (like.ndim - 2)))


@lru_cache(maxsize=512)
def _nothing(values: tuple[str, ...]) -> int | None:
    return next((values.index(v) for v in NOTHING_THERE if v in values), None)


def _combine(
    p_a: Floats, p_b: Floats, background: NDArray[np.float64], nothing: int | None, said: Floats
) -> Floats:
    """Return P(what was said | either may show it): noisy or; half of each where no value is nothing."""
    if nothing is None:
        return np.asarray((said * (p_a + p_b)).sum(axis=1) / 2)
    none_a, none_b = p_a[:, nothing], p_b[:, nothing]
    none = np.minimum(none_a * none_b / float(background[nothing]), np.maximum(none_a, none_b))
    shown = said * (p_a + p_b)
    shown_sum = shown.sum(axis=1) - shown[:, nothing]
    scale = (1 - none) / np.maximum(2 - none_a - none_b, LEAST)
    return np.asarray(said[nothing] * none + shown_sum * scale)


def join_groups(
    groups: Sequence[Sequence[Owned]], hidden: NDArray[np.bool_]
) -> tuple[Floats, tuple[Floats, ...]]:
    """Return the likelihood of all groups, and for each the probability that it is the leading process's.

    The units of a group are about the same foci, and so about the same process.

    Parameters
    ----------
    hidden
        Shape (pairs,): whether the leading process may own no group at all.
    """
    shape = groups[0][0].leading.shape
    hidden = hidden.reshape(-1, *([1] * (len(shape) - 1)))
    kind = groups[0][0].leading.dtype
    total, all_beside, expected_beside = (np.ones(shape, dtype=kind) for _ in range(3))
    mine = []
    for units in groups:
        before = 1 / (1 + np.exp(-np.sum([u.tilt for u in units], axis=0)))
        leading = np.prod([u.leading for u in units], axis=0) * before
        beside = np.prod([u.beside for u in units], axis=0) * (1 - before)
        both = leading + beside
        mine.append(np.divide(leading, both, out=np.full(shape, 0.5, dtype=kind), where=both > 0))
        total, all_beside = total * both, all_beside * beside
        expected_beside = expected_beside * (1 - before)
    some = np.maximum(total - all_beside, 0.0)
    share = np.divide(some, total, out=np.zeros(shape, dtype=kind), where=total > 0)
    least = np.where(hidden, 1.0, np.maximum(share, LEAST))
    of_leading = tuple(np.minimum(m / least, 1.0) for m in mine)
    return np.where(hidden, total, some / np.maximum(1 - expected_beside, LEAST)), of_leading
