"""The liver of a CT: as masks give it, or as it is found; and what cannot be one refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.find import find_liver, given_liver, with_organs
from hepalith.anatomy.liver import Liver
from hepalith.errors import MaskError, UnreadableFileError, UnsupportedModalityError
from hepalith.geometry import Box
from hepalith.image import AIR_HU, Volume
from hepalith.image.mask import lay_masks
from hepalith.image.noise import estimate_noise
from hepalith.settings import Settings

__all__ = ["liver_noise", "locate_liver"]

FEWEST_MASK_VOXELS = 27
"""Fewest voxels of a given mask: fewer are a slip, and no noise can be measured in them (our judgement)."""

LOWEST_ORGAN_HU = -300.0
"""Median HU below which a given mask lies on lung or air: the fattest liver is above -50 (our judgement)."""

HIGHEST_ORGAN_HU = 700.0
"""Median HU above which an organ is doubted, where nothing lies below water: a lost intercept adds 1,024.

The most enhanced vessels (aorta, 80 kVp) reach some 600 (our judgement).
"""


def locate_liver(volume: Volume, settings: Settings) -> tuple[Volume, Liver]:
    """Return the liver, the masks the user gave or the one that is found, and the volume.

    The volume's warnings then say what is doubtful about the masks.

    Raises
    ------
    UnreadableFileError
        If the image has no numbers (NaN) inside the liver.
    MaskError
        If the masks cannot be those of an organ in this image.
    UnsupportedModalityError
        If the values inside them can be no Hounsfield units.
    """
    if settings.liver_masks:
        laid = lay_masks(settings.liver_masks, volume)
        names = ", ".join(source.path.name for source in settings.liver_masks)
        refuse_no_organ(volume, laid.mask, names)
        volume = replace(volume, warnings=volume.warnings + laid.warnings)
        liver = with_organs(volume, given_liver(volume, laid.mask))
    else:
        liver = find_liver(volume, settings)
    if liver.is_in_view and volume.invalid is not None:
        missing = count_missing(volume.invalid, liver)
        if missing:
            voxels = "voxels hold" if missing > 1 else "voxel holds"
            raise UnreadableFileError(
                f"{missing} {voxels} no number (NaN) in the liver or where it ends: export the image again "
                "without them"
            )
    return volume, liver


def count_missing(invalid: NDArray[np.bool_], liver: Liver) -> int:
    """Return how many voxels without a number lie in the liver or against it.

    What holds no number is taken as air, and the liver that is found ends there: a lost slice would cut it in
    two, and the smaller part would be gone without a word. Between liver and what no scanner measured lies
    the wall of the body.
    """
    inside = np.zeros(invalid.shape, dtype=np.bool_)
    inside[liver.box.slices] = liver.mask
    near = liver.box.grown((1, 1, 1), invalid.shape).slices
    return int(np.count_nonzero(invalid[near] & ndimage.binary_dilation(inside[near])))


def refuse_no_organ(volume: Volume, mask: NDArray[np.bool_], names: str) -> None:
    """Refuse a given mask in which nothing can be judged: a few voxels, air, or values that are no HU.

    Raises
    ------
    MaskError, UnsupportedModalityError
        See `locate_liver`.
    """
    if volume.invalid is not None and volume.invalid[mask].any():
        return  # said by `locate_liver` as what it is
    box = Box.around(mask).slices
    inside = volume.hu[box][mask[box]]
    if inside.size < FEWEST_MASK_VOXELS:
        raise MaskError(
            f"{names}: only {inside.size} voxels of the mask lie in the image; give the whole liver"
        )
    median = float(np.median(inside))
    if median < LOWEST_ORGAN_HU:
        raise MaskError(
            f"{names}: it lies on air or lung (median {median:.0f} HU); give the mask of this examination"
        )
    if median > HIGHEST_ORGAN_HU and not ((volume.hu > AIR_HU) & (volume.hu < 0)).any():
        raise UnsupportedModalityError(
            f"no value lies below 0 and the liver has {median:.0f}: these are not Hounsfield units "
            "(rescale intercept lost?); export the CT again"
        )


def liver_noise(volume: Volume, liver: Liver) -> float | None:
    """Return the noise in the liver, in HU; None where there is none in view."""
    if not liver.is_in_view:
        return None
    return estimate_noise(volume.hu[liver.box.slices], liver.mask, volume.spacing_mm).sd_hu
