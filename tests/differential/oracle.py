"""An oracle of the differential: loops over the numbers of the files, sharing no arithmetic with the product.

It walks through every hypothesis of one or two processes, and within it through every value that each
process may have of each feature. What a finding means, the numbers and the rules are read from the same
files; every sum and product is its own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from itertools import product

from hepalith.differential.entry import Entry, Feature, Number, Variant, load_knowledge
from hepalith.differential.together import load_together

Said = Mapping[str, Mapping[str, float]]
"""By feature, the support of each of its values; values left out have none."""

Atom = tuple[Entry, Variant | None]
NOTHING = ("none", "apart", "absent", "normal")
KNOWLEDGE, TOGETHER = load_knowledge(), load_together()
ATOMS: list[Atom] = [(e, v) for e in KNOWLEDGE.entries for v in (e.variant or (None,))]


def posterior(said: Said, groups: list[list[str]], setting: str, *, echo: bool = False) -> dict[str, float]:
    """Return P(diagnosis leads | what was said); `groups` holds the units about one group of foci each.

    Where only a bright echo is known (`echo`), a form without calcium counts as often as it is seen.
    """
    raw: dict[str, float] = {entry.id: 0.0 for entry in KNOWLEDGE.entries}
    total = sum(e.prior[setting].value for e in KNOWLEDGE.entries)
    own = {root for group in groups for root in group}
    shared = [r for r in _roots(said) if r not in own]
    for a in ATOMS:
        share_of_form = _share(a)
        if echo and a[1] is not None and a[1].echo is not None:
            share_of_form = a[1].echo.value / a[0].calcified.value
        prior = a[0].prior[setting].value / total * share_of_form
        beside = {e.id: TOGETHER.share_beside(a[0], e, setting) for e in KNOWLEDGE.entries}
        alone = 1.0 - sum(share for share, _ in beside.values())
        one = math.prod(_alone(root, a, said) for root in (*shared, *own))
        raw[a[0].id] += prior * alone * one
        for b in ATOMS:
            share, number = beside[b[0].id]
            if share > 0:
                known = number in (*TOGETHER.company, *TOGETHER.association)
                both = math.prod(_pair(root, a, b, said) for root in shared)
                both *= _owned(groups, a, b, said, hidden=known)
                raw[a[0].id] += prior * share * _share(b) * both
    return {name: value / sum(raw.values()) for name, value in raw.items()}


def _roots(said: Said) -> list[str]:
    return sorted({KNOWLEDGE.features[f].given or f for f in said})


def _share(atom: Atom) -> float:
    entry, variant = atom
    return variant.share.value / sum(v.share.value for v in entry.variant) if variant else 1.0


def spread(atom: Atom, feature: str, parent: str = "any") -> dict[str, float]:
    """Return P(value | form, value of the parent)."""
    key = (atom[0].id, atom[1].id if atom[1] else "", feature, parent)
    if key not in KEPT:
        KEPT[key] = _spread(atom, feature, parent)
    return KEPT[key]


KEPT: dict[tuple[str, str, str, str], dict[str, float]] = {}


def _spread(atom: Atom, feature: str, parent: str) -> dict[str, float]:
    known = KNOWLEDGE.features[feature]
    if parent in known.otherwise:
        cells = {v: known.otherwise[parent].get(v, 0.0) for v in known.values}
    elif atom[0].pooled:
        weights = {i: (v.share.value if v else 1.0) for i, (e, v) in enumerate(ATOMS) if not e.pooled}
        rows = {i: _cells(ATOMS[i], known, parent) for i in weights}
        cells = {
            v: sum(weights[i] * rows[i][v] for i in weights) / sum(weights.values()) for v in known.values
        }
    else:
        cells = _cells(atom, known, parent)
    total = sum(cells.values())
    return {v: p / total for v, p in cells.items()}


def _cells(atom: Atom, feature: Feature, parent: str) -> dict[str, float]:
    entry, variant = atom
    for table in (variant.likelihood if variant else {}, entry.likelihood, {feature.id: feature.background}):
        if feature.id in table:
            found = table[feature.id]
            chosen = found.get(parent, found.get("any"))
            if chosen is None and feature.given is None:
                chosen = found
            if chosen is not None:
                return _complete(feature, {v: _value(n) for v, n in chosen.items()})
    raise AssertionError(feature.id)


def _complete(feature: Feature, cells: dict[str, float]) -> dict[str, float]:
    missing = [v for v in feature.values if v not in cells]
    left = max(1.0 - sum(cells.values()), 0.0)
    return {v: cells[v] if v in cells else left / len(missing) for v in feature.values}


def _value(cell: object) -> float:
    return cell.value if isinstance(cell, Number) else float(cell["value"])  # type: ignore[index]


@functools.cache
def background(feature: str, parent: str) -> dict[str, float]:
    """Return how often any liver shows each value."""
    known = KNOWLEDGE.features[feature]
    if parent in known.otherwise:
        cells = {v: known.otherwise[parent].get(v, 0.0) for v in known.values}
    else:
        chosen = known.background.get(parent) or known.background["any"]
        cells = _complete(known, {v: n.value for v, n in chosen.items()})
    cells = {v: max(p, 1e-6) for v, p in cells.items()}
    return {v: p / sum(cells.values()) for v, p in cells.items()}


def _children(root: str, said: Said) -> list[str]:
    return [f for f in said if KNOWLEDGE.features[f].given == root]


def _heard(said: Said, feature: str, value: str) -> float:
    return said[feature].get(value, 0.0) if feature in said else 1.0


def _child(child: str, atom: Atom, parent: str, said: Said) -> float:
    return sum(p * _heard(said, child, v) for v, p in spread(atom, child, parent).items())


def _told(root: str, atom: Atom, value: str, said: Said) -> float:
    """Return P(what was said of the children | the root's value)."""
    return math.prod(_child(c, atom, value, said) for c in _children(root, said))


def _alone(root: str, atom: Atom, said: Said) -> float:
    return sum(p * _heard(said, root, v) * _told(root, atom, v, said) for v, p in spread(atom, root).items())


def _both(root: str, a: Atom, b: Atom) -> Iterator[tuple[str, str, float]]:
    """Yield the values that the two processes have, each by itself, and how probable that is."""
    for (v, p), (w, q) in product(spread(a, root).items(), spread(b, root).items()):
        yield v, w, p * q


def _pair(root: str, a: Atom, b: Atom, said: Said) -> float:
    """Return P(what was said of a unit that the whole reading shares | both processes)."""
    feature = KNOWLEDGE.features[root]
    rule = TOGETHER.rule(feature)
    if rule == "mixed":
        return (_alone(root, a, said) + _alone(root, b, said)) / 2
    if rule == "both":
        true, false = feature.values
        p = spread(a, root)[true] * spread(b, root)[true]
        return p * _heard(said, root, true) * _mean(root, a, b, true, said) + (1 - p) * _heard(
            said, root, false
        ) * _mean(root, a, b, false, said)
    return {"number": _number, "largest": _largest, "cause": _cause, "either": _either}[rule](
        root, a, b, said
    )


def _mean(root: str, a: Atom, b: Atom, value: str, said: Said) -> float:
    return (_told(root, a, value, said) + _told(root, b, value, said)) / 2


def _largest(root: str, a: Atom, b: Atom, said: Said) -> float:
    values, total = KNOWLEDGE.features[root].values, 0.0
    for v, w, p in _both(root, a, b):
        if values.index(v) > values.index(w):
            total += p * _heard(said, root, v) * _told(root, a, v, said)
        elif values.index(v) < values.index(w):
            total += p * _heard(said, root, w) * _told(root, b, w, said)
        else:
            total += p * _heard(said, root, v) * _mean(root, a, b, v, said)
    return total


def _number(root: str, a: Atom, b: Atom, said: Said) -> float:
    values = KNOWLEDGE.features[root].values
    diffuse, several = values[-1], values[-2]
    total = 0.0
    local = {x: 1.0 - spread(x_atom, root)[diffuse] for x, x_atom in (("a", a), ("b", b))}
    for v, w, p in _both(root, a, b):
        if diffuse in (v, w):
            total += (
                p
                * _heard(said, root, diffuse)
                * math.prod(
                    (_child(c, a, diffuse, said) + _child(c, b, diffuse, said)) / 2
                    for c in _children(root, said)
                )
            )
    sides = 1.0
    for child in _children(root, said):
        united: dict[str, float] = {"right": 0.0, "left": 0.0, "both": 0.0}
        for v, w, p in _both(root, a, b):
            if diffuse not in (v, w):
                for (s, r), (t, q) in product(spread(a, child, v).items(), spread(b, child, w).items()):
                    united[s if s == t else "both"] += p * r * q / (local["a"] * local["b"])
        sides *= sum(p * _heard(said, child, s) for s, p in united.items())
    return total + local["a"] * local["b"] * _heard(said, root, several) * sides


def _cause(root: str, a: Atom, b: Atom, said: Said) -> float:
    base = background(root, "any")
    lift = {v: spread(a, root)[v] * spread(b, root)[v] / base[v] for v in base}
    total = sum(lift.values())
    return sum(
        lift[v]
        / total
        * _heard(said, root, v)
        * math.prod(_either_shows(c, a, b, v, v, v, said) for c in _children(root, said))
        for v in lift
    )


def _either(root: str, a: Atom, b: Atom, said: Said) -> float:
    children = _children(root, said)
    if not children:
        return _either_shows(root, a, b, "any", "any", "any", said)
    values = KNOWLEDGE.features[root].values
    if len(values) > 2:
        return (_alone(root, a, said) + _alone(root, b, said)) / 2
    yes, no = values
    pa, pb = spread(a, root), spread(b, root)
    neither = min(pa[no] * pb[no] / background(root, "any")[no], max(pa[no], pb[no]))
    scale = (1 - neither) / (1 - pa[no] * pb[no])
    total = 0.0
    for v, w in product(values, values):
        weight = neither if (v, w) == (no, no) else scale * pa[v] * pb[w]
        heard = no if (v, w) == (no, no) else yes
        of_background = yes if (v, w) == (yes, yes) else no
        shown = math.prod(_either_shows(c, a, b, v, w, of_background, said) for c in children)
        total += weight * _heard(said, root, heard) * shown
    return total


def _either_shows(  # noqa: PLR0917 - a feature, two processes and what each has of its parent
    feature: str, a: Atom, b: Atom, parent_a: str, parent_b: str, parent: str, said: Said
) -> float:
    pa, pb, base = spread(a, feature, parent_a), spread(b, feature, parent_b), background(feature, parent)
    nothing = next((v for v in NOTHING if v in pa), None)
    if nothing is None:
        return sum((pa[v] + pb[v]) / 2 * _heard(said, feature, v) for v in pa)
    none = min(pa[nothing] * pb[nothing] / base[nothing], max(pa[nothing], pb[nothing]))
    some = {v: (pa[v] + pb[v]) / (2 - pa[nothing] - pb[nothing]) for v in pa if v != nothing}
    return none * _heard(said, feature, nothing) + sum(
        (1 - none) * p * _heard(said, feature, v) for v, p in some.items()
    )


def _owned(groups: list[list[str]], a: Atom, b: Atom, said: Said, *, hidden: bool) -> float:
    """Return P(what was said of the groups | both processes): each group has one of them for its cause."""
    if not groups:
        return 1.0
    total = possible = 0.0
    for owners in product("ab", repeat=len(groups)):
        if not hidden and "a" not in owners:
            continue
        chance = told = 1.0
        for owner, group in zip(owners, groups, strict=True):
            mine = math.prod(_weight(root, a, b, owner) for root in group)
            other = math.prod(_weight(root, a, b, "b" if owner == "a" else "a") for root in group)
            chance *= mine / (mine + other)
            told *= math.prod(_if_owned(root, a, b, owner, said) for root in group)
        total += chance * told
        possible += chance
    return total / possible


def _weight(root: str, a: Atom, b: Atom, owner: str) -> float:
    """Return how much a unit is one process's before it is known what was said: none shows, none owns."""
    pa, pb = spread(a, root), spread(b, root)
    nothing = next((v for v in NOTHING if v in pa), None)
    if nothing is None:
        return 1.0
    mine, other = (pa, pb) if owner == "a" else (pb, pa)
    return 1 + other[nothing] - mine[nothing]


def _if_owned(root: str, a: Atom, b: Atom, owner: str, said: Said) -> float:
    pa, pb = spread(a, root), spread(b, root)
    nothing = next((v for v in NOTHING if v in pa), None)
    atom, mine, other = (a, pa, pb) if owner == "a" else (b, pb, pa)
    if nothing is None:
        return _alone(root, atom, said)
    shown = sum(
        p * (1 + other[nothing]) * _heard(said, root, v) * _told(root, atom, v, said)
        for v, p in mine.items()
        if v != nothing
    )
    neither = pa[nothing] * pb[nothing] * _heard(said, root, nothing) * _mean(root, a, b, nothing, said)
    return (shown + neither) / _weight(root, a, b, owner)
