"""The ultrasound pictures that a reading keeps: identity hidden, foci and liver laid onto the screen.

Only frames that show a focus best, and the one that shows most, are kept: a long loop gives one picture.
The maps of the folder lie on the primary image's grid, (frame, row, column), its key frame labelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.track.look import Look
from hepalith.geometry import Box, Grid, StoredOrder
from hepalith.image.overlay_identity import hide_identity
from hepalith.reading.ct_maps import narrowed
from hepalith.reading.examination import UltrasoundImage, UltrasoundRead
from hepalith.reading.reading import KeyPicture, Maps
from hepalith.reading.sonogram_document import KeyPictureEntry

__all__ = ["OTHER_FOCI", "OTHER_PICTURES", "key_picture_entries", "key_pictures", "sonogram_maps", "stacked"]

MOST_PICTURES = 24
"""Pictures kept beside the primary one: those with foci first. A sheet of 24 is a whole examination's worth
(guidelines ask for some 10 to 20 liver views); each is about 0.2 MB. Our judgement."""

PRIMARY_PICTURE = "liver_box.nii.gz"
"""Grey levels of the picture that the maps lie on, where no CT was read."""

OTHER_PICTURES = "key_pictures.nii.gz"
"""Grey levels of the further key pictures, one plane each, padded with 0 to the largest."""

OTHER_FOCI = "key_foci.nii.gz"
"""Labels of the foci on the same planes."""

DUCTS = ("duct",)
"""Dark bodies that the map of ducts shows: what is a tube and not told apart stays out."""

HOSTS = ("lesion", "cyst")
"""Dark bodies that the map of lesions shows."""


def key_pictures(read: UltrasoundRead) -> tuple[KeyPicture, ...]:
    """Return the pictures to keep, the primary one first; no other frame leaves the input."""
    looks = read.sighted.looks
    if not looks:
        return ()
    wanted = {(f.observations[0].image, f.observations[0].frame) for f in read.sighted.foci.foci}
    first = (looks[0].image, looks[0].frame)
    frames = dict.fromkeys([first, *((k.image, k.frame) for k in looks if (k.image, k.frame) in wanted)])
    images = {image.id: image for image in read.images}
    return tuple(_keep(images[name], frame, read) for name, frame in list(frames)[: MOST_PICTURES + 1])


def _keep(image: UltrasoundImage, frame: int, read: UltrasoundRead) -> KeyPicture:
    """Return one frame with its foci and its liver, everything that may name somebody blackened."""
    foci = np.zeros(image.cine.shape_px, dtype=np.int32)
    liver = np.zeros(image.cine.shape_px, dtype=np.bool_)
    for look, labels in zip(read.sighted.looks, read.sighted.labels, strict=True):
        if (look.image, look.frame) == (image.id, frame):
            foci = np.where(labels > 0, labels, foci)
            liver |= on_screen(look, look.sonogram.liver) > 0
    return KeyPicture(image.id, frame, hide_identity(image.frame(frame), image.pictures)[0], foci, liver)


def on_screen(look: Look, beams: NDArray[Any]) -> NDArray[np.int32]:
    """Return labels of the beam grid on the screen, 0 outside of the picture."""
    screen = look.picture.to_screen(beams.astype(np.int32))
    return np.asarray(np.rint(screen), dtype=np.int32)


def sonogram_maps(read: UltrasoundRead, pictures: Sequence[KeyPicture]) -> Maps:
    """Return the maps of an examination of ultrasound alone, on the grid of its primary image."""
    image = read.primary
    grid = screen_grid(image)
    if not pictures:
        nothing = Box((0, 0, 0), (0, 0, 0))
        empty = np.zeros((0, 0, 0), dtype=np.int16)
        return Maps(grid, StoredOrder(), nothing, empty, empty.astype(np.bool_), empty.astype(np.int32))
    first, *others = pictures
    rows, columns = image.cine.shape_px
    return Maps(
        grid,
        StoredOrder(),
        Box((first.frame, 0, 0), (first.frame + 1, rows, columns)),
        first.grey[None].astype(np.int16),
        first.liver[None],
        narrowed(first.foci)[None],
        ducts=_bodies(read, first, DUCTS)[None],
        hosts=_bodies(read, first, HOSTS)[None],
        others=tuple(others),
    )


def screen_grid(image: UltrasoundImage) -> Grid:
    """Return the grid of a loop's frames; where a pixel has no size, one counts as 1 mm in the file."""
    height, width = image.cine.mm_per_px or (1.0, 1.0)
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = 1.0, height, width, 1.0
    return Grid(image.shape, affine)


def _bodies(read: UltrasoundRead, picture: KeyPicture, kinds: Sequence[str]) -> NDArray[Any]:
    """Return the dark bodies of some kinds on the screen of the key picture, label = their id."""
    screen = np.zeros(picture.grey.shape, dtype=np.int32)
    for look in read.sighted.looks:
        if (look.image, look.frame) == (picture.image, picture.frame):
            wanted = [body.id for body in look.sonogram.bodies if body.kind in kinds]
            drawn = np.where(np.isin(look.sonogram.dark, wanted), look.sonogram.dark, 0)
            screen = np.maximum(screen, on_screen(look, drawn))
    return narrowed(screen)


def key_picture_entries(maps: Maps, pictures: Sequence[KeyPicture]) -> tuple[KeyPictureEntry, ...]:
    """Return which frame each kept picture is, and in which file and plane it stands."""
    beside = {id(kept): plane for plane, kept in enumerate(maps.others)}
    return tuple(
        KeyPictureEntry(image=kept.image, frame=kept.frame, file=OTHER_PICTURES, plane=beside[id(kept)])
        if id(kept) in beside
        else KeyPictureEntry(image=kept.image, frame=kept.frame, file=PRIMARY_PICTURE)
        for kept in pictures
    )


def stacked(maps: Maps) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """Return grey levels and foci of the further key pictures as planes of one size, padded with 0."""
    rows = max(kept.grey.shape[0] for kept in maps.others)
    columns = max(kept.grey.shape[1] for kept in maps.others)
    grey = np.zeros((len(maps.others), rows, columns), dtype=np.int16)
    foci = np.zeros(grey.shape, dtype=np.int32)
    for plane, kept in enumerate(maps.others):
        height, width = kept.grey.shape
        grey[plane, :height, :width] = kept.grey
        foci[plane, :height, :width] = kept.foci
    return grey, foci
