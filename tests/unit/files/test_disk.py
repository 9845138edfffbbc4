import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import SCRIPTS
from pricewright.files.disk import read_whole, sha256, write_whole
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


WRITER = """
import sys
from itertools import cycle
from pathlib import Path
from pricewright.files.disk import write_whole

print("ready", flush=True)
for letter in cycle(b"AB"):
    write_whole(Path("a"), bytes([letter]) * 400_000)
"""


def test_a_writer_killed_at_any_moment_leaves_one_whole_version(tmp_path):
    versions = [bytes([letter]) * 400_000 for letter in b"AB"]
    write_whole(tmp_path / "a", versions[0])
    moments, seen = random.Random(7), set()
    for _ in range(40):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
            stdout=subprocess.PIPE,
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(moments.uniform(0.0, 0.02))
        writer.kill()
        writer.communicate()
        content = (tmp_path / "a").read_bytes()
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
    write_whole(str(tmp_path / "a"), b"x")
    assert read_whole(Path(tmp_path / "a")) == b"x"
