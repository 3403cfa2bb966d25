"""Forests of scikit-learn, laid out as the product asks them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hepalith.calcification.forest import Forest

__all__ = ["lay_out"]


def lay_out(
    trees: Sequence[Any], measures: tuple[str, ...], answers: tuple[str, ...], *, inner: bool = False
) -> Forest:
    """Return scikit-learn's trees end to end, the two nodes of a parent side by side.

    Parameters
    ----------
    trees
        The ``tree_`` of each regression tree.
    measures, answers
        Names of what is asked for and of what is answered.
    inner
        Keep what the inner nodes would answer, too, from which `Forest.reasons` are told.
    """
    feature, threshold, left, value, roots = [], [], [], [], []
    start = 0
    for tree in trees:
        order = [0]
        for node in order:
            if tree.children_left[node] >= 0:
                order += [int(tree.children_left[node]), int(tree.children_right[node])]
        place = {node: start + n for n, node in enumerate(order)}
        roots.append(start)
        for node in order:
            child = int(tree.children_left[node])
            feature.append(int(tree.feature[node]) if child >= 0 else -1)
            threshold.append(float(tree.threshold[node]) if child >= 0 else 0.0)
            left.append(place[child] if child >= 0 else place[node])
            kept = inner or child < 0
            value.append(tree.value[node].ravel() if kept else np.zeros(len(answers)))
        start += len(order)
    return Forest(
        measures,
        answers,
        np.array(feature, np.int16),
        np.array(threshold, np.float32),
        np.array(left, np.int32),
        np.array(value, np.float16).astype(np.float32),
        np.array(roots, np.int32),
    )
