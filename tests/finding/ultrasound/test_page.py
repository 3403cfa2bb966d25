"""What docs/explanation/ultrasound.md says is what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from hepalith.finding import together
from hepalith.finding.ultrasound.duct import HELD_MM
from hepalith.finding.ultrasound.echo import CALCIUM_BY_SHADOW, LEAST_EXPECTED, MISSING
from hepalith.finding.ultrasound.host import NO_HOST
from hepalith.finding.ultrasound.pattern import UNSEEN_LEAST, UNSEEN_OTHERS
from hepalith.finding.ultrasound.ring import DARK_SD, GAP_MM, RIM_MM, SECTORS
from hepalith.finding.ultrasound.scene import USUAL_DEPTH_MM

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/explanation/ultrasound.md").read_text(encoding="utf-8")
WORDS = {12: "twelve"}


@pytest.mark.parametrize("grade", sorted(CALCIUM_BY_SHADOW))
def test_the_page_gives_the_chance_of_calcium(grade: str) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| {grade.replace('_', ' ')} |"))
    assert f"{CALCIUM_BY_SHADOW[grade]:.2f}" in row


def test_the_page_gives_the_numbers_of_the_code() -> None:
    assert f"1 − {MISSING:g} · P(shadow expected)" in PAGE
    assert f"leaves a chance of {UNSEEN_OTHERS:g}" in PAGE
    assert f"down to {UNSEEN_LEAST:g}" in PAGE
    assert f"is said with {NO_HOST:g} at most" in PAGE
    assert f"taken to be {USUAL_DEPTH_MM:g} mm deep" in PAGE
    assert f"or below {LEAST_EXPECTED:g} the" in PAGE
    assert f"between {GAP_MM:g} and {RIM_MM:g} mm is judged in {WORDS[SECTORS]} directions" in PAGE
    assert f"smoothed level lies {DARK_SD:g} standard deviations" in PAGE
    assert f"wider than {HELD_MM:g} mm" in PAGE
    assert f"both are sure ({together.SURE:g})" in PAGE


def test_the_files_that_the_page_names_are_there() -> None:
    assert (ROOT / "src/hepalith/finding/modality.toml").is_file()
    for module in ("ultrasound.describe", "ultrasound.ring", "article_picture", "together"):
        assert f"hepalith.finding.{module}" in PAGE
