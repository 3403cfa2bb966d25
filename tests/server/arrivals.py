"""Objects as they come into the folder of a listener, without a network."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
STUDY = "1.2.826.0.1.3680043.9.7.5"


def put(
    incoming: Path, number: int, *, study: str = STUDY, sop_class: str = CTImageStorage, maker: str = "acme",
    text: str = "",
) -> Path:  # fmt: skip
    """Write one object whole, as a receiver does; one that lies there already is replaced."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = sop_class
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = f"{study}.1.{number}"
    made.StudyInstanceUID, made.SeriesInstanceUID = study, f"{study}.1"
    made.PatientName, made.PatientID = "Plantedname^Secret", "PID1234"
    made.Manufacturer, made.ImageComments = maker, text
    place = incoming / study / f"{made.SOPInstanceUID}.dcm"
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(".part")
    dcmwrite(part, made, enforce_file_format=True)
    part.rename(place)
    return place
