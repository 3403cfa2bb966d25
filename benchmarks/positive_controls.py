"""Real calcium of known place or known mass: kidney stones, an aortic plaque, a phantom's inserts.

    .venv/bin/python benchmarks/positive_controls.py [--data DIR]

`totalseg`'s kidneys and aorta stand in for the liver; so does the body of the QRM cardiac calcium
phantom, whose hydroxyapatite inserts have stated masses. The phantom is calibrated on itself: the
sum over its three 5 mm inserts gives HU per mg/mL; masses of the 3 mm inserts and of each single
5 mm insert are then predictions. `peer_result.csv` holds another method's masses of such scans.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy import Liver, Phase
from hepalith.anatomy.depth import Depth
from hepalith.calcification import Foci
from hepalith.calcification.ct import find_foci
from hepalith.geometry import Box, Grid, StoredOrder
from hepalith.image import Volume
from hepalith.settings import Settings
from hepalith.study import Acquisition
from hepalith.vocabulary import Measurement

INSERTS_MG = {"high": (78.5, 17.0), "medium": (39.3, 8.5), "low": (19.6, 4.2)}
"""Stated masses of the 5 mm and 3 mm inserts of each density (800, 400, 200 mg/mL)."""

BODY_HU = -60.0
"""HU above which a 3 mm mean is the phantom's body (or its spine and rings, cut off by the opening)."""


def read_nifti(path: Path) -> tuple[NDArray[np.int16], Grid]:
    """Return a NIfTI image in the working order."""
    image = nib.load(path)
    affine = image.affine.copy()
    affine[:2] *= -1  # RAS to LPS
    stored = Grid(image.shape, affine)
    order = StoredOrder.of(stored)
    array = np.rint(np.asanyarray(image.dataobj)).astype(np.int16)
    return np.ascontiguousarray(order.to_working(array)), order.working_grid(stored)


def read_phantom(folder: Path) -> Volume:
    """Return the phantom's CT."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    affine = np.eye(4)
    directions = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, :3] = directions[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    array = np.clip(SimpleITK.GetArrayFromImage(image), -1024, 32000).astype(np.int16)
    return Volume(array, Grid(array.shape, affine))


def phantom_body(volume: Volume) -> NDArray[np.bool_]:
    """Return the soft-tissue cylinder that holds the inserts, without rods, rings and spine.

    The largest round piece of soft tissue after an opening that cuts its stalks, in the slices in
    which it is whole; its bright inserts are filled in. The last slices, where a large calibration
    rod runs along the axis, are left out: slices count while their centre is soft tissue.
    """
    spacing = volume.spacing_mm
    smooth = ndimage.uniform_filter(volume.hu.astype(np.float32), (1, 7, 7))
    soft = smooth > BODY_HU
    radius = round(18.0 / spacing[1])
    body = np.zeros(soft.shape, bool)
    for k in range(soft.shape[0]):
        deep = ndimage.distance_transform_edt(soft[k]) > radius
        labels, count = ndimage.label(deep)
        if count == 0:
            continue
        sizes = np.bincount(labels.ravel())[1:]
        core = labels == 1 + int(sizes.argmax())
        grown = ndimage.distance_transform_edt(~core) <= radius - 4
        body[k] = ndimage.binary_fill_holes(grown)
    area = body.sum(axis=(1, 2)) * spacing[1] * spacing[2]
    whole = area > 0.9 * np.quantile(area[area > 0], 0.9)
    centre = [round(c) for c in ndimage.center_of_mass(body)]
    middle = volume.hu[:, centre[1] - 8 : centre[1] + 9, centre[2] - 8 : centre[2] + 9].mean(axis=(1, 2))
    usual = float(np.median(middle[whole]))
    body[~whole | (np.abs(middle - usual) > 15)] = False
    return body


def as_liver(mask: NDArray[np.bool_], volume: Volume) -> Liver:
    """Return a mask as the liver."""
    box = Box.around(mask)
    part = np.ascontiguousarray(mask[box.slices])
    depth = ndimage.distance_transform_edt(np.pad(part, 1), sampling=volume.spacing_mm)[1:-1, 1:-1, 1:-1]
    size = float(part.sum()) * volume.grid.voxel_mm3 / 1000
    return Liver(
        box,
        part,
        np.zeros(part.shape, np.uint8),
        Depth.of(depth.astype(np.float32)),
        "given",
        Measurement(size, "mL"),
        1.0,
        1.0,
    )


def read_organ(data: Path, organ: str) -> Foci:
    """Return the foci of a `totalseg` organ given as the liver."""
    hu, grid = read_nifti(data / "totalseg" / "ct.nii.gz")
    mask, _ = read_nifti(data / "totalseg" / "organs" / f"{organ}.nii.gz")
    volume = Volume(hu, grid)
    return find_foci(volume, as_liver(mask > 0, volume), Phase("none", 0.9), Acquisition(), Settings())


def weigh_phantom(data: Path) -> tuple[Foci, list[tuple[float, Measurement]]]:
    """Return the phantom's foci, and for each insert of 4.2 mg and more its truth and its mass."""
    volume = read_phantom(data / "qrm_phantom" / "dicom")
    foci = find_foci(
        volume,
        as_liver(phantom_body(volume), volume),
        Phase("none", 0.95),
        Acquisition(slice_thickness_mm=3.0, kernel="FC12"),
        Settings(),
    )
    ranked = sorted(foci.calcifications, key=lambda f: -_value(f.integrated_excess))
    truths = sorted((m for pair in INSERTS_MG.values() for m in pair), reverse=True)
    large = [m for m, _ in INSERTS_MG.values()]
    total = sum(_value(f.integrated_excess) for f in ranked[:3])
    hu_per_mg_ml = total / sum(large) / 1000
    pairs = []
    for truth, focus in zip(truths, ranked, strict=False):
        excess = focus.integrated_excess
        assert isinstance(excess, Measurement)
        low, high = (e / 1000 / hu_per_mg_ml for e in (excess.low or 0.0, excess.high or 0.0))
        pairs.append((truth, Measurement(excess.value / 1000 / hu_per_mg_ml, "mg", low, high)))
    return foci, pairs


def peer_masses(path: Path) -> dict[float, tuple[float, float]]:
    """Return mean and spread of another method's masses on this scanner's scans, by true mass."""
    found: dict[float, list[float]] = {}
    for row in csv.DictReader(path.read_text().splitlines()):
        if row["vender"].startswith("Canon") and row["scan"].startswith("Large"):
            for size in ("large", "medium"):
                truth = float(row[f"ground_truth_mass_{size}"])
                found.setdefault(truth, []).append(float(row[f"calculated_mass_{size}"]))
    return {truth: (float(np.mean(v)), float(np.std(v, ddof=1))) for truth, v in found.items()}


def _value(quantity: object) -> float:
    assert isinstance(quantity, Measurement)
    return quantity.value


def main(data: Path) -> None:
    """Print both tables."""
    print("organ         label            peak HU  excess HU·mm³ [95 %]              volume mm³")
    for organ in ("kidney_left", "kidney_right", "aorta", "liver"):
        foci = read_organ(data, organ)
        for focus in foci.foci:
            excess = focus.integrated_excess
            assert isinstance(excess, Measurement)
            print(
                f"{organ:13s} {focus.label:16s} {focus.peak_hu.value:6.0f}  {excess.value:8.0f} "
                f"[{excess.low:8.0f}, {excess.high:8.0f}]  {_value(focus.volume):8.1f} "
                f"p={focus.probability:.2f}"
            )
        print(f"{organ:13s} {len(foci.calcifications)} calcifications of {len(foci.foci)} foci")
    foci, pairs = weigh_phantom(data)
    peers = peer_masses(data / "qrm_phantom" / "peer_result.csv")
    print("\nQRM phantom: true mg, ours [95 %], error; the peer's mean and SD over five scans")
    for truth, mass in pairs:
        peer, spread = peers[truth]
        held = "in " if (mass.low or 0) <= truth <= (mass.high or 0) else "OUT"
        print(
            f"{truth:6.1f}  {mass.value:6.2f} [{mass.low:6.2f}, {mass.high:6.2f}] {held} "
            f"{100 * (mass.value / truth - 1):+5.1f} %   "
            f"peer {peer:6.2f} ± {spread:.2f} ({100 * (peer / truth - 1):+.0f} %)"
        )
    print(f"{len(foci.calcifications)} calcifications of {len(foci.foci)} foci; {foci.detectability.why}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default)
    main(parser.parse_args().data)
