"""A reading in words for the patient: plain and calm, without a diagnosis and without a promise."""

from __future__ import annotations

from hepalith.reading.document import Document, Quantity
from hepalith.reading.phrases import phrase
from hepalith.reading.summary import WHOLE_LIVER
from hepalith.reading.wording import span_text

__all__ = ["Said", "most_urgent", "next_for_patient", "seen_by_patient", "summarise_for_patient"]

Said = tuple[str, dict[str, object]]
"""One sentence of the table ``patient``, and what fills its blanks."""


def summarise_for_patient(document: Document, language: str) -> str:
    """Return the patient's text: plain, calm, without a diagnosis and without a promise."""
    keys: list[Said] = [("what", {})]
    if not document.is_answerable:
        keys += [("unanswerable", {}), ("ask_again", {})]
    else:
        keys += seen_by_patient(document)
        if document.liver.in_view < WHOLE_LIVER and document.calcifications:
            keys.append(("part", {}))
        if document.calcifications:
            keys.append(("causes", {}))
        if document.alerts:
            keys.append((f"alert_{most_urgent(document)}", {}))
        keys += next_for_patient(document)
    keys += [("discuss", {}), ("worse", {}), ("notice", {})]
    return "\n".join(phrase("patient", key, language, **values) for key, values in keys)


def most_urgent(document: Document) -> str | None:
    """Return how soon a physician has to look: the most urgent of the alerts; ``None`` without alerts."""
    raised = {alert.urgency for alert in document.alerts}
    return next((urgency for urgency in ("today", "prompt", "routine") if urgency in raised), None)


def seen_by_patient(document: Document) -> list[Said]:
    """Say what was seen, in everyday words."""
    foci = document.calcifications
    keys: list[Said] = []
    sizes = [f.diameter.value for f in foci if isinstance(f.diameter, Quantity)]
    if not foci:
        keys.append(("none" if document.liver.in_view >= WHOLE_LIVER else "none_part", {}))
        smallest = document.detectability.smallest_focus
        if isinstance(smallest, Quantity):
            keys.append(("none_small", {"size": max(1, round(smallest.value))}))
        keys.append(("not_healthy", {}))
    else:
        key = "one" if len(foci) == 1 else "many"
        values: dict[str, object] = {"count": len(foci)}
        if sizes:
            values["size"] = max(1, round(max(sizes)))
        keys.append((key if sizes else f"{key}_unsized", values))
    if document.mimics:
        keys.append(("mimics", {}))
    return keys


def next_for_patient(document: Document) -> list[Said]:
    """Say when a next step is suggested: the earliest of the plan."""
    due = [action.due for action in document.plan if action.due is not None]
    if due:
        first = min(due, key=lambda d: (d.start, d.end))
        if document.study.date is not None and first.start <= document.study.date:
            return [("due_by", {"end": first.end.isoformat()})]
        return [("due", {"start": first.start.isoformat(), "end": first.end.isoformat()})]
    after = [action.after for action in document.plan if action.after is not None]
    if after:
        soonest = min(after, key=lambda a: (a.from_months, a.to_months))
        return [("after", {"months": span_text(soonest.from_months, soonest.to_months)})]
    return []
