"""From what a report says, sentence by sentence, to one statement of each finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hepalith.finding.text_focus import LIVER, Account, Said
from hepalith.finding.text_mention import Mention, Sentence, Size
from hepalith.finding.text_patient import Person
from hepalith.finding.text_place import load_joins, load_normals
from hepalith.finding.text_token import Tokens
from hepalith.vocabulary import Measurement, State, load_vocabulary

__all__ = ["Composed", "compose"]

FEWEST_SURE = 0.5
"""Below this probability a finding is neither present nor absent: it is named, and unknown."""


@dataclass(frozen=True, slots=True)
class Composed:
    """One finding as the whole report has it, with the tokens that say so."""

    id: str
    subject: str
    state: State
    probability: float | None
    value: Measurement | str | None
    places: tuple[tuple[int, int], ...]
    reason: str | None = None
    alternatives: tuple[tuple[str, float], ...] = ()


def compose(
    account: Account, person: Person, tokens: Tokens, sentences: Sequence[Sentence]
) -> tuple[Composed, ...]:
    """Return the findings of a report in the order of the vocabulary."""
    said = list(account.said)
    for sentence in sentences:
        if sentence.heading in ("technique", "indication", "recommendation", "comparison"):
            continue
        said.extend(_direct(account, tokens, sentence))
        said.extend(_joined(sentence))
        said.extend(_normal(sentence))
    said.extend(Said(name, chance, m.first, m.last) for name, chance, m in person.findings)
    said.extend(_sides(account))
    said.extend(_hosts(account))
    by_id: dict[str, list[Said]] = {}
    for one in said:
        by_id.setdefault(one.id, []).append(one)
    _tidy(account, by_id)
    vocabulary = load_vocabulary()
    return tuple(
        _merge(t.id, t.type, t.subject or "liver", t.unit, by_id[t.id]) for t in vocabulary if t.id in by_id
    )


_CALCIUM_ONLY = frozenset(
    (
        "subcapsular", "scattered", "clustered", "miliary", "bilobar_even", "solitary", "beaded_chain", "along_duct",
        "along_portal_triad", "along_capsule", "duct_relation", "acoustic_shadow", "bile_around_focus",
    )
)  # fmt: skip
"""Findings that are about the calcium: they count only where calcium in the liver is spoken of."""

_HOST_ONLY = frozenset(("enhancement", "satellite_lesions"))


def _direct(account: Account, tokens: Tokens, sentence: Sentence) -> Iterable[Said]:
    """Yield the findings that phrases name outright."""
    for mention in sentence.mentions:
        for tag in mention.tags:
            if tag.kind == "change":
                yield from _change(mention, tag.name, sentence)
            if tag.kind != "finding" or mention.probability is None or mention.prior or mention.family:
                continue
            if tag.name in _CALCIUM_ONLY and (
                account.calcium is None or not _near_calcium(sentence, mention)
            ):
                continue
            value, chance = tag.value, mention.probability
            if value == "false":
                value, chance = None, 1.0 - chance
            if mention.unseen:
                yield Said(tag.name, -1.0, mention.first, mention.last, value)
            else:
                yield Said(tag.name, chance, mention.first, mention.last, value)


def _near_calcium(sentence: Sentence, mention: Mention) -> bool:
    """Say whether a mention lies where calcium of the liver is spoken of."""
    if mention.organs and not LIVER & set(mention.organs):
        return False
    return True


def _change(mention: Mention, name: str, sentence: Sentence) -> Iterable[Said]:
    if mention.probability is None or (mention.organs and not LIVER & set(mention.organs)):
        return
    compared = any(m.has("cue", "compared") for m in sentence.mentions) or name in ("new", "gone")
    if compared or name == "stable":
        yield Said("change_since_prior", mention.probability, mention.first, mention.last, name)


def _joined(sentence: Sentence) -> Iterable[Said]:
    """Yield the findings that a thing or a quality makes in its organ."""
    joins = load_joins()
    for mention in sentence.mentions:
        if mention.probability is None or mention.prior or mention.family:
            continue
        for name in (*mention.names("thing"), *mention.names("quality")):
            for organ in mention.organs:
                finding = joins.get((name, organ))
                if finding is not None:
                    chance = -1.0 if mention.unseen else mention.probability
                    yield Said(finding, chance, mention.first, mention.last)


def _normal(sentence: Sentence) -> Iterable[Said]:
    """Yield what an organ does not have that is called normal."""
    normals = load_normals()
    for mention in sentence.mentions:
        names = [
            n
            for n in (*mention.names("cue"), *mention.names("quality"))
            if n in ("normal", "normal_size", "smooth")
        ]
        for name in names:
            for organ in mention.organs:
                for finding in normals.get((name, organ), ()):
                    yield Said(finding, 0.0, mention.first, mention.last)


def _sides(account: Account) -> Iterable[Said]:
    """Yield the side of the foci: both where both are named."""
    if not account.sides:
        return
    names = {name for name, _ in account.sides}
    side = "both" if "both" in names or {"left", "right"} <= names else next(iter(names))
    for _, mention in account.sides:
        yield Said("side_of_foci", 1.0, mention.first, mention.last, side)
    if side == "both" or len(account.segments) > 1:
        mention = account.sides[0][1]
        yield Said("multiple_foci", 0.9, mention.first, mention.last)


_STRENGTH = ("fat", "mixed", "infiltrative", "fluid", "solid")
"""Kinds of host, the one that tells most first: a fatty or necrotic mass is a mass as well."""


def _hosts(account: Account) -> Iterable[Said]:
    if not account.holds_calcium:
        return
    for kind in _STRENGTH:
        own = [(chance, m) for name, chance, m in account.kinds if name == kind]
        if own:
            for chance, mention in own:
                yield Said("host_kind", chance, mention.first, mention.last, kind)
            return


def _tidy(account: Account, by_id: dict[str, list[Said]]) -> None:
    """Settle what depends on the whole report."""
    if not account.holds_calcium:
        for name in ("host_diameter", "host_position"):
            by_id.pop(name, None)
    if "host_kind" in by_id and any(s.value != "none" for s in by_id["host_kind"]):
        by_id["host_kind"] = [s for s in by_id["host_kind"] if s.value != "none"]
        by_id.pop("mass_without_calcium", None)
    if account.calcium is None:
        for name in ("side_of_foci", "dominant_morphology", "change_since_prior"):
            by_id.pop(name, None)


def _merge(name: str, kind: str, subject: str, unit: str | None, said: Sequence[Said]) -> Composed:
    """Return one statement of a finding from all that is said of it."""
    seen = [s for s in said if s.probability >= 0]
    if not seen:
        places = tuple(dict.fromkeys((s.first, s.last) for s in said))[:3]
        return Composed(
            name, subject, State.NOT_ASSESSABLE, None, None, places, "the report says it could not be judged"
        )
    if kind == "quantity":
        return _merge_quantity(name, subject, str(unit), seen)
    best = max(seen, key=lambda s: s.probability)
    if kind == "choice":
        best = _choose(name, seen)
    agreeing = [s for s in seen if (s.probability >= FEWEST_SURE) == (best.probability >= FEWEST_SURE)]
    places = tuple(
        dict.fromkeys((s.first, s.last) for s in agreeing if kind != "choice" or s.value == best.value)
    )[:3]
    value = best.value if kind == "choice" and isinstance(best.value, str) else None
    reason = None
    if best.probability >= FEWEST_SURE:
        state = State.PRESENT
    elif best.probability == 0:
        state = State.ABSENT
    else:
        state, reason = State.UNKNOWN, "the report leaves it open"
    if kind == "choice" and state is State.ABSENT:
        return Composed(
            name, subject, State.UNKNOWN, None, None, places, "one value is denied, none is stated"
        )
    return Composed(name, subject, state, round(best.probability, 3), value, places, reason)


_ORDER = {
    "enhancement": (
        "arterial_washout",
        "blood_pool",
        "peripheral_nodular",
        "septal",
        "rim",
        "delayed",
        "arterial",
        "none",
    ),
    "acoustic_shadow": ("comet_tail", "dirty", "faint", "clean", "none"),
}
"""Where several values are stated, the one that says most is heard first."""


def _choose(name: str, said: Sequence[Said]) -> Said:
    """Return the value of a choice: the surest, then the one that says most, then the first."""
    order = _ORDER.get(name, ())
    ranks = {value: place for place, value in enumerate(order)}
    sure = [s for s in said if s.probability >= FEWEST_SURE] or list(said)
    if order:
        return min(sure, key=lambda s: ranks.get(str(s.value), 99))
    return max(sure, key=lambda s: s.probability)


def _merge_quantity(name: str, subject: str, unit: str, said: Sequence[Said]) -> Composed:
    sizes = [(s, s.value) for s in said if isinstance(s.value, Size)]
    counts = [(s, s.value) for s in said if isinstance(s.value, int)]
    if sizes:
        best, size = max(sizes, key=lambda p: p[1].high or p[1].value)
        measured = Measurement(size.value, unit, size.low, size.high)
        return Composed(name, subject, State.PRESENT, 1.0, measured, ((best.first, best.last),))
    best, count = max(counts, key=lambda p: p[1])
    return Composed(
        name, subject, State.PRESENT, 1.0, Measurement(float(count), unit), ((best.first, best.last),)
    )
