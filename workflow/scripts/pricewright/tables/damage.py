"""Which pyarrow errors mean that a file is damaged, and the message for them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa

from pricewright.files.documents import writing_again
from pricewright.files.errors import Refusal

DAMAGED = "not a whole Parquet file"
RUN_AGAIN = "run the step that writes it again"

_MOST_MEMORY: Final = 1 << 34
"""In bytes, for a column of a row group; only damaged files ask for more."""


@contextmanager
def refuse_damaged(
    name: Path | str, what: str = DAMAGED, remedy: str = RUN_AGAIN
) -> Iterator[None]:
    """Turn pyarrow's errors over a damaged file into a Refusal that says what to do.

    Trouble with the machine, which may pass, is raised unchanged.
    """
    try:
        yield
    except (pa.ArrowException, ValueError, OverflowError, OSError) as error:
        if _is_the_machines(error):
            raise
        reason = " ".join(str(error).split()).rstrip(".")[:200]
        again = writing_again(str(name)) if remedy == RUN_AGAIN else ""
        raise Refusal(f"{name}: {what} ({reason}); {remedy}{again}.") from None


def _is_the_machines(error: Exception) -> bool:
    """Whether an error is trouble that may pass rather than a fault of the file."""
    if isinstance(error, MemoryError):
        size = re.search(r"\d+", str(error))
        return size is None or int(size[0]) < _MOST_MEMORY
    return getattr(error, "errno", None) is not None
