"""Readings: everything found in one examination, held together; the one writer and reader of the folder.

Names are loaded when first used: an opinion without images (`opinion`) loads no image library.
"""

from importlib import import_module as _import_module

_HOMES = {
    "DEFAULT_PSEUDONYM_KEY": "identity",
    "NOTICE": "document",
    "SCHEMA": "document",
    "Conclusion": "examination",
    "CtRead": "examination",
    "Document": "document",
    "Examination": "examination",
    "Maps": "reading",
    "Reading": "reading",
    "Run": "reading",
    "Source": "source",
    "SourceImage": "source",
    "UltrasoundImage": "examination",
    "UltrasoundRead": "examination",
    "Writer": "folder",
    "accept": "acceptance",
    "keep_frames": "examination",
    "load_document": "load",
    "load_reading": "load",
    "private_folder": "folder",
    "load_source": "source",
    "reading_schema": "document",
    "refuse_occupied": "folder",
    "to_json": "document",
    "write_folder": "folder",
    "write_private": "folder",
}
"""Public names, by the module of this room that they live in."""

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hepalith.reading' has no attribute {name!r}")
    value: object = getattr(_import_module(f"hepalith.reading.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
