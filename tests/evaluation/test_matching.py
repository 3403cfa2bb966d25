from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepalith.evaluation import count_overlaps, link_foci, match_foci


def test_each_true_focus_is_found_at_most_once() -> None:
    matched = match_foci([(0, 0, 0), (1, 0, 0)], [(0.4, 0, 0)], [5.0])
    assert matched.pairs == ((0, 0),)
    assert matched.false == (1,)


def test_crossing_choices_are_settled_by_the_smallest_sum() -> None:
    # greedily, found 0 would take true 1 (1 mm) and leave found 1 without a partner
    matched = match_foci([(3, 0, 0), (7.5, 0, 0)], [(0, 0, 0), (4, 0, 0)], [4.0, 4.0])
    assert matched.pairs == ((0, 0), (1, 1))


def test_nothing_found_misses_everything_and_nothing_true_makes_all_false() -> None:
    assert match_foci([], [(0, 0, 0)], [5.0]).missed == (0,)
    assert match_foci([(0, 0, 0)], [], []).false == (0,)


def test_overlap_matches_where_centres_are_far_apart() -> None:
    apart = ([(20.0, 0, 0)], [(0.0, 0, 0)], [5.0])
    assert match_foci(*apart).pairs == ()
    assert match_foci(*apart, overlaps=np.array([[True]])).pairs == ((0, 0),)


def test_label_maps_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="different shape"):
        count_overlaps(np.zeros(3, int), np.zeros(4, int), 1, 1)


def test_a_rim_found_in_pieces_is_one_cluster_and_a_missed_focus_its_own() -> None:
    found, truth = [(0, 0, 0), (6, 0, 0), (90, 0, 0)], [(3, 0, 0), (50, 0, 0)]
    overlaps = np.array([[True, False], [True, False], [False, False]])
    matched = match_foci(found, truth, [4.0, 4.0], overlaps)
    clusters = link_foci(matched, overlaps)
    assert [(c.found, c.truth) for c in clusters] == [((0, 1), (0,)), ((), (1,)), ((2,), ())]


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 1000))
def test_every_focus_is_accounted_for_once(founds: int, truths: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    found, truth = random.uniform(0, 30, (founds, 3)), random.uniform(0, 30, (truths, 3))
    matched = match_foci(found.tolist(), truth.tolist(), [10.0] * truths)
    assert sorted([r for r, _ in matched.pairs] + list(matched.false)) == list(range(founds))
    assert sorted([c for _, c in matched.pairs] + list(matched.missed)) == list(range(truths))
    for r, c in matched.pairs:
        assert np.linalg.norm(found[r] - truth[c]) <= 10.0
