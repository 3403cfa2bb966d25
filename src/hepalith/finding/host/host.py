"""Hosts: lesions that hold or touch calcium, and masses that hold none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Box
from hepalith.vocabulary import Assessed, Measurement

__all__ = ["KINDS", "Host", "HostRelation", "Hosts"]

KINDS = ("solid", "fluid", "fat", "mixed", "infiltrative")
"""Kinds of host, in the words of the contract."""


@dataclass(frozen=True, slots=True, eq=False)
class Host:
    """A lesion, with or without calcium.

    Parameters
    ----------
    id
        From 1, largest first; its label in `Hosts.labels`. Masses without calcium are counted on.
    kind, probabilities
        The likeliest of `KINDS`, and the probability of each.
    probability
        That there is a lesion at all.
    diameter
        Longest caliper of the lesion, not of its calcium.
    position
        Where its calcium lies: ``"central"``, ``"peripheral"``, ``"throughout"``; ``""`` without any.
    foci
        Ids of the calcifications that it holds or touches.
    enhancement, enhancements
        What this phase says of its enhancement: the likeliest choice of the vocabulary, and the probability
        of each; ``""`` and empty where it says nothing.
    features
        Probability of what else is seen: ``central_scar``, ``capsular_retraction``, ``satellite_lesions``,
        ``daughter_cysts``, ``microcystic_areas``, ``fat_attenuation``, ``gas_in_lesion``,
        ``blood_pool_ring``.
    centre_lps_mm
        Middle of its extent.
    mean_hu
        Of its core, without calcium.
    reason
        A sentence: what was seen.
    """

    id: int
    kind: str
    probabilities: Mapping[str, float]
    probability: float
    diameter: Measurement
    position: str
    foci: tuple[int, ...]
    enhancement: str
    enhancements: Mapping[str, float]
    features: Mapping[str, float]
    centre_lps_mm: tuple[float, float, float]
    mean_hu: float
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class HostRelation:
    """What lies around one focus.

    Parameters
    ----------
    kind
        One of `KINDS`, ``"none"`` or ``"not_assessable"``.
    host
        Id of the host; 0 where there is none, or none is known.
    diameter, position
        Of the host; `position` is that of this focus, ``""`` without a host.
    probability
        That `kind` is right, given the image; with ``"not_assessable"`` that there is no host after all.
    reason
        Why, in a phrase.
    probabilities
        Of ``"none"`` and of each kind.
    """

    kind: str
    host: int
    diameter: Assessed
    position: str
    probability: float
    reason: str
    probabilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, eq=False)
class Hosts:
    """Every host and mass of one image.

    Parameters
    ----------
    hosts
        Lesions with calcium, the leading one first.
    of_focus
        Relation of each focus labelled calcification, by its id.
    masses
        Lesions that hold no calcium.
    box, labels
        uint8 label map of hosts and masses, and where it lies in the image.
    """

    hosts: tuple[Host, ...]
    of_focus: Mapping[int, HostRelation]
    masses: tuple[Host, ...]
    box: Box
    labels: NDArray[np.uint8]
