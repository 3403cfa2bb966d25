"""hepalith: the open reader of intrahepatic calcification.

Everything public is listed in ``__all__`` and loaded when it is first used, so that
``import hepalith`` costs nothing.
"""

from importlib import import_module as _import_module

__version__ = "0.1.0"

_HOMES = {
    "Formats": "hepalith.settings",
    "HepalithError": "hepalith.errors",
    "InputError": "hepalith.errors",
    "MaskSource": "hepalith.settings",
    "Opinion": "hepalith.reading.opinion",
    "OutputError": "hepalith.errors",
    "Patient": "hepalith.study",
    "Reading": "hepalith.reading",
    "Settings": "hepalith.settings",
    "diagnose": "hepalith.reading.opinion",
    "load_reading": "hepalith.reading",
    "read": "hepalith.pipeline",
    "read_patient": "hepalith.study",
    "reading_schema": "hepalith.reading",
    "list_terms": "hepalith.vocabulary",
}

__all__ = [  # noqa: PLE0604
    *_HOMES,
    "__version__",
]


def __getattr__(name: str) -> object:
    """Load a public name from its room."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hepalith' has no attribute {name!r}")
    value: object = getattr(_import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
