import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from price_tables import WEEKDAYS, flags, market, quality, series, values
from pricewright.cleaning.flags import Quality
from pricewright.cleaning.options import FLAGS, FlagThresholds
from pricewright.cleaning.series import ROWS
from pricewright.tables.frames import as_table
from pricewright.tables.records import OrderedTable, in_order_of_keys


def dirty() -> pd.DataFrame:
    """Symbols with something of everything."""
    days = WEEKDAYS[:60]
    clean = [round(100 + 7 * np.sin(day) + day / 10, 2) for day in range(60)]
    slip, jump, stale = list(clean), list(clean), list(clean)
    slip[20] *= 100
    jump[30:] = [price * 1.4 for price in clean[30:]]
    stale[10:20] = [0.0, 0.0, -1.0, *[5.0] * 7]
    volume = pd.array([1000 + day for day in range(60)], dtype="Int64")
    volume[12] = 0
    quiet = [50 + day / 100 for day in range(60)]
    quiet[30] *= 1.1
    quiet[12] = quiet[11]
    table = market(
        G=series(*quiet, dates=days, volume=volume),
        H=series(*quiet[:20], dates=days, volume=volume[:20]),
        A=series(*clean, dates=days, volume=volume),
        B=series(*clean, dates=days, volume=volume),
        C=series(*slip, dates=days, volume=volume),
        D=series(*jump, dates=[*days[:-1], "2024-12-25"], volume=volume),
        E=series(*stale, dates=[*days[:-1], "2024-12-28"], volume=volume),
        F=series(*[price / 2 for price in clean], dates=days, volume=volume).drop(
            index=range(40, 50)
        ),
    )
    table["adj_close"] = table["close"] / 2
    half = (table["symbol"] == "F") & (table["date"] < days[30])
    table.loc[half, "close"] *= 3
    own = np.flatnonzero(table["symbol"] == "G")
    table["high"], table["low"] = table["close"] + 1, table["close"] - 1
    again = ["close", "adj_close", "high", "low", "volume"]
    table.loc[own[41], again] = table.loc[own[40], again]
    return table


def test_every_flag_is_found_in_order_of_symbol_date_and_flag():
    found = flags(dirty(), *FLAGS)
    assert {entry["flag"] for entry in found} == set(FLAGS)
    places = [(e["symbol"] or "", e["date"], e["flag"], e["column"]) for e in found]
    assert places == sorted(places)


def test_whole_numbers_are_prices_too():
    table = series(100, None, 50).astype({"close": "Int64"})
    assert values(flags(table, "split-like"), "previous", "price") == [(100.0, 50.0)]


def test_dates_as_text_and_as_dates_are_the_same():
    table = OrderedTable.held(in_order_of_keys(as_table(dirty(), pa.date32())))
    found = Quality(FlagThresholds())
    found.add(table.table())
    assert found.entries(lambda some: table.part(some).groups()) == flags(dirty(), *FLAGS)


def test_times_of_day_are_kept_in_the_dates():
    table = series(1, 2, dates=["2024-01-05T16:00:00", "2024-01-06T16:00:00"])
    assert values(flags(table, "weekend"), "date") == [("2024-01-06T16:00:00",)]


@pytest.mark.parametrize(
    "table",
    [
        series(),
        series().assign(symbol=pd.Series(dtype=object)),
        series(1),
        series(None, None),
        market(A=series(None), B=series(None, None)),
        pd.DataFrame({"date": WEEKDAYS[:3], "volume": [1, 2, 3]}),
        pd.DataFrame({"date": WEEKDAYS[:3]}),
        series(2, open=[1.0], high=[2.0], low=[1.0]),
        series(1e308, 1e-308, 1e308),
    ],
)
def test_a_table_with_next_to_nothing_in_it_has_a_document(table):
    document = quality(table)
    assert orjson.loads(orjson.dumps(document)) == document


def test_the_document_counts_every_flag_and_lists_every_entry():
    table = dirty()
    found = flags(table, *FLAGS, jump_z=9.0)
    document = quality(table, FlagThresholds(jump_z=9.0))
    assert (document["rows"], document["symbols"]) == (430, 8)
    assert list(document["flags"]) == list(FLAGS)
    assert sum(document["flags"].values()) == len(found)
    assert document["flags"]["unit-slip"] == len(flags(table, "unit-slip", jump_z=9.0))
    assert document["flagged"] == found
    assert document["thresholds"]["jump_z"] == 9.0
    most = [entry["entries"] for entry in document["worst"]]
    assert most == sorted(most, reverse=True)
    assert sum(most) == len(found)
    assert quality(series())["symbols"] == 0
    assert quality(series(1, 2))["symbols"] == 1


def test_at_most_twenty_symbols_are_the_worst_in_order_of_symbol():
    zeros = market(**{f"S{n:02}": series(0) for n in range(25)})
    document = quality(zeros)
    assert [entry["symbol"] for entry in document["worst"]] == [f"S{n:02}" for n in range(20)]
    assert document["flags"]["zero"] == 25


@settings(max_examples=40)
@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, width=64)), max_size=40))
def test_any_prices_at_all_have_a_document_in_json(closes):
    table = market(A=series(*closes), B=series(*closes[::-1]))
    document = quality(table)
    assert orjson.loads(orjson.dumps(document))["flagged"] == document["flagged"]


# What is traded most


def traded(volumes, closes=2.0, **columns):
    """One row a day for each symbol, in order; volumes by symbol."""
    first = np.datetime64("2024-01-01")
    rows = [
        (str(first + day), symbol, volume)
        for symbol, days in volumes.items()
        for day, volume in enumerate(days)
    ]
    table = pd.DataFrame(rows, columns=["date", "symbol", "volume"])
    return table.assign(close=closes, **columns)


def most_traded(table):
    return quality(table)["traded"]


def test_the_most_traded_symbols_come_first_with_their_turnover():
    table = traded({"A": [1, 2], "B": [5, None], "C": [0, 0]})
    assert most_traded(table) == [
        {"symbol": "B", "turnover": 10.0},
        {"symbol": "A", "turnover": 6.0},
    ]


def test_only_what_was_traded_lately_counts():
    table = traded({"A": [10**6] + [1] * ROWS, "B": [2] * ROWS})
    assert [entry["symbol"] for entry in most_traded(table)] == ["B", "A"]


def test_without_volumes_symbols_or_prices_none_is_traded_most():
    table = traded({"A": [1, 2]})
    for column in ("volume", "symbol", "close"):
        assert most_traded(table.drop(columns=column)) == []


def test_at_most_twenty_are_listed():
    table = traded({f"S{n:02}": [n + 1] for n in range(30)})
    assert [entry["symbol"] for entry in most_traded(table)] == [f"S{29 - n}" for n in range(20)]


def test_symbols_of_a_table_without_dates_are_counted():
    found = Quality(FlagThresholds())
    found.add(pa.table({"symbol": ["A", "B"], "close": [1.0, 2.0]}))
    assert found.document([])["symbols"] == 2
