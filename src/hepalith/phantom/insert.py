"""What is laid into an abdomen: bodies, deposits, mimics and their hosts, with what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hepalith.phantom.deposit import Deposit
from hepalith.phantom.scene import Body, Streak
from hepalith.phantom.shape.shape import Point, Shape

__all__ = ["EMPTY", "HostTruth", "Insert", "PatternTruth", "join_inserts", "settle_solitary"]


@dataclass(frozen=True, slots=True)
class HostTruth:
    """A lesion that may hold calcium: what is known of it.

    Parameters
    ----------
    kind
        One of the contract's ``foci[].host.kind``: ``"solid"``, ``"fluid"``, ``"fat"``, ``"mixed"``,
        ``"infiltrative"``.
    name
        What it imitates, one of `hepalith.phantom.contents.host.HOSTS`.
    centre_lps_mm
        Its centre.
    diameter_mm
        Its longest caliper.
    shape
        Where it is, for a label map; ``None`` where it has no one surface.
    position
        Where its calcium lies: ``"central"``, ``"peripheral"``, ``"throughout"``; ``""`` without any.
    enhancement
        ``"none"``, ``"peripheral_nodular"``, ``"arterial_washout"``, ``"rim"``, ``"delayed"``,
        ``"blood_pool"``; whether it shows depends on the phase.
    wall_mm
        Thickness of its wall; 0 without one.
    features
        What else can be seen: ``"daughter_cysts"``, ``"central_necrosis"``, ``"central_scar"``,
        ``"blurred_edge"``, ``"septa"``, ``"dilated_ducts"``, ``"capsule"``, ``"fat"``.
    """

    kind: str
    name: str
    centre_lps_mm: Point
    diameter_mm: float
    shape: Shape | None = None
    position: str = ""
    enhancement: str = "none"
    wall_mm: float = 0.0
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PatternTruth:
    """An arrangement of foci: `id` of the contract's patterns, `foci` the places in the insert's deposits."""

    id: str
    foci: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Insert:
    """What is laid into an abdomen, by concatenation.

    Parameters
    ----------
    bodies
        Painted over the abdomen's, in order.
    deposits, mimics
        Calcium, and what only looks like it. Their `Deposit.host` counts in `hosts`.
    hosts
        The lesions.
    streaks
        Rays of metal.
    patterns
        How the deposits are arranged.
    diagnosis
        The contract's id of what the insert imitates; ``""`` if nothing in particular.
    notes
        One sentence each, for a person.
    """

    bodies: tuple[Body, ...] = ()
    deposits: tuple[Deposit, ...] = ()
    mimics: tuple[Deposit, ...] = ()
    hosts: tuple[HostTruth, ...] = ()
    streaks: tuple[Streak, ...] = ()
    patterns: tuple[PatternTruth, ...] = ()
    diagnosis: str = ""
    notes: tuple[str, ...] = ()


EMPTY = Insert()
"""Nothing laid in."""


def settle_solitary(insert: Insert) -> Insert:
    """Return an insert in which only calcium that is alone in the liver is called solitary.

    What was solitary by itself is scattered among other pieces of calcium laid in beside it; what is left
    alone of several, because the image shows no more, is solitary.

    Examples
    --------
    >>> one = Insert(deposits=(), patterns=(PatternTruth("solitary", (0,)), PatternTruth("solitary", (1,))))
    >>> settle_solitary(replace(one, deposits=(None, None))).patterns
    (PatternTruth(id='scattered', foci=(0, 1)),)
    """
    alone = tuple(f for p in insert.patterns if p.id in ("solitary", "scattered") for f in p.foci)
    others = tuple(p for p in insert.patterns if p.id not in ("solitary", "scattered"))
    if len(insert.deposits) == 1:
        network = any(p.id == "septal_network" for p in others)
        return replace(insert, patterns=others if network else (*others, PatternTruth("solitary", (0,))))
    if len(alone) < 2:
        return replace(insert, patterns=others)
    return replace(insert, patterns=(PatternTruth("scattered", tuple(sorted(alone))), *others))


def _shifted(deposits: tuple[Deposit, ...], hosts: int, groups: int) -> tuple[Deposit, ...]:
    """Return deposits whose hosts and groups are counted on from those before them."""
    return tuple(
        replace(
            d,
            host=d.host + hosts if d.host >= 0 else d.host,
            group=d.group + groups if d.group > 0 else d.group,
        )
        for d in deposits
    )


def join_inserts(*inserts: Insert) -> Insert:
    """Return several inserts as one; hosts, groups and patterns are counted on.

    The first diagnosis that is not empty stands.

    Examples
    --------
    >>> host = HostTruth("fluid", "cyst_simple", (0.0, 0.0, 0.0), 20.0)
    >>> len(join_inserts(Insert(hosts=(host,)), EMPTY, Insert(hosts=(host,))).hosts)
    2
    """
    whole = EMPTY
    for new in inserts:
        groups = max((d.group for d in (*whole.deposits, *whole.mimics)), default=0)
        hosts, foci = len(whole.hosts), len(whole.deposits)
        whole = Insert(
            bodies=whole.bodies + new.bodies,
            deposits=whole.deposits + _shifted(new.deposits, hosts, groups),
            mimics=whole.mimics + _shifted(new.mimics, hosts, groups),
            hosts=whole.hosts + new.hosts,
            streaks=whole.streaks + new.streaks,
            patterns=whole.patterns
            + tuple(replace(p, foci=tuple(f + foci for f in p.foci)) for p in new.patterns),
            diagnosis=whole.diagnosis or new.diagnosis,
            notes=whole.notes + new.notes,
        )
    return whole
