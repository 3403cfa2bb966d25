"""The sphere that explains a focus best, under the scan's blur and the correlation of its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.calcification.extent.blur_belief import (
    BLUR,
    BOOST,
    COUNT,
    EDGE,
    EXCESS,
    HALO,
    LEVEL,
    SIZE,
    BlurBelief,
)
from hepalith.calcification.extent.sphere import PointSpread, SphereView

__all__ = ["SphereFit", "believe_blur", "fit_sphere"]

ITERATIONS = 6
"""Gauss-Newton steps; a compact focus is there after four."""

CONVERGED = 3e-3
"""Largest change of any unknown (shares, mm², mm, 30 HU) after which no further step is made."""

POWER_FLOOR = 0.15
"""Least power of the noise at any frequency that the fit reckons with, as a share of its mean: where noise is
nearly absent, what the model does not know would decide. Our judgement."""

LEAST_MM, MOST_MM = 0.4, 12.0
"""Diameters between which the fit moves: smaller ones look alike, larger ones need no model."""

MOST_VOXELS = 60_000
"""Largest window fitted, in voxels: that of a sphere of 12 mm in thin slices and small pixels."""

LEAST_EDGE, MOST_EDGE = 0.02, 0.9
"""Edges between which the fit moves."""

LEAST_SD = (0.03, 0.05, 0.02)
"""Least standard deviations of blur, edge and boost that foci may together leave: a blurred edge may be the
focus's own."""

ONE_SD = (0.04, 0.08, 0.04)
"""Least standard deviations with which one focus may say each, for the same reason; how far it differs from a
sphere adds to them (`UNLIKE_TELLS`)."""

UNLIKE_TELLS = (1.5, 3.0, 1.5)
"""Error of what a focus says of blur, edge and boost, over how far it may differ from a sphere."""

COMMON_SD = (0.06, 0.1, 0.05)
"""Standard deviation that all foci of a scan share: what they are made of and how they grew is alike."""

HALO_MM = 2.5
"""How much wider the ball of medium about a focus is than the focus: a stone lies in bile, a calcification in
its scar, and a film of either may hide in the blur. Our judgement."""

HALO_SDS = (2.0, 40.0)
"""What that medium may differ from the background further off, in HU: where it is the same, and where not."""

HALO_ODDS = 0.05
"""Share of foci that lie in a medium of their own which no wider surroundings show. Our judgement."""

MISFIT = 1.2
"""Most that a sphere may leave of a body, over noise and a share of the peak, and still stand for it."""

SHAPE_SHARE = 0.05
"""Share of the peak that a body may differ from a sphere and its scan from the blur's model."""

STRANGE_MM, STRANGE_SPREADS = 0.8, 3.5
"""Width of the mean, and deviations of it, by which what the sphere leaves about a body is seen to be a
vessel, a duct or fat: it is left out of the fit."""

STRANGE_SHARE = 0.3
"""Share of what the sphere shows at a place that what it leaves there must exceed on top: where it is bright
itself, a body that is no sphere leaves as much."""

UNLIKE_HIDDEN = 0.05
"""Most that noise is taken to hide of how a body differs from a sphere, as a share of its peak."""

UNITS = np.array([1.0] * HALO + [30.0, 30.0])
"""Units in which the unknowns' steps are compared: HU weigh less."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SphereFit:
    """A fitted sphere: unknowns, and the normal equations about them.

    Parameters
    ----------
    scale_hu_mm3
        Integrated excess that stands for 1.
    at
        Where the equations are linear: excess, squared diameter (mm²), place (mm), log of the blur over its
        estimate, the slice profile's edge, the kernel's boost, medium and background (HU).
    told
        Information of the voxels, without any belief about the blur.
    noise
        Covariance of their score.
    score
        Score at `at`.
    level_sd_hu
        What the background may be from the ring's level.
    misfit
        Root mean square of what the sphere leaves in the body, over noise and a share of the peak.
    foreign_hu_mm3
        What vessels, ducts or fat beside the body add to the aperture's sum.
    """

    scale_hu_mm3: float
    at: NDArray[np.float64]
    told: NDArray[np.float64]
    noise: NDArray[np.float64]
    score: NDArray[np.float64]
    level_sd_hu: float
    misfit: float
    foreign_hu_mm3: float
    unlike: float
    """How far, as a share of its peak, the body may differ from the sphere: beyond noise, or hidden by it."""
    strain: float
    """By how much less the evidence for a medium counts, as the sphere leaves more than noise."""
    first: BlurBelief
    """What was believed of the blur before."""

    @property
    def holds(self) -> bool:
        """Whether a sphere stands for the body."""
        return self.misfit <= MISFIT

    @property
    def diameter_mm(self) -> float:
        """Diameter of the sphere, without a belief about the blur; 0 where none can be told."""
        return math.sqrt(max(float(self.at[SIZE]), 0.0))

    def solved(self, belief: BlurBelief) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the unknowns and their covariance under a belief about the blur.

        The mean over both cases, with a medium of its own about the body and without, each weighed by how
        well it explains the voxels; their difference adds to the covariance.
        """
        found, weights = [], []
        for sd in HALO_SDS:
            mean, prior = belief.prior(sd, self.level_sd_hu)
            precision = self.told + np.diag(prior)
            inverse = np.linalg.inv(precision)
            pull = self.told @ self.at + self.score
            solution = inverse @ (pull + prior * mean)
            covariance = inverse @ (self.noise + np.diag(prior)) @ inverse
            fits = (pull + prior * mean) @ solution - (prior * mean) @ mean
            weights.append(0.5 * fits - 0.5 * float(np.linalg.slogdet(precision)[1]) - math.log(sd))
            found.append((solution, covariance))
        share = np.exp((np.asarray(weights) - max(weights)) / self.strain)
        share *= (1 - HALO_ODDS, HALO_ODDS)
        share /= share.sum()
        (a, ca), (b, cb) = found
        apart = (a - b)[:, None] * (a - b)[None]
        return share[0] * a + share[1] * b, share[0] * ca + share[1] * cb + share[0] * share[1] * apart


def believe_blur(fits: list[SphereFit]) -> BlurBelief:
    """Return what the foci of a scan say together about its blur, on top of the estimate.

    The edges of a focus larger than the blur show the blur itself; a smaller one is then measured with it.
    """
    first = fits[0].first if fits else BlurBelief()
    solved = [(fit.unlike, *fit.solved(first)) for fit in fits if fit.holds]
    found = []
    for n, (mean, sd) in enumerate((first.blur, first.edge, first.boost)):
        place, told, weighted = (BLUR, EDGE, BOOST)[n], 0.0, 0.0
        for unlike, solution, covariance in solved:
            alone = 1 / float(covariance[place, place])
            gained = alone - sd**-2
            if gained <= 0:
                continue
            said = (float(solution[place]) * alone - mean * sd**-2) / gained
            gained = 1 / (1 / gained + ONE_SD[n] ** 2 + (UNLIKE_TELLS[n] * unlike) ** 2)
            told, weighted = told + gained, weighted + gained * said
        if told == 0:
            found.append((mean, sd))
            continue
        together = 1 / (1 / told + COMMON_SD[n] ** 2)
        total = sd**-2 + together
        middle = (mean * sd**-2 + together * weighted / told) / total
        found.append((middle, max(total**-0.5, LEAST_SD[n])))
    return BlurBelief(*found)


def fit_sphere(aperture: Aperture, scene: Scene, view: SphereView, first_mm: float) -> SphereFit | None:
    r"""Return the sphere that explains a focus; None where its window is too large.

    Parameters
    ----------
    aperture
        Where the focus is, and its background.
    scene
        The crop it lies in.
    view
        How spheres look in this scan.
    first_mm
        Diameter to start from.

    Notes
    -----
    Generalised least squares: with residual :math:`r`, Jacobian :math:`J` and the noise's covariance
    :math:`C`, steps solve :math:`J^T W J\,\delta = J^T W r` with :math:`W \approx C^{-1}` applied by Fourier
    transform, its least eigenvalues raised (`POWER_FLOOR`). The covariance of the result is that of the
    estimator as it is, :math:`A^{-1} J^T W C W J A^{-1}`. What the first fit leaves about the body beyond
    chance (vessels, ducts, fat) is left out of the second.
    """
    window = _Window.of(aperture, scene)
    if window is None:
        return None
    used, first = window.used, BlurBelief.of(scene)
    at = window.converged(window.first(first_mm, first), used, view, first)
    cleared = window.cleared(at, used, view)
    if cleared is not used:
        used = cleared
        at = window.converged(at, used, view, first)
    columns, rest = window.model(at, view)
    normal = window.normal(columns, rest, used)
    if not (np.diag(normal)[:COUNT] > 0).all():  # no voxel in use tells some unknown
        return None
    noise = aperture.noise_share**2 * window.score_covariance(columns[:COUNT], used)
    misfit = window.misfit(rest, columns[EXCESS] * np.float32(at[EXCESS]), used)
    if not math.isfinite(misfit):  # no sphere at all: it was led away by something larger
        return None
    return SphereFit(
        window.scale,
        at,
        normal[:COUNT, :COUNT],
        noise,
        normal[:COUNT, COUNT],
        window.level_sd,
        misfit,
        window.foreign(at, used, view),
        window.unlike(rest, columns[EXCESS] * np.float32(at[EXCESS]), used, aperture.noise_share),
        window.strain(rest, columns[EXCESS], used),
        first,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """The voxels of one fit: excess, which of them count, and the noise's power at its frequencies."""

    excess: Array
    used: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    axes_mm: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    centre_mm: tuple[float, float, float]
    power: Array
    shape: tuple[int, ...]
    sd_hu: float
    scale: float
    level_sd: float
    voxel_mm3: float
    voxels_per_draw: float

    @classmethod
    def of(cls, aperture: Aperture, scene: Scene) -> _Window | None:
        """Return the window about a focus: its aperture, and the nearest of its ring."""
        spacing = scene.spacing_mm
        box = aperture.grown([1, *(max(2, round(2.0 / s)) for s in spacing[1:])])
        used = (aperture.inside | aperture.free)[box] & aperture.liver[box]
        correlation = scene.noise.correlation
        shape = tuple(
            fft.next_fast_len(max(n + m // 2, m), real=True)
            for n, m in zip(used.shape, correlation.shape, strict=True)
        )
        if math.prod(shape) > MOST_VOXELS:
            return None
        kernel = np.zeros(shape, np.float32)
        kernel[np.ix_(*[np.arange(-(n // 2), n // 2 + 1) for n in correlation.shape])] = correlation
        power = np.maximum(fft.rfftn(kernel).real, 0.0) * np.float32(scene.noise.sd_hu**2)
        voxel = scene.grid.voxel_mm3
        excess = aperture.excess[box]
        weight = np.where(aperture.extent[box], np.maximum(excess, 1.0), 0.0).astype(np.float64)
        axes = [np.arange(n) * s for n, s in zip(used.shape, spacing, strict=True)]
        centre = [
            float((weight.sum(axis=tuple(b for b in range(3) if b != a)) * axis).sum() / weight.sum())
            for a, axis in enumerate(axes)
        ]
        total = float(aperture.excess[aperture.inside].sum(dtype=np.float64))
        return cls(
            excess,
            used,
            aperture.inside[box],
            (axes[0], axes[1], axes[2]),
            (centre[0], centre[1], centre[2]),
            power,
            shape,
            scene.noise.sd_hu,
            max(total, float(weight.sum())) * voxel,
            max(math.hypot(aperture.level_se_hu, aperture.medium_se_hu), 0.2),
            voxel,
            scene.noise.voxels_per_element,
        )

    def first(self, diameter_mm: float, belief: BlurBelief) -> NDArray[np.float64]:
        """Return the unknowns to start from: sum, size and centre as the body shows them."""
        size = float(np.clip(diameter_mm, 1.0, MOST_MM)) ** 2
        blur, edge, boost = belief.blur[0], belief.edge[0], belief.boost[0]
        return np.array([1.0, size, *self.centre_mm, blur, edge, boost, 0.0, 0.0])

    def converged(
        self, at: NDArray[np.float64], used: NDArray[np.bool_], view: SphereView, belief: BlurBelief
    ) -> NDArray[np.float64]:
        """Return the unknowns at which the steps end."""
        mean, prior = belief.prior(math.sqrt(HALO_SDS[0] * HALO_SDS[1]), self.level_sd)
        for _ in range(ITERATIONS):
            normal = self.normal(*self.model(at, view), used)
            told, score = normal[:COUNT, :COUNT], normal[:COUNT, COUNT]
            firm = np.diag(prior + 1e-9 * np.diag(told))
            try:
                solved = np.linalg.solve(told + firm, score - prior * (at - mean))
            except np.linalg.LinAlgError:  # no voxel in use tells some unknown: it stays where it is
                break
            after = _bounded(at, np.asarray(solved, np.float64))
            moved = float(np.abs((after - at) / UNITS).max())
            at = after
            if moved < CONVERGED:
                break
        return at

    def model(self, at: NDArray[np.float64], view: SphereView) -> tuple[Array, Array]:
        """Return the model's derivatives by each unknown, stacked, and what the model leaves."""
        size = max(float(at[SIZE]), LEAST_MM**2)
        spread = PointSpread(math.exp(float(at[BLUR])), float(at[EDGE]), float(at[BOOST]))
        seen = view.see(
            math.sqrt(size), math.sqrt(size) + HALO_MM, spread, (at[2], at[3], at[4]), self.axes_mm
        )
        amount = self.scale * float(at[EXCESS])
        columns = np.empty((COUNT, *self.excess.shape), np.float32)
        columns[EXCESS] = self.scale * seen.share
        columns[SIZE] = amount / (2 * size) * seen.by_log_diameter
        for n, by in enumerate(seen.by_place):
            columns[2 + n] = amount * by
        columns[BLUR] = amount * seen.by_log_blur
        columns[EDGE] = amount * seen.by_edge
        columns[BOOST] = amount * seen.by_boost
        columns[HALO] = seen.halo
        columns[LEVEL] = 1.0
        shown = np.float32(at[EXCESS]) * columns[EXCESS] + np.float32(at[HALO]) * columns[HALO]
        rest = self.excess - shown - np.float32(at[LEVEL])
        return columns, rest

    def normal(self, columns: Array, rest: Array, used: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the products of all columns and the rest under the inverse of the noise's covariance."""
        stack = np.concatenate([columns, rest[None]]) * used
        spectra = fft.rfftn(stack, self.shape, axes=(1, 2, 3))
        return self._products(spectra, self._gain())

    def score_covariance(self, columns: Array, used: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the covariance that noise gives to the score."""
        spectra = fft.rfftn(columns * used, self.shape, axes=(1, 2, 3)) * self._gain()
        back = fft.irfftn(spectra, self.shape, axes=(1, 2, 3))
        n = self.excess.shape
        weights = back[:, : n[0], : n[1], : n[2]] * used
        return self._products(fft.rfftn(weights, self.shape, axes=(1, 2, 3)), self.power)

    def _gain(self) -> Array:
        return np.asarray(1.0 / np.maximum(self.power, np.float32(POWER_FLOOR * self.sd_hu**2)))

    def _products(self, spectra: NDArray[np.complex64], gain: Array) -> NDArray[np.float64]:
        """Return the inner products of real fields from their half spectra, each frequency weighed."""
        whole = np.full(spectra.shape[-1], 2.0, np.float32)
        whole[0] = 1.0
        if self.shape[-1] % 2 == 0:
            whole[-1] = 1.0
        left = (spectra * (gain * whole)).reshape(len(spectra), -1)
        right = spectra.reshape(len(spectra), -1)
        return np.asarray((left @ right.conj().T).real / math.prod(self.shape), dtype=np.float64)

    def cleared(
        self, at: NDArray[np.float64], used: NDArray[np.bool_], view: SphereView
    ) -> NDArray[np.bool_]:
        """Return the voxels used without those about the body that are not the liver's even self."""
        columns, rest = self.model(at, view)
        shown = columns[EXCESS]
        sigma = [STRANGE_MM / float(a[1] - a[0]) if a.size > 1 else 0.0 for a in self.axes_mm]
        even = ndimage.gaussian_filter(rest * used, sigma, mode="constant")
        about = used & (shown < 0.1 * float(shown.max()))
        if int(about.sum()) < 30:
            return used
        spread = 1.4826 * float(np.median(np.abs(even[about] - np.median(even[about]))))
        least = STRANGE_SPREADS * max(spread, 0.1 * self.sd_hu) + STRANGE_SHARE * shown * np.float32(
            at[EXCESS]
        )
        strange = used & (np.abs(even) > least)
        if not strange.any():
            return used
        return np.asarray(used & ~strange)

    def foreign(self, at: NDArray[np.float64], used: NDArray[np.bool_], view: SphereView) -> float:
        """Return what the voxels left out hold of the aperture's sum beyond the sphere, in HU·mm³."""
        left = self.inside & self.used & ~used
        if not left.any():
            return 0.0
        _, rest = self.model(at, view)
        return float((rest[left] + np.float32(at[LEVEL])).sum(dtype=np.float64)) * self.voxel_mm3

    def misfit(self, rest: Array, shown: Array, used: NDArray[np.bool_]) -> float:
        """Return the root mean square of what is left where the sphere is bright, over what may be left."""
        top = float(shown.max())
        core = (shown > 0.25 * top) & used
        allowed = math.hypot(self.sd_hu, SHAPE_SHARE * top)
        return math.sqrt(float((rest[core] ** 2).mean())) / allowed if core.any() else math.inf

    def strain(self, rest: Array, shown: Array, used: NDArray[np.bool_]) -> float:
        """Return how much less the voxels may be believed, as the sphere leaves more than noise of them."""
        core = (shown > 0.1 * float(shown.max())) & used
        left = float((rest[core] ** 2).mean()) if core.any() else 0.0
        return max(1.0, left / self.sd_hu**2) ** 2

    def unlike(self, rest: Array, shown: Array, used: NDArray[np.bool_], noise_share: float) -> float:
        """Return how far, as a share of the peak, the body differs or may differ from the sphere."""
        top = float(shown.max())
        core = (shown > 0.25 * top) & used
        noise2 = (noise_share * self.sd_hu / top) ** 2
        draws = max(1.0, float(core.sum()) / self.voxels_per_draw)
        left = 1 - min(0.8, COUNT / 2 / float(core.sum())) if core.any() else 1.0
        seen2 = float((rest[core] ** 2).mean()) / top**2 - left * noise2 if core.any() else 1.0
        hidden2 = min(noise2 * math.sqrt(2 / draws), UNLIKE_HIDDEN**2)
        return math.sqrt(max(seen2, 0.0) + hidden2)


def _bounded(at: NDArray[np.float64], step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the next unknowns: a step that changes none of them wildly."""
    after = at + step
    after[EXCESS] = np.clip(after[EXCESS], 0.4 * at[EXCESS], 2.5 * at[EXCESS])
    after[SIZE] = np.clip(after[SIZE], max(LEAST_MM**2, 0.3 * at[SIZE]), min(MOST_MM**2, 2.5 * at[SIZE]))
    after[2:5] = np.clip(after[2:5], at[2:5] - 1.0, at[2:5] + 1.0)
    after[EDGE] = np.clip(after[EDGE], LEAST_EDGE, MOST_EDGE)
    after[BOOST] = np.clip(after[BOOST], -0.15, 0.8)
    after[BLUR] = np.clip(after[BLUR], max(-0.5, at[BLUR] - 0.2), min(0.5, at[BLUR] + 0.2))
    return np.asarray(after)
