from __future__ import annotations

from pathlib import Path

import pytest
from tests.evaluation.made_records import body, study, true

from hepalith.cli import evaluate
from hepalith.cli.main import main
from hepalith.errors import MissingExtraError
from hepalith.evaluation.record import StudyRecord
from hepalith.evaluation.run import Order
from hepalith.evaluation.ultrasound.record import SonoRecord
from hepalith.evaluation.ultrasound.run import SonoOrder


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    """What was ordered; a study made by hand is handed over."""
    given: list[Order] = []

    def run(order: Order, out: Path, progress: object) -> tuple[StudyRecord, ...]:
        assert callable(progress)
        out.mkdir(parents=True, exist_ok=True)
        given.append(order)
        return (study(1_000_000, (true(1),), (body(1, true(1)),)),)

    monkeypatch.setattr(evaluate, "run_order", run)
    return given


def test_the_page_is_written_beside_the_lines(tmp_path: Path, orders: list[Order]) -> None:
    out = tmp_path / "out"
    line = ["evaluate", "--set", "spheres", "--split", "test", "--seed", "3", "--count", "2", "--jobs", "1"]
    assert main([*line, "--no-plots", "--out", str(out)]) == 0
    assert orders == [Order("spheres", "test", 2, 3, 1)]
    assert "## Set spheres" in (out / evaluate.PAGE).read_text(encoding="utf-8")


def test_without_matplotlib_the_tables_come_with_a_line_that_says_so(
    tmp_path: Path, orders: list[Order], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking(*_: object) -> None:
        raise MissingExtraError("plots need matplotlib")

    monkeypatch.setattr(evaluate, "draw_plots", lacking)
    assert main(["evaluate", "--out", str(tmp_path / "out")]) == 0
    assert orders[0].split == "development"
    assert "no plots: plots need matplotlib" in capsys.readouterr().out


@pytest.mark.usefixtures("orders")
def test_nothing_to_read_is_a_wrong_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--count", "0", "--out", str(tmp_path / "out")]) == 2
    assert "--count 0" in capsys.readouterr().err


def test_ultrasound_has_its_own_sets_and_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[SonoOrder] = []

    def run(order: SonoOrder, out: Path, _: object) -> tuple[SonoRecord, ...]:
        out.mkdir(parents=True, exist_ok=True)
        given.append(order)
        return (SonoRecord("phantoms-0", 0, "development", "phantoms", "f", "case:normal"),)

    monkeypatch.setattr(evaluate, "run_sono_order", run)
    out = tmp_path / "out"
    assert main(["evaluate", "--modality", "US", "--count", "1", "--jobs", "1", "--out", str(out)]) == 0
    assert given == [SonoOrder("phantoms", "development", 1, 0, 1)]
    assert "## Set phantoms of ultrasound" in (out / evaluate.PAGE).read_text(encoding="utf-8")
    for wrong in (["--modality", "US", "--set", "spheres"], ["--set", "loops"]):
        assert main(["evaluate", *wrong, "--out", str(out)]) == 2
        assert "--set" in capsys.readouterr().err
