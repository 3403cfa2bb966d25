"""The document holds every key of the contract, in its order, and nothing that JSON cannot say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from hepalith.reading import NOTICE, reading_schema, to_json
from hepalith.reading.document import Document, Quantity

KEYS = """
    schema reading provenance study images series_left liver detectability foci patterns findings differential
    processes contradictions alerts next_tests plan plan_beside gradings
    article_pictures disagreements limits key_pictures comparison corrections accepted summary notice
"""

FOCUS_KEYS = """
    id tracking_uid label probability centroid_lps_mm volume volume_limited_by_resolution diameter
    background_hu mean_hu peak_hu integrated_excess mass score_agatston_convention location morphology
    duct host shadow observations
"""


def said(factories: ModuleType) -> dict[str, Any]:
    return json.loads(to_json(factories.make_reading().document))


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [n for item in value.values() for n in numbers(item)]
    if isinstance(value, list):
        return [n for item in value for n in numbers(item)]
    return [value] if isinstance(value, float) else []


LOCATION_KEYS = (
    "lobe segment segment_probability capsule_distance lobe_probability segment_probabilities"
    " subcapsular_probability periportal"
)
DUCT_KEYS = "relation calibre dilated side bile_around probabilities reason"
HOST_KEYS = "kind diameter position id probabilities reason"


def test_every_key_of_the_contract_is_there_in_its_order(factories: ModuleType) -> None:
    assert list(said(factories)) == KEYS.split()


def test_every_key_of_a_focus_is_there(factories: ModuleType) -> None:
    for focus in said(factories)["foci"]:
        assert set(focus) >= set(FOCUS_KEYS.split())
        assert set(focus["location"]) == set(LOCATION_KEYS.split())
        assert set(focus["duct"]) == set(DUCT_KEYS.split())
        assert set(focus["host"]) == set(HOST_KEYS.split())


def test_what_is_not_built_is_said_to_be_so(factories: ModuleType) -> None:
    document = said(factories)
    for focus in document["foci"]:
        assert focus["duct"]["relation"] == "not_assessable"
        assert focus["duct"]["dilated"] == "unknown"
        assert focus["host"]["kind"] == "not_assessable", 'without contrast "none" is never claimed'
        assert focus["shadow"]["grade"] == "not_assessable"
        assert focus["location"]["segment"] is None
        assert focus["location"]["segment_probability"] is None
        assert focus["mass"] == {"not_assessable": "no calibration given (--hu-per-mg-ml)"}
    assert document["comparison"] is None
    assert document["next_tests"][0]["expected_gain_bits"] is None


def test_a_reading_fits_its_schema(factories: ModuleType) -> None:
    schema = reading_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(said(factories), schema, cls=jsonschema.Draft202012Validator)


def test_the_schema_refuses_a_reading_without_its_differential(factories: ModuleType) -> None:
    document = said(factories)
    del document["differential"]
    with pytest.raises(jsonschema.ValidationError, match="differential"):
        jsonschema.validate(document, reading_schema(), cls=jsonschema.Draft202012Validator)


def test_the_committed_schema_is_current() -> None:
    path = Path(__file__).resolve().parents[2] / "docs" / "reading.schema.json"
    committed = json.loads(path.read_text(encoding="utf-8"))
    assert committed == reading_schema(), "run: hepalith schema reading > docs/reading.schema.json"


def test_floats_carry_six_significant_digits(factories: ModuleType) -> None:
    found = numbers(said(factories))
    assert len(found) > 100
    assert all(float(f"{n:.6g}") == n for n in found)


def test_the_ranking_still_sums_to_one_after_rounding(factories: ModuleType) -> None:
    total = sum(d["probability"] for d in said(factories)["differential"])
    assert abs(total - 1) < 1e-6


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number_is_nan_or_infinite(value: float) -> None:
    with pytest.raises(ValidationError):
        Quantity(value=value, unit="mm")


def test_a_document_is_frozen(factories: ModuleType) -> None:
    document = factories.make_reading().document
    with pytest.raises(ValidationError, match="frozen"):
        document.notice = "cleared"


def test_text_is_utf_8_with_a_newline_at_its_end(factories: ModuleType) -> None:
    text = to_json(factories.make_reading().document)
    assert text.endswith("}\n")
    assert "肝" in text


def test_unknown_keys_are_ignored(factories: ModuleType) -> None:
    document = said(factories)
    document["a_later_key"] = {"of": "a later version"}
    document["foci"][0]["a_later_key"] = 1
    assert Document.model_validate(document) == factories.make_reading().document


def test_the_notice_is_the_contracts(factories: ModuleType) -> None:
    assert said(factories)["notice"] == NOTICE
    assert NOTICE == "research use; not a cleared device; to be confirmed by a physician"
