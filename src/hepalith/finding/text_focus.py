"""What a report says of the calcium in the liver and of the lesion that holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hepalith.finding.text_mention import Mention, Sentence, Size
from hepalith.finding.text_place import LIVER, is_foreign, read_segments, side_of
from hepalith.finding.text_scope import reaches
from hepalith.finding.text_token import Tokens

__all__ = ["Account", "Lesion", "Said", "Site", "follow"]

BRIGHT = 0.8
"""How surely a strong echo in the liver is calcium (our judgement, C): gas, ligaments and bright tumours
make one too. Reports of health checks use the two words for one thing."""

DENSE = 0.75
"""How surely something dense on CT is calcium (our judgement, C): iodised oil and clips are dense too."""

STONE = 0.9
"""How surely a stone within a bile duct is calcified enough to count as calcium (our judgement, C)."""

STONE_ELSEWHERE = 0.6
"""The same where the duct is not named (our judgement, C)."""

PLURAL = 0.8
"""How surely a plural means several foci (our judgement, C): "calcifications" may be two parts of one."""

SURE = 0.5
"""Least probability with which a lesion is taken for one."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing a report says: a finding, its value, how sure, and the tokens that say it."""

    id: str
    probability: float
    first: int
    last: int
    value: str | Size | int | None = None


@dataclass(slots=True)
class Site:
    """Lobes and segments that are named, with the tokens that name them."""

    sides: list[tuple[str, int, int]] = field(default_factory=list)
    segments: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, other: Site) -> None:
        """Add what another names."""
        self.sides += other.sides
        for segment, place in other.segments.items():
            self.segments.setdefault(segment, place)


@dataclass(slots=True)
class Lesion:
    """A lesion the report speaks of: kinds it is called, its sizes, its place, and whether it holds calcium."""

    mention: Mention
    kinds: list[tuple[str, float, Mention]] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    site: Site = field(default_factory=Site)
    holds_calcium: bool = False


@dataclass(slots=True)
class Account:
    """What has been said so far; the last lesion and `calcium` are what the report speaks of at the moment."""

    said: list[Said] = field(default_factory=list)
    calcium: Mention | None = None
    lesions: list[Lesion] = field(default_factory=list)
    site: Site = field(default_factory=Site)
    speaks_of_lesion: bool = False

    @property
    def lesion(self) -> Lesion | None:
        """The lesion that the report spoke of last."""
        return self.lesions[-1] if self.lesions else None

    @property
    def hosts(self) -> list[Lesion]:
        """The lesions that hold calcium."""
        return [lesion for lesion in self.lesions if lesion.holds_calcium]

    def say(
        self, name: str, mention: Mention, value: str | Size | int | None = None, *, scale: float = 1.0
    ) -> None:
        """Note a finding with the probability of the mention that makes it."""
        if mention.probability is not None and not mention.unseen and not mention.family:
            chance = mention.probability * scale if mention.probability > 0 else 0.0
            self.said.append(Said(name, chance, mention.first, mention.last, value))


def follow(account: Account, tokens: Tokens, sentence: Sentence) -> None:
    """Take in one sentence of the report."""
    here = [m for m in sentence.mentions if not is_foreign(m)]
    calcium = [m for m in here if calcium_of(m)]
    lesions = [m for m in here if m.has("thing", "mass", "cyst", "lesion", "abscess")]
    asserted = [m for m in calcium if m.probability and not m.prior]
    for mention in calcium:
        account.say("intrahepatic_calcification", mention, scale=calcium_of(mention))
        if mention.has("thing", "stone") and "duct" in mention.organs:
            account.say("duct_relation", mention, "in_lumen")
    _take_lesions(account, tokens, sentence, lesions, calcium)
    if asserted:
        account.calcium = asserted[0]
        account.speaks_of_lesion = account.lesion is not None and account.lesion.holds_calcium and (
            bool(lesions) or _goes_on(tokens, sentence)
        )
    elif any(m.probability for m in lesions):
        account.speaks_of_lesion = True
    if account.calcium is not None:
        _take_attributes(account, tokens, sentence, here, asserted)
    _take_sites(account, tokens, sentence, asserted, lesions)
    _take_sizes(account, tokens, sentence, lesions)


def calcium_of(mention: Mention) -> float:
    """Return how surely a mention is calcium; 0 where it is none."""
    if mention.has("thing", "calcium"):
        return 1.0
    if mention.has("thing", "bright"):
        return BRIGHT
    if mention.has("thing", "dense"):
        return DENSE
    if mention.has("thing", "stone"):
        return STONE if "duct" in mention.organs else STONE_ELSEWHERE
    return 0.0


def _take_lesions(
    account: Account, tokens: Tokens, sentence: Sentence, lesions: Sequence[Mention], calcium: Sequence[Mention]
) -> None:
    """Note the lesion that a sentence speaks of, its kind, and whether it holds the calcium."""
    real = [m for m in lesions if (m.probability or 0.0) >= SURE and not m.prior]
    goes_on = _goes_on(tokens, sentence)
    if real:
        if account.lesion is None or (not goes_on and _is_new(tokens, sentence, real[0])):
            account.lesions.append(Lesion(real[0]))
        account.lesions[-1].kinds += [
            (t.name, float(t.value or 0.6), m) for m in real for t in m.tags if t.kind == "kind"
        ]
    else:
        _take_denied(account, tokens, sentence, [m for m in lesions if m.probability == 0.0])
    lesion = account.lesion
    if lesion is None or not (real or goes_on):
        return
    present = [m for m in calcium if (m.probability or 0.0) >= SURE and not m.prior]
    if present and (not real or _holds(tokens, sentence, present, real)):
        lesion.holds_calcium = True
        account.say("within_mass", present[0])
    elif not present and (absent := [m for m in calcium if m.probability == 0.0]):
        account.say("mass_without_calcium", replace(lesion.mention, last=max(absent[0].last, lesion.mention.last)))


_INDEFINITE = frozenset(
    (
        "a", "an", "another", "second", "third", "multiple", "several", "two", "three", "numerous", "few", "one", "additional",
        "一", "另", "见", "多", "数", "两", "二", "三",
    )
)  # fmt: skip


def _is_new(tokens: Tokens, sentence: Sentence, mention: Mention) -> bool:
    """Say whether a lesion is introduced: by an article or a number, a size or a place of its own."""
    lead = tokens.words[max(sentence.first, mention.first - 6) : mention.first]
    own_size = any(size.part == mention.part for size in sentence.sizes)
    own_place = any(m.has("place") and m.part == mention.part for m in sentence.mentions)
    return own_size or own_place or any(w in _INDEFINITE for w in lead)


_ABOUT = frozenset(
    ("surrounding", "associated", "around", "adjacent", "accompanying", "related", "underlying", "周", "邻", "伴", "perifocal")
)


def _take_denied(account: Account, tokens: Tokens, sentence: Sentence, denied: Sequence[Mention]) -> None:
    """Note what the absence of a mass says: that the calcium has no host, or that there is no mass."""
    for mention in denied:
        if not mention.has("thing", "mass", "lesion") or mention.has("plain", "diagnosis"):
            continue
        first, last = sentence.parts[mention.part]
        if account.calcium is not None and any(w in _ABOUT for w in tokens.words[first:last]):
            account.say("host_kind", replace(mention, probability=1.0), "none")
        elif not mention.has("thing", "lesion"):
            account.say("mass_without_calcium", mention)


_CONTINUING = frozenset(
    (
        "it", "its", "this", "the", "there", "on", "after", "central", "internal", "with", "arterial", "enhancement",
        "calcification", "contain", "containing", "largest", "measuring", "size", "both", "they", "these", "each",
        "in", "peripheral", "rim", "located", "situated", "lying", "lie", "within", "coarse", "smaller", "biggest", "内", "其", "壁", "囊", "增", "平", "动", "中",
        "边", "病", "该", "强", "延", "周", "瘤", "肿", "灶", "大", "较", "最", "钙", "可",
    )
)  # fmt: skip


_POINTING = frozenset(("其", "该", "it", "its", "them"))
"""Words that point back, wherever a sentence begins ("CT shows its centre …")."""


def _goes_on(tokens: Tokens, sentence: Sentence) -> bool:
    """Say whether a sentence goes on about what the last one spoke of."""
    words = tokens.words[sentence.first : min(sentence.first + 5, sentence.last)]
    if words[0] in _CONTINUING or any(m.has("rel", "inside") for m in sentence.mentions):
        return True
    return any(w in _POINTING for w in words)


def _holds(tokens: Tokens, sentence: Sentence, present: Sequence[Mention], real: Sequence[Mention]) -> bool:
    """Say whether the calcium of a sentence lies in its lesion: nothing between them gives it a place of its own."""
    places = [m for m in sentence.mentions if m.has("place")]
    for calcium in present:
        for lesion in real:
            low, high = min(lesion.last, calcium.last), max(lesion.first, calcium.first)
            between = tokens.words[low:high]
            own = any(calcium.first - 6 <= m.first <= calcium.last + 6 and not low <= m.first < high for m in places)
            if len(between) < 30 and not (own and ("and" in between or "另" in between) and len(places) > 1):
                return True
    return False


def _take_attributes(
    account: Account, tokens: Tokens, sentence: Sentence, here: Sequence[Mention], asserted: Sequence[Mention]
) -> None:
    """Note form, number and shadow of the calcium that a sentence speaks of."""
    in_host = bool(account.lesion and account.lesion.holds_calcium and account.speaks_of_lesion)
    for mention in here:
        if mention.prior or is_foreign(mention):
            continue
        for tag in mention.tags:
            if tag.kind == "quality" and tag.name == "shadow" and not mention.has("finding"):
                absent = mention.probability == 0.0
                account.say("acoustic_shadow", replace(mention, probability=1.0), "none" if absent else "clean")
            elif not asserted:
                continue
            elif tag.kind == "shape" and mention.probability:
                account.say("dominant_morphology", mention, tag.name)
            elif tag.kind == "count":
                _count(account, tokens, sentence, mention, tag.name)
            elif tag.kind == "position" and in_host:
                account.say("host_position", mention, tag.name)
    _count_digits(account, tokens, sentence, asserted)
    for mention in asserted:
        if tokens.raw[mention.last - 1] in _PLURALS and not in_host:
            account.say("multiple_foci", mention, scale=PLURAL)


_PLURALS = frozenset(
    (
        "calcifications", "foci", "granulomas", "granulomata", "deposits", "stones", "calculi", "specks", "flecks",
        "dots", "spots", "lesions", "nodules", "densities", "microcalcifications", "hepatoliths", "phleboliths",
    )
)  # fmt: skip

_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "eleven": 11,
    "twelve": 12, "pair": 2, "十": 10,
}  # fmt: skip


_PIECES = frozenset("个枚处粒颗")


def _count_digits(account: Account, tokens: Tokens, sentence: Sentence, asserted: Sequence[Mention]) -> None:
    """Note a number in figures that counts the calcium: "3 calcified foci", 3枚."""
    sized = {place for size in sentence.sizes for place in range(size.first, size.last)}
    for mention in asserted:
        for place in range(max(sentence.first, mention.first - 8), mention.first):
            word = tokens.words[place]
            if not word.isdigit() or place in sized or not 1 <= int(word) <= MOST_COUNTED:
                continue
            following = tokens.words[place + 1]
            plural = tokens.raw[mention.last - 1] in _PLURALS and mention.first - place <= 5 and following.isalpha()
            behind = tokens.words[place - 1] if place else ""
            if following in _PIECES or (plural and behind not in _BEFORE_SEGMENTS and following.isascii()):
                counted = Mention((), place, place + 1)
                account.say("focus_count", counted, int(word))
                account.say("multiple_foci", replace(counted, probability=float(int(word) > 1)))


MOST_COUNTED = 30
"""More foci than this are not counted one by one (our judgement)."""

_BEFORE_SEGMENTS = frozenset(("segment", "seg", "s", "and", "couinaud", "in", "of"))


def _count(account: Account, tokens: Tokens, sentence: Sentence, mention: Mention, name: str) -> None:
    """Note a number, if what it counts is the calcium: the next thing in its part, else the last one."""
    things = [m for m in sentence.mentions if m.part == mention.part and m.has("thing", *_COUNTED) or m.has("finding", *_OTHERS)]
    after = [m for m in things if m.last > mention.first]
    counted = after[0] if after else (things[-1] if things else None)
    if counted is None or not calcium_of(counted) or is_foreign(counted) or not counted.probability:
        return
    if name in ("many", "diffuse"):
        account.say("multiple_foci", mention)
    if name == "diffuse":
        account.say("diffuse_bilobar", mention)
    number = _NUMBERS.get(tokens.words[mention.first], 0)
    if name == "n" and number and after and after[0].first - mention.last <= 10:
        account.say("focus_count", mention, number)
        account.say("multiple_foci", replace(mention, probability=float(number > 1)))


_COUNTED = ("calcium", "bright", "dense", "stone", "mass", "cyst", "lesion", "abscess", "granuloma")
_OTHERS = ("cyst_septa", "daughter_cysts", "microcystic_areas", "satellite_lesions", "enlarged_nodes", "lung_nodules")


def _sites(tokens: Tokens, sentence: Sentence) -> Iterator[tuple[int, Site]]:
    """Yield the lobes and segments of a sentence, each with the token where it stands."""
    explicit = {s for s, _ in read_segments(tokens, sentence.first, sentence.last)}
    for mention in sentence.mentions:
        if mention.prior:
            continue
        site = Site()
        for tag in mention.tags:
            if tag.kind == "place" and tag.name in ("left", "right", "both"):
                site.sides.append((tag.name, mention.first, mention.last))
            elif tag.kind == "place" and tag.name == "segments" and tag.value:
                meant = {int(number) for number in tag.value.split("+")}
                for number in (meant & explicit) or meant:
                    site.segments[number] = (mention.first, mention.last)
        if site.sides or site.segments:
            yield mention.first, site
    for segment, place in read_segments(tokens, sentence.first, sentence.last):
        side = side_of(segment)
        sides = [] if side == "caudate" else [(side, place, place + 1)]
        yield place, Site(sides, {segment: (place, place + 1)})


def _take_sites(
    account: Account, tokens: Tokens, sentence: Sentence, asserted: Sequence[Mention], lesions: Sequence[Mention]
) -> None:
    """Give each lobe and segment to the calcium or to the lesion that stands nearest."""
    lesion = account.lesion
    real = [m for m in lesions if (m.probability or 0.0) >= SURE and not calcium_of(m)]
    goes_on = _goes_on(tokens, sentence)
    for place, site in _sites(tokens, sentence):
        nearest = min(((_gap(place, m), m) for m in (*asserted, *real)), key=lambda p: p[0], default=None)
        if nearest is not None and any(nearest[1] is m for m in real) and lesion is not None:
            lesion.site.add(site)
        elif asserted or (
            nearest is None and account.calcium and not account.speaks_of_lesion and (goes_on or sentence.sizes)
        ):
            account.site.add(site)
        elif goes_on and lesion is not None and account.speaks_of_lesion:
            lesion.site.add(site)


def _gap(place: int, mention: Mention) -> int:
    return mention.first - place if place < mention.first else place - mention.last + 1


def _take_sizes(account: Account, tokens: Tokens, sentence: Sentence, lesions: Sequence[Mention]) -> None:
    """Give every size of a sentence to the calcium or to the lesion it belongs to."""
    things = [m for m in sentence.mentions if m.has("thing")]
    lesion = account.lesion
    for size in sentence.sizes:
        if any(m.has("cue", "prior_study") and m.part == size.part and reaches(tokens, m.last, size.first) for m in sentence.mentions):
            continue
        owner = _owner(tokens, sentence, size, things)
        if owner is None:
            organs = [m for m in sentence.mentions if m.has("organ") and m.part == size.part and m.last <= size.first]
            if any(is_foreign(m) or m.has("organ", "duct") for m in organs) or not _may_go_on(tokens, sentence, size):
                continue
            owner = lesion.mention if account.speaks_of_lesion and lesion else account.calcium
        if owner is None or owner.prior or is_foreign(owner) or not owner.probability:
            continue
        is_lesion = owner.has("thing", "mass", "cyst", "lesion", "abscess")
        of_host = lesion is not None and lesion.holds_calcium and (
            owner.has("shape", "rim", "eggshell") or _of_largest(tokens, size, lesions)
        )
        if lesion is not None and (of_host or (is_lesion and not owner.has("thing", "calcium"))):
            lesion.sizes.append(size)
        elif calcium_of(owner):
            account.said.append(Said("largest_calcium", owner.probability, size.first, size.last, size))


def _may_go_on(tokens: Tokens, sentence: Sentence, size: Size) -> bool:
    """Say whether a size without a thing of its own belongs to what was spoken of."""
    return _goes_on(tokens, sentence) or size.first - sentence.first <= 2


def _of_largest(tokens: Tokens, size: Size, lesions: Sequence[Mention]) -> bool:
    """Say whether a size is that of "the largest one" of lesions spoken of before it."""
    lead = tokens.words[max(size.first - 9, 0) : size.first]
    return ("者" in lead or "largest" in lead) and any(m.last <= size.first and m.probability for m in lesions)


_AFTER = frozenset(
    (
        "measuring", "measure", "measured", "of", "size", "diameter", "径", "约", "小", "为", "(", "up", "approximately",
        "about", "is", "was", "largest", "to", "者", "长",
    )
)  # fmt: skip


def _owner(tokens: Tokens, sentence: Sentence, size: Size, things: Sequence[Mention]) -> Mention | None:
    """Return the thing a size belongs to: the next one, or the last one where the words say so."""
    before = [m for m in things if m.last <= size.first]
    after = [m for m in things if m.first >= size.last and m.part == size.part]
    lead = tokens.words[max(size.first - 2, sentence.first) : size.first]
    if before and (not after or any(w in _AFTER for w in lead) and before[-1].part == size.part):
        between = [m for m in sentence.mentions if m.has("organ") and before[-1].last <= m.first and m.last <= size.first]
        return None if any(is_foreign(m) for m in between) else before[-1]
    return after[0] if after else None
