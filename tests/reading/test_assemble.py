"""Assembling puts the stages' nouns together, the same way every time, and leaves identity behind."""

from __future__ import annotations

import json
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from hepalith.anatomy import Phase
from hepalith.geometry import Box
from hepalith.reading import Reading, to_json
from hepalith.settings import MaskSource, Settings
from hepalith.study.patient import Patient


def assembled(factories: ModuleType, settings: Settings | None = None, **examined: object) -> Reading:
    return factories.assemble(
        factories.make_examined(**examined), factories.make_assessment(), Patient(), settings or Settings()
    )


def test_the_same_nouns_give_the_same_bytes(factories: ModuleType) -> None:
    first, second = factories.make_reading(), factories.make_reading()
    assert to_json(first.document) == to_json(second.document)


def test_another_image_setting_or_patient_gives_another_reading(factories: ModuleType) -> None:
    examined, assessment = factories.make_examined(), factories.make_assessment()
    ids = {
        factories.assemble(made, assessment, patient, settings).document.reading.id
        for made, patient, settings in (
            (examined, Patient(), Settings()),
            (replace(examined, sha256="ef" * 32), Patient(), Settings()),
            (examined, Patient(age_years=50), Settings()),
            (examined, Patient(), Settings(hu_per_mg_ml=1.2)),
        )
    }
    assert len(ids) == 4


def test_another_liver_gives_another_reading(factories: ModuleType) -> None:
    liver = factories.make_liver()
    smaller = replace(liver, mask=liver.mask & (np.arange(liver.mask.shape[0]) > 3)[:, None, None])
    first = factories.make_reading().document.reading.id
    assert factories.make_reading(liver=smaller).document.reading.id != first


def test_a_focus_keeps_its_tracking_uid_whatever_its_id(factories: ModuleType) -> None:
    foci = factories.make_foci()
    renumbered = replace(foci, foci=tuple(replace(f, id=5 - f.id) for f in foci.foci))
    first = {f.centroid_lps_mm: f.tracking_uid for f in factories.make_reading().document.foci}
    second = {
        f.centroid_lps_mm: f.tracking_uid for f in factories.make_reading(foci=renumbered).document.foci
    }
    assert first == second
    assert len(set(first.values())) == 4
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in first.values())


@pytest.mark.parametrize("deidentify", [False, True])
def test_no_identity_stands_in_the_document(factories: ModuleType, deidentify: bool) -> None:
    text = to_json(assembled(factories, Settings(deidentify=deidentify)).document)
    for secret in ("MRN-4711", "Doe", "Jane", "19610203"):
        assert secret not in text


def test_a_deidentified_reading_has_no_date_uid_key_or_source(factories: ModuleType) -> None:
    reading = assembled(factories, Settings(deidentify=True))
    document = reading.document
    study, image = factories.make_study(), document.images[0]
    assert document.study.date is None
    assert all(action.due is None for action in document.plan)
    assert document.plan[0].after is not None, "the interval stays"
    assert document.study.patient.key is None, "a public key hides nothing"
    assert reading.source.is_hidden
    text = to_json(document)
    assert study.uid not in text
    assert factories.make_series().uid not in text
    assert "2025-" not in text
    assert image.study_uid.startswith("2.25.")
    assert "thicker slices" not in text, "reasons quote the header"


def test_a_secret_key_gives_a_deidentified_reading_its_patient_key(factories: ModuleType) -> None:
    examined, assessment = factories.make_examined(), factories.make_assessment()
    keys = [
        factories.assemble(
            examined, assessment, Patient(), Settings(deidentify=hidden), pseudonym_key=secret
        ).document.study.patient.key
        for hidden, secret in ((True, b"one"), (False, b"one"), (False, b"two"))
    ]
    assert keys[0] == keys[1] != keys[2]


def test_ages_over_89_are_aggregated_when_deidentified(factories: ModuleType) -> None:
    examined, assessment = factories.make_examined(), factories.make_assessment()
    document = factories.assemble(
        examined, assessment, Patient(age_years=97), Settings(deidentify=True)
    ).document
    assert document.study.patient.age_years == 90


def test_dates_that_were_removed_are_not_shown(factories: ModuleType) -> None:
    study = replace(factories.make_study(), dates_removed=True)
    assert assembled(factories, study=study).document.study.date is None


def test_the_patient_file_is_believed_before_the_header(factories: ModuleType) -> None:
    examined, assessment = factories.make_examined(), factories.make_assessment()
    told = factories.assemble(
        examined, assessment, Patient(age_years=50, sex="male"), Settings()
    ).document.study.patient
    header = factories.assemble(examined, assessment, Patient(), Settings()).document.study.patient
    assert (told.age_years, told.sex) == (50, "male")
    assert (header.age_years, header.sex) == (64, "female")


def test_no_path_of_a_machine_stands_in_the_settings(factories: ModuleType, tmp_path: object) -> None:
    settings = Settings(liver_masks=(MaskSource(tmp_path / "liver.nii.gz", 5),))  # type: ignore[operator]
    said = assembled(factories, settings).document.provenance.settings
    assert str(tmp_path) not in json.dumps(said)
    assert said["liver_labels"] == [5]


def test_names_of_folders_are_left_out_of_the_inputs(factories: ModuleType) -> None:
    series = replace(factories.make_series(), uid="2.25.7", kind="nifti")
    document = assembled(factories, series=series).document
    assert [entry.file for entry in document.provenance.inputs] == ["0001.dcm"]


def test_maps_hold_liver_and_foci_where_they_are(factories: ModuleType) -> None:
    reading, liver = factories.make_reading(), factories.make_liver_mask()
    maps = reading.maps
    assert np.array_equal(maps.liver, liver[maps.box.slices])
    assert maps.liver.sum() == liver.sum(), "the box holds the whole liver"
    assert np.array_equal(maps.hu, factories.make_volume().hu[maps.box.slices])
    for focus in reading.document.foci:
        place = np.argwhere(maps.foci == focus.id).mean(axis=0)
        assert np.allclose(maps.volume.grid.to_lps(place), focus.centroid_lps_mm, atol=0.6)


def test_a_focus_outside_the_livers_box_is_still_in_the_map(factories: ModuleType) -> None:
    foci = factories.make_foci()
    outside = Box((0, 0, 0), (2, 2, 2))
    moved = replace(foci, foci=foci.foci[:1], box=outside, labels=np.ones((2, 2, 2), dtype=np.int32))
    maps = factories.make_reading(foci=moved).maps
    assert maps.box.start == (0, 0, 0)
    assert (maps.foci[:2, :2, :2] == 1).all()


def test_no_liver_in_view_is_not_answerable_and_says_why(factories: ModuleType) -> None:
    reading = factories.assemble(
        factories.make_examined(), factories.unanswerable_assessment(), Patient(), Settings()
    )
    assert not reading.is_answerable
    assert reading.why_not == "no liver is in view: the scan ends above the diaphragm"
    document = json.loads(to_json(reading.document))
    assert document["foci"] == []
    assert document["differential"] == []
    assert document["liver"]["volume"] == {"not_assessable": "no liver in view"}
    assert document["plan"][0]["action"] == "repeat_examination"
    assert "volume" not in document["detectability"]
    assert reading.maps.box.is_empty


def test_a_liver_in_view_without_calcium_is_answerable(factories: ModuleType) -> None:
    foci = replace(factories.make_foci(), foci=())
    assert factories.make_reading(foci=foci).is_answerable


def test_a_host_is_never_denied_whatever_the_phase(factories: ModuleType) -> None:
    for phase in (Phase("none", 1.0), Phase("portal", 1.0)):
        foci = factories.make_reading(phase=phase).document.foci
        assert {f.host.kind for f in foci} == {"not_assessable"}


def test_findings_that_were_not_looked_for_name_no_image(factories: ModuleType) -> None:
    findings = {f.id: f for f in factories.make_reading().document.findings}
    assert findings["multiple_foci"].images == ("ct_1",)
    assert findings["dilated_ducts"].images == ()
    assert findings["washout"].reason is not None


def test_a_series_left_twice_is_said_once(factories: ModuleType) -> None:
    left = factories.make_study().left
    assert len(assembled(factories, left=left).document.series_left) == 1
