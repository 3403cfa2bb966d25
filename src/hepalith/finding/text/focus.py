"""What a report says of the calcium in the liver and of the lesion that holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hepalith.finding.text.account import SURE, Account, Lesion, Site, calcium_of, goes_on
from hepalith.finding.text.lexicon import Tag, Tags, word_set
from hepalith.finding.text.mention import Mention, Sentence, part_of
from hepalith.finding.text.number import take_counts, take_sizes
from hepalith.finding.text.place import NEAR_WORDS, is_foreign, read_segments, side_of
from hepalith.finding.text.token import Tokens

__all__ = ["follow"]


def follow(account: Account, tokens: Tokens, sentence: Sentence) -> None:
    """Take in one sentence of the report."""
    here = [m for m in sentence.mentions if not is_foreign(m)]
    _take_shadowing(here)
    calcium = [m for m in here if calcium_of(m) and not (m.probability == 0.0 and m.has("change", "new"))]
    lesions = [m for m in here if m.has("thing", "mass", "cyst", "lesion", "abscess")]
    asserted = [m for m in calcium if m.probability and not m.prior]
    for mention in calcium:
        account.say("intrahepatic_calcification", mention, scale=calcium_of(mention))
        if mention.has("thing", "bright"):
            account.say("strong_echo", mention)
        if mention.has("thing", "stone") and "duct" in mention.organs:
            account.say("duct_relation", mention, "in_lumen")
        account.names_calcium |= bool(mention.probability) and mention.has("thing", "calcium", "stone")
        account.denies_calcium |= _is_denied_whole(tokens, sentence, mention)
    _take_lesions(account, tokens, sentence, lesions, calcium)
    if asserted:
        account.calcium = asserted[0]
        account.speaks_of_lesion = (
            account.lesion is not None
            and account.lesion.holds_calcium
            and (bool(lesions) or goes_on(tokens, sentence))
        )
    elif any(m.probability for m in lesions):
        account.speaks_of_lesion = True
    if account.calcium is not None:
        _take_attributes(account, tokens, sentence, here, asserted)
    _take_sites(account, tokens, sentence, asserted, lesions)
    take_sizes(account, tokens, sentence, lesions)


def _is_denied_whole(tokens: Tokens, sentence: Sentence, mention: Mention) -> bool:
    """Say whether calcium is denied for the whole liver: for no lobe, and not only "other" calcium."""
    if mention.probability != 0.0 or mention.prior or not mention.has("thing", "calcium"):
        return False
    first, last = sentence.parts[mention.part]
    placed = any(m.part == mention.part and m.has("place") for m in sentence.mentions)
    inside = any(m.part == mention.part and m.has("rel", "inside") for m in sentence.mentions)
    return not (placed or inside or word_set("further") & set(tokens.words[first:last]))


_BRIGHT = Tags((Tag("thing", "bright"),))


def _take_shadowing(here: Sequence[Mention]) -> None:
    """Take a "hyperechoic lesion" that casts a shadow for a strong echo: a tumour casts none.

    Not where calcium is named between the two: then that casts it, and the lesion holds it.
    """
    lesion: Mention | None = None
    for mention in here:
        if mention.has("echo", "hyperechoic") and mention.probability:
            lesion = mention
        elif calcium_of(mention):
            lesion = None
        elif lesion is not None and mention.has("quality", "shadow", "comet") and mention.probability:
            if not any(t.name == "acoustic_shadow" and t.value == "none" for t in mention.tags):
                lesion.tags = _BRIGHT
            lesion = None


def _take_lesions(
    account: Account,
    tokens: Tokens,
    sentence: Sentence,
    lesions: Sequence[Mention],
    calcium: Sequence[Mention],
) -> None:
    """Note the lesion that a sentence speaks of, its kind, and whether it holds the calcium."""
    real = [m for m in lesions if (m.probability or 0.0) >= SURE and not m.prior]
    continues = goes_on(tokens, sentence)
    if real:
        if account.lesion is None or (not continues and _is_new(tokens, sentence, real[0])):
            account.lesions.append(Lesion(real[0]))
        account.lesions[-1].kinds += [
            (t.name, max(float(t.value or 0.6) * (m.probability or 0.0), SURE), m)
            for m in real
            for t in m.tags
            if t.kind == "kind"
        ]
    else:
        for mention in lesions:
            if mention.has("plain", "malignant") and mention.probability and not mention.prior:
                account.say("host_kind", mention, "solid")
        beside = any(m.probability and not m.prior for m in calcium)
        _take_denied(account, tokens, sentence, [m for m in lesions if m.probability == 0.0], beside=beside)
    lesion = account.lesion
    if lesion is None or not (real or continues):
        return
    present = [m for m in calcium if (m.probability or 0.0) >= SURE and not m.prior]
    if present and (not real or _holds(tokens, sentence, present, real)):
        lesion.holds_calcium = True
        account.say("within_mass", present[0])
    elif lesion.mention.has("plain", "simple_cyst"):
        return
    elif not present and (absent := [m for m in calcium if m.probability == 0.0]):
        account.say(
            "mass_without_calcium", replace(lesion.mention, last=max(absent[0].last, lesion.mention.last))
        )


def _is_new(tokens: Tokens, sentence: Sentence, mention: Mention) -> bool:
    """Say whether a lesion is introduced: by an article or a number, a size or a place of its own."""
    lead = tokens.words[max(sentence.first, mention.first - 6) : mention.first]
    own_size = any(size.part == mention.part for size in sentence.sizes)
    own_place = any(m.has("place") and m.part == mention.part for m in sentence.mentions)
    return own_size or own_place or any(w in word_set("indefinite") for w in lead)


def _take_denied(
    account: Account, tokens: Tokens, sentence: Sentence, denied: Sequence[Mention], *, beside: bool
) -> None:
    """Note what the absence of a mass says: that the calcium has no host, or that there is no mass.

    The first where calcium stands `beside` it in the sentence, or where the words say "surrounding".
    """
    for mention in denied:
        if not mention.has("thing", "mass", "lesion") or mention.has("plain", "diagnosis"):
            continue
        first, last = sentence.parts[mention.part]
        named = any(w in word_set("about_it") for w in tokens.words[first:last])
        if (beside and not _is_elsewhere(sentence, mention)) or (account.calcium is not None and named):
            account.say("host_kind", replace(mention, probability=1.0), "none")
        elif not mention.has("thing", "lesion"):
            account.say("mass_without_calcium", mention)


def _is_elsewhere(sentence: Sentence, denied: Mention) -> bool:
    """Say whether a mass is denied in one lobe and the calcium lies in the other."""
    calcium = [m for m in sentence.mentions if calcium_of(m) and m.probability and not m.prior]
    return bool(calcium) and all(_are_apart(sentence, m, denied) for m in calcium)


def _holds(tokens: Tokens, sentence: Sentence, present: Sequence[Mention], real: Sequence[Mention]) -> bool:
    """Say whether the calcium of a sentence lies in its lesion: nothing gives it a place of its own."""
    places = [m for m in sentence.mentions if m.has("place")]
    for calcium in present:
        for lesion in real:
            if _are_apart(sentence, calcium, lesion):
                continue
            low, high = min(lesion.last, calcium.last), max(lesion.first, calcium.first)
            between = tokens.words[low:high]
            own = any(
                calcium.first - 6 <= m.first <= calcium.last + 6 and not low <= m.first < high for m in places
            )
            length = sum(0.5 if w[0] > "\u3400" else 1.0 for w in between)
            if length < 30 and not (own and ("and" in between or "另" in between) and len(places) > 1):
                return True
    return False


def _are_apart(sentence: Sentence, calcium: Mention, lesion: Mention) -> bool:
    """Say whether two clauses put the calcium in one lobe and the lesion in the other."""
    if calcium.part == lesion.part:
        return False
    sides = [
        {n for m in sentence.mentions if m.part == one.part for n in m.names("place") if n in _OPPOSITE}
        for one in (calcium, lesion)
    ]
    return all(len(side) == 1 for side in sides) and sides[0] != sides[1]


_OPPOSITE = frozenset(("left", "right"))


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
                account.say(
                    "acoustic_shadow", replace(mention, probability=1.0), "none" if absent else "clean"
                )
            elif not asserted:
                continue
            elif tag.kind == "shape" and mention.probability:
                account.say("dominant_morphology", mention, tag.name)
            elif tag.kind == "position" and in_host:
                account.say("host_position", mention, tag.name)
    if asserted:
        take_counts(account, tokens, sentence, asserted, in_host=in_host)


_SIDES = {"left": "left", "right": "right", "左": "left", "右": "right"}
"""Words within the name of a duct that say in which lobe it lies."""


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
        if not site.sides and "duct" in mention.names("organ"):
            named = {_SIDES[w] for w in tokens.words[mention.first : mention.last] if w in _SIDES}
            site.sides += [(side, mention.first, mention.last) for side in sorted(named)]
        if site.sides or site.segments:
            yield mention.first, site
    for segment, place in read_segments(tokens, sentence.first, sentence.last):
        side = side_of(segment)
        sides = [] if side == "caudate" else [(side, place, place + 1)]
        yield place, Site(sides, {segment: (place, place + 1)})


def _take_sites(
    account: Account,
    tokens: Tokens,
    sentence: Sentence,
    asserted: Sequence[Mention],
    lesions: Sequence[Mention],
) -> None:
    """Give each lobe and segment to the calcium or to the lesion that stands nearest."""
    lesion = account.lesion
    real = [m for m in lesions if (m.probability or 0.0) >= SURE and not calcium_of(m)]
    continues = goes_on(tokens, sentence)
    for place, site in _sites(tokens, sentence):
        if _is_clear(sentence, place, [*asserted, *real]) or _is_measured(sentence, place, asserted):
            continue
        nearest = min(((_gap(place, m), m) for m in (*asserted, *real)), key=lambda p: p[0], default=None)
        if nearest is not None and any(nearest[1] is m for m in real) and lesion is not None:
            lesion.site.add(site)
        elif asserted or (
            nearest is None
            and account.calcium
            and not account.speaks_of_lesion
            and (continues or sentence.sizes)
        ):
            account.site.add(site)
        elif continues and lesion is not None and account.speaks_of_lesion:
            lesion.site.add(site)


def _is_clear(sentence: Sentence, place: int, things: Sequence[Mention]) -> bool:
    """Say whether a place is named only as one where nothing is: 右叶未见异常, "but not in the left lobe"."""
    part = part_of(sentence, place)
    mine = [m for m in things if m.part == part]
    denials = [m for m in sentence.mentions if m.part == part and m.has("cue", "no", "normal")]
    if not mine:
        denied = any(m.part == part and m.has("thing") and m.probability == 0.0 for m in sentence.mentions)
        return denied or any(m.has("cue", "normal") for m in denials)
    behind = [m for m in mine if m.last <= place]
    return bool(behind) and any(
        m.has("cue", "no") and behind[-1].last <= m.first and place - NEAR_WORDS <= m.last <= place
        for m in denials
    )


def _is_measured(sentence: Sentence, place: int, asserted: Sequence[Mention]) -> bool:
    """Say whether a clause only gives a lobe its size (左叶厚径5.2cm); the calcium has a place of its own."""
    part = part_of(sentence, place)
    if not any(size.part == part for size in sentence.sizes) or any(
        m.part == part and m.has("thing") for m in sentence.mentions
    ):
        return False
    return any(m.has("place") and m.part == a.part != part for a in asserted for m in sentence.mentions)


def _gap(place: int, mention: Mention) -> int:
    return mention.first - place if place < mention.first else place - mention.last + 1
