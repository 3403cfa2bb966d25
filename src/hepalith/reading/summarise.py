"""The document's summaries, written from the rest of it."""

from __future__ import annotations

from hepalith.reading.document import Document, SummaryEntry, TextEntry
from hepalith.reading.layperson import summarise_for_patient
from hepalith.reading.summary import summarise_for_radiology

__all__ = ["with_summary"]


def with_summary(document: Document) -> Document:
    """Return the document with its summaries, written from the rest of it."""
    summary = SummaryEntry(
        radiology=TextEntry(
            en=summarise_for_radiology(document, "en"), zh=summarise_for_radiology(document, "zh")
        ),
        patient=TextEntry(en=summarise_for_patient(document, "en"), zh=summarise_for_patient(document, "zh")),
    )
    return document.model_copy(update={"summary": summary})
