"""Noise and blur of a CT image, measured in the image itself.

Detection and every interval rest on these two: how far a voxel strays from its neighbours by
chance, how that chance is shared among neighbours, and how far a point is smeared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from hepalith.image.volume import Volume

__all__ = ["Blur", "Noise", "estimate_blur", "estimate_noise"]

TILE_MM = 12.0
"""Side of the in-plane tiles in which noise is measured. Several times the correlation length of
soft-tissue kernels (1–2 mm), small against the shading of a liver. Our judgement."""

TILE_VOXELS = (5, 16)
"""Fewest and most voxels along a tile's side, for very coarse and very fine grids."""

TILE_QUANTILE = 0.5
"""Quantile of the tiles' standard deviations taken as the noise: tiles that hold large vessels or
edges stand in its upper half and do not raise it much."""

MIN_TILES = 6
"""Fewest tiles trusted; with fewer, the noise is the robust spread of the whole region."""

EXACT_VOXELS = 120_000
"""Largest box, in voxels, in which the variance of a sum is worked out exactly; a larger one holds a
body of several centimetres, whose edge effects on its noise are small."""

MAX_TILES = 2000
"""Most tiles measured; more add time and no precision (the noise is then known to about 0.2 %)."""

LAGS = (3, 5, 5)
"""Largest lags, in voxels, at which the noise's correlation is measured (slice, row, column)."""

TAIL_LAG = 4.0
"""Lag, in pixels, beyond which noise is taken as uncorrelated: reconstruction kernels correlate
noise over one to three pixels."""

DEFAULT_NOISE_HU = 15.0
"""Noise where nothing can be measured: a usual liver CT at 2–3 mm. Our judgement."""

NOISE_FLOOR_HU = 1.0
"""Least noise believed. Rounding to integers alone gives 0.29 HU; exactly constant regions are
made, not measured."""

DEFAULT_FWHM_MM = 1.2
"""In-plane full width at half maximum of soft-tissue kernels where no edge can be measured:
their MTF falls to one half near 0.35–0.45 per mm, a Gaussian of 1.0–1.3 mm. Our judgement."""

FWHM_PIXELS = 0.8
"""A point is at least this many pixels wide, even in an image that was resampled. Our judgement."""

MAX_FWHM_MM = 3.0
"""Widest in-plane blur believed; a wider edge is motion or an oblique surface."""

EDGE_LOW_HU, EDGE_HIGH_HU = -700.0, -350.0
"""Range in which the skin's edge is crossed: between air (−1000) and fat (−100)."""

EDGE_QUANTILE = 0.25
"""Quantile of the widths of the skin's edge taken as the blur: sharp edges are the scanner's,
wide ones are folds, clothes, breathing and obliquity."""

MIN_EDGES = 30
"""Fewest edge crossings trusted."""

FWHM_PER_SIGMA = 2.3548
"""Full width at half maximum of a Gaussian of standard deviation 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Random part of the HU in a region.

    Parameters
    ----------
    sd_hu
        Standard deviation of a voxel, in HU.
    correlation
        float64, shape ``2 * LAGS + 1``: correlation of two voxels by their lag (slice, row,
        column), 1 at the centre.
    measured
        False where the region was too small and a default or a plain spread stands in.
    """

    sd_hu: float
    correlation: NDArray[np.float64]
    measured: bool = True

    @property
    def voxels_per_element(self) -> float:
        """Voxels that share one independent draw of noise: the sum of the correlation, at least 1."""
        return float(max(1.0, self.correlation.sum()))

    def variance_of(self, weights: NDArray[np.floating]) -> float:
        r"""Return the variance, in HU², that noise gives to a weighted sum of voxels.

        .. math:: \operatorname{var} \sum_x w(x) h(x) = \sigma^2 \sum_{x,y} w(x) w(y) \rho(x - y)

        Parameters
        ----------
        weights
            Weight of every voxel of a box.

        Notes
        -----
        In a box of more than `EXACT_VOXELS` the correlation is taken as short against the
        weights' own scale: the sum of squares times the voxels that share one draw.
        """
        if weights.size > EXACT_VOXELS:
            square = float((weights.astype(np.float64) ** 2).sum())
            return self.sd_hu**2 * square * self.voxels_per_element
        shape = [
            fft.next_fast_len(n + m - 1, real=True)
            for n, m in zip(weights.shape, self.correlation.shape, strict=True)
        ]
        spectrum = fft.rfftn(weights.astype(np.float64), shape)
        kernel = np.zeros(shape)
        kernel[tuple(slice(0, n) for n in self.correlation.shape)] = self.correlation
        kernel = np.roll(kernel, [-(n // 2) for n in self.correlation.shape], axis=(0, 1, 2))
        spread = fft.irfftn(spectrum * fft.rfftn(kernel), shape)
        quadratic = float((spread[tuple(slice(0, n) for n in weights.shape)] * weights).sum())
        return self.sd_hu**2 * max(quadratic, float((weights.astype(np.float64) ** 2).sum()) * 0.1)


@dataclass(frozen=True, slots=True)
class Blur:
    """How far a point is smeared: in plane a Gaussian, across slices a box.

    `in_plane_fwhm_mm` and `slice_mm` (the slice's thickness, not the distance between slices);
    `source` says where they come from.
    """

    in_plane_fwhm_mm: float
    slice_mm: float
    source: str

    @property
    def in_plane_sigma_mm(self) -> float:
        """Standard deviation in plane, in mm."""
        return self.in_plane_fwhm_mm / FWHM_PER_SIGMA

    @property
    def slice_sigma_mm(self) -> float:
        """Standard deviation of the slice's box profile, in mm."""
        return self.slice_mm / float(np.sqrt(12.0))


def estimate_noise(
    hu: NDArray[np.int16], region: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> Noise:
    """Return the noise in the homogeneous parts of a region.

    The region is cut into in-plane tiles; a plane is taken off each, so that shading does not
    count, and a low quantile of the tiles' standard deviations is the noise. The correlation is
    averaged over the quieter half of the tiles.

    Parameters
    ----------
    hu
        HU, shape (slice, row, column).
    region
        Where to look, same shape: the liver.
    spacing_mm
        Voxel spacing.

    Notes
    -----
    Vessels in a contrast phase fall out because the quiet tiles are taken; a liver full of
    metastases may have no quiet tile and is then given too much noise: the safe side.
    """
    side = int(np.clip(round(TILE_MM / min(spacing_mm[1:])), *TILE_VOXELS))
    tiles, places = _cut_tiles(hu, region, side)
    if len(tiles) < MIN_TILES:
        return _plain_noise(hu, region)
    residual, freedom = _take_off_planes(tiles)
    spread = np.sqrt((residual**2).sum(axis=(1, 2)) / freedom)
    sd = float(np.quantile(spread, TILE_QUANTILE))
    if sd < NOISE_FLOOR_HU:
        return Noise(NOISE_FLOOR_HU, _white())
    quiet = spread <= np.quantile(spread, 0.5)
    correlation, lost = _correlate(residual, places, quiet)
    return Noise(sd * float(np.sqrt(1.0 + lost)), correlation)


def estimate_blur(volume: Volume, slice_thickness_mm: float | None) -> Blur:
    """Return the blur of a scan: in plane from the skin's edge, across slices from the header.

    Where the skin is crossed from air to fat along a row, the steepest gradient of a Gaussian edge
    of height H is ``H / (sigma * sqrt(2 pi))``.

    Parameters
    ----------
    volume
        The image.
    slice_thickness_mm
        As the header gives it; without it, or where it is not plausible, the distance between slices.

    Notes
    -----
    The skin is far from the axis of rotation and moves, so this width errs to the wide side; the
    least over rows and columns is not taken because noise would choose it.
    """
    spacing = volume.spacing_mm
    thickness = slice_thickness_mm or 0.0
    if not 0.3 * spacing[0] <= thickness <= 6.0 * spacing[0]:
        thickness = spacing[0]
    floor = FWHM_PIXELS * max(spacing[1:])
    step = max(1, volume.hu.shape[0] // 12)
    widths = _edge_widths(volume.hu[::step].astype(np.float32), spacing)
    if widths.size < MIN_EDGES:
        return Blur(max(DEFAULT_FWHM_MM, floor), thickness, "usual soft-tissue kernel")
    width = float(np.quantile(widths, EDGE_QUANTILE))
    if width < 0.9 * floor:  # sharper than the grid can carry: the rim of the field of view, no skin
        return Blur(max(DEFAULT_FWHM_MM, floor), thickness, "usual soft-tissue kernel")
    return Blur(float(np.clip(width, floor, max(MAX_FWHM_MM, floor))), thickness, "skin edge")


def _cut_tiles(
    hu: NDArray[np.int16], region: NDArray[np.bool_], side: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the in-plane tiles that lie wholly in the region, and the place of each."""
    k, j, i = (region.shape[0], region.shape[1] // side, region.shape[2] // side)
    if j == 0 or i == 0:
        return np.zeros((0, side, side), np.float32), np.zeros((0, 3), np.int64)
    inner = region[:, : j * side, : i * side].reshape(k, j, side, i, side)
    places = np.argwhere(inner.all(axis=(2, 4)))
    blocks = hu[:, : j * side, : i * side].reshape(k, j, side, i, side)
    if len(places) > MAX_TILES:  # whole columns of tiles stay together: neighbours in slice are compared
        column = places[:, 1] * i + places[:, 2]
        keep = np.unique(column)[:: int(np.ceil(len(places) / MAX_TILES))]
        places = places[np.isin(column, keep)]
    tiles = blocks[places[:, 0], places[:, 1], :, places[:, 2], :]
    return tiles.astype(np.float32), places


def _take_off_planes(tiles: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Return the tiles less their least-squares planes, and the degrees of freedom left."""
    side = tiles.shape[1]
    axis = np.arange(side, dtype=np.float32) - (side - 1) / 2
    norm = float((axis**2).sum()) * side
    rows = (tiles * axis[:, None]).sum(axis=(1, 2)) / norm
    columns = (tiles * axis).sum(axis=(1, 2)) / norm
    plane = rows[:, None, None] * axis[:, None] + columns[:, None, None] * axis
    return tiles - tiles.mean(axis=(1, 2), keepdims=True) - plane, side * side - 3


def _correlate(
    residual: NDArray[np.float32], places: NDArray[np.int64], quiet: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Return the correlation by lag (in plane times across slices), and the share of variance lost.

    Taking a plane off a tile takes low frequencies with it: every lag then reads too low by the same
    amount, seen at lags where no correlation is left. It is given back.
    """
    chosen = residual[quiet].astype(np.float64)
    side = chosen.shape[1]
    size = fft.next_fast_len(2 * side)
    power = np.abs(fft.rfft2(chosen, (size, size))) ** 2
    raw = fft.irfft2(power.mean(axis=0), (size, size))
    one = np.abs(fft.rfft2(np.ones((side, side)), (size, size))) ** 2
    pairs = fft.irfft2(one, (size, size))
    reach = [min(lag, side // 2) for lag in LAGS[1:]]
    in_plane = np.zeros((2 * LAGS[1] + 1, 2 * LAGS[2] + 1))
    for dj in range(-reach[0], reach[0] + 1):
        for di in range(-reach[1], reach[1] + 1):
            in_plane[dj + LAGS[1], di + LAGS[2]] = raw[dj, di] / max(pairs[dj, di], 1.0)
    in_plane /= in_plane[LAGS[1], LAGS[2]]
    distance = np.hypot(*np.meshgrid(*(np.arange(-n, n + 1) for n in LAGS[1:]), indexing="ij"))
    far = (distance > TAIL_LAG) & (in_plane != 0)
    lost = max(0.0, -float(in_plane[far].mean())) if far.any() else 0.0
    in_plane = np.where(in_plane != 0, (in_plane + lost) / (1.0 + lost), 0.0)
    in_plane[far] = 0.0
    across = np.zeros(2 * LAGS[0] + 1)
    across[LAGS[0]] = 1.0
    index = {(int(k), int(j), int(i)): n for n, (k, j, i) in enumerate(places) if quiet[n]}
    for lag in range(1, LAGS[0] + 1):
        pairs_of = [(n, index[(k + lag, j, i)]) for (k, j, i), n in index.items() if (k + lag, j, i) in index]
        if len(pairs_of) >= MIN_TILES:
            first, second = residual[[a for a, _ in pairs_of]], residual[[b for _, b in pairs_of]]
            product = float((first * second).mean())
            value = product / float(np.sqrt((first**2).mean() * (second**2).mean()))
            across[LAGS[0] + lag] = across[LAGS[0] - lag] = value
    across[np.abs(across) < 0.05] = 0.0
    return across[:, None, None] * in_plane[None], lost


def _plain_noise(hu: NDArray[np.int16], region: NDArray[np.bool_]) -> Noise:
    """Return the robust spread of a small region about its local mean."""
    values = hu[region].astype(np.float32)
    if values.size < 27:
        return Noise(DEFAULT_NOISE_HU, _white(), measured=False)
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    near = np.where(region & (np.abs(hu - middle) < 4 * max(spread, 1.0)), hu, middle).astype(np.float32)
    local = ndimage.uniform_filter(near, 3)
    residual = (near - local)[ndimage.binary_erosion(region)]
    if residual.size < 27:
        return Noise(max(spread, NOISE_FLOOR_HU), _white(), measured=False)
    # a voxel takes part in its own mean of 27: the difference keeps 26/27 of the variance
    sd = 1.4826 * float(np.median(np.abs(residual - np.median(residual)))) * float(np.sqrt(27 / 26))
    return Noise(max(sd, NOISE_FLOOR_HU), _white(), measured=False)


def _white() -> NDArray[np.float64]:
    """Return the correlation of noise that neighbours do not share."""
    correlation = np.zeros([2 * lag + 1 for lag in LAGS])
    correlation[LAGS] = 1.0
    return correlation


def _edge_widths(slices: NDArray[np.float32], spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the full width at half maximum of the skin's edge, where rows cross it from the left."""
    middle = 0.5 * (EDGE_LOW_HU + EDGE_HIGH_HU)
    inside = slices > middle
    first = inside.argmax(axis=2)
    k, j = np.nonzero((first >= 4) & (first < slices.shape[2] - 6))
    if k.size == 0:
        return np.zeros(0)
    i = first[k, j]
    profile = np.stack([slices[k, j, i + n] for n in range(-4, 6)], axis=1)
    low, high = profile[:, :2].mean(axis=1), np.median(profile[:, 6:], axis=1)
    gradient = (slices[k, j, i] - slices[k, j, i - 1]) / spacing_mm[2]
    above, below = np.maximum(j - 1, 0), np.minimum(j + 1, slices.shape[1] - 1)
    slope = (
        slices[k, below, i] + slices[k, below, i - 1] - slices[k, above, i] - slices[k, above, i - 1]
    ) / (4 * spacing_mm[1])
    steep = np.hypot(gradient, slope)
    good = (low < EDGE_LOW_HU - 150) & (high > -250) & (high < 200) & (steep > 0) & (gradient > 0)
    sigma = (high - low)[good] / (steep[good] * np.sqrt(2 * np.pi))
    # a difference of neighbours is a box of one pixel over the gradient
    variance = sigma**2 - spacing_mm[2] ** 2 / 12
    widths: NDArray[np.float64] = FWHM_PER_SIGMA * np.sqrt(np.maximum(variance, 0.0)).astype(np.float64)
    return widths
