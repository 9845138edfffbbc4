"""What is damage in a file in columns, and what is said of it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa

from pricewright.files.errors import Refusal

DAMAGED = "not a whole Parquet file"
RUN_AGAIN = "run the step that writes it again"

_MOST_MEMORY: Final = 1 << 34
"""Bytes for a column of some rows; only damaged files ask for more."""


@contextmanager
def refuse_damaged(
    name: Path | str, what: str = DAMAGED, remedy: str = RUN_AGAIN
) -> Iterator[None]:
    """Turn what pyarrow raises over a damaged file into a Refusal: what it is, and what to do.

    Trouble of the machine's, which may pass, is raised as it is.
    """
    try:
        yield
    except (pa.ArrowException, ValueError, OverflowError, OSError) as error:
        if _is_the_machines(error):
            raise
        reason = " ".join(str(error).split()).rstrip(".")[:200]
        raise Refusal(f"{name}: {what} ({reason}); {remedy}.") from None


def _is_the_machines(error: Exception) -> bool:
    """Whether an error is trouble that may pass, and no fault of the file."""
    if isinstance(error, MemoryError):
        size = re.search(r"\d+", str(error))
        return size is None or int(size[0]) < _MOST_MEMORY
    return getattr(error, "errno", None) is not None
