import numpy as np
import pandas as pd
import pytest

from corrections import DATES, DROP, SET, SPLIT, column, corrected, delivered
from pricewright.files.errors import Refusal


def test_a_set_value_replaces_that_one_cell_and_is_listed_with_both():
    table, changes = corrected(SET)
    assert column(table, "close") == [9.0, 10.5, 6.0, None]
    expected = delivered()
    expected.loc[1, "close"] = 10.5
    pd.testing.assert_frame_equal(table, expected)
    assert changes == [
        {
            "line": 1,
            "action": "set",
            "symbol": "A",
            "date": "2024-01-03",
            "column": "close",
            "was": 11,
            "value": 10.5,
            "reason": "a slip",
        }
    ]


def test_a_split_adjusts_all_before_its_date_and_nothing_else():
    table, changes = corrected(SPLIT)
    assert column(table, "high") == [5.0, 6.0, 6.5, 7.0]
    assert column(table, "low") == [4.0, 5.0, 5.5, 6.0]
    assert column(table, "close") == [4.5, 5.5, 6.0, None]
    assert column(table, "adj_close") == [4.5, 5.5, 6.0, 6.5]
    assert column(table, "volume") == [200, 402, 300, 400]
    assert table["volume"].dtype == "Int64"
    pd.testing.assert_frame_equal(table.iloc[4:], delivered().iloc[4:])
    assert changes == [
        {
            "line": 1,
            "action": "split",
            "symbol": "A",
            "date": "2024-01-04",
            "split": "2:1",
            "columns": ["high", "low", "close", "volume"],
            "rows": 2,
            "first": "2024-01-02",
            "last": "2024-01-03",
            "example": {
                "date": "2024-01-03",
                "was": {"high": 12.0, "low": 10.0, "close": 11.0, "volume": 201},
                "value": {"high": 6.0, "low": 5.0, "close": 5.5, "volume": 402},
            },
            "reason": "a split",
        }
    ]


def test_a_reverse_split_raises_prices_and_rounds_whole_volumes_half_up():
    table, _ = corrected(SPLIT.replace("2:1", "1:2"))
    assert column(table, "close") == [18.0, 22.0, 6.0, None]
    assert column(table, "volume") == [50, 101, 300, 400]


def test_a_split_of_volumes_that_are_not_whole_numbers_does_not_round():
    table = delivered().astype({"volume": "float64"})
    assert column(corrected(SPLIT.replace("2:1", "1:2"), table)[0], "volume")[:2] == [50.0, 100.5]
    assert column(corrected(SPLIT.replace("2:1", "5:2"), table)[0], "volume")[:2] == [250.0, 502.5]


def test_a_split_adjusts_the_columns_that_it_names():
    table, changes = corrected(SPLIT.replace("was", "columns: [adj_close], was"))
    assert column(table, "adj_close") == [2.25, 2.75, 6.0, 6.5]
    assert column(table, "close") == [9.0, 11.0, 6.0, None]
    assert changes[0]["columns"] == ["adj_close"]


def test_a_split_also_adjusts_an_adj_close_that_falls_with_close():
    table = delivered()
    table.loc[:3, "adj_close"] = [8.9, 10.9, 5.9, np.nan]
    mended, changes = corrected(SPLIT, table)
    assert column(mended, "adj_close") == [4.45, 5.45, 5.9, None]
    assert changes[0]["columns"] == ["high", "low", "close", "adj_close", "volume"]
    table.loc[1, "adj_close"] = None
    assert column(corrected(SPLIT, table)[0], "adj_close") == [4.45, None, 5.9, None]
    table.loc[:3, "adj_close"] = None
    assert "adj_close" not in corrected(SPLIT, table)[1][0]["columns"]
    requoted = corrected(SPLIT.replace("split", "requote"))[1][0]["columns"]
    assert requoted == ["high", "low", "close", "adj_close"]


def test_two_splits_of_a_symbol_adjust_the_oldest_prices_twice_in_any_order():
    other = '- {symbol: A, date: 2024-01-03, split: "3:1", was: 9, reason: another}\n'
    table, changes = corrected(SPLIT + other)
    assert column(table, "close") == [1.5, 5.5, 6.0, None]
    assert column(table, "volume") == [600, 402, 300, 400]
    assert [change["line"] for change in changes] == [1, 2]
    assert [change["rows"] for change in changes] == [2, 1]
    pd.testing.assert_frame_equal(corrected(other + SPLIT)[0], table)


def test_a_value_is_set_among_the_delivered_ones_and_then_adjusted():
    for text in (SET + SPLIT, SPLIT + SET):
        table, changes = corrected(text)
        assert column(table, "close")[:2] == [4.5, 5.25]
        split = next(change for change in changes if change["action"] == "split")
        assert split["example"]["was"]["close"] == 10.5


def test_a_dropped_row_is_gone_and_listed_whole():
    table, changes = corrected(DROP.replace("drop: true", "drop: true, was: 2.0"))
    expected = delivered().drop(index=5).reset_index(drop=True)
    pd.testing.assert_frame_equal(table, expected)
    assert changes == [
        {
            "line": 1,
            "action": "drop",
            "symbol": "B",
            "date": "2024-01-03",
            "was": {"high": 3.0, "low": 1.0, "close": 2.0, "adj_close": 2.0, "volume": None},
            "reason": "a bank holiday",
        }
    ]


def test_a_dropped_row_before_a_split_is_not_its_example():
    drop = DROP.replace("symbol: B", "symbol: A")
    table, changes = corrected(drop + SPLIT)
    assert column(table, "close") == [4.5, 6.0, None]
    assert (changes[1]["rows"], changes[1]["last"]) == (1, "2024-01-02")


def test_missing_values_can_be_filled_and_made():
    text = (
        "- {symbol: A, date: 2024-01-05, column: close, was: null, value: 6.5, reason: late}\n"
        "- {symbol: B, date: 2024-01-03, column: volume, was: , value: 2, reason: late}\n"
        "- {symbol: B, date: 2024-01-05, column: close, was: 2, value: ~, reason: no trade}\n"
        "- {symbol: B, date: 2024-01-05, column: volume, was: 4, value: null, reason: no trade}\n"
    )
    table, changes = corrected(text)
    assert column(table, "close")[3] == 6.5
    assert column(table, "volume", "B") == [1, 2, 3, None]
    assert column(table, "close", "B") == [2.0, 2.0, 2.0, None]
    assert [(change["was"], change["value"]) for change in changes] == [
        (None, 6.5),
        (None, 2),
        (2, None),
        (4, None),
    ]


def test_whole_prices_become_fractions_where_a_correction_needs_them():
    table = pd.DataFrame({"date": DATES[:3], "close": pd.array([7, 9, 3], dtype="Int64")})
    text = "- {date: 2024-01-03, column: close, was: 9, value: 8.5, reason: a slip}\n"
    assert corrected(text, table)[0]["close"].tolist() == [7.0, 8.5, 3.0]
    text = text.replace("8.5", "8")
    assert corrected(text, table)[0]["close"].dtype == "Int64"
    text = '- {date: 2024-01-04, split: "2:1", was: 9, reason: a split}\n'
    assert corrected(text, table)[0]["close"].tolist() == [3.5, 4.5, 3.0]


def test_a_value_can_be_taken_out_of_a_column_in_which_none_was_missing():
    table = pd.DataFrame({"date": DATES[:2], "close": [7, 9]})
    text = "- {date: 2024-01-03, column: close, was: 9, value: null, reason: no trade}\n"
    pd.testing.assert_series_equal(
        corrected(text, table)[0]["close"], pd.Series([7, None], dtype="Int64", name="close")
    )


def test_large_volumes_are_compared_to_every_digit():
    table = delivered()
    table.loc[4, "volume"] = 2**53 + 1
    text = "- {symbol: B, date: 2024-01-02, column: volume, was: %d, value: 5, reason: r}\n"
    assert column(corrected(text % (2**53 + 1), table)[0], "volume", "B")[0] == 5
    with pytest.raises(Refusal, match=r"volume was delivered as 9007199254740993 on"):
        corrected(text % 2**53, table)


@pytest.mark.parametrize("kind", ["datetime64[s]", "str", "category"])
def test_dates_and_symbols_may_be_of_any_kind_and_rows_in_any_order(kind):
    table = delivered().astype({"symbol": "category" if kind == "category" else "str"})
    if kind == "datetime64[s]":
        table["date"] = table["date"].astype(kind)
    plain, listed = corrected(SET + SPLIT + DROP)
    reordered, changes = corrected(SET + SPLIT + DROP, table.iloc[::-1].reset_index(drop=True))
    assert changes == listed
    ordered = reordered.iloc[::-1].reset_index(drop=True)
    assert reordered["date"].dtype == table["date"].dtype
    pd.testing.assert_frame_equal(ordered[["close", "volume"]], plain[["close", "volume"]])


@pytest.mark.parametrize("text", ["", "# none yet\n", "[]\n", "\ufeff"])
def test_no_corrections_are_no_corrections(text):
    table, changes = corrected(text)
    pd.testing.assert_frame_equal(table, delivered())
    assert changes == []


def test_a_split_whose_day_before_has_no_close_is_checked_against_the_last_close():
    table = delivered()
    table.loc[1, "close"] = None
    table, changes = corrected(SPLIT.replace("11.0", "9"), table)
    assert column(table, "close") == [4.5, None, 6.0, None]
    assert column(table, "high")[:2] == [5.0, 6.0]
    assert changes[0]["example"]["value"]["close"] is None


def test_a_split_without_unadjusted_prices_needs_to_name_its_columns():
    table = delivered()[["date", "symbol", "adj_close", "volume"]]
    text = SPLIT.replace("11.0", "5.5")
    with pytest.raises(Refusal, match=r"no open, high, low or close to adjust; name the 'columns'"):
        corrected(text, table)
    named, _ = corrected(text.replace("was", "columns: [adj_close, volume], was"), table)
    assert column(named, "adj_close") == [2.25, 2.75, 6.0, 6.5]
    assert column(named, "volume") == [200, 402, 300, 400]
