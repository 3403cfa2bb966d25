"""What the words about a mention make of it: absent, doubtful, wished for, of a relative, of the past."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from hepalith.finding.text.lexicon import word_set
from hepalith.finding.text.mention import Mention, Sentence
from hepalith.finding.text.token import Tokens

__all__ = ["KEYS", "judge_scope", "reaches"]

KEYS = frozenset(
    (
        "finding", "thing", "quality", "history", "exposure", "symptom", "lab_finding", "shape", "change",
        "count", "past_only", "serology", "primary", "position",
    )
)  # fmt: skip
"""Kinds of meaning that can be absent or doubtful; an organ or a number cannot."""


def judge_scope(tokens: Tokens, sentence: Sentence) -> None:
    """Fill in the probability of every mention of a sentence, from the cues before and after it."""
    by_part: list[list[Mention]] = [[] for _ in sentence.parts]
    for mention in sentence.mentions:
        by_part[mention.part].append(mention)
    sentence_if = False
    carried: tuple[bool, float | None, bool] = (False, None, False)
    past = family = False
    for number, mentions in enumerate(by_part):
        first, last = sentence.parts[number]
        if number and not _goes_on(tokens, first, last, mentions, listed=carried[2]):
            carried = (False, None, False)
            family = False
        _sweep(tokens, mentions, carried)
        carried = _ending(tokens, first, last, mentions, carried)
        past = past or any(m.has("cue", "past") for m in mentions)
        family = family or any(m.has("cue", "family") for m in mentions)
        prior = [m for m in mentions if m.has("cue", "prior_study")]
        wished = [m for m in mentions if m.has("cue", "if")]
        sentence_if = sentence_if or bool(wished and number == 0 and wished[0].first <= first + 2)
        unseen = any(m.has("cue", "unseen") for m in mentions)
        wish = wished[0].first if wished else sentence.last
        operated = {m.first for m in mentions if m.has("cue", "past") and _is_operation(tokens, m)}
        for mention in mentions:
            if wish < mention.first or sentence_if or _is_gone(tokens, mention, operated):
                mention.probability = None
            mention.past, mention.family = past, family
            mention.prior = bool(prior) and reaches(tokens, prior[0].last, mention.first)
            mention.unseen = unseen


def _is_gone(tokens: Tokens, mention: Mention, operated: Collection[int]) -> bool:
    """Say whether a thing is only screened for (前列腺癌筛查), or was taken out (结石术后)."""
    if tokens.words[mention.last : mention.last + 1] in (["筛"], ["screening"], ["screen"]):
        return True
    taken = mention.last in operated and mention.has("thing")
    return taken and not mention.has("primary") and not mention.has("cancer")


def _is_operation(tokens: Tokens, cue: Mention) -> bool:
    """Say whether a cue tells of an operation: 术后 right behind a thing, which is gone."""
    return tokens.words[cue.first] == "术"


def reaches(tokens: Tokens, cue_last: int, first: int) -> bool:
    """Say whether a cue of an earlier day reaches a later token: nothing between brings back today."""
    return cue_last <= first and not any(w in word_set("now") for w in tokens.words[cue_last:first])


def _is_key(mention: Mention) -> bool:
    return not KEYS.isdisjoint(mention.tags.by_kind)


def _sweep(tokens: Tokens, mentions: Sequence[Mention], carried: tuple[bool, float | None, bool]) -> None:
    """Judge the mentions of one part, left to right."""
    absent, doubt, _ = carried
    waiting: Mention | None = None
    denied: Mention | None = None
    for place, mention in enumerate(mentions):
        for tag in mention.tags:
            if tag.kind != "cue":
                continue
            if tag.name == "stop":
                absent, doubt, waiting = False, None, None
            elif tag.name == "no":
                absent, waiting = True, mention
            elif tag.name == "maybe":
                doubt, absent = float(tag.value or 0.5), absent and waiting is not None
            elif tag.name in ("no_before", "maybe_before") and not _is_of_then(mentions[place:]):
                probability = 0.0 if tag.name == "no_before" else float(tag.value or 0.5)
                if not _reach_back(tokens, mentions[:place], mention, probability) and probability:
                    doubt = probability
        if _is_key(mention):
            absent = absent and not (denied and _is_spoken_of(tokens, denied, mention))
            before = next((m for m in reversed(mentions[:place]) if _is_key(m)), None)
            if absent or (before is not None and _shares_denial(tokens, before, mention)):
                mention.probability = 0.0
                denied = mention
                waiting = None if absent else waiting
            elif doubt is not None:
                mention.probability = doubt
    _deny_before(tokens, mentions, waiting)
    _doubt_before(tokens, mentions)


def _doubt_before(tokens: Tokens, mentions: Sequence[Mention]) -> None:
    """Let a doubt behind which nothing follows be about what stands before it: "calcification likely"."""
    cues = [m for m in mentions if m.has("cue", "maybe")]
    if (
        not cues
        or not _is_last(tokens, cues[-1])
        or any(_is_key(m) for m in mentions if m.first > cues[-1].first)
    ):
        return
    doubt = next(float(t.value or 0.5) for t in cues[-1].tags if t.kind == "cue" and t.name == "maybe")
    before = [m for m in mentions if m.last <= cues[-1].first and m.probability]
    _reach_back(tokens, before, cues[-1], doubt)


def _is_of_then(ahead: Sequence[Mention]) -> bool:
    """Say whether absence is told of an earlier day: "which was not present on the prior study"."""
    return ahead[0].has("change", "new") and any(m.has("cue", "prior_study") for m in ahead[1:])


def _is_spoken_of(tokens: Tokens, denied: Mention, mention: Mention) -> bool:
    """Say whether what follows a denied thing is where that is not: "no shadow behind the focus"."""
    between = tokens.words[denied.last : mention.first]
    return any(
        before in word_set("where") and after in word_set("definite") for before, after in pairwise(between)
    )


def _deny_before(tokens: Tokens, mentions: Sequence[Mention], waiting: Mention | None) -> None:
    """Let a denial behind which nothing follows deny what stands before it: 扩张未见."""
    if waiting is None or waiting.has("cue", "denial") or not _is_last(tokens, waiting):
        return
    if not any(_is_key(m) for m in mentions if m.first > waiting.first):
        _reach_back(tokens, [m for m in mentions if m.last <= waiting.first], waiting, 0.0)


def _shares_denial(tokens: Tokens, before: Mention, mention: Mention) -> bool:
    """Say whether a mention is listed with one that holds its own denial: 未见强化及软组织."""
    if tokens.words[before.first] not in word_set("denials") or not _is_key(before):
        return False
    between = tokens.words[before.last : mention.first]
    return len(between) <= 2 and any(w in word_set("joints") for w in between)


def _is_last(tokens: Tokens, mention: Mention) -> bool:
    """Say whether nothing but a mark follows a mention in its part."""
    return mention.last >= len(tokens.levels) or tokens.levels[mention.last] > 0


def _reach_back(tokens: Tokens, before: Sequence[Mention], cue: Mention, probability: float) -> bool:
    """Judge what precedes a cue: the nearest mention, and those listed with it; say whether there is any."""
    keys = [m for m in before if _is_key(m) and m.probability is not None]
    following = cue.first
    for mention in reversed(keys):
        between = tokens.words[mention.last : following]
        if following != cue.first and not any(w in word_set("joints") for w in between):
            break
        if any(w in word_set("verbs") for w in between) and following != cue.first:
            break
        if mention.probability or not probability:  # what is denied is not made doubtful by what comes next
            mention.probability = probability
        following = mention.first
    return bool(keys)


def _goes_on(tokens: Tokens, first: int, last: int, mentions: Sequence[Mention], *, listed: bool) -> bool:
    """Say whether a part goes on with the list of the part before it."""
    if not listed or any(m.has("cue", "no", "normal", "stop", "past") for m in mentions[:1]):
        return False
    stop = next((m.first for m in mentions if m.has("cue", "stop")), last)
    words = tokens.words[first:stop]
    verb = next((place for place, w in enumerate(words) if w in word_set("verbs")), len(words))
    if not words or (verb < len(words) and not any(w in ("or", "nor") for w in words[:verb])):
        return False
    head = words[1] if words[0] in ("and", "or", "nor") and len(words) > 1 else words[0]
    return head not in word_set("openers") and not head[0].isdigit()


def _ending(
    tokens: Tokens,
    first: int,
    last: int,
    mentions: Sequence[Mention],
    carried: tuple[bool, float | None, bool],
) -> tuple[bool, float | None, bool]:
    """Return what a part hands on to the next one: absence, doubt, and whether a list may go on."""
    absent, doubt, _ = carried
    denial = False
    for mention in mentions:
        if mention.has("cue", "stop"):
            absent, doubt = False, None
        if mention.has("cue", "no"):
            absent, denial = True, mention.has("cue", "denial")
        for tag in mention.tags:
            if tag.kind == "cue" and tag.name == "maybe":
                doubt = float(tag.value or 0.5)
    chinese = any("\u3400" <= w[0] <= "\u9fff" for w in tokens.words[first:last])
    turn = max((m.last for m in mentions if m.has("cue", "no", "maybe")), default=first)
    verbs = any(w in word_set("verbs") for w in tokens.words[turn:last])
    goes_on = (absent or doubt is not None) and not verbs
    if chinese:
        goes_on = absent and (denial or carried[2])
    return (absent and goes_on, doubt if goes_on else None, goes_on)
