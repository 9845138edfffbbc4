"""All forecasts of a walk-forward and their outcomes, as two plain Parquet tables.

Anyone can compute the figures of a model again from them; docs/model.md shows how. Losses of whole
distributions are given as the mean over many quantiles; for other figures the tables have the
inputs.
"""

from collections.abc import Iterable
from contextlib import ExitStack, closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from pricewright.evaluation.scores import NextDays, Scores, Windows
from pricewright.files.disk import whole_files
from pricewright.forecasting import distribution
from pricewright.forecasting.panel import SLICE_WIDTH
from pricewright.forecasting.walkforward import WalkForward
from pricewright.tables.arrays import Ints

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet

    Rows = tuple[pa.Table, Ints]
    """A table's rows, and how many (S,) are of each symbol."""

Columns = dict[str, Any]

DATES = {
    "symbol": "the symbol",
    "made": "the date from which it was forecast",
    "ahead": "how many of the symbol's days ahead",
    "date": "the date that was forecast",
    "last": "the last known price",
    "price": "the actual price",
    "point": "the point forecast",
    "lower": "the bounds of the forecast interval",
    "upper": "",
    "pinball": "the pinball loss, the mean over all quantiles, in units of `scale`",
    "crps": "the continuous ranked probability score, in units of `scale`",
    "pit": "the forecast distribution function at the actual price, from 0 to 1",
    "walk_lower": "the same for the random walk, whose point forecast is `last`",
    "walk_upper": "",
    "walk_pinball": "",
    "walk_crps": "",
    "scale": "the mean absolute daily change up to `made`",
    "squared_scale": "the mean squared daily change up to `made`",
}
"""The columns of forecasts from the dates of the evaluation, with a row for each day ahead."""

DAYS = {
    "symbol": "the symbol",
    "made": "the day on which it was forecast",
    "date": "the symbol's next day",
    "change": "the change until then: of the log price, or of the price on levels",
    "deviation": "the forecast standard deviation of the change",
    "ewma": "the same by RiskMetrics' EWMA",
    "var_1": "the forecast 1 % quantile of the change",
    "var_5": "the 5 % quantile",
    "var_2.5": "the 2.5 % quantile",
    "es_2.5": "the forecast mean of the changes below the 2.5 % quantile",
}
"""The columns of one-day-ahead forecasts."""


def forecast_rows(walked: WalkForward, scores: Scores) -> "tuple[Rows, Rows]":
    """The rows of both tables, from a walk-forward of one piece and its scores.

    They are in order of symbols and dates; a symbol has no rows for a date from which it could not
    be forecast, or that does not count for it (see `Timeline.counting`).
    """
    return _rows(_of_dates(walked, scores), DATES), _rows(_of_days(walked), DAYS)


class ForecastFiles(ExitStack):
    """Both tables as files, which appear under their names when the block ends without an error."""

    def __init__(self, dates: Path, days: Path) -> None:
        super().__init__()
        self._paths = (dates, days)
        self._tables: list[_OpenTable] = []

    def begin(self) -> None:
        """Begin, or begin again, with no rows; before the first call there are no files."""
        if not self._tables:
            files = self.enter_context(whole_files(self._paths))
            self._tables = [
                self.enter_context(closing(_OpenTable(file, _schema(names))))
                for file, names in zip(files, (DATES, DAYS), strict=True)
            ]
        for table in self._tables:
            table.begin()

    def add(self, rows: "tuple[Rows, Rows]") -> None:
        """Add the rows of more symbols."""
        for table, more in zip(self._tables, rows, strict=True):
            table.add(more)

    def finish(self, model: str) -> None:
        """Write the remaining rows; model: the SHA-256 of the model's document."""
        for table in self._tables:
            table.finish(model)


class _OpenTable:
    """A table written in row groups of SLICE_WIDTH symbols, however many are added at a time."""

    def __init__(self, file: BinaryIO, schema: "pa.Schema") -> None:
        self._file, self._schema = file, schema
        self._writer: pyarrow.parquet.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def begin(self) -> None:
        import pyarrow.parquet

        self.close()
        self._file.seek(0)
        self._file.truncate()
        stored: dict[str, Any] = {
            "compression": "zstd",
            "use_dictionary": ["symbol", "made", "date"],
            "store_schema": False,
        }
        self._writer = pyarrow.parquet.ParquetWriter(self._file, self._schema, **stored)
        self._waiting = []

    def add(self, rows: "Rows") -> None:
        table, lengths = rows
        bounds = pairwise([0, *np.cumsum(lengths).tolist()])
        self._waiting += [table[begin:end] for begin, end in bounds]
        while len(self._waiting) >= SLICE_WIDTH:
            self._write(SLICE_WIDTH)

    def finish(self, model: str) -> None:
        self._write(len(self._waiting))
        assert self._writer
        self._writer.add_key_value_metadata({"model": model})
        self.close()

    def _write(self, symbols: int) -> None:
        import pyarrow as pa

        some, self._waiting = self._waiting[:symbols], self._waiting[symbols:]
        if some and self._writer:
            self._writer.write_table(pa.concat_tables(some).combine_chunks())

    def close(self) -> None:
        if self._writer:
            self._writer.close()
        self._writer = None


def _of_dates(walked: WalkForward, scores: Scores) -> Columns:
    (piece,) = walked.pieces
    panel, horizon, columns = walked.whole, walked.settings.horizon, np.arange(len(walked.whole))
    windows = Windows.of(piece, panel, walked.timeline, horizon)
    at, there, model, random_walk = windows.at, windows.there, scores.model, scores.random_walk
    each = partial(np.broadcast_to, shape=there.shape)
    found: Columns = {
        "made": each(walked.timeline.origins[:, None, None]),
        "ahead": each(np.arange(1, horizon + 1)),
        "date": panel.days[windows.ahead, columns[:, None]],
        "last": each(panel.prices[at, columns][..., None]),
        "price": windows.came(panel.prices),
        "point": model.point,
        "lower": model.lower,
        "upper": model.upper,
        "pinball": model.pinball,
        "crps": model.crps,
        "pit": scores.transform,
        "walk_lower": random_walk.lower,
        "walk_upper": random_walk.upper,
        "walk_pinball": random_walk.pinball,
        "walk_crps": random_walk.crps,
        "scale": each(scores.scale[..., None]),
        "squared_scale": each(scores.squared_scale[..., None]),
    }
    keep = np.moveaxis(there, 1, 0)
    kept = {name: np.moveaxis(part, 1, 0)[keep] for name, part in found.items()}
    return kept | {"symbol": panel.symbols, "lengths": there.sum(axis=(0, 2))}


def _of_days(walked: WalkForward) -> Columns:
    (piece,) = walked.pieces
    panel, settings = walked.whole, walked.settings
    columns, days = np.arange(len(panel)), NextDays.of(piece, panel, walked.shapes(piece))
    levels = distribution.levels_with(settings.level).tolist()
    at, there, drift = days.at, days.there, piece.daily_centres - days.value
    at_risk = {
        f"var_{100 * level:g}": drift + days.deviation * days.shape[..., levels.index(level)]
        for level in (0.01, 0.05, distribution.SHORTFALL)
    }
    found: Columns = {
        "made": panel.days[at, columns],
        "date": panel.days[at + there, columns],
        "change": days.next_value - days.value,
        "deviation": days.deviation,
        "ewma": np.sqrt(days.benchmark),
        **at_risk,
        "es_2.5": drift + days.deviation * days.shape[..., -1],
    }
    kept = {name: part.T[there.T] for name, part in found.items()}
    return kept | {"symbol": panel.symbols, "lengths": there.sum(axis=0)}


EXACT = {"last", "price", "point"}
"""The columns in double precision; for the others single precision is more than accurate enough."""


def _schema(names: Iterable[str]) -> "pa.Schema":
    import pyarrow as pa

    kinds = {"symbol": pa.string(), "made": pa.date32(), "date": pa.date32(), "ahead": pa.int16()}
    numbers = {name: pa.float64() if name in EXACT else pa.float32() for name in names}
    return pa.schema([(name, (numbers | kinds)[name]) for name in names])


def _rows(columns: Columns, names: Iterable[str]) -> "Rows":
    import pyarrow as pa

    schema = _schema(names)
    lengths = columns.pop("lengths")
    symbols = pa.array(columns.pop("symbol"), pa.string())
    found = {
        name: pa.array(values.astype(np.int32)).view(kind)
        if (kind := schema.field(name).type) == pa.date32()
        else pa.array(values, kind)
        for name, values in columns.items()
    }
    found["symbol"] = symbols.take(pa.array(np.repeat(np.arange(len(symbols)), lengths)))
    return pa.Table.from_arrays([found[name] for name in schema.names], schema=schema), lengths
