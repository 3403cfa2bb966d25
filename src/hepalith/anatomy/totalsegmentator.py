"""The liver by TotalSegmentator, where that package is installed.

References
----------
Wasserthal J et al. TotalSegmentator: robust segmentation of 104 anatomic structures in CT
images. Radiology: Artificial Intelligence 2023. doi:10.1148/ryai.230024
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from hepalith.errors import MissingExtraError
from hepalith.image.volume import Volume

__all__ = ["import_extra", "segment_liver"]

TASK = "total"
"""The task of TotalSegmentator whose classes hold the liver; licensed Apache-2.0."""
ROI = "liver"
"""The class wanted; asking for it alone saves most of the time."""


def import_extra(module: str, feature: str, extra: str) -> ModuleType:
    """Return an optional module.

    Raises
    ------
    MissingExtraError
        Naming the feature and the extra to install, where the module is absent.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"{feature} needs an extra: pip install 'hepalith[{extra}]'") from error


def to_nifti(volume: Volume) -> nibabel.Nifti1Image:
    """Return the volume as a NIfTI image: axes (i, j, k), affine to RAS."""
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.grid.affine
    affine = ras[:, [2, 1, 0, 3]]
    make: Any = nibabel.Nifti1Image  # its constructor carries no types
    image: nibabel.Nifti1Image = make(volume.hu.transpose(2, 1, 0), affine)
    return image


def segment_liver(volume: Volume) -> NDArray[np.bool_]:
    """Return TotalSegmentator's liver, shape of the volume, in the working order.

    Raises
    ------
    MissingExtraError
        If TotalSegmentator is not installed.
    """
    api = import_extra("totalsegmentator.python_api", "--segmenter totalsegmentator", "totalsegmentator")
    answer = api.totalsegmentator(to_nifti(volume), None, task=TASK, roi_subset=[ROI], ml=True, quiet=True)
    if isinstance(answer, tuple):  # image and statistics
        answer = answer[0]
    labels = np.asarray(answer.dataobj).transpose(2, 1, 0)
    if labels.shape != volume.hu.shape:
        message = f"TotalSegmentator answered on a grid of shape {labels.shape}, not {volume.hu.shape}"
        raise ValueError(message)
    return np.ascontiguousarray(labels > 0)
