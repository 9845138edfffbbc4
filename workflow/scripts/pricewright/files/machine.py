"""The machine: a description of what computes the numbers, and its memory."""

import ctypes
import platform
import sys
from contextlib import suppress
from typing import Any, cast

import numpy as np


def machine() -> str:
    """The kind of processor, the features of it that numpy uses, and numpy's BLAS library.

    For logs and the ledger. Artifacts have the same bytes on every machine, so they cannot say it.
    """
    built = cast("dict[str, Any]", np.show_config(mode="dicts"))
    simd, blas = built["SIMD Extensions"], built["Build Dependencies"]["blas"]
    used = [*simd.get("baseline", []), *simd.get("found", [])]
    return (
        f"{platform.system()} {platform.machine()} (numpy takes {' '.join(used)}; "
        f"{blas['name']} {blas['version']})"
    )


def give_back() -> None:
    """Return freed memory to the system.

    The C library and pyarrow keep freed memory between blocks that are still in use. After many
    arrays of a megabyte or so, that is hundreds of megabytes.
    """
    if arrow := sys.modules.get("pyarrow"):
        arrow.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError):  # C libraries other than glibc have no malloc_trim
        ctypes.CDLL(None).malloc_trim(0)
