"""Setting a template by Typst: values become literals, so that no text can be markup; one font, embedded."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from hepalith.anatomy.totalsegmentator import import_extra
from hepalith.errors import MissingExtraError

__all__ = ["FONT", "NO_DATE", "font_path", "literal", "require_pdf", "typeset"]

FEATURE, EXTRA = "writing PDF", "pdf"
"""What needs the extra, and its name."""

FONT: Final = "Noto Sans SC"
"""The one face of every PDF: Latin, Greek and Chinese of one design, under the SIL Open Font License 1.1."""

SUPERSCRIPTS: Final = frozenset(map(ord, "⁰⁴⁵⁶⁷⁸⁹"))
"""Powers of ten, which that face lacks in part: set in Libertinus Serif (OFL 1.1), which Typst brings."""

STANDARDS: Final = ("a-2a", "ua-1")
"""PDF/A-2a (ISO 19005-2), for archives, and PDF/UA-1 (ISO 14289-1), for readers by voice."""

NO_DATE: Final = date(1970, 1, 1)
"""Date of a document whose examination has none (PDF/A asks for one): before the first CT. Our judgement."""

BOX: Final = "\u25a1"
"""What stands for a letter that the font has not."""

SEGMENTED_COVERAGE: Final = 12
"""Number of the format of a ``cmap`` subtable that holds every plane of Unicode."""

STYLE = "sheet.typ"
"""The functions that the templates set their content with."""


def require_pdf() -> None:
    """Refuse to go on where the extra is not installed: before the work rather than after it.

    Raises
    ------
    MissingExtraError
        Naming the extra.
    """
    load_fonts()


def font_path() -> Path:
    """Return the file of the font.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    path: Path = import_extra("pylopdf_fonts_zh_cn", FEATURE, EXTRA).sans_path()
    return path


def typeset(template: str, content: Mapping[str, Any], pictures: Mapping[str, bytes]) -> bytes:
    """Return a PDF: a template, filled with content, set by Typst.

    Neither a clock, nor a random number, nor a font of the machine goes into it: the same content gives the
    same bytes.

    Parameters
    ----------
    template
        Name of a file in ``templates``; every value it prints becomes a literal of Typst's language.
    pictures
        Files that the content names.

    Raises
    ------
    MissingExtraError
        If the extra is not installed.
    """
    typst = import_extra("typst", FEATURE, EXTRA)
    text = replace_unknown(load_environment().get_template(template).render(content))
    style = files("hepalith.report").joinpath("templates", STYLE).read_bytes()
    sources = {"main.typ": text.encode(), STYLE: style, **pictures}
    compiler = typst.Compiler(sources, font_paths=load_fonts(), ignore_system_fonts=True)
    made: bytes = compiler.compile(format="pdf", pdf_standards=list(STANDARDS), timestamp=0)
    return made


def replace_unknown(text: str) -> str:
    """Return a text with a box for each letter that the font has not: a header may hold any."""
    known = known_letters() | SUPERSCRIPTS
    return text.translate({ord(letter): BOX for letter in set(text) - {"\n"} if ord(letter) not in known})


@cache
def known_letters() -> frozenset[int]:
    """Return the code points that the font has a glyph for, of its table ``cmap``.

    References
    ----------
    ISO/IEC 14496-22 (Open Font Format), 5.2.1: table directory, ``cmap``, subtable format 12.
    """
    font = font_path().read_bytes()
    (tables,) = struct.unpack_from(">H", font, 4)
    records = (struct.unpack_from(">4s4xL", font, 12 + 16 * n) for n in range(tables))
    start = dict(records)[b"cmap"]
    (encodings,) = struct.unpack_from(">H", font, start + 2)
    found = set[int]()
    for n in range(encodings):
        (offset,) = struct.unpack_from(">4xL", font, start + 4 + 8 * n)
        form, groups = struct.unpack_from(">H10xL", font, start + offset)
        if form == SEGMENTED_COVERAGE:
            for group in range(groups):
                first, last = struct.unpack_from(">LL", font, start + offset + 16 + 12 * group)
                found.update(range(first, last + 1))
    return frozenset(found)


def literal(value: object) -> str:
    r"""Return a value as a literal of Typst: text, number, truth, date, none, array or dictionary.

    Raises
    ------
    TypeError
        If the value has no literal: the template then prints what it should not.

    Examples
    --------
    >>> literal('a "b" \\ #c'), literal((1,)), literal({}), literal({"a-b": None})
    ('"a \\"b\\" \\\\ #c"', '(1,)', '(:)', '("a-b": none)')
    """
    match value:
        case None:
            text = "none"
        case bool():
            text = "true" if value else "false"
        case int() | float():
            text = repr(value)
        case str():
            shown = BEFORE_UNIT.sub("\u00a0", value)
            text = f'"{"".join(ESCAPES.get(c, c if c.isprintable() or c in SPACES else " ") for c in shown)}"'
        case date():
            text = f"datetime(year: {value.year}, month: {value.month}, day: {value.day})"
        case Mapping():
            pairs = (f"{literal(str(key))}: {literal(item)}" for key, item in value.items())
            text = f"({', '.join(pairs) or ':'})"
        case list() | tuple():
            text = f"({', '.join(literal(item) for item in value)}{',' if len(value) == 1 else ''})"
        case _ if is_dataclass(value):
            text = literal({field.name: getattr(value, field.name) for field in fields(value)})
        case _:
            raise TypeError(f"{type(value).__name__} has no literal in Typst")
    return text


ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "", "\u2009": "\u00a0", "\u202f": "\u00a0"}
"""Letters that stand otherwise in a string of Typst; and narrow spaces, which the font has not."""

SPACES: Final = "\u00a0\u3000"
"""Spaces that are meant: not to break, and as wide as a Chinese character. Others become plain ones."""

BEFORE_UNIT: Final = re.compile(r"(?<=\d) (?=(?:%|mm|cm|mL|mg|HU|kV|MHz|dB)(?!\w))")
"""The space between a number and its unit, where no line ends."""


@cache
def load_environment() -> Environment:
    """Return the templates; what they name must exist, and what they print is a literal."""
    return Environment(
        loader=PackageLoader("hepalith.report"),
        undefined=StrictUndefined,
        finalize=literal,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  -- every value is made a literal by `finalize`
    )


@cache
def load_fonts() -> Any:
    """Return the font, and those that Typst brings; none of the machine's.

    Raises
    ------
    MissingExtraError
        If its package is not installed, or no longer holds it.
    """
    typst = import_extra("typst", FEATURE, EXTRA)
    folder = font_path().parent
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[folder])
    if FONT not in fonts.families():
        raise MissingExtraError(f"{folder} holds no {FONT}: pip install 'hepalith[{EXTRA}]'")
    return fonts
