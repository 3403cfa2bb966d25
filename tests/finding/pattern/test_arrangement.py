"""Chains, clusters and evenness, on points whose answer is known."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hepalith.finding.pattern.arrangement import clustering_ratio, evenness, find_chain


def test_two_foci_are_never_a_chain() -> None:
    assert find_chain(np.array([[0, 0, 0], [5, 0, 0]], dtype=float), np.ones(2)) == ((), 0.0)


def test_a_sharp_corner_breaks_a_chain() -> None:
    corner = np.array([[0, 0, 0], [8, 0, 0], [8, 8, 0]], dtype=float)
    assert find_chain(corner, np.ones(3))[0] == ()


def test_a_wide_gap_breaks_a_chain() -> None:
    gap = np.array([[0, 0, 0], [8, 0, 0], [60, 0, 0]], dtype=float)
    assert find_chain(gap, np.ones(3))[0] == ()


def test_more_beads_make_a_chain_surer() -> None:
    line = np.array([[7.0 * i, 0, 0] for i in range(6)])
    chances = [find_chain(line[:n], np.ones(n))[1] for n in (3, 4, 5, 6)]
    assert chances == sorted(chances)
    assert chances[0] < 0.6
    assert chances[-1] > 0.95


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(5)), st.tuples(*[st.floats(-200, 200)] * 3))
def test_a_chain_does_not_depend_on_order_or_place(
    order: list[int], shift: tuple[float, float, float]
) -> None:
    curve = np.array([[7.0 * i, 0.6 * i * i, i] for i in range(5)])
    chain, probability = find_chain(curve[order] + np.array(shift), np.ones(5))
    expected = find_chain(curve, np.ones(5))
    assert sorted(order[i] for i in chain) == sorted(expected[0])
    assert np.isclose(probability, expected[1])


def test_random_foci_have_a_ratio_near_one() -> None:
    rng = np.random.default_rng(4)
    ratios = [clustering_ratio(rng.uniform(0, 100, (60, 3)), 1e6) for _ in range(20)]
    assert 0.95 < np.mean(ratios) < 1.25, "a little above 1: neighbours outside the box are not seen"


def test_few_chains_are_found_in_foci_thrown_at_random() -> None:
    rng = np.random.default_rng(5)
    found = [find_chain(rng.uniform(0, 115, (8, 3)), np.ones(8))[1] for _ in range(200)]
    assert np.mean(np.array(found) >= 0.5) < 0.02


def test_counts_that_fit_the_lobes_are_even() -> None:
    assert evenness(10, 20, 1 / 3) > 0.8
    assert evenness(0, 30, 1 / 3) < 1e-3
    assert evenness(0, 0, 1 / 3) == 0.5
    assert evenness(2, 4, 1 / 3) < evenness(20, 40, 1 / 3), "more foci say it more surely"
