"""How good the product is: agreement of outlines, detection, error of measures."""

from hepalith.evaluation.error import RelativeError, cover, relative_error
from hepalith.evaluation.matching import Cluster, Matching, count_overlaps, link_foci, match_foci
from hepalith.evaluation.overlap import dice, surface_distance_mm
from hepalith.evaluation.proportion import Proportion, wilson

__all__ = [
    "Cluster",
    "Matching",
    "Proportion",
    "RelativeError",
    "count_overlaps",
    "cover",
    "dice",
    "link_foci",
    "match_foci",
    "relative_error",
    "surface_distance_mm",
    "wilson",
]
