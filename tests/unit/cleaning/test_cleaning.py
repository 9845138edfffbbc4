import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricewright.cleaning.missing import in_order, settle_missing
from pricewright.cleaning.options import MissingRules
from pricewright.files.errors import Refusal
from pricewright.tables.frames import as_frame, as_table
from pricewright.tables.records import parse_records, read_table, write_table
from step_functions import clean


def table(*rows, names=("date", "symbol", "close", "volume")):
    records = [dict(zip(names, row, strict=True)) for row in rows]
    return parse_records(orjson.dumps(records), "raw.json")


def settled(delivered, price="zero", volume="zero"):
    ordered = as_table(in_order(as_frame(delivered), "raw.json"))
    return settle_missing(ordered, MissingRules(missing_price=price, missing_volume=volume))


def cleaned(delivered, price="zero", volume="zero"):
    done = settled(delivered, price, volume)
    return [tuple(row.values()) for row in done.table.to_pylist()], done.filled


A1, A2, A3 = "2024-01-01", "2024-01-02", "2024-01-03"


def test_an_exact_duplicate_is_kept_once():
    rows, _ = cleaned(table((A1, "A", 1.5, 7), (A1, "A", 1.5, 7), (A2, "A", 2.5, 8)))
    assert rows == [(A1, "A", 1.5, 7), (A2, "A", 2.5, 8)]


def test_rows_come_in_order_of_symbol_and_date():
    rows, _ = cleaned(table((A2, "B", 1, 1), (A1, "B", 2, 1), (A2, "A", 3, 1)))
    assert [row[:2] for row in rows] == [(A2, "A"), (A1, "B"), (A2, "B")]


def test_zero_writes_a_0_for_what_is_missing():
    rows, filled = cleaned(table((A1, "A", 1.5, 7), (A2, "A", None, None), (A3, "A", 2.5, 8)))
    assert rows[1] == (A2, "A", 0.0, 0)
    assert filled == {"close": 1, "volume": 1}


@pytest.mark.parametrize("how", ["zero", "ffill", "drop"])
def test_nothing_is_filled_before_a_symbols_first_price_or_after_its_last(how):
    frame = table(
        *((A1, "A", None, 1), (A2, "A", 2.0, None), (A3, "A", None, 3)),
        *((A1, "B", None, 1), (A2, "B", None, 2)),
        *((A1, "C", 1.0, 1), (A2, "C", None, 2), (A3, "C", None, None)),
    )
    done = settled(frame, how)
    assert [(row["symbol"], row["date"]) for row in done.table.to_pylist()] == [
        ("A", A2),
        ("C", A1),
    ]
    assert done.filled == {"volume": 1}
    assert done.newest_dropped == {"A": A3, "B": A2, "C": A3}
    assert done.lacking == {"close": 6}


def test_a_row_at_the_end_stays_if_it_has_the_modelled_price_or_a_close_to_make_it_from():
    frame = table((A1, "A", 9.0, 5.0), (A2, "A", None, 6.0), (A3, "A", 9.0, None), names=ADJUSTED)
    done = settled(frame, "ffill")
    assert [row["close"] for row in done.table.to_pylist()] == [9.0, 9.0, 9.0]
    assert done.newest_dropped == {}
    ordered = as_table(in_order(as_frame(frame), "raw.json"))
    assert settle_missing(ordered.slice(0, 2), MissingRules(), "close").newest_dropped == {"A": A2}


def test_a_filled_price_contradicts_no_delivered_price_of_its_row():
    names = ("date", "symbol", "open", "high", "low", "close")
    frame = table(
        (A1, "A", 19.0, 20.0, 18.0, 19.0),
        (A2, "A", 21.0, 22.0, 20.5, None),
        (A3, "A", None, 18.5, 18.0, None),
        ("2024-01-04", "A", 19.0, 20.0, 18.0, 19.0),
        names=names,
    )
    for how in ("ffill", "zero"):
        closes = {"ffill": [20.5, 18.5], "zero": [20.5, 18.0]}[how]
        rows = settled(frame, how).table.to_pylist()[1:3]
        assert [row["close"] for row in rows] == closes
        assert [row["open"] for row in rows] == [21.0, closes[1]]
        assert [(row["high"], row["low"]) for row in rows] == [(22.0, 20.5), (18.5, 18.0)]


def test_a_high_or_low_that_is_modelled_is_filled_around_the_prices_of_its_row():
    names = ("date", "symbol", "open", "high", "low", "close")
    low, up = (9.0, 9.5, 8.5, 9.0), (24.0, 25.0, 23.5, 24.5)
    for column, before, after, expected in (("high", low, up, 24.5), ("low", up, low, 9.0)):
        rows = [dict(zip(names, (day, "A", *bar), strict=True)) for day, bar in
                ((A1, before), (A2, after), (A3, after))]  # fmt: skip
        rows[1][column] = None
        frame = parse_records(orjson.dumps(rows), "raw.json")
        done = settle_missing(frame, MissingRules(), column)
        assert done.table[column].to_pylist()[1] == expected


def test_ffill_takes_the_symbols_own_last_price_in_time_not_in_the_file():
    frame = table((A2, "A", None, 1), (A3, "A", 3.0, 1), (A1, "A", 1.0, 1))
    assert cleaned(frame, "ffill")[0][1] == (A2, "A", 1.0, 1)


def test_ffill_never_crosses_symbols_and_never_goes_back_in_time():
    frame = table((A1, "A", 1.0, 1), (A1, "B", None, 1), (A2, "B", 2.0, 1))
    assert cleaned(frame, "ffill")[0] == [(A1, "A", 1.0, 1), (A2, "B", 2.0, 1)]


def test_drop_leaves_out_the_row():
    rows, filled = cleaned(table((A1, "A", None, 1), (A2, "A", 2.0, 1)), "drop")
    assert rows == [(A2, "A", 2.0, 1)]
    assert filled == {}


def test_price_and_volume_each_have_their_own_rule():
    frame = table((A1, "A", 1.0, 5), (A2, "A", None, None), (A3, "A", 2.0, 6))
    assert cleaned(frame, "ffill", "zero")[0][1] == (A2, "A", 1.0, 0)
    assert cleaned(frame, "zero", "ffill")[0][1] == (A2, "A", 0.0, 5)


def test_without_a_symbol_column_the_table_is_one_series():
    frame = table((A1, 1.0), (A2, None), names=("date", "price"))
    assert cleaned(frame, "ffill")[0] == [(A1, 1.0), (A2, 1.0)]


def test_whole_numbers_stay_whole_where_one_was_missing():
    rows, _ = cleaned(table((A1, "A", 1.0, 9_007_199_254_740_993), (A2, "A", 1.0, None)))
    assert [row[3] for row in rows] == [9_007_199_254_740_993, 0]


def test_two_prices_for_one_day_are_refused_with_both_records():
    frame = table((A1, "A", 1.0, 1), (A2, "A", 3.0, 1), (A1, "A", 2.0, 1))
    with pytest.raises(Refusal, match=r"raw\.json: records 1 and 3 disagree about A on 2024-01-01"):
        cleaned(frame)


def test_a_record_without_its_date_is_refused():
    with pytest.raises(Refusal, match=r"raw\.json: record 2 has no date"):
        cleaned(table((A1, "A", 1.0, 1), (None, "A", 2.0, 1)))


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_a_table_of_which_nothing_is_left_is_refused_and_leaves_no_file(tmp_path, suffix):
    raw, output = tmp_path / f"raw{suffix}", tmp_path / f"clean{suffix}"
    delivered = table((A1, "A", None, 1))
    write_table(raw, delivered.schema, [delivered])
    with pytest.raises(Refusal, match=r"no record is complete.*missing\.price"):
        clean(raw, output, missing_price="drop")
    assert list(tmp_path.iterdir()) == [raw]


def test_a_table_of_which_most_would_be_left_out_is_refused_with_the_column(tmp_path):
    raw = tmp_path / "raw.json"
    days = [f"2024-01-0{day}" for day in range(1, 8)]
    rows = [{"date": day, "symbol": "A", "close": 1.0, "adj_close": None} for day in days]
    rows[-3] |= {"adj_close": 1.0}
    raw.write_bytes(orjson.dumps(rows))
    with pytest.raises(
        Refusal,
        match=r"raw\.json: 4 of its 7 records would be dropped, because 6 "
        r"have no adj_close; .* source\.columns\.adj_close: false",
    ):
        clean(raw, tmp_path / "clean.json")
    rows[2] |= {"adj_close": 1.0}
    raw.write_bytes(orjson.dumps(rows))
    clean(raw, tmp_path / "clean.json")


def test_what_declared_corrections_remove_is_no_reason_to_refuse_the_rest(tmp_path):
    raw, corrections = tmp_path / "raw.json", tmp_path / "c.yaml"
    days = [f"2024-01-0{day}" for day in range(1, 10)]
    raw.write_bytes(orjson.dumps([{"date": day, "symbol": "A", "close": 1.0} for day in days]))
    end = "- {symbol: A, date: 2024-01-03, delisted: true, reason: bought}\n"
    corrections.write_text(end)
    receipt = tmp_path / "clean.receipt.json"
    clean(raw, tmp_path / "clean.json", corrections=corrections, receipt=receipt)
    counts = orjson.loads(receipt.read_bytes())
    assert [counts[key] for key in ("rows_in", "rows_out", "removed", "dropped")] == [9, 3, 6, 0]
    drops = [f"- {{symbol: A, date: {day}, drop: true, reason: none}}\n" for day in days[:3]]
    corrections.write_text("".join([end, *drops]))
    with pytest.raises(Refusal, match=r"corrections leave none of its 9 records; .*corrections\."):
        clean(raw, tmp_path / "clean.json", corrections=corrections)


def test_no_records_are_no_records():
    assert len(settled(parse_records(b"[]", "raw.json")).table) == 0


BARS = ("date", "symbol", "open", "high", "low", "close")


@pytest.mark.parametrize("price", ["ffill", "drop", "zero"])
def test_a_row_with_a_close_is_kept_and_its_bar_is_completed_from_that_close(price):
    frame = table(
        (A1, "A", None, None, None, 5.5),
        (A2, "A", 6.0, None, 5.0, 7.0),
        (A3, "A", 7.5, 8.0, None, 7.0),
        names=BARS,
    )
    rows, filled = cleaned(frame, price)
    assert [row[2:] for row in rows] == [(5.5,) * 4, (6.0, 7.0, 5.0, 7.0), (7.5, 8.0, 7.0, 7.0)]
    assert filled == {"open": 1, "high": 2, "low": 2}


def test_a_missing_bar_takes_nothing_from_another_day_even_where_the_close_is_carried():
    bar = (1.0, 9.0, 0.5, 2.5)
    frame = table((A1, "A", *bar), (A2, "A", *(None,) * 4), (A3, "A", *bar), names=BARS)
    assert cleaned(frame, "ffill")[0][1][2:] == (2.5,) * 4


def test_a_modelled_open_is_a_price_like_any_other():
    rows = (A1, "A", 2.0, 3.0), (A2, "A", None, 4.0), (A3, "A", 5.0, 6.0)
    frame = table(*rows, names=("date", "symbol", "open", "close"))
    done = settle_missing(frame, MissingRules(), "open")
    assert [row["open"] for row in done.table.to_pylist()] == [2.0, 2.0, 5.0]
    assert len(settle_missing(frame, MissingRules(missing_price="drop"), "open").table) == 2


def test_without_a_close_a_missing_open_goes_by_the_rule_for_prices():
    frame = table((A1, "A", 1.5), (A2, "A", None), names=("date", "symbol", "open"))
    assert cleaned(frame, "ffill")[0][1] == (A2, "A", 1.5)
    assert cleaned(frame, "drop")[0] == [(A1, "A", 1.5)]


ADJUSTED = ("date", "symbol", "close", "adj_close")


def test_a_missing_adj_close_moves_as_close_does_since_the_last_row_that_has_both():
    first, last = (A1, "A", 10.0, 5.0), ("2024-01-04", "A", 8.0, 4.0)
    frame = table(first, (A2, "A", 12.0, None), (A3, "A", None, None), last, names=ADJUSTED)
    rows, filled = cleaned(frame, "ffill")
    assert [row[3] for row in rows] == [5.0, 6.0, 6.0, 4.0]
    assert filled == {"close": 1, "adj_close": 2}
    assert [row[0] for row in cleaned(frame, "drop")[0]] == [A1, last[0]]
    assert [row[3] for row in cleaned(frame, "zero")[0]] == [5.0, 0.0, 0.0, 4.0]


def test_an_adj_close_beside_no_close_is_carried_but_starts_no_move():
    frame = table((A1, "A", 10.0, 5.0), (A2, "A", None, 5.5), (A3, "A", 12.0, None), names=ADJUSTED)
    assert [row[3] for row in cleaned(frame, "ffill")[0]] == [5.0, 5.5, 6.0]


def test_rows_before_a_symbols_first_adj_close_are_dropped_because_nothing_moves_back_in_time():
    frame = table((A1, "A", 10.0, None), (A2, "A", 10.0, 5.0), names=ADJUSTED)
    done = settled(frame, "ffill")
    assert [row["date"] for row in done.table.to_pylist()] == [A2]
    assert (done.lacking, done.newest_dropped) == ({"adj_close": 1}, {})


def test_a_symbol_without_any_adj_close_among_others_keeps_its_closes_and_is_named(tmp_path):
    frame = table((A1, "A", 10.0, 5.0), (A1, "B", 3.0, None), (A2, "B", 4.0, None), names=ADJUSTED)
    done = settled(frame, "ffill")
    assert [row["adj_close"] for row in done.table.to_pylist()] == [5.0, 3.0, 4.0]
    assert (done.filled, done.without_adj_close) == ({"adj_close": 2}, ["B"])
    raw, output = tmp_path / "raw.json", tmp_path / "clean.json"
    write_table(raw, frame.schema, [frame])
    clean(raw, output, receipt=tmp_path / "receipt.json")
    assert orjson.loads((tmp_path / "receipt.json").read_bytes())["without_adj_close"] == ["B"]
    alone = frame.slice(1)
    write_table(raw, alone.schema, [alone])
    with pytest.raises(Refusal, match=r"none of its 2 records has an adj_close; .*adj_close: fal"):
        clean(raw, output)


def test_a_symbol_that_loses_its_newest_row_is_named_with_the_day_of_that_row():
    frame = table((A1, "A", 1.0, 1), (A2, "A", None, 1), (A1, "B", None, 1), (A1, "C", 1.0, 1))
    assert settled(frame, "drop").newest_dropped == {"A": A2, "B": A1}


prices = st.one_of(st.none(), st.floats(0.01, 1e6))
rows_of_prices = st.lists(
    st.tuples(st.sampled_from([A1, A2, A3]), st.sampled_from("AB"), prices),
    min_size=1,
    unique_by=lambda row: row[:2],
)
policies = st.sampled_from(["zero", "ffill", "drop"])


@given(rows_of_prices, policies, st.integers(0, 3))
def test_cleaning_again_changes_nothing(rows, policy, copies):
    delivered = table(*rows, *rows[:copies], names=("date", "symbol", "close"))
    once = settled(delivered, policy).table
    again = settled(once, policy)
    assert once.equals(again.table)
    assert again.filled == {}
    assert len(once) <= len(rows)


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_a_column_of_opens_without_any_value_costs_no_row(tmp_path, suffix):
    raw, output = tmp_path / "raw.json", tmp_path / f"clean{suffix}"
    delivered = table(
        (A1, "A", None, 1.5), (A2, "A", None, 2.5), names=("date", "symbol", "open", "close")
    )
    write_table(raw, delivered.schema, [delivered])
    clean(raw, output)
    assert [row["open"] for row in read_table(output)[0].to_pylist()] == [1.5, 2.5]
