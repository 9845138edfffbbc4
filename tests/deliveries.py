"""Small deliveries for the tests, and how the reader reads them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pricewright.files.errors import Refusal
from pricewright.intake.reading.content import recognise
from pricewright.intake.reading.delivery import Reading, read_delivery
from pricewright.intake.reading.dialect import Dialect, Limits
from pricewright.intake.reading.instants import day_of
from pricewright.tables.prices import Prices

NAMES = {"date": "Date", "symbol": "Ticker", "close": "Close", "volume": "Volume"}
HEAD = "Date,Ticker,Close,Volume\n"
GOOD = "2024-01-01,GOOD,1,1\n"
WIDE = Dialect(layout="wide", columns={"date": "Date"})


def read(
    folder: Path, delivered: str | bytes, dialect: Dialect | None = None, threads: int = 1
) -> Reading:
    """Read a delivery called prices.csv; by default its columns are named as in HEAD."""
    path = folder / "delivered"
    path.write_bytes(delivered.encode() if isinstance(delivered, str) else delivered)
    return read_delivery(recognise(path, "prices.csv"), dialect or Dialect(columns=NAMES), threads)


def in_pieces(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Have files of text read in pieces of about so many bytes."""
    for module in ("content", "packing", "delimited"):
        monkeypatch.setattr(f"pricewright.intake.reading.{module}.PIECE", size)


def rows(prices: Prices) -> list[dict[str, Any]]:
    """Prices as records, with None for missing values."""
    columns: Mapping[str, Any] = prices.values
    return [
        {"date": prices.date(row), "symbol": prices.symbol(row)}
        | {
            name: None if np.isnan(column[row]) else float(column[row])
            for name, column in columns.items()
        }
        for row in range(len(prices))
    ]


def lost(reading: Reading) -> list[tuple[int, str, str | None, str]]:
    """Each quarantined row's line, reason, field and text."""
    entries = reading.entries("prices.csv", "0" * 64)
    return [(entry["line"], entry["reason"], entry["field"], entry["text"]) for entry in entries]


@pytest.fixture(scope="session")
def deliver(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Stores bytes under a meaningless name and recognises their format."""
    path = tmp_path_factory.mktemp("kept") / "8f14e45f"

    def deliver(content: bytes, **limits: Any) -> Any:
        path.write_bytes(content)
        return recognise(path, "prices.csv", Limits(**limits))

    return deliver


@pytest.fixture(scope="session")
def refusal(deliver: Callable[..., Any]) -> Callable[..., str]:
    """Returns the message with which bytes are refused, at the latest when all are read."""

    def refusal(content: bytes, **limits: Any) -> str:
        with pytest.raises(Refusal) as caught:
            deliver(content, **limits).whole()
        return str(caught.value)

    return refusal


def last_lost(reading: Reading) -> list[tuple[str, str]]:
    """The symbols, and days of intraday bars, whose last row is quarantined."""
    return [(symbol, str(np.datetime64(day_of(when), "D"))) for symbol, when in reading.last_lost()]
