"""The words of reports and what they mean: the files of `lexicon/`, compiled to a tree of words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import product
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from hepalith.finding.text.token import lemma, normalise, words_of
from hepalith.vocabulary import Term, load_vocabulary

__all__ = ["Concept", "Tag", "Tags", "Tree", "load_concepts", "load_tree", "word_set"]


@dataclass(frozen=True, slots=True)
class Tag:
    """What a phrase says: `kind` of meaning, its `name`, and a value where it has one.

    >>> Tag.parse("finding:host_kind=solid")
    Tag(kind='finding', name='host_kind', value='solid')
    """

    kind: str
    name: str
    value: str | None = None

    @classmethod
    def parse(cls, written: str) -> Tag:
        """Return a tag as it is written in the files."""
        kind, _, rest = written.partition(":")
        name, _, value = rest.partition("=")
        return cls(kind, name, value or None)


class Tags(tuple[Tag, ...]):
    """The tags of a phrase, and their names by kind."""

    by_kind: dict[str, frozenset[str]]

    def __new__(cls, tags: Iterable[Tag] = ()) -> Tags:
        """Return the tags, indexed once."""
        made = super().__new__(cls, tuple(tags))
        made.by_kind = {
            kind: frozenset(t.name for t in made if t.kind == kind) for kind in {t.kind for t in made}
        }
        return made


class Concept(BaseModel):
    """One entry of the lexicon: what its phrases mean, in English and in Chinese."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tags: list[str] = Field(min_length=1)
    en: str = ""
    zh: str = ""


Node = dict[str, Any]
"""Words to nodes; under `END`, the tags of the phrase that ends there."""

END = ""
"""Key of a tree under which the tags of a complete phrase stand; no token is empty."""

_FIRST = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?")
_PART = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")


@lru_cache(maxsize=1)
def load_concepts() -> tuple[Concept, ...]:
    """Return the entries of every file, checked."""
    folder = files("hepalith.finding.text") / "concepts"
    rows: list[Any] = []
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            rows.extend(tomllib.loads(file.read_text(encoding="utf-8")).get("concept", ()))
    return tuple(TypeAdapter(list[Concept]).validate_python(rows))


class Tree:
    """The phrases of one language or of both, by their words.

    What begins with a word is worked out when that word is first met: a report holds some hundred
    different words, the lexicon thousands of phrases.
    """

    __slots__ = ("_nodes", "_written")

    def __init__(self, languages: str) -> None:
        self._written: dict[str, list[tuple[str, Tags]]] = {}
        self._nodes: dict[str, Node | None] = {}
        for concept in load_concepts():
            tags = Tags(Tag.parse(written) for written in concept.tags)
            for language in languages.split():
                for phrase in getattr(concept, language).split(";"):
                    self._note(phrase.strip(), tags)
        for kind, term in _unworded():
            for phrase in (term.en, term.zh, *term.synonyms):
                self._note(phrase, Tags((Tag(kind, term.id),)))

    def _note(self, phrase: str, tags: Tags) -> None:
        if not phrase:
            return
        first = phrase[0]
        if first in "([" and (made := expand(phrase)) != [phrase]:
            for written in made:
                self._note(written.strip(), tags)
            return
        word = phrase.partition(" ")[0]
        if word.isascii() and word.islower() and word.isalpha():
            first = lemma(word)
        elif first.isascii():
            letters = _FIRST.match(phrase)
            first = lemma(letters.group().lower()) if letters is not None else normalise(first)
        else:
            first = normalise(first)
        self._written.setdefault(first, []).append((phrase, tags))

    def get(self, word: str) -> Node | None:
        """Return what may follow a first word, or None if no phrase begins with it."""
        if word not in self._nodes:
            patterns = self._written.get(word)
            self._nodes[word] = None if patterns is None else _compile(word, patterns)
        return self._nodes[word]


_KINDS = {
    "finding": "finding", "pattern": "finding", "history": "history", "symptom": "symptom",
    "exposure": "exposure", "laboratory_finding": "lab_finding",
}  # fmt: skip
"""Groups of the vocabulary and the kind of tag that states a term of each."""


def _unworded() -> Iterator[tuple[str, Term]]:
    """Yield the yes-or-no terms of which the lexicon says nothing: their own names are their words."""
    worded = {Tag.parse(written).name for concept in load_concepts() for written in concept.tags}
    worded |= word_set("composed")
    for term in load_vocabulary():
        if term.group in _KINDS and term.type == "boolean" and term.id not in worded:
            yield _KINDS[term.group], term


def _compile(word: str, patterns: list[tuple[str, Tags]]) -> Node | None:
    root: Node = {}
    for phrase, tags in patterns:
        for written in expand(phrase) if "(" in phrase or "[" in phrase else (phrase,):
            words = words_of(written)
            node = root
            for part in words:
                node = node.setdefault(part, {})
            if words:
                made = _with_lesion(words, _in_liver(tags) if not _LIVER_WORDS.isdisjoint(words) else tags)
                node[END] = Tags(dict.fromkeys((*node[END], *made))) if END in node else made
    found: Node | None = root.get(word)
    return found


_LIVER_WORDS = frozenset(("liver", "hepatic", "intrahepatic", "肝"))
"""Words that put a thing into the liver where its name holds them: "hepatic metastasis", 肝囊肿."""


def _in_liver(tags: Tags) -> Tags:
    """Return the tags of a thing that is named with the liver, placed there."""
    if "thing" not in tags.by_kind or "organ" in tags.by_kind:
        return tags
    return Tags((*tags, Tag("organ", "liver")))


_LESION_WORDS = ("mass", "lesion", "nodule", "tumor")
_LESION_ENDS = ("肿块", "病灶", "结节", "占位", "肿物", "病变")
_OF_LESION = frozenset(
    (
        "enhancement", "arterial_hyperenhancement", "washout", "ill_defined_margin", "t1_bright",
        "t2_signal", "lesion_necrosis", "fat_attenuation",
    )
)  # fmt: skip
"""Findings whose phrases may end in the lesion that has them: "arterially enhancing nodule"."""


def _with_lesion(words: Sequence[str], tags: Tags) -> Tags:
    """Return the tags of a phrase, with the lesion in which it ends."""
    ends = words[-1] in _LESION_WORDS or "".join(words[-2:]) in _LESION_ENDS
    if not ends or "thing" in tags.by_kind or tags.by_kind.get("finding", frozenset()).isdisjoint(_OF_LESION):
        return tags
    return Tags((*tags, Tag("thing", "lesion")))


@lru_cache(maxsize=3)
def load_tree(languages: str) -> Tree:
    """Return the phrases of ``en``, ``zh`` or ``en zh``."""
    return Tree(languages)


def expand(phrase: str) -> list[str]:
    """Return every phrase that a pattern stands for: (a|b) is either, [a] may be left out.

    >>> expand("calcified [liver] (focus|deposit)")
    ['calcified  focus', 'calcified  deposit', 'calcified liver focus', 'calcified liver deposit']
    """
    while nested := re.search(r"\[([^\[\]]*)\[([^\[\]]*)\]([^\[\]]*)\]", phrase):
        before, inner, after = nested.groups()
        phrase = (
            phrase[: nested.start()] + f"[{before}{inner}{after}|{before}{after}]" + phrase[nested.end() :]
        )
    parts: list[list[str]] = []
    place = 0
    for match in _PART.finditer(phrase):
        parts.append([phrase[place : match.start()]])
        choice, optional = match.group(1), match.group(2)
        if choice is not None:
            parts.append(choice.split("|") if "|" in choice else [f"({choice})"])
        else:
            parts.append(["", *optional.split("|")])
        place = match.end()
    parts.append([phrase[place:]])
    return ["".join(chosen) for chosen in product(*parts)]


@lru_cache(maxsize=1)
def _load_words() -> dict[str, frozenset[str]]:
    file = files("hepalith.finding.text") / "concepts" / "words.toml"
    table = TypeAdapter(dict[str, str]).validate_python(tomllib.loads(file.read_text(encoding="utf-8")))
    return {name: frozenset(words.split()) for name, words in table.items()}


def word_set(name: str) -> frozenset[str]:
    """Return the small words that do one thing in a sentence, by what they do.

    >>> "it" in word_set("continuing")
    True
    """
    return _load_words()[name]
