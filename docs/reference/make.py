"""Write ``commands.md`` from the parsers themselves: ``python docs/reference/make.py``."""

from __future__ import annotations

import argparse
from pathlib import Path

from hepalith.cli.main import COMMANDS, EPILOGUE, build_parser

PAGE = Path(__file__).resolve().parent / "commands.md"


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
        name += f" {action.metavar}"
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


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
