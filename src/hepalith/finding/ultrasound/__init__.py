"""Findings from the pictures of an ultrasound examination."""
