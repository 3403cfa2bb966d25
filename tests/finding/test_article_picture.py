"""The article's two pictures, point by point."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.finding.ultrasound.drawn_sonogram import Drawing, foci_of
from tests.finding.ultrasound.test_describe import bulls_eye, liver, simple, stones

from hepalith.finding.article_picture import ArticlePicture, ArticlePoint, compare_with_article, load_pictures
from hepalith.finding.description import Description
from hepalith.finding.finding import Finding, Subject
from hepalith.finding.ultrasound.describe import describe_ultrasound
from hepalith.vocabulary import State


def compare(drawing: Drawing, *more: Finding) -> dict[str, ArticlePicture]:
    look = drawing.look()
    foci = foci_of([look])
    description = describe_ultrasound([look], foci, {})
    ids = {f.id for f in more}
    findings = (*(f for f in description.findings if f.id not in ids), *more)
    return {p.id: p for p in compare_with_article(replace(description, findings=findings), foci)}


def point(pictures: dict[str, ArticlePicture], name: str) -> ArticlePoint:
    (found,) = (p for picture in pictures.values() for p in picture.points if p.id == name)
    return found


def told(name: str, value: str) -> Finding:
    return Finding(name, Subject("liver"), State.PRESENT, 0.95, value, "ct")


def test_there_are_two_pictures_of_four_points_each_with_their_claims() -> None:
    rows = load_pictures().picture
    assert [(r.id, r.diagnosis) for r in rows] == [
        ("duct_stones", "hepatolithiasis"),
        ("simple_calcification", "simple_healed"),
    ]
    assert [len(r.point) for r in rows] == [4, 4]
    claims = [c for r in rows for p in r.point for c in p.claims]
    assert all(c.startswith("S") and c[1:].isdigit() for c in claims)
    assert {f"S{n}" for n in range(127, 137)} <= set(claims)  # the lists of points of the article


def test_stones_in_a_widened_duct_are_the_first_picture() -> None:
    pictures = compare(stones())
    assert point(pictures, "in_duct").state is State.PRESENT
    assert point(pictures, "stone_form").state is State.PRESENT
    assert point(pictures, "off_duct").state is State.ABSENT
    fits = [pictures[name].fit or 0.0 for name in ("duct_stones", "simple_calcification")]
    assert fits[0] > 0.8
    assert fits[1] < 0.5


def test_a_dot_in_the_tissue_is_the_second_picture() -> None:
    pictures = compare(simple())
    assert point(pictures, "isolated_echo").state is State.PRESENT
    assert point(pictures, "off_duct").state is State.PRESENT
    assert point(pictures, "normal_around").state is State.PRESENT
    assert point(pictures, "in_duct").state is State.ABSENT
    fits = [pictures[name].fit or 0.0 for name in ("duct_stones", "simple_calcification")]
    assert fits[1] > 0.8
    assert fits[0] < 0.5


def test_an_equal_sign_belongs_to_the_second_picture_only() -> None:
    drawing = liver()
    drawing.echo((200, 100), morphology="equal_sign")
    pictures = compare(drawing)
    assert point(pictures, "isolated_echo").state is State.PRESENT
    assert point(pictures, "stone_form").state is State.ABSENT


def test_a_lesion_about_the_focus_undoes_normal_liver_around() -> None:
    found = point(compare(bulls_eye()), "normal_around")
    assert found.state is State.ABSENT
    assert "solid" in found.reason["en"]
    assert "实性" in found.reason["zh"]


def test_what_one_plane_cannot_tell_is_not_assessable_with_a_reason() -> None:
    pictures = compare(simple())
    for name in ("left_lobe", "segment_damage", "right_and_unchanged"):
        found = point(pictures, name)
        assert found.state is State.NOT_ASSESSABLE
        assert found.probability is None
        assert all(found.reason[language] for language in ("en", "zh"))


def test_the_lobe_may_come_from_ct() -> None:
    pictures = compare(simple(), told("side_of_foci", "left"))
    assert point(pictures, "left_lobe").state is State.PRESENT
    assert point(pictures, "right_and_unchanged").state is State.ABSENT
    right = compare(simple(), told("side_of_foci", "right"))
    assert point(right, "left_lobe").state is State.ABSENT
    assert point(right, "right_and_unchanged").state is State.PRESENT


@pytest.mark.parametrize("change", ["stable", "grown"])
def test_change_at_follow_up_decides_the_last_point(change: str) -> None:
    pictures = compare(simple(), told("side_of_foci", "right"), told("change_since_prior", change))
    wanted = State.PRESENT if change == "stable" else State.ABSENT
    assert point(pictures, "right_and_unchanged").state is wanted


def test_without_a_focus_no_point_can_be_judged() -> None:
    pictures = compare(liver())
    assert all(p.state is State.NOT_ASSESSABLE for picture in pictures.values() for p in picture.points)
    assert all(picture.fit is None and picture.judged == 0 for picture in pictures.values())


def test_where_no_tube_is_resolved_the_point_about_ducts_stays_open() -> None:
    drawing = Drawing()
    drawing.echo((200, 100))
    pictures = compare(drawing)
    assert point(pictures, "in_duct").state is State.NOT_ASSESSABLE
    assert point(pictures, "off_duct").state is State.NOT_ASSESSABLE


def test_the_reasons_name_form_and_shadow_in_both_languages() -> None:
    found = point(compare(stones()), "stone_form")
    assert found.reason["en"] == "nodular, a clean shadow"
    assert found.reason["zh"] == "结节状，清晰声影"


def test_an_empty_description_is_no_error() -> None:
    foci = foci_of([simple().look()])
    pictures = compare_with_article(Description((), ()), foci)
    assert {p.id for p in pictures} == {"duct_stones", "simple_calcification"}
