"""`python -m hepalith.training`: phantoms, training and export, step by step; for CT and for ultrasound."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import numpy as np

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import make_abdomen
from hepalith.phantom.body.variation import draw_variation
from hepalith.training import couinaud
from hepalith.training.atlas import paint_atlas
from hepalith.training.export import export
from hepalith.training.mimic.crowd import load_crowds, make_crowds
from hepalith.training.mimic.fit import fit_arbiter, write_arbiter
from hepalith.training.train import Recipe, train
from hepalith.training.ultrasound import shadows
from hepalith.training.ultrasound.export import export_sono
from hepalith.training.ultrasound.fit import fit_file
from hepalith.training.ultrasound.forms import write_forms
from hepalith.training.ultrasound.gas import write_gas
from hepalith.training.ultrasound.judge import write_judge
from hepalith.training.ultrasound.measures import CROWDED, measure_set
from hepalith.training.ultrasound.planes import simulate_planes
from hepalith.training.ultrasound.train import SonoRecipe, train_sono

FIRST_SEED, LAST_SEED = 100_000, 999_999
"""Seeds of training phantoms: a part of the development split; test phantoms begin at 1,000,000."""

log = logging.getLogger("hepalith.training")


def make_phantoms(out: Path, count: int, first: int) -> None:
    """Paint phantoms' maps into a folder; those already there are kept."""
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        path = out / f"{seed:07d}.npz"
        if not path.exists():
            random = np.random.default_rng([seed, 5])
            paint_atlas(make_abdomen(random, draw_variation(random)).bodies).save(path)


def _parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    recipe = Recipe()
    parser = argparse.ArgumentParser(prog="python -m hepalith.training", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    phantoms = steps.add_parser("phantoms", help="paint phantoms' maps")
    phantoms.add_argument("--out", type=Path, required=True)
    phantoms.add_argument("--count", type=int, default=1600, help="how many (default: %(default)s)")
    phantoms.add_argument("--first", type=int, default=FIRST_SEED, help="first seed (default: %(default)s)")
    training = steps.add_parser("train", help="train on phantoms' maps")
    training.add_argument("--phantoms", type=Path, required=True)
    training.add_argument("--out", type=Path, required=True)
    training.add_argument("--start", type=Path, help="weights to go on from")
    for name in ("steps", "batch", "seed", "workers", "threads", "warm_up", "report_every"):
        training.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(recipe, name))
    for name in ("minutes", "rate", "average"):
        training.add_argument(f"--{name}", type=float, default=getattr(recipe, name))
    training.add_argument("--device", default=recipe.device)
    exporting = steps.add_parser("export", help="write weights as ONNX")
    exporting.add_argument("--weights", type=Path, required=True)
    exporting.add_argument("--out", type=Path, required=True)
    _add_foci_steps(steps)
    _add_mimic_steps(steps)
    segments = steps.add_parser("segments", help="make the atlas of Couinaud's planes")
    segments.add_argument("--out", type=Path, required=True)
    segments.add_argument("--count", type=int, default=300, help="how many livers (default: %(default)s)")
    shading = steps.add_parser("shadows", help="make the forest that grades shadows on ultrasound")
    shading.add_argument("--out", type=Path, required=True)
    shading.add_argument("--count", type=int, default=600, help="how many pictures (default: %(default)s)")
    telling = steps.add_parser("gas", help="make the forest that tells gas on ultrasound")
    telling.add_argument("--out", type=Path, required=True)
    telling.add_argument("--count", type=int, default=1200, help="how many pictures (default: %(default)s)")
    forming = steps.add_parser("forms", help="make the forest that names forms on ultrasound")
    forming.add_argument("--out", type=Path, required=True)
    return parser


def _add_foci_steps(steps: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the steps that make the judge of bright foci on ultrasound."""
    recipe = SonoRecipe()
    planes = steps.add_parser("foci-planes", help="simulate planes of sonograms")
    planes.add_argument("--out", type=Path, required=True)
    planes.add_argument("--count", type=int, default=2600, help="how many (default: %(default)s)")
    planes.add_argument("--first", type=int, default=410_000, help="first seed (default: %(default)s)")
    training = steps.add_parser("foci-train", help="train the judge of bright foci on planes")
    training.add_argument("--planes", type=Path, required=True)
    training.add_argument("--out", type=Path, required=True)
    training.add_argument("--start", type=Path, help="weights to go on from")
    for name in ("steps", "batch", "seed", "warm_up", "report_every"):
        training.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(recipe, name))
    for name in ("minutes", "rate"):
        training.add_argument(f"--{name}", type=float, default=getattr(recipe, name))
    exporting = steps.add_parser("foci-export", help="write its weights, or the mean of several, as ONNX")
    exporting.add_argument("--weights", type=Path, nargs="+", required=True)
    exporting.add_argument("--out", type=Path, required=True)
    measuring = steps.add_parser("foci-measure", help="measure bright bodies of pictures with known answers")
    measuring.add_argument("--set", choices=("phantoms", CROWDED, "implants", "stills"), required=True)
    measuring.add_argument("--out", type=Path, required=True, help="file of JSON lines, added to")
    measuring.add_argument("--first", type=int, default=700_000, help="first seed (default: %(default)s)")
    measuring.add_argument("--count", type=int, required=True)
    fitting = steps.add_parser("foci-fit", help="fit the last weights on measures")
    fitting.add_argument("--measures", type=Path, nargs="+", required=True)
    fitting.add_argument("--out", type=Path, required=True)
    judging = steps.add_parser("foci-forest", help="make the forest that judges bright foci, of measures")
    judging.add_argument("--measures", type=Path, nargs="+", required=True)
    judging.add_argument("--out", type=Path, required=True)


def _add_mimic_steps(steps: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the steps that make the arbiter between calcium and its mimics on CT."""
    making = steps.add_parser("mimics-crowds", help="look at livers crowded with calcium and its mimics")
    making.add_argument("--out", type=Path, required=True)
    making.add_argument("--first", type=int, default=500_000, help="first seed (default: %(default)s)")
    making.add_argument("--count", type=int, default=100, help="how many (default: %(default)s)")
    fitting = steps.add_parser("mimics-fit", help="fit the arbiter on crowds")
    fitting.add_argument("--crowds", type=Path, required=True)
    fitting.add_argument("--out", type=Path, required=True, help="folder of the weights")


def _run_mimic_step(arguments: argparse.Namespace) -> None:
    """Run one step of the arbiter."""
    if arguments.step == "mimics-crowds":
        if arguments.first + arguments.count - 1 > LAST_SEED:
            raise SystemExit(f"seeds above {LAST_SEED} are for tests")
        make_crowds(arguments.out, arguments.first, arguments.count)
        return
    arbiter, report = fit_arbiter(load_crowds(arguments.crowds))
    write_arbiter(arbiter, arguments.out)
    log.info("with a tenth of the crowds left out:\n%s", report)


def _run_foci_step(arguments: argparse.Namespace) -> None:
    """Run one step of the judge of bright foci."""
    if (
        arguments.step in {"foci-planes", "foci-measure"}
        and arguments.first + arguments.count - 1 > LAST_SEED
    ):
        raise SystemExit(f"seeds above {LAST_SEED} are for tests")
    if arguments.step == "foci-planes":
        simulate_planes(arguments.out, arguments.count, arguments.first)
    elif arguments.step == "foci-train":
        recipe = SonoRecipe(**{name: getattr(arguments, name) for name in SonoRecipe.__dataclass_fields__})
        train_sono(arguments.planes, arguments.out, recipe, start=arguments.start)
    elif arguments.step == "foci-export":
        log.info("largest difference of a logit: %.4f", export_sono(arguments.weights, arguments.out))
    elif arguments.step == "foci-measure":
        seeds = range(arguments.first, arguments.first + arguments.count)
        measure_set(arguments.set, seeds, arguments.out)
    elif arguments.step == "foci-forest":
        write_judge(arguments.measures, arguments.out)
    else:
        log.info("with whole stills left out:\n%s", fit_file(arguments.measures, arguments.out))


def main() -> int:
    """Run one step."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    arguments = _parser().parse_args()
    if "out" in arguments:  # before the work, so that it is not lost for want of a folder
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        _run(arguments)
    except UsageError as error:
        raise SystemExit(f"hepalith.training {arguments.step}: {error}") from None
    return 0


def _run(arguments: argparse.Namespace) -> None:
    """Run one step, whatever it is of."""
    if arguments.step.startswith("foci-"):
        _run_foci_step(arguments)
    elif arguments.step.startswith("mimics-"):
        _run_mimic_step(arguments)
    elif arguments.step == "phantoms":
        if arguments.first + arguments.count - 1 > LAST_SEED:
            raise SystemExit(f"seeds above {LAST_SEED} are for tests")
        make_phantoms(arguments.out, arguments.count, arguments.first)
    elif arguments.step == "train":
        names = Recipe.__dataclass_fields__
        recipe = Recipe(**{name: getattr(arguments, name) for name in names})
        train(arguments.phantoms, arguments.out, recipe, start=arguments.start)
    elif arguments.step == "segments":
        seeds = range(couinaud.FIRST_SEED, couinaud.FIRST_SEED + arguments.count)
        rows = [row for seed in seeds for row in couinaud.make_rows(seed)]
        couinaud.write_atlas(arguments.out, rows, arguments.count)
    elif arguments.step == "forms":
        write_forms(arguments.out)
    elif arguments.step == "gas":
        write_gas(arguments.out, arguments.count)
    elif arguments.step == "shadows":
        shadows.write_shadows(arguments.out, arguments.count)
    else:
        log.info("largest difference of a probability: %.4f", export(arguments.weights, arguments.out))


if __name__ == "__main__":
    sys.exit(main())
