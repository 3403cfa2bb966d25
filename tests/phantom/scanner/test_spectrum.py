from __future__ import annotations

import numpy as np
import pytest

from hepalith.phantom.scanner.spectrum import BEAMS, beam_at


def test_tables_agree_with_themselves() -> None:
    for beam in BEAMS:
        assert sum(beam.weights) == pytest.approx(1, abs=2e-4)
        seen = np.array(beam.weights) * np.exp(-np.array(beam.water) * 250)
        assert (seen * beam.water).sum() / seen.sum() == pytest.approx(beam.water_per_mm, rel=0.01)
        titanium = 1000 * ((seen * beam.titanium).sum() / (seen * beam.water).sum() - 1)
        assert titanium == pytest.approx(beam.titanium_hu, rel=0.02)


def test_mineral_reads_short_by_the_stated_fit_at_the_reference_and_shorter_beyond() -> None:
    a0, a1, a2, a3, a4 = beam_at(120.0).bone_error

    def short(w: float, b: float) -> float:
        return b * (a0 + a1 * w + a2 * b + a3 * w * b + a4 * w * w)

    assert abs(short(2.5, 0.1)) < 0.5
    assert short(2.5, 0.6) < -4
    assert short(3.5, 0.6) < short(2.5, 0.6)


def test_beams_between_the_tables_lie_between_and_others_are_refused() -> None:
    assert BEAMS[1].hu_per_mg_ml > beam_at(110.0).hu_per_mg_ml > BEAMS[2].hu_per_mg_ml
    assert beam_at(80.0) is BEAMS[0]
    with pytest.raises(ValueError, match="outside"):
        beam_at(60.0)
