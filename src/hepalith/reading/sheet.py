"""Lines of a table as wide as asked for: headings, paragraphs and rows, in English and Chinese."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from hepalith.reading.phrases import phrase

__all__ = ["BOLD", "NARROWEST", "RED", "Sheet", "columns", "wrap"]

NARROWEST = 60
"""Fewest columns a table is laid out for."""

WIDE = frozenset({"W", "F"})
"""East Asian widths that take two columns of a terminal (Unicode Standard Annex 11)."""

PLACE = 5
"""Columns of a place in the ranking, with the space around it."""

CLOSING, OPENING = "，。；：、）》”】％", "（《“【"
"""Signs that no line begins with, and those that none ends with."""

BOLD, DIM, RED, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"
"""ANSI: shown only where the caller says that colour is wanted."""


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes.

    Examples
    --------
    >>> columns("ab"), columns("钙化")
    (2, 4)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if is_wide(c) else 1 for c in text)


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Return a text in lines of at most so many columns; Chinese breaks anywhere, English between words.

    Examples
    --------
    >>> wrap("one two three", 8, "  ")
    ['  one', '  two', '  three']
    >>> wrap("肝内钙化", 5)
    ['肝内', '钙化']
    """
    lines, line, taken = [], "", columns(indent)
    for piece in pieces(text):
        if line and taken + columns(piece.rstrip()) > width:
            lines.append(indent + line.rstrip())
            line, taken = "", columns(indent)
        added = piece if line else piece.lstrip()
        line, taken = line + added, taken + columns(added)
    return [*lines, indent + line.rstrip()] if line.strip() else lines


def pieces(text: str) -> Iterable[str]:
    """Give the parts between which a line may break: words with the space after them, wide letters singly.

    No line begins with a closing sign or a percent sign, or ends with an opening one.
    """
    word = ""
    for letter, after in zip(text, f"{text[1:]} ", strict=False):
        if letter == " " and after == "%":
            word += letter
        elif letter == " ":
            yield word + letter
            word = ""
        elif word and breaks(word[-1], letter):
            yield word
            word = letter
        else:
            word += letter
    if word:
        yield word


def breaks(before: str, after: str) -> bool:
    """Return whether a line may break between two letters."""
    wide = is_wide(before) or is_wide(after)
    return wide and after not in CLOSING and before not in OPENING


def is_wide(letter: str) -> bool:
    """Return whether a letter takes two columns of a terminal."""
    return unicodedata.east_asian_width(letter) in WIDE


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Return a text filled up to so many columns."""
    space = " " * max(0, width - columns(text))
    return space + text if right else text + space


class Sheet:
    """Lines of a table as they are written: headings, paragraphs, rows."""

    def __init__(self, width: int, language: str, *, colour: bool) -> None:
        self.width, self.language, self.colour = max(width, NARROWEST), language, colour
        self.lines: list[str] = []

    def heading(self, key: str, **values: object) -> None:
        """Begin a section."""
        text = phrase("opinion", key, self.language, **values)
        self.lines += ([""] if self.lines else []) + [self.painted(text, BOLD)]

    def painted(self, text: str, code: str) -> str:
        """Return a text in a colour where colour is wanted."""
        return f"{code}{text}{PLAIN}" if self.colour else text

    def paragraph(self, text: str, *, first: str = "  ", code: str = "") -> None:
        """Add a text, its later lines under the first one's beginning."""
        rest = " " * columns(first)
        wrapped = wrap(text, self.width, rest)
        if wrapped:
            wrapped[0] = first + wrapped[0][len(rest) :]
        self.lines += [self.painted(line, code) if code else line for line in wrapped]

    def rows(self, header: Sequence[str], table: Sequence[Sequence[str]]) -> None:
        """Add a table whose first column takes what is left of the width, the others what they need."""
        sizes = [max(columns(row[i]) for row in (header, *table)) for i in range(1, len(header))]
        first = self.width - sum(sizes) - 2 * len(sizes)
        widest = max(columns(row[0]) for row in (header, *table))
        first = max(min(first, widest + PLACE), NARROWEST // 3)
        for place, row in enumerate((header, *table)):
            name = wrap(row[0], first, " " * PLACE) or [""]
            cells = "".join("  " + padded(c, s, right=True) for c, s in zip(row[1:], sizes, strict=True))
            number = f"{place:>{PLACE - 2}}  " if place else " " * PLACE
            line = padded(number + name[0][PLACE:], first) + cells
            self.lines.append(line if place else self.painted(line, DIM))
            self.lines += name[1:]

    @property
    def text(self) -> str:
        """The whole sheet."""
        return "\n".join(line.rstrip() for line in self.lines)
