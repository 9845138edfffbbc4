"""Delimited text: records, lines, quotes; and nothing that is not accounted for."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliveries import HEAD, NAMES, WIDE, in_pieces, lost, read, rows
from pricewright.files.errors import Refusal
from pricewright.intake.reading.delimited import text_pieces
from pricewright.intake.reading.dialect import Dialect, Marks

ROW = "2024-01-01,A,1.5,1"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + ROW + "\n",
        HEAD + ROW,
        "\ufeff" + HEAD + ROW + "\n",
        (HEAD + ROW + "\n").replace("\n", "\r\n"),
        (HEAD + ROW + "\n").replace("\n", "\r"),
        "\n\n" + HEAD + "\n\n" + ROW + "\n\n\n",
        "\r\n" + (HEAD + "\n" + ROW + "\n").replace("\n", "\r\n"),
        HEAD.replace("\n", ",\n") + ROW + ",\n",
        HEAD + '"2024-01-01","A","1.5","1"\n',
        ' Date , Ticker,Close,"Volume"\n' + ROW + "\n",
    ],
)
def test_line_ends_marks_blank_lines_and_a_trailing_comma_are_accepted(tmp_path, text):
    found = read(tmp_path, text)
    assert rows(found.prices) == [{"date": "2024-01-01", "symbol": "A", "close": 1.5, "volume": 1}]
    assert found.rows == 1


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_is_declared(tmp_path, delimiter):
    dialect = Dialect(columns=NAMES, delimiter=delimiter)
    found = read(tmp_path, (HEAD + ROW + "\n").replace(",", delimiter), dialect)
    assert found.prices.values["close"].tolist() == [1.5]


MARKS = [",", ";", "\t", "|"]


@pytest.mark.parametrize("delimiter", MARKS)
def test_the_delimiter_is_found_by_the_header_wherever_that_is(tmp_path, delimiter):
    above = "from, the; vendor | and\tothers\n\n"
    found = read(tmp_path, above + (HEAD + ROW + "\n").replace(",", delimiter), Dialect())
    assert found.prices.values["close"].tolist() == [1.5]


@pytest.mark.parametrize("delimiter", MARKS[1:])
def test_without_a_usual_name_the_delimiter_is_that_of_most_lines(tmp_path, delimiter):
    text = "Tag;Kurs\n2024-01-01;1,5\n2024-01-02;2,5\n".replace(";", delimiter)
    dialect = Dialect(
        columns={"date": "Tag", "close": "Kurs"}, symbol="A", marks=Marks(decimal=",")
    )
    assert read(tmp_path, text, dialect).prices.values["close"].tolist() == [1.5, 2.5]


def test_a_comma_is_the_delimiter_of_quoted_numbers_with_a_decimal_comma(tmp_path):
    dialect = Dialect(symbol="A", marks=Marks(decimal=","))
    text = '"Date","Close","Volume"\n"2024-01-02","1,5","7"\n'
    assert rows(read(tmp_path, text, dialect).prices)[0]["close"] == 1.5
    with pytest.raises(Refusal, match="which column holds the date"):
        read(tmp_path, text.replace('"', ""), dialect)


def test_a_delimiter_that_is_declared_is_not_looked_for(tmp_path):
    with pytest.raises(Refusal, match=r"set source\.delimiter: ';'"):
        read(tmp_path, "Date;Close\n2024-01-02;1\n", Dialect(symbol="A", delimiter="|"))


def test_a_quoted_field_may_hold_the_delimiter_quotes_and_line_ends(tmp_path):
    text = (
        'Date,Ticker,Close,Volume,Note\n2024-01-01,A,1,1,"a,b"\n2024-01-02,A,1,1,"say ""a""\nb"\n'
    )
    found = read(tmp_path, text + "2024-01-03,A,x,1,c\n2024-01-04,A,1,1,d\n")
    assert lost(found) == [(5, "unreadable-number", "Close", "2024-01-03,A,x,1,c")]
    assert len(found.prices) == 3


def test_the_text_of_a_row_with_a_line_end_in_it_is_whole(tmp_path):
    text = 'Date,Ticker,Close,Volume,Note\n2024-01-01,A,x,1,"a\n\nb"\n2024-01-02,A,1,1,"d"\n'
    assert lost(read(tmp_path, text)) == [
        (2, "unreadable-number", "Close", '2024-01-01,A,x,1,"a\n\nb"')
    ]


def test_blanks_before_a_quoted_field_are_none_of_it(tmp_path):
    text = (
        'Date, "Ticker", "Close", "Volume"\n 2024-01-01, "A",   "1.5", 1\n2024-01-02,A, "x" y,1\n'
    )
    found = read(tmp_path, text + '"2024-01-03", "A", "2, 5",1\n')
    assert [row["close"] for row in rows(found.prices)] == [1.5]
    assert lost(found) == [
        (3, "stray-quote", None, '2024-01-02,A, "x" y,1'),
        (4, "unreadable-number", "Close", '"2024-01-03", "A", "2, 5",1'),
    ]


def test_something_behind_the_delimiter_that_ends_the_header_is_a_field_too_many(tmp_path):
    text = "Date,USD,\n2024-01-01,1,\n2024-01-02,2,9\n2024-01-03,3\n"
    assert [entry[:2] for entry in lost(read(tmp_path, text, WIDE))] == [
        (3, "field-count"),
        (4, "field-count"),
    ]


@pytest.mark.parametrize("size", [1, 20, 60, 10_000])
def test_where_a_delivery_is_cut_changes_nothing(tmp_path, monkeypatch, size):
    lines = [
        ROW,
        "",
        "x",
        '2024-01-02,"A\nB",1,1',
        "2024-01-03,A,1\0,1",
        '2024-01-04,"A",1,1',
        "\r",
    ]
    lines += ["2024-01-05,A,x,1", '"2024-01-06",A,1,1', '2024-01-07,A"",1,1', ROW]
    text = HEAD + "\n".join(lines)
    once = read(tmp_path, text)
    in_pieces(monkeypatch, size)
    again = read(tmp_path, text)
    assert (rows(again.prices), lost(again)) == (rows(once.prices), lost(once))
    assert [entry[:2] for entry in lost(once)] == [
        (4, "field-count"),
        (5, "bad-symbol"),
        (7, "nul"),
        (10, "unreadable-number"),
        (12, "stray-quote"),
        (13, "duplicate"),
    ]
    assert once.rows == 9


def test_a_carriage_return_cut_from_its_line_feed_ends_one_line(monkeypatch):
    in_pieces(monkeypatch, 1)
    chunks = [b"a\r", b"\nb\r", b"c\r\n", b"\r"]
    assert b"".join(piece.raw for piece in text_pieces(chunks, "a.csv")) == b"a\r\nb\nc\r\n\n"
    assert next(text_pieces(chunks, "a.csv")).line == 1


def test_a_record_without_end_is_refused_before_it_fills_the_memory(monkeypatch):
    in_pieces(monkeypatch, 1)
    monkeypatch.setattr("pricewright.intake.reading.delimited.LONGEST_RECORD", 100)
    endless = (b'"' if number == 3 else b"abc\n" for number in range(10**9))
    with pytest.raises(Refusal, match=r"a\.csv:4: the record that begins here is longer"):
        list(text_pieces(endless, "a.csv"))


FIELD = st.one_of(
    st.sampled_from(["2024-01-01", "2024-01-02", "A", "B", "1", "2.5", "", "x", "1e999", "-1"]),
    st.text(alphabet='ab1,"\n\r \0\u00e9', max_size=5),
)


@settings(max_examples=150)
@given(
    st.lists(st.lists(FIELD, min_size=3, max_size=5), max_size=8), st.sampled_from(["\n", "\r\n"])
)
def test_every_record_that_a_csv_writer_wrote_is_kept_or_quarantined(
    tmp_path_factory, records, line_end
):
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([HEAD.strip().split(","), *records])
    try:
        found = read(tmp_path_factory.mktemp("csv"), buffer.getvalue())
    except Refusal:
        return  # no row could be kept
    assert len(found.prices) + found.quarantine.count == len(records)


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(alphabet='Date,Ticker\n\r"024-1ABx.\0;', max_size=200).map(str.encode),
        st.text(alphabet='A1,"\n\r', max_size=60).map(
            lambda text: (HEAD + ROW + "\n" + text).encode()
        ),
    )
)
def test_no_bytes_end_in_anything_but_a_refusal_or_rows_that_add_up(tmp_path_factory, delivered):
    try:
        found = read(tmp_path_factory.mktemp("fuzz"), delivered)
    except Refusal:
        return
    assert found.rows == len(found.prices) + len(lost(found))


def test_a_backslash_before_a_quote_is_named_as_what_is_wrong(tmp_path):
    with pytest.raises(Refusal, match="two quotes instead of a backslash and a quote"):
        read(tmp_path, HEAD + '2024-01-02,A,1,"it\\"s"\n')
