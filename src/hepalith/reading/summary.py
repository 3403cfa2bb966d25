"""A reading in words: the radiologist's text, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable

from hepalith.reading.company import around_texts, company_texts, place_text
from hepalith.reading.document import Document, FindingEntry, FocusEntry, PatternEntry, Quantity
from hepalith.reading.phrases import phrase
from hepalith.reading.planning import plan_lines
from hepalith.reading.punctuation import CLAUSE, LEAD
from hepalith.reading.reasoning import contradiction_texts, impression_of, listed
from hepalith.reading.sonogram_summary import (
    disagreement_texts,
    examination_sentences,
    finding_lines_of_ultrasound,
    limit_sentences,
    quality_sentences,
)
from hepalith.reading.terms import say_inline
from hepalith.reading.translate import in_language, translate
from hepalith.reading.wording import (
    format_number,
    percent_text,
    probability_word,
    quantity_text,
)

__all__ = [
    "AT_CAPSULE_MM",
    "WHOLE_LIVER",
    "differing_foci",
    "group_reasons",
    "not_looked_for",
    "nothing_text",
    "summarise_for_radiology",
]

MAX_FOCI_IN_WORDS = 10
"""Foci listed in the text; more are not read in a row. Our judgement."""

MAX_UNREAD_IN_WORDS = 15
"""Findings that were not looked for, named in the text; the page lists them all. Our judgement."""

WHOLE_LIVER = 0.98
"""Share in view from which the text says "the whole liver": an estimate, never exactly 1. Our judgement."""


AT_CAPSULE_MM = 0.5
"""Depth below which a focus is said to lie at the capsule: half a voxel of a thin scan."""

CHAINS = frozenset({"along_duct", "along_portal_triad"})
"""Patterns that string some foci together."""

SHELLS = frozenset({"rim", "eggshell"})
"""Forms of a wall that calcified: another process than a solid focus."""

CLEAR_PATTERN = 0.5
"""Probability from which a pattern is said to set foci apart."""

NOTHING_THERE = "no calcification was found"
"""Reason of findings about calcifications where there is none: no limit of the reading, so not listed."""


def summarise_for_radiology(document: Document, language: str) -> str:
    """Return the short radiology text: examination, findings, impression, recommendation, limits."""
    sections = [
        ("examination", examination_lines(document, language)),
        ("quality", quality_lines(document, language)),
        ("findings", finding_lines(document, language)),
        ("impression", impression_lines(document, language)),
        ("recommendation", plan_lines(document, language)),
        ("limits", limit_lines(document, language)),
    ]
    colon = LEAD[language].rstrip()
    blocks = [
        "\n".join([phrase("radiology", name, language) + colon, *lines]) for name, lines in sections if lines
    ]
    blocks.append(standing(document, language))
    return "\n\n".join(blocks)


def standing(document: Document, language: str) -> str:
    """Say what the reading is: a machine's, or one that a person has accepted, who and when."""
    accepted = document.accepted
    if accepted is None:
        return phrase("radiology", "notice", language)
    who = ", ".join(part for part in (accepted.by, accepted.organization) if part)
    return phrase("radiology", "accepted", language, who=who, day=accepted.at.date().isoformat())


def join_sentences(sentences: list[str], language: str) -> str:
    """Return sentences as one line of running text."""
    return {"en": " ", "zh": ""}[language].join(sentences)


def examination_lines(document: Document, language: str) -> list[str]:
    """Say what was scanned and how."""
    lines = [] if not document.has_ct else [ct_examination(document, language)]
    if document.has_ultrasound:
        said = examination_sentences(document, language, dated=not document.has_ct)
        lines.append(join_sentences(said, language))
    return lines


def ct_examination(document: Document, language: str) -> str:
    """Say what the CT was and how it was made."""
    image = document.images[0]
    when = document.study.date
    phase = phrase("phase", image.phase.label, language)
    if image.phase.label != "unknown":
        probability = percent_text(image.phase.probability, language)
        phase = phrase("radiology", "phase", language, phase=phase, probability=probability)
    said = [
        phrase(
            "radiology",
            "exam",
            language,
            date=phrase("radiology", "exam_date", language, date=when.isoformat()) if when else "",
            phase=phase,
        )
    ]
    if image.slice_thickness_mm is not None:
        said.append(phrase("radiology", "slice", language, value=format_number(image.slice_thickness_mm)))
    else:
        said.append(phrase("radiology", "spacing", language, value=format_number(image.spacing_mm[0])))
    if image.kvp is not None:
        said.append(phrase("radiology", "kvp", language, value=format_number(image.kvp)))
    if image.kernel:
        said.append(phrase("radiology", "kernel", language, value=image.kernel))
    if image.noise_hu is not None:
        said.append(phrase("radiology", "noise", language, value=format_number(image.noise_hu)))
    further = [phrase("phase", i.phase.label, language) for i in document.images if i.role == "phase"]
    if further:
        named = listed(further, language)
        said.append(phrase("company", "registered", language, count=len(further), list=named))
    return join_sentences(said, language)


def quality_lines(document: Document, language: str) -> list[str]:
    """Say how far the liver's outline can be trusted, and what could have been seen."""
    if not document.is_answerable:
        return []
    lines = [] if not document.has_ct else [ct_quality(document, language)]
    if document.has_ultrasound:
        lines.append(join_sentences(quality_sentences(document, language), language))
    return [line for line in lines if line]


def ct_quality(document: Document, language: str) -> str:
    """Say how far the outline on CT can be trusted, and what could have been seen."""
    liver = document.liver
    if not liver.in_view:
        reasons = "; ".join(translate(r, language) for r in liver.quality.reasons)
        return phrase("radiology", "unanswerable", language, reason=reasons)
    kind = "liver_given" if liver.source == "given" else "liver_builtin"
    said = [phrase("radiology", kind, language, score=percent_text(liver.quality.score, language))]
    if liver.in_view >= WHOLE_LIVER:
        said.append(phrase("radiology", "liver_whole", language))
    else:
        said.append(phrase("radiology", "liver_part", language, percent=round(100 * liver.in_view)))
    said += [
        phrase("radiology", "quality_reason", language, reason=translate(r, language))
        for r in liver.quality.reasons
    ]
    smallest = document.detectability.smallest_focus
    size = quantity_text(smallest, language)
    if isinstance(smallest, Quantity):
        excess = format_number(document.detectability.at_excess_hu)
        size += phrase("radiology", "smallest_at", language, excess=excess)
    said.append(phrase("radiology", "smallest", language, size=size))
    return join_sentences(said, language)


def finding_lines(document: Document, language: str) -> list[str]:
    """Say what was found, each focus with its size, and its density and place or what lies behind it."""
    if not document.is_answerable:
        return []
    shown = document.has_ct and (document.liver.in_view > 0 or not document.is_answerable)
    lines = ct_findings(document, language) if shown else []
    if document.has_ultrasound:
        lines += finding_lines_of_ultrasound(document, language)
    if document.patterns:
        names = [
            phrase(
                "radiology",
                "named",
                language,
                label=say_inline(p.id, language),
                probability=percent_text(p.probability, language),
            )
            for p in surest(document.patterns)
        ]
        lines.append(phrase("radiology", "patterns", language, list=listed(names, language)))
    around = list(around_texts(document, language))
    if around:
        lines.append(phrase("company", "around", language, list=listed(around, language)))
    return lines


def surest(patterns: Iterable[PatternEntry]) -> list[PatternEntry]:
    """Return every arrangement once, where CT and ultrasound both show it as the surer one does."""
    best: dict[str, PatternEntry] = {}
    for pattern in patterns:
        if pattern.id not in best or pattern.probability > best[pattern.id].probability:
            best[pattern.id] = pattern
    return list(best.values())


def ct_findings(document: Document, language: str) -> list[str]:
    """Say what was found on CT."""
    lines = [
        phrase(
            "radiology",
            "volume",
            language,
            volume=quantity_text(document.liver.volume, language, interval=True),
        )
    ]
    foci = [focus for focus in document.calcifications if focus.modality == "CT"]
    shown = foci[:MAX_FOCI_IN_WORDS]
    if not foci:
        whole = document.liver.in_view >= WHOLE_LIVER
        lines.append(phrase("radiology", "no_calcification" if whole else "no_calcification_part", language))
    elif len(foci) == 1:
        lines.append(phrase("radiology", "one", language))
    else:
        key = "many" if len(shown) == len(foci) else "largest_of"
        lines.append(phrase("radiology", key, language, count=len(foci), shown=len(shown)))
    lines += [focus_line(focus, language) for focus in shown]
    mimics = [focus for focus in document.mimics if focus.modality == "CT"]
    if mimics:
        names = [
            phrase(
                "radiology",
                "mimic",
                language,
                id=focus.id,
                label=say_inline(focus.label, language),
                probability=percent_text(focus.probability, language),
            )
            for focus in mimics[:MAX_FOCI_IN_WORDS]
        ]
        if len(mimics) > MAX_FOCI_IN_WORDS:
            names.append(phrase("radiology", "and_more", language, count=len(mimics) - MAX_FOCI_IN_WORDS))
        lines.append(phrase("radiology", "mimics", language, list=listed(names, language)))
    return lines


def focus_line(focus: FocusEntry, language: str) -> str:
    """Say one focus."""
    capsule = focus.location.capsule_distance
    depth = ""
    if isinstance(capsule, Quantity):
        key = "at_capsule" if capsule.value < AT_CAPSULE_MM else "depth"
        depth = phrase("radiology", key, language, distance=quantity_text(capsule, language))
    return phrase(
        "radiology",
        "focus",
        language,
        id=focus.id,
        lobe=place_text(focus, language),
        morphology=say_inline(focus.morphology.label, language),
        diameter=quantity_text(focus.diameter, language, interval=True),
        volume=quantity_text(focus.volume, language),
        limited=phrase("radiology", "limited", language) if focus.volume_limited_by_resolution else "",
        mean=quantity_text(focus.mean_hu, language),
        peak=quantity_text(focus.peak_hu, language),
        background=quantity_text(focus.background_hu, language),
        depth=depth,
        company="".join(CLAUSE[language] + text for text in company_texts(focus, language)),
        word=probability_word(focus.probability, language),
        probability=percent_text(focus.probability, language),
    )


def impression_lines(document: Document, language: str) -> list[str]:
    """Say what it may be, ranked; alerts first, then what clashes."""
    alerts = [
        phrase("radiology", f"alert_{a.urgency}", language, text=in_language(a.text, a.text_zh, language))
        for a in document.alerts
    ]
    if document.why_not is not None:
        return [
            *alerts,
            phrase(
                "radiology" if document.has_ct else "us",
                "unanswerable",
                language,
                reason=translate(document.why_not, language),
            ),
        ]
    ranked = document.differential
    if not ranked:
        clashes = disagreement_texts(document, language)
        return [*alerts, *clashes, nothing_text(document, language)]
    lines = impression_of(document, language)
    differing = differing_foci(document, language)
    if differing:
        lines.append(phrase("radiology", "mixed", language, list=differing))
    return [
        *alerts,
        *disagreement_texts(document, language),
        *contradiction_texts(document.clashes, language),
        *lines,
    ]


def nothing_text(document: Document, language: str) -> str:
    """Return the sentence that says that there is no ranking."""
    key = nothing_key(document)
    if not document.has_ct and key != "nothing_named":
        return phrase("us", "nothing", language)
    return phrase("radiology", key, language)


def nothing_key(document: Document) -> str:
    """Return which sentence says that there is no ranking: nothing found, or nothing that could be named."""
    open_question = any(focus.label == "undetermined" for focus in document.mimics)
    if open_question:
        return "nothing_named"
    return "nothing_to_explain" if document.liver.in_view >= WHOLE_LIVER else "nothing_to_explain_part"


def differing_foci(document: Document, language: str) -> str | None:
    """Return the foci by what sets them apart, where they look as if of different origin; else ``None``.

    Two things are looked at: a string of beads that takes in some foci and not the others, and
    shells beside foci that are none. Nothing is said of what causes which.
    """
    foci = document.calcifications
    chains = [
        p
        for p in document.patterns
        if p.id in CHAINS and p.probability >= CLEAR_PATTERN and 0 < len(p.foci) < len(foci)
    ]
    shells = {f.id for f in foci if f.morphology.label in SHELLS}
    if not chains and not 0 < len(shells) < len(foci):
        return None
    groups: dict[str, list[str]] = {}
    for focus in foci[:MAX_FOCI_IN_WORDS]:
        chain = next((p.id for p in chains if focus.id in p.foci), None)
        groups.setdefault(say_inline(chain or focus.morphology.label, language), []).append(f"#{focus.id}")
    named = [f"{listed(ids, language)} {name}" for name, ids in groups.items()]
    return CLAUSE[language].join(named)


def limit_lines(document: Document, language: str) -> list[str]:
    """Say what was not looked for, what could not be judged, and what is wrong with the image."""
    lines = []
    unread = not_looked_for(document, language)
    if len(unread) > MAX_UNREAD_IN_WORDS:
        more = phrase("radiology", "and_more_things", language, count=len(unread) - MAX_UNREAD_IN_WORDS)
        unread = [*unread[:MAX_UNREAD_IN_WORDS], more]
    if unread:
        lines.append(phrase("radiology", "not_looked", language, list=listed(unread, language)))
    judged = group_reasons(document.findings, language)
    if judged:
        said = CLAUSE[language].join(judged)
        lines.append(phrase("radiology", "not_judged", language, list=said))
    lines += limit_sentences(document, language)
    warnings = [translate(w, language).rstrip(".") for image in document.images for w in image.warnings]
    if warnings:
        lines.append(phrase("radiology", "warnings", language, list=CLAUSE[language].join(warnings)))
    return lines


def not_looked_for(document: Document, language: str) -> list[str]:
    """Return what the image was not searched for in this reading, each once."""
    unknown = [f.id for f in document.findings if f.state == "unknown" and f.source in ("ct", "us")]
    return [say_inline(name, language) for name in dict.fromkeys(unknown)]


def group_reasons(findings: Iterable[FindingEntry], language: str) -> list[str]:
    """Return the findings that could not be judged, those of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for finding in findings:
        if finding.state == "not_assessable" and finding.reason != NOTHING_THERE:
            by_reason.setdefault(finding.reason or "", []).append(say_inline(finding.id, language))
    groups = []
    for reason, names in by_reason.items():
        label = listed(list(dict.fromkeys(names)), language)
        groups.append(
            phrase("radiology", "because", language, label=label, reason=translate(reason, language))
            if reason
            else label
        )
    return groups
