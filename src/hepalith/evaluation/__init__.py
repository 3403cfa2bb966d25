"""How good the product is: agreement of outlines, detection, error of measures."""

from hepalith.evaluation.error import RelativeError, cover, relative_error
from hepalith.evaluation.matching import Matching, count_overlaps, match_foci
from hepalith.evaluation.overlap import dice, surface_distance_mm
from hepalith.evaluation.proportion import Proportion, wilson

__all__ = [
    "Matching",
    "Proportion",
    "RelativeError",
    "count_overlaps",
    "cover",
    "dice",
    "match_foci",
    "relative_error",
    "surface_distance_mm",
    "wilson",
]
