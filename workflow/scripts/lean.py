"""What a run's start is spared."""

import sys
from typing import Any

from snakemake.persistence import PersistenceBase

_ASKS = "_serialize_param_pandas"
_asks = getattr(PersistenceBase, _ASKS, None)


def spare_pandas() -> None:
    """Have params compared without pandas, as long as nobody else has imported it.

    Snakemake imports it to see whether a param is one of its tables, which takes a fifth of a run
    with nothing to do. Before pandas is imported, nothing is one; what is compared is the same. A
    Snakemake that has no such method is left as it is.
    """
    if _asks:
        setattr(PersistenceBase, _ASKS, _as_text)


def _as_text(persistence: Any, value: Any) -> Any:
    if "pandas" in sys.modules and _asks:
        return _asks(persistence, value)
    return persistence._serialize_param_builtin(value)
