import errno
import os
import tempfile
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
    large_arrays._at_first_free.cache_clear()
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


def test_a_shelf_has_new_arrays_in_files_once_they_are_many(large):
    shelf = Shelf()
    arrays = [shelf.new_array(1500, np.int32) for _ in range(5)]
    assert on_disk(large) == 4 * 8192  # an array in each, but for the first, which is not much
    for number, array in enumerate(arrays):
        array[...] = np.arange(1500) + number
    assert [array.sum() for array in arrays] == [1500 * 1499 / 2 + 1500 * n for n in range(5)]
    assert shelf.new_array(0, np.int32).shape == (0,)
    assert shelf.new_array(10).dtype == np.float64
    assert on_disk(large) == 4 * 8192


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
    asked = []

    def refuse(*_):
        asked.append(1)
        raise OSError(trouble, os.strerror(trouble))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    found, one, shelf = new_array(5000), np.ones(5000), Shelf()
    found[:] = 1
    assert found.sum() == 5000
    assert [shelf.put(one) is one for _ in range(3)] == [True] * 3
    assert on_disk(large) == 0
    assert len(asked) == 2  # and not again for each thing that comes after


def test_files_take_no_more_than_half_of_what_was_free(large, monkeypatch):
    taken = []
    monkeypatch.setattr(large_arrays, "_free", lambda _: 2**20 - sum(taken))
    monkeypatch.setattr(large_arrays, "_at_first_free", lambda _: 2**20)
    reserve = os.posix_fallocate

    def reserved(number, begin, size):
        taken.append(size)
        reserve(number, begin, size)

    monkeypatch.setattr(os, "posix_fallocate", reserved)
    shelf, kept = Shelf(), []
    for _ in range(200):
        one = np.ones(1000)
        kept.append(shelf.put(one) is one)
    assert 2**18 < sum(taken) <= 2**19
    assert kept == [True, *[False] * (kept.count(False)), *[True] * (kept.count(True) - 1)]


def test_many_things_on_the_shelf_are_in_few_files(large, monkeypatch):
    shelf, before = Shelf(), len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(large_arrays, "SMALL", 8)
    kept = [shelf.put((np.full(50, number), np.arange(3))) for number in range(500)]
    assert len(os.listdir("/proc/self/fd")) - before <= 40
    assert [one[0] for one, _ in kept] == list(range(500))
    assert all(other.tolist() == [0, 1, 2] for _, other in kept)


def test_any_kind_of_numbers_can_be_put_there_and_texts_stay(large):
    days = np.arange(9000).astype("datetime64[D]")
    texts = np.array(["a"] * 9000, dtype=object)
    found = Shelf().put([days, texts, days.reshape(3, 3000).T, days == days[3]])
    assert found[1] is texts
    assert found[0] is not days
    for one, other in zip(
        found, [days, texts, days.reshape(3, 3000).T, days == days[3]], strict=True
    ):
        assert np.array_equal(one, other)
        assert one.dtype == other.dtype


def test_what_the_system_writes_by_halves_is_there_as_a_whole(large, monkeypatch):
    write = os.pwrite

    def half(number, content, at):
        return write(number, content[: len(content) // 2 + 1], at)

    monkeypatch.setattr(os, "pwrite", half)
    assert np.array_equal(Shelf().put(np.arange(5000.0)), np.arange(5000.0))


def test_where_no_room_can_be_reserved_arrays_are_in_memory(large, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    one = np.ones(5000)
    assert Shelf().put(one) is one
    assert new_array(5000).shape == (5000,)
    assert on_disk(large) == 0


def test_a_folder_that_is_in_memory_itself_is_not_taken(large, monkeypatch):
    folders, make = [], tempfile.TemporaryFile

    def made(dir, **options):
        folders.append(dir)
        return make(dir=large, **options)

    monkeypatch.setattr(tempfile, "TemporaryFile", made)
    monkeypatch.setenv("TMPDIR", "/dev/shm")  # of Linux, which is always in memory
    assert large_arrays._is_in_memory("/dev/shm")
    monkeypatch.setattr(large_arrays, "_is_in_memory", lambda folder: folder == "/dev/shm")
    assert new_array(5000).shape == (5000,)
    assert folders == ["/var/tmp"]
    monkeypatch.setattr(large_arrays, "_is_in_memory", lambda _: True)
    assert new_array(5000).shape == (5000,)
    assert folders == ["/var/tmp"]


@pytest.mark.parametrize("folder", ["nowhere", "a_file"])
def test_where_a_folder_is_none_the_next_is_taken(large, monkeypatch, folder):
    (large / "a_file").touch()
    monkeypatch.setenv("TMPDIR", str(large / folder))
    monkeypatch.setattr(large_arrays, "_is_in_memory", lambda _: False)
    assert large_arrays._folder() == "/var/tmp"
    monkeypatch.setattr(os, "access", lambda *_: False)
    one = np.ones(5000)
    assert new_array(5000).shape == (5000,)
    assert Shelf().put(one) is one
