"""Write the pages beside this file from the code itself: ``python docs/reference/make.py``."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import Any

import hepalith
from hepalith.cli.main import COMMANDS, EPILOGUE, build_parser
from hepalith.study.alias import list_aliases
from hepalith.study.claim import KEYS, TABLES
from hepalith.study.unit import list_conversions
from hepalith.vocabulary import load_vocabulary

PAGE = Path(__file__).resolve().parent / "commands.md"
PATIENT_PAGE = PAGE.with_name("patient-file.md")

PYTHON_PAGE = PAGE.with_name("python.md")

PATIENT_INTRODUCTION = PAGE.with_name("patient-file.in.md")
"""What no code can say for itself."""


def subparser(name: str) -> argparse.ArgumentParser:
    """Return the parser of one command, its options filled in."""
    parser = build_parser(only=name)
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    found: argparse.ArgumentParser = commands.choices[name]
    return found


def row(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """Return one option as a row of a table."""
    name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    if action.option_strings and action.metavar:
        name += " " + str(action.metavar).replace("|", "\\|")
    elif action.choices:
        name += " " + "\\|".join(map(str, action.choices))
    text = (action.help or "") % {"default": action.default, "prog": parser.prog}
    needed = "required; " if action.required and action.option_strings else ""
    return f"| `{name}` | {needed}{text} |"


def render() -> str:
    """Return the page."""
    parts = ["# Commands", "", "Made by `python docs/reference/make.py` from the parsers; do not edit.", ""]
    for command in COMMANDS:
        parser = subparser(command.name)
        parts += [
            f"## hepalith {command.name}",
            "",
            f"{parser.description}",
            "",
            "| option | meaning |",
            "| --- | --- |",
        ]
        parts += [row(a, parser) for a in parser._actions if not isinstance(a, argparse._HelpAction)]
        parts.append("")
    parts += ["## Exit status", "", "```", *EPILOGUE.splitlines()[1:], "```", ""]
    return "\n".join(parts)


def says(statements: dict[str, Any]) -> str:
    """Return what an alias stands for, as a cell of a table."""
    return ", ".join(f"`{name} = {shown(value)}`" for name, value in statements.items()) or "nothing"


def shown(value: object) -> str:
    """Return a value as a patient file would write it."""
    if isinstance(value, list):
        return f"any of {len(value)} others" if len(value) > 5 else " or ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def render_patient_page() -> str:
    """Return the page of the patient file."""
    introduction = PATIENT_INTRODUCTION.read_text(encoding="utf-8")
    missing = [key for key in (*KEYS, *TABLES) if f"`{key}`" not in introduction]
    if missing:
        raise ValueError(f"{PATIENT_INTRODUCTION.name} does not explain {', '.join(missing)}")
    settings = ", ".join(f"`{term.id}`" for term in load_vocabulary().of_group("setting"))
    lines = [introduction.format(settings=settings).rstrip()]
    forms = {term.id for term in load_vocabulary().of_group("morphology")}
    rows = {a.name: a for a in list_aliases().values() if a.name not in forms}
    lines += [
        f"| {', '.join(f'`{name}`' for name in (a.name, *a.also))} | {says(a.when_true)} "
        f"| {says(a.when_false)} | {a.source} |"
        for a in rows.values()
    ]
    named = ", ".join(f"`{name}`" for name in sorted(forms))
    lines += [
        "",
        f"So are the forms of a focus, true for the form of the leading calcification: {named}.",
        "",
    ]
    lines += ["## Units that are converted", "", "| of | unit | to | times | from |"]
    lines.append("| --- | --- | --- | --- | --- |")
    lines += [
        f"| {c.of or 'any'} | {c.start} | {c.to} | {c.factor:g} | {c.source} |" for c in list_conversions()
    ]
    return "\n".join(lines) + "\n"


def entry(name: str, held: object, depth: int) -> list[str]:
    """Return one public name: its signature, what it does, and its methods."""
    lines = [
        f"{'#' * depth} `{name}{signature(held)}`",
        "",
        (inspect.getdoc(held) or "").partition("\n")[0],
        "",
    ]
    if inspect.isclass(held) and not issubclass(held, Exception):
        for method, value in vars(held).items():
            function = value.fget if isinstance(value, property) else value
            if not method.startswith("_") and inspect.isfunction(function):
                shown = f"`{method}{'' if isinstance(value, property) else signature(function)}`"
                lines.append(f"- {shown}: {told(function)}")
        lines.append("")
    return lines


def told(held: object) -> str:
    """Return the first line of what something says of itself."""
    return (inspect.getdoc(held) or "").partition("\n")[0]


def signature(held: object) -> str:
    """Return how something is called; nothing for what is only looked at."""
    if not callable(held) or (inspect.isclass(held) and issubclass(held, Exception)):
        return ""
    called = inspect.signature(held)
    bare = [p.replace(annotation=p.empty) for p in called.parameters.values() if p.name != "self"]
    return str(called.replace(parameters=bare, return_annotation=called.empty)).replace("<factory>", "…")


def render_python_page() -> str:
    """Return the page of the public names."""
    lines = ["# Python", "", "Made by `python docs/reference/make.py` from the code; do not edit.", ""]
    lines += ["Everything public is in the package itself: `import hepalith`.", ""]
    for name in sorted(set(hepalith.__all__) - {"__version__"}, key=str.lower):
        lines += entry(name, getattr(hepalith, name), 2)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PYTHON_PAGE.write_text(render_python_page(), encoding="utf-8")
    PAGE.write_text(render(), encoding="utf-8")
    PATIENT_PAGE.write_text(render_patient_page(), encoding="utf-8")
