"""What the score of an outline says."""

from hepalith.anatomy.quality import EVEN_WEAKNESS, chance_of_good, volume_error


def test_a_sound_outline_is_almost_surely_good_and_a_weak_one_seldom() -> None:
    assert chance_of_good(0.05) > 0.95
    assert chance_of_good(EVEN_WEAKNESS) == 0.5
    assert chance_of_good(0.45) < 0.05


def test_the_weaker_the_outline_the_wider_the_volume_to_a_bound() -> None:
    assert volume_error(0.0) < volume_error(0.3) < volume_error(0.8)
    assert volume_error(5.0) < 0.5
