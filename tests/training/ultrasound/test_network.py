"""The judge of bright foci trains in low precision and is exported as trained; needs the extra `training`."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from hepalith.calcification.ultrasound.network import CHANNELS, GRID  # noqa: E402 - after the extra was looked for
from hepalith.training.network import count_parameters  # noqa: E402
from hepalith.training.ultrasound.export import LARGEST_BYTES, export_sono  # noqa: E402
from hepalith.training.ultrasound.network import make_sono_network  # noqa: E402
from hepalith.training.ultrasound.planes import simulate_planes  # noqa: E402
from hepalith.training.ultrasound.scene import KINDS  # noqa: E402
from hepalith.training.ultrasound.train import SonoRecipe, loss_of, train_sono  # noqa: E402


def test_the_network_is_small():
    assert 100_000 < count_parameters(make_sono_network()) < 500_000


def test_low_precision_gives_the_gradients_of_full_precision():
    torch.manual_seed(0)
    network = make_sono_network()
    picture = torch.randn(2, CHANNELS, *GRID)
    kinds = torch.randint(0, len(KINDS), (2, GRID[0] // 2, GRID[1] // 2))
    found = []
    for low in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            logits = network(picture)
        loss_of(torch, logits, kinds, torch.ones(kinds.shape)).backward()
        found.append({n: p.grad.flatten().clone() for n, p in network.named_parameters()})
    for name, full in found[0].items():
        assert torch.isfinite(found[1][name]).all(), name
        if full.norm() > 1e-4:
            assert torch.nn.functional.cosine_similarity(full, found[1][name], dim=0) > 0.9, name


def test_the_export_says_what_the_network_says_and_fits_the_package(tmp_path):
    torch.manual_seed(1)
    torch.save(make_sono_network().state_dict(), tmp_path / "weights.pt")
    assert export_sono([tmp_path / "weights.pt"] * 2, tmp_path / "foci.onnx") < 0.01
    assert (tmp_path / "foci.onnx").stat().st_size < LARGEST_BYTES
    assert sorted(p.name for p in tmp_path.iterdir()) == ["foci.onnx", "weights.pt"]


def test_the_loss_is_least_where_the_answer_is_right_and_places_without_worth_do_not_count():
    kinds = torch.tensor([[[0, 1], [2, 3]]])
    right = torch.nn.functional.one_hot(kinds, len(KINDS)).permute(0, 3, 1, 2).float() * 20
    worth = torch.ones(kinds.shape)
    assert loss_of(torch, right, kinds, worth) < 1e-3
    assert loss_of(torch, right.roll(1, dims=1), kinds, worth) > 0.1
    assert loss_of(torch, right.roll(1, dims=1), kinds, 0 * worth) == 0


@pytest.mark.slow
def test_a_few_steps_lower_the_loss_and_leave_weights_and_a_curve(tmp_path):
    simulate_planes(tmp_path / "planes", 70, 500)
    train_sono(
        tmp_path / "planes", tmp_path / "run", SonoRecipe(steps=24, batch=2, report_every=8, warm_up=2)
    )
    rows = (tmp_path / "run" / "curve.csv").read_text().splitlines()[1:]
    losses = [float(row.split(",")[2]) for row in rows]
    assert losses[-1] < losses[0]
    assert (tmp_path / "run" / "averaged.pt").exists()
