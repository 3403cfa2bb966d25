"""What the rooms load, and what they do not."""

import json
import subprocess
import sys

HEAVY = ("SimpleITK", "pydicom", "highdicom", "nibabel", "gdcm", "PIL", "cc3d", "edt")


def loaded_after(statement: str) -> set[str]:
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_reasoning_from_a_patient_file_loads_no_image_library() -> None:
    loaded = loaded_after(
        "import hepalith.differential, hepalith.management, hepalith.finding, hepalith.study"
    )
    assert loaded.isdisjoint(HEAVY)


def test_importing_the_package_loads_nothing_else() -> None:
    assert loaded_after("import hepalith").isdisjoint({*HEAVY, "numpy", "pydantic", "scipy"})


def test_help_loads_nothing_but_the_standard_library() -> None:
    script = """
import contextlib, io
from hepalith.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(["--help"])
"""
    assert loaded_after(script).isdisjoint({*HEAVY, "numpy", "pydantic", "scipy"})


def test_a_reading_starts_without_what_only_some_readings_need() -> None:
    loaded = loaded_after("import hepalith.pipeline")
    assert loaded.isdisjoint({"SimpleITK", "onnxruntime", "matplotlib", "highdicom"})
