"""Numbers of a report: how many foci there are, and whose size a size is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hepalith.finding.text.account import Account, Lesion, Said, calcium_of, goes_on
from hepalith.finding.text.lexicon import Tags, word_set
from hepalith.finding.text.mention import ABOUT_HIGH, ABOUT_LOW, Mention, Sentence, Size
from hepalith.finding.text.place import is_foreign
from hepalith.finding.text.scope import reaches
from hepalith.finding.text.token import Tokens
from hepalith.vocabulary import load_vocabulary

__all__ = ["take_counts", "take_sizes"]

PLURAL = 0.8
"""How surely a plural means several foci (our judgement, C): "calcifications" may be two parts of one."""


_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10,
    "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "eleven": 11,
    "twelve": 12, "pair": 2, "十": 10,
}  # fmt: skip


def take_counts(
    account: Account, tokens: Tokens, sentence: Sentence, asserted: Sequence[Mention], *, in_host: bool
) -> None:
    """Note how many foci a sentence states: in words, in figures, or by a plural."""
    for mention in sentence.mentions:
        for tag in mention.tags:
            if tag.kind == "count" and not mention.prior and not is_foreign(mention):
                _count(account, tokens, sentence, mention, tag.name)
    _count_digits(account, tokens, sentence, asserted)
    for mention in asserted:
        if tokens.raw[mention.last - 1] in word_set("plurals") and not in_host:
            account.say("multiple_foci", mention, scale=PLURAL)


def _count_digits(account: Account, tokens: Tokens, sentence: Sentence, asserted: Sequence[Mention]) -> None:
    """Note a number in figures that counts the calcium: "3 calcified foci", 3枚."""
    sized = {place for size in sentence.sizes for place in range(size.first, size.last)}
    for mention in asserted:
        behind_it = range(mention.last, min(mention.last + 3, sentence.last - 1))
        for place in (*range(max(sentence.first, mention.first - 8), mention.first), *behind_it):
            word = tokens.words[place]
            if not word.isdecimal() or place in sized or not 1 <= int(word) <= MOST_COUNTED:
                continue
            following = tokens.words[place + 1]
            plural = (
                tokens.raw[mention.last - 1] in word_set("plurals")
                and mention.first - place <= 5
                and following.isalpha()
                and following not in word_set("measures")
            )
            behind = tokens.words[place - 1] if place else ""
            if following in word_set("pieces") or (
                plural and behind not in word_set("before_segments") and following.isascii()
            ):
                counted = Mention(Tags(), place, place + 1)
                account.say("focus_count", counted, int(word))
                account.say("multiple_foci", replace(counted, probability=float(int(word) > 1)))


MOST_COUNTED = 30
"""More foci than this are not counted one by one (our judgement)."""


def _count(account: Account, tokens: Tokens, sentence: Sentence, mention: Mention, name: str) -> None:
    """Note a number, if what it counts is the calcium: the next thing in its part, else the last one."""
    things = [
        m
        for m in sentence.mentions
        if m.part == mention.part and (m.has("thing", *_COUNTED) or m.has("finding", *_OTHERS))
    ]
    after = [m for m in things if m.last > mention.first]
    counted = after[0] if after else (things[-1] if things else None)
    if counted is None or not calcium_of(counted) or is_foreign(counted) or not counted.probability:
        return
    if name in ("many", "diffuse"):
        account.say("multiple_foci", mention)
    if name == "diffuse":
        account.say("diffuse_bilobar", mention)
    each = {"各", "each"} & set(tokens.words[max(sentence.first, mention.first - 2) : mention.first])
    number = 0 if each else _NUMBERS.get(tokens.words[mention.first], 0)
    is_behind = not after and counted.last == mention.first and tokens.words[mention.first][0] > "\u3400"
    if name == "n" and number and (is_behind or (after and after[0].first - mention.last <= 10)):
        account.say("focus_count", mention, number)
        account.say("multiple_foci", replace(mention, probability=float(number > 1)))


_COUNTED = ("calcium", "bright", "dense", "stone", "mass", "cyst", "lesion", "abscess", "granuloma")
_OTHERS = (
    "cyst_septa",
    "daughter_cysts",
    "microcystic_areas",
    "satellite_lesions",
    "enlarged_nodes",
    "lung_nodules",
)


def take_sizes(account: Account, tokens: Tokens, sentence: Sentence, lesions: Sequence[Mention]) -> None:
    """Give every size of a sentence to the calcium or to the lesion it belongs to."""
    things = [m for m in sentence.mentions if m.has("thing")]
    lesion = account.lesion
    past: list[Size] = []
    today: list[Size] = []
    for size in sentence.sizes:
        if any(
            m.has("quality", "dilated") and 0 <= size.first - m.last <= TO_WIDTH for m in sentence.mentions
        ):
            continue
        if any(
            m.has("cue", "prior_study") and m.part == size.part and reaches(tokens, m.last, size.first)
            for m in sentence.mentions
        ):
            past.append(size)
            continue
        spoken_of = lesion.mention if account.speaks_of_lesion and lesion else None
        owner = _owner(tokens, sentence, size, things, spoken_of)
        if owner is None:
            organs = [
                m
                for m in sentence.mentions
                if m.has("organ") and m.part == size.part and m.last <= size.first
            ]
            if any(is_foreign(m) or m.has("organ", "duct") for m in organs) or not _may_go_on(
                tokens, sentence, size
            ):
                continue
            owner = spoken_of or account.calcium
        if owner is None or owner.prior or is_foreign(owner) or not owner.probability:
            continue
        is_lesion = owner.has("thing", "mass", "cyst", "lesion", "abscess")
        of_host = (
            lesion is not None
            and lesion.holds_calcium
            and (
                (owner.has("shape", "rim", "eggshell") and not _is_sized(sentence, lesion))
                or _of_largest(tokens, size, lesions)
            )
        )
        if lesion is not None and (of_host or (is_lesion and not owner.has("thing", "calcium"))):
            lesion.sizes.append(size)
        elif calcium_of(owner):
            account.said.append(Said("largest_calcium", owner.probability, size.first, size.last, size))
            today.append(size)
    if len(past) == 1 and len(today) == 1:
        ratio = today[0].value / past[0].value
        change = "grown" if ratio > ABOUT_HIGH else "shrunk" if ratio < ABOUT_LOW else "stable"
        first, last = sorted((past[0], today[0]), key=lambda s: s.first)
        account.said.append(Said("change_since_prior", FROM_SIZES, first.first, last.last, change))


TO_WIDTH = 2
"""Words at most between "dilated" and the width that it is of: "dilated up to 8 mm"."""

FROM_SIZES = 0.8
"""How surely two sizes, of an earlier day and of today, tell growth where they differ by more than two
readers of one diameter do (`ABOUT_LOW`, `ABOUT_HIGH`); words of change outweigh it (our judgement, C)."""


def _is_sized(sentence: Sentence, lesion: Lesion) -> bool:
    """Say whether a sentence has already given a lesion its size: the next one is its calcium's."""
    return any(size in lesion.sizes for size in sentence.sizes)


def _may_go_on(tokens: Tokens, sentence: Sentence, size: Size) -> bool:
    """Say whether a size without a thing of its own belongs to what was spoken of."""
    lead = tokens.words[sentence.first : size.first]
    if goes_on(tokens, sentence) or (len(lead) <= 2 and not any(map(_is_name, lead))):
        return True
    return not any(m.has("thing") for m in sentence.mentions) and any(w in ("者", "枚", "个") for w in lead)


def _is_name(word: str) -> bool:
    """Say whether a word before a size may name what is measured, in a way that this reader does not know."""
    return word.isalpha() and word.isascii() and word not in word_set("before_sizes") | word_set("continuing")


def _of_largest(tokens: Tokens, size: Size, lesions: Sequence[Mention]) -> bool:
    """Say whether a size is that of "the largest one" of lesions spoken of before it."""
    lead = tokens.words[max(size.first - 9, 0) : size.first]
    return ("者" in lead or "largest" in lead) and any(
        m.last <= size.first and m.probability for m in lesions
    )


def _subject(sentence: Sentence, size: Size, before: Sequence[Mention]) -> Mention:
    """Return whose size it is where a part names nothing: the lesion's that the sentence began with."""
    head = before[0]
    if before[-1].part == size.part or not head.has("thing", "mass", "cyst", "lesion", "abscess"):
        return before[-1]
    sized = any(other.last <= size.first and other is not size for other in sentence.sizes)
    return before[-1] if sized or calcium_of(head) or not head.probability else head


def _is_elsewhere(mention: Mention) -> bool:
    """Say whether a mention is of another organ, by its name or by a finding of a neighbour (淋巴结增大)."""
    if mention.has("organ"):
        return is_foreign(mention)
    vocabulary = load_vocabulary()
    return any(vocabulary[name].subject == "neighbour" for name in mention.names("finding"))


def _named_after(sentence: Sentence, size: Size, things: Sequence[Mention]) -> Mention | None:
    """Return what the next clause takes a sized thing for: "a spot of 8 mm, suggestive of calcification"."""
    following = [m for m in things if m.first >= size.last and m.part == size.part + 1]
    guesses = [m for m in sentence.mentions if m.part == size.part + 1 and m.has("cue", "maybe")]
    return following[0] if following and guesses and guesses[0].first < following[0].first else None


def _owner(
    tokens: Tokens, sentence: Sentence, size: Size, things: Sequence[Mention], spoken_of: Mention | None
) -> Mention | None:
    """Return the thing a size belongs to: the next one, or the last one where the words say so.

    What the sized thing holds ("measures 5 cm and contains calcification") is not it: then it is the one
    before, or the lesion that was `spoken_of`.
    """
    before = [m for m in things if m.last <= size.first]
    after = [m for m in things if m.first >= size.last and m.part == size.part and not m.has("rel", "inside")]
    if after and word_set("holding") & set(tokens.words[size.last : after[0].first]):
        if not before and spoken_of is not None:
            return spoken_of
        after = [] if before else after
    if not before and not after:
        return _named_after(sentence, size, things)
    if not after and {"a", "an", "one", "一"} & set(tokens.words[max(size.first - 2, 0) : size.first]):
        after = [m for m in things if m.first >= size.last and m.part == size.part + 1]
    lead = tokens.words[max(size.first - 2, sentence.first) : size.first]
    if before and (
        not after or (any(w in word_set("before_sizes") for w in lead) and before[-1].part == size.part)
    ):
        between = [m for m in sentence.mentions if before[-1].last <= m.first and m.last <= size.first]
        return None if any(_is_elsewhere(m) for m in between) else _subject(sentence, size, before)
    return after[0] if after else None
