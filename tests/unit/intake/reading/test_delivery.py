"""A delivery, row by row: what is kept, what is not and why."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliveries import GOOD, HEAD, NAMES, WIDE, in_pieces, last_lost, lost, read, rows
from pricewright.files.errors import Refusal
from pricewright.intake.reading.dialect import Calendar, Dialect

OHLC = {name: name for name in ("date", "symbol", "open", "high", "low", "close")}

OHLC_HEAD = "date,symbol,open,high,low,close\n"


def test_a_long_delivery_becomes_prices_in_order_of_symbol_and_date(tmp_path):
    found = read(tmp_path, HEAD + "2024-01-02,B,2.50,8\n2024-01-03,A,1e1,7\n2024-01-01,A,3,0\n")
    assert rows(found.prices) == [
        {"date": "2024-01-01", "symbol": "A", "close": 3.0, "volume": 0},
        {"date": "2024-01-03", "symbol": "A", "close": 10.0, "volume": 7},
        {"date": "2024-01-02", "symbol": "B", "close": 2.5, "volume": 8},
    ]
    assert (found.rows, found.quarantine.count) == (3, 0)


def test_a_wide_delivery_becomes_a_row_per_date_and_symbol(tmp_path):
    text = "Date,USD,JPY,\n2024-07-05,1.08,N/A,\n2024-07-04,1.07,173,\n"
    found = read(tmp_path, text, WIDE)
    assert found.rows == 4
    assert [list(row.values()) for row in rows(found.prices)] == [
        ["2024-07-04", "JPY", 173.0],
        ["2024-07-05", "JPY", None],
        ["2024-07-04", "USD", 1.07],
        ["2024-07-05", "USD", 1.08],
    ]


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        ("2024-01-01,A,1", "field-count", None),
        ("2024-01-01,A,1,1,", "field-count", None),
        ("2024-01-01,A,1,1,1", "field-count", None),
        ("   ", "field-count", None),
        ("2024-01-01,A,1,\0", "nul", None),
        ('2024-01-01,"A"B,1,1', "stray-quote", None),
        ('2024-01-01,A"B",1,1', "stray-quote", None),
        ("today,A,1,1", "unreadable-date", "Date"),
        (",A,1,1", "unreadable-date", "Date"),
        ("20240101,A,1,1", "unreadable-date", "Date"),
        ("2024-02-30,A,1,1", "impossible-date", "Date"),
        ("01/02/2024,A,1,1", "ambiguous-date", "Date"),
        ("2999-01-01,A,1,1", "future-date", "Date"),
        ("2024-01-01,<b>,1,1", "bad-symbol", "Ticker"),
        ("2024-01-01,A,x,1", "unreadable-number", "Close"),
        ("2024-01-01,A,1e999,1", "infinite-number", "Close"),
        ("2024-01-01,A,0,1", "sign", "Close"),
        ("2024-01-01,A,-1,1", "sign", "Close"),
        ("2024-01-01,GOOD,1,1", "duplicate", None),
        ("2024-01-01,GOOD,1.0,1", "duplicate", None),
    ],
)
def test_a_row_that_cannot_be_believed_is_quarantined_with_its_own_text(
    tmp_path, row, reason, field
):
    dialect = Dialect(columns=NAMES, calendar=Calendar(last_day=date(2024, 12, 31)))
    found = read(tmp_path, HEAD + GOOD + row + "\n2024-01-03,GOOD,1,1\n", dialect)
    assert lost(found) == [(3, reason, field, row)]
    assert found.rows == 3
    assert [row["date"] for row in rows(found.prices)] == ["2024-01-01", "2024-01-03"]


def test_a_symbol_whose_newest_row_is_quarantined_is_named_with_its_day(tmp_path):
    text = "".join(f"2024-01-0{day},{name},{day},1\n" for name in "ABCD" for day in range(1, 4))
    text = text.replace("03,A,3", "03,A,-3").replace("02,B,2", "02,B,x")
    text += "2024-01-03,C,9,1\n2024-01-09,E,-1,1\n2024-02-31,D,1,1\n"
    newest = [("A", "2024-01-03"), ("C", "2024-01-03"), ("E", "2024-01-09")]
    assert last_lost(read(tmp_path, HEAD + text)) == newest
    wide = "Date,USD,JPY\n2024-01-01,1,1\n2024-01-02,x,2\n"
    assert last_lost(read(tmp_path, wide, WIDE)) == [("USD", "2024-01-02")]


@pytest.mark.parametrize(
    ("volume", "reason"),
    [
        ("-1", "sign"),
        ("9007199254740993000", "overflowing-volume"),
        ("x", "unreadable-number"),
        ("1e999", "infinite-number"),
    ],
)
def test_a_value_that_is_not_modelled_is_missing_and_listed_and_its_row_kept(
    tmp_path, volume, reason
):
    row = f"2024-01-01,A,1,{volume}"
    found = read(tmp_path, HEAD + GOOD + row + "\n")
    assert lost(found) == [(3, reason, "Volume", row)]
    assert (found.rows, found.quarantine.count, len(found.prices)) == (2, 0, 2)
    assert found.quarantine.values_by_reason() == {reason: 1}
    assert rows(found.prices)[0] == {
        "date": "2024-01-01",
        "symbol": "A",
        "close": 1.0,
        "volume": None,
    }
    strict = Dialect(columns=NAMES, strict=("close", "volume"))
    assert read(tmp_path, HEAD + GOOD + row + "\n", strict).quarantine.by_reason() == {reason: 1}


@pytest.mark.parametrize(
    ("close", "high"), [("36.86499404907228", "36.86499404907227"), ("0.3", "0.30000000000000004")]
)
def test_a_close_above_the_high_by_rounding_is_kept(tmp_path, close, high):
    text = OHLC_HEAD + f"2024-01-01,A,0.2,{high},0.1,{close}\n"
    assert lost(read(tmp_path, text, Dialect(columns=OHLC))) == []


def test_a_time_at_an_offset_needs_a_time_zone(tmp_path):
    text = "Date,Close\n2024-01-02T00:00:00-05:00,1\n2024-01-03T16:00:00-05:00,2\n"
    with pytest.raises(Refusal, match=r"prices\.csv:3: Date is a time at an offset.*time_zone"):
        read(tmp_path, text, Dialect(symbol="A"))
    found = read(tmp_path, text, Dialect(symbol="A", calendar=Calendar((), "America/New_York")))
    assert [row["date"] for row in rows(found.prices)] == ["2024-01-02", "2024-01-03"]


def test_the_largest_exact_volume_is_kept(tmp_path):
    found = read(tmp_path, HEAD + f"2024-01-01,A,1,{2**53}\n")
    assert found.prices.values["volume"].tolist() == [2**53]


@pytest.mark.parametrize(
    ("prices", "kept"),
    [("positive", ["1"]), ("nonnegative", ["0", "1"]), ("any", ["-1", "0", "1"])],
)
def test_the_signs_that_a_price_may_have_are_declared(tmp_path, prices, kept):
    text = "Date,Close\n2024-01-01,-1\n2024-01-02,0\n2024-01-03,1\n"
    found = read(tmp_path, text, Dialect(symbol="A", prices=prices))
    assert found.prices.values["close"].tolist() == [float(text) for text in kept]
    assert set(found.quarantine.by_reason()) <= {"sign"}


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ("3,2,4,3", "high-below-low", "high"),
        ("5,4,2,3", "outside-range", "open"),
        ("1,4,2,3", "outside-range", "open"),
        ("3,4,2,5", "outside-range", "close"),
        ("3,4,2,1", "outside-range", "close"),
    ],
)
def test_prices_that_contradict_each_other_are_quarantined(tmp_path, values, reason, field):
    text = OHLC_HEAD + "2024-01-01,A,3,4,2,3\n" + f"2024-01-02,A,{values}\n"
    found = read(tmp_path, text, Dialect(columns=OHLC, strict=("open", "high", "low", "close")))
    assert lost(found) == [(3, reason, field, f"2024-01-02,A,{values}")]


@pytest.mark.parametrize("values", ["2,2,2,2", "4,4,2,2", ",4,2,3", "3,,2,9", "3,4,,1", ",,,"])
def test_prices_on_the_border_and_missing_ones_contradict_nothing(tmp_path, values):
    found = read(tmp_path, OHLC_HEAD + f"2024-01-02,A,{values}\n", Dialect(columns=OHLC))
    assert len(found.prices) == 1


def test_an_exact_duplicate_keeps_the_first_and_quarantines_the_rest(tmp_path):
    text = HEAD + GOOD + "2024-01-02,A,,1\n" + GOOD + "2024-01-02,A,NA,1\n" + GOOD
    found = read(tmp_path, text)
    assert [(line, reason) for line, reason, _, _ in lost(found)] == [
        (4, "duplicate"),
        (5, "duplicate"),
        (6, "duplicate"),
    ]
    assert len(found.prices) == 2


def test_a_conflicting_duplicate_quarantines_both_rows(tmp_path):
    text = HEAD + "2024-01-01,A,1,1\n" + GOOD + "2024-01-01,A,2,1\n2024-01-01,A,1,1\n"
    found = read(tmp_path, text)
    assert [(line, reason) for line, reason, _, _ in lost(found)] == [
        (2, "conflict"),
        (4, "conflict"),
        (5, "conflict"),
    ]
    assert found.prices.names == ["GOOD"]


def test_a_value_in_one_row_and_none_in_the_other_is_a_conflict(tmp_path):
    found = read(tmp_path, HEAD + GOOD + "2024-01-01,A,1,1\n2024-01-01,A,1,\n")
    assert found.quarantine.by_reason() == {"conflict": 2}


def test_a_bad_cell_of_a_wide_delivery_loses_that_cell_only(tmp_path):
    text = "Date,USD,JPY\n2024-07-05,1.08,x\n2024-07-04,-1,173\n"
    found = read(tmp_path, text, WIDE)
    assert lost(found) == [(2, "unreadable-number", "JPY", "x"), (3, "sign", "USD", "-1")]
    assert (found.rows, len(found.prices)) == (4, 2)


def test_a_bad_date_of_a_wide_delivery_loses_a_row_for_each_symbol(tmp_path):
    text = "Date,USD,JPY\n2024-07-05,1.08,x\n2024-02-30,1,x\n1,2\n"
    found = read(tmp_path, text, WIDE)
    assert found.quarantine.by_reason() == {
        "field-count": 2,
        "impossible-date": 2,
        "unreadable-number": 1,
    }
    assert (found.rows, len(found.prices)) == (6, 1)
    assert lost(found)[1:] == [
        (3, "impossible-date", "Date", "2024-02-30,1,x"),
        (4, "field-count", None, "1,2"),
    ]


def test_a_date_that_is_there_twice_in_a_wide_delivery_is_judged_cell_by_cell(tmp_path):
    text = "Date,USD,JPY\n2024-07-05,1.08,173\n2024-07-05,1.08,174\n2024-07-04,1,1\n"
    found = read(tmp_path, text, WIDE)
    assert lost(found) == [
        (2, "conflict", "JPY", "173"),
        (3, "duplicate", "USD", "1.08"),
        (3, "conflict", "JPY", "174"),
    ]


def test_several_threads_give_the_same(tmp_path, monkeypatch):
    text = HEAD + "".join(f"2024-01-{n % 28 + 1:02},S{n},{n % 7},1\n" for n in range(500))
    once = read(tmp_path, text)
    in_pieces(monkeypatch, 100)
    again = read(tmp_path, text, threads=3)
    assert rows(again.prices) == rows(once.prices)
    assert lost(again) == lost(once)
    assert once.quarantine.by_reason() == {"sign": 72}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD, r"prices\.csv:1: the file has a header but no rows; deliver prices"),
        ("\n\n", r"prices\.csv:1: the file is nothing but blank lines"),
        (HEAD + '2024-01-01,A,"1,1\n', r"prices\.csv:2: a quote on this line is never closed"),
        (HEAD + GOOD + '2024-01-01,A"B,1,1\n' + GOOD, r"prices\.csv:3: a quote on this line"),
        (HEAD + 'x"y,1\n' + GOOD + 'x"y,1\n', r"prices\.csv:2: a quote on this line"),
        (b"Date,Ticker,Close,Volume\n2024-01-01,\xff,1,1\n", r"prices\.csv:2: not UTF-8"),
        (b"Date,Ticker,Close,Vol\xe9\n2024-01-01,A,1,1\n", r"prices\.csv:1: not UTF-8"),
        (HEAD + GOOD + "2024-01-01,A,1\xe9,1\n".encode("latin-1").decode("latin-1"), None),
        ("Date,Ticker,Volume,Close,Close\n2024-01-01,A,1,1,1\n", r"two columns are named 'Close'"),
        (
            "Date,Ticker,Price,Volume\n2024-01-01,A,1,1\n",
            r"no column 'Close'.*source\.columns\.close",
        ),
        (
            HEAD + "2024-01-01,A,x,1\n2024-01-02,A,y,1\n",
            r"prices\.csv:2: Close is not a number \('2024-01-01,A,x,1'\), and none of the 2 rows",
        ),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused_in_a_sentence(tmp_path, text, sentence):
    if sentence is None:
        assert read(tmp_path, text).quarantine.count == 1
        return
    with pytest.raises(Refusal, match=sentence):
        read(tmp_path, text)


CORRUPTIONS = {
    "cut": lambda row: row.rsplit(",", 1)[0],
    "lengthen": lambda row: row + ",",
    "no date": lambda row: "soon" + row[10:],
    "no symbol": lambda row: row.replace(",S", ",<S"),
    "no number": lambda row: row.replace("1.5", "1.5.5"),
    "infinite": lambda row: row.replace("1.5", "1e999"),
    "negative": lambda row: row.replace("1.5", "-1.5"),
    "nul": lambda row: row + "\0",
    "repeat": lambda row: row + "\n" + row,
    "contradict": lambda row: row + "\n" + row.replace("1.5", "2.5"),
    "join": lambda row: row + row,
    "empty": lambda row: "",
    "spoil": lambda row: row.replace("S", '"S"x'),
}


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(1, 28), st.integers(0, 3)), min_size=2, max_size=12, unique=True
    ),
    st.dictionaries(st.integers(0, 11), st.sampled_from(sorted(CORRUPTIONS)), max_size=6),
)
def test_whatever_is_corrupted_the_rest_is_kept_and_everything_is_accounted_for(
    tmp_path_factory, keys, corruptions
):
    rows_of = [f"2024-01-{day:02},S{symbol},1.5,100" for day, symbol in keys]
    delivered = [
        CORRUPTIONS[corruptions[number]](row) if number in corruptions else row
        for number, row in enumerate(rows_of)
    ]
    count = sum(row.count("\n") + 1 for row in delivered if row)
    untouched = len([number for number in range(len(keys)) if number not in corruptions])
    repeated = [name for number, name in corruptions.items() if number < len(keys)].count("repeat")
    if untouched + repeated == 0:
        return
    found = read(tmp_path_factory.mktemp("corrupt"), HEAD + "\n".join(delivered) + "\n")
    assert found.rows == len(found.prices) + len(lost(found)) == count
    assert len(found.prices) == untouched + repeated
    lines = (HEAD + "\n".join(delivered) + "\n").split("\n")
    assert all(text == lines[line - 1] for line, _, _, text in lost(found))


def test_a_row_of_words_without_a_value_is_lost_and_takes_no_price_with_it(tmp_path):
    text = "Date,Open,Close\n2024-01-02,1,2\n2024-01-02,0.24 Dividend,\n2024-01-03,,\n"
    found = read(tmp_path, text, Dialect(symbol="A"))
    assert [row["close"] for row in rows(found.prices)] == [2, None]
    assert [entry[:3] for entry in lost(found)] == [(3, "unreadable-number", "Open")]
