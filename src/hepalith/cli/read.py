"""`hepalith read`: one examination in, one reading folder out."""

from __future__ import annotations

import argparse

from hepalith.cli.format_options import add_format_arguments, formats_of
from hepalith.cli.options import (
    add_liver_arguments,
    add_output_arguments,
    add_telling_arguments,
    liver_masks,
    path_given,
)
from hepalith.cli.progress import progress_on_terminal
from hepalith.cli.telling import tell
from hepalith.errors import UsageError
from hepalith.management import load_policy
from hepalith.pipeline import read
from hepalith.reading import refuse_occupied
from hepalith.settings import COARSEST_PIXEL_MM, FINEST_PIXEL_MM, Settings
from hepalith.study import Patient, read_patient

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    defaults = Settings()
    parser.add_argument(
        "input",
        metavar="INPUT",
        nargs="+",
        type=path_given,
        help="CT as a DICOM folder, file or zip, NIfTI, NRRD or MHA; ultrasound as DICOM, PNG or JPEG; "
        "several inputs are one examination, or CT and ultrasound of one patient",
    )
    add_output_arguments(parser)
    add_liver_arguments(parser)
    parser.add_argument(
        "--segmenter",
        choices=("builtin", "totalsegmentator"),
        default=defaults.segmenter,
        help="how the liver is found when --liver is not given; totalsegmentator is an extra "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--patient",
        metavar="FILE",
        type=path_given,
        help="TOML or JSON with age, history, exposures, laboratory values, … (default: nothing is known)",
    )
    add_telling_arguments(parser, "report")
    add_format_arguments(parser)
    parser.add_argument(
        "--hu-per-mg-ml",
        metavar="N",
        type=float,
        help="calibration of this scanner and protocol: HU per mg/mL of calcium hydroxyapatite; "
        "without it no mass is given (default: none)",
    )
    parser.add_argument(
        "--modality",
        choices=("CT", "US"),
        help="which modality to read where the files hold both (default: both)",
    )
    parser.add_argument("--study", metavar="UID", help="which study to read where the input holds several")
    parser.add_argument(
        "--series",
        metavar="UID",
        action="append",
        default=[],
        help="which series to read, instead of the one hepalith would choose; may be repeated",
    )
    parser.add_argument(
        "--same-patient",
        action="store_true",
        help="files that do not say whose they are (NIfTI, NRRD, MHA, PNG, JPEG) are of one patient and one "
        "examination, and of the patient of the DICOM files beside them; names may say "
        "the phase of a CT, as in portal.nii.gz (default: off, and they are refused)",
    )
    parser.add_argument(
        "--pixel-mm",
        metavar="N",
        type=float,
        help="size of a pixel in mm, for ultrasound whose header holds no calibration (PNG and JPEG never "
        "do); a header's own is used before it (0.02 to 2; default: none, and sizes are not assessable)",
    )
    parser.add_argument(
        "--deidentify", action="store_true", help="write no source.json and no identity (default: off)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Read, write, and tell where the report is."""
    calibration = arguments.hu_per_mg_ml
    if calibration is not None and not 0 < calibration < 100:
        raise UsageError(f"--hu-per-mg-ml {calibration} cannot be: calcium gives about 1 to 2 HU per mg/mL")
    if arguments.pixel_mm is not None and not FINEST_PIXEL_MM <= arguments.pixel_mm <= COARSEST_PIXEL_MM:
        raise UsageError(
            f"--pixel-mm {arguments.pixel_mm:g} cannot be: a pixel of ultrasound has {FINEST_PIXEL_MM:g} to "
            f"{COARSEST_PIXEL_MM:g} mm; divide a known depth in mm by its pixels"
        )
    load_policy(arguments.policy)
    settings = Settings(
        liver_masks=liver_masks(arguments),
        segmenter=arguments.segmenter,
        policy=arguments.policy,
        language=arguments.language,
        modality=arguments.modality,
        study_uid=arguments.study,
        series_uids=tuple(arguments.series),
        same_patient=arguments.same_patient,
        pixel_mm=arguments.pixel_mm,
        hu_per_mg_ml=calibration,
        deidentify=arguments.deidentify,
    )
    refuse_occupied(arguments.out, overwrite=arguments.overwrite)
    patient = Patient() if arguments.patient is None else read_patient(arguments.patient)
    with progress_on_terminal() as progress:
        reading = read(
            arguments.input,
            out=arguments.out,
            settings=settings,
            patient=patient,
            formats=formats_of(arguments),
            overwrite=arguments.overwrite,
            progress=progress,
        )
    return tell(reading, arguments.out, settings.language)
