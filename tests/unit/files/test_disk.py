import fcntl
import itertools
import os
from pathlib import Path

import pytest

from conftest import SCRIPTS, command
from kills import full_at_second_sync, killed_at
from pricewright.files.disk import (
    clear_abandoned,
    read_most,
    read_whole,
    sha256,
    whole_file,
    whole_files,
    write_whole,
)
from pricewright.files.errors import Refusal


def test_a_written_file_has_its_bytes_and_nothing_lies_beside_it(tmp_path):
    write_whole(tmp_path / "new" / "a.json", b"[]\n")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]
    assert (tmp_path / "new" / "a.json").read_bytes() == b"[]\n"


def test_an_artifact_is_as_readable_as_any_other_file(tmp_path):
    write_whole(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    write_whole(tmp_path / "a", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize("part", ["pricewright.files.disk.tempfile.mkstemp", "os.replace"])
def test_an_error_names_the_file_that_was_to_be_written(tmp_path, monkeypatch, part):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied", ".a.xyz.tmp")

    monkeypatch.setattr(part, denied)
    with pytest.raises(PermissionError) as caught:
        write_whole(tmp_path / "a", b"x")
    assert caught.value.filename == str(tmp_path / "a")


def test_a_full_disk_is_named_by_the_file_that_was_to_be_written(tmp_path):
    with pytest.raises(OSError, match="No space left") as caught, whole_file(tmp_path / "a"):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(tmp_path / "a")
    with pytest.raises(ConnectionResetError) as caught, whole_file(tmp_path / "a"):
        raise ConnectionResetError(104, "Connection reset by peer")
    assert caught.value.filename is None
    with pytest.raises(OSError, match="No such file") as caught, whole_file(tmp_path / "a"):
        (tmp_path / "another").read_bytes()
    assert caught.value.filename == str(tmp_path / "another")


def test_death_at_each_step_of_a_write_leaves_one_whole_version(tmp_path):
    found = []
    for step in itertools.count(1):
        folder = tmp_path / str(step)
        write_whole(folder / "a", b"old")
        died = killed_at(step, folder, lambda path=folder / "a": write_whole(path, b"new"))
        found.append((folder / "a").read_bytes())
        if not died:
            break
    assert len(found) > 2, "nothing was interrupted"
    assert found == sorted(found, reverse=True)
    assert set(found) == {b"old", b"new"}


def test_of_several_files_none_takes_its_name_before_all_are_on_the_disk(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        write_whole(path, b"old")

    def write_both() -> None:
        with whole_files(paths) as files:
            for file in files:
                file.write(b"new")

    with full_at_second_sync(), pytest.raises(OSError, match="No space"):
        write_both()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a": b"old",
        "b": b"old",
    }
    write_both()
    assert [path.read_bytes() for path in paths] == [b"new", b"new"]


def test_who_writes_next_removes_what_killed_writers_left(tmp_path):
    for step in itertools.count(1):
        died = killed_at(step, tmp_path, lambda: write_whole(tmp_path / "a", b"killed"))
        if not died:
            break
    killed_at(3, tmp_path, lambda: write_whole(tmp_path / "a", b"killed"))
    killed_at(3, tmp_path, lambda: write_whole(tmp_path / "b", b"killed"))
    left = [path.name[:3] for path in tmp_path.iterdir() if path.suffix == ".tmp"]
    assert sorted(left) == [".a.", ".b."]
    write_whole(tmp_path / "a", b"new")
    assert sorted(path.name[:3] for path in tmp_path.iterdir()) == [".b.", "a"]


def test_what_is_being_written_is_not_removed_nor_anything_else_that_looks_like_it(tmp_path):
    others = {".a.tmp", ".a.b.abcdefgh.tmp", ".a.abcdefgh", "a.abcdefgh.tmp", ".a.abc-efgh.tmp"}
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / ".a.linkedto.tmp").symlink_to(tmp_path / ".a.tmp")
    with whole_file(tmp_path / "a") as file:
        file.write(b"first")
        write_whole(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert {path.name for path in tmp_path.iterdir()} == others | {"a", ".a.linkedto.tmp"}


def test_where_there_are_no_locks_files_are_written_and_nothing_is_removed(tmp_path, monkeypatch):
    (tmp_path / ".a.abcdefgh.tmp").touch()

    def no_locks(descriptor, how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    write_whole(tmp_path / "a", b"new")
    assert {path.name for path in tmp_path.iterdir()} == {"a", ".a.abcdefgh.tmp"}


def test_a_file_that_is_removed_before_its_writer_has_the_lock_is_made_once_more(
    tmp_path, monkeypatch
):
    lock = fcntl.flock

    def late(descriptor, how):
        monkeypatch.setattr(fcntl, "flock", lock)
        clear_abandoned(tmp_path, "a")
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    write_whole(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a folder"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(tmp_path, make, sentence):
    path = tmp_path / "prices.json"
    make(path)
    with pytest.raises(Refusal, match=f"{path}: {sentence}"):
        read_whole(path)


def test_the_digest_is_sha256():
    assert sha256(b"abc").startswith(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_a_path_may_be_given_as_text(tmp_path):
    write_whole(str(tmp_path / "a"), b"x")
    assert read_whole(Path(tmp_path / "a")) == b"x"


@pytest.mark.parametrize(
    "read",
    [
        "from pricewright.files.disk import read_regular as read",
        "from pricewright.files.documents import read_strict as read",
    ],
)
def test_a_small_file_is_read_where_there_is_no_room_for_the_largest_that_is_allowed(
    tmp_path, read
):
    (tmp_path / "small.json").write_text("{}")
    small = f"""
import resource, sys
from pathlib import Path
sys.path.insert(0, {str(SCRIPTS)!r})
{read}
resource.setrlimit(resource.RLIMIT_AS, (500_000_000, 500_000_000))
read(Path("small.json"))
"""
    outcome = command("-c", small, cwd=tmp_path)
    assert outcome.code == 0, outcome.stderr


def test_a_file_that_grows_while_it_is_read_is_read_to_its_end_and_not_beyond_the_limit(tmp_path):
    (tmp_path / "grows").write_bytes(b"12345678")
    for size, largest, expected in ((8, 9, 8), (3, 9, 8), (3, 6, 7), (8, 6, 7), (8, 8, 8)):
        with (tmp_path / "grows").open("rb") as file:
            assert read_most(file, size, largest) == b"12345678"[:expected]
