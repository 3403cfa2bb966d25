"""The documentation says what is there."""

import importlib.util
import re
from pathlib import Path

import pytest

from hepalith.study.patient_file import read_patient

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


def test_the_page_of_commands_is_current() -> None:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs/reference/make.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.PAGE.read_text(encoding="utf-8") == maker.render(), "run python docs/reference/make.py"
    page = maker.PATIENT_PAGE.read_text(encoding="utf-8")
    assert page == maker.render_patient_page(), "run python docs/reference/make.py"
    page = maker.PYTHON_PAGE.read_text(encoding="utf-8")
    assert page == maker.render_python_page(), "run python docs/reference/make.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_python_of_the_tutorial_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("tutorial.md", "python")
    exec(compile(code, "tutorial.md", "exec"), {})  # noqa: S102
    assert "WHAT IF" in capsys.readouterr().out


@pytest.mark.parametrize("text", blocks("tutorial.md", "toml"))
def test_the_patient_files_of_the_tutorial_are_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "patient.toml"
    path.write_text(text, encoding="utf-8")
    assert read_patient(path).age_years == 46


def test_every_hazard_names_a_test_that_exists() -> None:
    page = (ROOT / "docs/intended-use.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", page)
    assert len(named) >= 5
    texts = {
        path: (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).exists() else "" for path, _ in named
    }
    missing = [f"{path}::{name}" for path, name in named if f"def {name or 'test_'}" not in texts[path]]
    assert missing == []


def test_the_version_is_said_once_and_the_same_everywhere() -> None:
    version = re.search(
        r'__version__ = "(.+)"', (ROOT / "src/hepalith/__init__.py").read_text(encoding="utf-8")
    )
    assert version is not None
    for name, pattern in (
        ("pyproject.toml", '\nversion = "{}"'),
        ("CITATION.cff", "\nversion: {}"),
        ("CHANGELOG.md", "## {}"),
    ):
        assert pattern.format(version[1]) in (ROOT / name).read_text(encoding="utf-8"), name


def test_nothing_committed_names_a_machine() -> None:
    suspicious = re.compile(r"(?<![\w.])/(?:work|root|mnt|home)/\w|https?://\S+\.(?:whl|tar\.gz|tgz)")
    texts = [p for p in ROOT.glob("src/**/*") if p.suffix in {".py", ".toml", ".html", ".json"}]
    texts += [*PAGES, ROOT / "Makefile", ROOT / "pyproject.toml"]
    assert [str(p) for p in texts if suspicious.search(p.read_text(encoding="utf-8"))] == []
