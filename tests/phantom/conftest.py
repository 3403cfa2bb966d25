"""Fixtures of the phantom's tests."""

from __future__ import annotations

import os

import numpy as np
import pytest

UNITS = ("AVX", "AVX2", "FMA", "FMA4", "AVX512F", "AVX512VL", "AVX512DQ", "AVX512BW", "ERMS")
"""What the C library is told to leave alone."""


@pytest.fixture(scope="session")
def narrow_environment() -> dict[str, str]:
    """Return an environment in which NumPy, BLAS and the C library use no wide vector unit."""
    present = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return {
        **os.environ,
        "NPY_DISABLE_CPU_FEATURES": " ".join(present),
        "OPENBLAS_CORETYPE": "Prescott",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=" + ",".join(f"-{u}" for u in UNITS),
    }
