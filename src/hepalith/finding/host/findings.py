"""What is to be said of hosts and masses, in the controlled vocabulary."""

from __future__ import annotations

from dataclasses import replace

from hepalith.anatomy.liver import Phase
from hepalith.calcification.focus import Foci
from hepalith.finding.finding import Finding, Subject
from hepalith.finding.host.host import Host, HostRelation, Hosts
from hepalith.vocabulary import Measurement, State

__all__ = ["describe_hosts"]

ABOUT_HOST = (
    "central_scar",
    "capsular_retraction",
    "satellite_lesions",
    "daughter_cysts",
    "microcystic_areas",
    "fat_attenuation",
    "gas_in_lesion",
    "blood_pool_ring",
)
"""Findings that are said of the leading host: true or not, with a probability."""

NO_CALCIUM_REASON = "no calcification was found"
NO_HOST_REASON = "no lesion was seen around a calcification"
NO_PHASE_REASON = "without contrast agent, or without knowing the phase, nothing can be said of enhancement"
NOTHING_REASON = "this phase does not tell how the lesion enhances"


def describe_hosts(hosts: Hosts, foci: Foci, phase: Phase) -> tuple[Finding, ...]:
    """Return the findings about the leading host, and whether there is a mass without calcium."""
    if not foci.calcifications:
        subject = Subject("host")
        ids = ("host_kind", "host_diameter", "host_position", "enhancement", *ABOUT_HOST)
        about = [Finding(i, subject, State.NOT_ASSESSABLE, reason=NO_CALCIUM_REASON) for i in ids]
    elif hosts.hosts:
        leading = hosts.hosts[0]
        about = [replace(f, foci=leading.foci) for f in _of_host(leading, phase)]
    else:
        about = _of_none(hosts, foci)
    return (*about, _mass(hosts))


def _of_host(host: Host, phase: Phase) -> list[Finding]:
    """Return what is said of the leading host."""
    subject = Subject("host", str(host.id))
    chance = host.probability
    kinds = (("none", 1.0 - chance), *((k, chance * p) for k, p in host.probabilities.items()))
    found = [
        Finding(
            "host_kind", subject, State.PRESENT, chance * host.probabilities[host.kind], host.kind,
            reason=host.reason, alternatives=tuple(sorted(kinds)),
        ),
        Finding("host_diameter", subject, State.PRESENT, chance, host.diameter),
    ]  # fmt: skip
    if host.position:
        found.append(Finding("host_position", subject, State.PRESENT, POSITION_SURE, host.position))
    else:
        found.append(Finding("host_position", subject, State.NOT_ASSESSABLE, reason=NO_HOST_REASON))
    found.append(_enhancement(host, subject, phase))
    for name in ABOUT_HOST:
        share = host.features.get(name)
        if share is None:
            found.append(Finding(name, subject, State.UNKNOWN))
        elif share < 0.5 and phase.label == "none" and name not in SEEN_PLAIN:
            found.append(Finding(name, subject, State.NOT_ASSESSABLE, reason=PLAIN_REASON))
        else:
            state = State.PRESENT if share >= 0.5 else State.ABSENT
            found.append(Finding(name, subject, state, share))
    return found


SEEN_PLAIN = frozenset({"fat_attenuation", "gas_in_lesion"})
"""What an unenhanced scan shows so surely that it can be called absent; the rest it can miss."""

PLAIN_REASON = "without contrast agent it can be seen in a lesion, but not excluded"

POSITION_SURE = 0.85
"""Probability of a position called: its three words shade into one another. On the development phantoms."""


def _enhancement(host: Host, subject: Subject, phase: Phase) -> Finding:
    if phase.label in ("none", "unknown"):
        return Finding("enhancement", subject, State.NOT_ASSESSABLE, reason=NO_PHASE_REASON)
    if not host.enhancement:
        return Finding("enhancement", subject, State.NOT_ASSESSABLE, reason=NOTHING_REASON)
    chance = host.enhancements[host.enhancement]
    alternatives = tuple(sorted(host.enhancements.items()))
    return Finding("enhancement", subject, State.PRESENT, chance, host.enhancement, alternatives=alternatives)


def _of_none(hosts: Hosts, foci: Foci) -> list[Finding]:
    """Return what is said where no host is seen: that there is none, or why none could be seen."""
    subject = Subject("host")
    relations = [hosts.of_focus[f.id] for f in foci.calcifications if f.id in hosts.of_focus]
    leading: HostRelation | None = relations[0] if relations else None
    rest = ("host_diameter", "host_position", "enhancement", *ABOUT_HOST)
    about = [Finding(name, subject, State.NOT_ASSESSABLE, reason=NO_HOST_REASON) for name in rest]
    doubtful = next((r for r in relations if r.kind == "not_assessable"), None)
    if leading is None or doubtful is not None:
        reason = doubtful.reason if doubtful is not None else NO_HOST_REASON
        return [Finding("host_kind", subject, State.NOT_ASSESSABLE, reason=reason), *about]
    chance = min(r.probability for r in relations)
    kind = Finding("host_kind", subject, State.PRESENT, chance, "none", reason=leading.reason)
    return [kind, *about]


def _mass(hosts: Hosts) -> Finding:
    """Return whether a mass without calcium is seen; what is smaller or fainter is not called absent."""
    subject = Subject("liver")
    if not hosts.masses:
        return Finding("mass_without_calcium", subject, State.ABSENT, MASS_MISSED)
    largest = hosts.masses[0]
    value = Measurement(largest.diameter.value, "mm", largest.diameter.low, largest.diameter.high)
    return Finding(
        "mass_without_calcium",
        subject,
        State.PRESENT,
        max(m.probability for m in hosts.masses),
        words=f"{len(hosts.masses)}, the largest {value.value:.0f} mm: {largest.reason}",
    )


MASS_MISSED = 0.05
"""Probability of a mass where none is reported. Our judgement."""
