"""Finding the liver in a CT, or taking a given one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.capsule import find_depth, share_in_view
from hepalith.anatomy.coarse import Coarse
from hepalith.anatomy.coarsen import coarsen
from hepalith.anatomy.depth import Depth
from hepalith.anatomy.liver import Liver
from hepalith.anatomy.network import find_organs, weights_sha256
from hepalith.anatomy.organs import Organs
from hepalith.anatomy.outline.body import FAT_HU, Body, find_body, find_inside
from hepalith.anatomy.outline.outline import FAT_MEAN_HU, find_outline
from hepalith.anatomy.outline.solid_core import Core, find_core
from hepalith.anatomy.quality import Quality, judge_outline, volume_error
from hepalith.anatomy.segments import find_lobes
from hepalith.anatomy.sharpen import fill_holes, sharpen
from hepalith.anatomy.totalsegmentator import segment_liver
from hepalith.geometry import Box
from hepalith.image.volume import Volume
from hepalith.settings import Settings
from hepalith.vocabulary import Measurement

__all__ = ["find_builtin", "find_liver", "given_liver", "no_liver", "with_organs"]

EMPTY = Box((0, 0, 0), (0, 0, 0))
"""The box of a liver that is not in view."""

GIVEN_ERROR = 0.05
"""Relative 95 % error of the volume of an outline drawn elsewhere: two readers differ by about 5 %. C."""
PATIENT_SHARE = 0.01
"""Least share of fat, air and bone within the skin: a patient shows 10 % and more. Our judgement."""
LEAST_HEIGHT_MM = 36.0
"""Height of a scan below which the network is not asked: it was trained on slabs of 40 mm and more."""
BILE_SEEN, BILE_HU = 0.4, 32.0
"""Network's probability of gallbladder, and HU below which a voxel there is bile (0 to 25 HU, K)."""
REACH_VOXELS = 34
"""Coarse slices above and below the core in which liver is looked for: 100 mm."""


def no_liver(source: str, *reasons: str) -> Liver:
    """Return a liver that is not in view, and why."""
    nothing = np.zeros((0, 0, 0))
    return Liver(
        EMPTY,
        nothing.astype(np.bool_),
        nothing.astype(np.uint8),
        Depth.of(nothing.astype(np.float32)),
        source,
        Measurement(0.0, "mL", 0.0, 0.0),
        0.0,
        0.0,
        reasons,
    )


def find_liver(volume: Volume, settings: Settings) -> Liver:
    """Return the liver found in `volume`; an empty one, with reasons, where none is in view."""
    if settings.segmenter == "totalsegmentator":
        return _liver_of(volume, segment_liver(volume), "totalsegmentator")
    tall = volume.hu.shape[0] * volume.spacing_mm[0] >= LEAST_HEIGHT_MM
    return find_builtin(volume, find_organs(volume) if tall else None)


def find_builtin(volume: Volume, organs: Organs | None) -> Liver:
    """Return the liver by density, shape and place, led by what the network sees where it was asked.

    Where the network sees no liver, densities decide alone; `Liver.weights_sha256` then still tells that
    it was asked.
    """
    coarse = coarsen(volume)
    trunk = Box.around(find_inside(coarse.hu))
    if trunk.is_empty:
        return no_liver("builtin", "no body in the image: no liver in view")
    coarse = coarse.cropped(trunk)
    body = find_body(coarse.hu)
    if np.mean((coarse.hu[body.inside] < FAT_HU) | body.bone[body.inside]) < PATIENT_SHARE:
        return no_liver("builtin", "neither fat nor bone: no liver in view")
    if organs is not None:
        coarse = _without_bile(coarse, organs)
    prior, core = _find_led_core(coarse, body, organs)
    if core is None:
        return no_liver("builtin", "no large even organ right of the midline: no liver in view")
    near = Box.around(core.mask).grown((REACH_VOXELS, 10**6, 10**6), coarse.hu.shape)
    coarse, body, core = coarse.cropped(near), body.cropped(near), core.cropped(near)
    prior = None if prior is None else np.ascontiguousarray(prior[near.slices])
    outline = find_outline(coarse.hu, body, core, prior)
    wide = coarse.box_of(Box.around(outline.mask), volume.hu.shape)
    mask = sharpen(volume, outline.probability, coarse, wide)
    inner = Box.around(mask)
    if inner.is_empty:
        return no_liver("builtin", "no liver in view")
    start = [a + b for a, b in zip(wide.start, inner.start, strict=True)]
    stop = [a + b for a, b in zip(wide.start, inner.stop, strict=True)]
    box = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    mask = fill_holes(np.ascontiguousarray(mask[inner.slices]))
    millilitres = float(np.count_nonzero(mask)) * volume.grid.voxel_mm3 / 1000
    cut = box.start[0] == 0 or box.stop[0] == volume.hu.shape[0]
    quality = judge_outline(coarse.hu, outline, body, millilitres, prior, cut=cut)
    return _assemble(
        volume, box, mask, "builtin", quality, error=volume_error(quality.weakness), organs=organs
    )


def _without_bile(coarse: Coarse, organs: Organs) -> Coarse:
    """Return the coarse copy with the gallbladder painted as fat, so that no outline takes it in.

    The gallbladder is where the network sees it rather than liver and the HU are those of bile; a
    cyst beside it that the network takes for liver is left.
    """
    seen = organs.on(coarse, "gallbladder")
    bile = (seen > BILE_SEEN) & (coarse.hu < BILE_HU) & (seen > organs.on(coarse, "liver"))
    return replace(coarse, hu=np.where(bile, np.float32(FAT_MEAN_HU), coarse.hu))


def _find_led_core(
    coarse: Coarse, body: Body, organs: Organs | None
) -> tuple[NDArray[np.float32] | None, Core | None]:
    """Return the network's liver on the coarse copy and the core in it.

    Where the network was not asked, or sees no liver, the core that the densities show, without it.
    """
    if organs is not None:
        prior = organs.on(coarse, "liver")
        core = find_core(coarse.hu, body, prior)
        if core is not None:
            return prior, core
    return None, find_core(coarse.hu, body)


def _assemble(
    volume: Volume,
    box: Box,
    mask: NDArray[np.bool_],
    source: str,
    quality: Quality,
    *,
    error: float,
    organs: Organs | None = None,
) -> Liver:
    """Return the liver whose mask fills `box`, with all that follows from it."""
    millilitres = float(np.count_nonzero(mask)) * volume.grid.voxel_mm3 / 1000
    liver = Liver(
        box=box,
        mask=mask,
        lobes=np.zeros(mask.shape, dtype=np.uint8),
        depth_mm=find_depth(mask, box, volume),
        source=source,
        volume=Measurement(millilitres, "mL", millilitres * (1 - error), millilitres * (1 + error)),
        in_view=share_in_view(mask, box, volume),
        quality=quality.score,
        quality_reasons=quality.reasons,
        weights_sha256=None if organs is None else weights_sha256(),
        organs=organs,
    )
    return replace(liver, lobes=find_lobes(volume, liver))


def with_organs(volume: Volume, liver: Liver) -> Liver:
    """Return a liver that was drawn elsewhere, with what the network sees of the organs about it."""
    tall = volume.hu.shape[0] * volume.spacing_mm[0] >= LEAST_HEIGHT_MM
    if liver.organs is not None or not liver.is_in_view or not tall:
        return liver
    return replace(liver, organs=find_organs(volume), weights_sha256=weights_sha256())


def given_liver(volume: Volume, mask: NDArray[np.bool_]) -> Liver:
    """Return the liver that a given mask (working order, the volume's shape) draws."""
    return _liver_of(volume, mask, "given")


def _liver_of(volume: Volume, mask: NDArray[np.bool_], source: str) -> Liver:
    """Return the liver of a mask made elsewhere, which is taken as it is."""
    box = Box.around(mask)
    if box.is_empty:
        return no_liver(source, "the mask holds no voxel: no liver in view")
    part = np.ascontiguousarray(mask[box.slices], dtype=np.bool_)
    return _assemble(volume, box, part, source, Quality(1.0, ()), error=GIVEN_ERROR)
