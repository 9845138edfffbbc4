"""The real samples: what is in them, row by row."""

from datetime import date
from pathlib import Path

import pytest

from conftest import ROOT
from pricewright.intake.reading.content import recognise
from pricewright.intake.reading.delivery import read_delivery
from pricewright.intake.reading.dialect import Calendar, Dialect, Marks

FX = {"layout": "wide", "columns": {"date": "Date"}}
OIL = {
    "columns": {"date": "Date", "close": "DCOILWTICO"},
    "symbol": "WTI",
    "calendar": Calendar(("%m/%d/%Y",)),
}
NOTHING_BUT_EMPTY = Marks(missing_markers=("",))


def read(name, **dialect):
    content = recognise(Path(ROOT / "data" / "raw" / name), name)
    return read_delivery(content, Dialect(**dialect))


@pytest.mark.parametrize(
    ("name", "dialect", "rows", "symbols"),
    [
        ("stocks.csv.gz", {}, 12_154, 5),
        # 6,533 days times 41 currencies, a price or N/A in each cell
        ("eurofxref-hist.zip", FX, 267_853, 41),
        ("wti.csv.gz", OIL, 8_611, 1),
    ],
)
def test_every_row_of_a_sample_can_be_kept(name, dialect, rows, symbols):
    found = read(name, **dialect)
    assert (found.rows, len(found.prices), found.quarantine.count) == (rows, rows, 0)
    assert len(found.prices.names) == symbols


@pytest.mark.parametrize(
    ("name", "dialect", "quarantined"),
    [
        # From 2013 on there are 21 days of trading in January, 19 in February and 1 March: 41,
        # for each of the five stocks.
        (
            "stocks.csv.gz",
            {"calendar": Calendar(last_day=date(2012, 12, 31))},
            {"future-date": 205},
        ),
        # The zip's CSV holds the text N/A 63,728 times (`unzip -p … | grep -o N/A | wc -l`).
        (
            "eurofxref-hist.zip",
            FX | {"marks": NOTHING_BUT_EMPTY},
            {"unreadable-number": 63_728},
        ),
        # 290 lines end in a lone point (`zcat … | tr -d '\\r' | grep -c ',[.]$'`).
        ("wti.csv.gz", OIL | {"marks": NOTHING_BUT_EMPTY}, {"unreadable-number": 290}),
    ],
)
def test_what_is_not_as_declared_is_counted_exactly(name, dialect, quarantined):
    found = read(name, **dialect)
    assert found.quarantine.by_reason() == quarantined
    assert found.rows == len(found.prices) + found.quarantine.count
