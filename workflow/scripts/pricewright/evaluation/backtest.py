"""The walk-forward day by day, as a file beside the model: what pictures of it need.

One row a symbol. What a person decides by is in the model; this is a sight of what that was
computed from: the last days that each symbol has, as numbers of single precision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pricewright.arrays import Days, Floats, Ints
from pricewright.errors import Refusal
from pricewright.evaluation.scores import TAILS, Scores
from pricewright.files import must_be_there, whole_file
from pricewright.forecasting import distribution
from pricewright.forecasting.panel import Panel, from_scale
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.walkforward import Piece, Walked
from pricewright.metrics.comparison import mean_with_interval

if TYPE_CHECKING:
    import pyarrow as pa

DAYS = 250
"""The last days of each symbol that are kept: a year, as in the Basel Committee's back-test."""

SERIES = ("price", "lower", "upper", "volatility", "var_1", "var_5")
"""By day: the price; the bounds of its interval, as forecast from the last origin before it; the
deviation and the value-at-risk of its change, on the scale of the model, as forecast the day
before. NaN where nothing was forecast."""

EXCEPTIONS = ("exceptions_1", "exceptions_5")
"""The days of all exceptions to the value-at-risk of the whole evaluation, for each of TAILS."""

SKILL = ("skill", "skill_lower", "skill_upper")
"""1 less the pinball loss over the plain random walk's, with its 95% interval over dates."""

Values = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Backtest:
    """The back-test of a model: a row of `table` for each of `symbols`, and one for all."""

    table: "pa.Table"
    symbols: Sequence[str]

    def lists(self, place: int, names: Sequence[str]) -> dict[str, Values]:
        """Of the symbol at a place, some of SERIES, EXCEPTIONS and `days`.

        A day is counted from 1970-01-01.
        """
        found = {name: self.table[name][place].values for name in names}
        return {
            name: values.to_numpy(zero_copy_only=False).astype("datetime64[D]").astype(np.int32)
            if str(values.type) == "date32[day]"
            else values.to_numpy(zero_copy_only=False)
            for name, values in found.items()
        }

    def skill(self, place: int) -> tuple[float | None, float | None, float | None]:
        """The skill of a symbol and its interval; of all, at the place after the last."""
        found, lower, upper = (self.table[name][place].as_py() for name in SKILL)
        return found, lower, upper


def write_backtest(
    path: Path,
    model: str,
    *,
    panel: Panel,
    origins: Days,
    walked: Walked,
    scores: Scores,
    settings: Settings,
) -> None:
    """Write, whole, the back-test of the model whose document has the SHA-256 `model`.

    The last row is of all symbols: its days are the origins (K,) of the evaluation.
    """
    import pyarrow as pa
    import pyarrow.parquet

    lengths = np.minimum(panel.counts, DAYS)
    series = [_series(piece, walked.shapes(piece), settings) for piece in walked.pieces]
    exceptions = _exceptions(walked.pieces, scores)
    skills = np.array([_skill(scores, columns) for columns in _each_and_all(len(panel))])
    columns = [
        pa.array([*panel.symbols, None], pa.string()),
        _lists(np.concatenate([*(found["days"] for found in series), origins]), lengths),
        *(_lists(np.concatenate([found[name] for found in series]), lengths) for name in SERIES),
        *(_lists(np.concatenate(found), np.array(list(map(len, found)))) for found in exceptions),
        *(pa.array(column, from_pandas=True) for column in skills.T),
    ]
    stored = {"compression": "zstd", "use_dictionary": ["symbol"], "store_schema": False}
    with (
        whole_file(path) as file,
        pyarrow.parquet.ParquetWriter(file, _schema(), **stored) as writer,
    ):
        writer.write_table(pa.Table.from_arrays(columns, schema=_schema()))
        writer.add_key_value_metadata({"model": model})


def read_backtest(path: Path, model: str) -> Backtest:
    """The back-test that `write_backtest` wrote for the model with this SHA-256.

    Raises Refusal if it is another kind of file, or was written for another model.
    """
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with must_be_there(path):
            table = pyarrow.parquet.read_table(path)
    except pa.ArrowInvalid:
        raise Refusal(f"{path}: not a whole Parquet file; train again.") from None
    if not table.schema.equals(_schema()):
        raise Refusal(f"{path}: not a back-test as this code writes it; train again.")
    of = (table.schema.metadata or {}).get(b"model", b"").decode()
    if of != model:
        raise Refusal(
            f"{path}: is of another model (sha256 {of[:12]}…, where {model[:12]}… is needed); "
            "train again."
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


def _lists(values: Values, lengths: Ints) -> "pa.Array":
    """The values as lists of these lengths, and what is left of them as one more."""
    import pyarrow as pa

    ends = np.concatenate([[0], np.cumsum(lengths), [len(values)]]).astype(np.int32)
    days = values.dtype.kind == "i"
    kept = pa.array(values.astype(np.int32 if days else np.float32))
    return pa.ListArray.from_arrays(ends, kept.view(pa.date32()) if days else kept)


def _series(piece: Piece, shapes: Floats, settings: Settings) -> dict[str, Values]:
    """`days` and each of SERIES, one symbol after the other."""
    panel = piece.panel
    columns = np.arange(len(panel))
    lengths = np.minimum(panel.counts, DAYS)
    rows = panel.counts - lengths + np.arange(int(lengths.max(initial=0)))[:, None]
    there = rows < panel.counts
    rows = np.where(there, rows, 0)
    found = {"days": panel.days[rows, columns], "price": panel.prices[rows, columns]}
    found |= _forecasts(piece, panel, shapes, rows, settings)
    return {name: values.T[there.T] for name, values in found.items()}


def _forecasts(
    piece: Piece, panel: Panel, shapes: Floats, rows: Ints, settings: Settings
) -> dict[str, Floats]:
    """The rest of SERIES at some rows (N, S)."""
    columns = np.arange(len(panel))
    nothing = np.full(rows.shape, np.nan)
    if not len(piece.rows) or not len(piece.daily_rows):
        return dict.fromkeys(SERIES[1:], nothing)
    levels = distribution.levels_with(settings.level).tolist()
    own = columns if shapes.shape[1] > 1 else np.zeros_like(columns)
    day = rows - 1 - piece.daily_rows[0]
    made = (day >= 0) & (day < len(piece.daily_rows))
    day = np.where(made, day, 0)
    origin = np.where(made, piece.daily_origins[day, columns], -1)
    known = origin >= 0
    deviation = np.sqrt(piece.daily_variances[day, columns])
    centre = piece.daily_centres[day, columns] - panel.values[np.maximum(rows - 1, 0), columns]
    steps = rows - piece.rows[origin, columns]
    ahead = np.clip(steps, 1, settings.horizon) - 1
    reached = known & (steps <= settings.horizon)
    width = np.sqrt(piece.variances[origin, columns, ahead])

    def bound(level: float) -> Floats:
        shape = shapes[origin, own, ahead, levels.index(round(level, 12))]
        value = piece.centres[origin, columns, ahead] + width * shape
        return np.where(reached, from_scale(value[..., None], panel.levels)[..., 0], np.nan)

    def at_risk(tail: float) -> Floats:
        shape = shapes[origin, own, 0, levels.index(tail)]
        return np.where(known, centre + deviation * shape, np.nan)

    return {
        "lower": bound((1 - settings.level) / 2),
        "upper": bound((1 + settings.level) / 2),
        "volatility": np.where(known, deviation, np.nan),
        "var_1": at_risk(0.01),
        "var_5": at_risk(0.05),
    }


def _exceptions(pieces: Sequence[Piece], scores: Scores) -> list[list[Values]]:
    """For each of TAILS, the days of each symbol's exceptions."""
    found: list[list[Values]] = [[] for _ in TAILS]
    first = 0
    for piece in pieces:
        days = piece.panel.days
        for column in range(days.shape[1]):
            rows = piece.daily_rows[:, column] + 1
            for tail, into in enumerate(found):
                hits = scores.hits[: len(rows), first + column, tail] == 1
                into.append(days[rows[hits], column])
        first += days.shape[1]
    return found


def _each_and_all(symbols: int) -> Iterator[slice]:
    yield from (slice(column, column + 1) for column in range(symbols))
    yield slice(None)


def _skill(scores: Scores, columns: slice) -> tuple[float, float, float]:
    """The SKILL of some symbols together: their losses are averaged at each date."""
    with np.errstate(all="ignore"):
        ours, plain = (
            _by_date(losses.pinball[:, columns]) for losses in (scores.model, scores.random_walk)
        )
        difference, lower, upper = mean_with_interval(ours - plain)
        level = plain[~np.isnan(ours - plain)].mean() if (~np.isnan(ours - plain)).any() else np.nan
    return -difference / level, -upper / level, -lower / level


def _by_date(losses: Floats) -> Floats:
    """(K,): the mean of losses (K, S, H) at each date, NaN where there is none."""
    known = np.isfinite(losses)
    return np.asarray(np.where(known, losses, 0.0).sum(axis=(1, 2)) / known.sum(axis=(1, 2)))
