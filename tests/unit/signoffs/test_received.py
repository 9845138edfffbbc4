"""What was received, by the ledger and by the archive."""

import json
import shutil
from dataclasses import replace

import pytest

from inbox import Inbox
from pricewright.files.disk import file_sha256
from pricewright.intake import patches
from pricewright.intake.archive import Archive
from pricewright.signoffs import ledger
from pricewright.signoffs.received import changed_archives, lost_bytes, record_received


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """An inbox of which three whole deliveries are on record, each replacing the one before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(patches, "LEAST", 1)
    inbox = Inbox(tmp_path)
    lines = [f"2024-01-{day:02},A,{day},1\n" for day in range(1, 29)]
    for days in (26, 27, 28):
        inbox.deliver("".join(lines[:days]))
        inbox.take()
        record_received(tmp_path, inbox.archive, "ann")
    return inbox


def found(inbox):
    entries = ledger.read(inbox.folder / "ledger")
    received = inbox.folder / "received"
    told = inbox.folder, received, entries
    return [*changed_archives(*told), *lost_bytes(*told)]


def test_each_acceptance_is_on_record_once(recorded):
    record_received(recorded.folder, recorded.archive, "ann")
    entries = ledger.read(recorded.folder / "ledger")
    assert [entry.event for entry in entries] == ["received"] * 3
    accepted = recorded.archive.acceptances()
    assert [entry.fields["acceptance"] for entry in entries] == [each.sha256 for each in accepted]
    assert entries[-1].fields["deliveries"] == [
        {"place": each.place, "sha256": each.sha256, "bytes": each.bytes}
        for each in accepted[-1].deliveries
    ]
    assert found(recorded) == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_record_of_restatements_that_was_edited_is_named(recorded, number):
    path = recorded.archive.history / f"{number:04}.json"
    document = json.loads(path.read_text())
    path.chmod(0o644)
    path.write_text(json.dumps(document | {"restatements": [{"what": "nothing"}]}))
    (problem,) = found(recorded)
    place = recorded.archive.history if number == 3 else path
    assert problem.startswith(str(place))
    assert "restore" in problem


def test_a_record_that_was_written_anew_throughout_is_named(recorded):
    paths = sorted(recorded.archive.history.glob("*.json"))
    before = None
    for path in paths:
        document = json.loads(path.read_text()) | {"restatements": [], "previous": before}
        path.chmod(0o644)
        path.write_text(json.dumps(document))
        before = file_sha256(path)
    (problem,) = found(recorded)
    assert "lacks what the ledger says was received on " in problem
    assert "(line 1)" in problem


def test_records_of_an_older_version_name_none_before_them(recorded):
    path = recorded.archive.history / "0001.json"
    document = json.loads(path.read_text())
    del document["previous"]
    path.chmod(0o644)
    path.write_text(json.dumps(document))
    following = recorded.archive.history / "0002.json"
    rest = json.loads(following.read_text())
    del rest["previous"]
    following.chmod(0o644)
    following.write_text(json.dumps(rest))
    (recorded.archive.history / "0003.json").unlink()
    assert len(recorded.archive.acceptances()) == 2


def kept(inbox):
    """The files of the received bytes: whole ones, and differences."""
    return sorted(path for path in (inbox.folder / "received").iterdir() if path.is_file())


def test_received_bytes_are_kept_whole_and_as_differences(recorded):
    assert {path.suffix for path in kept(recorded)} == {"", ".zst"}


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("loss", ["gone", "changed"])
def test_lost_or_changed_bytes_are_named_with_all_that_depends_on_them(recorded, place, loss):
    path = kept(recorded)[place]
    path.chmod(0o644)
    if loss == "gone":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    problems = found(recorded)
    lost = path.name.partition(".")[0]
    assert any(lost in problem for problem in problems)
    assert all("are missing or were changed: " in each for each in problems)


def test_a_line_that_no_run_wrote_so_is_passed_over(recorded):
    ledger.append(recorded.folder / "ledger", "received", source="in")
    record_received(recorded.folder, recorded.archive, "ann")
    assert found(recorded) == []


def test_lost_bytes_are_named_if_no_line_was_left_when_they_were_received(inbox):
    for days in (3, 4):
        inbox.deliver("".join(f"2024-01-{day:02},A,{day},1\n" for day in range(1, days)))
        inbox.take()
    record_received(inbox.folder, inbox.archive, "ann")
    first = inbox.archive.known()[0]
    inbox.archive.path(first.sha256).unlink()
    (problem,) = found(inbox)
    assert first.sha256 in problem


def test_a_zip_archive_that_several_files_came_in_is_missed_too(inbox):
    inbox.deliver("2024-01-02,A,1,1\n2024-01-03,A,2,1\n")
    inbox.take()
    accepted = inbox.archive.acceptances()[0]
    around = [replace(each, packed_in="1" * 64) for each in accepted.deliveries]
    (inbox.archive.history / "0001.json").unlink()
    inbox.archive.accept(replace(accepted, deliveries=around))
    record_received(inbox.folder, inbox.archive, "ann")
    (problem,) = found(inbox)
    assert "1" * 64 in problem
    assert "the archive around it" in problem


def test_what_another_config_keeps_in_another_folder_is_not_missed(recorded):
    here, elsewhere = recorded.archive, Archive(recorded.folder / "other", "in")
    recorded.archive = elsewhere
    recorded.deliver(f"2024-02-01,B,{1},1\n2024-02-02,B,2,1\n")
    recorded.take()
    record_received(recorded.folder, elsewhere, "ann")
    assert found(recorded) == []
    shutil.rmtree(elsewhere.folder)
    first, *rest = found(recorded)
    assert first.startswith(str(here.history))
    assert len(rest) == 1
