"""Killed at any instruction, out of space at any byte, fifty at once: production is whole."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from firm import Firm
from kills import DONE, begun, killed_at_each_step
from pricewright.files.errors import Refusal
from pricewright.releases import history, retention, store
from pricewright.releases import release as releasing
from pricewright.releases.history import releases_folder
from pricewright.releases.switch import recover
from pricewright.signoffs import ledger, statements


@pytest.fixture(autouse=True)
def each_signature_is_checked_once(monkeypatch):
    """OpenSSH says the same each time, and to ask it is most of the work of a release."""
    monkeypatch.setattr(statements, "_checked", cache(statements._checked))


@pytest.fixture
def ready(firm, tmp_path):
    """A release in production, and the sign-offs for another; a small workflow, to be quick."""
    firm.workflow = tmp_path / "workflow"
    (firm.workflow / "rules").mkdir(parents=True)
    for name, text in {"Snakefile": "rule all:\n", "files.txt": "Snakefile\n"}.items():
        (firm.workflow / name).write_text(text)
    firm.signed_release(0)
    firm.signed(1)
    return firm


@pytest.fixture
def ready_to_go_back(ready):
    """Two releases, and the sign-off to go back to the first."""
    first = ready.current
    ready.release()
    ready.wait(minutes=1)
    ready.sign_release("reviewer", first)
    return ready


def copied(firm: Firm, name: str) -> Firm:
    """The same office elsewhere."""
    return moved(firm, shutil.copytree(firm.root, firm.root.with_name(name), symlinks=True))


def moved(firm: Firm, root: Path) -> Firm:
    """An office whose files are in another folder."""
    other = object.__new__(Firm)
    other.__dict__ |= firm.__dict__ | {"root": root}
    return other


def check_whole(firm: Firm, before: str) -> None:
    """What holds at every instant: the link points at a whole release, which is on record."""
    current = firm.current
    store.open_release(releases_folder(firm.root), current)
    if current != before:
        entries = ledger.read(firm.root / "ledger")
        begun = [entry for entry in entries if entry.event in ("release", "rollback")]
        assert begun[-1].fields["release"] == current


def check_settled(firm: Firm, after: str) -> None:
    """What holds after the next command: all that was begun is ended, nothing is left of it."""
    assert firm.current == after
    assert history.verify_releases(firm.root) == []
    assert ledger.verify(firm.root / "ledger", history.seen_by_releases(firm.root)) == []
    events = firm.events()
    assert events[0::2] == [event for event in events if event in ("release", "rollback")]
    names = {path.name for path in firm.production.iterdir()}
    assert names == {"current", "releases", ".lock"}
    assert all(len(path.name) == 64 for path in releases_folder(firm.root).iterdir())


@pytest.fixture
def untidy(ready, monkeypatch):
    """Three releases, of which the first, `first`, is to be packed, and may be dropped."""
    monkeypatch.setattr(store, "LARGE", 1000)
    with monkeypatch.context() as patch:
        patch.setattr(releasing, "tidy", lambda *arguments, **options: None)
        ready.first = ready.current
        ready.release()
        ready.wait(days=10)
        ready.signed_release(2)
    return ready


def left_by_kills(firm: Firm, work, name: str = "killed") -> Iterator[Firm]:
    """The same office as its work leaves it that is killed at one of its steps, for each; last as
    the work leaves it that comes to its end."""
    working = copied(firm, f"{name}-working")
    copies = firm.root.with_name(name)
    for root in killed_at_each_step(working.root, lambda: work(working), copies):
        yield moved(firm, root)
        store.discard_release(root)
    shutil.rmtree(copies)
    shutil.rmtree(working.root)


def set_right(firm: Firm, work, mend, name: str = "killed", least: int = 10) -> Iterator[Firm]:
    """The office after its work was killed at one of its steps and `mend` has set it right; once
    for all kills after which the next release finds the same."""
    seen: set[frozenset] = set()
    states = 0
    for left in left_by_kills(firm, work, name):
        states += 1
        mend(left)
        found = frozenset(
            (
                path.relative_to(left.root),
                path.lstat().st_mode,
                path.is_file() and path.read_bytes(),
            )
            for part in ("production", "ledger", "signoffs")
            for path in (left.root / part).rglob("*")
        )
        if found not in seen:
            seen.add(found)
            yield left
    assert states > least, "nothing was interrupted"


def ends(ready, switch, end):
    """Kill a switch of releases at each of its steps: the next command, `end`, returns what is in
    production then. Returns whether production was as before, for each state it was left in."""
    before, found = ready.current, []
    for firm in left_by_kills(ready, switch):
        check_whole(firm, before)
        found.append(firm.current == before)
        after = end(firm)
        assert after != before
        check_settled(firm, after)
        assert len(firm.released()) == 2
    return found


def test_killed_at_each_step_of_a_release_the_next_command_finishes_or_undoes_it(ready):
    found = ends(ready, Firm.release, Firm.release)
    assert len(found) > 30, "nothing was interrupted"
    assert set(found) == {True, False}


def test_killed_at_each_step_of_a_rollback_the_next_command_finishes_or_undoes_it(
    ready_to_go_back,
):
    before = ready_to_go_back.current
    (first,) = set(ready_to_go_back.released()) - {before}
    found = ends(
        ready_to_go_back,
        lambda firm: firm.roll_back("previous"),
        lambda firm: firm.roll_back(first),
    )
    assert len(found) > 5, "nothing was interrupted"
    assert set(found) == {True, False}


@pytest.mark.parametrize("keep_days", [None, 5], ids=["packs", "drops"])
def test_killed_while_it_tidies_up_every_release_is_whole_and_the_next_goes_on(untidy, keep_days):
    def tidied(firm):
        assert history.verify_releases(firm.root) == []
        retention.tidy(firm.root, keep_days, who="author", clock=firm.clock)

    for firm in set_right(untidy, tidied, tidied):
        check_settled(firm, firm.release())
        folder = releases_folder(firm.root) / firm.first
        if keep_days is None:
            assert {path.name for path in folder.iterdir()} >= {"model.json.zst", "evidence.zip"}
            assert not (folder / "model.json").exists()
        else:
            assert not folder.exists()
        events = [entry.event for entry in ledger.read(firm.root / "ledger")]
        assert events.count("dropped") == (keep_days is not None)


def test_killed_while_it_unpacks_a_release_that_is_whole(untidy):
    def unpacked(firm):
        assert history.verify_releases(firm.root) == []
        store.unpack_release(releases_folder(firm.root), untidy.first)

    retention.tidy(untidy.root, None, who="author", clock=untidy.clock)
    for firm in set_right(untidy, unpacked, unpacked):
        assert not list((releases_folder(firm.root) / firm.first).glob("*.zst"))
        check_settled(firm, firm.release())


def test_killed_at_each_step_of_the_recovery_the_next_one_recovers(ready):
    def recovered(firm):
        check_whole(firm, ready.current)
        recover(firm.root, firm.clock)

    seen = set()
    for firm in left_by_kills(ready, Firm.release):
        found = (firm.current, len(firm.released()), tuple(firm.events()))
        if found in seen or firm.events()[-1] != "release":
            continue
        seen.add(found)
        for each in set_right(firm, recovered, recovered, "again", least=3):
            check_settled(each, each.current)
            check_settled(each, each.release())
        if len(seen) == 3:
            break
    assert len(seen) == 3, "on record, in the store, linked"


def test_fifty_releases_at_once_are_one(ready):
    before = ready.current
    children = [begun(ready.release) for _ in range(50)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes.count(DONE) >= 1
    assert ready.current != before
    assert ready.events() == ["release", "smoke-test-passed"] * 2
    check_settled(ready, ready.current)


def test_who_comes_second_says_so_and_does_nothing(ready, monkeypatch):
    before = ready.tree()

    def meanwhile(*arguments):
        with pytest.raises(Refusal, match="another release or rollback is under way"):
            ready.release()
        with pytest.raises(Refusal, match="another release or rollback is under way"):
            ready.roll_back("previous")
        assert ready.tree() == before
        raise OSError("enough")

    monkeypatch.setattr(store, "prepare_release", meanwhile)
    with pytest.raises(OSError, match="enough"):
        ready.release()


def test_releases_and_rollbacks_at_once_come_one_after_the_other(ready_to_go_back):
    firm = ready_to_go_back
    firm.train(2)
    children = [begun(lambda: firm.roll_back("previous")) for _ in range(15)]
    children += [begun(firm.release) for _ in range(15)]
    for child in children:
        os.waitpid(child, 0)
    check_settled(firm, firm.current)


@pytest.fixture
def small_disk(ready, tmp_path):
    """The same office on a file system of a few megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,nr_inodes=400", "none", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"this user may not mount a file system: {mounted.stderr.strip()}")
    yield moved(ready, shutil.copytree(ready.root, disk / "firm", symlinks=True))
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def free(disk):
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_a_full_disk_leaves_production_as_it_was(small_disk, what):
    firm, disk = small_disk, small_disk.root.parent
    before, failures, left = firm.current, 0, 0
    filler = disk / "filler"
    while True:
        filler.mkdir()
        if what == "bytes":
            (filler / "bytes").write_bytes(b"x" * max(free(disk) - left * 4096, 0))
        else:
            for number in range(os.statvfs(disk).f_favail - left):
                (filler / str(number)).touch()
        with contextlib.suppress(OSError):
            firm.release()
        failures += firm.current == before
        assert ledger.verify(firm.root / "ledger") == []
        check_whole(firm, before)
        shutil.rmtree(filler)
        if firm.current != before:
            break
        left += 1
    assert failures > 10
    check_settled(firm, firm.release())
