"""Training: AdamW, warm-up, cosine decay to zero, averaged weights; on the CPU in bfloat16 or on a GPU.

Notes
-----
bfloat16 on the CPU is 2.5 to 3 times as fast as float32 and its gradients agree (cosine above
0.998), but for one fault: the weight gradient of a 3 x 3 x 3 convolution over a grid *two voxels
deep* is garbage, up to infinite (oneDNN as in PyTorch 2.15): in 66 of 72 shapes tried at that
depth, in every one with a batch, in none of 576 at other depths. A slab of 9 to 16 slices is two
voxels deep after three halvings. So every input is at least three voxels deep at the coarsest level
(`hepalith.anatomy.network.LEAST_SLICES`). Sums over voxels (softmax, Dice) are taken in float32.
"""

from __future__ import annotations

import csv
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hepalith.training.atlas import CLASSES
from hepalith.training.network import import_torch, make_network
from hepalith.training.stream import QUARTERS, Example, make_example, stream_examples

__all__ = ["Recipe", "train"]

log = logging.getLogger(__name__)

LIVER = CLASSES.index("liver")
LIVER_WORTH = 3.0
"""Weight of the liver's Dice beside the mean of the other organs'. Our judgement."""
CLIP = 1.0
"""Largest norm of a gradient."""
WEIGHT_DECAY = 0.02
"""As usual for AdamW at this size."""
HELD_OUT = 16
"""Phantoms, the first of the folder, on which the curve is drawn; never trained on."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    Parameters
    ----------
    steps, minutes
        Length: whichever ends first; the learning rate falls to zero by then.
    rate
        Highest learning rate.
    warm_up
        Steps until it is reached.
    average
        Share of the averaged weights that each step keeps.
    seed, workers, threads, device
        Of the draws; processes that make samples; threads of the network; ``"cpu"`` or ``"cuda"``.
    batch
        Examples of one step, their gradients added.
    """

    steps: int = 6000
    minutes: float = 600.0
    rate: float = 2e-3
    warm_up: int = 150
    average: float = 0.998
    seed: int = 1
    workers: int = 1
    threads: int = 2
    device: str = "cpu"
    batch: int = 1
    report_every: int = 250


def loss_of(torch: Any, logits: Any, share: Any) -> Any:
    """Return cross-entropy plus one minus Dice, of the liver and of the other organs in view."""
    logits = logits.float()
    log_p = torch.log_softmax(logits, dim=1)
    entropy = -(share * log_p).sum(dim=1).mean()
    p = log_p.exp()
    over = (0, 2, 3, 4)
    common, total = (p * share).sum(dim=over), (p + share).sum(dim=over)
    dice = (2 * common + 1) / (total + 1)
    worth = torch.ones_like(dice)
    worth[LIVER] = LIVER_WORTH
    worth[0] = 0.0
    worth = worth * (share.sum(dim=over) > 0)
    worth[LIVER] = LIVER_WORTH  # a slab without liver must show none
    return entropy * 2 + ((1 - dice) * worth).sum() / worth.sum()


def _tensors(torch: Any, example: Example, device: str) -> tuple[Any, Any]:
    """Return an example as tensors of one batch."""
    channels, quarters = example
    image = torch.from_numpy(channels)[None].to(device, memory_format=torch.channels_last_3d)
    share = torch.from_numpy(quarters)[None].to(device).float() / QUARTERS
    return image, share


def _rate_at(recipe: Recipe, step: int, progress: float) -> float:
    """Return the learning rate: linear warm-up, then a cosine to zero."""
    return (
        recipe.rate
        * min(1.0, (step + 1) / recipe.warm_up)
        * 0.5
        * (1 + math.cos(math.pi * min(1.0, progress)))
    )


def _measure(torch: Any, network: Any, paths: Sequence[Path], device: str) -> float:
    """Return the mean liver Dice on phantoms never trained on."""
    scores = []
    for number, path in enumerate(paths):
        image, share = _tensors(torch, make_example(path, (77, number)), device)
        with torch.no_grad(), torch.autocast(device, dtype=torch.bfloat16):
            found = network(image).argmax(dim=1) == LIVER
        truth = share[:, LIVER] > 0.5
        if truth.any():
            scores.append(float(2 * (found & truth).sum() / (found.sum() + truth.sum())))
    return sum(scores) / max(1, len(scores))


def _listed(phantoms: Path) -> list[Path]:
    """Return the maps in a folder, by seed."""
    return sorted(p for p in phantoms.glob("*.npz") if ".part" not in p.name)


def train(phantoms: Path, out: Path, recipe: Recipe, *, start: Path | None = None) -> None:
    """Train on the phantoms' maps in a folder; write averaged weights and the curve into `out`.

    The averaged weights are written at every report, so that there is always something to export.
    """
    torch = import_torch()
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    device = recipe.device
    network = make_network().to(device, memory_format=torch.channels_last_3d)
    if start is not None:
        network.load_state_dict(torch.load(start, map_location=device, weights_only=True))
    averaged = make_network().to(device, memory_format=torch.channels_last_3d)
    averaged.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=WEIGHT_DECAY)
    held = _listed(phantoms)[:HELD_OUT]
    out.mkdir(parents=True, exist_ok=True)
    began, losses, skipped = time.monotonic(), [], 0
    stream = stream_examples(lambda: _listed(phantoms)[HELD_OUT:], recipe.seed, recipe.workers)
    with (out / "curve.csv").open("w", newline="") as file:
        curve = csv.writer(file)
        curve.writerow(("step", "minutes", "rate", "loss", "held_out_dice", "skipped"))
        for step in range(recipe.steps):
            minutes = (time.monotonic() - began) / 60
            progress = max(step / recipe.steps, minutes / recipe.minutes)
            for group in optimiser.param_groups:
                group["lr"] = _rate_at(recipe, step, progress)
            optimiser.zero_grad(set_to_none=True)
            for _ in range(recipe.batch):
                image, share = _tensors(torch, next(stream), device)
                with torch.autocast(device, dtype=torch.bfloat16):
                    logits = network(image)
                loss = loss_of(torch, logits, share)
                (loss / recipe.batch).backward()
                losses.append(float(loss.detach()))
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            if bool(torch.isfinite(norm)):
                optimiser.step()
            else:
                skipped += 1
            keep = min(recipe.average, (1 + step) / (10 + step))
            with torch.no_grad():
                for mean, new in zip(averaged.parameters(), network.parameters(), strict=True):
                    mean.lerp_(new, 1 - keep)
            last = step + 1 == recipe.steps or progress >= 1
            if last or (step + 1) % recipe.report_every == 0:
                score = _measure(torch, averaged, held, device)
                row = (
                    step + 1,
                    f"{minutes:.1f}",
                    f"{group['lr']:.2e}",
                    f"{sum(losses) / len(losses):.4f}",
                    f"{score:.4f}",
                    skipped,
                )
                curve.writerow(row)
                file.flush()
                log.info("step %s, %s min, rate %s, loss %s, held-out liver Dice %s, skipped %s", *row)
                losses.clear()
                torch.save(averaged.state_dict(), out / "averaged.part")
                (out / "averaged.part").replace(out / "averaged.pt")
            if last:
                break
