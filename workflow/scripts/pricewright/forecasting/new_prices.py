"""Prices that came after a model was made, read with the standard library and numpy alone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.files.strict_json import read_json
from pricewright.forecasting.checked_document import LARGEST
from pricewright.forecasting.model import Model
from pricewright.forecasting.panel import Panel, panel_of

EPOCH = date(1970, 1, 1).toordinal()

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


@dataclass(frozen=True)
class NewPrices:
    """The prices of a model's symbols, and the symbols that the model does not know."""

    panel: Panel
    unknown: Sequence[str]


def read_new_prices(path: Path, saved: Model, known: Sequence[str]) -> NewPrices:
    """Clean records as a panel of the symbols of a model, of which `known` are all it has.

    Raises Refusal, with the number of the record, for what is missing or no price, for a symbol
    with two prices on one day, and for a price whose logarithm a model takes and that has none.
    """
    records = read_json(path)
    if not isinstance(records, list):
        raise Refusal(f"{path}: no array of records; give prices as `clean` writes them.")
    checked = _Records(path, saved, known)
    for number, record in enumerate(records, start=1):
        checked.add(number, record)
    symbols = sorted(set(checked.prices) & set(saved.symbols))
    histories = []
    for symbol in symbols:
        found = sorted(checked.prices[symbol].items())
        days = np.array([day for day, _ in found], dtype=np.int32)
        histories.append((days, np.array([price for _, price in found], dtype=np.float64)))
    return NewPrices(panel_of(symbols, histories), sorted(set(checked.prices) - set(known)))


class _Records:
    """Prices by symbol and day, each record checked as it is added."""

    def __init__(self, path: Path, saved: Model, known: Sequence[str]) -> None:
        self.path, self.column = path, saved.settings.price
        self.only = known[0] if len(known) == 1 else None
        levels = zip(saved.symbols, saved.levels.tolist(), strict=True)
        self.logs = {symbol for symbol, in_levels in levels if not in_levels}
        self.prices: dict[str, dict[int, float]] = {}

    def add(self, number: int, record: Any) -> None:
        place = f"{self.path}: record {number}"
        if not isinstance(record, dict):
            raise Refusal(f"{place} is {_short(record)}, where an object is needed.")
        symbol, day = self._symbol(place, record), _day(place, record)
        price = _price(place, record, self.column)
        if symbol in self.logs and price <= 0:
            raise Refusal(
                f"{place} has {self.column} = {price:g} for {symbol!r}, and the model takes "
                "logarithms of its prices; train again."
            )
        history = self.prices.setdefault(symbol, {})
        if day in history:
            raise Refusal(
                f"{place} is a second price of {symbol!r} on {record['date'][:10]}; "
                "clean the table first."
            )
        history[day] = price

    def _symbol(self, place: str, record: Mapping[str, Any]) -> str:
        if "symbol" not in record and self.only is not None:
            return self.only
        found = _value(place, record, "symbol")
        if not isinstance(found, str):
            raise Refusal(f"{place} has symbol = {_short(found)}, where a text is needed.")
        return found


def _day(place: str, record: Mapping[str, Any]) -> int:
    found = _value(place, record, "date")
    try:
        if isinstance(found, str) and _DATE.fullmatch(found):
            return date.fromisoformat(found[:10]).toordinal() - EPOCH
    except ValueError:  # such as February 30th
        pass
    raise Refusal(
        f"{place} has date = {_short(found)}, where a date as in 2024-01-31 is needed; "
        "clean the table first."
    )


def _price(place: str, record: Mapping[str, Any], column: str) -> float:
    found = _value(place, record, column)
    if type(found) not in (int, float) or not -LARGEST <= found <= LARGEST:
        raise Refusal(
            f"{place} has {column} = {_short(found)}, where a number from {-LARGEST:g} to "
            f"{LARGEST:g} is needed; clean the table first."
        )
    return float(found)


def _value(place: str, record: Mapping[str, Any], key: str) -> Any:
    if key not in record:
        has = ", ".join(map(repr, record)) or "nothing"
        raise Refusal(f"{place} has no {key!r}, only {_cut(has)}; clean the table first.")
    return record[key]


def _short(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
