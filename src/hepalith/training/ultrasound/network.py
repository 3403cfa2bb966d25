"""The network that learns bright foci: a small residual U-Net in two dimensions."""

from __future__ import annotations

import itertools
from typing import Any

from hepalith.calcification.ultrasound.network import CHANNELS
from hepalith.training.network import import_torch
from hepalith.training.ultrasound.scene import KINDS

__all__ = ["WIDTHS", "make_sono_network"]

WIDTHS = (24, 40, 56, 80)
"""Channels at a half, a quarter, an eighth and a sixteenth of the grid: 0.4 million parameters, 0.4 billion
products a picture, some ten milliseconds of a core."""

BLOCKS = (1, 1, 1, 2)
"""Residual blocks on the way down, by level."""


def make_sono_network() -> Any:
    """Return a network with random weights: picture (n, `CHANNELS`, sample, line) to logits of `KINDS`.

    Blocks of two by two places become channels at once, so that nothing is worked out at full size; the
    answer has half the samples and lines.
    """
    torch = import_torch()
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        """Two convolutions with a shortcut; the second starts faint."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(width, momentum=0.02)
            self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
            self.last = nn.BatchNorm2d(width, momentum=0.02)
            nn.init.constant_(self.last.weight, 0.25)

        def forward(self, x: Any) -> Any:
            inner = torch.relu(self.norm(self.first(x)))
            return torch.relu(x + self.last(self.second(inner)))

    class Network(nn.Module):  # type: ignore[misc, name-defined]
        """Down three times by strided convolution, up three times by interpolation, joined by addition."""

        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(CHANNELS, WIDTHS[0], 4, stride=2, padding=1)
            self.down = nn.ModuleList(
                nn.Sequential(*(Block(w) for _ in range(n))) for w, n in zip(WIDTHS, BLOCKS, strict=True)
            )
            steps = list(itertools.pairwise(WIDTHS))
            self.reduce = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in steps)
            self.expand = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in steps)
            self.up = nn.ModuleList(Block(w) for w in WIDTHS[:-1])
            self.head = nn.Conv2d(WIDTHS[0], len(KINDS), 1)

        def forward(self, x: Any) -> Any:
            x = torch.relu(self.stem(x))
            kept = []
            for level, blocks in enumerate(self.down):
                x = blocks(x)
                if level < len(self.reduce):
                    kept.append(x)
                    x = self.reduce[level](x)
            for level in reversed(range(len(self.up))):
                wide = nn.functional.interpolate(self.expand[level](x), scale_factor=2.0, mode="nearest")
                x = self.up[level](kept[level] + wide)
            return self.head(x)

    return Network()
