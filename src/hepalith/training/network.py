"""The network that is trained: a small residual U-Net in three dimensions.

PyTorch is asked for only when a network is made: it is an extra, for those who train.
"""

from __future__ import annotations

import itertools
from typing import Any

from hepalith.anatomy.network import CHANNELS
from hepalith.anatomy.organs import CLASSES
from hepalith.anatomy.totalsegmentator import import_extra

__all__ = ["WIDTHS", "count_parameters", "import_torch", "make_network"]

WIDTHS = (16, 40, 72, 112)
"""Channels at 6, 12, 24 and 48 mm. Most of the time goes into the finest level, most of the parameters
into the coarsest, where anatomy is decided."""
BLOCKS = (0, 1, 2, 2)
"""Residual blocks on the way down, by level."""
EPSILON = 1e-3
"""Added to the variance that is divided by: a slab of air has none, and its gradient would be divided by
the root of this."""


def import_torch() -> Any:
    """Return PyTorch.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    return import_extra("torch", "training", "training")


def make_network() -> Any:
    """Return a network with random weights: image (1, `CHANNELS`, z, y, x) to logits of `CLASSES`."""
    torch = import_torch()
    nn = torch.nn

    class Norm(nn.Module):  # type: ignore[misc, name-defined]
        """Every channel of every scan to mean 0 and spread 1, then a learned gain and offset.

        For one scan that is what batch normalisation does while training, which PyTorch runs eight times
        as fast in bfloat16 on the CPU as normalisation by groups; for export it is named for what it is.
        """

        def __init__(self, width: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(width))
            self.bias = nn.Parameter(torch.zeros(width))

        def forward(self, x: Any) -> Any:
            if self.training:
                return nn.functional.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, EPSILON)
            return nn.functional.instance_norm(x, None, None, self.weight, self.bias, True, 0.0, EPSILON)

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        """Two convolutions with a shortcut; the second starts faint, so that depth does not hurt at first."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.first = nn.Conv3d(width, width, 3, padding=1, bias=False)
            self.norm = Norm(width)
            self.second = nn.Conv3d(width, width, 3, padding=1, bias=False)
            self.last = Norm(width)
            nn.init.constant_(self.last.weight, 0.25)

        def forward(self, x: Any) -> Any:
            inner = torch.relu(self.norm(self.first(x)))
            return torch.relu(x + self.last(self.second(inner)))

    class Network(nn.Module):  # type: ignore[misc, name-defined]
        """Down three times by strided convolution, up three times by interpolation, joined by addition."""

        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv3d(CHANNELS, WIDTHS[0], 3, padding=1)
            self.down = nn.ModuleList(
                nn.Sequential(*(Block(w) for _ in range(n))) for w, n in zip(WIDTHS, BLOCKS, strict=True)
            )
            steps = list(itertools.pairwise(WIDTHS))
            self.reduce = nn.ModuleList(nn.Conv3d(a, b, 2, stride=2) for a, b in steps)
            self.expand = nn.ModuleList(nn.Conv3d(b, a, 1) for a, b in steps)
            self.up = nn.ModuleList(Block(w) for w in WIDTHS[:-1])
            self.head = nn.Conv3d(WIDTHS[0], len(CLASSES), 1)

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
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


def count_parameters(network: Any) -> int:
    """Return how many numbers are learned."""
    return sum(int(p.numel()) for p in network.parameters())
