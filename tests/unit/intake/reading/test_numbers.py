import math
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pricewright.intake.reading.dialect import Marks
from pricewright.intake.reading.numbers import is_multiple, parse_numbers
from pricewright.intake.reading.proposals import marks

PLAIN = Marks(missing_markers=("", "N/A"))
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def one(text, marks=PLAIN, beside=()):
    """What becomes of a text: its value, None if missing, or the reason that it is no number."""
    found = parse_numbers(pa.array([*beside, text, *beside], pa.string()), marks)
    row = len(beside)
    if found.unreadable[row] or found.infinite[row]:
        assert np.isnan(found.values[row])
        assert not (found.unreadable[row] and found.infinite[row])
        return "unreadable" if found.unreadable[row] else "infinite"
    return None if np.isnan(found.values[row]) else float(found.values[row])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("007", 7.0),
        ("-1.5", -1.5),
        ("+1.5", 1.5),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        (" 1.5\t", 1.5),
        ("0.1", 0.1),
        ("123456789.123456789", 123456789.123456789),
        ("1e-999", 0.0),
        ("9" * 400, "infinite"),
        ("1e999", "infinite"),
        ("-1e999", "infinite"),
        ("", None),
        ("N/A", None),
        (" N/A ", None),
        (None, None),
        ("n/a", "unreadable"),
        ("nan", "unreadable"),
        ("NaN", "unreadable"),
        ("inf", "unreadable"),
        ("Infinity", "unreadable"),
        ("0x10", "unreadable"),
        ("1_000", "unreadable"),
        ("1,5", "unreadable"),
        ("1,000", "unreadable"),
        ("1 000", "unreadable"),
        ("1\u00a0000", "unreadable"),
        ("\u00a01", 1.0),
        ("\u22121.5", -1.5),
        ("(1.5)", -1.5),
        ("(-1.5)", "unreadable"),
        ("62.38M", "unreadable"),
        ("\u0661\u0662", "unreadable"),  # Arabic digits
        ("\uff11", "unreadable"),  # a full-width digit
        ("$1", "unreadable"),
        ("1%", "unreadable"),
        ("--1", "unreadable"),
        ("1-", -1.0),
        ("1/2", "unreadable"),
        ("1.2.3", "unreadable"),
        ("1e", "unreadable"),
        ("1e1.5", "unreadable"),
        (".", "unreadable"),
        ("-", "unreadable"),
        ("1\n", "unreadable"),
        ("1\0", "unreadable"),
        ("true", "unreadable"),
    ],
)
@pytest.mark.parametrize("beside", [(), ("2.5",), ("", "1e5"), ("x", "7", "1.2.3")])
def test_a_text_is_a_number_exactly_or_none(text, value, beside):
    assert one(text, beside=beside) == value


@example(["00-", "5-", "1e5-", "5--", "1-2-"])
@given(st.lists(st.text(alphabet="0123456789.-+eE/ nNaAif,_", max_size=8), max_size=6))
def test_what_is_read_is_what_python_reads_in_what_looks_like_a_number(texts):
    found = parse_numbers(pa.array(texts, pa.string()), PLAIN)
    for row, text in enumerate(texts):
        bare = re.sub(r"^(\d(?:.*\d)?)-$", r"-\1", text.strip(" \t"))  # a minus behind it
        if bare in ("", "N/A") or not NUMBER.fullmatch(bare):
            assert np.isnan(found.values[row])
            assert found.unreadable[row] == (bare not in ("", "N/A"))
        elif math.isinf(float(bare)):
            assert found.infinite[row]
        else:
            assert found.values[row] == float(bare)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_every_digit_counts(values):
    found = parse_numbers(pa.array([repr(value) for value in values], pa.string()), PLAIN)
    assert found.values.tolist() == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,5", 1234.5),
        ("1.234.567", 1234567.0),
        ("-12,5", -12.5),
        ("1234,5", 1234.5),
        ("1,5e3", 1500.0),
        ("1.5", "unreadable"),
        ("12.34", "unreadable"),
        ("1.2345", "unreadable"),
        (".234", "unreadable"),
        ("1,234.5", "unreadable"),
        ("1,2,3", "unreadable"),
    ],
)
def test_marks_stand_where_they_must(text, value):
    assert one(text, Marks(",", ".")) == value


@pytest.mark.parametrize("mark", [",", " ", "'", "_"])
def test_every_thousands_mark_groups_three_digits(mark):
    marks = Marks(".", mark)
    assert one(f"1{mark}234.5", marks) == 1234.5
    assert one(f"1{mark}23", marks) == "unreadable"
    assert one(f"{mark}123", marks) in ("unreadable", 123.0 if mark == " " else None)


def test_numbers_of_a_number_type_are_taken_as_they_are():
    found = parse_numbers(pa.array([1.5, None, math.nan, math.inf, -math.inf]), PLAIN)
    assert found.values[0] == 1.5
    assert np.isnan(found.values[1:]).all()
    assert found.infinite.tolist() == [False, False, False, True, True]
    assert parse_numbers(pa.array([1, None, 3]), PLAIN).values[2] == 3.0


def test_a_part_of_a_column_is_read_like_a_column():
    column = pa.array(["x", "1.5", "-2", "", "3"]).slice(1, 3)
    assert parse_numbers(column, PLAIN).values.tolist()[:2] == [1.5, -2.0]


@pytest.mark.parametrize(
    ("text", "marks", "value"),
    [
        ("$129.62", Marks(unit="$"), 129.62),
        ("129.62 $", Marks(unit="$"), 129.62),
        ("-$1.5", Marks(unit="$"), -1.5),
        ("$-1.5", Marks(unit="$"), -1.5),
        ("($1.5)", Marks(unit="$"), -1.5),
        ("$1,234.5", Marks(thousands=",", unit="$"), 1234.5),
        ("4.25%", Marks(unit="%"), 4.25),
        ("EUR 1,5", Marks(decimal=",", unit="EUR"), 1.5),
        ("€1.5", Marks(unit="$"), "unreadable"),
        ("$", Marks(unit="$"), "unreadable"),
        ("1 234,5", Marks(",", " "), 1234.5),
        ("1\u00a0234,5", Marks(",", " "), 1234.5),
        ("1\u202f234\u2009567", Marks(",", " "), 1234567.0),
        ("1\u2019234.5", Marks(".", "'"), 1234.5),
        ("12,34,567.8", Marks(".", ","), 1234567.8),
        ("1,2,345", Marks(".", ","), "unreadable"),
    ],
)
def test_units_and_typographic_marks_are_what_people_mean_by_them(text, marks, value):
    assert one(text, marks) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("62.38M", 62_380_000.0),
        ("1.1k", 1100.0),
        ("2B", 2e9),
        ("1,234.5K", 1_234_500.0),
        ("1,234.5 Tsd", 1_234_500.0),
        ("1.5 Mio.", 1_500_000.0),
        ("2 Mrd", 2e9),
        ("2 Mark", None),
        ("M", None),
    ],
)
def test_a_volume_may_be_given_in_millions(text, value):
    found = parse_numbers(pa.array([text]), Marks(thousands=","), multiples=True)
    assert found.unreadable.tolist() == [value is None]
    assert value is None or found.values.tolist() == [value]


@given(st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.booleans())))
def test_a_number_that_the_file_holds_is_that_number_whatever_marks_are_declared(cells):
    column = pa.array([repr(number) if typed else "1.085" for number, typed in cells], pa.string())
    typed = np.array([typed for _, typed in cells], dtype=bool)
    found = parse_numbers(column, Marks(",", "."), typed)
    assert found.values.tolist() == [number if typed else 1085.0 for number, typed in cells]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3,10-", -3.1),
        ("1.250,00-", -1250.0),
        ("3,10- EUR", -3.1),
        ("12,-", "unreadable"),
        ("-3,10-", "unreadable"),
        ("1-2", "unreadable"),
    ],
)
def test_a_minus_behind_a_number_is_its_sign(text, value):
    assert one(text, Marks(decimal=",", thousands=".", unit="EUR")) == value


@pytest.mark.parametrize("texts", [["121'160", "120'317"], ["121'16", "7"], ["99-00+"]])
def test_points_and_32nds_are_never_read_as_thousands_unasked(texts):
    assert marks(texts, Marks()) == []
    assert [way.thousands for way in marks([*texts, "1'234"], Marks())] in ([], ["'"])


def test_a_sign_that_multiplies_is_never_proposed_as_a_unit():
    assert marks(["1.2 Mio", "3.4 Mio"], Marks()) == []
    assert [way.unit for way in marks(["1.2 kr", "3.4 kr"], Marks())] == ["kr"]
    assert [sign for sign in ("Mrd", "M", "kr", "%", "EUR") if is_multiple(sign)] == ["Mrd", "M"]


@pytest.mark.parametrize("text", ["--", "\\N", "#N/A N/A", "NULL", "."])
def test_what_databases_and_terminals_write_for_no_value_is_none(text):
    assert one(text, Marks()) is None
