"""One image laid onto another: the phases of an examination, and examinations of other days."""

from hepalith.registration.alignment import Alignment

__all__ = ["Alignment"]
