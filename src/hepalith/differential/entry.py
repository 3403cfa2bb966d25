"""What is known of each diagnosis: numbers with range, grade and source, read from files and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hepalith.differential.compiled import load_compiled, read_sources
from hepalith.vocabulary import load_vocabulary

__all__ = [
    "Entry",
    "Feature",
    "Knowledge",
    "Number",
    "PopulationSetting",
    "Reader",
    "Variant",
    "load_knowledge",
]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Number(_Strict):
    """A probability with its 95 % range and where it comes from.

    Grade A is measured in a series (`n`), B is agreed by several sources, C is judgement,
    K is general knowledge that was not checked.
    """

    value: float = Field(gt=0, lt=1)
    low: float = Field(gt=0, lt=1)
    high: float = Field(gt=0, lt=1)
    grade: Literal["A", "B", "C", "K"]
    source: str = Field(min_length=3)
    n: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _the_range_holds_the_value(self) -> Number:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"the range {self.low} to {self.high} does not hold {self.value}")
        return self

    @property
    def citation(self) -> str:
        """The source, grade and number of cases, as a report prints them."""
        cases = f", n = {self.n}" if self.n else ""
        return f"{self.source} (grade {self.grade}{cases})"


Distribution = dict[str, Number]
"""Probability of each value of a feature; a value left out has what the others leave."""


class Reader(_Strict):
    """How one finding speaks of a feature.

    ``boolean``: present means one of the values `present` (and absent none of them, unless
    `one_sided`); ``any``: the feature is present when any such finding is; ``choice``: each
    choice means some values; ``bins``: a quantity is cut at `edges`; ``graded``: as ``boolean``, but a
    laboratory value in `unit` that comes with it is cut at `edges` (how high, not only whether); ``absence``:
    only its absence speaks, and `leaves` says how likely it is under a value (1 where not named). Of a
    ``boolean``, `leaves` says how likely its presence is under a value that `present` does not name.
    """

    id: str
    kind: Literal["boolean", "any", "choice", "bins", "graded", "absence"]
    present: tuple[str, ...] = ()
    one_sided: bool = False
    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    leaves: dict[str, float] = Field(default_factory=dict)
    unit: str | None = None
    edges: tuple[float, ...] = ()
    bins: tuple[tuple[str, ...], ...] = ()

    def support(self, value: str) -> float:
        """Return how likely the presence of a ``boolean``, an ``any`` or a ``graded`` is under a value."""
        return 1.0 if value in (self.present or ("present",)) else self.leaves.get(value, 0.0)


class Feature(_Strict):
    """One thing that the diagnoses differ in, with its values and what it depends on.

    `given` names the feature it depends on; `otherwise` holds, by the value of that one, what
    is true by definition (no position in a host where there is no host).
    """

    id: str
    values: tuple[str, ...] = Field(min_length=2)
    given: str | None = None
    findings: tuple[Reader, ...] = ()
    background: dict[str, Distribution]
    otherwise: dict[str, dict[str, float]] = Field(default_factory=dict)


class Variant(_Strict):
    """A form that a disease takes, with its share: how its findings depend on each other."""

    id: str
    share: Number
    echo: Number | None = None
    """Of a form without calcium: P(ultrasound shows it as a bright echo | this diagnosis)."""
    likelihood: dict[str, Any] = Field(default_factory=dict)


class Entry(_Strict):
    """One diagnosis: its prior by setting, and P(finding | this diagnosis, showing as calcium)."""

    id: str
    family: str
    malignant: bool
    pooled: bool = False
    """Likelihoods are the unweighted mean of all other entries: the picture of "none of these"."""
    coexists: Number | None = None
    """Share of people who have such a calcification beside whatever else explains the reading."""
    calcified: Number
    """P(it shows as calcium, or as what is taken for it | this diagnosis, seen on imaging)."""
    prior: dict[str, Number]
    likelihood: dict[str, Any] = Field(default_factory=dict)
    variant: tuple[Variant, ...] = ()


class PopulationSetting(_Strict):
    """A population, and the features that choosing it has already used up."""

    id: str
    ignored: tuple[str, ...] = ()
    age_bands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything the inference uses, and the digest of the files it was read from."""

    entries: tuple[Entry, ...]
    features: Mapping[str, Feature]
    settings: Mapping[str, PopulationSetting]
    default_setting: str
    primaries: Mapping[str, str]
    primary_share: Number
    digest: str

    def distribution(
        self, entry: Entry, variant: Variant | None, feature: Feature, parent: str
    ) -> Distribution:
        """Return what is known of `feature` in this form of the diagnosis, given the parent's value.

        The variant's own numbers come first, then the diagnosis's, then the background.
        """
        for table in (variant.likelihood if variant else {}, entry.likelihood):
            if feature.id in table:
                found = _pick(table[feature.id], feature, parent)
                if found is not None:
                    return found
        found = _pick(feature.background, feature, parent)
        if found is None:
            raise ValueError(f"{feature.id} has no background for {parent}")
        return found


def _pick(table: Mapping[str, Any], feature: Feature, parent: str) -> Distribution | None:
    chosen = table.get(parent, table.get("any"))
    if chosen is None and feature.given is None:
        chosen = table
    if chosen is None:
        return None
    return {value: n if isinstance(n, Number) else Number.model_validate(n) for value, n in chosen.items()}


@lru_cache(maxsize=1)
def load_knowledge() -> Knowledge:
    """Return the knowledge base, read once from the files beside this module and checked.

    What was shipped compiled is not parsed and checked again, as long as the files have not changed.

    Raises
    ------
    ValueError
        If a file breaks the schema, names an unknown term or feature, or lacks a prior.
    """
    sources = read_sources()
    compiled = load_compiled(sources.digest)
    tables = sources.parse() if compiled is None else compiled.knowledge
    knowledge = make_knowledge(tables, sources.digest)
    if compiled is None:
        check_knowledge(knowledge)
    return knowledge


def make_knowledge(tables: Sequence[Mapping[str, Any]], digest: str) -> Knowledge:
    """Return the knowledge that these tables hold: features, settings, then one for each entry."""
    features = {f["id"]: Feature.model_validate(f) for f in tables[0]["feature"]}
    settings = {s["id"]: PopulationSetting.model_validate(s) for s in tables[1]["setting"]}
    primaries = dict(tables[1]["known_primary"])
    return Knowledge(
        entries=tuple(Entry.model_validate(t) for t in tables[2:]),
        features=features,
        settings=settings,
        default_setting=tables[1]["default"],
        primary_share=Number.model_validate(primaries.pop("share")),
        primaries=primaries,
        digest=digest,
    )


def check_knowledge(knowledge: Knowledge) -> None:
    """Raise `ValueError` where the files contradict each other or the vocabulary."""
    vocabulary = load_vocabulary()
    known = {d.id for d in vocabulary.of_group("diagnosis")}
    if {e.id for e in knowledge.entries} != known:
        raise ValueError(f"diagnoses and knowledge files differ: {known ^ {e.id for e in knowledge.entries}}")
    for feature in knowledge.features.values():
        for reader in feature.findings:
            _check_reader(feature, reader)
    for entry in knowledge.entries:
        if set(entry.prior) != set(knowledge.settings):
            raise ValueError(f"{entry.id}: a prior for every setting, and for no other")
        if entry.variant and not math.isclose(sum(v.share.value for v in entry.variant), 1.0, abs_tol=1e-6):
            raise ValueError(f"{entry.id}: the shares of its variants do not sum to 1")
        for table in (entry.likelihood, *(v.likelihood for v in entry.variant)):
            for feature_id, cells in table.items():
                _check_cells(entry.id, knowledge.features[feature_id], cells)


def _check_reader(feature: Feature, reader: Reader) -> None:
    spoken = load_vocabulary()[reader.id]
    named = {
        *reader.present,
        *(v for vs in reader.choices.values() for v in vs),
        *(v for b in reader.bins for v in b),
        *reader.leaves,
    }
    if not named <= set(feature.values):
        raise ValueError(f"{feature.id}: {reader.id} speaks of values it does not have")
    if not set(reader.choices) <= {c.id for c in spoken.choices}:
        raise ValueError(f"{feature.id}: {reader.id} has no such choices")


def _check_cells(entry_id: str, feature: Feature, cells: Mapping[str, Any]) -> None:
    groups = cells if feature.given else {"any": cells}
    for numbers in groups.values():
        if not set(numbers) <= set(feature.values):
            raise ValueError(f"{entry_id}.{feature.id}: unknown values {set(numbers) - set(feature.values)}")
        checked = [Number.model_validate(n) for n in numbers.values()]
        total = sum(n.value for n in checked)
        whole = len(checked) == len(feature.values)
        if total > 1.1 or (whole and total < 0.85):
            raise ValueError(f"{entry_id}.{feature.id}: the values sum to {total:.3g}, not to 1")
