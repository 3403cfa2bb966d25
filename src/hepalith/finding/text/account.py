"""What a report has said so far: findings, the calcium and the lesions it speaks of."""

from __future__ import annotations

from dataclasses import dataclass, field

from hepalith.finding.text.lexicon import word_set
from hepalith.finding.text.mention import Mention, Sentence, Size
from hepalith.finding.text.token import Tokens

__all__ = ["SURE", "Account", "Lesion", "Said", "Site", "calcium_of", "goes_on"]

BRIGHT = 0.8
"""How surely a strong echo in the liver is calcium (our judgement, C): gas, ligaments and bright tumours
make one too. Reports of health checks use the two words for one thing."""

DENSE = 0.75
"""How surely something dense on CT is calcium (our judgement, C): iodised oil and clips are dense too."""

STONE = 0.9
"""How surely a stone within a bile duct is calcified enough to count as calcium (our judgement, C)."""

STONE_ELSEWHERE = 0.6
"""The same where the duct is not named (our judgement, C)."""

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
    """A lesion the report speaks of: what it is called, its sizes, its place, whether it holds calcium."""

    mention: Mention
    kinds: list[tuple[str, float, Mention]] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    site: Site = field(default_factory=Site)
    holds_calcium: bool = False


@dataclass(slots=True)
class Account:
    """What has been said so far; the last lesion and `calcium` are what the report speaks of now.

    `names_calcium`: calcium or a stone was stated by that name, not only by a strong echo or a density;
    `denies_calcium`: calcium was denied for the liver as a whole.
    """

    said: list[Said] = field(default_factory=list)
    calcium: Mention | None = None
    names_calcium: bool = False
    denies_calcium: bool = False
    lesions: list[Lesion] = field(default_factory=list)
    site: Site = field(default_factory=Site)
    speaks_of_lesion: bool = False

    @property
    def lesion(self) -> Lesion | None:
        """The lesion that the report spoke of last."""
        return self.lesions[-1] if self.lesions else None

    @property
    def hosts(self) -> list[Lesion]:
        """The lesions to be explained: those that hold calcium; all, where no calcium is reported."""
        return [lesion for lesion in self.lesions if lesion.holds_calcium or self.calcium is None]

    def say(
        self, name: str, mention: Mention, value: str | Size | int | None = None, *, scale: float = 1.0
    ) -> None:
        """Note a finding with the probability of the mention that makes it."""
        if mention.probability is not None and not mention.unseen and not mention.family:
            chance = mention.probability * scale if mention.probability > 0 else 0.0
            self.said.append(Said(name, chance, mention.first, mention.last, value))


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


def goes_on(tokens: Tokens, sentence: Sentence) -> bool:
    """Say whether a sentence goes on about what the last one spoke of."""
    words = tokens.words[sentence.first : min(sentence.first + 5, sentence.last)]
    if words[0] in word_set("continuing") or any(m.has("rel", "inside") for m in sentence.mentions):
        return True
    return any(w in word_set("pointing") for w in words)
