"""Histories side by side: cut by calendar day, on their scales, from any clean table."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from forecasts import records_of, simulated, uneven, weekdays, with_bars, write_clean

from price_tables import read_table, write_table
from pricewright.files.disk import file_sha256
from pricewright.files.errors import Refusal
from pricewright.forecasting import histories
from pricewright.forecasting import panel as panels
from pricewright.forecasting.histories import Since, read_newest, read_panel
from pricewright.forecasting.panel import MOST, NEVER, from_scale, panel_of, squares
from pricewright.tables import table_files
from pricewright.tables.arrays import log

pytestmark = pytest.mark.filterwarnings("error")


def history(panel, column):
    count = int(panel.counts[column])
    return panel.days[:count, column].tolist(), panel.prices[:count, column].tolist()


def panel_with_bars():
    """An uneven panel in which each bar's parts tell its day and symbol."""
    panel = uneven(120)
    return replace(panel, bars=np.arange(2.0 * panel.prices.size).reshape(2, *panel.prices.shape))


def is_well_formed(panel):
    """Days rise and end in NEVER, prices in NaN, from the same row on."""
    for column, count in enumerate(panel.counts):
        assert (np.diff(panel.days[:count, column]) > 0).all()
        assert (panel.days[count:, column] == NEVER).all()
        assert np.isfinite(panel.prices[:count, column]).all()
        assert np.isnan(panel.prices[count:, column]).all()


def test_a_panel_has_each_history_from_its_own_first_day():
    panel = panel_of(
        ["A", "B", "C"],
        [
            (np.array([3, 5, 9]), np.array([1.0, 2.0, 3.0])),
            (np.array([7]), np.array([4.0])),
            (np.array([], dtype=int), np.array([])),
        ],
    )
    is_well_formed(panel)
    assert panel.counts.tolist() == [3, 1, 0]
    assert history(panel, 0) == ([3, 5, 9], [1, 2, 3])
    assert history(panel, 1) == ([7], [4])
    assert panel.calendar.tolist() == [3, 5, 7, 9]
    assert len(panel) == 3


@pytest.mark.parametrize("back", [0, 1, 59, 60, 61, 150, 319, 5000])
def test_until_is_what_was_known_at_the_end_of_a_day_and_since_what_came_from_then_on(back):
    panel = uneven()
    day = int(panel.calendar[-1]) - back
    until, since = panel.until(day), panel.since(day)
    is_well_formed(until)
    is_well_formed(since)
    for column in range(len(panel)):
        whole = list(zip(*history(panel, column), strict=True))
        known = [(d, p) for d, p in whole if d <= day]
        assert list(zip(*history(until, column), strict=True)) == known
        assert panel.upto(day)[column] == len(known)
        assert panel.upto_each([day + 400, day])[1, column] == len(known)
        later = [(d, p) for d, p in whole if d >= day]
        assert list(zip(*history(since, column), strict=True)) == later


def test_until_and_since_keep_the_scale():
    panel = uneven()
    assert panel.levels.tolist() == [s == "OIL" for s in panel.symbols]
    early = panel.until(int(panel.days[50, 0]))
    assert (early.prices[:, 4] > 0).all()  # nothing below 0 was seen by then
    assert early.levels[4]
    assert panel.since(int(panel.days[50, 0])).levels[4]


def test_a_day_that_no_one_knows_leaves_nothing():
    panel = uneven()
    assert panel.until(int(panel.calendar[0]) - 1).counts.tolist() == [0] * 6
    assert panel.since(int(panel.calendar[-1]) + 1).counts.tolist() == [0] * 6


def test_some_columns_are_no_longer_than_they_are():
    panel = uneven()
    found = panel.columns(np.array([3, 1]))
    is_well_formed(found)
    assert list(found.symbols) == ["DEAD", "LATE"]
    assert len(found.days) == max(found.counts)
    for place, column in enumerate((3, 1)):
        assert history(found, place) == history(panel, column)
    assert list(panel.columns(slice(4, 6)).symbols) == ["OIL", "Z"]
    assert panel.columns(slice(4, 6)).levels.tolist() == [True, False]


@pytest.mark.parametrize("columns", [np.array([3, 1, 0]), slice(1, 4)])
def test_large_histories_are_cut_to_the_same_some_symbols_at_a_time(monkeypatch, columns):
    panel = panel_with_bars()
    small = panel.columns(columns)
    monkeypatch.setattr(panels, "LARGE", 0)
    monkeypatch.setattr(panels, "AT_ONCE", 2)
    large = panel.columns(columns)
    same_panels(large, small)
    np.testing.assert_array_equal(large.bars, small.bars)


def test_values_are_logs_and_levels_where_there_is_no_log():
    panel = uneven()
    for column, symbol in enumerate(panel.symbols):
        prices = panel.prices[: panel.counts[column], column]
        expected = prices if symbol == "OIL" else log(prices)
        np.testing.assert_array_equal(panel.values[: panel.counts[column], column], expected)


@pytest.mark.parametrize("price", [0.0, -37.63])
def test_one_price_that_is_not_above_0_makes_levels_from_its_row_on(price):
    panel = panel_of(
        ["A", "B"], [(np.arange(5), np.array([5, 4, price, 2, 1])), (np.arange(5), np.ones(5))]
    )
    assert panel.levels.tolist() == [True, False]
    assert panel.first.tolist() == [2, 0]


def test_squares_are_of_one_step_changes():
    panel = simulated(2, 30)
    np.testing.assert_array_equal(squares(panel.values), np.diff(panel.values, axis=0) ** 2)


def test_prices_come_back_from_their_scale_and_none_is_infinite():
    panel = uneven()
    np.testing.assert_allclose(
        from_scale(panel.values[:, :, None], panel.levels)[..., 0], panel.prices
    )
    huge = from_scale(np.array([[[1e9]], [[-1e9]]]), np.array([False]))
    assert np.isfinite(huge).all()
    assert huge[0, 0, 0] == pytest.approx(np.exp(MOST))


# From tables.


def same_panels(one, other):
    assert list(one.symbols) == list(other.symbols)
    for name in ("days", "prices", "levels"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_table_is_read_as_it_was_written(tmp_path):
    panel = uneven(120)
    path = write_clean(tmp_path / "clean.json", records_of(panel))
    found, sha256, rows = read_panel(path, "close")
    order = np.argsort(panel.symbols)
    same_panels(found, panel.columns(order))
    assert list(found.symbols) == sorted(panel.symbols)
    assert (sha256, rows) == (file_sha256(path), int(panel.counts.sum()))


def test_json_and_parquet_give_the_same_panel_with_the_records_in_any_order(tmp_path):
    records, found = records_of(uneven(120)), []
    mixed = [records[place] for place in np.random.default_rng(1).permutation(len(records))]
    for name, some in (("one", records), ("other", mixed)):
        table, _ = read_table(write_clean(tmp_path / f"{name}.json", some))
        write_table(tmp_path / f"{name}.parquet", table)
        found += [(path, read_panel(path, "close")) for path in tmp_path.glob(f"{name}.*")]
    assert len(found) == 4
    for path, (panel, sha256, rows) in found:
        same_panels(panel, found[0][1][0])
        assert (sha256, rows) == (file_sha256(path), len(records))


@pytest.mark.parametrize("names", [["0", "A", "B", "C", "Z"], [64, 65, 66, 67, 90]])
@pytest.mark.parametrize("rows", [40, 80, 120])
def test_the_symbols_are_those_of_rows_whatever_else_a_dictionary_has(tmp_path, names, rows):
    """As of a part of a table, or of one that was written by row groups; names may be numbers."""
    records = records_of(simulated(3, 40))
    table = pa.Table.from_pylist(records)
    codes = np.repeat([1, 2, 3], 40)
    columns = {
        "date": table["date"].cast(pa.date32()),
        "symbol": pa.DictionaryArray.from_arrays(codes, names),
        "close": table["close"],
    }
    path = tmp_path / "clean.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path, row_group_size=rows)
    found, _, _ = read_panel(path, "close")
    assert list(found.symbols) == list(map(str, names[1:4]))
    assert found.counts.tolist() == [40] * 3
    assert history(found, 2)[1] == [record["close"] for record in records[80:]]


@pytest.fixture
def ordered(tmp_path):
    """Clean records with bars as JSON, in order of symbols, of which the last has ended."""
    records = with_bars(records_of(uneven(120)), but=["GAPS"])
    records = [r | {"symbol": r["symbol"].replace("DEAD", "ZZZ")} for r in records]
    return write_clean(tmp_path / "clean.json", sorted(records, key=lambda r: r["symbol"]))


def in_groups(path, monkeypatch):
    """The same as Parquet, in row groups of whole symbols."""
    monkeypatch.setattr(table_files, "ROW_GROUP", 200)
    write_table(into := path.with_suffix(".parquet"), read_table(path)[0])
    assert pyarrow.parquet.ParquetFile(into).num_row_groups == 4
    monkeypatch.setattr(histories, "_table", None)  # JSON is read by it
    return into


def test_row_groups_of_whole_symbols_give_the_same_panel(ordered, monkeypatch):
    one, (two, _, rows) = (
        read_panel(ordered, "close")[0],
        read_panel(in_groups(ordered, monkeypatch), "close"),
    )
    assert rows == one.counts.sum()
    assert list(two.symbols) == list(one.symbols)
    for name in ("days", "prices", "bars", "levels", "floors"):
        np.testing.assert_array_equal(getattr(two, name), getattr(one, name))


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_of_a_history_what_is_needed_is_kept_and_the_price_before_it(ordered, monkeypatch, ending):
    whole = read_panel(ordered, "close")[0]
    path = ordered if ending == "json" else in_groups(ordered, monkeypatch)
    newest = int(whole.calendar[-1])
    own = {whole.symbols[0]: newest - 30, whole.symbols[1]: newest - 3}
    found = read_newest(path, "close", Since(newest - 2, 7, own))
    assert list(found.symbols) == list(whole.symbols)
    assert found.calendar[-1] == newest
    np.testing.assert_array_equal(found.levels, whole.levels)
    np.testing.assert_array_equal(found.floors, whole.floors)
    lengths = set()
    for column, symbol in enumerate(found.symbols):
        days, prices = history(whole, column)
        begin = np.searchsorted(days, min(own.get(symbol, newest), newest - 7))
        begin = max(min(int(begin), len(days) - 1) - 1, 0)
        if min(prices) <= 0:  # its scale depends on all of it
            begin = 0
        assert history(found, column) == (days[begin:], prices[begin:])
        bars, all_bars = (each.bars[:, : each.counts[column], column] for each in (found, whole))
        np.testing.assert_array_equal(bars[:, 1:], all_bars[:, begin + 1 :])
        lengths.add(len(days) - begin)
    assert {2, 120} <= lengths  # of one that has ended, and of the oil


def test_what_is_not_needed_is_checked_all_the_same(tmp_path):
    records = records_of(simulated(2, 40))
    records[3]["close"] = None
    for name, some in (("gap", records), ("twice", [*records[4:], records[5]])):
        path = write_clean(tmp_path / f"{name}.json", some)
        with pytest.raises(Refusal) as whole:
            read_panel(path, "close")
        with pytest.raises(Refusal) as newest:
            read_newest(path, "close", Since(NEVER, 3, {}))
        assert str(newest.value) == str(whole.value)


@pytest.mark.parametrize("ending", ["json", "parquet"])
@pytest.mark.parametrize(("more", "price"), [({}, "close"), ({"adj_close": 1.0}, "adj_close")])
def test_the_adjusted_close_is_modelled_if_there_is_one(tmp_path, ending, more, price):
    records = [r | more for r in records_of(simulated(2, 40))]
    table, _ = read_table(write_clean(tmp_path / "clean.json", records))
    write_table(path := tmp_path / f"clean.{ending}", table)
    assert histories.usual_price(path) == price


def test_a_table_without_symbols_is_one_history(tmp_path):
    records = [{"date": r["date"], "mid": r["close"]} for r in records_of(simulated(1, 40))]
    found, _, _ = read_panel(write_clean(tmp_path / "clean.json", records), "mid")
    assert list(found.symbols) == ["mid"]
    assert found.counts.tolist() == [40]


def test_whole_numbers_are_prices_too(tmp_path):
    records = [r | {"close": 7 + place} for place, r in enumerate(records_of(simulated(1, 40)))]
    found, _, _ = read_panel(write_clean(tmp_path / "clean.json", records), "close")
    assert found.prices[:3, 0].tolist() == [7, 8, 9]


def spoiled(records, place, **changes):
    return [r | changes if at == place else r for at, r in enumerate(records)]


@pytest.mark.parametrize("end", ["json", "parquet"])
@pytest.mark.parametrize(
    ("spoil", "price", "sentence"),
    [
        (lambda r: r, "mid", r"there is no column 'mid', the records have date, symbol, close"),
        (lambda r: spoiled(r, 3, close=None), "close", "close is not a number in every record"),
        (
            lambda r: [x | {"close": "7"} for x in r],
            "close",
            "close is not a number in every record",
        ),
        (lambda r: spoiled(r, 3, symbol=None), "close", "a record has no date or no symbol"),
        (lambda r: spoiled(r, 3, date=None), "close", "a record has no date or no symbol"),
        (lambda r: spoiled(r, 3, date=r[4]["date"]), "close", "S0 has two prices on one day"),
        (lambda r: [*r, r[0]], "close", "S0 has two prices on one day"),
        (
            lambda r: [{"when": x["date"], "close": x["close"]} for x in r],
            "close",
            "no column 'date'",
        ),
    ],
)
def test_a_table_that_is_not_clean_is_refused(tmp_path, end, spoil, price, sentence):
    records = spoil(records_of(simulated(2, 40)))
    table, _ = read_table(write_clean(tmp_path / "clean.json", records))
    write_table(tmp_path / f"clean.{end}", table)
    with pytest.raises(Refusal, match=sentence) as refused:
        read_panel(tmp_path / f"clean.{end}", price)
    assert f"clean.{end}" in str(refused.value)


def test_a_table_with_no_records_is_refused(tmp_path):
    table = pa.table({"date": pa.array([], pa.date32()), "symbol": [], "close": pa.array([], "f8")})
    pyarrow.parquet.write_table(table, tmp_path / "clean.parquet")
    with pytest.raises(Refusal, match=r"clean\.parquet: there are no records; deliver prices"):
        read_panel(tmp_path / "clean.parquet", "close")


def test_days_are_calendar_days_whatever_the_time_of_day(tmp_path):
    records = [r | {"date": r["date"] + "T16:00:00Z"} for r in records_of(simulated(1, 40))]
    found, _, _ = read_panel(write_clean(tmp_path / "clean.json", records), "close")
    np.testing.assert_array_equal(found.days[:, 0], weekdays(40))


def test_who_ended_or_lost_its_newest_price_is_unfit_by_its_present_name():
    changes = [
        {"action": "rename", "symbol": "OLD", "to": "NEW", "date": None},
        {"action": "rename", "symbol": "A", "to": "B", "date": "2024-01-30"},  # that day alone
        {"action": "delisted", "symbol": "GONE", "date": "2024-01-15"},
    ]
    lost = {"OLD": "2024-01-31", "A": "2024-01-31"}
    receipts = {"ingest": {"newest_lost": lost}, "clean": {"corrections": changes}}
    quarantined = "its newest delivered price, of 2024-01-31, is quarantined"
    assert histories.unfit_symbols(receipts) == {
        "NEW": quarantined,
        "A": quarantined,
        "GONE": "it ended on 2024-01-15, as declared",
    }
    assert histories.unfit_symbols({}) == {}
