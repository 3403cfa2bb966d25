"""What keeps a focus company is said with it; what else is seen is said once."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType, ModuleType

import numpy as np
import pytest

from hepalith.calcification.focus import BESIDE_REASON
from hepalith.finding import Finding, Subject
from hepalith.finding.description import Description
from hepalith.finding.duct.duct import DuctRelation
from hepalith.finding.host.host import HostRelation, Hosts
from hepalith.finding.place import Place
from hepalith.geometry import Box
from hepalith.reading import Document
from hepalith.reading.company import around_texts, company_texts, place_text
from hepalith.reading.document import Unassessed
from hepalith.vocabulary import Measurement, NotAssessable, State

LUMEN = DuctRelation(
    "in_lumen",
    MappingProxyType({"in_lumen": 0.9, "in_wall": 0.1}),
    Measurement(6.2, "mm", 5.0, 7.4),
    State.PRESENT,
    "upstream",
)
CYST = HostRelation(
    "fluid",
    1,
    Measurement(43.0, "mm", 40.0, 46.0),
    "peripheral",
    0.93,
    "fluid in its shell",
    MappingProxyType({"fluid": 0.93, "none": 0.07}),
)
NONE = HostRelation("not_assessable", 0, NotAssessable("why"), "", 0.5, "why")


def seen(**changes: object) -> Description:
    nothing = Box((0, 0, 0), (0, 0, 0))
    hosts = Hosts((), MappingProxyType({1: CYST, 2: NONE}), (), nothing, np.zeros((0, 0, 0), np.uint8))
    place = Place("right", 0.98, "VII", 0.824)
    described = Description((), (), MappingProxyType({1: place}), MappingProxyType({1: LUMEN}), hosts)
    return replace(described, **changes)  # type: ignore[arg-type]


@pytest.fixture
def document(factories: ModuleType) -> Document:
    made: Document = factories.make_reading(seen=seen()).document
    return made


def test_a_segment_is_said_with_its_lobe(document: Document) -> None:
    assert place_text(document.foci[0], "en") == "right lobe, segment VII (82 %)"
    assert place_text(document.foci[0], "zh") == "肝右叶VII段（82%）"


def test_a_stone_in_a_dilated_duct_is_said_to_be_there(document: Document) -> None:
    duct = company_texts(document.foci[0], "en")[0]
    assert duct == "in the lumen of a bile duct (duct 6.2 mm (5–7.4), dilated upstream, 90 %)"


def test_a_host_is_said_with_its_size_and_where_the_calcium_lies(document: Document) -> None:
    host = company_texts(document.foci[0], "en")[1]
    assert host == "in a fluid-filled lesion of 43 mm (40–46) (at its edge, 93 %)"
    assert "囊性病灶" in company_texts(document.foci[0], "zh")[1]


def test_what_cannot_be_judged_about_a_focus_is_not_said_as_absent(document: Document) -> None:
    assert company_texts(document.foci[1], "en") == ()


def test_the_text_carries_the_company_of_each_focus(document: Document) -> None:
    assert "in the lumen of a bile duct" in document.summary.radiology.en
    assert "位于胆管腔内" in document.summary.radiology.zh


def test_what_else_is_seen_is_listed_once_and_only_where_present(factories: ModuleType) -> None:
    there = Finding("spleen_calcium", Subject("neighbour"), State.PRESENT, 0.97)
    absent = Finding("ascites", Subject("neighbour"), State.ABSENT, 0.02)
    kind = Finding("host_kind", Subject("host", "1"), State.PRESENT, 0.9, "fluid")
    document = factories.make_reading(findings=(there, absent, kind)).document
    said = around_texts(document, "en")
    assert len(said) == 1
    assert said[0].endswith("(97 %)")
    assert "Also seen" in document.summary.radiology.en


def test_what_lies_beside_the_liver_is_not_said_to_be_in_a_lobe(document: Document) -> None:
    where = document.foci[1].location.model_copy(
        update={"lobe": None, "segment": None, "capsule_distance": Unassessed(not_assessable=BESIDE_REASON)}
    )
    focus = document.foci[1].model_copy(update={"location": where})
    assert place_text(focus, "en") == "beside the liver"
    assert place_text(focus, "zh") == "肝旁"
