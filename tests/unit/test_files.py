import os
import random
import signal
import time
from pathlib import Path

import pytest

from pricewright.errors import Refusal
from pricewright.files import read_whole, sha256, write_whole


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


def test_a_writer_killed_at_any_moment_leaves_one_whole_version(tmp_path):
    target = tmp_path / "a"
    versions = [bytes([65 + number]) * 400_000 for number in range(2)]
    write_whole(target, versions[0])
    moments = random.Random(7)
    seen = set()
    for _ in range(60):
        writer = os.fork()
        if not writer:
            while True:
                for version in versions:
                    write_whole(target, version)
        time.sleep(moments.uniform(0.0, 0.02))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        content = target.read_bytes()
        assert content in versions
        seen.add(content)
    assert len(seen) == 2, "the writers were killed before they wrote anything"


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
    write_whole(str(tmp_path / "a"), b"x")  # type: ignore[arg-type]
    assert read_whole(Path(tmp_path / "a")) == b"x"
