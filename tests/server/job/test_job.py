"""States of a job, and which follows which."""

from __future__ import annotations

from itertools import pairwise

from hepalith.server.job.job import ENDED, NEXT, Persistence, State


def test_every_state_says_what_may_follow() -> None:
    assert set(NEXT) == set(State)


def test_the_straight_way_leads_from_receiving_to_done() -> None:
    way = [State.RECEIVING, State.COMPLETE, State.READING, State.READ, State.SENDING, State.DONE]
    assert all(after in NEXT[before] for before, after in pairwise(way))


def test_every_state_that_is_no_end_may_fail() -> None:
    assert all(State.FAILED in NEXT[state] for state in State if state not in ENDED)


def test_what_is_done_stays_done() -> None:
    assert NEXT[State.DONE] == frozenset()


def test_pauses_grow_up_to_the_longest() -> None:
    again = Persistence(first_s=1, longest_s=10)
    assert [again.pause(n) for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    assert again.pause(10**6) == 10
