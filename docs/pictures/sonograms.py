"""Make the sheet of sonogram phantoms for the documentation.

Run ``python docs/pictures/sonograms.py`` (a few seconds); it writes ``sonograms.png`` beside this file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from hepalith.phantom import SonoPhantom, make_sonogram

HERE = Path(__file__).resolve().parent
ACROSS = 4
TILE_PX = (400, 310)
SHOWN = (
    ("case:hepatolithiasis", 107), ("case:simple_healed", 2), ("case:metastasis_crc", 500),
    ("case:ce_inactive_CE4_5", 501), ("case:ce_active_CE1_3", 502), ("case:schisto_japonica", 400),
    ("case:tb_hepatic", 503), ("case:haemangioma", 413), ("case:pneumobilia_mimic", 109),
    ("mimic:gallstone", 511), ("mimic:stent", 513), ("morphology:rim", 515),
)  # fmt: skip
"""Contents and seed of each picture: development seeds."""


def tile(made: SonoPhantom, words: str) -> NDArray[np.uint8]:
    """Return the picture cropped to its sector, with what it shows written on it."""
    x0, y0, x1, y1 = made.truth.sector.box_px
    picture = Image.fromarray(made.cine.grey[0]).crop((x0, y0, x1 + 1, y1 + 1))
    picture.thumbnail(TILE_PX)
    out = Image.new("L", TILE_PX)
    out.paste(picture, ((TILE_PX[0] - picture.width) // 2, (TILE_PX[1] - picture.height) // 2))
    ImageDraw.Draw(out).text((5, 4), words, fill=235)
    return np.asarray(out)


def main() -> None:
    """Write the sheet."""
    tiles = []
    for contents, seed in SHOWN:
        made = make_sonogram(seed, contents=contents, bare=True)
        tiles.append(tile(made, contents.partition(":")[2].replace("_", " ")))
    rows = [np.concatenate(tiles[k : k + ACROSS], axis=1) for k in range(0, len(tiles), ACROSS)]
    Image.fromarray(np.concatenate(rows)).quantize(64).save(HERE / "sonograms.png", optimize=True)


if __name__ == "__main__":
    main()
