"""Laying one CT onto another: first as a rigid body, then as soft tissue that breathes.

The two may differ in contrast phase, slice thickness and field of view, so that likeness is mutual
information, not difference (Mattes et al., doi:10.1109/TMI.2003.809072). The optimisers are ITK's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.geometry import Box, Grid
from hepalith.image.itk import sitk
from hepalith.image.volume import AIR_HU, Volume
from hepalith.registration.alignment import Alignment

__all__ = ["align", "lay"]

SPACING_MM = 3.0
"""Grid on which the images are compared: finer than what breathing leaves unexplained, and quiet."""

FIELD_MM = 9.0
"""Spacing of the displacement field's nodes: well below that of the spline's knots."""

KNOTS_MM = 60.0
"""Distance of the spline's knots: breathing bends a liver over some centimetres. Our judgement."""

MARGIN_MM = 18.0
"""Rim about the region that is compared too: the capsule against fat, lung and ribs tells most."""

WINDOW_HU = (-150.0, 250.0)
"""HU beyond which nothing is told apart: gas, bone and metal would else outvote soft tissue."""

SHIFTS_MM = tuple(range(-36, 37, 6))
"""Shifts along the body from which the search starts: breath holds differ by up to some 3 cm
(judgement, after reports of 10-30 mm of the dome's travel between breath holds)."""

BINS = 24
"""Bins of the joint histogram, along each axis."""

SAMPLES = 20_000
"""Voxels, evenly spread, at which likeness is measured: 35 for each cell of the joint histogram."""

SEED = 20_003
"""ITK shifts the evenly spread points a little at random; drawn from the clock unless it is told."""

THREADS = 1
"""More would add their sums in the order in which they end: no image would be laid the same way twice."""

LEAST_OVERLAP = 0.25
"""Share of the region that both images must cover; below it there is nothing to lay over. Our judgement."""

LEAST_EDGE_HU = 8.0
"""HU per `SPACING_MM` from which an edge is one, beyond noise at that spacing."""


def align(fixed: Volume, moving: Volume, region: Box) -> Alignment | None:
    """Return how `moving` lies on `fixed` in a region, or None where they hardly overlap.

    Parameters
    ----------
    fixed, moving
        CT of one patient in one coordinate system, as the scanner gave them.
    region
        Box in `fixed` about the organ that is to match, the liver for instance.

    Notes
    -----
    A shift along the body is searched for first, then a rigid motion, then a B-spline whose knots
    lie `KNOTS_MM` apart. Sliding along the ribs is not modelled: what lies outside the region may
    be laid wrongly.
    """
    with _few_threads():
        return _align(fixed, moving, region)


@contextlib.contextmanager
def _few_threads() -> Iterator[None]:
    """Hold ITK's metrics, which ask for their own threads, to `THREADS` for a while."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(THREADS)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _align(fixed: Volume, moving: Volume, region: Box) -> Alignment | None:
    """Return how one image lies on another; see `align`."""
    margin = [int(np.ceil(MARGIN_MM / s)) for s in fixed.spacing_mm]
    about = region.grown(margin, fixed.hu.shape)
    target = _resampled(fixed.cropped(about), SPACING_MM)
    source = _resampled(moving, SPACING_MM)
    start = _best_shift(target, source)
    if start is None:
        return None
    rigid = _register_rigid(target, source, start)
    soft = _register_soft(target, source, rigid)
    transform = sitk.CompositeTransform([rigid, soft])
    grid, field = _field_of(transform, target)
    laid = sitk.GetArrayFromImage(sitk.Resample(source, target, transform, sitk.sitkLinear, AIR_HU))
    agreement = _agreement(sitk.GetArrayFromImage(target), laid)
    shift = float(np.median(np.linalg.norm(field, axis=-1)))
    return Alignment(grid, field, agreement, shift)


def lay(alignment: Alignment, moving: Volume, grid: Grid) -> NDArray[np.int16]:
    """Return the moving image on a grid of the fixed one.

    Linear interpolation: fit to compare tissue, not to measure small bodies in. What the moving
    image does not cover is `AIR_HU`.

    Parameters
    ----------
    alignment, moving
        What `align` returned for this image.
    grid
        Any grid in the fixed image's space.

    Returns
    -------
    numpy.ndarray
        int16 HU, shape of `grid`.
    """
    field = sitk.GetImageFromArray(alignment.displacement_mm.astype(np.float64), isVector=True)
    _place(field, alignment.grid)
    transform = sitk.DisplacementFieldTransform(field)
    k, j, i = grid.shape
    axes = grid.affine[:3, :3][:, ::-1] / np.array(grid.spacing_mm)[::-1]
    laid = sitk.Resample(
        _image_of(moving), (i, j, k), transform, sitk.sitkLinear, [float(v) for v in grid.affine[:3, 3]],
        [float(s) for s in grid.spacing_mm[::-1]], [float(v) for v in axes.ravel()], AIR_HU, sitk.sitkInt16,
    )  # fmt: skip
    values: NDArray[np.int16] = sitk.GetArrayFromImage(laid)
    return values


def _image_of(volume: Volume) -> Any:
    """Return a volume as ITK sees it, with its place in the patient."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.hu))
    _place(image, volume.grid)
    return image


def _place(image: Any, grid: Grid) -> None:
    """Give an ITK image the place of a grid."""
    axes = grid.affine[:3, :3][:, ::-1] / np.array(grid.spacing_mm)[::-1]
    image.SetSpacing([float(s) for s in grid.spacing_mm[::-1]])
    image.SetOrigin([float(v) for v in grid.affine[:3, 3]])
    image.SetDirection([float(v) for v in axes.ravel()])


def _resampled(volume: Volume, spacing_mm: float) -> Any:
    """Return a volume windowed and averaged to about `spacing_mm`, as an ITK image of floats."""
    image = sitk.Cast(_image_of(volume), sitk.sitkFloat32)
    image = sitk.Clamp(image, sitk.sitkFloat32, WINDOW_HU[0], WINDOW_HU[1])
    shrink = [
        max(1, min(n, round(spacing_mm / s)))
        for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    return sitk.BinShrink(image, shrink)


def _method(target: Any) -> Any:
    """Return a registration by mutual information over evenly spread voxels, so that it is repeatable."""
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(THREADS)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(min(1.0, SAMPLES / target.GetNumberOfPixels()), SEED)
    method.MetricUseFixedImageGradientFilterOff()
    method.MetricUseMovingImageGradientFilterOff()
    method.SetInterpolator(sitk.sitkLinear)
    return method


def _best_shift(target: Any, source: Any) -> Any | None:
    """Return the shift along the body at which the images are most alike; None without overlap."""
    size, best = np.array(target.GetSize()), None
    middle = [
        float(v)
        for v in target.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in target.GetSize()])
    ]
    inside = sitk.Image(source.GetSize(), sitk.sitkUInt8) + 1
    inside.CopyInformation(source)
    for z in SHIFTS_MM:
        move = sitk.Euler3DTransform()
        move.SetCenter(middle)
        move.SetTranslation((0.0, 0.0, float(z)))
        covered = sitk.GetArrayViewFromImage(sitk.Resample(inside, target, move, sitk.sitkNearestNeighbor, 0))
        if float(np.count_nonzero(covered)) < LEAST_OVERLAP * float(np.prod(size)):
            continue
        method = _method(target)
        method.SetInitialTransform(move)
        value = float(method.MetricEvaluate(target, source))
        if best is None or value < best[0]:
            best = (value, move)
    return None if best is None else best[1]


def _register_rigid(target: Any, source: Any, start: Any) -> Any:
    """Return the rigid motion that makes the images most alike."""
    method = _method(target)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.02, 60, gradientMagnitudeTolerance=1e-5)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([1, 0])
    method.SetInitialTransform(start, inPlace=False)
    return sitk.Euler3DTransform(_only(method.Execute(target, source)))


def _register_soft(target: Any, source: Any, rigid: Any) -> Any:
    """Return the smooth deformation that is left after a rigid motion."""
    extent = [n * s for n, s in zip(target.GetSize(), target.GetSpacing(), strict=True)]
    mesh = [max(1, round(e / KNOTS_MM)) for e in extent]
    spline = sitk.BSplineTransformInitializer(target, mesh, 3)
    method = _method(target)
    method.SetMovingInitialTransform(rigid)
    method.SetInitialTransform(spline, inPlace=False)
    method.SetOptimizerAsLBFGSB(
        gradientConvergenceTolerance=1e-5,
        numberOfIterations=15,
        maximumNumberOfCorrections=5,
        maximumNumberOfFunctionEvaluations=20,
    )
    return sitk.BSplineTransform(_only(method.Execute(target, source)))


def _only(transform: Any) -> Any:
    """Return the one transform that a composite of one holds."""
    return transform.GetNthTransform(0) if transform.GetName() == "CompositeTransform" else transform


def _field_of(transform: Any, target: Any) -> tuple[Grid, NDArray[np.float32]]:
    """Return the displacement of a transform on nodes `FIELD_MM` apart."""
    extent = [(n - 1) * s for n, s in zip(target.GetSize(), target.GetSpacing(), strict=True)]
    count = [max(2, int(np.ceil(e / FIELD_MM)) + 1) for e in extent]
    spacing = [max(e, 1.0) / (n - 1) for e, n in zip(extent, count, strict=True)]
    field = sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat32, count, target.GetOrigin(), spacing, target.GetDirection()
    )
    axes = np.array(target.GetDirection()).reshape(3, 3) * np.array(spacing)
    affine = np.eye(4)
    affine[:3, :3] = axes[:, ::-1]
    affine[:3, 3] = target.GetOrigin()
    return Grid((count[2], count[1], count[0]), affine), sitk.GetArrayFromImage(field)


def _agreement(target: NDArray[np.float32], laid: NDArray[np.float32]) -> float:
    """Return how far the edges of two images run alike, 0 as by chance, 1 everywhere.

    The mean squared cosine between the gradients where both have one; between random directions in
    space it is one third.
    """
    inside = ndimage.binary_erosion(laid > AIR_HU, iterations=2)
    one = np.stack(np.gradient(ndimage.gaussian_filter(target, 1.0)))
    two = np.stack(np.gradient(ndimage.gaussian_filter(laid, 1.0)))
    lengths = np.linalg.norm(one, axis=0), np.linalg.norm(two, axis=0)
    edges = inside & (lengths[0] > LEAST_EDGE_HU) & (lengths[1] > LEAST_EDGE_HU)
    if np.count_nonzero(edges) < 100:
        return 0.0
    cosine = (one * two).sum(axis=0)[edges] / (lengths[0] * lengths[1])[edges]
    return float(np.clip((np.mean(cosine**2) - 1 / 3) * 1.5, 0.0, 1.0))
