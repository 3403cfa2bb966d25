"""Real positive controls: kidney stones, an aortic plaque, a phantom of known masses; and a liver without."""

from pathlib import Path

import pytest
from benchmarks.positive_controls import read_organ, weigh_phantom
from tests.calcification.made_liver import value

from hepalith.vocabulary import Measurement

pytestmark = pytest.mark.real


@pytest.mark.parametrize(("organ", "peak_hu"), [("kidney_left", 980), ("kidney_right", 704)])
def test_kidney_stones_are_calcifications_and_measured(shared_data: Path, organ: str, peak_hu: float) -> None:
    foci = read_organ(shared_data, organ)
    assert max(f.peak_hu.value for f in foci.calcifications) >= peak_hu
    largest = foci.calcifications[0]
    # eleven and nine voxels of 27 mm³ above 200 HU hold more than half of a stone
    assert value(largest.integrated_excess) > 30_000
    assert isinstance(largest.volume, Measurement)


def test_aortic_plaque_is_a_calcification(shared_data: Path) -> None:
    foci = read_organ(shared_data, "aorta")
    assert any(f.peak_hu.value == 713 for f in foci.calcifications)


def test_a_liver_without_calcium_gives_none(shared_data: Path) -> None:
    assert read_organ(shared_data, "liver").calcifications == ()


def test_phantom_inserts_of_four_milligrams_and_more_weigh_what_they_should(shared_data: Path) -> None:
    foci, masses = weigh_phantom(shared_data)
    assert [truth for truth, _ in masses] == [78.5, 39.3, 19.6, 17.0, 8.5, 4.2]
    for truth, mass in masses:
        assert mass.low is not None
        assert mass.high is not None
        assert mass.low <= truth <= mass.high
        assert mass.value == pytest.approx(truth, rel=0.1)
    assert len(foci.calcifications) <= 9  # nine inserts, no more
