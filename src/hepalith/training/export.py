"""Export: the trained weights as an ONNX file in half precision, checked against what was trained."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from hepalith.anatomy.network import CHANNELS
from hepalith.anatomy.totalsegmentator import import_extra
from hepalith.training.network import import_torch, make_network

__all__ = ["LARGEST_BYTES", "export", "halve"]

LARGEST_BYTES = 8 * 2**20
"""Largest file of weights that goes into the package."""

AGREEMENT = 0.02
"""Largest difference of a probability between the export and the network it was made from."""


def export(weights: Path, out: Path) -> float:
    """Write the network with `weights` to `out`; return the largest difference of a probability.

    The numbers are stored in half precision and widened as the file is loaded: sums stay in single precision.

    Raises
    ------
    ValueError
        If the export does not say what the network says, or is too large for the package.
    """
    torch = import_torch()
    onnx = import_extra("onnx", "exporting weights", "training")
    runtime = import_extra("onnxruntime", "exporting weights", "training")
    network = make_network()
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    network.eval()
    example = torch.randn(1, CHANNELS, 24, 32, 40, generator=torch.Generator().manual_seed(0))
    axes = {"image": {2: "z", 3: "y", 4: "x"}, "logits": {2: "z", 3: "y", 4: "x"}}
    part = out.with_suffix(".part")
    with warnings.catch_warnings():  # it is told that every scan is normalised by itself, as is meant
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            str(part),
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    model = onnx.load(str(part))
    halve(onnx, model)
    model.producer_name, model.doc_string = "hepalith", "trained on synthetic livers alone"
    onnx.checker.check_model(model)
    part.write_bytes(model.SerializeToString(deterministic=True))
    session = runtime.InferenceSession(str(part), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": example.numpy()})
    with torch.no_grad():
        wanted = network(example).softmax(dim=1).numpy()
    raised = np.exp(found - found.max(axis=1, keepdims=True))
    difference = float(np.abs(raised / raised.sum(axis=1, keepdims=True) - wanted).max())
    if difference > AGREEMENT:
        raise ValueError(f"the export differs from the network by {difference:.3f}")
    if part.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"the weights take {part.stat().st_size} bytes, more than {LARGEST_BYTES}")
    part.replace(out)
    return difference


def halve(onnx: object, model: object) -> None:
    """Store every large tensor in half precision, with a cast to single precision behind it."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper  # type: ignore[attr-defined]
    graph = model.graph  # type: ignore[attr-defined]
    casts = []
    for tensor in list(graph.initializer):
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < 64:
            continue
        stored = numpy_helper.from_array(array.astype(np.float16), tensor.name + "_half")
        graph.initializer.remove(tensor)
        graph.initializer.append(stored)
        casts.append(helper.make_node("Cast", [stored.name], [tensor.name], to=onnx.TensorProto.FLOAT))  # type: ignore[attr-defined]
    for node in reversed(casts):
        graph.node.insert(0, node)
