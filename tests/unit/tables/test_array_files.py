"""What one job of a step leaves to another: dataclasses with arrays in them, as a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest

from pricewright.files.errors import Refusal
from pricewright.tables.array_files import read_stored, write_stored
from pricewright.tables.arrays import Days, Flags, Floats


@dataclass(frozen=True)
class Inner:
    numbers: Floats
    some: Sequence[Floats | None]
    kind: Literal["one", "other"]


@dataclass(frozen=True)
class Outer:
    name: str
    count: int
    inner: Inner | None
    days: Days
    flags: Flags
    many: Sequence[Inner]


def value(**changes):
    inner = Inner(np.array([[0.1, np.nan], [-0.0, np.inf]]), [np.arange(3.0), None], "other")
    found = {"name": "Größe", "count": 2**40, "inner": inner, "many": [inner, inner]}
    found |= {"days": np.array([1, 2], dtype=np.int32), "flags": np.array([True, False])}
    return Outer(**(found | changes))


def bytes_of(array):
    return array.dtype, array.shape, array.tobytes()


def test_what_is_read_is_what_was_written_to_the_bit(tmp_path):
    write_stored(tmp_path / "file", value())
    found = read_stored(tmp_path / "file", Outer)
    assert (found.name, found.count, found.inner.kind) == ("Größe", 2**40, "other")
    assert bytes_of(found.inner.numbers) == bytes_of(value().inner.numbers)
    assert bytes_of(found.days) == bytes_of(value().days)
    assert bytes_of(found.flags) == bytes_of(value().flags)
    assert bytes_of(found.many[1].some[0]) == bytes_of(np.arange(3.0))
    assert found.many[1].some[1] is None


def test_nothing_and_no_numbers_are_kept_as_such(tmp_path):
    nothing = value(inner=None, many=[], days=np.empty((0, 3), dtype=np.int32))
    write_stored(tmp_path / "file", nothing)
    found = read_stored(tmp_path / "file", Outer)
    assert (found.inner, len(found.many), found.days.shape) == (None, 0, (0, 3))


def test_columns_that_lie_apart_in_memory_are_stored_as_they_read(tmp_path):
    apart = np.arange(6.0).reshape(2, 3).T
    write_stored(tmp_path / "file", value(inner=Inner(apart, [], "one")))
    np.testing.assert_array_equal(read_stored(tmp_path / "file", Outer).inner.numbers, apart)


def test_the_same_content_makes_the_same_bytes(tmp_path):
    write_stored(tmp_path / "one", value())
    write_stored(tmp_path / "other", read_stored(tmp_path / "one", Outer))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:100],
        lambda content: b"",
        lambda content: b"\xff" * 8 + content[8:],
        lambda content: content.replace(b"inner", b"outer"),
    ],
)
def test_a_file_that_is_not_whole_or_of_another_kind_is_refused(tmp_path, damage):
    write_stored(tmp_path / "file", value())
    (tmp_path / "file").write_bytes(damage((tmp_path / "file").read_bytes()))
    with pytest.raises(
        Refusal, match=r"file: is incomplete or .* \(its SHA-256 does not match\); run the step"
    ):
        read_stored(tmp_path / "file", Outer)


def test_a_file_in_which_any_bit_is_wrong_is_refused(tmp_path):
    write_stored(tmp_path / "file", value())
    whole = (tmp_path / "file").read_bytes()
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(Refusal, match="file: is incomplete or was not written by this version"):
            read_stored(tmp_path / "file", Outer)


def test_a_file_of_another_kind_or_none_is_refused(tmp_path):
    with pytest.raises(Refusal, match="no such file"):
        read_stored(tmp_path / "file", Outer)
    write_stored(tmp_path / "file", value().inner)
    with pytest.raises(Refusal, match="is incomplete"):
        read_stored(tmp_path / "file", Outer)
