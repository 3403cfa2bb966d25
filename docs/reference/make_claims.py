"""Write ``claims.md`` from ``claims.toml``, pointers checked: ``python docs/reference/make_claims.py``."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCE, PAGE = HERE / "claims.toml", HERE / "claims.md"

NAMES = ("id", "name")
"""Keys that name a row of an array of tables."""

INTRODUCTION = """\
# Claims of the source article

Made by `python docs/reference/make_claims.py` from `claims.toml`; do not edit.

The work began with one article on calcification in the liver. It makes 146 claims, some of them wrong,
garbled or contradicting each other. Each stands here in our own words, with the place where it lives (below
`src/hepalith`), the test that shows it, and a note where it was repaired, kept under its own policy only, or
not used.

"""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: where it lives, what shows it, and a note; without a place the note is the reason."""

    id: str
    says: str
    place: tuple[str, ...] = ()
    shown_by: tuple[str, ...] = ()
    note: str = ""


def list_claims() -> tuple[Claim, ...]:
    """Return every claim, in the article's order."""
    rows = tomllib.loads(SOURCE.read_text(encoding="utf-8"))["claim"]
    lists = ("place", "shown_by")
    return tuple(Claim(**{k: tuple(v) if k in lists else v for k, v in row.items()}) for row in rows)


def find_faults(claim: Claim) -> list[str]:
    """Return what is wrong with a claim: no place and no reason, a pointer that leads nowhere, no test."""
    faults = []
    if not claim.place and not claim.note:
        faults.append("it lives nowhere and no reason is given")
    if claim.place and not claim.shown_by:
        faults.append("no test shows it")
    faults += [f"there is no {pointer}" for pointer in claim.place if not leads_somewhere(pointer)]
    faults += [f"there is no {pointer}" for pointer in claim.shown_by if not is_test(pointer)]
    return [f"{claim.id}: {fault}" for fault in faults]


def leads_somewhere(pointer: str) -> bool:
    """Return whether a place exists: a file, a key or row in a TOML file, a name in a module."""
    name, _, key = pointer.replace("::", "#").partition("#")
    path = ROOT / "src/hepalith" / name
    if not path.is_file():
        return False
    if not key:
        return True
    return key in names_in(path) if path.suffix == ".py" else has_key(load(path), key)


def is_test(pointer: str) -> bool:
    """Return whether a test exists, and the case of it that is named."""
    found = re.fullmatch(r"(tests/[\w/]+\.py)::(test_\w+)(?:\[(\w+)\])?", pointer)
    if found is None or not (ROOT / found[1]).is_file():
        return False
    path = ROOT / found[1]
    named = found[2] in names_in(path)
    return named and (found[3] is None or f'"{found[3]}"' in path.read_text(encoding="utf-8"))


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the functions, classes and constants of a module."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return frozenset(names)


@cache
def load(path: Path) -> dict[str, Any]:
    """Return a TOML file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def has_key(table: dict[str, Any], key: str) -> bool:
    """Return whether a table has a dotted key, or a row of that name in one of its arrays."""
    rows = [row for value in table.values() if isinstance(value, list) for row in value]
    if any(isinstance(row, dict) and key in (row.get(name) for name in NAMES) for row in rows):
        return True
    held: Any = table
    for part in key.split("."):
        if not isinstance(held, dict) or part not in held:
            return False
        held = held[part]
    return True


def render() -> str:
    """Return the page.

    Raises
    ------
    ValueError
        If a claim has a fault; the message names every one.
    """
    claims = list_claims()
    faults = [fault for claim in claims for fault in find_faults(claim)]
    if faults:
        raise ValueError("; ".join(faults))
    unused = [claim.id for claim in claims if not claim.place]
    lines = [INTRODUCTION + f"{len(claims)} claims; {len(unused)} live nowhere: {', '.join(unused)}.", ""]
    lines += ["| | says | lives in | shown by | note |", "| --- | --- | --- | --- | --- |"]
    for claim in claims:
        places = "<br>".join(f"`{p}`" for p in claim.place) or "not used"
        tests = "<br>".join(f"`{t.rpartition('/')[2]}`" for t in claim.shown_by)
        lines.append(f"| {claim.id} | {claim.says} | {places} | {tests} | {claim.note} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
