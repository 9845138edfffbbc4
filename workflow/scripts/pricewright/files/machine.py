"""The machine: what numbers are computed on."""

import platform
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
