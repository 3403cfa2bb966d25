"""The same seed gives the same voxels and truth on any x86-64, whatever its vector units."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hepalith.phantom

EVERYTHING = """
import hashlib
from dataclasses import replace
import numpy as np
from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import make_abdomen
from hepalith.phantom.contents.host import HOSTS, make_host
from hepalith.phantom.insert import join_inserts
from hepalith.phantom.contents.mimic import MIMICS, make_mimic
from hepalith.phantom.contents.morphology import MORPHOLOGIES, make_morphology
from hepalith.phantom.scanner.scanner import Scanner
from hepalith.phantom.scene import Scene, scan
from hepalith.phantom.truth import truth_of
from hepalith.phantom.body.variation import draw_variation

def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()

abdomen = make_abdomen(np.random.default_rng(11), draw_variation(np.random.default_rng(12), phase="portal"))
pieces = []
for make, names in ((make_host, HOSTS), (make_morphology, MORPHOLOGIES), (make_mimic, MIMICS)):
    for number, name in enumerate(list(names)[::3]):
        try:
            pieces.append(make(name, abdomen, np.random.default_rng([13, number])))
        except UsageError:
            print("no room for", name)
insert = join_inserts(*pieces)
bodies = (*abdomen.bodies, *insert.bodies)
scene = Scene(bodies, insert.deposits, insert.mimics, insert.streaks, abdomen.liver.segment_at)
scanner = Scanner(matrix=128, slices=16, pixel_mm=3.0, slice_spacing_mm=10.0, slice_thickness_mm=10.0,
                  low_z_mm=-85.0, mas=90.0, iterative=0.3, cupping=0.1, kvp=100.0).with_kernel("standard")
made = scan(scene, replace(scanner, iterative=0.4), 5)
print("voxels", digest(made.volume.hu))
print("organs", digest(made.organs))
print("segments", digest(made.segments))
print("foci", digest(made.foci), digest(made.mimics))
truth = truth_of(insert.deposits, made.rendered, made.excesses_hu, made.volume.grid)
truth += truth_of(insert.mimics, made.rendered_mimics, made.mimic_excesses_hu, made.volume.grid)
hosts = [(h.kind, h.centre_lps_mm, h.diameter_mm, h.wall_mm) for h in insert.hosts]
print("truth", hashlib.sha256(repr((truth, hosts, made.noise_hu)).encode()).hexdigest())
print(len(bodies), len(insert.deposits), len(insert.mimics))
"""

FORBIDDEN_FUNCTIONS = {
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin", "arccos",
    "arctan", "arctan2", "sinh", "cosh", "tanh", "power", "float_power", "cbrt", "hypot", "dot", "vdot",
    "inner", "matmul", "tensordot", "einsum",
    "convolve", "correlate", "logspace", "geomspace", "linalg", "polyfit",
    "cov", "corrcoef",
}  # fmt: skip
"""Of NumPy: chosen by vector unit, or done by BLAS."""

FORBIDDEN_DRAWS = {"lognormal", "gamma", "beta", "chisquare", "exponential", "poisson", "vonmises", "weibull"}
"""Of a random generator: they rest on the C library's logarithm and power."""

FORBIDDEN_FILTERS = {
    "gaussian_filter",
    "gaussian_filter1d",
    "gaussian_laplace",
    "gaussian_gradient_magnitude",
}
"""Of scipy.ndimage: their weights come from NumPy's exponential."""

EXCEPTED = {"exact.py", "nifti.py"}
"""`exact` names what it replaces; the writer multiplies an affine by a permutation, which is exact."""

SONOGRAMS = "ultrasound"
"""The chamber of the ultrasound phantom. It promises less: the same picture but for the rounding of
a grey level, which is looked at below."""

PHANTOM = Path(hepalith.phantom.__file__).parent


def forbidden_in(source: str) -> list[str]:
    """Return what a phantom's source does that differs between machines, with line numbers."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            bad = (owner == "np" and node.attr in FORBIDDEN_FUNCTIONS) or node.attr in FORBIDDEN_DRAWS
            if bad or (owner == "ndi" and node.attr in FORBIDDEN_FILTERS):
                found.append(f"line {node.lineno}: {owner}.{node.attr}")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            found.append(f"line {node.lineno}: @")
    return found


def test_the_audit_finds_what_is_forbidden() -> None:
    source = "np.exp(x)\na @ b\nndi.gaussian_filter(a, 1)\nrandom.lognormal()\nmath.exp(1)\nnp.sqrt(x)\n"
    assert len(forbidden_in(source)) == 4


@pytest.mark.parametrize("path", sorted(PHANTOM.rglob("*.py")), ids=lambda p: f"{p.parent.name}.{p.stem}")
def test_no_file_of_the_phantom_uses_what_differs_between_machines(path: Path) -> None:
    if path.name not in EXCEPTED and path.parent.name != SONOGRAMS:
        assert forbidden_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_voxels_labels_and_truth_are_the_same_without_wide_vector_units(
    narrow_environment: dict[str, str],
) -> None:
    wide, narrow = (
        subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", EVERYTHING],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for env in (dict(os.environ), narrow_environment)
    )
    (said, trouble), (also_said, _) = wide.communicate(), narrow.communicate()
    assert wide.returncode == 0, trouble
    assert said.splitlines() == also_said.splitlines()
    assert "voxels" in said


SONOGRAM = """
import sys
import numpy as np
from hepalith.phantom.ultrasound.make import make_sonogram
cases = ((31, "case:hepatolithiasis"), (32, "case:simple_healed"))
made = [make_sonogram(seed, contents=name) for seed, name in cases]
np.savez(sys.argv[1], *[m.cine.grey for m in made], *[m.labels for m in made])
print([(f.label, f.shadow.grade, f.morphology, f.visible) for m in made for f in m.truth.foci])
"""

MOST_ROUNDED = 1e-3
"""Share of pixels that may be rounded to the neighbouring grey level on another processor."""


def test_a_sonogram_differs_by_a_rounded_grey_level_at_most(
    narrow_environment: dict[str, str], tmp_path: Path
) -> None:
    files = [tmp_path / "wide.npz", tmp_path / "narrow.npz"]
    said = [
        subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", SONOGRAM, str(path)], env=env, capture_output=True, text=True, check=True
        ).stdout
        for path, env in zip(files, (dict(os.environ), narrow_environment), strict=True)
    ]
    assert said[0] == said[1]
    with np.load(files[0]) as wide, np.load(files[1]) as narrow:
        assert len(wide.files) == 4
        for name in wide.files:
            apart = np.abs(wide[name].astype(np.int32) - narrow[name].astype(np.int32))
            assert apart.max() <= 1
            assert float((apart > 0).mean()) <= MOST_ROUNDED
