"""Foci of known place, size and shadow put into a real still, along its own beams.

The still's grey levels are taken as the logarithm of the echo's power. On the beams of its own sector the
power behind each body is multiplied by what the body leaves of the sound (`cast`,
with an assumed transducer); the body's own echo, and the reverberation of gas, are added with speckle as
fine as the still's; and the difference, laid back onto the screen, is added to the picture. Where nothing
was put, every pixel stays as it was.

The scale of the still is not known: it is assumed from the depth that livers are scanned with, and the
truth says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from hepalith.errors import MaskError, UsageError
from hepalith.image.beam import Sector
from hepalith.image.cine import Cine
from hepalith.phantom.ultrasound.cast import Cast, cast_of, slice_share
from hepalith.phantom.ultrasound.entry import SonoPhantom, entry_of, label_bodies, spot_of
from hepalith.phantom.ultrasound.probe import TO_SIGMA, BeamSpace, Probe, beam_space
from hepalith.phantom.ultrasound.render import Echoed
from hepalith.phantom.ultrasound.screen import Screen, screen_map
from hepalith.phantom.ultrasound.shadow import SPECKLE_SD_DB
from hepalith.phantom.ultrasound.shape import Array
from hepalith.phantom.ultrasound.simple import calcified_body, gas_body
from hepalith.phantom.ultrasound.truth import TISSUES, SonoTruth
from hepalith.study.sonography import Sonography

__all__ = ["StillRecipe", "implant_into_still", "polygon_mask"]

DEPTHS_MM = (120.0, 180.0)
"""Depths that livers are scanned with, from which the scale of a still is drawn. Our judgement."""


@dataclass(frozen=True, slots=True)
class StillRecipe:
    """What is put into a still.

    `count` bodies (``None``: one to four, drawn; 0: a still with nothing put in). `depth_mm` of the picture,
    `dynamic_range_db` and `frequency_mhz` are drawn where ``None``. `gas` is the share of bodies that are
    gas (a mimic, dirty shadow or comet tail) rather than calcium.
    """

    count: int | None = None
    depth_mm: float | None = None
    dynamic_range_db: float | None = None
    frequency_mhz: float | None = None
    sizes_mm: tuple[float, float] = (2.0, 12.0)
    gas: float = 0.15


def polygon_mask(
    polygon_px: Sequence[Sequence[float]] | NDArray[np.bool_], shape_px: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return the pixels (row, column) in a polygon of (x, y) points; a mask is returned as it is.

    Raises
    ------
    MaskError
        If the mask has another size than the still, or nothing lies in the polygon.
    """
    if isinstance(polygon_px, np.ndarray) and polygon_px.dtype == np.bool_:
        if polygon_px.shape != shape_px:
            raise MaskError(
                f"the mask has {polygon_px.shape} pixels, the still {shape_px}; give one of its size"
            )
        mask = polygon_px
    else:
        canvas = Image.new("L", (shape_px[1], shape_px[0]))
        points = [(float(p[0]), float(p[1])) for p in polygon_px]
        if len(points) < 3:
            raise MaskError(f"a polygon of {len(points)} points holds nothing; give three points or more")
        ImageDraw.Draw(canvas).polygon(points, fill=1)
        mask = np.asarray(canvas, dtype=bool)
    if not mask.any():
        raise MaskError("nothing of the still lies in the polygon; points are [x, y] in pixels of the still")
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """A still on its beams: `grey`, its smooth `level`, where it is `usable`.

    `fine` is the point spread (samples, lines), `coarse` the same as its texture shows it, `flat` how much
    smoother its speckle is than a single look's (1: not at all).
    """

    space: BeamSpace
    screen: Screen
    grey: Array
    level: Array
    per_db: float
    black: float
    fine: tuple[float, float]
    coarse: tuple[float, float]
    flat: float
    usable: NDArray[np.bool_]


def implant_into_still(
    cine: Cine,
    sector: Sector,
    polygon_px: Sequence[Sequence[float]] | NDArray[np.bool_],
    seed: int,
    *,
    recipe: StillRecipe | None = None,
    frame: int = 0,
) -> SonoPhantom:
    """Put foci with their shadows into a real still.

    Parameters
    ----------
    cine
        The still.
    sector
        Its outline on the screen.
    polygon_px
        The liver: points (x, y) in pixels, or a mask (row, column).
    seed
        Draws everything.
    recipe
        What is put in; ``None``: one to four bodies, drawn.
    frame
        Frame of a loop that is taken as the still.

    Raises
    ------
    MaskError
        If the polygon holds nothing of the picture.
    """
    recipe = recipe or StillRecipe()
    rng = np.random.default_rng([0x06, seed])
    shape = cine.shape_px
    mask = polygon_mask(polygon_px, shape)
    ground = _ground(cine.grey[frame], sector, mask, rng, recipe)
    wanted = int(rng.integers(1, 5)) if recipe.count is None else recipe.count
    casts: list[Cast] = []
    for _ in range(wanted):
        cast = _draw_cast(ground, casts, rng, recipe)
        if cast is not None:
            casts.append(cast)
    casts = [_scaled(cast, ground) for cast in casts]
    grey, echoed = _put(ground, casts, rng)
    mapped = screen_map(ground.space, ground.screen)
    drawn = cine.grey[frame].astype(np.float32) + mapped.draw(grey - ground.grey)
    picture = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
    labels = label_bodies([c.body for c in casts], ground.screen, mapped.inside)
    tissue = np.where(mask, TISSUES["liver"], 0).astype(np.uint8)
    entries = tuple(
        entry_of(c, echoed, ground.space, casts, (spot_of(c.body, ground.screen, labels),)) for c in casts
    )
    probe = ground.space.probe
    truth = SonoTruth(
        kind="implant",
        seed=seed,
        version=version("hepalith"),
        contents="implant" if entries else "nothing",
        diagnosis="",
        frames=1,
        shape_px=shape,
        mm_per_px=ground.screen.mm_per_px,
        mm_assumed=True,
        sector=sector,
        sonography=Sonography(
            frequency_mhz=probe.frequency_mhz, depth_mm=probe.depth_mm, focus_mm=probe.focus_mm
        ),
        foci=tuple(e for e in entries if e.label == "calcification"),
        mimics=tuple(e for e in entries if e.label != "calcification"),
        header={"mm_per_px": list(cine.mm_per_px) if cine.mm_per_px else None},
        notes=(
            f"The still's scale is not known; {ground.screen.mm_per_px:.3f} mm a pixel is assumed.",
            "What the still itself holds (its own bright foci, vessels, masses) is not in this truth.",
        ),
    )
    made = replace(
        cine, grey=picture[None], kind="still", name=f"implant-{seed}.png", sha256="", sop_instance_uid=""
    )
    return SonoPhantom(made, truth, labels, tissue)


def _ground(
    grey: NDArray[np.uint8],
    sector: Sector,
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    recipe: StillRecipe,
) -> _Ground:
    """Lay a still onto the beams of its sector, on an assumed scale."""
    if sector.far_px - sector.near_px < 50:
        raise UsageError("the outline of the still's picture is too small to put foci into")
    depth = recipe.depth_mm or float(rng.uniform(*DEPTHS_MM))
    mm = depth / (sector.far_px - sector.near_px)
    fan = sector.shape == "fan" and sector.apex_px is not None
    half = max(abs(sector.from_angle), abs(sector.to_angle), 0.05)
    x0, y0, x1, _ = sector.box_px
    middle = sector.apex_px[0] if sector.apex_px is not None else (x0 + x1) / 2
    face = (sector.apex_px[1] + sector.near_px) if sector.apex_px is not None else float(y0)
    probe = Probe(
        shape="curved" if fan else "linear",
        frequency_mhz=recipe.frequency_mhz or float(rng.uniform(2.8, 4.5)),
        depth_mm=depth,
        focus_mm=(float(rng.uniform(0.4, 0.65)) * depth,),
        radius_mm=max(sector.near_px * mm, 1.0),
        half_angle=half,
        half_width_mm=(x1 - x0) / 2 * mm,
        dynamic_range_db=recipe.dynamic_range_db or float(rng.uniform(50, 70)),
        step_mm=max(0.2, mm / 2),
    )
    space = beam_space(probe)
    screen = Screen((grey.shape[0], grey.shape[1]), mm, (middle, face))
    rows, columns = space.z / mm + face, space.x / mm + middle
    levels = ndimage.map_coordinates(grey.astype(np.float32), [rows, columns], order=1, mode="constant")
    usable = ndimage.map_coordinates(mask.astype(np.float32), [rows, columns], order=1) > 0.5
    if not usable.any():
        raise MaskError("the polygon lies outside the still's picture")
    weight = np.maximum(ndimage.gaussian_filter(usable.astype(np.float32), (15, 6)), 1e-3)
    level = ndimage.gaussian_filter(np.where(usable, levels, 0).astype(np.float32), (15, 6)) / weight
    per_db = 255 / probe.dynamic_range_db
    black = float(np.percentile(grey[mask | (grey > 0)], 1))
    rest = np.where(usable, levels - level, 0)
    coarse = _fineness(rest, usable)
    flat = float(np.clip(rest[usable].std() / per_db / SPECKLE_SD_DB, 0.2, 1.0))
    fine = _held(coarse, usable, space)
    return _Ground(space, screen, levels, np.asarray(level), per_db, black, fine, coarse, flat, usable)


def _fineness(rest: Array, usable: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the standard deviation of the still's point spread along and across the beams (samples, lines).

    The autocorrelation of log-compressed speckle falls to a half at about half the point spread's full width
    at half maximum, in either direction.
    """
    widths = []
    for axis, most in ((0, 16), (1, 12)):
        ahead, behind = [slice(None), slice(None)], [slice(None), slice(None)]
        whole = float((rest[usable] ** 2).mean()) + 1e-6
        last, width = 1.0, float(most)
        for lag in range(1, most):
            ahead[axis], behind[axis] = slice(lag, None), slice(None, -lag)
            both = usable[tuple(ahead)] & usable[tuple(behind)]
            now = float((rest[tuple(ahead)] * rest[tuple(behind)])[both].mean()) / whole
            if now < 0.5:
                width = lag - 1 + (last - 0.5) / max(last - now, 1e-6)
                break
            last = now
        widths.append(max(2 * width / 2.355, 0.6))
    return widths[0], widths[1]


def _held(widths: tuple[float, float], usable: NDArray[np.bool_], space: BeamSpace) -> tuple[float, float]:
    """Return widths no wider than a point spread can be.

    Streaky tissue is longer than any point spread: what the assumed transducer would draw at the liver's
    middle depth, and a third more, is the most.
    """
    probe = space.probe
    at = int(np.median(np.nonzero(usable)[0]))
    depth = float(space.depth[at, 0])
    most_along = 1.33 * probe.pulse_length_mm() * TO_SIGMA / probe.step_mm
    most_across = 1.33 * float(probe.point_width_mm(depth)) * TO_SIGMA / float(space.across[at, 0])
    return min(widths[0], most_along), min(widths[1], most_across)


def _draw_cast(
    ground: _Ground, others: Sequence[Cast], rng: np.random.Generator, recipe: StillRecipe
) -> Cast | None:
    """Draw a body and a free place in ordinary liver for it; ``None`` where none is found."""
    space = ground.space
    number = len(others) + 1
    low, high = (math.log(v) for v in recipe.sizes_mm)
    size = math.exp(float(rng.uniform(low, high)))
    median = float(np.median(ground.grey[ground.usable]))
    spread = float(ground.level[ground.usable].std()) + 4.0
    deep = np.nonzero(ground.usable)
    for _ in range(200):
        pick = int(rng.integers(deep[0].size))
        s, w = int(deep[0][pick]), int(deep[1][pick])
        x, z = float(space.x[s, w]), float(space.z[s, w])
        reach_s = int((size / 2 + 4) / space.probe.step_mm)
        reach_w = int((size / 2 + 4) / float(space.across[s, 0])) + 1
        if (
            s < reach_s + 5
            or s + reach_s + 30 > space.shape[0]
            or w < reach_w
            or w + reach_w >= space.shape[1]
        ):
            continue
        around = np.s_[s - reach_s : s + reach_s, w - reach_w : w + reach_w]
        if not ground.usable[around].all() or abs(float(ground.level[s, w]) - median) > 1.2 * spread:
            continue
        if float(ground.grey[around].max()) > median + 70 or median * 0.35 > float(
            ground.level[around].min()
        ):
            continue
        if any(_near(x, z, size, other) for other in others):
            continue
        if rng.random() < recipe.gas:
            body = gas_body(rng, number, x, z, max(size, 2.5))
        else:
            body = calcified_body(rng, number, x, z, size)
        return cast_of(body, space)
    return None


def _near(x: float, z: float, size: float, other: Cast) -> bool:
    """Return whether a spot is too near another body or stands in its shadow."""
    x0, z0, x1, z1 = other.body.shape.bounds()
    ox, oz = (x0 + x1) / 2, (z0 + z1) / 2
    room = (size + other.body.diameter_mm) / 2 + 7
    return math.hypot(x - ox, z - oz) < room or abs(x - ox) < room * 0.7


def _level_at(cast: Cast, ground: _Ground) -> float:
    """Return the power of the tissue that a body lies in."""
    level = ground.level[cast.rows, cast.lines][cast.cover > 0.3 * cast.cover.max()].mean()
    return float(10 ** (float(level) / (10 * ground.per_db)))


def _scaled(cast: Cast, ground: _Ground) -> Cast:
    """Return a body's cast with its reverberation against the tissue that it lies in."""
    level = np.float32(_level_at(cast, ground))
    haze = None if cast.haze is None else cast.haze * level
    tail = None if cast.tail is None else cast.tail * np.sqrt(level)
    return replace(cast, haze=haze, tail=tail)


def _put(ground: _Ground, casts: Sequence[Cast], rng: np.random.Generator) -> tuple[Array, Echoed]:
    """Return the still's grey with the bodies in it, and the expected powers."""
    space, per_db = ground.space, ground.per_db
    power = 10 ** (ground.grey / (10 * per_db))
    smooth = 10 ** (ndimage.gaussian_filter(ground.grey, (3, 2)) / (10 * per_db))
    floor = np.full(space.shape, 10 ** (ground.black / (10 * per_db)), dtype=np.float32)
    kept = np.ones(space.shape, dtype=np.float32)
    for cast in casts:
        kept = kept * cast.kept
    rough = np.zeros(space.shape, dtype=np.float32)
    even, haze, tails = np.zeros_like(rough), np.zeros_like(rough), np.zeros_like(rough)
    for cast in casts:
        body, block = cast.body, (cast.rows, cast.lines)
        depth = float(space.depth[min(cast.back, space.shape[0] - 1), 0])
        echo = 10 ** (body.level_db / 20) * math.sqrt(
            slice_share(body, float(space.probe.slice_width_mm(depth)))
        )
        level = _level_at(cast, ground)
        rough[block] += cast.cover * np.float32(echo * math.sqrt(level * (1 - body.coherent**2)))
        even[block] += cast.cover * np.float32(echo * math.sqrt(level) * body.coherent)
        haze += 0 if cast.haze is None else cast.haze
        tails += 0 if cast.tail is None else cast.tail
    field = _speckled(rough, even, ground.fine, rng)
    texture = np.abs(_speckled(np.ones_like(rough), np.zeros_like(rough), ground.coarse, rng))
    added = np.asarray(np.abs(field) ** 2 + haze * texture ** (2 * ground.flat) + tails**2, dtype=np.float32)
    weak = np.maximum(power - floor, 0) * kept**2 + np.minimum(power, floor)
    grey = 10 * per_db * np.log10(np.maximum(weak + added, 1))
    grey = np.where(_touched(kept, added), np.minimum(grey, 255), ground.grey)
    expected = np.maximum(smooth - floor, 0) * kept**2 + floor + rough**2 + even**2 + haze + tails**2
    echoed = Echoed(
        np.asarray(grey / per_db, dtype=np.float32),
        np.asarray(expected, dtype=np.float32),
        np.asarray(np.maximum(smooth - floor, 0), dtype=np.float32),
        floor,
        np.full((space.shape[0], 1), ground.black / per_db, dtype=np.float32),
    )
    return np.asarray(grey, dtype=np.float32), echoed


def _touched(kept: Array, added: Array) -> NDArray[np.bool_]:
    """Return where bodies change anything that a grey level could show."""
    return (kept < 0.995) | (added > 1e-3)


def _speckled(
    rough: Array, even: Array, fine: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.complex64]:
    """Return an echo, part of it speckle (`rough`, its amplitude), part smooth (`even`), spread by `fine`."""
    pair = rng.standard_normal((2, *rough.shape), dtype=np.float32) * np.float32(math.sqrt(0.5))
    norm = math.sqrt(4 * math.pi * fine[0] * fine[1])

    def spread(values: Array) -> Array:
        return np.asarray(ndimage.gaussian_filter(values, fine, truncate=3.0), dtype=np.float32)

    field = spread(rough * pair[0]) * norm + spread(even) + 1j * spread(rough * pair[1]) * norm
    return field.astype(np.complex64)
