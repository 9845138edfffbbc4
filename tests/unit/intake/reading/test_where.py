"""Rows that are left out by `source.where`: counted, and nothing else."""

import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from deliveries import in_pieces, lost, read, rows
from file_formats import excel, parquet
from pricewright.files.errors import Refusal
from pricewright.intake.reading.dialect import Dialect

TITLES = ("Date", "Symbol", "SERIES", "Close", "Board")
TABLE = [
    ("2024-01-01", "A", "EQ", 1.0, 1),
    ("2024-01-01", "A", "BE", 2.0, 1),
    ("2024-01-01", "B", "EQ", 3.0, 2),
    ("2024-01-02", "A", " EQ ", 4.0, 1),
    ("2024-01-02", "B", None, 5.0, 1),
]
EQ = Dialect(where={"SERIES": ["EQ"]})


def coded_parquet():
    columns = dict(zip(TITLES, map(list, zip(*TABLE, strict=True)), strict=True))
    return parquet(columns | {"SERIES": pa.array(columns["SERIES"]).dictionary_encode()})


def text(delimiter=","):
    lines = [TITLES, *TABLE]
    return "\n".join(delimiter.join("" if x is None else str(x) for x in row) for row in lines)


FORMATS = {
    "csv": text,
    "json": lambda: json.dumps([dict(zip(TITLES, row, strict=True)) for row in TABLE]),
    "excel": lambda: excel(TITLES, *TABLE),
    "parquet": coded_parquet,
}


@pytest.mark.parametrize("form", FORMATS)
def test_rows_with_other_values_are_left_out_and_counted_in_every_format(tmp_path, form):
    found = read(tmp_path, FORMATS[form](), EQ)
    assert [row["close"] for row in rows(found.prices)] == [1, 4, 3]
    assert (found.rows, found.left_out, found.in_bars, lost(found)) == (5, 2, 3, [])


@pytest.mark.parametrize("form", FORMATS)
def test_several_columns_must_all_have_one_of_their_values(tmp_path, form):
    both = Dialect(where={"SERIES": ["EQ", ""], "Board": ["1"]})
    found = read(tmp_path, FORMATS[form](), both)
    assert [row["close"] for row in rows(found.prices)] == [1, 4, 5]


@pytest.mark.parametrize("form", FORMATS)
def test_rows_can_be_chosen_by_a_column_that_is_read_as_well(tmp_path, form):
    found = read(tmp_path, FORMATS[form](), Dialect(where={"Symbol": ["B", "C"]}))
    assert [row["close"] for row in rows(found.prices)] == [3, 5]


def test_what_is_left_out_is_not_looked_at(tmp_path):
    found = read(tmp_path, text().replace("2024-01-01,A,BE,2.0", "today,?,BE,x"), EQ)
    assert (found.left_out, lost(found)) == (2, [])


def test_a_row_that_cannot_be_read_is_quarantined_whatever_it_would_say(tmp_path):
    found = read(tmp_path, text() + "\n2024-01-03,A,BE", EQ)
    assert (found.rows, found.left_out) == (6, 2)
    assert lost(found) == [(7, "field-count", None, "2024-01-03,A,BE")]


def test_the_share_that_may_be_lost_is_one_of_the_rows_that_are_looked_at(tmp_path):
    content = text().replace("EQ,1.0", "EQ,x").replace("EQ,3.0", "EQ,x")
    found = read(tmp_path, content, EQ)
    with pytest.raises(Refusal, match="2 of the 3 rows cannot be kept"):
        found.check_share(0.5, "prices.csv")


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(Refusal) as refusal:
        read(tmp_path, text(), Dialect(where={"Series": ["EQ"]}))
    assert str(refusal.value) == (
        "prices.csv:1: there is no column 'Series', the file has "
        "Date, Symbol, SERIES, Close, Board; correct source.where."
    )


def test_a_filter_that_leaves_out_every_row_is_refused(tmp_path):
    with pytest.raises(Refusal) as refusal:
        read(tmp_path, text(), Dialect(where={"SERIES": ["eq"]}))
    assert str(refusal.value) == ("prices.csv: source.where leaves out all 5 rows; correct it.")


def test_a_wide_file_is_filtered_by_a_column_that_is_no_symbol(tmp_path):
    content = "Date,kind,USD,JPY\n2024-01-01,bid,1,10\n2024-01-01,ask,2,20\n2024-01-02,bid,3,x\n"
    found = read(tmp_path, content, Dialect(layout="wide", where={"kind": ["bid"]}))
    assert [row["close"] for row in rows(found.prices)] == [10, 1, 3]
    assert (found.rows, found.left_out, found.quarantine.count) == (6, 2, 1)


def test_several_threads_and_pieces_leave_out_the_same(tmp_path, monkeypatch):
    in_pieces(monkeypatch, 20)
    found = read(tmp_path, text(), EQ, threads=3)
    assert [row["close"] for row in rows(found.prices)] == [1, 4, 3]
    assert (found.rows, found.left_out) == (5, 2)
