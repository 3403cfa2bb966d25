"""The arbiter learns from bodies whose name is known."""

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
from tests.calcification.mimic.bodies import CALCIUM as PLAIN

from hepalith.calcification.mimic.arbiter import ASKED, VOTED, Ballot, count_votes
from hepalith.calcification.mimic.casting import Cast
from hepalith.calcification.mimic.feature import features_of
from hepalith.calcification.mimic.judge import LABELS
from hepalith.errors import UsageError
from hepalith.training.mimic.crowd import NOTHING, SeenBody, _dumps
from hepalith.training.mimic.fit import UNNAMED, fit_arbiter, label_of, write_arbiter

pytest.importorskip("sklearn")


def drawn(seed: int, truth: str) -> SeenBody:
    """Return calcium that is short, or a duct's cast that is long, else alike."""
    random = np.random.default_rng([seed, len(truth)])
    length = float(random.normal(8.0 if truth == "calcification" else 30.0, 3.0))
    cast = Cast(length, length, 1, 0.3, 400.0, 500.0, 2.0)
    return SeenBody(seed, truth, truth, "none", dataclasses.replace(PLAIN, cast=cast))


BODIES = [drawn(seed, truth) for seed in range(30) for truth in ("calcification", "iodine_in_duct")]


def test_it_learns_what_the_judges_do_not_see(tmp_path: Path) -> None:
    arbiter, report = fit_arbiter(BODIES, trees=10)
    assert set(arbiter.forest.answers) == {"calcification", "iodine_in_duct"}
    assert "arbiter: right 1.000" in report or "arbiter: right 0.9" in report
    for truth in ("calcification", "iodine_in_duct"):
        body = drawn(1000, truth)
        ballot: Ballot = count_votes(body.seen)
        asked = features_of(body.seen, ballot.here, VOTED)
        assert list(LABELS)[int(arbiter.probabilities(asked, ballot, {}).argmax())] == truth
    body = drawn(1000, "iodine_in_duct")
    why = arbiter.why(features_of(body.seen, count_votes(body.seen).here, VOTED), "iodine_in_duct")
    assert "mm of its" in why or "widths long" in why
    write_arbiter(arbiter, tmp_path)
    first = (tmp_path / "mimics.json").read_bytes()
    write_arbiter(arbiter, tmp_path)
    assert (tmp_path / "mimics.json").read_bytes() == first
    assert len(arbiter.weighing.low) == len(ASKED)


def test_too_few_crowds_are_refused() -> None:
    with pytest.raises(UsageError, match="too few"):
        fit_arbiter(BODIES[:4], trees=2)


def test_what_nobody_laid_in_is_named_by_what_explains_it() -> None:
    body = SeenBody(1, NOTHING, "liver", "portal", PLAIN)
    assert label_of(body) == "iodine_in_vessel"
    assert label_of(dataclasses.replace(body, phase="none")) == UNNAMED
    by_metal = dataclasses.replace(PLAIN, metal_slices=True)
    assert label_of(dataclasses.replace(body, seen=by_metal)) == "noise_or_streak"


def test_bodies_are_kept_in_a_file() -> None:
    (again,) = pickle.loads(_dumps(BODIES[:1]))  # noqa: S301
    assert again.seen.cast == BODIES[0].seen.cast
    assert again.truth == BODIES[0].truth
