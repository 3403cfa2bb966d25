"""How well two diagnoses can be told apart at best, by the numbers of the knowledge base alone."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.model import Model, Table, load_model

__all__ = ["bound_error"]


def bound_error(first: str, second: str, features: Collection[str] | None = None) -> float:
    r"""Return an upper bound of the error of telling two diagnoses apart, were they equally common.

    Parameters
    ----------
    first, second
        Diagnoses.
    features
        Which features are known; all of the knowledge base where left out.

    Notes
    -----
    The Bayes error of two equally probable classes is at most half their Bhattacharyya coefficient,

    .. math:: \rho = \sum_x \sqrt{P(x \mid a)\, P(x \mid b)},

    which is a product over independent features. A feature that others depend on contributes
    :math:`\sum_v \sqrt{P_a(v) P_b(v)} \prod_c \rho_c(v)` with its children c. Between forms of the two
    diagnoses it is weighed by the roots of the forms' shares, which bounds the coefficient of the
    mixtures from above. It says what the numbers hold, not how right they are.

    References
    ----------
    Kailath, IEEE Trans Commun Technol 1967;15:52, DOI 10.1109/TCOM.1967.1089532.
    """
    model = load_model()
    known = set(model.tables if features is None else features)
    places = [
        np.flatnonzero(model.diagnosis_of == [e.id for e in model.knowledge.entries].index(name))
        for name in (first, second)
    ]
    total = 0.0
    for a in places[0].tolist():
        for b in places[1].tolist():
            shared = 1.0
            for root, table in model.tables.items():
                if table.feature.given is None:
                    shared *= _unit(model, root, (a, b), known)
            total += float(np.sqrt(model.share[a] * model.share[b])) * shared
    return min(total, 1.0) / 2.0


def _unit(model: Model, root: str, forms: tuple[int, int], known: Collection[str]) -> float:
    """Return the Bhattacharyya coefficient of a feature and what depends on it, between two forms.

    Where the feature itself is not known its dependants are left out, which only raises the bound.
    """
    if root not in known:
        return 1.0
    table = model.tables[root]
    own = _overlap(table, forms, column=0)
    for child in model.children.get(root, ()):
        if child in known:
            spread = [
                float(_overlap(model.tables[child], forms, column=place).sum()) for place in range(len(own))
            ]
            own = own * np.array(spread)
    return float(own.sum())


def _overlap(table: Table, forms: tuple[int, int], *, column: int) -> NDArray[np.float64]:
    """Return the root of the product of two forms' probabilities, by value, given the parent's value."""
    first, second = (table.points[table.row_of[form, column]] for form in forms)
    return np.asarray(np.sqrt(first * second))
