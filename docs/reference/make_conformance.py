"""Write ``docs/conformance.md``, its tables from the code: ``python docs/reference/make_conformance.py``."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from pydicom.uid import UID

from hepalith.report.dicom.segments import SEG_SOP_CLASS
from hepalith.report.formats import FORMATS
from hepalith.server.dimse.fetch import COMPRESSED
from hepalith.server.dimse.peer import STUDY_ROOT_FIND, STUDY_ROOT_GET, STUDY_ROOT_MOVE, UNCOMPRESSED
from hepalith.server.dimse.receiver import VERIFICATION
from hepalith.study.header import CT_CLASSES, SECONDARY_CAPTURE, US_CLASSES
from hepalith.vocabulary import Code, load_vocabulary
from hepalith.vocabulary.coding import DESIGNATORS, SCHEME_URIS, Coded, coded, concept, read_concepts

__all__ = ["PAGE", "find_faults", "render"]

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "conformance.md"
INTRODUCTION = PAGE.with_suffix(".in.md")
REASONS = HERE / "private_codes.toml"
PACKAGE = HERE.parents[1] / "src" / "hepalith"

NAMED = {
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
}
"""UIDs that are newer than pydicom's table (DICOM PS3.6, annex A)."""

WRITERS = {"sr": "sr", "dicompdf": "pdf", "keyimages": "capture"}
"""Modules of `report.dicom` that set the SOP class of a format's object, by the name of the format."""

SERVICES = (
    (VERIFICATION, "yes", "yes"),
    (STUDY_ROOT_FIND, "yes", "no"),
    (STUDY_ROOT_GET, "yes", "no"),
    (STUDY_ROOT_MOVE, "yes", "no"),
)
"""Services beside storage: UID, whether used, whether offered."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def say_uid(uid: str) -> str:
    """Return the name of a UID of the standard."""
    return NAMED.get(uid) or re.sub(r":.*| Information Model", "", UID(uid).name)


def sop_class_of(module: str) -> str:
    """Return the SOP class that a writer sets: the name of pydicom's that it assigns.

    Raises
    ------
    ValueError
        If it sets none, or several.
    """
    tree = ast.parse((PACKAGE / "report" / "dicom" / f"{module}.py").read_text(encoding="utf-8"))
    found = {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Attribute)
        and node.targets[0].attr == "SOPClassUID"
        and isinstance(node.value, ast.Name)
    }
    if len(found) != 1:
        raise ValueError(f"{module}.py sets {len(found)} SOP classes; one was expected")
    return str(getattr(importlib.import_module("pydicom.uid"), found.pop()))


def list_objects() -> Iterator[tuple[str, str, str, str]]:
    """Yield what is made: option, file, SOP class and UID."""
    for kind, uid in SEG_SOP_CLASS.items():
        option = "seg" + (f", with `--segmentation {kind}`" if kind != "binary" else "")
        yield option, FORMATS["seg"].files[0], say_uid(uid), uid
    for name, module in WRITERS.items():
        uid = sop_class_of(module)
        yield name, FORMATS[name].files[0], say_uid(uid), uid


def objects() -> str:
    """Return the table of the objects made."""
    rows = [(f"`{n}`" if "," not in n else n, f"`{f}`", c, f"`{u}`") for n, f, c, u in list_objects()]
    return table(("`--write`", "file", "SOP class", "UID"), rows)


def classes_read() -> str:
    """Return the table of the SOP classes that are read."""
    uids = [*CT_CLASSES, *sorted(US_CLASSES)]
    rows = [(say_uid(uid), f"`{uid}`") for uid in uids]
    return table(
        ("SOP class", "UID"), [*rows, ("Secondary Capture classes, of ultrasound", f"`{SECONDARY_CAPTURE}…`")]
    )


def transfer_syntaxes() -> str:
    """Return the table of the encodings that are asked for when images are fetched."""
    return table(
        ("transfer syntax", "UID"), [(say_uid(uid), f"`{uid}`") for uid in (*UNCOMPRESSED, *COMPRESSED)]
    )


def services() -> str:
    """Return the table of the network services."""
    rows = [(say_uid(uid), f"`{uid}`", scu, scp) for uid, scu, scp in SERVICES]
    rows.append(("Storage", "`1.2.840.10008.5.1.4.1.1.…`, `1.2.840.10008.5.1.4.34.…`", "yes", "yes"))
    return table(("service", "UID", "SCU", "SCP"), rows)


def schemes() -> str:
    """Return the table of the coding schemes."""
    names = {designator: system for system, designator in DESIGNATORS.items()}
    rows = [(f"`{d}`", names.get(d, ""), f"`{uri}`") for d, uri in SCHEME_URIS.items()]
    return table(("designator in DICOM", "in the vocabulary", "system in FHIR"), rows)


def list_codes() -> Iterator[tuple[str, str, Code | None, Coded]]:
    """Yield everything that has a code: id as shown, group, public code if any, what is written."""
    for entry in load_vocabulary():
        yield entry.id, entry.group, entry.code, coded(entry.id)
        if not entry.choices_from:
            for choice in entry.choices:
                yield f"{entry.id} = {choice.id}", "choice", choice.code, coded(entry.id, choice.id)
    for name, (_, code) in read_concepts().items():
        yield f"{name}", "concept", code, concept(name)


def public_codes() -> str:
    """Return the table of the public codes."""
    rows = [
        (f"`{name}`", group, written.scheme, f"`{written.value}`", written.meaning, code.checked or "")
        for name, group, code, written in list_codes()
        if code is not None
    ]
    return table(("id", "group", "scheme", "code", "meaning", "checked in"), rows)


@cache
def load_reasons() -> Mapping[str, Mapping[str, str]]:
    """Return why concepts are private: by id, and by group."""
    return tomllib.loads(REASONS.read_text(encoding="utf-8"))


def reason_of(name: str, group: str) -> str:
    """Return why something has a private code."""
    reasons = load_reasons()
    return reasons["one"].get(name) or reasons["group"].get(group, "")


def private_codes() -> str:
    """Return the table of the private codes."""
    rows = [
        (f"`{name}`", group, f"`{written.value}`", written.meaning, reason_of(name, group))
        for name, group, code, written in list_codes()
        if code is None
    ]
    return table(("id", "group", "code", "meaning", "why private"), rows)


def find_faults() -> list[str]:
    """Return what is wrong: a private code without a reason, a reason without a private code."""
    private = {name: group for name, group, code, _ in list_codes() if code is None}
    faults = [f"{name} has no reason" for name, group in private.items() if not reason_of(name, group)]
    faults += [
        f"{name} has a reason but no private code" for name in load_reasons()["one"] if name not in private
    ]
    groups = set(private.values())
    return faults + [
        f"no private code is of the group {g}" for g in load_reasons()["group"] if g not in groups
    ]


def fixed_codes() -> str:
    """Return the table of the codes that writers fix since DICOM's templates do."""
    found: set[tuple[str, str, str]] = set()
    for path in sorted((PACKAGE / "report" / "dicom").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if node.func.id in {"dcm", "sct"} and len(texts) == 2:
                found.add((node.func.id.upper(), texts[0], texts[1]))
            elif node.func.id == "Coded" and len(texts) == 3 and texts[1] != "UCUM":
                found.add((texts[1], texts[0], texts[2]))
    return table(("scheme", "code", "meaning"), [(s, f"`{v}`", m) for s, v, m in sorted(found)])


def counts() -> str:
    """Return how many codes there are of each scheme."""
    schemes_used = [written.scheme for *_, written in list_codes()]
    told = [f"{schemes_used.count(s)} {s}" for s in SCHEME_URIS if schemes_used.count(s)]
    return f"In all {len(schemes_used)} concepts: {', '.join(told)}."


TABLES: Mapping[str, Callable[[], str]] = {
    "objects": objects,
    "classes read": classes_read,
    "transfer syntaxes": transfer_syntaxes,
    "services": services,
    "schemes": schemes,
    "counts": counts,
    "public codes": public_codes,
    "fixed codes": fixed_codes,
    "private codes": private_codes,
}
"""What stands in the introduction between ``{{`` and ``}}``."""


def render() -> str:
    """Return the page.

    Raises
    ------
    ValueError
        If the reasons for private codes do not fit the vocabulary.
    """
    faults = find_faults()
    if faults:
        raise ValueError(f"{REASONS.name}: {'; '.join(faults)}")
    return re.sub(r"\{\{ (.+?) \}\}", lambda m: TABLES[m[1]](), INTRODUCTION.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
