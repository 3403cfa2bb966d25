"""What keeps foci company, true and called: place, duct, host, pattern, findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from hepalith.evaluation.conspicuity import contrast_to_noise
from hepalith.evaluation.examination import Examination
from hepalith.evaluation.record import FoundRecord, HostRecord, Range, TrueRecord
from hepalith.finding.description import Description
from hepalith.finding.host.host import Host
from hepalith.phantom import FocusTruth
from hepalith.phantom.truth import HostEntry

__all__ = ["found_company", "hosts_of", "true_company"]

WITHIN = 0.5
"""A called lesion is a true one if the centre of either lies within this share of the other's diameter."""

DUCTS = "dilated_ducts"
"""Name of the phantom's host that is no lesion: dilated ducts about stones."""


def true_company(record: TrueRecord, truth: FocusTruth, examination: Examination) -> TrueRecord:
    """Return the record of a true focus with its duct and host."""
    if truth.duct is not None:
        record = replace(record, duct=truth.duct.relation, duct_calibre_mm=truth.duct.calibre_mm)
    if examination.hosts is None:
        return record
    own = [h for h in examination.hosts if h.id == truth.host and h.name != DUCTS]
    return replace(record, host_kind=own[0].kind if own else "none")


def found_company(record: FoundRecord, seen: Description) -> FoundRecord:
    """Return the record of a found body with what was said of its place, duct and host."""
    place, duct = seen.places.get(record.id), seen.ducts.get(record.id)
    host = None if seen.hosts is None else seen.hosts.of_focus.get(record.id)
    if place is not None:
        record = replace(
            record,
            lobe=place.lobe or "",
            segment=place.segment or "",
            segment_probability=place.segment_probability,
        )
    if duct is not None:
        said = duct.probabilities.get(duct.relation, 1.0)
        record = replace(record, duct=duct.relation, duct_probability=said, duct_dilated=duct.dilated.value)
    if host is not None:
        record = replace(
            record,
            host=host.kind,
            host_probability=host.probability,
            host_probabilities=MappingProxyType(dict(host.probabilities)),
        )
    return record


def hosts_of(seen: Description, examination: Examination) -> Mapping[str, Any]:
    """Return what a reading's record says of hosts, patterns and findings."""
    fields: dict[str, Any] = {
        "patterns": MappingProxyType({p.id: p.probability for p in seen.patterns}),
        "findings": MappingProxyType({f.id: f.state.value for f in seen.findings}),
    }
    if examination.patterns is not None:
        fields["true_patterns"] = tuple(sorted({p.id for p in examination.patterns}))
    if examination.hosts is not None:
        fields["true_dilated_ducts"] = any(h.name == DUCTS for h in examination.hosts)
    if examination.hosts is None or seen.hosts is None:
        return fields
    called = [*seen.hosts.hosts, *seen.hosts.masses]
    true = [h for h in examination.hosts if h.name != DUCTS]
    fields["hosts"] = tuple(_host_record(h, called, examination) for h in true)
    fields["false_hosts"] = sum(not any(_is_there(c, h) for h in true) for c in called)
    return fields


def _is_there(called: Host, true: HostEntry) -> bool:
    """Return whether a called lesion is a true one."""
    apart = float(np.linalg.norm(np.subtract(called.centre_lps_mm, true.centre_lps_mm)))
    return apart <= WITHIN * max(called.diameter.value, true.diameter_mm)


def _host_record(true: HostEntry, called: list[Host], examination: Examination) -> HostRecord:
    """Return a true lesion with what was called there, the largest where in pieces."""
    there = max((c for c in called if _is_there(c, true)), key=lambda c: c.diameter.value, default=None)
    foci = tuple(t.id for t in examination.truths if t.host == true.id)
    record = HostRecord(
        true.name, true.kind, true.diameter_mm, true.enhancement, bool(foci),
        contrast_to_noise=contrast_to_noise(true, examination), foci=foci,
    )  # fmt: skip
    if there is None:
        return record
    size = there.diameter
    return replace(
        record,
        called=there.kind,
        called_diameter=Range(size.value, size.low, size.high),
        called_enhancement=there.enhancement,
    )
