"""What DICOM objects say alike follows from the reading, never from a clock."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from pydicom.dataset import Dataset

from hepalith.errors import OutputError
from hepalith.reading import Reading
from hepalith.reading.source import SourceInstance
from hepalith.report.dicom.colour import cielab
from hepalith.report.dicom.context import (
    NO_DATE,
    code_item,
    coordinate,
    derived_uid,
    file_under,
    reference_source,
    save_object,
    say_stand_ins,
    say_when,
    source_slices,
    stamp,
    written,
)
from hepalith.study import Identity
from hepalith.vocabulary.coding import Coded

CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def reading(factories: ModuleType) -> Reading:
    made: Reading = factories.make_reading()
    return made


def test_uids_follow_from_reading_revision_and_role(reading: Reading) -> None:
    entry = reading.document.reading.model_copy(update={"revision": 2})
    later = replace(reading, document=reading.document.model_copy(update={"reading": entry}))
    uids = {derived_uid(reading, "a"), derived_uid(reading, "b"), derived_uid(later, "a")}
    assert len(uids) == 3
    assert derived_uid(reading, "a") in uids
    assert all(uid.is_valid for uid in uids)


def test_a_clock_that_a_library_read_is_overwritten(reading: Reading) -> None:
    dataset = Dataset()
    dataset.InstanceCreationDate, dataset.SeriesTime, dataset.ContentDate = "20990101", "120000", "20990101"
    stamp(reading, dataset, "a", series_number=1, description="x")
    assert "InstanceCreationDate" not in dataset
    assert "SeriesTime" not in dataset
    assert (dataset.ContentDate, dataset.ContentTime) == say_when(reading)


def test_an_examination_without_a_date_has_one_that_is_plainly_none(reading: Reading) -> None:
    image = replace(reading.source.primary, general=type(reading.source.primary.general)())
    undated = replace(reading, source=replace(reading.source, images=(image,)))
    assert say_when(undated) == (NO_DATE, "000000")


def test_a_de_identified_object_fits_its_value_representations(reading: Reading) -> None:
    hidden = replace(reading, source=replace(reading.source, is_hidden=True, identity=Identity()))
    dataset = Dataset()
    file_under(hidden, dataset)
    assert len(dataset.DeidentificationMethod) <= 64
    assert dataset.PatientName == ""
    assert "de-identified" in say_stand_ins(hidden)
    assert say_stand_ins(reading) == ""


def test_slices_lie_where_the_stored_grid_has_them(reading: Reading) -> None:
    image = replace(
        reading.source.primary,
        instances=tuple(SourceInstance(CT, f"1.2.3.{n}") for n in range(60)),
        slices=tuple(None if n == 7 else n for n in range(60)),
    )
    slices = source_slices(replace(reading, source=replace(reading.source, images=(image,))))
    assert [float(v) for v in slices[4].ImagePositionPatient] == [-108.0, -96.0, -290.0]
    assert slices[4].SOPInstanceUID == "1.2.3.4"
    assert slices[7].SOPInstanceUID not in {one.sop_instance_uid for one in image.instances}


def test_whose_the_patients_number_is_and_that_a_source_names_nobody_go_with_it(reading: Reading) -> None:
    plain, known = Dataset(), Dataset()
    file_under(reading, plain)
    assert "IssuerOfPatientID" not in plain
    assert "PatientIdentityRemoved" not in plain
    who = replace(reading.source.identity, issuer="HOSPITAL-B", removed_by="CTP\\by hand")
    file_under(replace(reading, source=replace(reading.source, identity=who)), known)
    assert known.IssuerOfPatientID == "HOSPITAL-B"
    assert known.PatientIdentityRemoved == "YES"
    assert list(known.DeidentificationMethod) == ["CTP", "by hand"]


def test_a_multi_frame_file_is_referred_to_once(reading: Reading) -> None:
    image = replace(
        reading.source.primary, instances=tuple(SourceInstance(CT, "1.2.3", n, 5) for n in range(5))
    )
    assert len(reference_source(image).ReferencedInstanceSequence) == 1


def test_single_precision_of_the_maps_leaves_no_digits_behind() -> None:
    assert coordinate(float(np.float32(-113.4))) == "-113.4"
    assert coordinate(float(np.float32(0.1))) == "0.1"
    assert all(len(coordinate(v)) <= 16 for v in (1 / 3, -1e-7 / 3, 123456.789, -0.0))


def test_a_meaning_fits_its_value_representation() -> None:
    assert len(code_item(Coded("1", "DCM", "x" * 80)).CodeMeaning) == 64


def test_white_black_and_red_are_the_cielab_of_dicom() -> None:
    assert cielab((255, 255, 255)) == (65535, 32896, 32896)
    assert cielab((0, 0, 0)) == (0, 32896, 32896)
    lightness, a, b = cielab((255, 0, 0))
    # CIELab of the sRGB red under D50: 54.29, 80.80, 69.89
    assert lightness / 65535 * 100 == pytest.approx(54.29, abs=0.05)
    assert a / 65535 * 255 - 128 == pytest.approx(80.80, abs=0.1)
    assert b / 65535 * 255 - 128 == pytest.approx(69.89, abs=0.1)


def test_a_file_that_could_not_be_written_whole_is_not_there(tmp_path: Path) -> None:
    def torn() -> None:
        with written(tmp_path / "a.dcm") as part:
            part.write_bytes(b"half")
            raise OSError(28, os.strerror(28))

    with pytest.raises(OutputError, match=r"a\.dcm cannot be written \(No space left"):
        torn()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused_in_one_line(reading: Reading, tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.SOPClassUID = CT
    stamp(reading, dataset, "a", series_number=1, description="x")
    with pytest.raises(OutputError, match=r"a\.dcm cannot be written"):
        save_object(dataset, tmp_path / "nowhere" / "a.dcm")
