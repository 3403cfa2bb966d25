"""Export: the judge of bright foci as an ONNX file in half precision, checked against what was trained."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hepalith.anatomy.totalsegmentator import import_extra
from hepalith.calcification.ultrasound.network import CHANNELS, GRID
from hepalith.training.export import halve
from hepalith.training.network import import_torch
from hepalith.training.ultrasound.network import make_sono_network

__all__ = ["LARGEST_BYTES", "export_sono"]

LARGEST_BYTES = 2 * 2**20
"""Largest file of weights that goes into the package."""

AGREEMENT = 0.1
"""Largest difference of a logit between the export and the network it was made from: a tenth moves a
probability by 0.025 at most."""


def export_sono(weights: Sequence[Path], out: Path) -> float:
    """Write the network with the mean of several weights to `out`; return the largest difference of a logit.

    Weights of one course of training, after more and fewer steps or other planes, may be averaged: what is
    peculiar to each falls out.

    Raises
    ------
    ValueError
        If the export does not say what the network says, or is too large for the package.
    """
    torch = import_torch()
    onnx = import_extra("onnx", "exporting weights", "training")
    runtime = import_extra("onnxruntime", "exporting weights", "training")
    network = make_sono_network()
    held = [torch.load(path, map_location="cpu", weights_only=True) for path in weights]
    network.load_state_dict(
        {
            name: sum(one[name] for one in held) / len(held) if first.dtype.is_floating_point else first
            for name, first in held[0].items()
        }
    )
    network.eval()
    example = torch.randn(1, CHANNELS, *GRID, generator=torch.Generator().manual_seed(0))
    part = out.with_suffix(".part")
    with warnings.catch_warnings():  # the exporter that needs no further package is told to be the old one
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            str(part),
            input_names=["picture"],
            output_names=["logits"],
            opset_version=17,
            dynamo=False,
        )
    model = onnx.load(str(part))
    halve(onnx, model)
    model.producer_name, model.doc_string = "hepalith", "trained on synthetic sonograms alone"
    onnx.checker.check_model(model)
    part.write_bytes(model.SerializeToString(deterministic=True))
    session = runtime.InferenceSession(str(part), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"picture": example.numpy()})
    with torch.no_grad():
        difference = float(np.abs(found - network(example).numpy()).max())
    if difference > AGREEMENT:
        raise ValueError(f"the export differs from the network by {difference:.3f}")
    if part.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"the weights take {part.stat().st_size} bytes, more than {LARGEST_BYTES}")
    part.replace(out)
    return difference
