"""Training of the judge of bright foci: AdamW, cosine decay, averaged weights, one core of a CPU."""

from __future__ import annotations

import copy
import csv
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hepalith.training.network import import_torch
from hepalith.training.ultrasound.appearance import dress
from hepalith.training.ultrasound.network import make_sono_network
from hepalith.training.ultrasound.planes import Planes, load_planes
from hepalith.training.ultrasound.scene import KINDS

__all__ = ["SonoRecipe", "loss_of", "train_sono"]

log = logging.getLogger(__name__)

FOCUSING = 1.5
"""Exponent by which places that are already right lose weight (focal loss, Lin 2017: 0.5 to 5)."""

NAMING = 0.15
"""Weight of telling the classes apart beside telling foci from all else: many walls are too faint to be told
from speckle, and would take all the effort."""

WEIGHT_DECAY, CLIP, AVERAGE = 0.02, 2.0, 0.997
"""As usual for AdamW at this size; largest norm of a gradient; share of the averaged weights a step keeps."""

HELD_OUT = 64
"""Planes, the last of the folder, on which the curve is drawn; never trained on."""


@dataclass(frozen=True, slots=True)
class SonoRecipe:
    """How to train: for so many steps, or so many minutes of the processor if those end first."""

    steps: int = 6000
    minutes: float = 60.0
    batch: int = 8
    rate: float = 2e-3
    warm_up: int = 100
    seed: int = 1
    report_every: int = 100


def train_sono(folder: Path, out: Path, recipe: SonoRecipe, *, start: Path | None = None) -> None:
    """Train on the planes of a folder; write averaged weights and the curve into `out`."""
    torch = import_torch()
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    network = make_sono_network()
    if start is not None:
        network.load_state_dict(torch.load(start, map_location="cpu", weights_only=True))
    network = network.to(memory_format=torch.channels_last).train()
    averaged = copy.deepcopy(network).eval()
    planes = load_planes(folder)
    held = list(_batches(torch, planes, recipe, held_out=True))
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=WEIGHT_DECAY)
    began, total = time.process_time(), 0.0
    with (out / "curve.csv").open("w", newline="", encoding="utf-8") as file:
        curve = csv.writer(file)
        curve.writerow(("step", "minutes", "loss", "held_out_loss", "found", "false"))
        for step, batch in enumerate(_batches(torch, planes, recipe)):
            minutes = (time.process_time() - began) / 60
            progress = max(step / recipe.steps, minutes / recipe.minutes)
            for group in optimiser.param_groups:
                warm = min(1.0, (step + 1) / recipe.warm_up)
                group["lr"] = recipe.rate * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
            picture, kinds, worth = batch
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = network(picture)
            loss = loss_of(torch, logits, kinds, worth)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            if bool(torch.isfinite(norm)):
                optimiser.step()
            _average(torch, averaged, network, min(AVERAGE, (1 + step) / (10 + step)))
            total += float(loss.detach())
            last = step + 1 >= recipe.steps or progress >= 1
            if (step + 1) % recipe.report_every == 0 or last:
                row = (
                    step + 1,
                    round(minutes, 2),
                    total / recipe.report_every,
                    *_measure(torch, averaged, held),
                )
                total = 0.0
                curve.writerow(row)
                file.flush()
                log.info("%s", " ".join(f"{v:.4g}" for v in row))
                torch.save(averaged.state_dict(), out / "averaged.pt")
            if last:
                return


def _batches(torch: Any, planes: Planes, recipe: SonoRecipe, *, held_out: bool = False) -> Iterator[Any]:
    """Yield batches, for ever, or those held out once."""
    rng = np.random.default_rng([recipe.seed, held_out])
    count = len(planes.ranges)
    held = np.arange(count - HELD_OUT, count)
    order: list[int] = list(held) if held_out else []
    while True:
        while len(order) < recipe.batch and not held_out:
            order += rng.permutation(count - HELD_OUT).tolist()
        if not order:
            return
        chosen, order = order[: recipe.batch], order[recipe.batch :]
        made = [dress(planes.levels[n], planes.labels[n], float(planes.ranges[n]), rng) for n in chosen]
        picture, kinds, worth = (torch.from_numpy(np.stack(part)) for part in zip(*made, strict=True))
        yield picture.to(memory_format=torch.channels_last), kinds, worth


def loss_of(torch: Any, logits: Any, kinds: Any, worth: Any) -> Any:
    """Return the focal cross-entropy of focus or not, and a little of all classes; in hundreds of places."""
    log_p = torch.log_softmax(logits.float(), dim=1)
    focus = kinds == KINDS.index("focus")
    others = [n for n, kind in enumerate(KINDS) if kind != "focus"]
    right = torch.where(
        focus, log_p[:, KINDS.index("focus")], torch.logsumexp(log_p[:, others], dim=1)
    ).clamp(max=0.0)
    named = log_p.gather(1, kinds[:, None])[:, 0]
    each = -right * (1 - right.exp()) ** FOCUSING - NAMING * named * (1 - named.exp()) ** FOCUSING
    return (each * worth).sum() / (100.0 * logits.shape[0])


def _average(torch: Any, averaged: Any, network: Any, keep: float) -> None:
    """Move the averaged weights towards the network's."""
    with torch.no_grad():
        for mine, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
            if mine.dtype.is_floating_point:
                mine.lerp_(new, 1 - keep)
            else:
                mine.copy_(new)


def _measure(torch: Any, network: Any, held: list[Any]) -> tuple[float, float, float]:
    """Return the loss on planes held out, the share of focus places found, and false places a picture."""
    focus, total, hit, there, false = KINDS.index("focus"), 0.0, 0, 0, 0
    with torch.no_grad():
        for picture, kinds, worth in held:
            logits = network(picture)
            total += float(loss_of(torch, logits, kinds, worth))
            believed, true = logits.argmax(dim=1) == focus, kinds == focus
            counts = worth > 0
            hit += int((believed & true & counts).sum())
            there += int((true & counts).sum())
            false += int((believed & ~true & counts).sum())
    pictures = sum(len(kinds) for _, kinds, _ in held)
    return total / len(held), hit / max(there, 1), false / pictures
