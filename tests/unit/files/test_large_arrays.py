import errno
import os
from dataclasses import dataclass

import numpy as np
import pytest

from pricewright.files import large_arrays
from pricewright.files.large_arrays import Shelf, joined, new_array


@dataclass(frozen=True)
class Inner:
    values: np.ndarray


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    by_name: dict
    listed: list


@pytest.fixture
def large(monkeypatch, tmp_path):
    """Whatever is above 8 kB is large; the folder of the files."""
    monkeypatch.setattr(large_arrays, "LARGE", 2**13)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def on_disk(folder):
    """The bytes of files without a name that this process has mapped from a folder."""
    with open("/proc/self/maps") as maps:
        lines = [line.split() for line in maps if str(folder) in line and "(deleted)" in line]
    spans = [[int(end, 16) for end in line[0].split("-")] for line in lines]
    return sum(end - begin for begin, end in spans)


def test_a_large_array_lies_in_a_file_without_a_name(large):
    small, found = new_array(10), new_array((100, 50), np.float32)
    assert small.shape == (10,)
    assert found.shape == (100, 50)
    assert found.dtype == np.float32
    assert on_disk(large) == 20480
    assert list(large.iterdir()) == []
    found[...] = np.arange(5000).reshape(100, 50)
    assert found.sum() == 4999 * 5000 / 2
    del found
    assert on_disk(large) == 0


def test_arrays_are_joined_one_after_the_other(large):
    parts = [np.arange(count, dtype=np.int32) for count in (3000, 0, 1)]
    assert joined(iter(parts), 3001, np.int32).tolist() == [*range(3000), 0]
    assert joined([], 0).tolist() == []


def test_what_is_on_the_shelf_is_what_was_put_there(large):
    numbers, few = np.arange(6000.0).reshape(2, 3000), np.arange(3)
    value = Outer("a", Inner(numbers.T), {"x": numbers, "few": few}, [numbers[0].copy(), "text"])
    shelf = Shelf()
    found = shelf.put(value)
    assert on_disk(large) > 0
    assert found.name == "a"
    assert found.listed[1] == "text"
    assert found.by_name["few"] is few
    for one, other in (
        (found.inner.values, numbers.T),
        (found.by_name["x"], numbers),
        (found.listed[0], numbers[0]),
    ):
        assert np.array_equal(one, other)
        assert one.dtype == other.dtype
        assert not np.shares_memory(one, other)
    found.listed[0][:] = 0  # and can be written to
    again = shelf.put(Inner(numbers[1].copy()))
    assert np.array_equal(again.values, numbers[1])
    assert found.listed[0].sum() == 0


def test_the_first_things_on_the_shelf_are_left_in_memory(large):
    shelf, kept = Shelf(), []
    for _ in range(3):
        one = np.ones(1000 if not kept else 600)
        kept.append((one, shelf.put(one)))
    assert [one is found for one, found in kept] == [True, False, False]


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_where_no_file_has_room_arrays_are_in_memory(large, monkeypatch, trouble):
    def refuse(*_):
        raise OSError(trouble, os.strerror(trouble))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    found, one = new_array(5000), np.ones(5000)
    found[:] = 1
    assert Shelf().put(one) is one
    assert found.sum() == 5000
    assert on_disk(large) == 0


def test_where_no_room_can_be_reserved_arrays_are_in_memory(large, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    one = np.ones(5000)
    assert Shelf().put(one) is one
    assert new_array(5000).shape == (5000,)
    assert on_disk(large) == 0


def test_where_there_is_no_folder_arrays_are_in_memory(large, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(large / "nowhere"))
    one = np.ones(5000)
    assert new_array(5000).shape == (5000,)
    assert Shelf().put(one) is one
