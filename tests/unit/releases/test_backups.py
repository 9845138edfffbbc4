"""A backup of one moment beside files of another: nothing is built on the older one."""

import contextlib

import pytest

from monitor import monitor
from pricewright.commands import sign as signing
from pricewright.files.errors import Refusal
from pricewright.releases import store, switch
from pricewright.releases.history import (
    check_link,
    describe_switches,
    releases_folder,
    verify_releases,
)
from pricewright.releases.link import set_link
from pricewright.releases.models import FOLDER, record_training
from pricewright.releases.release import Unsigned
from pricewright.signoffs import ledger


@pytest.fixture
def cut(firm):
    """Two releases, and an older ledger: `older` lines of it are left, `whole` is all of it."""
    firm.first = firm.signed_release(0)
    firm.older = firm.ledger_file.read_bytes()
    firm.wait(minutes=1)
    firm.second = firm.signed_release(1)
    firm.whole = firm.ledger_file.read_bytes()
    firm.wait(minutes=1)
    firm.ledger_file.write_bytes(firm.older)
    return firm


def refused(firm, act) -> str:
    """The sentence with which something is refused; nothing on record or in production changed."""
    before = firm.tree()
    with pytest.raises(Refusal) as refusal:
        act()
    after = firm.tree()
    before.pop(str(firm.production / ".lock"))
    after.pop(str(firm.production / ".lock"))
    assert after == before
    return str(refusal.value)


def sign_as_typed(firm, monkeypatch, *gate, **options):
    """What `pricewright sign` does."""
    monkeypatch.setattr(signing, "config_of_run", lambda *given: (firm.config, []))
    with contextlib.chdir(firm.root):
        signing.sign(*gate, key=firm.keys["reviewer"], yes=True, **options)


def test_with_an_older_ledger_every_command_names_that_first_and_changes_nothing(cut, monkeypatch):
    lines = cut.older.count(b"\n")
    said = {
        refused(cut, cut.release),
        refused(cut, lambda: cut.roll_back(cut.first)),
        refused(cut, lambda: cut.roll_back(cut.second)),
        describe_switches(cut.root).splitlines()[0].strip(),
    }
    (sentence,) = said
    assert sentence.startswith(f"{cut.ledger_file}: has {lines} lines, but production/releases/")
    assert "it was cut, or an older copy was put back; restore " in sentence
    assert sentence in verify_releases(cut.root)
    typed = [("deploy", cut.first), ("metrics", None)]
    for gate, release in typed:
        why = refused(cut, lambda g=gate, r=release: sign_as_typed(cut, monkeypatch, g, release=r))
        assert "it was cut" in why
    cut.ledger_file.write_bytes(cut.whole)
    assert verify_releases(cut.root) == []
    assert cut.release() == cut.second


def test_with_an_older_ledger_nothing_is_forecast_and_the_watch_says_why(cut, tmp_path):
    ledger_before = cut.ledger_file.read_bytes()
    found = tmp_path / "monitor.json"
    monitor(cut.root / "results/prices_clean.json", found, project=cut.root)
    assert '"colour": "red"' in found.read_text()
    assert "nothing is forecast: " in found.read_text()
    assert "it was cut" in found.read_text()
    assert cut.ledger_file.read_bytes() == ledger_before
    assert not (cut.production / "forecasts").exists()


def test_a_ledger_that_lacks_no_more_than_the_last_release_was_cut_too(cut):
    """That release saw all the lines that are left."""
    lines = cut.whole.splitlines(keepends=True)
    cut.ledger_file.write_bytes(b"".join(lines[:-2]))
    assert b'"release"' in lines[-2]
    assert "does not record the release of production/releases/" in refused(cut, cut.release)


def test_an_older_ledger_that_grew_since_has_another_line(cut):
    while len(ledger.read(cut.root / "ledger")) < cut.whole.count(b"\n"):
        ledger.append(cut.root / "ledger", "intake", clock=cut.clock)
    assert "differs from what production/releases/" in refused(cut, cut.release)


def test_with_an_older_ledger_no_model_is_dropped_that_may_have_been_signed(cut):
    old = cut.root / FOLDER / f"{'0' * 64}.json.zst"
    old.parent.mkdir(parents=True, exist_ok=True)
    old.write_bytes(b"")
    document = {"acceptance": {"accepted": True, "criteria": {}}, "mode": "train"}
    document |= {"cutoff": "2026-01-01", "symbols": [], "scored_model": None}
    model = cut.root / "results/model.json"
    record_training(cut.root, model, document, author=None, keep_models=0, clock=cut.clock)
    assert old.exists()


def test_a_statement_that_saw_another_ledger_is_no_sign_of_a_cut(firm):
    """On another machine, the second of two statements sees the line of the first."""
    firm.signed_release(0)
    lines = firm.ledger_file.read_bytes()
    firm.signed(1)
    firm.ledger_file.write_bytes(lines)
    assert check_link(firm.root, ledger.read(firm.root / "ledger")) == firm.current


def test_a_statement_that_was_sent_from_another_machine_counts(firm):
    firm.signed_release(0)
    firm.train(1)
    firm.wait(minutes=1)
    for gate in ("source", "metrics", "report", "deploy"):
        firm.sign_elsewhere("reviewer", gate)
    assert firm.release() == firm.current


def test_where_no_backup_has_the_lines_the_releases_that_saw_them_are_moved_out(cut, tmp_path):
    """Then the older ledger counts again: docs/signoffs.md says so."""
    (releases_folder(cut.root) / cut.second).rename(tmp_path / "aside")
    assert cut.roll_back(cut.first) == cut.current == cut.first


def lose(firm):
    store.discard_release(releases_folder(firm.root) / firm.second)


def damage(firm):
    model = releases_folder(firm.root) / firm.second / "model.json"
    model.chmod(0o644)
    model.write_bytes(b"{}")


@pytest.fixture(params=[lose, damage], ids=["missing", "damaged"])
def older(firm, request):
    """Two releases, and an older production/ in which the second is lost; no backup has it."""
    firm.first, firm.second = firm.signed_release(0), firm.signed_release(1)
    firm.wait(minutes=1)
    request.param(firm)
    set_link(firm.production, firm.first)
    firm.how = {"lose": "missing", "damage": "damaged"}[request.param.__name__]
    return firm


def on_record(firm, event, caplog):
    """The loss is a warning, and is in the line of the switch; `verify` goes on to name it."""
    begun = [entry for entry in ledger.read(firm.root / "ledger") if entry.event == event][-1]
    assert begun.fields["replaces"] == firm.second
    assert begun.fields["replaced_was"] == firm.how
    (warning,) = [line for line in caplog.messages if firm.second[:12] in line]
    assert f"{firm.second[:12]}…, which this replaces in production, is {firm.how}" in warning
    (problem,) = verify_releases(firm.root)
    assert firm.second in problem
    assert problem in describe_switches(firm.root).splitlines()[0] or firm.how == "damaged"


def test_if_the_release_in_production_is_lost_a_signed_rollback_is_the_way_on(older, caplog):
    with pytest.raises(Unsigned):
        older.roll_back(older.first)
    older.sign_release("reviewer", older.first)
    assert older.roll_back(older.first) == older.first == older.current
    on_record(older, "rollback", caplog)


def test_if_the_release_in_production_is_lost_a_signed_model_is_the_way_on(older, caplog):
    older.train(2)
    with pytest.raises(Unsigned):
        older.release()
    older.wait(minutes=1)
    older.sign_all("reviewer")
    assert older.release() == older.current
    on_record(older, "release", caplog)


def test_what_people_signed_for_the_lost_release_is_enough_to_release_its_files_again(older):
    assert older.release() == older.current != older.second
    assert older.release() == older.current


def test_a_link_to_a_release_whose_folder_is_gone_bars_no_other_release(firm, caplog):
    firm.first = firm.second = firm.signed_release(0)
    lose(firm)
    firm.how = "missing"
    firm.wait(minutes=1)
    firm.signed(1)
    assert firm.release() == firm.current
    on_record(firm, "release", caplog)


def test_a_lost_release_itself_is_not_gone_back_to_nor_signed_for(older, monkeypatch):
    assert older.second in refused(older, lambda: older.roll_back(older.second))
    said = refused(older, lambda: sign_as_typed(older, monkeypatch, "deploy", release=older.second))
    assert older.second in said


def test_status_says_that_people_can_go_on_without_the_lost_release(older):
    told = describe_switches(older.root).splitlines()[0]
    assert f"which is {older.how} too, from a backup; then `pricewright rollback" in told
    assert "if no backup has it, release another model or roll back to another release" in told


def test_a_link_that_no_release_made_is_removed_first_even_if_the_release_is_lost(older):
    (older.production / "current").unlink()
    (older.production / "current").symlink_to("elsewhere")
    assert "remove it" in refused(older, older.release)


def test_if_the_new_release_fails_its_test_too_the_link_stays_where_it_was(older, monkeypatch):
    def broken(*given):
        raise switch.SmokeFailure("it smokes.")

    older.sign_release("reviewer", older.first)
    with monkeypatch.context() as patch:
        patch.setattr(switch, "smoke_test", broken)
        with pytest.raises(switch.SmokeFailure):
            older.roll_back(older.first)
    assert older.current == older.first
    older.wait(minutes=1)
    assert older.roll_back(older.first) == older.first


def test_after_a_loss_status_still_names_a_change_of_the_release_in_production(older):
    older.sign_release("reviewer", older.first)
    older.roll_back(older.first)
    report = releases_folder(older.root) / older.first / "report.txt"
    report.chmod(0o644)
    report.write_bytes(b"")
    assert "report.txt: was changed" in describe_switches(older.root).splitlines()[0]
