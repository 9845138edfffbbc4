import math

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from pricewright.intake.sources import database
from pricewright.intake.sources.database import in_byte_order, json_lines

VALUES = st.none() | st.booleans() | st.text() | st.floats() | st.integers(-(2**63), 2**63 - 1)


def lines(titles, rows):
    return [line for batch in json_lines(titles, rows) for line in batch]


@settings(max_examples=50)
@given(st.lists(st.lists(st.tuples(VALUES, VALUES), min_size=1), max_size=4))
def test_every_row_is_a_line_with_its_values(batches):
    def told(value):
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value

    read = [orjson.loads(line) for line in lines(["b", "a"], batches)]
    rows = [row for batch in batches for row in batch]
    assert [list(record) for record in read] == [["b", "a"]] * len(rows)
    found = [repr(tuple(record.values())) for record in read]
    assert found == [repr(tuple(map(told, row))) for row in rows]


def test_floats_that_json_has_not_are_text_whatever_is_beside_them():
    rows = [(math.nan, 1.0), (1.5, math.inf), (None, "text"), (0.0, -math.inf)]
    assert b"".join(lines(["a", "b"], [rows])) == (
        b'{"a":"nan","b":1.0}\n{"a":1.5,"b":"inf"}\n{"a":null,"b":"text"}\n{"a":0.0,"b":"-inf"}\n'
    )


@settings(max_examples=50)
@given(st.lists(st.lists(st.sampled_from([b"10\n", b"2\n", b"2 \n", b"\xff\n", b"{}\n"]))))
def test_lines_are_in_the_order_of_their_bytes_and_none_is_lost(batches):
    together = sorted(line for batch in batches for line in batch)
    assert b"".join(in_byte_order(batches)) == b"".join(together)


def test_lines_that_do_not_fit_are_sorted_in_parts(monkeypatch):
    numbers = [f"{number * 7919 % 1000:03}\n".encode() for number in range(1000)]
    batches = [numbers[start : start + 10] for start in range(0, 1000, 10)]
    files = []

    def opened():
        files.append(TemporaryFile())
        return files[-1]

    TemporaryFile = database.TemporaryFile
    monkeypatch.setattr(database, "TemporaryFile", opened)
    monkeypatch.setattr(database, "IN_MEMORY", 1000)
    monkeypatch.setattr(database, "_IN_PIECE", 64)
    pieces = list(in_byte_order(batches))
    assert b"".join(pieces) == b"".join(sorted(numbers))
    assert len(files) == 4
    assert all(file.closed for file in files)
    assert max(map(len, pieces)) == 64 * 4
