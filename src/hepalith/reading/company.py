"""What keeps a focus company, in words: its segment, the ducts beside it, the lesion around it, the rest."""

from __future__ import annotations

from hepalith.calcification.focus import BESIDE_REASON
from hepalith.reading.document import Choice, Document, FindingEntry, FocusEntry, Quantity, Unassessed
from hepalith.reading.phrases import phrase
from hepalith.reading.punctuation import PAUSE
from hepalith.reading.terms import say_choice, say_inline
from hepalith.reading.wording import percent_text, quantity_text

__all__ = ["around_texts", "company_texts", "place_text"]

ABOUT_FOCI = frozenset({"host_kind", "host_diameter", "host_position", "duct_relation", "bile_around_focus"})
"""Findings that are said focus by focus, and not once more for the liver."""

OF_THE_LIVER = frozenset(
    {
        "mass_without_calcium",
        "steatosis",
        "dense_parenchyma",
        "hepatomegaly",
        "small_liver",
        "nodular_surface",
    }
)
"""Findings of the liver as a whole that are said beside those of its neighbours."""

AROUND = frozenset({"neighbour", "duct", "segment", "host"})
"""Kinds of subject whose findings are said once for the whole reading."""


def place_text(focus: FocusEntry, language: str) -> str:
    """Return lobe and segment of a focus, as a report names them."""
    capsule = focus.location.capsule_distance
    beside = isinstance(capsule, Unassessed) and capsule.not_assessable == BESIDE_REASON
    lobe = phrase("lobe", "beside" if beside else focus.location.lobe or "unassessed", language)
    segment, probability = focus.location.segment, focus.location.segment_probability
    if segment is None or probability is None:
        return lobe
    said = percent_text(probability, language)
    return phrase("company", "place", language, lobe=lobe, segment=segment, probability=said)


def company_texts(focus: FocusEntry, language: str) -> tuple[str, ...]:
    """Return how a focus lies to ducts and what lesion lies around it; empty where neither can be said."""
    return tuple(text for text in (_duct_text(focus, language), _host_text(focus, language)) if text)


def _duct_text(focus: FocusEntry, language: str) -> str:
    """Return how a focus lies to the bile ducts."""
    duct = focus.duct
    if duct.relation == "not_assessable":
        return ""
    details = []
    if isinstance(duct.calibre, Quantity) and duct.relation != "apart":
        size = quantity_text(duct.calibre, language, interval=True)
        details.append(phrase("company", "calibre", language, size=size))
    if duct.dilated == "present":
        details.append(phrase("company", f"dilated_{duct.side or 'none'}", language))
    probability = duct.probabilities.get(duct.relation)
    if probability is not None:
        details.append(percent_text(probability, language))
    return phrase("company", duct.relation, language, details=_brackets(details, language))


def _host_text(focus: FocusEntry, language: str) -> str:
    """Return what lesion lies around a focus."""
    host = focus.host
    if host.kind == "not_assessable":
        return ""
    probability = host.probabilities.get(host.kind)
    certain = [] if probability is None else [percent_text(probability, language)]
    if host.kind == "none":
        return phrase("company", "no_host", language, details=_brackets(certain, language))
    where = phrase("company", f"position_{host.position or 'unknown'}", language)
    size = quantity_text(host.diameter, language, interval=True)
    kind = phrase("company", f"host_{host.kind}", language)
    said = _brackets([where, *certain] if where else certain, language)
    return phrase("company", "host", language, kind=kind, size=size, details=said)


def _brackets(items: list[str], language: str) -> str:
    """Return items in brackets; nothing where there is none."""
    if not items:
        return ""
    return {"en": " ({})", "zh": "（{}）"}[language].format(PAUSE[language].join(items))


def around_texts(document: Document, language: str) -> tuple[str, ...]:
    """Return what else the image shows: in ducts, lesions, neighbours and the liver as a whole."""
    both = document.has_ct and document.has_ultrasound
    return tuple(
        _finding_text(f, language, named=both and f.source == "us")
        for f in document.findings
        if f.state == "present"
        and f.source in ("ct", "us")
        and f.id not in ABOUT_FOCI
        and (f.subject.kind in AROUND or f.id in OF_THE_LIVER)
    )


def _finding_text(finding: FindingEntry, language: str, *, named: bool = False) -> str:
    """Return one finding with its value and probability; `named`: with its source, where CT was read too."""
    said = say_inline(finding.id, language)
    details = [phrase("us", "on_ultrasound", language)] if named else []
    if isinstance(finding.value, Quantity):
        details.append(quantity_text(finding.value, language))
    elif isinstance(finding.value, Choice):
        details.append(say_choice(finding.id, finding.value.choice, language))
    if finding.probability is not None:
        details.append(percent_text(finding.probability, language))
    return said + _brackets(details, language)
