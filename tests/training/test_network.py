"""The network trains in low precision and is exported as it was trained; needs the extra `training`."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from hepalith.anatomy.network import CHANNELS  # noqa: E402 - after the extra was looked for
from hepalith.anatomy.organs import CLASSES  # noqa: E402 - after the extra was looked for
from hepalith.training.export import LARGEST_BYTES, export  # noqa: E402
from hepalith.training.network import count_parameters, make_network  # noqa: E402
from hepalith.training.train import loss_of  # noqa: E402


def test_the_network_is_small():
    assert 1_500_000 < count_parameters(make_network()) < 2_600_000


def test_low_precision_gives_the_gradients_of_full_precision_at_three_voxels_depth():
    torch.manual_seed(0)
    network = make_network()
    image = torch.randn(1, CHANNELS, 24, 24, 32)
    share = torch.softmax(torch.randn(1, len(CLASSES), 24, 24, 32), dim=1)
    found = []
    for low in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            logits = network(image)
        loss_of(torch, logits, share).backward()
        found.append({n: p.grad.flatten().clone() for n, p in network.named_parameters()})
    for name, full in found[0].items():
        alike = torch.nn.functional.cosine_similarity(full, found[1][name], dim=0)
        assert torch.isfinite(found[1][name]).all(), name
        assert alike > 0.9, name


def test_the_export_says_what_the_network_says_and_fits_the_package(tmp_path):
    torch.manual_seed(1)
    torch.save(make_network().state_dict(), tmp_path / "weights.pt")
    assert export(tmp_path / "weights.pt", tmp_path / "liver.onnx") < 0.01
    assert (tmp_path / "liver.onnx").stat().st_size < LARGEST_BYTES
    assert sorted(p.name for p in tmp_path.iterdir()) == ["liver.onnx", "weights.pt"]


def test_the_loss_is_least_where_the_answer_is_right():
    right = torch.zeros(1, len(CLASSES), 2, 2, 2)
    right[:, 1] = 1
    assert loss_of(torch, 20 * right, right) < 0.05
    assert loss_of(torch, 20 * right.roll(1, dims=1), right) > 1
