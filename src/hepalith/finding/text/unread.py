"""What a report says and this reader did not understand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hepalith.finding.text.mention import Sentence
from hepalith.finding.text.token import Tokens

__all__ = ["list_unread"]

SILENT = frozenset(("technique", "recommendation", "indication"))
"""Sections whose words are no findings."""

STATING = frozenset(
    (
        "finding", "history", "exposure", "symptom", "lab", "lab_name", "lab_finding", "serology", "sex",
        "pregnancy", "subject", "primary", "cancer", "past_only",
    )
)  # fmt: skip
"""Kinds of meaning that state something by themselves; a thing or a quality may have come to nothing."""

TOLD = frozenset(("thing", "shape", "kind"))
"""Kinds of meaning that tell of calcium or of a lesion: a clause that holds one and came to nothing is shown,
though each of its words is known."""

FEWEST_WORDS = 2
"""Fewest unknown words of English that make a clause worth showing; one may be a name."""

FEWEST_CHARACTERS = 3
"""Fewest unknown characters of Chinese in a row."""


def list_unread(
    tokens: Tokens, sentences: Iterable[Sentence], used: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield the places of clauses from which nothing was read, and which may say something.

    They hold words that are not known, or speak of calcium or a lesion that came to nothing.

    `used` are the places, in characters, from which something was read.
    """
    for sentence in sentences:
        if sentence.heading in SILENT:
            continue
        for number, (first, last) in enumerate(sentence.parts):
            mine = [m for m in sentence.mentions if m.part == number]
            begin, end = tokens.starts[first], tokens.ends[last - 1]
            if any(m.probability is None or not STATING.isdisjoint(m.tags.by_kind) for m in mine):
                continue
            if any(a < end and begin < b for a, b in used):
                continue
            if any(size.part == number for size in sentence.sizes):
                continue
            if any(m.probability and not TOLD.isdisjoint(m.tags.by_kind) for m in mine):
                yield begin, end
                continue
            covered = {place for m in mine for place in range(m.first, m.last)}
            if _is_unknown(tokens.words, [p for p in range(first, last) if p not in covered]):
                yield begin, end


def _is_unknown(words: Sequence[str], places: Sequence[int]) -> bool:
    latin = sum(1 for p in places if words[p].isascii() and words[p].isalpha() and len(words[p]) > 3)
    run = most = 0
    previous = -2
    for place in places:
        if "\u3400" <= words[place][0] <= "\u9fff":
            run = run + 1 if place == previous + 1 else 1
            most = max(most, run)
            previous = place
    return latin >= FEWEST_WORDS or most >= FEWEST_CHARACTERS
