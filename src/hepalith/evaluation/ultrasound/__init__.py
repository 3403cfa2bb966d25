"""The evaluation of sonograms."""
