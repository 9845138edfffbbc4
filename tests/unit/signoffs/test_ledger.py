import errno
import itertools
import json
import multiprocessing
import os
from datetime import UTC, datetime, timedelta

import pytest

from kills import killed_at
from pricewright.files.disk import sha256
from pricewright.files.errors import Refusal
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import EMPTY, Seen

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def noon():
    return NOON


@pytest.fixture
def folder(tmp_path):
    """A ledger of five lines."""
    for number in range(1, 6):
        ledger.append(tmp_path / "ledger", "run", who="ann", clock=noon, number=number)
    return tmp_path / "ledger"


def lines(folder):
    return (folder / "ledger.jsonl").read_bytes().splitlines(keepends=True)


def rewrite(folder, content):
    (folder / "ledger.jsonl").write_bytes(b"".join(content))


def rechained(content, begin):
    """Lines from number `begin` on, each with the right digest of the one before."""
    made = content[: begin - 1]
    for number, line in enumerate(content[begin - 1 :], begin):
        document = json.loads(line)
        document["sequence"] = number
        document["previous"] = sha256(made[-1][:-1]) if made else EMPTY
        made.append(json.dumps(document, separators=(",", ":")).encode() + b"\n")
    return made


def test_a_line_says_what_happened_when_and_by_whom_and_names_the_line_before(folder):
    found = [json.loads(line) for line in lines(folder)]
    assert found[2] == {
        "sequence": 3,
        "time": "2026-01-05T12:00:00Z",
        "event": "run",
        "who": "ann",
        "previous": sha256(lines(folder)[1].rstrip(b"\n")),
        "number": 3,
    }
    assert found[0]["previous"] == EMPTY
    assert ledger.read(folder)[-1].digest == sha256(lines(folder)[-1].rstrip(b"\n"))
    assert [entry.fields["number"] for entry in ledger.read(folder)] == [1, 2, 3, 4, 5]
    assert ledger.verify(folder) == []


def test_a_ledger_that_is_not_there_is_an_empty_one(tmp_path):
    assert ledger.read(tmp_path) == []
    assert ledger.verify(tmp_path, [Seen("ann", 0, EMPTY)]) == []


def test_whoever_does_not_say_who_they_are_goes_by_their_login(tmp_path, monkeypatch):
    monkeypatch.setenv("LOGNAME", "carol")
    assert ledger.append(tmp_path, "run").who == "carol"


@pytest.mark.parametrize("name", ["sequence", "time", "previous"])
def test_an_event_cannot_overwrite_what_is_the_ledgers_own(tmp_path, name):
    with pytest.raises(ValueError, match="a field that every line of the ledger has"):
        ledger.append(tmp_path, "run", **{name: "x"})


def test_what_json_cannot_say_is_not_written(folder):
    before = lines(folder)
    with pytest.raises(ValueError, match="JSON"):
        ledger.append(folder, "run", value=float("nan"))
    assert lines(folder) == before


def test_text_of_any_kind_stays_on_its_line(tmp_path):
    odd = 'two\nlines, "quoted", \u2028, \x00 and é'
    ledger.append(tmp_path, "run", comment=odd)
    ledger.append(tmp_path, "run")
    assert ledger.read(tmp_path)[0].fields["comment"] == odd
    assert ledger.verify(tmp_path) == []


def test_a_torn_last_line_is_set_aside_and_put_on_record(folder):
    whole = lines(folder)
    torn = whole[-1][:-9]
    rewrite(folder, [*whole[:-1], torn])
    assert len(ledger.read(folder)) == 4
    assert ledger.verify(folder) == []
    said = ledger.describe_torn(folder)
    assert f"ledger.jsonl:{len(whole)}: ends after {len(torn)} bytes" in said
    added = ledger.append(folder, "release", clock=noon)
    assert [entry.event for entry in ledger.read(folder)[-2:]] == ["torn", "release"]
    assert added.sequence == 6
    (kept,) = folder.glob("torn-*")
    assert kept.read_bytes() == torn
    assert ledger.read(folder)[-2].fields["sha256"] == sha256(torn)
    assert lines(folder)[:4] == whole[:4]
    assert ledger.describe_torn(folder) == ""
    assert ledger.verify(folder) == []


def test_a_torn_line_is_set_aside_by_a_user_without_a_name_too(folder, monkeypatch):
    def nobody():
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    rewrite(folder, [*lines(folder)[:-1], lines(folder)[-1][:-9]])
    ledger.append(folder, "run", clock=noon)
    assert [entry.who for entry in ledger.read(folder)[-2:]] == ["unknown", "unknown"]


@pytest.mark.parametrize("cut", [1, 40])
def test_a_ledger_that_is_only_a_torn_line_begins_anew(folder, cut):
    rewrite(folder, [lines(folder)[0][:cut]])
    ledger.append(folder, "run", clock=noon)
    assert [entry.event for entry in ledger.read(folder)] == ["torn", "run"]
    assert ledger.verify(folder) == []


def swapped(content):
    return [content[0], content[2], content[1], *content[3:]]


def edited(content):
    return [*content[:2], content[2].replace(b'"ann"', b'"bob"'), *content[3:]]


@pytest.mark.parametrize(
    ("minutes", "named"),
    [
        ([0, 5, -5, 60], []),
        ([0, 60, 49, 45, 61, 51], [3]),
        ([0, 60, 49, 61, 0, 0, 62], [3, 5]),
        ([0, 9999, 60, 70, 80], [3]),  # a clock that was wrong once spoils nothing that follows
    ],
)
def test_a_line_that_is_older_than_the_one_before_it_is_named(tmp_path, minutes, named):
    for minute in minutes:
        ledger.append(tmp_path, "run", clock=lambda at=minute: NOON + timedelta(minutes=at))
    found = ledger.backdated(ledger.read(tmp_path))
    assert [each.split(":")[0] for each in found] == [f"line {n} of the ledger" for n in named]


def test_a_line_that_is_no_json_is_to_be_restored_not_corrected(folder):
    with pytest.raises(Refusal, match=r"ledger\.jsonl:3: not an entry .*; restore the ledger"):
        ledger.parse_entry(b"rubbish", f"{folder}/ledger.jsonl:3")


def test_a_time_that_is_none_is_no_line(folder):
    for time in ("2026-13-05T12:00:00Z", "2026-01-05", "now"):
        text = lines(folder)[0].replace(b"2026-01-05T12:00:00Z", time.encode())
        with pytest.raises(Refusal, match="not an entry"):
            ledger.parse_entry(text[:-1], f"{folder}/ledger.jsonl:1")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (edited, 3),
        (swapped, 2),
        (lambda content: [*content[:2], *content[3:]], 3),
        (lambda content: [*content[:3], content[2], *content[3:]], 3),
        (lambda content: content[1:], 1),
        (lambda content: [*content[:2], b"rubbish\n", *content[3:]], 3),
        (lambda content: [*content[:2], b"\n", *content[2:]], 3),
        (lambda content: [*content[:2], b"{}\n", *content[3:]], 3),
        (lambda content: [b'{"sequence":1,' + content[0][1:], *content[1:]], 1),
        (lambda content: [*content[:4], b"\0" * 50 + b"\n"], 5),
    ],
    ids=[
        *["edited", "reordered", "taken-out", "twice", "first-cut", "rubbish", "empty"],
        *["not-ours", "key-twice", "zeros"],
    ],
)
def test_verify_says_from_which_line_on_a_changed_ledger_shows_nothing(folder, change, line):
    rewrite(folder, change(lines(folder)))
    (problem,) = ledger.verify(folder)
    assert f"rom line {line} on it proves nothing" in problem
    assert "\n" not in problem


def seen(folder):
    """Two statements that saw lines 2 and 4."""
    entries = ledger.read(folder)
    return [Seen("a.json", 2, entries[1].digest), Seen("b.json", 4, entries[3].digest)]


def test_a_ledger_that_was_cut_or_is_gone_no_longer_fits_whoever_saw_the_lines(folder):
    saw = seen(folder)
    assert ledger.verify(folder, saw) == []
    rewrite(folder, lines(folder)[:3])
    assert ledger.verify(folder) == []
    (problem,) = ledger.verify(folder, saw)
    assert "has 3 lines, but b.json saw 4: it was cut" in problem
    assert "from line 4 on it is lost" in problem
    assert "from line 3 on nothing proves" in problem
    (folder / "ledger.jsonl").unlink()
    assert "has 0 lines, but a.json saw 2" in ledger.verify(folder, saw)[0]


@pytest.mark.parametrize("begin", [1, 3])
def test_a_ledger_that_was_rewritten_with_right_digests_no_longer_fits_who_saw_it(folder, begin):
    saw, content = seen(folder), lines(folder)
    content[begin - 1] = content[begin - 1].replace(b'"ann"', b'"bob"')
    rewrite(folder, rechained(content, begin))
    assert ledger.verify(folder) == []
    problems = ledger.verify(folder, saw)
    assert len(problems) == (2 if begin == 1 else 1)
    assert "differs from what b.json saw: it was rewritten" in problems[-1]
    assert f"from line {1 if begin == 1 else 3} on it proves nothing" in problems[-1]


def test_nothing_is_added_to_a_ledger_whose_last_line_is_none(folder):
    rewrite(folder, [*lines(folder)[:4], b"rubbish\n"])
    before = lines(folder)
    with pytest.raises(Refusal, match=r"ledger\.jsonl:5"):
        ledger.append(folder, "release")
    assert lines(folder) == before


@pytest.mark.parametrize("name", ["ledger.jsonl", ".lock"])
def test_a_link_in_place_of_the_ledger_is_not_followed(folder, tmp_path, name):
    planted = tmp_path / "planted"
    (folder / name).rename(planted)
    (folder / name).symlink_to(planted)
    before = planted.read_bytes()
    with pytest.raises((Refusal, OSError), match=r"is a link|symbolic links"):
        ledger.append(folder, "release")
    assert planted.read_bytes() == before
    if name == "ledger.jsonl":
        assert "is a link" in ledger.verify(folder)[0]


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_line_that_does_not_reach_the_disk_was_not_added(folder, monkeypatch, call):
    before, real = lines(folder), os.write

    def half(descriptor, content):
        real(descriptor, bytes(content)[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    def fails(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, half if call == "write" else fails)
    with pytest.raises(OSError, match=r"No space|Input/output"):
        ledger.append(folder, "release")
    monkeypatch.undo()
    assert lines(folder) == before
    assert ledger.append(folder, "release").sequence == 6


def test_a_ledger_that_another_keeps_for_long_is_waited_for_and_then_given_up(folder, monkeypatch):
    monkeypatch.setattr(ledger, "PATIENCE", 0.05)
    with ledger.locked(folder), pytest.raises(TimeoutError, match="another process"):
        ledger.append(folder, "release")
    assert ledger.append(folder, "release").sequence == 6


def append_some(folder, who, count):
    for number in range(count):
        ledger.append(folder, "run", who=who, number=number)


def test_many_writers_at_once_lose_nothing_and_mix_nothing_up(tmp_path):
    spawn = multiprocessing.get_context("fork")
    writers = [spawn.Process(target=append_some, args=(tmp_path, f"w{n}", 12)) for n in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert ledger.verify(tmp_path) == []
    found = ledger.read(tmp_path)
    for number in range(16):
        own = [entry.fields["number"] for entry in found if entry.who == f"w{number}"]
        assert own == list(range(12))


@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
def test_death_at_each_step_of_an_append_leaves_the_lines_before_and_at_most_one_more(
    tmp_path, torn
):
    for step in itertools.count(1):
        folder = tmp_path / str(step)
        ledger.append(folder, "run", who="ann", clock=noon)
        ledger.append(folder, "run", who="ann", clock=noon)
        before = lines(folder)
        if torn:
            rewrite(folder, [*before, b'{"sequence":3,"ti'])
        died = killed_at(step, folder, lambda at=folder: ledger.append(at, "release", who="w"))
        assert ledger.verify(folder) == []
        ledger.append(folder, "run", who="ann", clock=noon)
        assert lines(folder)[:2] == before
        assert ledger.verify(folder) == []
        events = [entry.event for entry in ledger.read(folder)]
        assert events[-1] == "run"
        assert events.count("release") <= 1
        if torn:
            assert b'{"sequence":3,"ti' in {path.read_bytes() for path in folder.glob("torn-*")}
        if not died:
            assert "release" in events
            break
    assert step > (12 if torn else 4), "nothing was interrupted"
