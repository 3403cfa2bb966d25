"""A forest of regression trees, kept as numbers: many trees of questions, whose answers are averaged."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepalith.errors import UnreadableFileError

__all__ = ["Forest", "load_forest"]

SCHEMA = "hepalith/forest/1"
"""Name and version of the file's layout."""


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees laid end to end.

    Parameters
    ----------
    measures, answers
        Names of what is asked for, in order, and of what is answered.
    feature
        int16, one a node: the measure asked for; -1: a leaf.
    threshold
        float32: up to it the way is to `left`, beyond it to the node after that.
    left
        int32: place of the nearer node; of a leaf its own.
    value
        float32, (node, answer): what a leaf answers; of other nodes what they would, or zeros where
        `reasons` are not asked for.
    roots
        int32: place of each tree's first node.
    """

    measures: tuple[str, ...]
    answers: tuple[str, ...]
    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    value: NDArray[np.float32]
    roots: NDArray[np.int32]

    def ask(self, measures: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the mean answer of all trees to one body's measures, one number an answer."""
        at = self.roots
        asked = measures.astype(np.float32)
        while True:
            feature = self.feature[at]
            open_ = feature >= 0
            if not open_.any():
                return np.asarray(self.value[at].mean(axis=0, dtype=np.float64))
            further = asked[feature] > self.threshold[at]
            at = np.where(open_, self.left[at] + further, at)

    def reasons(self, measures: NDArray[np.floating], answer: int) -> NDArray[np.float64]:
        """Return by how much each measure raised an answer, on average over all trees.

        Along the way to a leaf, what a question changes in the answer is owed to the measure it asks for; all
        of that and the answer at the roots make the answer (Palczewska 2014).

        References
        ----------
        A. Palczewska et al., "Interpreting random forest classification models using a feature contribution
        method", Integration of Reusable Systems 2014:193-218. doi:10.1007/978-3-319-04717-1_9
        """
        at = self.roots
        asked = measures.astype(np.float32)
        owed = np.zeros(len(self.measures))
        while True:
            feature = self.feature[at]
            open_ = feature >= 0
            if not open_.any():
                return owed / len(self.roots)
            further = asked[feature] > self.threshold[at]
            now = np.where(open_, self.left[at] + further, at)
            change = self.value[now, answer] - self.value[at, answer]
            np.add.at(owed, feature[open_], change[open_].astype(np.float64))
            at = now

    def save(self, path: Path) -> None:
        """Write the forest; the same forest gives the same bytes."""
        np.savez_compressed(
            path,
            schema=np.array(SCHEMA),
            measures=np.array(self.measures),
            answers=np.array(self.answers),
            feature=self.feature,
            threshold=self.threshold,
            left=self.left,
            value=self.value,
            roots=self.roots,
        )


def load_forest(content: bytes) -> Forest:
    """Return the forest of a file's content.

    Raises
    ------
    UnreadableFileError
        If it is broken or of another layout.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as held:
            if str(held["schema"]) != SCHEMA:
                raise UnreadableFileError(f"the weights are no {SCHEMA}; install hepalith anew")
            return Forest(
                tuple(held["measures"].tolist()),
                tuple(held["answers"].tolist()),
                *(held[name] for name in ("feature", "threshold", "left", "value", "roots")),
            )
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UnreadableFileError(f"the weights cannot be read ({error}); install hepalith anew") from error
