"""Reports: one writer, one file.

Names are loaded when first used: which formats there are is asked without loading any writer.
"""

from importlib import import_module as _import_module

_HOMES = {
    "render_html": "html",
    "render_patient": "patient",
    "write_folder": "folder",
    "write_html": "html",
    "write_patient": "patient",
}
"""Public names, by the module of this room that they live in."""

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hepalith.report' has no attribute {name!r}")
    value: object = getattr(_import_module(f"hepalith.report.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
