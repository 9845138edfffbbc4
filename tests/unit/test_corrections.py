import pandas as pd
import pytest

from pricewright.corrections.applied import apply_corrections
from pricewright.corrections.declared import read_corrections
from pricewright.errors import Refusal

DATES = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]


def delivered() -> pd.DataFrame:
    """Two symbols of four days, A with a 2:1 split on the third, in order of symbol and date."""
    return pd.DataFrame(
        {
            "date": DATES * 2,
            "symbol": ["A"] * 4 + ["B"] * 4,
            "high": [10.0, 12.0, 6.5, 7.0, 3.0, 3.0, 3.0, 3.0],
            "low": [8.0, 10.0, 5.5, 6.0, 1.0, 1.0, 1.0, 1.0],
            "close": [9.0, 11.0, 6.0, None, 2.0, 2.0, 2.0, 2.0],
            "adj_close": [4.5, 5.5, 6.0, 6.5, 2.0, 2.0, 2.0, 2.0],
            "volume": pd.array([100, 201, 300, 400, 1, None, 3, 4], dtype="Int64"),
        }
    )


def corrected(text: str, table: pd.DataFrame | None = None):
    """The table and the list of changes that a file of corrections makes."""
    table = delivered() if table is None else table
    before = table.copy(deep=True)
    outcome = apply_corrections(table, read_corrections(text.encode(), "c.yaml"), "raw.json")
    pd.testing.assert_frame_equal(table, before)
    return outcome


def column(table: pd.DataFrame, name: str, symbol: str = "A") -> list[object]:
    values = table.loc[table["symbol"] == symbol, name]
    return [None if pd.isna(value) else value for value in values]


SET = "- {symbol: A, date: 2024-01-03, column: close, was: 11, value: 10.5, reason: a slip}\n"
SPLIT = '- {symbol: A, date: 2024-01-04, split: "2:1", was: 11.0, reason: a split}\n'
KEYS = "symbol: A, date: 2024-01-03, reason: r"
NUMBERS = f"- {{{KEYS}, column: close, was: %s, value: %s}}"
DROP = "- {symbol: B, date: 2024-01-03, drop: true, reason: a bank holiday}\n"


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


def test_texts_that_yaml_would_take_for_something_else_stay_that_text():
    text = (
        "- {symbol: NO, date: 2024-01-02, drop: true, reason: 12}\n"
        "- symbol: 0700\n  date: '2024-01-02'\n  split: 2:1\n  was: 1.50\n  reason: >\n    long\n"
        "- {symbol: null, date: 2024-01-02, column: close, was: .5, value: -1e1, reason: off}\n"
    )
    drop, split, value = read_corrections(text.encode(), "c.yaml")
    assert (drop.symbol, drop.reason, drop.line) == ("NO", "12", 1)
    assert (split.symbol, split.date, split.new, split.old, split.was) == (
        "0700",
        "2024-01-02",
        2,
        1,
        1.5,
    )
    assert (split.line, split.place) == (2, "c.yaml:2")
    assert (value.symbol, value.was, value.value, value.line) == ("null", 0.5, -10.0, 8)


def test_whole_numbers_are_exact_as_far_as_a_column_can_hold_them():
    text = f"- {{{KEYS}, column: volume, was: %s, value: 0}}"

    def was(written):
        return read_corrections((text % written).encode(), "c.yaml")[0].was

    assert (was(2**63 - 1), type(was(2**63 - 1))) == (2**63 - 1, int)
    assert (was(2**63), type(was(2**63))) == (2.0**63, float)
    assert was("9" * 40) == 1e40


@pytest.mark.parametrize("text", ["", "# none yet\n", "[]\n", "\ufeff"])
def test_no_corrections_are_no_corrections(text):
    table, changes = corrected(text)
    pd.testing.assert_frame_equal(table, delivered())
    assert changes == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1", r"^c\.yaml:1: not a list; begin"),
        ("\n- 1", r"^c\.yaml:2: not a correction; give it keys"),
        ("- [a]\n  b", r"^c\.yaml:2: not YAML \("),
        ("\n- {a: \x00}", r"^c\.yaml:2: not YAML \(special characters"),
        ("- {? [a] : 1}", r"^c\.yaml:1: a key that is no word"),
        ("--- []\n--- []", r"^c\.yaml:2: not YAML \(but found another document"),
        ("[" * 1000, r"^c\.yaml:1: a list in a list"),
        ("- *a", r"^c\.yaml:1: not YAML \(found undefined alias"),
        ("- symbol: A\n  symbol: B", r"^c\.yaml:2: 'symbol' is there twice; keep one"),
        ("- symbol: A", r"^c\.yaml:1: 'date' is missing; add it\."),
        ("- {date: 2024-01-03, drop: true}", r"^c\.yaml:1: 'reason' is missing"),
        (f"- {{{KEYS}, drop: true, colum: close}}", r"'colum': there is no such key; did you mean"),
        (f"- {{{KEYS}, <<: a}}", r"'<<': there is no such key"),
        (SET.replace("2024-01-03", "2024-02-30"), r"^c\.yaml:1: there is no day 2024-02-30; mend"),
        (SET.replace("2024-01-03", "03.01.2024"), r"'date': found \"03\.01\.2024\", allowed"),
        (SET.replace("symbol: A", "symbol: <A>"), r"'symbol': found \"<A>\", allowed"),
        (SET.replace("close", "price"), r"'column': found \"price\", allowed: \"open\" or"),
        (SET.replace("a slip", '""'), r"'reason': found \"\", allowed: string, not empty"),
        (NUMBERS % ('"11"', 10), r"'was': found \"11\", allowed: number or null"),
        (NUMBERS % (11, "1_0"), r"'value': found \"1_0\", allowed: number or null"),
        (NUMBERS % (11, "1e999"), r"'value': found \"1e999\""),
        (NUMBERS % (11, "9" * 5000), r"'value': found \"999"),
        (NUMBERS % (11, "0x1F"), r"'value': found \"0x1F\""),
        (NUMBERS % (11, "\u0661"), r"'value': found \"\\u0661\""),
        (NUMBERS % (11, ".nan"), r"'value': found \"\.nan\""),
        (NUMBERS % (11, "[1]"), r"'value': found \[\"1\"\]"),
        (NUMBERS % (11, "{a: 1}"), r"'value': found \{\}"),
        (NUMBERS % (11, 11.0), r"value and was are both 11, so nothing changes"),
        (
            NUMBERS.replace("close", "volume") % (11, -1),
            r"^c\.yaml:1: a volume of -1; a volume is not below 0",
        ),
        (f"- {{{KEYS}, drop: false}}", r"'drop': found false, allowed: true"),
        (f"- {{{KEYS}}}", r"^c\.yaml:1: none of value, split and drop; give one"),
        (f"- {{{KEYS}, drop: true, value: 1}}", r"value and drop of value, split and drop"),
        (f"- {{{KEYS}, value: 1, was: 2}}", r"'column' is missing beside 'value'; add it"),
        (f"- {{{KEYS}, value: 1, column: close}}", r"'was' is missing beside 'value'; add it"),
        (f"- {{{KEYS}, split: 2:1}}", r"'was' is missing beside 'split'; add it"),
        (f"- {{{KEYS}, drop: true, column: close}}", r"'column' does not go with 'drop'; take"),
        (SET.replace("was", "columns: [close], was"), r"'columns' does not go with 'value'"),
        (SPLIT.replace("2:1", "2:0"), r"'split': found \"2:0\", allowed: string matching"),
        (SPLIT.replace("2:1", "3:3"), r"a split of 3:3 changes nothing"),
        (SPLIT.replace("11.0", "null"), r"'was' is empty; give the close before 2024-01-04"),
        (SPLIT.replace("was", "columns: [], was"), r"'columns': found \[\], allowed: array, not"),
        (SPLIT.replace("was", "columns: [low, low], was"), r"'columns' has low twice"),
    ],
)
def test_what_is_no_list_of_corrections_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(Refusal, match=sentence) as refused:
        read_corrections(text.encode(), "c.yaml")
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


def test_a_file_in_another_encoding_is_refused_with_its_line():
    with pytest.raises(Refusal, match=r"^c\.yaml:3: not UTF-8 text; save"):
        read_corrections("\n- {symbol: A,\nreason: café}".encode("latin-1"), "c.yaml")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SET, SET.replace("10.5", "10.6")),
        (SPLIT, SPLIT.replace("2:1", "3:1")),
        (DROP, DROP),
        (SET, DROP.replace("symbol: B", "symbol: A")),
        (DROP.replace("symbol: B", "symbol: A"), SET),
    ],
)
def test_two_corrections_of_one_thing_are_refused_with_both_lines(first, second):
    with pytest.raises(Refusal, match=r"^c\.yaml:2: [AB] on 2024-01-0. is corrected in line 1"):
        read_corrections((first + second).encode(), "c.yaml")


def test_corrections_of_other_cells_do_not_contradict_each_other():
    others = [
        SET,
        SET.replace("close", "high"),
        SET.replace("symbol: A", "symbol: B").replace("01-03", "01-05"),
        SET.replace("01-03", "01-04"),
        SPLIT,
        SPLIT.replace("01-04", "01-05"),
        DROP,
        DROP.replace("01-03", "01-02"),
    ]
    assert len(read_corrections("".join(others).encode(), "c.yaml")) == len(others)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SET.replace("symbol: A", "symbol: C"), r"C on 2024-01-03 is not in raw\.json; name a row"),
        (SET.replace("01-03", "01-06"), r"A on 2024-01-06 is not in raw\.json"),
        (DROP.replace("01-03", "01-01"), r"B on 2024-01-01 is not in raw\.json"),
        (SPLIT.replace("01-04", "01-06"), r"A on 2024-01-06 is not in raw\.json"),
        (SPLIT.replace("01-04", "01-02"), r"there is no price before A on 2024-01-02 to adjust"),
        (SET.replace("symbol: A, ", ""), r"raw\.json has symbols; add 'symbol'"),
        (
            SET.replace("close", "open"),
            r"raw\.json has no open, it has date, symbol, high, low, close",
        ),
        (SPLIT.replace("was", "columns: [open], was"), r"raw\.json has no open, it has"),
        (
            SET.replace("11", "11.01"),
            r"close was delivered as 11\.0 on 2024-01-03, where the correction has 11\.01; see",
        ),
        (SET.replace("11", "null"), r"delivered as 11\.0 on 2024-01-03, .* has missing"),
        (
            NUMBERS.replace("01-03", "01-05") % (11, 6),
            r"delivered as missing on 2024-01-05, .* has 11;",
        ),
        (
            SPLIT.replace("11.0", "5.5"),
            r"close was delivered as 11\.0 on 2024-01-03, where the correction has 5\.5",
        ),
        (DROP.replace("true", "true, was: 3"), r"close was delivered as 2\.0 on 2024-01-03"),
        (DROP.replace("true", "true, was: null"), r"close was delivered as 2\.0 on 2024-01-03"),
        (
            NUMBERS.replace("close", "volume") % (201, 1.5),
            r"a volume of 1\.5; give a whole number",
        ),
        (SET.replace("10.5", "12.5"), r"have close 12\.5 beside low 10\.0 and high 12\.0; correct"),
        (SET.replace("10.5", "9.5"), r"A on 2024-01-03 would have close 9\.5 beside low 10\.0"),
    ],
)
def test_a_correction_that_does_not_fit_the_delivery_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(Refusal, match=rf"^c\.yaml:1: .*{sentence}") as refused:
        corrected(text)
    assert str(refused.value).endswith(".")


def test_a_correction_of_a_row_that_is_there_twice_is_refused():
    with pytest.raises(Refusal, match=r"A on 2024-01-03 is 2 times in raw\.json"):
        corrected(SET, pd.concat([delivered(), delivered().iloc[[1]]], ignore_index=True))


def test_a_symbol_for_a_series_without_symbols_is_refused():
    with pytest.raises(Refusal, match=r"raw\.json has no symbols; take 'A' out"):
        corrected(SET, delivered().iloc[:4].drop(columns="symbol"))


def test_a_price_at_the_edge_of_its_day_is_possible_and_what_belongs_together_can_change():
    assert column(corrected(SET.replace("10.5", "12"))[0], "close")[1] == 12.0
    assert column(corrected(SET.replace("10.5", "10"))[0], "close")[1] == 10.0
    text = SET.replace("10.5", "13") + SET.replace("close, was: 11", "high, was: 12").replace(
        "10.5", "13.5"
    )
    assert column(corrected(text)[0], "close")[1] == 13.0


@pytest.mark.parametrize("text", [SET, SPLIT, DROP])
def test_no_correction_can_be_applied_twice(text):
    once, _ = corrected(text)
    with pytest.raises(Refusal, match=r"^c\.yaml:1: "):
        corrected(text, once)


def test_a_split_whose_day_before_has_no_close_is_checked_against_the_last_close():
    table = delivered()
    table.loc[1, "close"] = None
    table, changes = corrected(SPLIT.replace("11.0", "9"), table)
    assert column(table, "close") == [4.5, None, 6.0, None]
    assert column(table, "high")[:2] == [5.0, 6.0]
    assert changes[0]["example"]["value"]["close"] is None


def test_a_split_before_which_there_is_nothing_left_or_no_price_is_refused():
    split = SPLIT.replace("01-04", "01-03").replace("11.0", "9")
    drop = DROP.replace("symbol: B", "symbol: A").replace("01-03", "01-02")
    sentence = r"^c\.yaml:%d: there is no price before A on 2024-01-03 to adjust; mend the date"
    with pytest.raises(Refusal, match=sentence % 2):
        corrected(drop + split)
    table = delivered()
    table.loc[0, "close"] = None
    with pytest.raises(Refusal, match=sentence % 1):
        corrected(split, table)


def test_an_impossible_row_can_be_dropped():
    table = delivered()
    table.loc[5, "high"] = 1.5
    assert len(corrected(DROP, table)[0]) == 7


def test_a_split_without_unadjusted_prices_needs_to_name_its_columns():
    table = delivered()[["date", "symbol", "adj_close", "volume"]]
    text = SPLIT.replace("11.0", "5.5")
    with pytest.raises(Refusal, match=r"no open, high, low or close to adjust; name the 'columns'"):
        corrected(text, table)
    named, _ = corrected(text.replace("was", "columns: [adj_close, volume], was"), table)
    assert column(named, "adj_close") == [2.25, 2.75, 6.0, 6.5]
    assert column(named, "volume") == [200, 402, 300, 400]


def test_a_volume_that_no_whole_number_can_hold_is_refused():
    table = delivered()
    table.loc[0, "volume"] = 2**62
    with pytest.raises(Refusal, match=r"a volume of 4611686018427387904 times 2 is too large"):
        corrected(SPLIT, table)
    table.loc[0, "volume"] = 2**62 - 1
    assert column(corrected(SPLIT, table)[0], "volume")[0] == 2**63 - 2
