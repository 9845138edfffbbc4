"""The back-test file of a model: forecasts and outcomes, day by day, for charts.

A Parquet file with lists: a row for each symbol, and one for all. The figures that people decide by
are in the model; this file shows their inputs, in single precision.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pricewright.files.disk import whole_file
from pricewright.files.errors import Refusal

if TYPE_CHECKING:
    import pyarrow as pa

SERIES = ("price", "lower", "upper", "volatility", "var_1", "var_5")
"""By day: the price; the bounds of its interval, forecast from the last origin before it; and the
deviation and the value-at-risk of its change, on the scale of the model, forecast the day before.
NaN where there is no forecast."""

EXCEPTIONS = ("exceptions_1", "exceptions_5")
"""The days of all exceptions of the value-at-risk in the whole evaluation, for each of TAILS."""

SKILL = ("skill", "skill_lower", "skill_upper")
"""1 minus the ratio of the pinball loss to the plain random walk's, with its 95% interval over
dates."""

Values = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Backtest:
    """The back-test of a model: a row of `table` for each of `symbols`, and one for all."""

    table: "pa.Table"
    symbols: Sequence[str]
    _flat: dict[str, tuple[Values, Values]] = field(default_factory=dict, init=False, repr=False)
    """By column: the offset of each symbol's list, and the numbers of all."""

    def lists(self, place: int, names: Sequence[str]) -> dict[str, Values]:
        """Some of SERIES, EXCEPTIONS and `days` for the symbol at this index.

        Days are counted from 1970-01-01.
        """
        found = {}
        for name in names:
            if name not in self._flat:
                column = self.table[name].combine_chunks()
                values = column.values
                days = str(values.type) == "date32[day]"
                numbers = (values.view("int32") if days else values).to_numpy(zero_copy_only=False)
                self._flat[name] = column.offsets.to_numpy(), numbers
            offsets, values = self._flat[name]
            found[name] = values[offsets[place] : offsets[place + 1]]
        return found

    def skill(self, place: int) -> tuple[float | None, float | None, float | None]:
        """The skill of the symbol at this index, with its interval; after the last, of all."""
        found, lower, upper = (self.table[name][place].as_py() for name in SKILL)
        return found, lower, upper


def keep_backtest(path: Path, model: str, columns: "Sequence[pa.Array]") -> None:
    """Write, in one step, the back-test columns of the model with the SHA-256 `model`."""
    import pyarrow as pa
    import pyarrow.parquet

    stored: dict[str, Any] = {"compression": "zstd", "use_dictionary": ["symbol"]}
    with (
        whole_file(path) as file,
        pyarrow.parquet.ParquetWriter(file, _schema(), store_schema=False, **stored) as writer,
    ):
        writer.write_table(pa.Table.from_arrays(columns, schema=_schema()))
        writer.add_key_value_metadata({"model": model})


def read_backtest(path: Path, model: str) -> Backtest:
    """The back-test that `keep_backtest` wrote for the model with this SHA-256.

    Raises Refusal if it is another kind of file, or was written for another model.
    """
    from pricewright.tables.parquet_files import StoredTable

    with StoredTable(path, remedy="train again") as file:
        table = file.read()
    told = re.fullmatch(rb"[0-9a-f]{64}", (table.schema.metadata or {}).get(b"model", b""))
    if told is None or not table.schema.equals(_schema()):
        raise Refusal(f"{path}: not a back-test as this code writes it; train again.")
    if (of := told[0].decode()) != model:
        raise Refusal(
            f"{path}: is of model {of[:12]}…, but the model's file is {model[:12]}…: one of the "
            "two was changed or replaced; `snakemake --cores 1 --forcerun train_or_score` makes "
            "both again."
        )
    return Backtest(table.combine_chunks(), table["symbol"].to_pylist()[:-1])


def _schema() -> "pa.Schema":
    import pyarrow as pa

    days, numbers = pa.list_(pa.date32()), pa.list_(pa.float32())
    return pa.schema(
        [("symbol", pa.string()), ("days", days)]
        + [(name, numbers) for name in SERIES]
        + [(name, days) for name in EXCEPTIONS]
        + [(name, pa.float64()) for name in SKILL]
    )
