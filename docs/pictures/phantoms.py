"""Make the sheet of phantoms for the documentation: one slice of twelve studies, through their largest focus.

Run ``python docs/pictures/phantoms.py`` (about two minutes); it writes ``phantoms.png`` beside this file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from hepalith.phantom import PhantomStudy, draw_plan, make_study

HERE = Path(__file__).resolve().parent
FIRST_SEED = 100
ACROSS = 4
WINDOW = (-110.0, 250.0)
SHOWN = (
    ("case:healthy_one_focus", "portal"), ("case:stones", "none"), ("case:haemangioma", "portal"),
    ("case:fibrolamellar", "none"), ("case:metastasis_crc", "portal"), ("case:hydatid_ce4", "none"),
    ("case:alveolar", "portal"), ("case:schistosomiasis", "none"), ("case:tuberculosis", "portal"),
    ("mimic:lipiodol", "arterial"), ("mimic:stent", "portal"), ("morphology:tram_track", "delayed"),
)  # fmt: skip
"""Contents and phase of each study."""


def middle_slice(study: PhantomStudy) -> int:
    """Return the slice through what holds most excess, or through the middle."""
    grid, shown = study.scan.volume.grid, (*study.truth.foci, *study.truth.mimics)
    slices = grid.shape[0]
    if not shown:
        return slices // 2
    largest = max(shown, key=lambda f: f.sampled_excess_hu_mm3)
    return int(np.clip(round(float(grid.to_index(largest.centre_lps_mm)[0])), 0, slices - 1))


def tile(study: PhantomStudy, words: str) -> NDArray[np.uint8]:
    """Return the slice as grey levels, with what it shows written on it."""
    low, high = WINDOW
    hu = study.scan.volume.hu[middle_slice(study)].astype(np.float32)
    picture = Image.fromarray(np.clip((hu - low) / (high - low) * 255, 0, 255).astype(np.uint8))
    ImageDraw.Draw(picture).text((5, 24), words, fill=235)
    return np.asarray(picture)[20:-50]


def main() -> None:
    """Write the sheet."""
    tiles = []
    for number, (contents, phase) in enumerate(SHOWN):
        plan = draw_plan(
            FIRST_SEED + number, contents=contents, phase=phase, slices_mm=(2.5, 2.5), coverage="whole",
            kernel="standard", noise_hu=10.0, matrix=320, arms_down=False,
        )  # fmt: skip
        name = contents.partition(":")[2].replace("_", " ")
        tiles.append(tile(make_study(plan), f"{name}, {'unenhanced' if phase == 'none' else phase}"))
    rows = [np.concatenate(tiles[k : k + ACROSS], axis=1) for k in range(0, len(tiles), ACROSS)]
    Image.fromarray(np.concatenate(rows)).quantize(64).save(HERE / "phantoms.png", optimize=True)


if __name__ == "__main__":
    main()
