"""Samples made beside the training, in processes of their own, in a fixed order."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.network import make_input
from hepalith.training.appearance import dress
from hepalith.training.atlas import CLASSES, Atlas
from hepalith.training.deformation import draw_sample

__all__ = ["Example", "make_example", "stream_examples"]

Example = tuple[NDArray[np.float32], NDArray[np.uint8]]
"""Channels, float32 (channel, z, y, x), and quarters of each voxel by class, uint8 (class, z, y, x)."""

AHEAD = 6
"""Samples waited for at a time."""

RELIST = 100
"""Examples after which the folder is looked at again."""

QUARTERS = 4
"""Points looked up in each voxel; see `hepalith.training.deformation.SUBSAMPLES`."""


@functools.lru_cache(maxsize=400)
def _load(path: Path) -> Atlas:
    """Return a phantom's map; the last few hundred are kept, 0.9 MB each."""
    return Atlas.load(path)


def make_example(path: Path, seed: Sequence[int]) -> Example:
    """Return what the network is shown of one phantom, and what it should say; the same for the same seed."""
    random = np.random.default_rng(list(seed))
    atlas = _load(path)
    sample = dress(atlas, draw_sample(atlas, random), random)
    channels = make_input(sample.hu)
    quarters = np.zeros((len(CLASSES), *channels.shape[1:]), dtype=np.uint8)
    quarters[0] = QUARTERS
    own = tuple(slice(0, n) for n in sample.hu.shape)
    quarters[(slice(None), *own)] = np.rint(sample.share * QUARTERS)
    return channels, quarters


def stream_examples(paths: Callable[[], Sequence[Path]], seed: int, workers: int) -> Iterator[Example]:
    """Yield examples without end, each made from one of `paths` drawn by chance.

    `paths` is asked every `RELIST` examples, so that phantoms may still be painted while training begins.
    """
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[Example]] = deque()
        number, held = 0, paths()
        while True:
            if number % RELIST == 0:
                held = paths()
            while len(waiting) < AHEAD:
                chosen = int(np.random.default_rng([seed, number, 1]).integers(len(held)))
                waiting.append(pool.submit(make_example, held[chosen], (seed, number, 2)))
                number += 1
            yield waiting.popleft().result()
