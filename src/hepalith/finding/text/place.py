"""Which organ a statement is about: the one it names, else the one the report is speaking of."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import product

from pydantic import BaseModel, ConfigDict, TypeAdapter

from hepalith.finding.text.lexicon import word_set
from hepalith.finding.text.mention import Mention, Sentence
from hepalith.finding.text.token import Tokens

__all__ = [
    "HOME",
    "LIVER",
    "NEAR_WORDS",
    "Topic",
    "is_foreign",
    "load_joins",
    "load_normals",
    "place_mentions",
    "read_segments",
    "side_of",
]

HOME = ("liver",)
"""Where a statement lies of which nothing else is said: this product reads livers."""

LIVER = frozenset(("liver", "duct", "capsule", "duct_wall", "hilar_duct", "hilum"))
"""Organs whose calcium is calcium in the liver."""

PLACED = frozenset(("thing", "quality", "finding", "shape", "count", "cue", "change", "rel", "position"))
"""Kinds of meaning that lie in an organ."""


class _Join(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    finding: str
    of: list[str]
    organ: list[str]


class _Normal(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    of: list[str]
    organ: str
    absent: list[str]


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    join: list[_Join]
    normal: list[_Normal]


@lru_cache(maxsize=1)
def _load_rules() -> _Rules:
    file = files("hepalith.finding.text") / "concepts" / "rules.toml"
    return TypeAdapter(_Rules).validate_python(tomllib.loads(file.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def load_joins() -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Return the findings that a thing or a quality makes in an organ."""
    joins: dict[tuple[str, str], tuple[str, ...]] = {}
    for join in _load_rules().join:
        for key in product(join.of, join.organ):
            joins[key] = (*joins.get(key, ()), join.finding)
    return joins


@lru_cache(maxsize=1)
def load_normals() -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Return the findings that a normal organ does not have."""
    return {(of, n.organ): tuple(n.absent) for n in _load_rules().normal for of in n.of}


def is_foreign(mention: Mention) -> bool:
    """Say whether a mention lies in another organ than the liver."""
    return bool(mention.organs) and not LIVER & set(mention.organs)


class Topic:
    """What the report is speaking of: the organ of the last sentence, and of the heading above it."""

    __slots__ = ("heading", "last")

    def __init__(self) -> None:
        self.heading: tuple[str, ...] = ()
        self.last: tuple[str, ...] = HOME

    def begin(self, tokens: Tokens, sentence: Sentence) -> tuple[str, ...]:
        """Return the organ with which a sentence begins, if it names none."""
        if self.heading:
            return self.heading
        if _is_behind_semicolon(tokens, sentence):
            return self.last
        goes_on = sentence.first < len(tokens.words) and tokens.words[sentence.first] in word_set("anaphora")
        return self.last if goes_on else HOME


def _is_behind_semicolon(tokens: Tokens, sentence: Sentence) -> bool:
    """Say whether a sentence without a place goes on behind a semicolon: "GB distended; no calculus"."""
    first = sentence.first
    if not 0 < first < len(tokens.words) or tokens.words[first - 1] != ";":
        return False
    return tokens.words[first] in ("no", "a", "an") and not any(m.has("place") for m in sentence.mentions)


def place_mentions(tokens: Tokens, sentence: Sentence, topic: Topic) -> None:
    """Fill in the organs of every mention of a sentence."""
    organs = [m for m in sentence.mentions if m.has("organ") and not _is_whole_belly(tokens, m)]
    if _is_heading(tokens, sentence, organs):
        topic.heading = tuple(n for m in organs if m.part == 0 for n in m.names("organ"))
    elif _is_section(tokens, sentence) or _is_label(tokens, sentence):
        topic.heading, topic.last = (), HOME
    running = topic.begin(tokens, sentence)
    for part in range(len(sentence.parts)):
        mine = [m for m in organs if m.part == part]
        for mention in sentence.mentions:
            if mention.part != part:
                continue
            if mention.has("organ"):
                mention.organs = tuple(mention.names("organ"))
                listed = _listed(tokens, mention, organs)
                mention.organs = tuple(dict.fromkeys((*mention.organs, *listed)))
            elif not PLACED.isdisjoint(mention.tags.by_kind):
                mention.organs = _organs_of(tokens, sentence, mention, mine, organs) or running
        if mine:
            running = tuple(dict.fromkeys(n for m in mine[-1:] for n in m.organs))
    if organs:
        topic.last = running
    if sentence.ends_paragraph:
        topic.heading = ()


def _is_heading(tokens: Tokens, sentence: Sentence, organs: Sequence[Mention]) -> bool:
    """Say whether a sentence begins with an organ and a colon."""
    if not organs or organs[0].part or not sentence.parts:
        return False
    end = sentence.parts[0][1]
    return end < len(tokens.words) and tokens.words[end] == ":" and organs[0].first <= sentence.first + 2


def _is_section(tokens: Tokens, sentence: Sentence) -> bool:
    """Say whether a sentence begins with the heading of a section: "IMPRESSION:", 诊断意见：."""
    for mention in sentence.mentions[:1]:
        end = mention.last
        return mention.has("head") and end < len(tokens.words) and tokens.words[end] == ":"
    return False


def _is_label(tokens: Tokens, sentence: Sentence) -> bool:
    """Say whether a line begins with the name of a thing and a colon: "Calcification 1 (seg 6): 9 mm"."""
    end = sentence.parts[0][1] if sentence.parts else len(tokens.words)
    if end >= len(tokens.words) or tokens.words[end] != ":":
        return False
    first = [m for m in sentence.mentions if m.part == 0]
    return any(m.has("thing") for m in first) and not any(m.has("organ") for m in first)


def _is_whole_belly(tokens: Tokens, mention: Mention) -> bool:
    """Say whether the abdomen is what was examined, with nothing "in" it: the liver is part of it."""
    if not mention.has("organ", "abdomen") or tokens.words[mention.last - 1] in ("cavity", "腔", "内"):
        return False
    before = tokens.words[max(mention.first - 2, 0) : mention.first]
    return not any(w in word_set("into") and w != "of" for w in before)


def _begin(mention: Mention) -> int:
    return mention.first


def _listed(tokens: Tokens, mention: Mention, organs: Sequence[Mention]) -> tuple[str, ...]:
    """Return the organs that are listed with one: before it, joined by "and" or a comma alone."""
    names: list[str] = []
    following = mention
    for place in range(bisect_left(organs, mention.first, key=_begin) - 1, -1, -1):
        other = organs[place]
        between = tokens.words[other.last : following.first]
        if not 0 < len(between) <= 3 or any(w not in word_set("lists") for w in between):
            break
        names.extend(other.names("organ"))
        following = other
    return tuple(names)


def _organs_of(
    tokens: Tokens, sentence: Sentence, mention: Mention, mine: Sequence[Mention], organs: Sequence[Mention]
) -> tuple[str, ...]:
    """Return the organs that the words of a part give to a mention, nearest first."""
    before = [m for m in mine if m.last <= mention.first]
    after = [m for m in mine if m.first >= mention.last]
    if after:
        nearest = after[0]
        between = tokens.words[mention.last : nearest.first]
        things = [
            m
            for m in sentence.mentions
            if mention.last <= m.first < nearest.first and m.has("thing") and m is not mention
        ]
        linked = any(w in word_set("into") for w in (*between, tokens.words[nearest.first])) and not any(
            w in word_set("beside") for w in between
        )
        near = not before and len(between) <= NEAR_WORDS and not any(w in word_set("beside") for w in between)
        if not things and (near or (linked and (len(between) <= 8 or not before))):
            return tuple(dict.fromkeys(n for m in _reach(tokens, nearest, organs) for n in m.names("organ")))
    if before:
        nearest = before[-1]
        names = [*nearest.names("organ"), *_listed(tokens, nearest, organs)]
        if after and set(tokens.words[mention.last : after[0].first]) <= word_set("also"):
            names += after[0].names("organ")
        return tuple(dict.fromkeys(names))
    return ()


NEAR_WORDS = 3
"""An organ this few words behind a mention, and none before it, is where it lies (our judgement)."""


def _reach(tokens: Tokens, nearest: Mention, organs: Sequence[Mention]) -> list[Mention]:
    """Return the organs of a list that begins with one: joined by "and" or a comma alone."""
    reach = [nearest]
    for other in organs:
        if other.first < nearest.last:
            continue
        joint = tokens.words[reach[-1].last : other.first]
        if (
            not 0 < len(joint) <= 3
            or any(w not in word_set("lists") for w in joint)
            or _begins_clause(tokens, other)
        ):
            break
        reach.append(other)
    return reach


def _begins_clause(tokens: Tokens, organ: Mention) -> bool:
    """Say whether an organ is the subject of a clause of its own."""
    return organ.last < len(tokens.words) and tokens.words[organ.last] in word_set("happens")


_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "iva": 4, "ivb": 4}
_SPOKEN = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
_SIDES = {1: "caudate", 2: "left", 3: "left", 4: "left", 5: "right", 6: "right", 7: "right", 8: "right"}
"""Couinaud's numbers: 1 the caudate lobe, 2 to 4 left, 5 to 8 right."""


def read_segments(tokens: Tokens, first: int, last: int) -> list[tuple[int, int]]:
    """Return the segments named between two tokens, each with the token that names it.

    Understood are "segment VI", "segments 5 and 6", "S6", "S5/6", "VI 段", "第6段", "Ⅶ/Ⅷ段".
    """
    found: list[tuple[int, int]] = []
    words = tokens.words
    for place in range(first, last):
        word = words[place]
        if word in word_set("segment_words") or (
            word in ("s", "b") and place + 1 < last and _joined(tokens, place)
        ):
            found += _run(tokens, range(place + 1, last))
            if (
                word in word_set("segment_words")
                and place > first
                and (number := _ROMAN.get(words[place - 1], 0))
            ):
                found.append((number, place - 1))
        elif word == "段":
            found += _run(tokens, range(place - 1, first - 1, -1))
    return list(dict(found).items())


def _run(tokens: Tokens, places: range) -> list[tuple[int, int]]:
    """Return the numbers of segments that stand one after another; a dash fills in what lies between."""
    found: list[tuple[int, int]] = []
    for place in places:
        word = tokens.words[place]
        number = 0 if _is_measured(tokens, place) else _segment(word)
        if word in ("a", "b") and found and found[-1][1] == place - 1:
            continue
        if number:
            if found and abs(found[-1][1] - place) == 1 and _is_dashed(tokens, min(place, found[-1][1])):
                low, high = sorted((found[-1][0], number))
                found += [(between, place) for between in range(low + 1, high)]
            found.append((number, place))
        elif word not in word_set("segment_joints"):
            break
    return found


def _is_measured(tokens: Tokens, place: int) -> bool:
    """Say whether a number is a size or a count, and so no segment."""
    return place + 1 < len(tokens.words) and tokens.words[place + 1] in word_set("measures")


def _is_dashed(tokens: Tokens, place: int) -> bool:
    """Say whether a dash stands between a token and the next one: hyphens are no tokens."""
    return tokens.starts[place + 1] - tokens.ends[place] in (1, 3) and tokens.words[place + 1] not in (
        ",",
        "/",
    )


def _joined(tokens: Tokens, place: int) -> bool:
    """Say whether a token touches the next one, as in "S6"."""
    return tokens.starts[place + 1] <= tokens.ends[place] + 1 and tokens.words[place + 1].isdigit()


def _segment(word: str) -> int:
    if "\ue000" <= word <= "\ue007":
        return ord(word) - 0xE000 + 1
    if word.isdecimal() and 1 <= int(word) <= 8:
        return int(word)
    return _ROMAN.get(word, 0) or _SPOKEN.get(word, 0)


def side_of(segment: int) -> str:
    """Return the lobe of a Couinaud segment."""
    return _SIDES[segment]
