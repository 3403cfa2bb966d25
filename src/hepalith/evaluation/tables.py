"""Tables in Markdown, and how a cell says how much it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from hepalith.evaluation.bootstrap import Estimate
from hepalith.evaluation.confusion import Confusion
from hepalith.evaluation.measurement import Cell

__all__ = ["bias_cell", "class_name", "confusion_table", "percent", "share", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; a line that says there is nothing where no row is left."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    if not body:
        return ["Nothing to count in this set."]
    return [f"| {' | '.join(head)} |", "|" + " --- |" * len(head), *body]


def share(estimate: Estimate) -> str:
    """Return a share as per cent with interval and n.

    Examples
    --------
    >>> share(Estimate(0.912, 0.88, 0.94, 340, 40))
    '91 % (88 to 94; n = 340)'
    """
    if not estimate.count:
        return "–"
    mark = " †" if estimate.is_few else ""
    value, low, high = (100 * v for v in (estimate.value, estimate.low, estimate.high))
    return f"{value:.0f} % ({low:.0f} to {high:.0f}; n = {estimate.count}{mark})"


def percent(value: float, *, signed: bool = False) -> str:
    """Return a share as per cent with one decimal.

    Examples
    --------
    >>> percent(-0.0312, signed=True)
    '-3.1 %'
    """
    if not math.isfinite(value):
        return "–"
    return f"{100 * value:+.1f} %" if signed else f"{100 * value:.1f} %"


def bias_cell(cell: Cell) -> str:
    """Return bias, spread beside its bound, coverage and n of a cell."""
    if not cell.count:
        return "–"
    mark = " †" if cell.bias.is_few else ""
    bound = f" (bound {100 * cell.bound:.0f})" if math.isfinite(cell.bound) else ""
    held = f"{100 * cell.coverage.value:.0f} %" if cell.coverage.count else "–"
    low, high = 100 * cell.bias.low, 100 * cell.bias.high
    spread = f"{100 * cell.spread.value:.0f}" if cell.spread.count else "–"
    return (
        f"{100 * cell.bias.value:+.0f} ({low:+.0f} to {high:+.0f}), CV {spread}{bound}, "
        f"covers {held}, n = {cell.count}{mark}"
    )


def class_name(low: float, high: float, unit: str) -> str:
    """Return the name of a class of sizes or contrasts.

    Examples
    --------
    >>> class_name(0, 2, "mm"), class_name(2, 3, "mm"), class_name(8, float("inf"), "mm")
    ('below 2 mm', '2 to 3 mm', '8 mm and more')
    """
    if low <= 0:
        return f"below {high:g} {unit}"
    return f"{low:g} to {high:g} {unit}" if math.isfinite(high) else f"{low:g} {unit} and more"


def confusion_table(confusion: Confusion, what: str) -> list[str]:
    """Return a confusion as a table: a row is what is true, a column what it was called."""
    if not confusion.rows:
        return ["Nothing to count in this set."]
    rows = [
        [
            row,
            *(str(confusion.counts.get((row, c), 0) or "·") for c in confusion.columns),
            str(confusion.row_right(row)),
        ]
        for row in confusion.rows
    ]
    return [
        *table([f"true {what} \\ called", *confusion.columns, "right"], rows),
        "",
        f"Right: {confusion.right}.",
    ]
