"""Matched filters know their noise, and their outputs are read in its deviations."""

import numpy as np
import pytest
from scipy import fft, ndimage
from tests.calcification.made_liver import ball, read, scan, together, value

from hepalith.calcification.search.background import describe_surroundings
from hepalith.calcification.search.evidence import Evidence, _low, lay_evidence
from hepalith.calcification.search.flattened import flatten
from hepalith.calcification.search.hit import find_hits
from hepalith.calcification.search.matched_filter import make_bank, sphere_images
from hepalith.calcification.search.region import coarse_at
from hepalith.geometry import Box
from hepalith.image import Volume
from hepalith.image.covariance import measure_covariance
from hepalith.image.noise import Blur, estimate_noise

BLUR = Blur(1.2, 1.0, "known")


def evidence_of(volume: Volume) -> Evidence:
    """Return the evidence of a liver that fills its volume."""
    mask, spacing = np.ones(volume.hu.shape, bool), volume.spacing_mm
    noise = estimate_noise(volume.hu, mask, spacing)
    around = describe_surroundings(volume.hu, mask, spacing, noise)
    return lay_evidence(volume.hu, mask, spacing, noise=noise, blur=BLUR, surroundings=around)


def test_covariance_of_a_smoothed_field_is_that_of_its_kernel() -> None:
    field = np.random.default_rng(1).standard_normal((48, 64, 64))
    field = ndimage.uniform_filter1d(field, 3, axis=2, mode="wrap") * 10
    found = measure_covariance([(field.astype(np.float32), np.ones(field.shape, bool))], (2, 4, 8))
    assert found is not None
    assert found.variance == pytest.approx(100 / 3, rel=0.05)
    assert found.by_lag[2, 4, 9] / found.variance == pytest.approx(2 / 3, abs=0.05)
    assert abs(found.by_lag[2, 5, 8]) / found.variance < 0.05


def test_spheres_as_sampled_keep_their_volume_wherever_they_lie() -> None:
    spacing = (2.0, 0.75, 0.75)
    images = sphere_images(3.0, Blur(1.2, 2.0, "known"), spacing, (5, 10, 10))
    volumes = images.sum(axis=(1, 2, 3)) * np.prod(spacing)
    assert volumes.mean() == pytest.approx(np.pi / 6 * 27, rel=0.005)
    assert np.ptp(volumes) / volumes.mean() < 0.03


def test_no_filter_beats_the_one_made_for_the_size() -> None:
    field = np.random.default_rng(1).standard_normal((48, 64, 64)) * 10
    field = ndimage.gaussian_filter(field, (0, 0.6, 0.6), mode="wrap")
    covariance = measure_covariance([(field.astype(np.float32), np.ones(field.shape, bool))], (8, 10, 10))
    assert covariance is not None
    bank = make_bank(covariance, BLUR, (1.0, 0.75, 0.75))
    for n, diameter in enumerate(bank.diameter_mm):
        image = sphere_images(diameter, BLUR, (1.0, 0.75, 0.75), bank.reach).mean(axis=0)
        outputs = [float((kernel * image).sum()) for kernel in bank.kernels]
        assert int(np.argmax(outputs)) == n
    points = [(size, (0.0, 0.0, 0.0)) for size in range(len(bank.kernels))]
    assert np.diagonal(bank.correlation(points)) == pytest.approx(1.0, abs=0.02)


def test_a_filter_by_spectrum_is_the_sum_with_its_kernel_wherever_its_samples_lie() -> None:
    field = np.random.default_rng(2).standard_normal((24, 36, 40)).astype(np.float32)
    covariance = measure_covariance([(field * 10, np.ones(field.shape, bool))], (5, 6, 6))
    assert covariance is not None
    bank = make_bank(covariance, BLUR, (1.5, 0.75, 0.75), (2, 4, 4))
    assert bank.strides[0] == (1, 1, 1)
    assert bank.strides[3] != (1, 1, 1)
    for size, stride in ((0, bank.strides[0]), (3, bank.strides[3])):
        shape = [n // s for n, s in zip(field.shape, stride, strict=True)]
        spectrum = bank.spectrum(size, field.shape)
        found = fft.irfftn(_low(fft.rfftn(field), shape) * spectrum, shape)
        at = (7, 5, 6)
        place = [a * s + (s - 1) / 2 for a, s in zip(at, stride, strict=True)]
        whole = [int(np.floor(p)) for p in place]
        k, j, i = (p - w for p, w in zip(place, whole, strict=True))
        kernel = bank.moved(size, (k, j, i))
        rolled = np.roll(field, [r - w for r, w in zip(bank.reach, whole, strict=True)], axis=(0, 1, 2))
        near = rolled[tuple(slice(0, n) for n in kernel.shape)]
        assert float(found[at]) == pytest.approx(float((near * kernel).sum()), abs=0.03)


def test_thin_slices_are_read_in_pairs_and_the_last_one_too() -> None:
    volume = scan(ball(2.0), 200.0, slice_mm=0.5)
    hu = volume.hu[:-1]
    mask, spacing = np.ones(hu.shape, bool), volume.spacing_mm
    noise = estimate_noise(hu, mask, spacing)
    around = describe_surroundings(hu, mask, spacing, noise)
    flat = flatten(hu, mask, spacing, around, noise.sd_hu)
    assert flat.merged == 2
    assert flat.shape[0] == (len(hu) + 1) // 2
    whole = flat.excess(Box((0, 0, 0), flat.shape))
    level = coarse_at(around.level_hu, flat.cells, Box((0, 0, 0), flat.shape))
    assert whole[3] == pytest.approx(hu[6:8].mean(axis=0) - level[3], abs=1e-3)
    assert whole[-1] == pytest.approx(hu[-1] - level[-1], abs=1e-3)


def test_outputs_of_noise_have_unit_deviation_and_seldom_exceed_the_threshold() -> None:
    hits = 0
    for seed in range(3):
        evidence = evidence_of(scan(ball(0.0), 0.0, seed=seed))
        for output in evidence.outputs:
            inner = tuple(slice(8 // s, -(8 // s)) for s in output.stride)
            assert float((output.values[inner] * output.unit).std()) == pytest.approx(1.0, abs=0.1)
        hits += len(find_hits(evidence, (1.0, 0.75, 0.75)))
    assert hits <= 1


def test_a_sphere_stands_out_most_at_its_own_size_and_place() -> None:
    places = ((-14.0, -14.0, -14.0), (12.0, 10.0, 14.0))
    small, large = ball(1.1, places[0]), ball(3.5, places[1])
    evidence = evidence_of(scan(together(small, large), 250.0))
    first, second = find_hits(evidence, (1.0, 0.75, 0.75))[:2]
    assert (first.size, second.size) == (3, 1)
    for hit, place in ((first, places[1]), (second, places[0])):
        at = (np.array(hit.place) + 0.5) * np.array([1.0, 0.75, 0.75]) - 24.0
        assert np.abs(at - np.array(place)).max() < 1.0
        assert not hit.goes_on


def test_a_rod_through_the_liver_goes_on_and_a_ball_does_not() -> None:
    tube = together(lambda z, y, x: (z**2 + y**2 < 4.0) & (np.abs(x) < 40))
    assert any(hit.goes_on for hit in find_hits(evidence_of(scan(tube, 100.0)), (1.0, 0.75, 0.75)))
    assert not any(hit.goes_on for hit in find_hits(evidence_of(scan(ball(2.0), 100.0)), (1.0, 0.75, 0.75)))


def test_a_small_focus_fainter_than_blood_is_told_from_a_vessel_by_its_end() -> None:
    vessel = together(lambda z, y, x: ((y + 12) ** 2 + (z + 6) ** 2 < 9.0) & (np.abs(x) < 40))
    volume = scan(vessel, 90.0, background_hu=110.0)
    added = scan(ball(1.2, (4.0, 8.0, 2.0)), 250.0, background_hu=0.0, noise_hu=1e-6)
    both = Volume((volume.hu + added.hu).astype(np.int16), volume.grid)
    assert read(volume, phase="portal").calcifications == ()
    (focus,) = read(both, phase="portal").calcifications
    assert value(focus.integrated_excess) == pytest.approx(4 / 3 * np.pi * 1.2**3 * 250, rel=0.5)
