"""What ultrasound showed, in the radiologist's words, in English and Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from hepalith.reading.company import company_texts
from hepalith.reading.document import Document, FocusEntry, ImageEntry, Quantity
from hepalith.reading.phrases import phrase
from hepalith.reading.punctuation import CLAUSE, PAUSE
from hepalith.reading.reasoning import listed
from hepalith.reading.sonogram_document import ArticlePictureEntry
from hepalith.reading.terms import say_inline
from hepalith.reading.translate import in_language, translate
from hepalith.reading.wording import format_number, percent_text, probability_word, quantity_text

__all__ = [
    "article_lines",
    "depth_mm",
    "disagreement_texts",
    "examination_sentences",
    "finding_lines_of_ultrasound",
    "limit_sentences",
    "moves_text",
    "quality_sentences",
    "shadow_text",
    "sonograms",
]

MAX_FOCI_IN_WORDS = 10
"""Foci listed in the text; more are not read in a row. As for CT."""

MOVES_FROM, FIXED_BELOW = 0.7, 0.2
"""Probabilities of movement against the liver from which, and below which, it is said. Our judgement."""


def sonograms(document: Document) -> tuple[ImageEntry, ...]:
    """Return the ultrasound images that were read."""
    return tuple(image for image in document.images if image.modality == "US")


def examination_sentences(document: Document, language: str, *, dated: bool = True) -> list[str]:
    """Say what was scanned and how."""
    images = sonograms(document)
    loops = [image.shape[0] for image in images if image.shape[0] > 1]
    stills = len(images) - len(loops)
    when = document.study.date if dated else None
    held = [phrase("us", "still" if stills == 1 else "stills", language, count=stills)] if stills else []
    if loops:
        key = "loop" if len(loops) == 1 else "loops"
        held.append(phrase("us", key, language, count=len(loops), frames=sum(loops)))
    dated_text = phrase("radiology", "exam_date", language, date=when.isoformat()) if when else ""
    said = [
        phrase("us", "exam", language, date=dated_text, what=PAUSE[language].join(held)),
        settings_sentence(images, language),
    ]
    scales = [region.mm_per_px for image in images for region in image.regions if region.index is not None]
    known = sorted({round(scale[0], 3) for scale in scales if scale is not None})
    if not known:
        said.append(phrase("us", "no_scale", language))
    else:
        value = "–".join(format_number(size) for size in dict.fromkeys((known[0], known[-1])))
        said.append(phrase("us", "scale", language, value=value))
        if any(scale is None for scale in scales):
            said.append(phrase("us", "some_scale", language))
    return said


def settings_sentence(images: tuple[ImageEntry, ...], language: str) -> str:
    """Return the settings on which a shadow depends, of the image that was read first."""
    made = next((image.sonography for image in images if image.sonography is not None), None)
    items = []
    if made is not None:
        if made.frequency_mhz is not None:
            items.append(phrase("us", "frequency", language, value=format_number(made.frequency_mhz)))
        if made.depth_mm is not None:
            items.append(phrase("us", "depth", language, value=format_number(made.depth_mm)))
        items += [
            phrase("us", name, language)
            for name, on in (("compounding", made.compounding), ("harmonics", made.harmonics))
            if on
        ]
    if not items:
        return phrase("us", "no_settings", language)
    return phrase("us", "settings", language, list=PAUSE[language].join(items))


def quality_sentences(document: Document, language: str) -> list[str]:
    """Say how much of the liver a picture showed, and what could have been seen in it."""
    images = sonograms(document)
    shares = [region.liver_share or 0.0 for image in images for region in image.regions]
    said = [
        phrase(
            "us",
            "liver",
            language,
            percent=percent_text(max(shares, default=0.0), language),
            score=percent_text(document.liver.quality.score, language),
        )
    ]
    if document.has_ct:
        said = []
    else:
        said += [
            phrase("radiology", "quality_reason", language, reason=translate(reason, language))
            for reason in document.liver.quality.reasons
        ]
    size = next((image.smallest_focus for image in images if image.smallest_focus is not None), None)
    if isinstance(size, Quantity):
        said.append(phrase("us", "smallest", language, size=quantity_text(size, language)))
    return said


def finding_lines_of_ultrasound(document: Document, language: str) -> list[str]:
    """Say every bright focus: form, size, depth, what lies behind it, ducts, movement, and what it is."""
    foci = [focus for focus in document.counted if focus.modality == "US"]
    shown = foci[:MAX_FOCI_IN_WORDS]
    if not foci:
        lines = [phrase("us", "none", language)]
    elif len(foci) == 1:
        lines = [phrase("us", "one", language)]
    else:
        key = "many" if len(shown) == len(foci) else "many_shown"
        lines = [phrase("us", key, language, count=len(foci), shown=len(shown))]
    lines += [focus_line(focus, language) for focus in shown]
    mimics = [focus for focus in document.mimics if focus.modality == "US"]
    if mimics:
        names = mimic_names(mimics[:MAX_FOCI_IN_WORDS], language)
        if len(mimics) > MAX_FOCI_IN_WORDS:
            names.append(phrase("radiology", "and_more", language, count=len(mimics) - MAX_FOCI_IN_WORDS))
        lines.append(phrase("us", "mimics", language, list=listed(names, language)))
    return [*lines, *article_lines(document, language)]


def mimic_names(mimics: Sequence[FocusEntry], language: str) -> list[str]:
    """Say what bright bodies are named as, those of one name together: a line is often seen in pieces."""
    names = []
    for label in dict.fromkeys(focus.label for focus in mimics):
        alike = [focus for focus in mimics if focus.label == label]
        key = "mimic" if len(alike) == 1 else "mimics_alike"
        names.append(
            phrase(
                "us",
                key,
                language,
                ids=" ".join(f"#{focus.id}" for focus in alike),
                label=say_inline(label, language),
                probability=percent_text(max(focus.probability for focus in alike), language),
            )
        )
    return names


def focus_line(focus: FocusEntry, language: str) -> str:
    """Say one focus."""
    deep = depth_mm(focus)
    moves = moves_text(focus, language)
    return phrase(
        "us",
        "focus",
        language,
        id=focus.id,
        morphology=say_inline(focus.morphology.label, language),
        size=size_text(focus, language),
        depth="" if deep is None else phrase("us", "at_depth", language, value=format_number(round(deep))),
        shadow=shadow_text(focus, language),
        company="".join(CLAUSE[language] + text for text in company_texts(focus, language)),
        moves=CLAUSE[language] + moves if moves else "",
        label=say_inline(focus.label, language),
        word=probability_word(focus.probability, language),
        probability=percent_text(focus.probability, language),
    )


def size_text(focus: FocusEntry, language: str) -> str:
    """Return the size of a focus; why there is none is said once for all of them."""
    if not isinstance(focus.diameter, Quantity):
        return phrase("us", "no_size", language)
    return phrase("us", "size", language, value=quantity_text(focus.diameter, language, interval=True))


def depth_mm(focus: FocusEntry) -> float | None:
    """Return how deep a focus lies below the transducer, where pixels have a size."""
    return next((seen.depth_mm for seen in focus.observations if seen.depth_mm is not None), None)


def shadow_text(focus: FocusEntry, language: str) -> str:
    """Return what lies behind a focus, how much, and whether a shadow could be expected at all."""
    shadow = focus.shadow
    said = phrase("us", f"shadow_{shadow.grade}", language)
    details = []
    if isinstance(shadow.index, Quantity) and shadow.grade in ("faint", "clean", "dirty"):
        share = percent_text(min(max(shadow.index.value, 0.0), 1.0), language)
        details.append(phrase("us", "shadow_index", language, percent=share))
    if shadow.grade == "not_assessable" and not isinstance(shadow.index, Quantity):
        details.append(translate(shadow.index.not_assessable, language))
    elif shadow.expected is None:
        details.append(phrase("us", "shadow_expected_unknown", language))
    else:
        share = percent_text(shadow.expected, language)
        details.append(phrase("us", "shadow_expected", language, percent=share))
    return said + {"en": " ({})", "zh": "（{}）"}[language].format(PAUSE[language].join(details))


def moves_text(focus: FocusEntry, language: str) -> str:
    """Return whether a focus moves against the liver; empty where that is open or was not judged."""
    if focus.moves is None or FIXED_BELOW <= focus.moves < MOVES_FROM:
        return ""
    if focus.moves < FIXED_BELOW:
        return phrase("us", "fixed", language)
    return phrase("us", "moves", language, percent=percent_text(focus.moves, language))


def article_lines(document: Document, language: str) -> list[str]:
    """Say how far the examination has the points of the article's two pictures."""
    return [article_line(picture, language) for picture in document.article_pictures]


def article_line(picture: ArticlePictureEntry, language: str) -> str:
    """Return one picture of the article with its points counted."""
    states = [point.state for point in picture.points]
    return phrase(
        "us",
        "article",
        language,
        title=in_language(picture.title, picture.title_zh, language),
        count=len(states),
        present=states.count("present"),
        absent=states.count("absent"),
        open=sum(state in ("unknown", "not_assessable") for state in states),
    )


def disagreement_texts(document: Document, language: str) -> list[str]:
    """Say where CT and ultrasound of the same patient disagree."""
    return [
        phrase("us", "disagree", language, text=in_language(clash.text, clash.text_zh, language))
        for clash in document.disagreements
    ]


def limit_sentences(document: Document, language: str) -> list[str]:
    """Say what this kind of examination cannot tell, and what would."""
    if not document.limits:
        return []
    said = [in_language(limit.text, limit.text_zh, language) for limit in document.limits]
    join = {"en": " ", "zh": ""}[language]
    return [phrase("us", "cannot", language, list=join.join(said))]
