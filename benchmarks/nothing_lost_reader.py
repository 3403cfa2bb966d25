"""A reader that reads nothing: takes the place of `hepalith read` where only what happens around it is asked.

Run: ``python nothing_lost_reader.py INPUT OUT LEDGER SECONDS``. From the same images it makes the same files,
whole or not at all, and notes in the ledger what it finished, and whether two worked at one study at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import time
import uuid
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

RESULTS = {
    "segmentation.dcm": "1.2.840.10008.5.1.4.1.1.66.4",
    "measurements.dcm": "1.2.840.10008.5.1.4.1.1.88.33",
    "report_pdf.dcm": "1.2.840.10008.5.1.4.1.1.104.1",
}
"""File and SOP class of what a reading sends."""


def result(study_uid: str, digest: str, name: str) -> Dataset:
    """Return one object of a reading."""

    def uid(role: str) -> UID:
        return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{digest} {name} {role}').int}")

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = UID(RESULTS[name])
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = uid("instance")
    made.StudyInstanceUID, made.SeriesInstanceUID = study_uid, uid("series")
    made.Manufacturer, made.Modality = "hepalith", "OT"
    made.PatientID, made.PatientName = "P1", ""
    made.ContentDescription = digest
    return made


def main() -> None:
    """Read one study."""
    images, out, ledger, seconds = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
    files = sorted(images.iterdir())
    study_uid = str(dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    with (ledger.parent / f"{study_uid}.reading").open("w") as alone, ledger.open("a") as book:
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            book.write(f"two-at-once {study_uid}\n")
            raise SystemExit(1) from None
        time.sleep(seconds / 2)
        part = out.parent / f".{out.name}.{os.getpid()}"
        part.mkdir()
        for name in RESULTS:
            dcmwrite(part / name, result(study_uid, digest, name), enforce_file_format=True)
        (part / "reading.json").write_text(f'{{"images": {len(files)}, "digest": "{digest}"}}\n')
        time.sleep(seconds / 2)
        part.rename(out)
        book.write(f"finished {study_uid} {digest}\n")


if __name__ == "__main__":
    main()
