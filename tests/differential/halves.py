"""What the sets of cases share: which half a case is of, what counts as named, and what is malignant."""

from __future__ import annotations

import hashlib
from typing import Any

from hepalith.differential import load_knowledge

TOP = 3
"""How many of the first diagnoses a clinician is shown at once."""

MALIGNANT = frozenset(e.id for e in load_knowledge().entries if e.malignant)


def half(case: dict[str, Any]) -> str:
    """Return ``first`` or ``second``, by the last bit of the SHA-256 of the id."""
    return "second" if hashlib.sha256(case["id"].encode()).digest()[-1] % 2 else "first"
