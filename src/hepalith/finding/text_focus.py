"""What a report says of the calcium in the liver and of the lesion that holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hepalith.finding.text_mention import Mention, Sentence, Size
from hepalith.finding.text_place import read_segments, side_of
from hepalith.finding.text_token import Tokens

__all__ = ["Account", "Said", "follow"]

BRIGHT = 0.8
"""How surely a strong echo in the liver is calcium (our judgement, C): gas, ligaments and bright tumours
make one too. Reports of health checks use the two words for one thing."""

DENSE = 0.75
"""How surely something dense on CT is calcium (our judgement, C): iodised oil and clips are dense too."""

STONE = 0.9
"""How surely a stone within a bile duct is calcified enough to count as calcium (our judgement, C)."""

LIVER = frozenset(("liver", "duct", "capsule", "duct_wall", "hilar_duct", "hilum"))
"""Organs whose calcium is calcium in the liver."""

ELSEWHERE = frozenset(
    (
        "gallbladder", "spleen", "kidney", "adrenal", "lung", "chest_node", "node", "artery", "portal_vein",
        "hepatic_vein", "vessel_wall", "other", "colon", "cbd", "abdomen",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """One thing a report says: a finding, its value, how sure, and the tokens that say it."""

    id: str
    probability: float
    first: int
    last: int
    value: str | Size | int | None = None


@dataclass(slots=True)
class Account:
    """What has been said so far; `calcium` and `lesion` are what the report speaks of at the moment."""

    said: list[Said] = field(default_factory=list)
    calcium: Mention | None = None
    lesion: Mention | None = None
    kinds: list[tuple[str, float, Mention]] = field(default_factory=list)
    holds_calcium: bool = False
    sides: list[tuple[str, Mention]] = field(default_factory=list)
    segments: dict[int, tuple[int, int]] = field(default_factory=dict)

    def say(
        self, name: str, mention: Mention, value: str | Size | int | None = None, *, scale: float = 1.0
    ) -> None:
        """Note a finding with the probability of the mention that makes it."""
        if mention.probability is not None and not mention.unseen and not mention.family:
            chance = mention.probability * scale if mention.probability > 0 else 0.0
            self.said.append(Said(name, chance, mention.first, mention.last, value))


def in_liver(mention: Mention) -> bool:
    """Say whether a mention lies in the liver, as far as the report says."""
    return (
        not mention.organs
        or bool(LIVER & set(mention.organs))
        and not (
            ELSEWHERE & set(mention.organs) and "liver" not in mention.organs and "duct" not in mention.organs
        )
    )


def follow(account: Account, tokens: Tokens, sentence: Sentence) -> None:
    """Take in one sentence of the report."""
    calcium = [m for m in sentence.mentions if _calcium_of(m) and in_liver(m)]
    lesions = [
        m for m in sentence.mentions if m.has("thing", "mass", "cyst", "lesion", "abscess") and in_liver(m)
    ]
    asserted = [m for m in calcium if m.probability is not None and m.probability > 0 and not m.prior]
    for mention in calcium:
        account.say("intrahepatic_calcification", mention, scale=_calcium_of(mention))
        if mention.has("thing", "stone") and "duct" in mention.organs:
            account.say("duct_relation", mention, "in_lumen")
    if asserted:
        account.calcium = asserted[0]
    _take_lesions(account, tokens, sentence, lesions, calcium)
    about = asserted or ([account.calcium] if account.calcium is not None else [])
    if about:
        _take_attributes(account, tokens, sentence, asserted)
    _take_sizes(account, tokens, sentence, asserted, lesions)


def _calcium_of(mention: Mention) -> float:
    """Return how surely a mention is calcium; 0 where it is none."""
    if mention.has("thing", "calcium"):
        return 1.0
    if mention.has("thing", "bright"):
        return BRIGHT
    if mention.has("thing", "dense"):
        return DENSE
    if mention.has("thing", "stone"):
        return STONE if "duct" in mention.organs else 0.6
    return 0.0


def _take_lesions(
    account: Account,
    tokens: Tokens,
    sentence: Sentence,
    lesions: Sequence[Mention],
    calcium: Sequence[Mention],
) -> None:
    """Note the lesion that a sentence speaks of, its kind, and whether it holds the calcium."""
    real = [m for m in lesions if m.probability is not None and m.probability >= 0.5 and not m.prior]
    denied = [m for m in lesions if m.probability == 0.0]
    present = [m for m in calcium if m.probability is not None and m.probability >= 0.5]
    absent = [m for m in calcium if m.probability == 0.0]
    if real:
        if account.lesion is None or not _goes_on(tokens, sentence):
            account.lesion = real[0]
        account.kinds += [
            (t.name, float(t.value or 0.6), m) for m in real for t in m.tags if t.kind == "kind"
        ]
    if denied and not real:
        for mention in denied:
            if mention.has("thing", "mass", "lesion"):
                if account.calcium is not None and _is_about(tokens, sentence, mention):
                    account.say("host_kind", Mention(mention.tags, mention.first, mention.last), "none")
                elif not mention.has("thing", "lesion"):
                    account.say("mass_without_calcium", mention)
    if account.lesion is not None and (real or _goes_on(tokens, sentence)):
        if present and _holds(tokens, sentence, present, real):
            account.holds_calcium = True
            account.say("within_mass", present[0])
        elif absent and not present:
            lesion = account.lesion
            account.say("mass_without_calcium", Mention(lesion.tags, lesion.first, absent[0].last))


_ABOUT = frozenset(
    (
        "surrounding",
        "associated",
        "around",
        "adjacent",
        "accompanying",
        "周围",
        "邻近",
        "周",
        "related",
        "underlying",
    )
)


def _is_about(tokens: Tokens, sentence: Sentence, mention: Mention) -> bool:
    """Say whether a denied mass is one about the calcium."""
    words = tokens.words[sentence.parts[mention.part][0] : sentence.parts[mention.part][1]]
    return any(w in _ABOUT for w in words)


def _goes_on(tokens: Tokens, sentence: Sentence) -> bool:
    """Say whether a sentence goes on about what the last one spoke of."""
    words = tokens.words
    first = sentence.first
    return words[first] in _CONTINUING or any(m.has("rel", "inside") for m in sentence.mentions[:3])


_CONTINUING = frozenset(
    (
        "it", "its", "this", "the", "there", "on", "after", "central", "internal", "with", "arterial", "enhancement",
        "calcification", "contain", "containing", "内", "其", "壁", "囊", "增", "平", "动", "中", "边", "病", "该", "强", "延", "周", "瘤", "肿", "灶",
    )
)  # fmt: skip


def _holds(tokens: Tokens, sentence: Sentence, present: Sequence[Mention], real: Sequence[Mention]) -> bool:
    """Say whether the calcium of a sentence lies in its lesion."""
    if not real:
        return True
    for calcium in present:
        own = [m for m in sentence.mentions if m.has("place") and abs(m.first - calcium.first) < 12]
        for lesion in real:
            low, high = min(lesion.last, calcium.last), max(lesion.first, calcium.first)
            between = tokens.words[low:high] if low <= high else []
            apart = any(m.first >= low and m.last <= high for m in own) and "and" in between
            if not apart and len(between) < 30 and not any(w == ";" for w in between):
                return True
    return False


def _take_attributes(
    account: Account, tokens: Tokens, sentence: Sentence, asserted: Sequence[Mention]
) -> None:
    """Note form, number, place and shadow of the calcium that a sentence speaks of."""
    for mention in sentence.mentions:
        if not in_liver(mention) or mention.prior:
            continue
        for tag in mention.tags:
            if tag.kind == "shape" and asserted and mention.probability:
                account.say("dominant_morphology", mention, tag.name)
            elif tag.kind == "count" and asserted and tag.name == "many":
                account.say("multiple_foci", mention)
            elif tag.kind == "count" and tag.name == "diffuse" and asserted:
                account.say("diffuse_bilobar", mention)
            elif tag.kind == "count" and tag.name == "n" and asserted:
                _count(account, tokens, mention, asserted)
            elif tag.kind == "quality" and tag.name == "shadow" and not mention.has("finding"):
                absent = mention.probability == 0.0
                plain = Mention(mention.tags, mention.first, mention.last)
                account.say("acoustic_shadow", plain, "none" if absent else "clean")
            elif tag.kind == "position" and account.holds_calcium and asserted:
                account.say("host_position", mention, tag.name)
    if asserted:
        _take_place(account, tokens, sentence, asserted)
        for mention in asserted:
            if tokens.raw[mention.last - 1] in _PLURALS and not account.holds_calcium:
                account.say("multiple_foci", mention, scale=PLURAL)


PLURAL = 0.8
"""How surely a plural means several foci (our judgement, C): "calcifications" may be two parts of one."""

_PLURALS = frozenset(
    (
        "calcifications", "foci", "granulomas", "granulomata", "deposits", "stones", "calculi", "specks", "flecks",
        "dots", "spots", "lesions", "nodules", "densities", "microcalcifications", "hepatoliths", "phleboliths",
    )
)  # fmt: skip

_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10, "eleven": 11,
    "twelve": 12, "pair": 2,
}  # fmt: skip


def _count(account: Account, tokens: Tokens, mention: Mention, asserted: Sequence[Mention]) -> None:
    number = _NUMBERS.get(tokens.words[mention.first], 0)
    nearest = min(abs(m.first - mention.last) for m in asserted)
    if number and nearest <= 10 and all(m.first > mention.first for m in asserted[:1]):
        account.say("focus_count", mention, number)
        account.say(
            "multiple_foci", Mention(mention.tags, mention.first, mention.last, probability=float(number > 1))
        )


def _take_place(account: Account, tokens: Tokens, sentence: Sentence, asserted: Sequence[Mention]) -> None:
    """Note the lobes and segments of the calcium."""
    for mention in sentence.mentions:
        for tag in mention.tags:
            if tag.kind == "place" and tag.name in ("left", "right", "both") and not mention.prior:
                account.sides.append((tag.name, mention))
            for segment in tag.value.split("+") if tag.kind == "place" and tag.name == "segments" and tag.value else ():
                account.segments.setdefault(int(segment), (mention.first, mention.last))
    for segment, place in read_segments(tokens, sentence.first, sentence.last):
        account.segments.setdefault(segment, (place, place + 1))
        side = side_of(segment)
        if side != "caudate":
            account.sides.append((side, Mention((), place, place + 1)))


def _take_sizes(
    account: Account,
    tokens: Tokens,
    sentence: Sentence,
    asserted: Sequence[Mention],
    lesions: Sequence[Mention],
) -> None:
    """Give every size of a sentence to the calcium or to the lesion it belongs to."""
    things = [m for m in sentence.mentions if m.has("thing")]
    for size in sentence.sizes:
        owner = _owner(tokens, sentence, size, things)
        if owner is None:
            organs = [
                m
                for m in sentence.mentions
                if m.has("organ") and m.part == size.part and m.last <= size.first
            ]
            if organs or not _goes_on(tokens, sentence):
                continue
            owner = account.lesion if account.holds_calcium else account.calcium
        if owner is None or owner.prior or not in_liver(owner) or not owner.probability:
            continue
        if account.holds_calcium and (owner.has("finding", "ring_calcification") or _of_lesions(tokens, size, lesions)):
            account.said.append(Said("host_diameter", owner.probability, size.first, size.last, size))
        elif _calcium_of(owner) and not owner.has("thing", "mass", "cyst", "lesion"):
            account.said.append(Said("largest_calcium", owner.probability, size.first, size.last, size))
        elif owner.has("thing", "mass", "cyst", "lesion", "abscess"):
            account.said.append(Said("host_diameter", owner.probability, size.first, size.last, size))


def _of_lesions(tokens: Tokens, size: Size, lesions: Sequence[Mention]) -> bool:
    """Say whether a size is that of "the largest one" of lesions spoken of before it."""
    lead = tokens.words[max(size.first - 3, 0) : size.first]
    return "者" in lead and any(m.last <= size.first and m.probability for m in lesions)


_AFTER = frozenset(
    (
        "measuring",
        "measure",
        "measured",
        "of",
        "size",
        "diameter",
        "径",
        "约",
        "小",
        "为",
        "(",
        "up",
        "approximately",
        "about",
        "is",
        "was",
        "largest",
    )
)


def _owner(tokens: Tokens, sentence: Sentence, size: Size, things: Sequence[Mention]) -> Mention | None:
    """Return the thing a size belongs to: the next one, or the last one where the words say so."""
    before = [m for m in things if m.last <= size.first]
    after = [m for m in things if m.first >= size.last and m.part == size.part]
    lead = tokens.words[max(size.first - 2, sentence.first) : size.first]
    if before and (not after or any(w in _AFTER for w in lead)):
        own = [
            m
            for m in sentence.mentions
            if m.has("organ") and before[-1].last <= m.first and m.last <= size.first
        ]
        foreign = [m for m in own if not LIVER & set(m.names("organ"))]
        return None if foreign else before[-1]
    return after[0] if after else None
