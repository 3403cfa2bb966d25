"""From what a report says, sentence by sentence, to one statement of each finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hepalith.finding.text.account import Account, Said, Site, calcium_of
from hepalith.finding.text.change import LONG_YEARS, find_exam_date, list_dates, list_intervals
from hepalith.finding.text.mention import Mention, Sentence, Size
from hepalith.finding.text.merge import FEWEST_SURE, Composed, merge
from hepalith.finding.text.person import Person
from hepalith.finding.text.place import LIVER, NEAR_WORDS, is_foreign, load_joins, load_normals
from hepalith.finding.text.token import Tokens
from hepalith.vocabulary import State, load_vocabulary

__all__ = ["Composed", "compose"]

SEGMENTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")

SILENT = frozenset(("technique", "indication", "recommendation", "comparison"))
"""Sections that state no findings."""


def compose(
    account: Account, person: Person, tokens: Tokens, sentences: Sequence[Sentence], normal: str
) -> tuple[Composed, ...]:
    """Return the findings of a report in the order of the vocabulary."""
    said = list(account.said)
    for sentence in sentences:
        if sentence.heading not in SILENT:
            said.extend(_direct(account, tokens, sentence))
            said.extend(_joined(sentence))
            said.extend(_normal(sentence))
    said.extend(Said(name, chance, m.first, m.last) for name, chance, m in person.findings)
    site = _sites(account)
    said.extend(_sides(site))
    said.extend(_hosts(account))
    said.extend(_looks(account, sentences))
    said.extend(_unchanged(tokens, sentences, normal))
    by_id: dict[str, list[Said]] = {}
    for one in said:
        by_id.setdefault(one.id, []).append(one)
    _tidy(account, by_id)
    _imply(by_id)
    if any(s.probability >= FEWEST_SURE for s in by_id.get("multiple_foci", ())) and (
        sizes := by_id.get("largest_calcium")
    ):
        by_id["largest_calcium"] = [_at_most(s) for s in sizes]
    merged = [
        merge(t.id, t.type, t.subject or "liver", t.unit, by_id[t.id])
        for t in load_vocabulary()
        if t.id in by_id
    ]
    return (*merged, *(_segments(site) if account.calcium is not None else ()))


def _at_most(said: Said) -> Said:
    """Return the upper end of a range that spans several foci: the size of the largest."""
    size = said.value
    if not isinstance(size, Size) or not size.is_range or size.high is None:
        return said
    return replace(said, value=replace(size, value=size.high))


_CALCIUM_ONLY = frozenset(
    (
        "subcapsular", "scattered", "clustered", "miliary", "bilobar_even", "solitary", "beaded_chain",
        "along_duct", "along_portal_triad", "along_capsule", "duct_relation", "acoustic_shadow",
        "bile_around_focus", "mobile_focus", "twinkling",
    )
)  # fmt: skip
"""Findings that are about the calcium: they count only where calcium in the liver is spoken of."""


_GROUPED = frozenset(("clustered", "beaded_chain"))
"""How several foci lie: of lesions that lie so, the same words say nothing of the calcium."""

_HOST_ONLY = frozenset(
    (
        "ill_defined_margin", "cyst_septa", "thick_wall", "enhancing_capsule", "lesion_necrosis",
        "satellite_lesions", "arterial_hyperenhancement", "t1_bright", "t2_signal", "mural_nodule",
        "fat_attenuation", "microcystic_areas",
    )
)  # fmt: skip
"""Findings that are about a lesion: they count only where one is spoken of."""

_OWN = frozenset(("focus", "host", "liver", "segment"))
"""Subjects that lie in the liver: the same words about another organ say nothing of them."""


def _direct(account: Account, tokens: Tokens, sentence: Sentence) -> Iterator[Said]:
    """Yield the findings that phrases name outright."""
    for mention in sentence.mentions:
        if mention.probability is None or mention.family:
            continue
        if not is_foreign(mention):
            yield from _seen(account, tokens, sentence, mention, mention.probability)
        for tag in mention.tags:
            if tag.kind != "finding" or mention.prior or _is_misplaced(account, sentence, mention, tag.name):
                continue
            chance = 1.0 - mention.probability if tag.value == "false" else mention.probability
            value = None if tag.value == "false" else tag.value
            yield Said(tag.name, -1.0 if mention.unseen else chance, mention.first, mention.last, value)


def _seen(
    account: Account, tokens: Tokens, sentence: Sentence, mention: Mention, chance: float
) -> Iterator[Said]:
    """Yield change and enhancement, which single words state of what the report speaks of."""
    for name in mention.names("change") if _is_change(account, sentence, mention) else ():
        yield Said("change_since_prior", chance, mention.first, mention.last, name)
    if mention.has("quality", "enhances") and chance == 0:
        yield Said("enhancement", 1.0, mention.first, mention.last, "none")
    elif mention.has("quality", "enhances"):
        yield from _enhances(tokens, sentence, mention)
    if mention.has("quality", "washout"):
        yield Said("washout", chance, mention.first, mention.last)


def _is_misplaced(account: Account, sentence: Sentence, mention: Mention, name: str) -> bool:
    """Say whether a finding is named where there is nothing it could be about."""
    foreign = is_foreign(mention)
    if name in _CALCIUM_ONLY:
        of_lesion = (not account.hosts or name in _GROUPED) and _is_of_lesion(sentence, mention)
        empty = name == "duct_relation" and _is_empty(sentence, mention)
        return account.calcium is None or foreign or of_lesion or empty
    if name in _HOST_ONLY and not account.lesions:
        return True
    if name == "enhancement" and _is_of_scar(sentence, mention):
        return True
    return foreign and load_vocabulary()[name].subject in _OWN


_PHASES = (
    ("arterial", ("arterial", "arterially", "动")),
    ("delayed", ("delayed", "progressive", "progressively", "gradual", "gradually", "延", "渐")),
    ("rim", ("rim", "ring", "peripheral", "peripherally", "环")),
)
"""Words beside "enhances" that say how; for the arterial phase 动 of 动脉期, for delay 延 of 延迟期."""


def _enhances(tokens: Tokens, sentence: Sentence, mention: Mention) -> Iterator[Said]:
    """Yield how a lesion enhances where no phrase says it at once: by the words of the same part."""
    part = [m for m in sentence.mentions if m.part == mention.part]
    if any(m.has("finding", "enhancement") for m in part) or _is_of_scar(sentence, mention):
        return
    first, last = sentence.parts[mention.part]
    words = set(tokens.words[first:last])
    for value, cues in _PHASES:
        if words.intersection(cues) and not any(m.has("thing", "calcium") for m in part):
            yield Said("enhancement", mention.probability or 0.0, mention.first, mention.last, value)


def _is_of_lesion(sentence: Sentence, mention: Mention) -> bool:
    """Say whether a part speaks of a lesion and of no calcium."""
    things = [m for m in sentence.mentions if m.part == mention.part and m.has("thing") and m.probability]
    return bool(things) and not any(m.has("thing", "calcium", "bright", "dense", "stone") for m in things)


def _is_empty(sentence: Sentence, mention: Mention) -> bool:
    """Say whether all that a part says to lie in a duct is denied: 管腔内未见结石."""
    things = [m for m in sentence.mentions if m.part == mention.part and calcium_of(m)]
    return bool(things) and not any(m.probability for m in things)


def _is_of_scar(sentence: Sentence, mention: Mention) -> bool:
    """Say whether enhancement is that of the scar, which is named right before it."""
    return any(
        m.has("finding", "central_scar") and m.part == mention.part and m.last <= mention.first
        for m in sentence.mentions
    )


def _is_change(account: Account, sentence: Sentence, mention: Mention) -> bool:
    """Say whether a word of change is about the calcium and about another day."""
    things = [m for m in sentence.mentions if m.part == mention.part and m.has("thing")]
    named = ("calcium", "bright", "dense", "stone", *(("lesion",) if account.hosts else ()))
    if things and not any(m.has("thing", *named) for m in things):
        return False
    if any(m.has("lab") or m.has("lab_name") for m in sentence.mentions if m.part == mention.part):
        return False
    if any(t.kind == "change" and t.value == "adjective" for t in mention.tags):
        return any(0 <= m.first - mention.last <= NEAR_WORDS and m.probability for m in things)
    bare = any(t.kind == "change" and t.value == "bare" for t in mention.tags)
    return not bare or any(m.has("cue", "compared") for m in sentence.mentions)


def _joined(sentence: Sentence) -> Iterator[Said]:
    """Yield the findings that a thing or a quality makes in its organ."""
    joins = load_joins()
    for mention in sentence.mentions:
        if mention.probability is None or mention.prior or mention.family:
            continue
        if mention.has("quality", "irregular_edge") and not is_foreign(mention):
            lesions = [m for m in sentence.mentions if m.has("thing", "mass", "cyst", "lesion", "abscess")]
            of_lesion = any(m.probability for m in lesions)
            edge = "ill_defined_margin" if of_lesion else "nodular_surface"
            yield Said(edge, mention.probability, mention.first, mention.last)
        if _is_large_liver(sentence, mention):
            yield Said("hepatomegaly", mention.probability, mention.first, mention.last)
        for name in (*mention.names("thing"), *mention.names("quality")):
            for organ in mention.organs:
                for finding in joins.get((name, organ), ()):
                    in_part = [m for m in sentence.mentions if m.part == mention.part and m.has("place")]
                    named = "lobar_atrophy" if finding == "small_liver" and in_part else finding
                    chance = -1.0 if mention.unseen else mention.probability
                    yield Said(named, chance, mention.first, mention.last)


def _is_large_liver(sentence: Sentence, mention: Mention) -> bool:
    """Say whether "enlarged" is said of the whole liver: of no lobe, no other organ, no lesion."""
    if not mention.has("quality", "enlarged") or mention.organs != ("liver",) or mention.unseen:
        return False
    part = [m for m in sentence.mentions if m.part == mention.part or m.last <= mention.first]
    return not any(m.has("thing") or m.has("place") or m.has("cue", "compared") for m in part)


def _normal(sentence: Sentence) -> Iterator[Said]:
    """Yield what an organ does not have that is called normal."""
    normals = load_normals()
    for mention in sentence.mentions:
        names = [
            n
            for n in (*mention.names("cue"), *mention.names("quality"))
            if n in ("normal", "normal_size", "smooth")
        ]
        for name in names if mention.probability is not None else ():
            for organ in mention.organs:
                for finding in normals.get((name, organ), ()):
                    yield Said(finding, 0.0, mention.first, mention.last)


def _sites(account: Account) -> Site:
    """Return the lobes and segments of the calcium: its own, and those of the lesions that hold it."""
    site = Site(list(account.site.sides), dict(account.site.segments))
    for host in account.hosts:
        site.add(host.site)
    return site


def _sides(site: Site) -> Iterator[Said]:
    """Yield the side of the foci: both where both are named."""
    if not site.sides:
        return
    names = {name for name, _, _ in site.sides}
    side = "both" if "both" in names or {"left", "right"} <= names else next(iter(names))
    for _, first, last in site.sides:
        yield Said("side_of_foci", 1.0, first, last, side)
    places = [first for _, first, _ in site.sides]
    if side == "both" and not ("both" not in names and max(places) - min(places) <= ONE_PLACE):
        yield Said("multiple_foci", 0.9, site.sides[0][1], site.sides[0][2])


ONE_PLACE = 2
"""Tokens within which a right and a left segment are one place on their border: "segment IVb/VIII"."""


def _segments(site: Site) -> Iterator[Composed]:
    for number in sorted(site.segments):
        yield Composed(
            "segment", "segment", State.PRESENT, 1.0, SEGMENTS[number - 1], (site.segments[number],)
        )


CALLED_SOLID = 0.9
"""From this on the word itself is "solid": necrosis in such a mass leaves it a solid one."""

_STRENGTH = ("fat", "infiltrative", "mixed", "fluid", "solid")
"""Kinds of host, the one that tells most first: a fatty or necrotic mass is a mass as well."""


def _hosts(account: Account) -> Iterator[Said]:
    """Yield kind and size of the lesions that hold the calcium."""
    kinds = [kind for host in account.hosts for kind in host.kinds]
    if any(name == "solid" and chance >= CALLED_SOLID for name, chance, _ in kinds):
        kinds = [kind for kind in kinds if not kind[2].has("finding", "lesion_necrosis")]
    for wanted in _STRENGTH:
        own = [(chance, m) for name, chance, m in kinds if name == wanted]
        if own:
            for chance, mention in own:
                yield Said("host_kind", chance, mention.first, mention.last, wanted)
            break
    for host in account.hosts:
        for size in host.sizes:
            yield Said("host_diameter", 1.0, size.first, size.last, size)


_LOOKS = {"attenuation": "host_attenuation", "echo": "host_echogenicity"}


def _looks(account: Account, sentences: Sequence[Sentence]) -> Iterator[Said]:
    """Yield density and echo of the lesion that holds the calcium."""
    for sentence in sentences if account.hosts else ():
        for mention in sentence.mentions:
            if not mention.probability or (mention.organs and not LIVER & set(mention.organs)):
                continue
            for tag in mention.tags:
                if tag.kind in _LOOKS:
                    yield Said(_LOOKS[tag.kind], mention.probability, mention.first, mention.last, tag.name)


def _unchanged(tokens: Tokens, sentences: Sequence[Sentence], normal: str) -> Iterator[Said]:
    """Yield whether the foci were there two years ago: from a stated time, or from two dates."""
    exam = find_exam_date(normal)
    latest = exam[0] if exam else max((d for d, _, _ in list_dates(normal, 0, len(normal))), default=None)
    for sentence in sentences:
        stable = [m for m in sentence.mentions if m.has("change", "stable") and m.probability]
        if not stable:
            continue
        begin, end = tokens.starts[sentence.first], tokens.ends[sentence.last - 1]
        years = list(list_intervals(normal, begin, end))
        if latest is not None:
            years += [(latest - day).days / 365.25 for day, _, _ in list_dates(normal, begin, end)]
        if max(years, default=0.0) >= LONG_YEARS - 0.05:
            yield Said("unchanged_two_years", 1.0, stable[0].first, stable[0].last)
            yield Said("change_since_prior", 1.0, stable[0].first, stable[0].last, "stable")


def _tidy(account: Account, by_id: dict[str, list[Said]]) -> None:
    """Settle what depends on the whole report."""
    kinds = by_id.get("host_kind", [])
    if any(s.value != "none" and s.probability >= FEWEST_SURE for s in kinds):
        by_id["host_kind"] = [s for s in kinds if s.value != "none"]
    if account.calcium is None:
        for name in ("side_of_foci", "dominant_morphology", "change_since_prior", "unchanged_two_years"):
            by_id.pop(name, None)
    _tidy_echo(account, by_id)
    if account.denies_calcium and not account.names_calcium:
        said = by_id.get("intrahepatic_calcification", [])
        by_id["intrahepatic_calcification"] = [s for s in said if s.probability == 0.0] or said
    washout = [s for s in by_id.get("washout", []) if s.probability >= FEWEST_SURE]
    arterial = [
        s for s in by_id.get("enhancement", []) if s.value == "arterial" and s.probability >= FEWEST_SURE
    ]
    if washout and arterial:
        by_id["enhancement"].append(replace(arterial[0], value="arterial_washout"))
    ring = [s for s in by_id.get("dominant_morphology", []) if s.value in ("rim", "eggshell")]
    for one in ring:
        by_id.setdefault("ring_calcification", []).append(replace(one, id="ring_calcification", value=None))
    pool = [s for s in by_id.get("enhancement", []) if s.value == "blood_pool"]
    if ring and pool:
        by_id.setdefault("blood_pool_ring", []).append(
            Said("blood_pool_ring", pool[0].probability, pool[0].first, pool[0].last)
        )


_UNSHADOWED = frozenset(("none", "comet_tail", "dirty"))
"""Trails of a bright echo that are no shadow of calcium: none, the tail of gas and crystals, that of gas."""


def _tidy_echo(account: Account, by_id: dict[str, list[Said]]) -> None:
    """Call a bright echo that casts no shadow, and that nobody names, a bright echo: it may hold no calcium.

    A haemangioma, gas or a ligament looks so too. One that casts a shadow is taken for calcium, as the
    reports of health checks do, and so is one of which no shadow is told.
    """
    echoes = by_id.pop("strong_echo", [])
    trails = [s.value for s in by_id.get("acoustic_shadow", []) if s.probability >= FEWEST_SURE]
    dense = any(
        s.probability >= FEWEST_SURE and (s.first, s.last) not in {(e.first, e.last) for e in echoes}
        for s in by_id.get("intrahepatic_calcification", [])
    )
    if account.names_calcium or dense or not trails or not _UNSHADOWED.issuperset(trails):
        return
    if any(e.probability >= FEWEST_SURE for e in echoes):
        by_id["strong_echo"] = echoes
        denials = [s for s in by_id.pop("intrahepatic_calcification", []) if s.probability == 0.0]
        if account.denies_calcium:
            by_id["intrahepatic_calcification"] = denials


def _imply(by_id: dict[str, list[Said]]) -> None:
    """Add what follows by definition: one focus is not several, and many are."""
    for one in by_id.get("solitary", []):
        if one.probability >= FEWEST_SURE:
            by_id.setdefault("focus_count", []).append(Said("focus_count", 1.0, one.first, one.last, 1))
    counts = [s for s in by_id.get("focus_count", []) if isinstance(s.value, int)]
    for one in counts[:1]:
        by_id.setdefault("multiple_foci", []).append(
            Said("multiple_foci", float(isinstance(one.value, int) and one.value > 1), one.first, one.last)
        )
    for name in ("miliary", "scattered", "clustered", "diffuse_bilobar", "beaded_chain"):
        for one in by_id.get(name, [])[:1]:
            if one.probability >= FEWEST_SURE:
                by_id.setdefault("multiple_foci", []).append(
                    Said("multiple_foci", one.probability, one.first, one.last)
                )
