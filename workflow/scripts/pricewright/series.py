"""The history of one symbol, and the scale on which it can be modelled."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pricewright.errors import Refusal

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Days = npt.NDArray[np.datetime64]
Scale = Literal["log", "level"]


@dataclass(frozen=True)
class History:
    """One symbol's observed prices: dates (n,) in days, rising, and prices (n,), all finite."""

    symbol: str
    dates: Days
    prices: Floats

    @property
    def scale(self) -> Scale:
        """`log`, or `level` for a series that a logarithm cannot take."""
        return "log" if bool((self.prices > 0).all()) else "level"


def to_scale(prices: Floats, scale: Scale) -> Floats:
    """Prices on the scale of the model; a price that is not above 0 has no logarithm."""
    return np.log(prices) if scale == "log" else prices


def from_scale(values: Floats, scale: Scale) -> Floats:
    """Values on the scale of the model as prices."""
    return np.exp(values) if scale == "log" else values


def histories(table: pd.DataFrame, price: str, name: str) -> list[History]:
    """The histories in a clean table, in order of symbol; `price` is the column to model.

    A table with no column `symbol` is one history, named as the price column. `name` is
    what errors call the table. Raises Refusal if a column is not there, if a price is
    missing, or if a symbol has two prices on one day.
    """
    for column in ("date", price):
        if column not in table.columns:
            raise Refusal(
                f"{name}: there is no column {column!r}, the records have "
                f"{', '.join(map(str, table.columns)) or 'nothing'}; see model.price."
            )
    if not pd.api.types.is_numeric_dtype(table[price]) or table[price].isna().any():
        raise Refusal(f"{name}: {price} is not a number in every record; clean the table first.")
    symbols = table["symbol"] if "symbol" in table.columns else pd.Series(price, table.index)
    days = table["date"].str.slice(0, 10).to_numpy().astype("datetime64[D]")
    frame = pd.DataFrame({"day": days, "price": table[price].astype("float64")})
    found = []
    ordered = frame.assign(symbol=symbols).sort_values("day", kind="stable")
    for symbol, group in ordered.groupby("symbol", sort=True):
        history_days = group["day"].to_numpy().astype("datetime64[D]")
        if (np.diff(history_days) == np.timedelta64(0, "D")).any():
            raise Refusal(f"{name}: {symbol} has two prices on one day; clean the table first.")
        found.append(History(str(symbol), history_days, group["price"].to_numpy()))
    return found
