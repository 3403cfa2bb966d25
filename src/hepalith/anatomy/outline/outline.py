"""The outline: from the core to the whole liver, by local HU, place, and a random walk."""

from __future__ import annotations

from dataclasses import dataclass, replace

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import SPACING_MM, smooth
from hepalith.anatomy.outline.attached import drop_neighbours, open_ball
from hepalith.anatomy.outline.body import Body
from hepalith.anatomy.outline.border import place_border
from hepalith.anatomy.outline.dense import add_dense
from hepalith.anatomy.outline.diaphragm import find_ceiling
from hepalith.anatomy.outline.field import average_within, diffuse_within, keep_touching
from hepalith.anatomy.outline.masses import add_masses
from hepalith.anatomy.outline.solid_core import Core, depth_within
from hepalith.anatomy.outline.spine import Spine, doubt_by_spine, find_spine
from hepalith.anatomy.outline.walk import walk

__all__ = ["Outline", "find_outline"]

FAT_MEAN_HU = -100
"""HU of fat. K."""
LIVER_PART = 0.58
"""Share of liver in a voxel, the rest fat, from which it is liver. Half by volume; readers and networks
draw a little tighter, as the shared scan's outline does."""
WALL_SLOPE_MM = 1.5
"""Millimetres into the wall per unit of log odds taken from liver: the face is good to about 3 mm."""
HELD = 0.95
"""Probability of liver given to a dense body that the liver holds: whatever it measures."""
LUNG_LEVEL_HU = -150
"""A voxel shared with lung is liver above this. Midway would be -370, but the diaphragm, 2-4 mm of
muscle, lies between, and belongs to no organ; on the shared scan this level agrees best."""
THIN_MM = 12.0
"""Parts thinner than this at the end are no liver, but for its sharp edges, which are kept by a rim."""
GROWTH = ((9.0, 200.0), (6.0, 200.0), (6.0, 60.0), (6.0, 60.0), (4.0, 30.0), (4.0, 30.0))
"""Steps of growth: least depth inside the local HU band, and farthest distance from what is known, in
mm. Thick parts first; thin ones only near by, since muscle and gut are as thin. Our judgement."""
EDGE_SPREADS = 2.5
"""Edges of more than this many spreads of the core's HU are kept when noise is evened out."""
DIFFUSION_STEPS = 14
"""Steps of evening out: a blur of two voxels, 6 mm, in even tissue."""
GROWTH_STEPS, MOST_REACH_HU = 5.0, 18.0
"""Likewise while growing: this part of the contrast, at most so many HU."""
REACH_SPREADS, REACH_HU = 2.5, 2.0
"""The liver grows through tissue within this many spreads, and HU, of what it measures near by."""
TOLERANCE_SPREADS, TOLERANCE_HU = 1.0, 0.7
"""Standard deviation of liver about its local HU, in spreads of the core, and HU on top."""
OTHERS_DENSITY = 1 / 80
"""Density, per HU, of tissue that is not liver: spread over -20 to 100 HU."""
WALK_SPREADS = 1.5
"""An HU edge that the random walk seldom crosses, in spreads."""
TRUST = 0.14
"""Weight of the leaning in the random walk: it reaches over about sqrt(1 / TRUST) voxels, 8 mm."""
REGROW_SHARE = 0.04
"""From this share of masses on, the liver is grown once more, from what lies beyond them too."""
MUSCLE_HU = 55.0
"""HU of muscle where no wall is in view. K."""
CONTRAST_STEPS = 8.0
"""Where the liver stands out from muscle, an HU off by this part of the contrast still counts as liver's
own unevenness. Our judgement."""
CEILING_SLACK = 2.5
"""Voxels by which liver may rise above the diaphragm as filled in under the heart, before it is doubted."""
HALF = 0.5
"""The same share where the border is placed by what lies on both sides."""
AIR_REACH = 2
"""Voxels from air within which a dark voxel is taken to be shared with air rather than fat."""

PRIOR_NEVER = 0.03
"""Where the network gives liver less than this, nothing grows."""
PRIOR_SURE, PRIOR_DEEP_MM = 0.9, 12.0
"""From this probability on, and this deep in what the network takes for liver, a voxel is liver
whatever it measures: masses, cysts, vessels, fat spared or held."""
PRIOR_BLUR = 3.0
"""Voxels by which the network's probability is blurred first, 9 mm: nearer to its border than that, one and
a half voxels of its own grid, it must not argue with the densities."""
PRIOR_WALL, LED_WALL_MM = 0.6, 3.0
"""Where the network gives liver more than the first, the face of the wall is taken to lie outside of it by
the second: under the heart neither lung nor rib shows where the face runs, and it was 10 to 40 mm off."""
PRIOR_WORTH = 0.7
"""Weight of the network's log odds beside those of the HU, which are held within 3: they are not
independent. Our judgement, chosen among about six settings of this, of blur and of depth on eight variants
of the shared scan: figures on those variants are optimistic for it."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The liver on the coarse grid.

    `probability` of each voxel; `mask` where it is taken for liver; `local_hu` what liver
    would measure there, `spread_hu` how far it strays once noise is evened out, and
    `core_spread_hu` before; `mass_share` is the share of the mask that was added as masses.
    """

    probability: NDArray[np.float32]
    mask: NDArray[np.bool_]
    local_hu: NDArray[np.float32]
    spread_hu: float
    core_spread_hu: float
    mass_share: float


def find_tissue(
    hu: NDArray[np.float32], body: Body, liver_hu: float, part: float = LIVER_PART
) -> NDArray[np.bool_]:
    """Return the voxels of which this part at least is soft tissue, given what liver measures.

    A voxel shared half and half with fat measures midway between liver and fat; shared with
    lung, midway between liver and lung, which is far darker: a border with lung drawn at the
    level for fat would lose a third of a voxel all over the dome.
    """
    air = ndimage.binary_dilation(body.lung | body.gas, iterations=AIR_REACH)
    light = smooth(hu, 0.5)
    level = np.where(air, LUNG_LEVEL_HU, part * liver_hu + (1 - part) * FAT_MEAN_HU)
    return np.asarray(body.inside & ~body.lung & ~body.gas & (light > level), dtype=np.bool_)


def quieten(hu: NDArray[np.float32], tissue: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return HU averaged within `tissue` only; its outer layer takes the value of what lies behind it.

    The outer layer shares its voxels with fat or lung; judged by its own HU it would be lost.
    """
    inner = ndimage.binary_erosion(tissue, border_value=1)
    inside, weight = average_within(hu, inner, 0.8)
    whole, support = average_within(hu, tissue, 0.8)
    quiet = np.where(weight > 0.04, inside, np.where(support > 0.04, whole, hu))
    return quiet.astype(np.float32)


def find_outline(
    hu: NDArray[np.float32], body: Body, core: Core, prior: NDArray[np.float32] | None = None
) -> Outline:
    """Return the liver grown from its core.

    A `prior` probability of liver, from the network, says where it may grow, which seeds are sure, and
    leans the random walk; where the border runs is still read from the scan's own densities.
    """
    if prior is not None:
        led = np.where(prior > PRIOR_WALL, np.maximum(body.wall_depth_mm, LED_WALL_MM), body.wall_depth_mm)
        body = replace(body, wall_depth_mm=led.astype(np.float32))
    tissue = find_tissue(hu, body, core.mean_hu)
    quiet = quieten(hu, tissue)
    bone = body.bone.copy()
    for k in range(bone.shape[0]):
        bone[k] = ndimage.binary_fill_holes(ndimage.binary_closing(bone[k], iterations=2))
    never = ~tissue | (bone & (body.wall_depth_mm < 10))
    if prior is not None:
        never |= smooth(prior, PRIOR_BLUR) < PRIOR_NEVER
    even = diffuse_within(quiet, ~never, EDGE_SPREADS * core.spread_hu, DIFFUSION_STEPS)
    off = (even - average_within(even, core.mask, 6.0)[0])[core.mask]
    spread = max(1.5, 1.48 * float(np.median(np.abs(off))))
    contrast = abs(core.mean_hu - _muscle_hu(quiet, tissue, body))
    reach_hu = max(REACH_SPREADS * spread + REACH_HU, min(contrast / GROWTH_STEPS, MOST_REACH_HU))
    spine = find_spine(body)
    doubt = _doubt_by_place(body, spine)
    held = np.zeros(hu.shape, dtype=np.bool_)
    start, mass_share = core.mask, 0.0
    for _ in range(2):
        grown, local = _grow(even, never, body, start, held, mean_hu=core.mean_hu, reach_hu=reach_hu)
        tolerance = max(TOLERANCE_SPREADS * spread + TOLERANCE_HU, contrast / CONTRAST_STEPS)
        z = np.where(held, 0, (even - local) / tolerance)
        likelihood = np.log((np.exp(-0.5 * z * z) + 0.01) / spread) - np.log(OTHERS_DENSITY)
        distance = edt.edt(~grown, anisotropy=(SPACING_MM,) * 3, parallel=2)
        place = -np.clip((distance - 9) / 6, 0, 4) - doubt
        if prior is not None:
            place = place + PRIOR_WORTH * _log_odds(smooth(prior, PRIOR_BLUR))
        leaning = 1 / (1 + np.exp(-(np.clip(likelihood, -3, 3) + place)))
        seeds = np.zeros(hu.shape, np.int8)
        seeds[never | (distance > 45) | (body.wall_depth_mm < -9)] = -1
        seeds[(core.mask & (np.abs(z) < 2)) | held] = 1
        if prior is not None:
            seeds[(depth_within(prior > 0.5) > PRIOR_DEEP_MM) & tissue & (prior > PRIOR_SURE)] = 1
        edge_hu = WALK_SPREADS * spread
        probability = walk(
            even, seeds, leaning.astype(np.float32), never & ~held, edge_hu=edge_hu, trust=TRUST
        )
        opened = open_ball(probability > 0.5, THIN_MM) | core.mask
        mask = keep_touching(opened, core.mask, every=prior is not None)
        plain = drop_neighbours(mask, core.mask, body, spine, prior)
        mask = add_masses(hu, plain, body)
        held |= mask & ~plain
        mass_share = int((held & mask).sum()) / max(1, int(mask.sum()))
        start = mask
        if mass_share < REGROW_SHARE:
            break
    probability = _on_its_side(probability, mask)
    probability = place_border(hu, find_tissue(hu, body, core.mean_hu, HALF), body, mask, probability)
    mask = keep_touching(probability > 0.5, core.mask, every=prior is not None)
    whole = add_dense(hu, mask, local)
    probability = np.where(whole & ~mask, np.float32(HELD), _on_its_side(probability, mask))
    return Outline(probability, whole, local, spread, core.spread_hu, mass_share)


def _on_its_side(probability: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the probability, above one half in `mask` and below it elsewhere."""
    sided: NDArray[np.float32] = np.where(mask, np.maximum(probability, 0.51), np.minimum(probability, 0.49))
    return sided


def _log_odds(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log odds, bounded: the network is never taken to be surer than 50 to 1."""
    p = np.clip(probability, 0.02, 0.98)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float32)


def _doubt_by_place(body: Body, spine: Spine | None) -> NDArray[np.float32]:
    """Return the log odds to take from liver within the wall, before the spine, above the diaphragm."""
    shape = (body.inside.shape[0], body.inside.shape[1], body.inside.shape[2])
    doubt = -np.clip((body.wall_depth_mm + 1) / WALL_SLOPE_MM, -4, 0)
    if spine is not None:
        doubt = doubt + doubt_by_spine(spine, shape)
    ceiling = find_ceiling(body)
    if ceiling is not None:
        above = np.arange(shape[0])[:, None, None] - ceiling[None]
        doubt = doubt + np.clip((above - CEILING_SLACK) / 1.5, 0, 4)
    return np.asarray(doubt, dtype=np.float32)


def _muscle_hu(quiet: NDArray[np.float32], tissue: NDArray[np.bool_], body: Body) -> float:
    """Return the HU of muscle in the wall: what most neighbours of the liver measure, or less."""
    wall = tissue & ~body.bone & (body.wall_depth_mm < -4) & (body.wall_depth_mm > -16)
    return float(np.median(quiet[wall])) if wall.any() else MUSCLE_HU


def _grow(
    even: NDArray[np.float32],
    never: NDArray[np.bool_],
    body: Body,
    start: NDArray[np.bool_],
    held: NDArray[np.bool_],
    *,
    mean_hu: float,
    reach_hu: float,
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return `start` grown through ever thinner tissue of its local HU, and that HU everywhere.

    `held` are masses: growth passes through them, but their HU is not the liver's.
    """
    mask = start
    local = np.full(even.shape, mean_hu, np.float32)
    for least_mm, reach_mm in GROWTH:
        near, weight = average_within(even, mask & ~held, 5.0)
        far, support = average_within(even, mask & ~held, 20.0)
        share = np.clip(weight / 0.1, 0, 1)
        local = share * near + (1 - share) * np.where(support > 1e-4, far, mean_hu)
        band = ((np.abs(even - local) < reach_hu) & ~never & (body.wall_depth_mm > -3)) | held
        reach = edt.edt(~mask, anisotropy=(SPACING_MM,) * 3, parallel=2)
        mask = keep_touching((depth_within(band) > least_mm) & (reach < reach_mm), start, every=True) | mask
    return mask, local.astype(np.float32)
