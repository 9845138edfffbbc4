"""What the pictures of one symbol show, as records to draw from and packed for a page."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pricewright.arrays import Floats
from pricewright.backtest import EXCEPTIONS, SERIES, Backtest

NAMES = ("day", "fan", *SERIES)
TAILS = ("1%", "5%")
_MILLISECONDS = 86_400_000
_MISSING = 0xFFFF
_STEPS = _MISSING - 1

Columns = dict[str, Floats]


class Sight:
    """The series of each symbol: the last days of the back-test, then the days forecast."""

    def __init__(self, backtest: Backtest, model: Mapping[str, Any]) -> None:
        self._backtest = backtest
        self._model = model
        self._place = {symbol: place for place, symbol in enumerate(backtest.symbols)}
        everyone = backtest.lists(len(backtest.symbols), ["days"])
        self._origins = everyone["days"]

    def columns(self, symbol: str) -> Columns:
        """By NAMES, (n,) numbers each, NaN where there is none; `fan` counts the forecasts."""
        found = self._backtest.lists(self._place[symbol], ("days", *SERIES))
        ahead = self._model["symbols"][symbol]["forecast"]
        last = np.datetime64(self._model["symbols"][symbol]["last_date"], "D")
        steps = len(ahead["point"])
        coming = np.busday_offset(last, np.arange(steps + 1), roll="backward")[1:]
        days = np.concatenate([found["days"], coming.astype(np.int64)])
        made: Columns = {
            "day": days.astype(np.float64),
            "fan": np.searchsorted(self._origins, days).astype(np.float64),
        }
        made["fan"][len(found["days"]) :] = len(self._origins) + 1
        for name in SERIES:
            future = ahead.get(name) if name in ("lower", "upper") else None
            rest = np.array(future) if future else np.full(steps, np.nan)
            made[name] = np.concatenate([found[name].astype(np.float64), rest])
        return made

    def hits(self, symbol: str) -> list[tuple[str, list[int]]]:
        """By tail, widest first, the days of a symbol's exceptions: those at 1% are at 5%, too."""
        found = self._backtest.lists(self._place[symbol], EXCEPTIONS)
        tails = zip(TAILS, EXCEPTIONS, strict=True)
        return [(tail, found[name].tolist()) for tail, name in reversed(list(tails))]

    def data(self, symbol: str) -> dict[str, list[dict[str, Any]]]:
        """What the pictures are drawn from; see charts.symbol."""
        columns, hits = self.columns(symbol), self.hits(symbol)
        beyond = {day: tail for tail, days in hits for day in days}
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        days = []
        for row in rows:
            day = {
                name: None if np.isnan(value) else value
                for name, value in zip(columns, row, strict=True)
            }
            days.append(day | {"time": row[0] * _MILLISECONDS, "beyond": beyond.get(int(row[0]))})
        return {
            "days": days,
            "hits": [
                {"time": day * _MILLISECONDS, "tail": tail} for tail, found in hits for day in found
            ],
        }

    def packed(self, symbols: Sequence[str]) -> dict[str, Any]:
        """What a page needs to draw any of the symbols: 16 bits a number, in base64.

        A number is offset + step * code, with an offset and a step for each series: a picture is
        not as fine as that.
        """
        return {"names": NAMES, "symbols": {symbol: self._packed(symbol) for symbol in symbols}}

    def _packed(self, symbol: str) -> dict[str, Any]:
        columns = self.columns(symbol)
        codes, steps = [], []
        for name, values in columns.items():
            known = values[~np.isnan(values)]
            lowest = float(known.min()) if len(known) else 0.0
            span = float(known.max()) - lowest if len(known) else 0.0
            step = 1.0 if name in ("day", "fan") else float(f"{span / _STEPS:.7g}") or 1.0
            found = np.rint((values - lowest) / step)
            codes.append(np.where(np.isnan(found), _MISSING, np.minimum(found, _STEPS)))
            steps.append([lowest if name in ("day", "fan") else float(f"{lowest:.9g}"), step])
        content = np.concatenate(codes).astype("<u2").tobytes()
        return {
            "scale": self._model["symbols"][symbol]["scale"],
            "count": len(columns["day"]),
            "steps": steps,
            "codes": base64.b64encode(content).decode(),
            "hits": self.hits(symbol),
        }
