"""Planes for training repeat by seed, tell foci from what shines, and keep them when they are dressed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from hepalith.calcification.ultrasound.network import CHANNELS, GRID
from hepalith.training.ultrasound.appearance import HALF, dress
from hepalith.training.ultrasound.fit import ALONE, fit_file, told
from hepalith.training.ultrasound.measures import BodyRow, PictureRow, load_measures
from hepalith.training.ultrasound.planes import load_planes, simulate_planes
from hepalith.training.ultrasound.scene import KINDS, SHAPE, make_plane

FOCUS, WALL = KINDS.index("focus"), KINDS.index("wall")


def test_a_seed_gives_one_plane():
    first, again, other = make_plane(42), make_plane(42), make_plane(43)
    np.testing.assert_array_equal(first.level_db, again.level_db)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.level_db.shape == first.labels.shape == SHAPE
    assert not np.array_equal(first.labels, other.labels)


def test_foci_and_walls_stand_out_from_the_tissue_of_their_plane():
    excess = {FOCUS: [], WALL: []}
    for seed in range(20, 32):
        plane = make_plane(seed)
        level = plane.level_db.astype(np.float32)
        for kind, values in excess.items():
            here = plane.labels == kind
            if here.sum() > 5:
                values.append(float(np.median(level[here]) - np.median(level[plane.labels == 0])))
    assert np.median(excess[FOCUS]) > 8
    assert np.median(excess[WALL]) > 2


def test_planes_are_kept_as_they_were_made(tmp_path):
    simulate_planes(tmp_path, 2, 60)
    planes = load_planes(tmp_path)
    np.testing.assert_array_equal(planes.levels[1], make_plane(61).level_db)
    np.testing.assert_array_equal(planes.labels[1], make_plane(61).labels)


def test_a_dressed_plane_keeps_its_foci_where_they_are_bright():
    level = np.random.default_rng(1).normal(0, 5, SHAPE).astype(np.float16)
    labels = np.zeros(SHAPE, np.uint8)
    labels[150:160, 70:78] = FOCUS
    level[labels == FOCUS] = 26
    seen = []
    for seed in range(12):
        channels, kinds, worth = dress(level, labels, 60.0, np.random.default_rng(seed))
        assert channels.shape == (CHANNELS, *GRID)
        assert kinds.shape == worth.shape == HALF
        assert np.isfinite(channels).all()
        here = kinds == FOCUS
        if here.sum() >= 6:
            assert worth[here].min() >= 0
            seen.append(channels[0][::2, ::2][here].mean() - channels[0][::2, ::2][~here].mean())
    assert len(seen) > 6
    assert np.median(seen) > 0.5


def _rows() -> list[PictureRow]:
    """Pictures whose foci are told by the network and whose contrast speaks the wrong way."""
    random = np.random.default_rng(0)
    rows = []
    for seed in range(60):
        bodies = []
        for n in range(8):
            focus = n == 0
            measures = {name: float(random.normal()) for name in ALONE}
            measures |= {
                "elsewhere": 0.0,
                "start": 1.0,
                "liver": 1.0,
                "missing": 0.0,
                "network": 3.0 * focus + random.normal(),
            }
            measures["contrast"] = -2.0 * focus + random.normal()
            bodies.append(BodyRow(measures, "1" if focus else "nothing"))
        rows.append(PictureRow("phantoms", seed, "", [{"id": 1, "shadow": "none", "contrast": 4.0}], bodies))
    return rows


def test_the_fit_learns_what_tells_and_stays_near_what_measures_weigh_alone(tmp_path: Path) -> None:
    path = tmp_path / "measures.jsonl"
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in _rows()))
    assert load_measures(path)[3].bodies[0].truth == "1"
    fit_file([path], tmp_path / "foci.json")
    weights = json.loads((tmp_path / "foci.json").read_text())["weights"]
    assert weights["network"] + weights["network_sure"] > 0.3
    assert weights["elsewhere"] <= -1.0
    assert abs(weights["edge"] - ALONE["edge"]) < 2.0
    assert weights["contrast"] < ALONE["contrast"]


def test_figures_count_each_focus_once_and_pieces_as_false():
    bodies = [BodyRow({}, name) for name in ("1", "piece", "nothing", "unsure")]
    text = told([PictureRow("phantoms", 0, "", [{"id": 1}, {"id": 2}], bodies)], np.full(4, 0.9))
    assert "0.500 at 2.00" in text
