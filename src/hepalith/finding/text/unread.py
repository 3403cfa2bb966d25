"""What a report says and this reader did not understand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hepalith.finding.text.mention import Sentence
from hepalith.finding.text.token import Tokens

__all__ = ["list_unread"]

SILENT = frozenset(("technique", "recommendation", "indication"))
"""Sections whose words are no findings."""

FEWEST_WORDS = 2
"""Fewest unknown words of English that make a clause worth showing; one may be a name."""

FEWEST_CHARACTERS = 3
"""Fewest unknown characters of Chinese in a row."""


def list_unread(tokens: Tokens, sentences: Iterable[Sentence]) -> Iterator[tuple[int, int]]:
    """Yield the places of clauses from which nothing was read and whose words are not all known."""
    for sentence in sentences:
        if sentence.heading in SILENT:
            continue
        for number, (first, last) in enumerate(sentence.parts):
            mine = [m for m in sentence.mentions if m.part == number]
            if any(
                t.kind not in ("organ", "plain", "cue", "head", "place", "count")
                for m in mine
                for t in m.tags
            ):
                continue
            if any(size.part == number for size in sentence.sizes):
                continue
            covered = {place for m in mine for place in range(m.first, m.last)}
            if _is_unknown(tokens.words, [p for p in range(first, last) if p not in covered]):
                yield tokens.starts[first], tokens.ends[last - 1]


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
