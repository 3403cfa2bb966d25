"""A measurement or coded evaluation as content items: its interval or probability, or why it has no value.

What is not assessable is a coded evaluation of the quantity (undetermined, with the reason) and no number
with a numeric value qualifier, though PS3.3 (C.18.1) has that too: OHIF stops loading a report at a number
that has no value (its `_getLabelFromMeasuredValueSequence`), and then shows none of it.

References
----------
DICOM PS3.16, TID 300 (measurement), 310 (its properties), CID 225 (uncertainty), 240 (present and absent).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hepalith.reading.document import Measured, Quantity
from hepalith.reading.translate import translate
from hepalith.report.dicom.sr_code import DCM, RANGES, STATES, Named, say, unit
from hepalith.report.dicom.sr_context import Draft
from hepalith.report.dicom.sr_item import CONTAINS, MODIFIER, PROPERTY, Item, code, number, text

__all__ = ["JUDGED", "comment", "evaluate", "measure", "quantify", "weigh"]

JUDGED: Final = 0.5
"""Probability from which a state that the reading gives as a probability alone is said to be present."""


def measure(draft: Draft, name: Named, value: Measured | None, modifiers: Sequence[Item] = ()) -> Item:
    """Return a measurement; where there is none, that it could not be judged or was not looked for."""
    if value is None:
        return unjudged(name, "unknown", say("not_looked_for", draft.language), modifiers)
    if not isinstance(value, Quantity):
        reason = translate(value.not_assessable, draft.language)
        return unjudged(name, "not_assessable", reason, modifiers)
    return quantify(CONTAINS, name, value, modifiers)


def unjudged(name: Named, state: str, reason: str, modifiers: Sequence[Item]) -> Item:
    """Return that a quantity has no value, and why."""
    return code(CONTAINS, name, STATES[state], [*modifiers, comment(PROPERTY, reason)])


def quantify(relation: str, name: Named, value: Quantity, modifiers: Sequence[Item] = ()) -> Item:
    """Return a number with its unit and the ranges of its uncertainty.

    A number that would have no child gets its name once more: OHIF looks into the children of every number of
    a group without an outline, and stops where there are none.
    """
    ucum = unit(value.unit)
    ends = {"low": value.low, "high": value.high}
    ranges = [
        number(PROPERTY, kind, sign * (end - value.value), ucum)
        for key, kind, sign in RANGES
        if (end := ends[key]) is not None
    ]
    children = [*modifiers, *ranges]
    if not children:
        children = [text(MODIFIER, DCM.EQUIVALENT_NAME, name.meaning or name.coded.meaning)]
    return number(relation, name, value.value, ucum, children)


def evaluate(
    draft: Draft, name: Named, value: Named, probability: float | None = None, reason: str | None = None
) -> Item:
    """Return a coded evaluation with its probability and reason."""
    children = weigh(draft, probability)
    if reason:
        children.append(comment(PROPERTY, translate(reason, draft.language)))
    return code(CONTAINS, name, value, children)


def weigh(draft: Draft, probability: float | None) -> list[Item]:
    """Return a probability as a property, if there is one."""
    if probability is None:
        return []
    return [number(PROPERTY, draft.thing("probability"), probability, unit("1"))]


def comment(relation: str, said: str) -> Item:
    """Return a comment."""
    return text(relation, DCM.COMMENT, said)
