"""The form of a focus follows from its geometry, and is not claimed below the blur."""

import dataclasses

import pytest

from hepalith.calcification.appearance import Shape
from hepalith.calcification.morphology import describe_morphology

BLOB = Shape((2.0, 2.0, 2.0), 1.0, 1.0, 0.0, 0, 1.0, 6.0, 0.3)


@pytest.mark.parametrize(
    ("change", "diameter_mm", "form"),
    [
        ({}, 6.0, "nodular"),
        ({"blurs": 1.2}, 1.5, "punctate"),
        ({}, 16.0, "coarse"),
        ({"elongation": 6.0}, 15.0, "linear"),
        ({"flatness": 5.0}, 14.0, "plaque"),
        ({"hollow": 0.5, "fill": 0.3}, 8.0, "rim"),
        ({"hollow": 0.6, "fill": 0.2}, 25.0, "eggshell"),
        ({"branches": 2, "fill": 0.2}, 20.0, "branching"),
    ],
)
def test_form_follows_geometry(change: dict[str, float], diameter_mm: float, form: str) -> None:
    named, probabilities = describe_morphology(dataclasses.replace(BLOB, **change), diameter_mm)  # type: ignore[arg-type]
    assert named == form
    assert sum(probabilities.values()) == pytest.approx(1.0)


def test_no_form_is_claimed_below_the_blur() -> None:
    drawn_out = dataclasses.replace(BLOB, elongation=4.0)
    _, clear = describe_morphology(dataclasses.replace(drawn_out, blurs=8.0), 8.0)
    _, blurred = describe_morphology(dataclasses.replace(drawn_out, blurs=1.0), 8.0)
    assert clear["linear"] > 0.7
    assert blurred["linear"] < 0.3
