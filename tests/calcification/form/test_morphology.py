"""Words for forms follow the definitions by size, and claim nothing below the blur."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hepalith.calcification.form.form import Form
from hepalith.calcification.form.morphology import (
    LONGEST_OVER_SPHERE,
    LUMP,
    describe_morphology,
    load_forms,
    measures_of,
)
from hepalith.vocabulary import Measurement, load_vocabulary

LUMP_FORM = Form(
    caliper_mm=8.0, blurs=6.0, volume_mm3=260.0, contrast_hu=500.0, elongation=1.1, flatness=1.1,
    solidity=0.82, ellipsoid=0.98, slimness=1.4, hollow=0.0, enclosed=0.0, cavities=0, shell_residual=0.26,
    shell_cover=1.0, shell_radius=0.65, shell_empty=0.0, softness=1.3, grains=1, length=0.0, straight=0.9,
    ends=2, loops=0, rays=1, beads=1, necks=0.0,
)  # fmt: skip


def size(value: float, error: float = 0.3) -> tuple[Measurement, Measurement]:
    """Return diameter and volume of a body whose longest diameter is 1.04 times that of its sphere."""
    low, high = max(value - 1.96 * error, 0.05), value + 1.96 * error
    volumes = [math.pi / 6 * (d / LONGEST_OVER_SPHERE) ** 3 for d in (value, low, high)]
    return Measurement(value, "mm", low, high), Measurement(volumes[0], "mm3", volumes[1], volumes[2])


def test_the_table_holds_every_form_that_a_ct_shows() -> None:
    words = {t.id for t in load_vocabulary().of_group("morphology")} - {"pin", "equal_sign", "band", "lump"}
    model = load_forms()
    assert set(model.forms) == words - {"punctate", "nodular"} | {LUMP}
    assert model.measures == tuple(measures_of(LUMP_FORM))
    assert model.means.shape == model.spreads.shape == (len(model.forms), len(model.measures))
    assert (model.spreads > 0).all()
    assert np.linalg.eigvalsh(model.precision).min() > 0
    assert model.source


def test_what_measures_as_a_form_usually_does_is_that_form() -> None:
    model = load_forms()
    for name, mean in zip(model.forms, model.means, strict=True):
        chances = model.probabilities_of(dict(zip(model.measures, mean.tolist(), strict=True)))
        assert max(chances, key=lambda n: chances[n]) == name


def test_a_dot_and_a_nodule_differ_by_size_alone() -> None:
    assert describe_morphology(None, *size(2.5))[0] == "punctate"
    assert describe_morphology(None, *size(4.5))[0] == "nodular"
    assert describe_morphology(LUMP_FORM, *size(8.0))[0] == "nodular"


def test_at_the_limit_a_dot_and_a_nodule_are_equally_likely() -> None:
    _, chances = describe_morphology(None, *size(3.5, 0.5))
    assert chances["punctate"] == pytest.approx(chances["nodular"], rel=0.01)


def test_a_wide_interval_makes_the_word_uncertain() -> None:
    _, sure = describe_morphology(None, *size(2.8, 0.1))
    _, unsure = describe_morphology(None, *size(2.8, 1.5))
    assert sure["punctate"] > 0.98
    assert 0.55 < unsure["punctate"] < 0.75


def test_a_rounded_lump_stays_a_nodule_however_large() -> None:
    large = replace(LUMP_FORM, caliper_mm=25.0, blurs=15.0, volume_mm3=7500.0)
    assert describe_morphology(large, *size(25.0))[0] == "nodular"


def test_an_irregular_lump_is_coarse_only_when_large() -> None:
    model = load_forms()
    usual = dict(zip(model.measures, model.means[model.forms.index("coarse")].tolist(), strict=True))
    irregular = replace(
        LUMP_FORM,
        **{k: math.exp(usual[k]) for k in ("elongation", "flatness", "solidity", "ellipsoid", "slimness")},
        shell_cover=usual["shell_cover"],
        shell_residual=usual["shell_residual"],
        shell_empty=usual["shell_empty"],
        rays=2,
    )
    large, small = (
        describe_morphology(replace(irregular, caliper_mm=d, blurs=8.0), *size(d))[1] for d in (16.0, 7.0)
    )
    assert large["coarse"] > 3 * small["coarse"]
    assert small["nodular"] > small["coarse"]


def test_no_form_is_claimed_below_the_blur() -> None:
    drawn_out = replace(LUMP_FORM, elongation=6.0, slimness=8.0, solidity=0.6, ellipsoid=0.8, shell_cover=0.1)
    clear = describe_morphology(replace(drawn_out, blurs=9.0), *size(14.0))[1]
    blurred = describe_morphology(replace(drawn_out, blurs=2.3), *size(3.0))[1]
    assert clear["nodular"] < 0.2
    assert blurred["nodular"] + blurred["punctate"] > 0.9


def test_probabilities_are_ordered_and_add_up() -> None:
    word, chances = describe_morphology(LUMP_FORM, *size(8.0))
    values = list(chances.values())
    assert values == sorted(values, reverse=True)
    assert next(iter(chances)) == word
    assert sum(values) == pytest.approx(1.0)
