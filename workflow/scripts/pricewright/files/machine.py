"""The machine: what numbers are computed on, and its memory."""

import ctypes
import platform
import sys
from contextlib import suppress
from typing import Any, cast

import numpy as np


def machine() -> str:
    """The kind of processor, and what numpy makes use of, of it and beside it.

    For logs and the ledger: an artifact is the same bytes on any machine, so that it cannot say.
    """
    built = cast("dict[str, Any]", np.show_config(mode="dicts"))
    simd, blas = built["SIMD Extensions"], built["Build Dependencies"]["blas"]
    used = [*simd.get("baseline", []), *simd.get("found", [])]
    return (
        f"{platform.system()} {platform.machine()} (numpy takes {' '.join(used)}; "
        f"{blas['name']} {blas['version']})"
    )


def give_back() -> None:
    """Give the system back the memory that was freed: the C library keeps what is between things
    that are still in use, which after many arrays of a megabyte or so is hundreds of them, and so
    does pyarrow."""
    if arrow := sys.modules.get("pyarrow"):
        arrow.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError):  # another library than glibc knows when to by itself
        ctypes.CDLL(None).malloc_trim(0)
