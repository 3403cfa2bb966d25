"""How probable each diagnosis is before anything is heard, in the population that is read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.model import Model
from hepalith.study.patient import Patient

__all__ = ["draw_priors", "set_priors"]


def set_priors(model: Model, setting: str, patient: Patient, *, bare: bool = False) -> NDArray[np.float64]:
    r"""Return P(diagnosis), shape (diagnoses,): the setting's, the metastases divided by the known primary.

    A known primary is a setting and no finding: it moves probability among the metastases, and
    leaves their sum what the setting says. The setting's priors are those of livers that show calcium;
    where calcium was looked for and is not there (`bare`), with c the share of a diagnosis that shows it,

    .. math:: P(d \mid \text{bare}) \propto P(d) \, \frac{1 - c_d}{c_d}
    """
    points = model.priors(setting)
    members, weight = _divide(model, points, patient)
    divided = np.asarray(np.where(members, points[members].sum() * weight, points))
    if bare:
        divided = divided * model.bare_odds()
    return np.asarray(divided / divided.sum())


def draw_priors(model: Model, setting: str, patient: Patient, *, bare: bool = False) -> NDArray[np.float32]:
    """Return draws of `set_priors`, shape (diagnoses, draws)."""
    draws = model.draw_priors(setting)
    members, weight = _divide(model, model.priors(setting), patient)
    if members.any():
        moved = draws[members].sum(axis=0) * weight[:, None]
        draws = np.where(members[:, None], moved, draws).astype(np.float32)
    if not bare:
        return draws
    drawn = draws * model.draw_bare_odds()
    return np.asarray(drawn / drawn.sum(axis=0), dtype=np.float32)


def _divide(
    model: Model, points: NDArray[np.float64], patient: Patient
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which entries share out their sum, and the share of each; none where no primary is known."""
    entries, share = model.knowledge.entries, model.knowledge.primary_share.value
    source = model.knowledge.primaries.get(str(patient.knows("known_primary")))
    if source is None:
        return np.zeros(len(entries), dtype=bool), np.zeros(len(entries))
    members = np.array([entry.family == "metastasis" for entry in entries])
    is_source = np.array([entry.id == source for entry in entries])
    rest = members & ~is_source
    return members, np.where(is_source, share, (1.0 - share) * points / points[rest].sum())
