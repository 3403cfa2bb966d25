"""One scan with organ masks, re-dressed as many: phases, fat, masses, cuts, warps, noise, grids.

There is one shared scan with a true liver. Its organ masks let us change what each organ
measures, cut, bend and resample scan and truth together, and so ask how the liver is found
under conditions that the one scan does not show. A variant shares the patient's shape with
the others: they test robustness, never accuracy on new patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.geometry import Grid, StoredOrder
from hepalith.image.volume import Volume

ORGANS = (
    "liver",
    "spleen",
    "kidney_left",
    "kidney_right",
    "aorta",
    "inferior_vena_cava",
    "portal_vein_and_splenic_vein",
    "pancreas",
    "stomach",
    "duodenum",
    "small_bowel",
    "colon",
    "gallbladder",
)

DRESS = {  # rise in HU over the unenhanced scan, by organ; see phase.py for the measured ones
    "arterial": {
        "liver": 20,
        "spleen": 100,
        "kidney_left": 130,
        "kidney_right": 130,
        "aorta": 290,
        "inferior_vena_cava": 50,
        "portal_vein_and_splenic_vein": 80,
        "pancreas": 60,
        "stomach": 15,
        "duodenum": 25,
        "small_bowel": 25,
        "colon": 10,
        "muscle": 8,
    },
    "portal": {
        "liver": 60,
        "spleen": 75,
        "kidney_left": 140,
        "kidney_right": 140,
        "aorta": 120,
        "inferior_vena_cava": 100,
        "portal_vein_and_splenic_vein": 130,
        "pancreas": 55,
        "stomach": 20,
        "duodenum": 35,
        "small_bowel": 35,
        "colon": 15,
        "muscle": 15,
    },
    "delayed": {
        "liver": 40,
        "spleen": 50,
        "kidney_left": 110,
        "kidney_right": 110,
        "aorta": 65,
        "inferior_vena_cava": 62,
        "portal_vein_and_splenic_vein": 65,
        "pancreas": 38,
        "stomach": 15,
        "duodenum": 25,
        "small_bowel": 25,
        "colon": 10,
        "muscle": 14,
    },
}


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A scan in the working order with its liver (None: no liver in view)."""

    name: str
    volume: Volume
    liver: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A scan on a plain grid while it is being changed."""

    hu: NDArray[np.float32]
    organs: dict[str, NDArray[np.bool_]]
    spacing: tuple[float, float, float] = (3.0, 3.0, 3.0)


def read_nifti(path: Path) -> tuple[NDArray, Grid, StoredOrder]:
    """Return the array of a NIfTI file in the working order, its working grid, and its stored order."""
    image = nibabel.load(path)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    grid = Grid(image.shape, affine)
    order = StoredOrder.of(grid)
    return order.to_working(np.asarray(image.dataobj)), order.working_grid(grid), order


def read_scan(shared: Path) -> Scan:
    """Return the shared scan with its organs."""
    folder = shared / "totalseg"
    hu, _, _ = read_nifti(folder / "ct.nii.gz")
    organs = {
        name: np.ascontiguousarray(read_nifti(folder / "organs" / f"{name}.nii.gz")[0] > 0) for name in ORGANS
    }
    return Scan(np.ascontiguousarray(hu).astype(np.float32), organs)


def plain_volume(hu: NDArray[np.float32], spacing: tuple[float, float, float]) -> Volume:
    """Return a volume on an axial grid."""
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *spacing, 1
    whole = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    return Volume(whole, Grid(whole.shape, affine))


def dressed(scan: Scan, phase: str, seed: int = 0, **more: float) -> Scan:
    """Return the scan as another contrast phase would show it; `more` overrides the rise of an organ."""
    rise = {**DRESS.get(phase, {}), **more}
    hu = scan.hu.copy()
    if rise.get("muscle"):
        rest = ~np.logical_or.reduce(list(scan.organs.values())) & (hu > 0) & (hu < 100)
        hu += rise["muscle"] * ndimage.gaussian_filter(rest.astype(np.float32), 0.5)
    for name, value in rise.items():
        if name in scan.organs:
            soft = scan.organs[name] & (scan.hu > -30)
            hu += value * ndimage.gaussian_filter(soft.astype(np.float32), 0.5)
    if phase in ("portal", "delayed", "arterial"):
        vessels = grow_vessels(scan.organs["liver"], seed)
        excess = {"portal": 45, "delayed": 15, "arterial": 10}[phase]
        hu += excess * ndimage.gaussian_filter(vessels.astype(np.float32), 0.6)
    return Scan(hu, scan.organs, scan.spacing)


def grow_vessels(liver: NDArray[np.bool_], seed: int, count: int = 14) -> NDArray[np.bool_]:
    """Return random winding tubes inside the liver, 6 to 12 mm wide at 3 mm."""
    rng = np.random.default_rng(seed)
    points = np.argwhere(liver)
    centre = points.mean(axis=0)
    tubes = np.zeros_like(liver)
    for _ in range(count):
        target = points[rng.integers(len(points))]
        steps = max(2, int(np.abs(target - centre).max() * 2))
        bend = rng.normal(0, 3, 3)
        path = [centre + (target - centre) * t + bend * np.sin(np.pi * t) for t in np.linspace(0, 0.9, steps)]
        index = np.rint(path).astype(int).clip(0, np.array(liver.shape) - 1)
        tubes[tuple(index.T)] = True
    return ndimage.binary_dilation(tubes) & liver


def with_mass(scan: Scan, place: str, radius_mm: float, value: float) -> Scan:
    """Return the scan with a round mass in the liver at `place`, `value` HU, ragged by noise."""
    liver = scan.organs["liver"]
    points = np.argwhere(liver)
    low, high = points.min(axis=0), points.max(axis=0)
    aims = {
        "lateral": (0.6, 0.55, 0.0),
        "posterior": (0.7, 1.0, 0.3),
        "dome": (1.0, 0.5, 0.3),
        "left": (0.8, 0.1, 0.9),
        "inside": (0.75, 0.5, 0.3),
        "inferior": (0.15, 0.6, 0.05),
    }
    aim = low + np.array(aims[place]) * (high - low)
    centre = points[((points - aim) ** 2).sum(axis=1).argmin()]
    distance = np.sqrt(
        sum((g - c) ** 2 for g, c in zip(np.ogrid[tuple(slice(n) for n in liver.shape)], centre, strict=True))
    )
    wave = ndimage.gaussian_filter(np.random.default_rng(7).normal(size=liver.shape), 4)
    mass = (distance * 3.0 + 8 * wave / wave.std() < radius_mm) & liver
    hu = scan.hu.copy()
    soft = ndimage.gaussian_filter(mass.astype(np.float32), 0.5)
    target = value + (scan.hu - np.median(scan.hu[liver])) * 0.6
    hu = hu * (1 - soft) + target * soft
    return Scan(hu.astype(np.float32), scan.organs, scan.spacing)


def resected(scan: Scan, part: str, fill_hu: float) -> Scan:
    """Return the scan with a part of the liver cut away along a plane and replaced by another tissue."""
    liver = scan.organs["liver"]
    points = np.argwhere(liver)
    low, high = points.min(axis=0), points.max(axis=0)
    k, j, i = (
        ((g - a) / (b - a))
        for g, a, b in zip(np.ogrid[tuple(slice(n) for n in liver.shape)], low, high, strict=True)
    )
    gone = {
        "left": i + 0 * k + 0 * j > 0.55,
        "right_posterior": (j - i) > 0.25,
        "inferior": k + 0.3 * i + 0 * j < 0.45,
    }[part]
    gone = gone & liver
    soft = ndimage.gaussian_filter(gone.astype(np.float32), 0.5)
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 14, liver.shape)
    if fill_hu > -50:  # gut: loops of wall and content with fat and gas between them
        loops = ndimage.gaussian_filter(rng.normal(size=liver.shape), 2.5)
        noise += np.where(
            loops < -0.5 * loops.std(), -95 - fill_hu, np.where(loops > 1.2 * loops.std(), -700, 0)
        )
    hu = scan.hu * (1 - soft) + (fill_hu + noise) * soft
    organs = {**scan.organs, "liver": liver & ~gone}
    return Scan(hu.astype(np.float32), organs, scan.spacing)


def noisier(scan: Scan, sigma: float, seed: int = 1) -> Scan:
    """Return the scan with white noise added, `sigma` in HU at the scan's own spacing."""
    noise = np.random.default_rng(seed).normal(0, sigma, scan.hu.shape)
    return Scan((scan.hu + noise).astype(np.float32), scan.organs, scan.spacing)


def shaded(scan: Scan, slope_hu: float) -> Scan:
    """Return the scan with HU falling from left to right and front to back by `slope_hu` each."""
    _, rows, columns = scan.hu.shape
    ramp = np.linspace(-0.5, 0.5, columns)[None, None, :] - np.linspace(-0.5, 0.5, rows)[None, :, None]
    tissue = scan.hu > -200
    return Scan((scan.hu + slope_hu * ramp * tissue).astype(np.float32), scan.organs, scan.spacing)


def warped(
    scan: Scan, seed: int, amplitude_mm: float = 14.0, stretch: tuple[float, float, float] = (1, 1, 1)
) -> Scan:
    """Return the scan bent smoothly (wavelengths near 100 mm) and stretched along (k, j, i)."""
    rng = np.random.default_rng(seed)
    shape = scan.hu.shape
    coordinates = np.indices(shape, dtype=np.float32)
    for axis in range(3):
        bend = ndimage.gaussian_filter(rng.normal(size=shape).astype(np.float32), 11)
        middle = shape[axis] / 2 if axis else shape[0] - 1
        coordinates[axis] = middle + (coordinates[axis] - middle) / stretch[axis]
        coordinates[axis] += amplitude_mm / 3 / 2 * bend / bend.std()
    # the top keeps its place, where the scan has cut the dome
    hu = ndimage.map_coordinates(scan.hu, coordinates, order=1, mode="nearest")
    organs = {
        name: ndimage.map_coordinates(mask.astype(np.float32), coordinates, order=1, mode="nearest") > 0.5
        for name, mask in scan.organs.items()
    }
    return Scan(hu, organs, scan.spacing)


def resampled(scan: Scan, spacing: tuple[float, float, float], noise_hu: float) -> Scan:
    """Return the scan on another grid, with noise of that grid."""
    shape = tuple(round(n * a / b) for n, a, b in zip(scan.hu.shape, scan.spacing, spacing, strict=True))
    axes = [
        ((np.arange(n) + 0.5) * b / a - 0.5).astype(np.float32)
        for n, a, b in zip(shape, scan.spacing, spacing, strict=True)
    ]

    def sample(array: NDArray) -> NDArray:
        out = array
        for axis, place in enumerate(axes):
            wanted = place.clip(0, array.shape[axis] - 1)
            low = np.floor(wanted).astype(int)
            high = np.minimum(low + 1, array.shape[axis] - 1)
            weight = (wanted - low).reshape([-1 if a == axis else 1 for a in range(3)])
            out = out.take(low, axis) * (1 - weight) + out.take(high, axis) * weight
        return out

    noise = np.random.default_rng(2).normal(0, noise_hu, shape).astype(np.float32)
    hu = sample(scan.hu).astype(np.float32) + noise
    return Scan(hu, {"liver": sample(scan.organs["liver"].astype(np.float32)) > 0.5}, spacing)


def cut(scan: Scan, k: slice = slice(None), j: slice = slice(None), i: slice = slice(None)) -> Scan:
    """Return a part of the scan."""
    return Scan(scan.hu[k, j, i], {name: mask[k, j, i] for name, mask in scan.organs.items()}, scan.spacing)


def make_cases(shared: Path) -> Iterator[Case]:
    """Yield every variant, the scan itself first."""
    scan = read_scan(shared)
    portal, arterial, delayed = (dressed(scan, p) for p in ("portal", "arterial", "delayed"))
    steatotic = dressed(scan, "none", liver=-22)
    top = scan.hu.shape[0]
    recipes: dict[str, Callable[[], Scan]] = {
        "as it is": lambda: scan,
        "portal": lambda: portal,
        "arterial": lambda: arterial,
        "delayed": lambda: delayed,
        "steatosis 22 HU": lambda: steatotic,
        "steatosis 5 HU": lambda: dressed(scan, "none", liver=-40),
        "steatosis portal": lambda: dressed(scan, "portal", liver=25),
        "spleen like liver, delayed": lambda: dressed(scan, "delayed", spleen=40, pancreas=40, stomach=35),
        "noise +20": lambda: noisier(scan, 20),
        "noise +40": lambda: noisier(scan, 40),
        "portal noise +30": lambda: noisier(portal, 30),
        "shading 30": lambda: shaded(scan, 30),
        "portal shading 40": lambda: shaded(portal, 40),
        "dark mass lateral 40 mm, portal": lambda: with_mass(portal, "lateral", 40, 25),
        "dark mass posterior 45 mm, portal": lambda: with_mass(portal, "posterior", 45, 40),
        "dark mass dome 40 mm, arterial": lambda: with_mass(arterial, "dome", 40, 30),
        "dark mass left 30 mm, portal": lambda: with_mass(portal, "left", 30, 30),
        "cyst inside 40 mm, plain": lambda: with_mass(scan, "inside", 40, 5),
        "cyst lateral 50 mm, plain": lambda: with_mass(scan, "lateral", 50, 8),
        "bright mass lateral 40 mm, arterial": lambda: with_mass(arterial, "lateral", 40, 130),
        "bright mass inside 45 mm, steatosis": lambda: with_mass(steatotic, "inside", 45, 55),
        "dark mass inferior 35 mm, portal": lambda: with_mass(portal, "inferior", 35, 45),
        "left resected, gut": lambda: resected(portal, "left", 60),
        "left resected, fat": lambda: resected(scan, "left", -95),
        "right posterior resected, fat": lambda: resected(portal, "right_posterior", -95),
        "right posterior resected, gut": lambda: resected(scan, "right_posterior", 25),
        "inferior resected, gut": lambda: resected(scan, "inferior", 20),
        "dome, 10 slices": lambda: cut(scan, slice(top - 10, top)),
        "dome, 10 slices, arterial": lambda: cut(arterial, slice(top - 10, top)),
        "slab middle, 20 slices": lambda: cut(scan, slice(top - 28, top - 8)),
        "slab low, 20 slices, portal": lambda: cut(portal, slice(top - 40, top - 20)),
        "left cut off": lambda: cut(scan, i=slice(0, 75)),
        "right rim cut off": lambda: cut(portal, i=slice(17, None)),
        "warp 1": lambda: warped(scan, 1),
        "warp 2, portal": lambda: warped(portal, 2),
        "warp 3, arterial": lambda: warped(arterial, 3),
        "warp 4, steatosis": lambda: warped(steatotic, 4),
        "warp 5, delayed": lambda: warped(delayed, 5, 18),
        "small body": lambda: warped(portal, 6, 8, (0.8, 0.72, 0.72)),
        "tall liver": lambda: warped(scan, 7, 8, (1.3, 1.0, 1.0)),
        "0.8 x 0.8 x 1 mm, noise 30": lambda: resampled(cut(portal, slice(60, top)), (1.0, 0.8, 0.8), 30),
        "0.8 x 0.8 x 5 mm, noise 25": lambda: resampled(scan, (5.0, 0.8, 0.8), 25),
        "low dose, steatosis, 5 mm": lambda: resampled(noisier(steatotic, 15), (5.0, 1.4, 1.4), 30),
    }
    for name, make in recipes.items():
        made = make()
        yield Case(name, plain_volume(made.hu, made.spacing), made.organs["liver"])
    yield Case("pelvis only", plain_volume(scan.hu[:55], scan.spacing), None)
    yield Case("thighs and bladder", plain_volume(scan.hu[:30], scan.spacing), None)
