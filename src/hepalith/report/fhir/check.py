"""Checks a bundle of ours against FHIR: what every element may be, and that every reference resolves.

It stands beside the writer and shares nothing with it: the rules come from ``fhir_rules.toml``, which knows
the elements that our bundles have and no others. It sees what fhir.resources lets through: codes outside
of required value sets, references that lead nowhere or to the wrong kind of resource.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from hepalith.report.fhir.invariant import broken_invariants
from hepalith.report.fhir.primitive import is_primitive, suits

__all__ = ["check_bundle"]

RULE: Final = re.compile(
    r"(?P<least>[01])\.\.(?P<most>[1*]) (?P<type>[\w.]+)(?:\((?P<targets>[\w|]+)\))?(?: (?P<bound>[\w-]+))?"
)
"""How ``fhir_rules.toml`` writes what an element may be."""

URN: Final = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""How resources of a bundle are named (RFC 4122, lower case as FHIR asks)."""


CODED: Final = ("Coding", "Duration", "Quantity")
"""Types that hold a code and its system."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one element may be."""

    least: int
    is_list: bool
    kind: str
    targets: tuple[str, ...] = ()
    bound: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is known of one version of FHIR."""

    elements: Mapping[str, Mapping[str, Rule]]
    values: Mapping[str, Sequence[str]]
    codes: Mapping[str, Sequence[str]]


@cache
def load_rules(version: str) -> Rules:
    """Return the rules of ``"R4"`` or ``"R5"``."""
    table = tomllib.loads(files("hepalith.report.fhir").joinpath("rules.toml").read_text(encoding="utf-8"))
    merged: dict[str, dict[str, Rule]] = {}
    for part in ("both", version):
        for name, rows in table[part].items():
            merged.setdefault(name, {}).update((element, read_rule(row)) for element, row in rows.items())
    return Rules(merged, {**table["values"], **table.get(f"values_{version}", {})}, table["codes"])


def read_rule(text: str) -> Rule:
    """Return one row of the rules.

    Examples
    --------
    >>> read_rule("0..* Reference(ImagingStudy|Observation)").targets
    ('ImagingStudy', 'Observation')
    """
    found = RULE.fullmatch(text)
    if found is None:
        raise ValueError(f"no rule: {text}")
    targets = tuple(found["targets"].split("|")) if found["targets"] else ()
    return Rule(int(found["least"]), found["most"] == "*", found["type"], targets, found["bound"] or "")


def check_bundle(bundle: Mapping[str, Any], version: str) -> list[str]:
    """Return what is wrong with a bundle, a line each, with the path to it; empty where nothing is.

    Parameters
    ----------
    bundle
        As ``json.loads`` gives it.
    version
        ``"R4"`` or ``"R5"``.
    """
    check = Check(load_rules(version), named_resources(bundle))
    if bundle.get("resourceType") != "Bundle":
        return ["it is no Bundle"]
    said = list(check.element("Bundle", "Bundle", bundle))
    said += list(check_entries(bundle))
    said += list(broken_invariants(bundle, version))
    return said


def named_resources(bundle: Mapping[str, Any]) -> dict[str, str]:
    """Return the kind of every resource by its full URL."""
    entries = [entry for entry in bundle.get("entry", ()) if isinstance(entry, dict)]
    return {
        str(entry.get("fullUrl")): str(entry["resource"].get("resourceType"))
        for entry in entries
        if isinstance(entry.get("resource"), dict)
    }


def check_entries(bundle: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the entries: their names, and how a server is to take them in."""
    seen: set[str] = set()
    for n, entry in enumerate(bundle.get("entry", ())):
        if not isinstance(entry, dict):
            continue
        at, url = f"Bundle.entry[{n}]", str(entry.get("fullUrl"))
        if not URN.fullmatch(url):
            yield f"{at}.fullUrl: {url} is no urn:uuid"
        if url in seen:
            yield f"{at}.fullUrl: {url} stands there twice"
        seen.add(url)
        request, kind = entry.get("request") or {}, (entry.get("resource") or {}).get("resourceType")
        if bundle.get("type") == "transaction":
            asked = str(request.get("url", "")).partition("?")[0]
            if asked != kind:
                yield f"{at}.request.url: asks for {asked or 'nothing'}, the resource is {kind}"
            if request.get("method") == "POST" and "ifNoneExist" not in request:
                yield f"{at}.request: sent twice, it would be created twice"


@dataclass(frozen=True, slots=True)
class Check:
    """One bundle being checked: the rules, and what its references may lead to."""

    rules: Rules
    named: Mapping[str, str]

    def element(self, kind: str, at: str, value: object) -> Iterator[str]:
        """Yield what is wrong with a complex value of a type, and with everything in it."""
        if not isinstance(value, Mapping) or not value:
            yield f"{at}: is no {kind}"
            return
        if kind == "Resource":
            kind = str(value.get("resourceType"))
        known = self.rules.elements.get(kind)
        if known is None:
            yield f"{at}: {kind} is none of the types that we write"
            return
        for name, rule in known.items():
            if rule.least and name not in value:
                yield f"{at}.{name}: is missing"
        for name, held in value.items():
            if name == "resourceType":
                continue
            if name not in known:
                yield f"{at}.{name}: {kind} has no such element"
                continue
            yield from self.values(known[name], f"{at}.{name}", held)

    def values(self, rule: Rule, at: str, held: object) -> Iterator[str]:
        """Yield what is wrong with the value or values of an element."""
        if isinstance(held, list) != rule.is_list:
            yield f"{at}: must {'' if rule.is_list else 'not '}be a list"
            return
        if isinstance(held, list):
            if not held:
                yield f"{at}: is empty"
            for n, one in enumerate(held):
                yield from self.value(rule, f"{at}[{n}]", one)
        else:
            yield from self.value(rule, at, held)

    def value(self, rule: Rule, at: str, held: object) -> Iterator[str]:
        """Yield what is wrong with one value."""
        if is_primitive(rule.kind):
            if not suits(rule.kind, held):
                yield f"{at}: {held!r} is no {rule.kind}"
            elif rule.bound and held not in self.rules.values[rule.bound]:
                yield f"{at}: {held!r} is not in the value set {rule.bound}"
            return
        yield from self.element(rule.kind, at, held)
        if not isinstance(held, Mapping):
            return
        if rule.kind == "Reference":
            yield from self.reference(rule.targets, at, held)
        elif rule.kind == "CodeableReference" and isinstance(held.get("reference"), Mapping):
            yield from self.reference(rule.targets, at, held["reference"])
        elif rule.kind == "CodeableConcept" and rule.bound:
            codes = [coding.get("code") for coding in held.get("coding", ())]
            if not any(code in self.rules.values[rule.bound] for code in codes):
                yield f"{at}: {codes} is not in the value set {rule.bound}"
        elif rule.kind in CODED:
            yield from self.coded(rule.kind, at, held)

    def reference(self, targets: Sequence[str], at: str, held: Mapping[str, Any]) -> Iterator[str]:
        """Yield why a reference does not lead to a resource of the bundle that it may lead to."""
        to = held.get("reference")
        if to is None:
            if not held.get("display"):
                yield f"{at}: refers to nothing, and does not say to what"
        elif not URN.fullmatch(str(to)):
            yield f"{at}: {to!r} is no reference within the bundle"
        elif to not in self.named:
            yield f"{at}: {to} is not in the bundle"
        elif targets and self.named[to] not in targets:
            yield f"{at}: leads to {self.named[to]}, not to {' or '.join(targets)}"

    def coded(self, kind: str, at: str, held: Mapping[str, Any]) -> Iterator[str]:
        """Yield what is wrong with a code: a known system does not have it, or it is a unit of nobody's."""
        system, code = held.get("system"), held.get("code")
        if code is None:
            if kind == "Coding":
                yield f"{at}: has no code"
        elif system is None:
            yield f"{at}: the code {code!r} has no system"
        elif system == "http://unitsofmeasure.org":
            if code not in self.rules.values["ucum"]:
                yield f"{at}: {code!r} is none of the UCUM codes that we write"
        elif system in self.rules.codes and code not in self.rules.codes[system]:
            yield f"{at}: {system} has no code {code!r}"
