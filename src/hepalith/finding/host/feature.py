"""What else is seen of a lesion: where its calcium lies, scars, daughters, fat, gas, satellites."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import edt
import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.lesion.field import SPACING_MM
from hepalith.anatomy.lesion.lesion import Lesion
from hepalith.finding.host.kind import rise

__all__ = ["features_of", "position_of"]

THROUGHOUT_SHARE = 0.5
"""Calcium whose extent reaches this share of the lesion's diameter lies throughout it, unless all of it is
at the edge. Our judgement."""

CENTRAL_DEPTH = 0.45
"""Calcium deeper than this share of the lesion's depth lies in its centre. Our judgement."""

SCAR_HU = 8.0
"""By how much the middle of a solid lesion is darker than the rest where a scar is as likely as not."""

DAUGHTERS = 2
"""Fewest separate dark places in a cyst that are called daughters."""

VESICLES = 3
"""Fewest separate dark places in an infiltrate that are called small cysts."""

SATELLITE_MM = 30.0
"""How far about a lesion smaller ones are its satellites."""

GAS_SHARE = 0.003
"""Share of a lesion that is gas at which it is as likely as not real: 1 voxel in 300."""

FAT_SHARE = 0.05
"""Share of fat at which it is as likely as not real."""


def position_of(lesion: Lesion, cells: NDArray[np.intp]) -> str:
    """Return where in a lesion calcium lies, from the voxels of the copy that it touches, shape (n, 3)."""
    region = lesion.region
    depth = edt.edt(np.pad(region.body, 1), anisotropy=(SPACING_MM,) * 3)[1:-1, 1:-1, 1:-1]
    at = cells - np.asarray(region.start)
    inside = ((at >= 0) & (at < region.body.shape)).all(axis=1)
    found = np.zeros(len(cells), np.float32)
    found[inside] = depth[tuple(at[inside].T)]
    share = found / max(float(depth.max()), 1e-3)
    extent = float(np.linalg.norm(np.ptp(cells, axis=0) + 1)) * SPACING_MM
    if np.percentile(share, 80) < CENTRAL_DEPTH:
        return "peripheral"
    if extent > THROUGHOUT_SHARE * lesion.diameter_mm or np.percentile(share, 20) < CENTRAL_DEPTH / 2:
        return "throughout"
    return "central" if float(np.median(share)) >= CENTRAL_DEPTH else "peripheral"


def features_of(lesion: Lesion, kinds: Mapping[str, float], others: Sequence[Lesion]) -> Mapping[str, float]:
    """Return the probability of each further finding of a lesion."""
    watery = kinds["fluid"] + kinds["mixed"]
    near = [
        o
        for o in others
        if o.volume_ml < lesion.volume_ml
        and math.dist(o.centre_lps_mm, lesion.centre_lps_mm)
        < (o.diameter_mm + lesion.diameter_mm) / 2 + SATELLITE_MM
    ]
    scar = kinds["solid"] * rise(-lesion.central_hu, SCAR_HU, 1.5) * rise(lesion.diameter_mm, 30.0, 3.0)
    return MappingProxyType(
        {
            "central_scar": scar,
            "satellite_lesions": 0.9 if near else 0.05,
            "daughter_cysts": watery * rise(lesion.pools, DAUGHTERS - 0.5, 0.3),
            "microcystic_areas": kinds["infiltrative"] * rise(lesion.pools, VESICLES - 0.5, 0.4),
            "fat_attenuation": rise(lesion.fat_share, FAT_SHARE, 0.012),
            "gas_in_lesion": rise(lesion.gas_share, GAS_SHARE, 0.0008),
        }
    )
