"""What is kept of deliveries: their bytes, their order, and a snapshot of what they came to."""

import errno
import os
import shutil
import tempfile

import pytest

from deliveries import HEAD
from inbox import closes
from pricewright.files.errors import Refusal
from pricewright.intake.deliveries import load_snapshot


def test_the_bytes_are_kept_under_their_sha256_before_anything_reads_them(inbox):
    inbox.deliver("nonsense\n")
    with pytest.raises(Refusal, match=r"in/prices\.csv:2"):
        inbox.take()
    [kept] = [path for path in inbox.archive.folder.iterdir() if len(path.name) == 64]
    assert kept.read_text() == HEAD + "nonsense\n"
    assert kept.stat().st_mode & 0o777 == 0o444
    assert inbox.archive.known() == []


@pytest.mark.parametrize("trouble", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_written_to_is_not_blamed_on_the_delivery(
    inbox, monkeypatch, trouble
):
    def refuse(*, dir, **_):
        asked.append(dir)
        raise OSError(trouble, os.strerror(trouble), f"{dir}/.arriving.abcdefgh.tmp")

    asked = []
    inbox.deliver("2024-01-01,A,1,1\n")
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(Refusal, match=f"^{inbox.archive.folder}: cannot be written to .*; make it"):
        inbox.take()
    assert asked == [inbox.archive.folder]  # once, for it stays so


def test_a_file_in_the_place_of_the_folder_is_named(inbox):
    inbox.deliver("2024-01-01,A,1,1\n")
    inbox.archive.folder.touch()
    with pytest.raises(Refusal, match=f"^{inbox.archive.folder}: cannot be .*make it a folder"):
        inbox.take()


def test_bytes_that_are_gone_from_the_archive_are_asked_for_again(inbox):
    inbox.deliver("2024-01-01,A,1,1\n")
    first = inbox.take()
    kept = inbox.archive.path(inbox.archive.known()[0].sha256)
    kept.unlink()
    assert closes(inbox.take()) == closes(first)
    assert kept.exists()
    assert len(inbox.archive.known()) == 1


@pytest.mark.parametrize("mode", ["whole", "parts", "append"])
def test_kept_bytes_that_were_changed_are_refused_until_they_are_put_back_or_removed(inbox, mode):
    inbox.deliver("2024-01-01,A,1,1\n", "a.csv")
    first = inbox.take(mode)
    kept = inbox.archive.path(inbox.archive.known()[0].sha256)
    content = kept.read_bytes()
    kept.chmod(0o644)
    kept.write_bytes(content.replace(b"A,1", b"A,2"))
    with pytest.raises(Refusal, match=f"{kept.name}: not the bytes that were received;"):
        inbox.take(mode)
    if mode != "whole":  # nor is anything added to them
        inbox.deliver("2024-01-01,B,1,1\n", "b.csv")
        with pytest.raises(Refusal, match=f"{kept.name}: not the bytes that were received;"):
            inbox.take(mode)
        (inbox.folder / "in" / "b.csv").unlink()
    kept.unlink()
    assert closes(inbox.take(mode)) == closes(first)
    kept.chmod(0o644)
    kept.write_bytes(b"damaged")
    kept.write_bytes(content)
    assert closes(inbox.take(mode)) == closes(first)


def test_with_kept_bytes_that_were_changed_a_whole_delivery_is_not_compared_and_that_is_said(
    inbox, caplog
):
    inbox.deliver("2024-01-01,A,1,1\n")
    inbox.take()
    kept = inbox.archive.path(inbox.archive.known()[0].sha256)
    kept.chmod(0o644)
    kept.write_text("damaged")
    inbox.deliver("2024-01-01,A,2,1\n")
    (entry,) = inbox.take().restatements
    [warning] = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert warning.startswith("in/prices.csv: not compared with the delivery before, and ")
    assert f"{kept.name}: not the bytes that were received" in warning
    assert entry["what"] == "not-compared"
    assert "not the bytes that were received" in entry["why"]


@pytest.mark.parametrize("checkpoint", ["prices.parquet", "prices.json"])
@pytest.mark.parametrize("mode", ["whole", "parts", "append"])
def test_a_snapshot_saves_reading_and_changes_nothing(inbox, files_read, mode, checkpoint):
    inbox.deliver("2024-01-01,A,1,1\n2024-01-02,A,,1\n2024-01-02,A,x,1\n", "day-1.csv")
    inbox.save(inbox.take(mode), checkpoint)
    inbox.deliver("2024-01-02,A,2,1\n2024-01-03,A,3,1\n", "day-2.csv")
    taken = inbox.take(mode)
    output = inbox.save(taken, checkpoint)
    assert files_read == ["in/day-1.csv", "in/day-2.csv"]
    written = output.read_bytes()
    for file in inbox.snapshot.iterdir():
        file.unlink()
    again = inbox.take(mode)
    inbox.save(again, checkpoint)
    assert output.read_bytes() == written
    assert again.facts == taken.facts
    assert again.state.superseded == taken.state.superseded


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"key": 1}', None])
def test_a_snapshot_that_cannot_be_read_is_made_again(inbox, content):
    inbox.deliver("2024-01-01,A,1,1\n")
    taken, folder = inbox.take(), inbox.snapshot
    inbox.save(taken)
    if content is None:  # something else is in its place
        shutil.rmtree(folder)
        folder.touch()
    else:
        (folder / "snapshot.json").write_text(content)
        (folder / "prices.parquet").unlink()
        (folder / "prices.parquet").mkdir()
    assert load_snapshot(folder, taken.key) is None
    assert closes(inbox.take()) == closes(taken)
    inbox.save(taken)
    assert load_snapshot(folder, taken.key) is not None


@pytest.mark.parametrize("content", ["", "[1", "{}", '{"deliveries": [{"byte3": 1}]}', None])
def test_an_order_that_was_changed_or_has_a_gap_is_refused(inbox, content):
    for close in (1, 2, 3):
        inbox.deliver(f"2024-01-01,A,{close},1\n")
        inbox.take()
    first, second, third = sorted(inbox.archive.history.glob("*.json"))
    kept = second.read_text()
    if content is None:
        second.unlink()
    else:
        second.write_text(content)
    with pytest.raises(Refusal, match=r"0002\.json: (missing|not as).*; restore it from a"):
        inbox.take()
    assert (first.exists(), third.exists()) == (True, True)
    second.write_text(kept)
    assert len(inbox.take().restatements) == 2


def test_a_snapshot_whose_bytes_were_changed_is_not_used(inbox):
    inbox.deliver("2024-01-01,A,1,1\n")
    taken, folder = inbox.take(), inbox.snapshot
    inbox.save(taken)
    assert load_snapshot(folder, taken.key) is not None
    assert load_snapshot(folder, lambda: "another key") is None
    for name in ("prices.parquet", "origins.parquet"):
        content = (folder / name).read_bytes()
        for damaged in (content[:10] + b"?" + content[11:], content[:20], b"", None):
            (folder / name).unlink()  # the prices share their bytes with the checkpoint
            if damaged is not None:
                (folder / name).write_bytes(damaged)
            assert load_snapshot(folder, taken.key) is None
        (folder / name).write_bytes(content)
        assert load_snapshot(folder, taken.key) is not None


def test_what_a_killed_run_was_receiving_is_gone_after_the_next(inbox):
    inbox.deliver("2024-01-01,A,1,1\n")
    inbox.archive.folder.mkdir()
    (inbox.archive.folder / ".arriving.abcdefgh.tmp").touch()
    inbox.take()
    assert not list(inbox.archive.folder.glob(".*"))
