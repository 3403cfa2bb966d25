"""What a report mentions: phrases of the lexicon, sizes and numbers, clause by clause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from hepalith.finding.text.lexicon import END, Tags, Tree
from hepalith.finding.text.token import Tokens

__all__ = [
    "ABOUT_HIGH",
    "ABOUT_LOW",
    "Mention",
    "Sentence",
    "Size",
    "find_sizes",
    "list_sentences",
    "mention_all",
    "part_of",
]

ARTICLES = frozenset(("the", "a", "an", "of", "its", "their", "his", "her", "this", "these"))
"""Words that may stand inside a phrase of the lexicon without being written there."""


@dataclass(slots=True)
class Mention:
    """A phrase that was recognised: its tags, and the tokens from `first` to before `last`.

    `probability` of being so, as the words about it have it; None where the words assert nothing
    (a wish, a question, a relative). `part` counts the commas of its sentence.
    """

    tags: Tags
    first: int
    last: int
    part: int = 0
    probability: float | None = 1.0
    past: bool = False
    prior: bool = False
    family: bool = False
    unseen: bool = False
    organs: tuple[str, ...] = ()

    def names(self, kind: str) -> list[str]:
        """Return the names of its tags of one kind."""
        return [t.name for t in self.tags if t.kind == kind] if kind in self.tags.by_kind else []

    def has(self, kind: str, *names: str) -> bool:
        """Say whether it has a tag of this kind and one of these names."""
        known = self.tags.by_kind.get(kind)
        return known is not None and (not names or not known.isdisjoint(names))


@dataclass(frozen=True, slots=True)
class Size:
    """A length in millimetres, the largest of its dimensions, with the ends of a stated range."""

    value: float
    low: float | None
    high: float | None
    first: int
    last: int
    part: int
    is_range: bool = False


@dataclass(slots=True)
class Sentence:
    """Tokens from `first` to before `last`, cut into parts by commas, with what is mentioned."""

    first: int
    last: int
    parts: list[tuple[int, int]]
    mentions: list[Mention] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    ends_paragraph: bool = False
    heading: str = ""


MOST_TOKENS = 240
"""A sentence is cut at this many words: no sentence of a report is longer, and what is not language at all
is then read in a time that grows with its length alone (our judgement)."""

_NEW_CLAUSE = (["the"], ["there"])
"""After "and", words with which a clause begins that has a subject of its own."""


def list_sentences(tokens: Tokens) -> list[Sentence]:
    """Return the sentences of a report, each cut into parts at its commas and colons."""
    sentences: list[Sentence] = []
    first, part_first, parts = 0, 0, list[tuple[int, int]]()
    words = tokens.words
    for place, mark in enumerate([*tokens.levels, 3]):
        level = 2 if place - first >= MOST_TOKENS and mark < 2 else mark
        if level == 2 and mark == 0:
            parts += [(part_first, place)] if part_first < place else []
            sentences.append(Sentence(first, place, parts))
            first, part_first, parts = place, place, []
        if mark == 0:
            if words[place] == "and" and part_first < place and words[place + 1 : place + 2] in _NEW_CLAUSE:
                parts.append((part_first, place))
                part_first = place
            continue
        if part_first < place:
            parts.append((part_first, place))
        part_first = place + 1
        if level >= 2:
            if parts:
                last = place + 1 if place < len(tokens.words) and tokens.words[place] == "?" else place
                sentences.append(Sentence(first, last, parts, ends_paragraph=level == 3))
            elif sentences and level == 3:
                sentences[-1].ends_paragraph = True
            first, parts = place + 1, []
    return sentences


def mention_all(tokens: Tokens, tree: Tree, sentence: Sentence) -> None:
    """Fill in the phrases of a sentence: at each word the longest that the lexicon knows."""
    words = tokens.words
    place, last = sentence.first, sentence.last
    while place < last:
        node = tree.get(words[place])
        if node is None:
            place += 1
            continue
        found, end, ahead = node.get(END), place + 1, place + 1
        while ahead < last:
            following = node.get(words[ahead])
            if following is None:
                if words[ahead] in ARTICLES:
                    ahead += 1
                    continue
                break
            node, ahead = following, ahead + 1
            if END in node and not (words[ahead - 1] == "大" and words[ahead : ahead + 1] == ["小"]):
                found, end = node[END], ahead
        if found is None:
            place += 1
            continue
        sentence.mentions.append(Mention(found, place, end, part_of(sentence, place)))
        place = end


def part_of(sentence: Sentence, place: int) -> int:
    """Return the part of a sentence in which a token lies."""
    for number, (_, last) in enumerate(sentence.parts):
        if place < last:
            return number
    return len(sentence.parts) - 1


_NUMBER = r"\d{1,5}(?:\.\d{1,3})?"
_UNIT = r"(?:mms?|cms?|毫米|厘米|公分|millimet(?:er|re)s?|centimet(?:er|re)s?|㎜|㎝|in diameter)"
_SIZE = re.compile(
    rf"(?<![\d.a-z])(?P<a>{_NUMBER})\s{{0,3}}(?P<au>mm|cm|毫米|厘米|㎜|㎝)?"
    rf"(?:\s{{0,3}}(?P<sep>x|by|\*|~|-|to|至|到|and)\s{{0,3}}(?P<b>{_NUMBER})\s{{0,3}}(?P<bu>mm|cm|毫米|厘米|㎜|㎝)?"
    rf"(?:\s{{0,3}}(?:x|by|\*)\s{{0,3}}(?P<c>{_NUMBER}))?)?"
    rf"\s{{0,3}}-?(?P<unit>{_UNIT})?(?![a-z0-9²³^])"
)
_CENTIMETRES = ("cm", "厘米", "公分", "centim", "㎝")
_RANGE_MARKS = ("~", "-", "to", "至", "到", "and")
_FROM = re.compile(r"(?:from|由|从)\s{0,3}(?:about\s|约)?$")
"""What makes two sizes an earlier one and the present one, not a range."""

MOST_MM = 400.0
"""No lesion of the liver is larger; a larger number is something else (our judgement)."""

ABOUT_LOW, ABOUT_HIGH = 0.78, 1.25
"""Two readers of one diameter differ by -22 to +25 % (twelve studies, PMID 26687017, grade A): the
interval of a size that a report calls approximate."""

_ABOUT = re.compile(
    r"(?:about|approximately|approx\.?|around|roughly|circa|ca\.?|nearly|some|~|约|大约|近|左右)\s{0,3}$"
)


def find_sizes(normal: str, tokens: Tokens, sentence: Sentence) -> None:
    """Fill in the sizes of a sentence."""
    if sentence.first >= len(tokens.starts):
        return
    begin, end = tokens.starts[sentence.first], tokens.ends[sentence.last - 1]
    for match in _SPOKEN.finditer(normal, begin, end):
        numbers = [_spoken(match[a], match[b]) for a, b in (("a", "ap"), ("b", "bp")) if match[a]]
        value = max(numbers) * (10.0 if match["unit"].startswith("c") else 1.0)
        first = _token_at(tokens.starts, match.start(), sentence)
        last = _token_at(tokens.starts, match.end(), sentence)
        sentence.sizes.append(Size(value, None, None, first, last, part_of(sentence, first)))
    for match in _SIZE.finditer(normal, begin, end):
        units = (match["unit"], match["bu"], match["au"])
        unit = next((u for u in units if u is not None and not u.startswith("in")), None)
        if unit is None:
            continue
        size = _measure(match, unit)
        if size is None:
            continue
        value, low, high, is_range = size
        if low is None and (_ABOUT.search(normal, max(begin, match.start() - 16), match.start())):
            low, high = round(value * ABOUT_LOW, 2), round(value * ABOUT_HIGH, 2)
        first = _token_at(tokens.starts, match.start(), sentence)
        last = _token_at(tokens.starts, match.end(), sentence)
        sentence.sizes.append(Size(value, low, high, first, last, part_of(sentence, first), is_range))


_WORD_NUMBERS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
}  # fmt: skip
_WORD = "|".join(sorted(_WORD_NUMBERS, key=len, reverse=True))
_SPOKEN = re.compile(
    rf"\b(?P<a>{_WORD})(?: point (?P<ap>{_WORD}))?"
    rf"(?: (?:by|x|times) (?P<b>{_WORD})(?: point (?P<bp>{_WORD}))?)?"
    r"[ -](?P<unit>millimet|centimet|mm\b|cm\b)"
)
"""Sizes as they are dictated: "two point five centimetres", "four by three millimetres"."""


def _spoken(whole: str, part: str | None) -> float:
    return _WORD_NUMBERS[whole] + (_WORD_NUMBERS[part] / 10.0 if part else 0.0)


def _measure(match: re.Match[str], unit: str) -> tuple[float, float | None, float | None, bool] | None:
    """Return a size in millimetres: the largest of dimensions that are multiplied, the ends of a range."""
    scale = 10.0 if unit.startswith(_CENTIMETRES) else 1.0
    own = match["au"] or unit
    first = float(match["a"]) * (10.0 if own.startswith(_CENTIMETRES) else 1.0)
    numbers = [first] + [float(match[name]) * scale for name in "bc" if match[name] is not None]
    if max(numbers) > MOST_MM or max(numbers) <= 0:
        return None
    if match["sep"] in ("to", "至", "到") and _FROM.search(
        match.string, max(match.start() - 8, 0), match.start()
    ):
        return numbers[-1], None, None, False
    if match["sep"] in _RANGE_MARKS and len(numbers) == 2:
        low, high = sorted(numbers)
        if match["sep"] == "and" and match["au"] is None:
            return high, None, None, False
        return high if match["sep"] == "and" else (low + high) / 2, low, high, match["sep"] != "and"
    return max(numbers), None, None, False


def _token_at(starts: Sequence[int], place: int, sentence: Sentence) -> int:
    """Return the first token of a sentence that begins at a place of the text or after it."""
    low, high = sentence.first, sentence.last
    while low < high:
        middle = (low + high) // 2
        if starts[middle] < place:
            low = middle + 1
        else:
            high = middle
    return low
