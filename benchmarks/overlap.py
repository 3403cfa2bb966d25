"""How far apart the knowledge base holds the pairs that nineteen independent features could not tell apart.

Run: ``python benchmarks/overlap.py``. The first column of numbers is recomputed from the table that the
project began from, where it is at hand; the others from the knowledge files.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

from hepalith.evaluation.separation import bound_error

MATRIX = Path(__file__).resolve().parents[2] / "shared" / "knowledge" / "likelihoods.csv"
"""The 25 by 19 table; its column is left out where it is not at hand."""

PAIRS = {
    ("haemangioma", "fibrolamellar"): 0.39,
    ("ce_inactive_CE4_5", "abscess_scar"): 0.39,
    ("schisto_japonica", "ischaemic_metabolic"): 0.35,
    ("haemangioma", "mcn"): 0.33,
    ("ce_inactive_CE4_5", "ce_active_CE1_3"): 0.32,
    ("ce_active_CE1_3", "alveolar_echinococcosis"): 0.31,
    ("metastasis_mtc", "metastasis_crc"): 0.27,
    ("fibrolamellar", "hepatoblastoma"): 0.27,
}
"""The pairs and bounds that the review of the evidence prints (A2)."""

IMAGE = (
    *("extent", "side", "calcium_size", "shadow", "duct_relation", "beaded", "form", "host", "position"),
    *("host_size", "enhancement", "duct_dilated", "duct_stricture", "lobar_atrophy", "subcapsular"),
    *("central_scar", "capsular_retraction", "satellite_lesions", "ce_stage", "daughter_cysts"),
    *("cyst_septa", "spleen_calcium", "colon_wall_calcium", "age", "female"),
)
"""What one examination with contrast shows, with age and sex."""


def main() -> None:
    """Print the table."""
    matrix = _read_matrix()
    print("Upper bound of the error of telling two diagnoses apart, were they equally common.\n")
    print("| pair | 19 features (review) | 19 features | one examination, age, sex | all features |")
    print("| --- | --- | --- | --- | --- |")
    for pair, printed in PAIRS.items():
        began = f"{_bound(matrix[pair[0]], matrix[pair[1]]):.2f}" if matrix else "not at hand"
        image, everything = bound_error(*pair, IMAGE), bound_error(*pair)
        print(f"| {pair[0]}, {pair[1]} | {printed:.2f} | {began} | {image:.3f} | {everything:.4f} |")


def _read_matrix() -> dict[str, list[float]]:
    if not MATRIX.exists():
        return {}
    with MATRIX.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return {row[0]: [float(cell.rstrip("*")) for cell in row[1:]] for row in rows[1:]}


def _bound(first: list[float], second: list[float]) -> float:
    return 0.5 * math.prod(
        math.sqrt(p * q) + math.sqrt((1.0 - p) * (1.0 - q)) for p, q in zip(first, second, strict=True)
    )


if __name__ == "__main__":
    main()
