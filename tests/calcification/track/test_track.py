from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.sonogram import Sonogram
from hepalith.calcification.echo import Echo, Echoes, Observation, Shadow
from hepalith.calcification.track.examination import look_at
from hepalith.calcification.track.follow import follow
from hepalith.calcification.track.gather import gather
from hepalith.calcification.track.look import Look
from hepalith.calcification.track.motion import carry, measure_motion, paths_of, thin
from hepalith.image.beam import BeamGrid, Sector
from hepalith.image.cine import Cine
from hepalith.image.picture import Picture
from hepalith.vocabulary import Measurement, NotAssessable

ROWS, COLUMNS = 240, 320
CELL_PX = 2.0
TISSUE, SPECKLE = 90.0, 22.0


def speckle(seed: int, shape: tuple[int, int] = (ROWS + 120, COLUMNS + 120)) -> NDArray[np.float64]:
    """Return a field of speckle cells with mean 0 and standard deviation 1, larger than the screen."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), CELL_PX)
    return field / field.std()


def window(field: NDArray[np.float64], x_px: float, y_px: float) -> NDArray[np.float64]:
    """Return the screen's part of a field that has moved by (x, y) pixels."""
    moved = ndimage.shift(field, (y_px, x_px), order=3, mode="nearest")
    return moved[60 : 60 + ROWS, 60 : 60 + COLUMNS]


def body(x_px: float, y_px: float, radius_px: float = 4.0) -> NDArray[np.float64]:
    """Return a smooth spot of height 1."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    return np.exp(-(((x - x_px) ** 2 + (y - y_px) ** 2) / (2 * radius_px**2)))


def frame_of(
    field: NDArray[np.float64], spots: Sequence[tuple[float, float, float]] = ()
) -> NDArray[np.float64]:
    """Return a frame of tissue with bright spots (x, y, height)."""
    grey = TISSUE + SPECKLE * field
    for x, y, height in spots:
        grey = np.maximum(grey, TISSUE + height * body(x, y))
    return grey


def picture_of(frames: Sequence[NDArray[np.float64]]) -> Picture:
    """Return a rectangle of straight beams, a line a column, as a loop."""
    grey = np.clip(np.rint(np.asarray(frames)), 0, 255).astype(np.uint8)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    sector = Sector("rectangle", (0, 0, COLUMNS - 1, ROWS - 1), near_px=0, far_px=ROWS - 1)
    grid = BeamGrid(sector, x, y, np.ones((ROWS, COLUMNS), bool), 1.0, 0.5)
    cine = Cine(grey, mm_per_px=(0.5, 0.5), frame_time_ms=50.0, kind="cine" if len(grey) > 1 else "still")
    return Picture(cine, 0, grid, np.zeros((ROWS, COLUMNS), bool))


def read_bright(picture: Picture, image: str, frame: int, level: float = 4.2) -> Look:
    """Read a frame as a reader would that knows the tissue's brightness: what stands out is an echo."""
    levels = picture.cine.grey[frame].astype(np.float32)
    smooth = ndimage.gaussian_filter(levels, 1.0)
    labels, _ = ndimage.label(smooth > TISSUE + level * SPECKLE)
    echoes = []
    for n, box in enumerate(ndimage.find_objects(labels), start=1):
        own = labels[box] == n
        y, x = ndimage.center_of_mass(own)
        y, x = y + box[0].start, x + box[1].start
        contrast = float((smooth[box][own].max() - TISSUE) / SPECKLE)
        length = 2 * math.sqrt(own.sum() / math.pi)
        bounds = (box[1].start, box[0].start, box[1].stop - 1, box[0].stop - 1)
        seen = Observation(image, frame, 0, tuple(float(v) for v in bounds), (float(x), float(y)))  # type: ignore[arg-type]
        echoes.append(echo_of(n, seen, contrast=contrast, length_px=length))
    whole = np.ones(levels.shape, bool)
    flat = np.full(levels.shape, TISSUE, np.float32)
    nothing = np.zeros(levels.shape, np.int32)
    sonogram = Sonogram(whole, flat, flat / 4, nothing, (), nothing, (), whole, 1.0, 1.0)
    return Look(image, picture, frame, levels, sonogram, Echoes(tuple(echoes), labels.astype(np.int32)))


def echo_of(number: int, seen: Observation, **changes: object) -> Echo:
    """Return an echo with what these tests do not vary."""
    plain = Echo(
        id=number, label="calcification", probability=0.8, reason="bright", observation=seen,
        beam=(seen.centroid_px[1], seen.centroid_px[0]), contrast=5.0, length_px=8.0, width_px=8.0,
        diameter=Measurement(4.0, "mm", 3.0, 5.0), morphology="nodular",
        probabilities={"calcification": 0.8, "gas": 0.2}, probability_bright=0.7,
        shadow=Shadow("clean", Measurement(0.7, "1", 0.6, 0.8)),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def breath(frame: int) -> tuple[float, float]:
    """Return how far the tissue has gone by a frame, x and y in pixels."""
    return 6 * math.sin(frame / 6), 18 * math.sin(frame / 9)


def test_motion_of_tissue_is_measured() -> None:
    field = speckle(1)
    picture = picture_of([frame_of(window(field, *breath(n))) for n in range(12)])
    motion = measure_motion(picture)
    there, deviation, _ = carry(motion, np.array([[160.0, 120.0]]), 0, 11)
    true = np.subtract(breath(11), breath(0))
    assert np.abs(there[0] - [160, 120] - true).max() < 3 * deviation[0]
    assert deviation[0] < 2.5
    back, _, _ = carry(motion, there, 11, 0)
    assert np.abs(back[0] - [160, 120]).max() < 1.0


def test_motion_over_left_out_frames_is_the_same() -> None:
    field = speckle(2)
    motion = measure_motion(picture_of([frame_of(window(field, *breath(n))) for n in range(9)]))
    place = np.array([[150.0, 110.0]])
    full, _, _ = carry(motion, place, 0, 8)
    few, _, _ = carry(thin(motion, (0, 4, 8)), place, 0, 2)
    where, _, _ = paths_of(thin(motion, (0, 4, 8)), full, np.array([2]))
    assert np.abs(full - few).max() < 0.5
    assert np.abs(where[0, 0] - place[0]).max() < 0.5


def test_noise_alone_is_like_nothing() -> None:
    noise = np.random.default_rng(0).normal(TISSUE, SPECKLE, (4, ROWS, COLUMNS))
    motion = measure_motion(picture_of(list(noise)))
    assert motion.likeness[1:].max() < 0.25


def test_copies_of_a_frame_are_passed_over() -> None:
    field = speckle(3)
    frames = [frame_of(window(field, *breath(n // 2))) for n in range(20)]
    motion = measure_motion(picture_of(frames))
    assert motion.repeated.tolist() == [n % 2 == 1 for n in range(20)]
    still = measure_motion(picture_of([frames[0]] * 5))
    assert still.repeated.tolist() == [False, True, True, True, True]


def test_a_fixed_focus_is_one_and_does_not_move() -> None:
    field = speckle(4)
    frames = []
    for n in range(40):
        x, y = breath(n)
        frames.append(frame_of(window(field, x, y), [(150 + x, 110 + y, 140)]))
    followed = follow(picture_of(frames), "us_1", read_bright)
    (track,) = followed.tracks
    assert track.probability_real > 0.9
    assert track.probability_moves is not None
    assert track.probability_moves < 0.1
    assert len(track.sightings) == followed.read_frames >= 10
    assert followed.looks[0].frame in {s.frame for s in track.sightings}


def test_gas_that_goes_its_own_way_is_told() -> None:
    field = speckle(5)
    frames = []
    for n in range(40):
        x, y = breath(n)
        frames.append(
            frame_of(window(field, x, y), [(90 + x, 80 + y, 140), (180 + x + 0.6 * n, 150 + y, 140)])
        )
    followed = follow(picture_of(frames), "us_1", read_bright)
    foci, motion = gather([followed])
    assert len(foci.foci) == 2
    moves = {round(f.observations[0].centroid_px[0]) > 140: motion[f.id] for f in foci.foci}
    assert moves[True] > 0.9
    assert moves[False] < 0.1


def test_a_focus_that_fades_out_of_the_plane_stays_one() -> None:
    before, after = speckle(6), speckle(7)
    frames = []
    for n in range(40):
        mixed = math.cos(0.12 * n) * before + math.sin(0.12 * n) * after  # half the same after nine frames
        height = 150 * math.exp(-(((n - 12) / 9) ** 2))
        frames.append(frame_of(window(mixed, *breath(n)), [(150 + breath(n)[0], 110 + breath(n)[1], height)]))
    followed = follow(picture_of(frames), "us_1", read_bright)
    (track,) = [t for t in followed.tracks if abs(t.best.echo.observation.centroid_px[0] - 150) < 12]
    assert track.probability_real > 0.8
    assert abs(track.best.frame - 12) <= 6
    assert len(track.sightings) < followed.read_frames


def test_speckle_that_flickers_is_no_focus() -> None:
    frames = [frame_of(window(speckle(100 + n), 0, 0)) for n in range(24)]

    def read_specks(picture: Picture, image: str, frame: int) -> Look:
        look = read_bright(picture, image, frame, level=3.0)
        weak = tuple(replace(e, probability_bright=0.5) for e in look.echoes.echoes)
        return replace(look, echoes=replace(look.echoes, echoes=weak))

    picture = picture_of(frames)
    assert sum(len(read_specks(picture, "us_1", n).echoes.echoes) for n in range(24)) >= 12
    assert follow(picture, "us_1", read_specks).tracks == ()


def test_every_body_is_on_a_frame_that_is_handed_on() -> None:
    field, noise = speckle(8), np.random.default_rng(8)
    frames = [
        frame_of(window(field, 0, 0), [(80, 100, 150) if n < 20 else (220, 90, 150)])
        + noise.normal(0, 4, (ROWS, COLUMNS))
        for n in range(40)
    ]
    followed = follow(picture_of(frames), "us_1", read_bright)
    shown = {look.frame for look in followed.looks}
    assert len(followed.tracks) == 2
    assert all({s.frame for s in t.sightings} & shown for t in followed.tracks)


def test_a_body_in_two_pictures_is_one_focus_and_two_in_one_are_two() -> None:
    field = speckle(9)
    one = picture_of([frame_of(window(field, 0, 0), [(90, 80, 150), (210, 150, 150)])])
    other = picture_of([frame_of(window(speckle(10), 0, 0), [(160, 100, 150)])])
    whole = look_at([one, other], ["us_1", "us_2"], read_bright)
    assert (whole.fewest, whole.most, len(whole.foci.foci)) == (2, 3, 2)
    assert {o.image for f in whole.foci.foci for o in f.observations} == {"us_1", "us_2"}
    assert whole.motion == {}
    assert whole.looks[0].image == "us_1"
    for look, names, labels in zip(whole.looks, whole.focus_of, whole.labels, strict=True):
        for echo in look.echoes.echoes:
            x, y = echo.observation.centroid_px
            assert labels[round(y), round(x)] == names[echo.id]


def test_bodies_unlike_each_other_in_two_pictures_are_two() -> None:
    field = speckle(11)
    picture = picture_of([frame_of(window(field, 0, 0), [(90, 80, 150)])])

    def read_large(picture: Picture, image: str, frame: int) -> Look:
        look = read_bright(picture, image, frame)
        if image == "us_1":
            return look
        large = tuple(
            replace(e, diameter=Measurement(14.0, "mm", 12.0, 16.0), morphology="linear",
                    shadow=Shadow("none", Measurement(0.0, "1", -0.1, 0.1)))
            for e in look.echoes.echoes
        )  # fmt: skip
        return replace(look, echoes=replace(look.echoes, echoes=large))

    assert len(look_at([picture, picture], ["us_1", "us_2"], read_large).foci.foci) == 2


def test_a_focus_on_ultrasound_has_no_hounsfield_units_and_no_place() -> None:
    picture = picture_of([frame_of(window(speckle(12), 0, 0), [(90, 80, 150)])])
    (focus,) = look_at([picture], ["us_1"], read_bright).foci.foci
    assert focus.centroid_lps_mm is None
    assert isinstance(focus.mean_hu, NotAssessable)
    assert "Hounsfield" in focus.mean_hu.reason
    assert focus.shadow is not None
    with pytest.raises(ValueError, match="no place"):
        _ = focus.place_lps_mm


def test_an_examination_without_pictures_has_no_foci() -> None:
    whole = look_at([], [], read_bright)
    assert whole.foci.foci == ()
    assert whole.looks == ()
    assert isinstance(whole.foci.detectability.smallest_focus, NotAssessable)
