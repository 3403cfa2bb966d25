"""`hepalith phantom`: studies with known answers."""

from __future__ import annotations

import argparse
from pathlib import Path

from hepalith.cli.failure import show
from hepalith.cli.options import (
    add_liver_arguments,
    add_output_arguments,
    add_seed_argument,
    liver_masks,
    path_given,
)
from hepalith.cli.phantom_ultrasound import add_sono_arguments, check_no_sono, run_sono
from hepalith.cli.progress import progress_on_terminal
from hepalith.cli.staging import refuse_foreign, staged_folder
from hepalith.errors import UsageError
from hepalith.image.decode import decode
from hepalith.image.mask import read_masks
from hepalith.phantom import (
    CONTENTS,
    COVERAGES,
    CROWD,
    KERNELS,
    PHASES,
    Recipe,
    StudyPlan,
    Truth,
    draw_plan,
    kernel_blur_mm,
    list_contents,
    list_sono_contents,
    make_implant,
    make_study,
    write_implant,
    write_study_folder,
)
from hepalith.settings import Settings
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study

__all__ = ["add_arguments", "run"]

DRAWN = "(default: drawn from the seed)"
"""What help says of an option that fixes something that is otherwise drawn."""

FAMILY_OPTIONS = (
    "contents", "phase", "coverage", "slice_mm", "spacing_mm", "kernel", "kvp", "noise_hu", "mas", "matrix",
    "age_years", "steatosis", "atrophy", "resection", "studies",
)  # fmt: skip
"""Options that make no sense with ``--implant``, which takes everything from the real scan."""


class _List(argparse.Action):
    """Print what can be laid into a liver, and end."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,  # noqa: ARG002 - argparse's signature
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        """Print the list, one a line: of ultrasound where ``--modality US`` stands before ``--list``."""
        listed = list_sono_contents() if getattr(namespace, "modality", "CT") == "US" else list_contents()
        show("\n".join(listed))
        parser.exit(0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    add_output_arguments(parser)
    add_seed_argument(parser)
    parser.add_argument(
        "--modality",
        choices=("CT", "US"),
        default="CT",
        help="what is made: a CT, or a sonogram of the liver (default: %(default)s)",
    )
    _add_family_arguments(parser.add_argument_group("a made abdomen", "the seed draws what is not given"))
    _add_implant_arguments(parser.add_argument_group("foci in a real CT or a real ultrasound still"))
    add_sono_arguments(parser.add_argument_group("a made sonogram", "with --modality US"))


def _add_family_arguments(group: argparse._ArgumentGroup) -> None:
    """Add what can be fixed of a made abdomen."""
    group.add_argument(
        "--contents",
        metavar="NAME",
        help=f"what is laid into the liver: {', '.join((*CONTENTS, CROWD))}, or one thing as case:NAME, "
        f"morphology:NAME, host:NAME, mimic:NAME, company:NAME; see --list {DRAWN}",
    )
    group.add_argument(
        "--list",
        action=_List,
        nargs=0,
        help="list everything that --contents takes (after --modality US: for ultrasound), and stop",
    )
    group.add_argument("--phase", choices=PHASES, help=f"contrast phase {DRAWN}")
    group.add_argument("--coverage", choices=COVERAGES, help=f"how much of the liver is scanned {DRAWN}")
    group.add_argument("--age-years", metavar="N", type=float, help=f"age of the patient, years {DRAWN}")
    group.add_argument(
        "--steatosis", metavar="N", type=float, help=f"fat fraction of the liver, 0 to 1 {DRAWN}"
    )
    group.add_argument("--atrophy", choices=("left", "right", "lateral"), help=f"what has shrunk {DRAWN}")
    group.add_argument(
        "--resection",
        choices=("lateral", "left", "right", "right_posterior"),
        help=f"what was removed {DRAWN}",
    )
    group.add_argument("--slice-mm", metavar="N", type=float, help=f"thickness of the slices, mm {DRAWN}")
    group.add_argument(
        "--spacing-mm", metavar="N", type=float, help="spacing of the slices, mm (default: as --slice-mm)"
    )
    group.add_argument("--kernel", choices=tuple(KERNELS), help=f"reconstruction kernel {DRAWN}")
    group.add_argument("--kvp", metavar="N", type=float, help=f"tube voltage, kV {DRAWN}")
    group.add_argument("--noise-hu", metavar="N", type=float, help=f"noise in the middle, HU {DRAWN}")
    group.add_argument(
        "--mas",
        metavar="N",
        type=float,
        help="tube load, mAs, from which the noise follows instead (default: --noise-hu)",
    )
    group.add_argument("--matrix", metavar="N", type=int, help="pixels along a row (default: 512)")
    group.add_argument(
        "--studies",
        metavar="N",
        type=int,
        help="make N studies of the seeds from --seed on, each in a folder named by its seed "
        "(default: one, in --out itself)",
    )


def _add_implant_arguments(group: argparse._ArgumentGroup) -> None:
    """Add what concerns foci put into a real CT."""
    recipe = Recipe()
    group.add_argument(
        "--implant",
        metavar="SCAN",
        type=path_given,
        help="put foci of known place, size and density into this CT, instead of making an abdomen; with "
        "--modality US foci with their shadows into this still, --liver a PNG mask or a JSON polygon",
    )
    add_liver_arguments(group)
    group.add_argument(
        "--count",
        metavar="N",
        type=int,
        help=f"with --implant: how many foci, a chain of beads counting once (default: {recipe.count}; "
        "ultrasound: one to four, drawn; 0 is allowed there)",
    )
    group.add_argument(
        "--blur-mm",
        metavar="N",
        type=float,
        help="with --implant: in-plane blur of the scanner, standard deviation in mm "
        "(default: by the kernel that the header names)",
    )
    group.add_argument("--dicom", action="store_true", help="with --implant: write a DICOM series as well")


def run(arguments: argparse.Namespace) -> int:
    """Make the study and tell where it is."""
    out: Path = arguments.out
    if arguments.modality == "US":
        return run_sono(arguments, FAMILY_OPTIONS)
    check_no_sono(arguments)
    _check(arguments)
    mark = "truth.json" if arguments.studies is None else f"{arguments.seed}/truth.json"
    refuse_foreign(out, overwrite=arguments.overwrite, mark=mark)
    plans = [] if arguments.implant else _plans(arguments)
    with staged_folder(out) as staging, progress_on_terminal() as progress:
        if arguments.implant:
            progress("putting foci into the scan")
            truths = [_put(arguments, staging)]
        else:
            truths = []
            for plan in plans:
                progress(f"making the phantom of seed {plan.seed}")
                truths.append(_make(plan, staging if arguments.studies is None else staging / str(plan.seed)))
    foci, mimics = (
        sum(len(t) for t in kind) for kind in zip(*((t.foci, t.mimics) for t in truths), strict=True)
    )
    where = out / "truth.json" if arguments.studies is None else out / "*" / "truth.json"
    show(f"{foci} calcifications, {mimics} mimics; truth: {where}")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse options that contradict one another."""
    if (arguments.implant is None) != (not arguments.liver):
        raise UsageError("--implant CT and --liver MASK go together: the mask says where foci may lie")
    if arguments.count is not None and arguments.count < 1:
        raise UsageError(f"--count {arguments.count} makes nothing; give 1 or more")
    if arguments.studies is not None and arguments.studies < 1:
        raise UsageError(f"--studies {arguments.studies} makes nothing; give 1 or more")
    given = [name for name in FAMILY_OPTIONS if getattr(arguments, name) is not None]
    if arguments.implant is not None and given:
        raise UsageError(
            f"--{given[0].replace('_', '-')} describes a made abdomen; with --implant the real scan decides"
        )


def _plans(arguments: argparse.Namespace) -> list[StudyPlan]:
    """Return what is to be made."""
    fixed = {
        name: getattr(arguments, name)
        for name in ("phase", "coverage", "age_years", "steatosis", "atrophy", "resection")
        if getattr(arguments, name) is not None
    }
    thickness, spacing = arguments.slice_mm, arguments.spacing_mm
    if spacing is not None and thickness is None:
        raise UsageError("--spacing-mm N needs --slice-mm N")
    return [
        draw_plan(
            seed,
            contents=arguments.contents,
            slices_mm=None if thickness is None else (thickness, spacing or thickness),
            kernel=arguments.kernel,
            kvp=arguments.kvp,
            noise_hu=arguments.noise_hu,
            mas=arguments.mas,
            matrix=512 if arguments.matrix is None else arguments.matrix,
            **fixed,
        )
        for seed in range(arguments.seed, arguments.seed + (arguments.studies or 1))
    ]


def _make(plan: StudyPlan, folder: Path) -> Truth:
    """Make one study and write it."""
    study = make_study(plan)
    write_study_folder(
        folder,
        study.scan,
        study.scanner,
        study.truth,
        {} if study.scan.segments is None else {"segments": study.scan.segments},
    )
    return study.truth


def _put(arguments: argparse.Namespace, folder: Path) -> Truth:
    """Put foci into the CT that the arguments name, and write it to `folder`."""
    settings = Settings(liver_masks=liver_masks(arguments))
    decoded = decode(choose_series(open_study([arguments.implant], settings), settings).primary)
    acquisition = decoded.series.acquisition
    blur = arguments.blur_mm
    recipe = Recipe(
        count=Recipe().count if arguments.count is None else arguments.count,
        blur_mm=kernel_blur_mm(acquisition.kernel) if blur is None else blur,
        slice_thickness_mm=acquisition.slice_thickness_mm,
    )
    mask = read_masks(settings.liver_masks, decoded.volume)
    made = make_implant(decoded.volume, mask, arguments.seed, recipe)
    write_implant(made, folder, dicom=arguments.dicom)
    return made.truth
