"""Back to an earlier release: the same switch, with a signature for it, and on record."""

import json
import shutil

import pytest

from people import terms
from pricewright.commands import verify as verifying
from pricewright.commands.history import history
from pricewright.files.errors import Refusal
from pricewright.releases import store, switch
from pricewright.releases.history import (
    describe_switches,
    find_digest,
    releases_folder,
    verify_releases,
)
from pricewright.releases.release import Unsigned
from pricewright.releases.switch import SmokeFailure
from pricewright.signoffs import ledger
from pricewright.signoffs.presentation import signoff_overview


@pytest.fixture
def two(firm):
    """Two releases: their digests are `first` and `second`."""
    firm.first, firm.second = firm.signed_release(0), firm.signed_release(1)
    firm.wait(minutes=1)
    return firm


@pytest.mark.parametrize("to", ["previous", "digest", "beginning"])
def test_an_earlier_release_is_put_back_if_somebody_signs_for_that(two, to):
    two.sign_release("reviewer", two.first)
    named = {"previous": "previous", "digest": two.first, "beginning": two.first[:4]}
    assert two.roll_back(named[to]) == two.first == two.current
    begun, ended = ledger.read(two.root / "ledger")[-2:]
    assert (begun.event, ended.event) == ("rollback", "smoke-test-passed")
    assert begun.fields["release"] == two.first
    assert begun.fields["replaces"] == two.second
    assert set(begun.fields["signoffs"]) >= {"signoffs/deploy/reviewer.json"}
    assert verify_releases(two.root) == []
    two.revoke("reviewer")  # which voids nothing that was released before
    assert verify_releases(two.root) == []


def test_what_is_in_production_is_not_offered_for_release_again(two):
    assert signoff_overview(two.check()).endswith(
        "These files are in production, according to the ledger."
    )
    two.train(0)
    assert "in production" not in signoff_overview(two.check())


def test_without_a_signature_for_it_nothing_is_put_back_and_the_list_says_how(two):
    with pytest.raises(Unsigned) as refusal:
        two.roll_back("previous")
    assert f"pricewright sign deploy --release {two.first[:12]}" in refusal.value.listing()
    assert "metrics" not in refusal.value.listing()
    assert two.current == two.second


@pytest.fixture
def strict(firm):
    """Two releases, where whoever trained a model may not authorise it, and signs that they did;
    for the first one they signed so twice."""
    firm.signoffs["deploy"] = terms(exclude_author=True)
    firm.signed(0)
    firm.sign("author", "author")
    firm.first = firm.release()
    firm.wait(minutes=1)
    firm.sign("author", "author")
    firm.wait(minutes=1)
    firm.signed(1)
    firm.sign("author", "author")
    firm.second = firm.release()
    firm.wait(minutes=1)
    return firm


def test_who_trained_the_earlier_model_may_have_signed_so_again_since(strict):
    strict.sign_release("reviewer", strict.first)
    assert strict.roll_back("previous") == strict.first


def test_who_trained_the_earlier_model_may_have_left(strict):
    strict.name_signers("reviewer", "second")
    strict.sign_release("reviewer", strict.first)
    assert strict.roll_back("previous") == strict.first
    assert verify_releases(strict.root) == []


def test_who_trained_the_earlier_model_may_not_authorise_it_under_another_name(strict):
    strict.name_signers("reviewer", "second")
    strict.name_also("married", "author")
    strict.keys["married"] = strict.keys["author"]
    strict.sign_release("married", strict.first)
    with pytest.raises(Unsigned, match="signatures are missing"):
        strict.roll_back("previous")


def test_who_withdrew_that_they_trained_the_earlier_model_did_not_train_it(firm):
    firm.signoffs["deploy"] = terms(exclude_author=True)
    firm.signed(0)
    firm.sign("author", "author")
    first = firm.release()
    firm.wait(minutes=1)
    firm.sign("author", "author", "withdrawn")
    firm.wait(minutes=1)
    firm.signed(1)
    firm.sign("author", "author")
    firm.release()
    firm.wait(minutes=1)
    firm.sign_release("reviewer", first)
    with pytest.raises(Unsigned, match="signatures are missing"):
        firm.roll_back("previous")


def test_who_trained_the_earlier_model_may_not_authorise_it_though_they_left_and_came_back(strict):
    strict.name_signers("reviewer", "second")
    strict.name_signers("author", "reviewer", "second")
    strict.sign_release("author", strict.first)
    with pytest.raises(Unsigned, match="signatures are missing"):
        strict.roll_back("previous")


def test_a_signature_for_a_rollback_counts_once(two):
    two.sign_release("reviewer", two.first)
    kept = {p: p.read_bytes() for p in (two.root / "signoffs/deploy").iterdir()}
    two.roll_back("previous")
    two.wait(minutes=1)
    two.sign_release("reviewer", two.second)
    two.roll_back(two.second)
    for path, content in kept.items():
        path.write_bytes(content)
    with pytest.raises(Unsigned):
        two.roll_back(two.first)
    assert two.current == two.second


def test_a_rejection_of_the_earlier_release_stands_in_the_way(two):
    two.sign_release("reviewer", two.first)
    two.train(0)
    two.sign("second", "deploy", "rejected", comment="it was wrong")
    with pytest.raises(Unsigned) as refusal:
        two.roll_back("previous")
    assert "second rejects it" in refusal.value.listing()


def test_to_the_release_that_is_there_a_rollback_changes_nothing(two):
    before = two.tree()
    assert two.roll_back(two.second) == two.second
    assert two.tree() == before


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("previous", "there is no release before the one in production"),
        (
            "f" * 64,
            "no release's digest begins with that; name one that `pricewright history --releases`",
        ),
        ("", "found '', but a release's digest needs at least 4 digits"),
        ("398", "found '398', but a release's digest needs"),
        ("../releases", "no release's digest begins with that"),
    ],
)
def test_a_release_that_is_not_there_is_not_gone_back_to(firm, to, sentence):
    firm.signed_release(0)
    with pytest.raises(Refusal, match=sentence):
        firm.roll_back(to)


def test_a_release_that_was_changed_is_not_gone_back_to(two):
    two.sign_release("reviewer", two.first)
    model = releases_folder(two.root) / two.first / "model.json"
    model.chmod(0o644)
    model.write_bytes(model.read_bytes() + b" ")
    with pytest.raises(Refusal, match=r"model\.json: was changed"):
        two.roll_back("previous")
    assert two.current == two.second


def test_a_link_that_was_moved_by_hand_is_put_back_without_a_signature(two):
    link = two.production / "current"
    link.unlink()
    link.symlink_to(f"releases/{two.first}")
    with pytest.raises(Refusal, match=r"but by the ledger release .* is in production"):
        two.release()
    with pytest.raises(Refusal, match="but by the ledger"):
        two.roll_back("previous")
    before = ledger.read(two.root / "ledger")[-1].digest
    two.roll_back(two.second)
    assert two.current == two.second
    assert ledger.read(two.root / "ledger")[-1].digest == before


def test_verify_goes_on_to_find_nothing_wrong_when_a_signer_has_left(two, monkeypatch, capsys):
    two.name_signers("author", "second")
    monkeypatch.chdir(two.root)
    monkeypatch.setattr(verifying, "config_of_run", lambda *given: (two.config, []))
    verifying.verify()
    *void, result = capsys.readouterr().out.splitlines()
    assert len(void) == 4
    assert all("no longer counts, because reviewer is not a signer" in line for line in void)
    assert result.endswith("are intact.")


def moved(firm):
    """Everything that says where production stands, each its own sentence."""
    with pytest.raises(Refusal) as refusal:
        firm.release()
    with pytest.raises(Refusal) as back:
        firm.roll_back("previous")
    told = named(firm)
    assert str(refusal.value) == str(back.value) == told
    return told


def named(firm):
    """The sentence of `status` and `verify` on where production stands."""
    told, *lines = describe_switches(firm.root).splitlines()
    assert "in production by the ledger" in lines[0]
    assert told.strip() in verify_releases(firm.root)
    return told.strip()


@pytest.mark.parametrize("gone", [False, True], ids=["moved", "removed"])
def test_a_link_that_is_not_what_the_ledger_says_is_told_of_by_every_command(two, gone):
    link = two.production / "current"
    link.unlink()
    if not gone:
        link.symlink_to(f"releases/{two.first}")
    sentence = moved(two)
    found = "is missing" if gone else f"points at release {two.first[:12]}…"
    assert sentence.startswith(f"{link}: {found}, but by the ledger")
    assert sentence.endswith(f"`pricewright rollback --to {two.second[:12]}` repairs it.")


def test_a_release_that_an_older_backup_lacks_is_to_be_put_back(two, tmp_path):
    folder = releases_folder(two.root) / two.second
    shutil.move(folder, tmp_path / "kept")
    (two.production / "current").unlink()
    (two.production / "current").symlink_to(f"releases/{two.first}")
    assert f"restore {folder}, which is missing too, from a backup" in named(two)
    with pytest.raises(Refusal, match=r"is missing, but line .* restore it from a backup"):
        two.roll_back(two.second[:12])
    shutil.move(tmp_path / "kept", folder)
    two.roll_back(two.second[:12])
    assert describe_switches(two.root).splitlines()[0].endswith("in production")
    assert verify_releases(two.root) == []


def test_a_release_in_production_whose_folder_alone_is_gone_is_told_of(two):
    store.discard_release(releases_folder(two.root) / two.second)
    told, newest, _ = describe_switches(two.root).splitlines()
    assert told.endswith("records it; restore it from a backup.")
    assert told.strip() in verify_releases(two.root)
    assert newest.endswith("in production by the ledger")


def test_an_older_backup_whose_link_fits_is_told_of_by_the_releases_that_it_lacks(two):
    two.sign_release("reviewer", two.first)
    two.roll_back("previous")
    store.discard_release(releases_folder(two.root) / two.second)
    told, *_ = describe_switches(two.root).splitlines()
    assert f"{two.second}: is missing, but line" in told


@pytest.mark.parametrize("name", ["model.json", "report.txt", "signoffs/deploy/reviewer.json"])
def test_a_change_of_the_release_in_production_is_told_of(two, name):
    path = releases_folder(two.root) / two.second / name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    told, newest, _ = describe_switches(two.root).splitlines()
    assert f"{name}: was changed since the release" in told
    assert newest.endswith("in production by the ledger")


def test_the_newest_are_shown_and_how_to_see_the_others(two, capsys, monkeypatch):
    newest, *earlier = describe_switches(two.root, 1).splitlines()
    assert two.second[:12] in newest
    assert earlier == ["  1 earlier: `pricewright history --releases --limit 2` lists all"]
    monkeypatch.chdir(two.root)
    history(releases=True, limit=2)
    assert capsys.readouterr().out.count("\n") == 2
    history(releases=True, limit=1, format="json")
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["release"], found["outcome"]) == (two.second, "in production")


def test_a_beginning_that_several_have_is_none():
    with pytest.raises(Refusal, match="abcd: the digests of 2 releases begin so; give more digits"):
        find_digest("abcd", ["abcde", "abcdf"], "release", "")


def test_where_the_ledger_says_nothing_of_a_link_nothing_is_gone_back_to(two):
    (two.root / "ledger/ledger.jsonl").unlink()
    with pytest.raises(Refusal, match=r"has 0 lines, but .* it was cut"):
        two.roll_back(two.first)
    assert two.current == two.second


def test_if_the_earlier_release_fails_its_smoke_test_the_later_one_stays(two, monkeypatch):
    two.sign_release("reviewer", two.first)

    def broken(*arguments):
        raise SmokeFailure("it smokes.")

    monkeypatch.setattr(switch, "smoke_test", broken)
    with pytest.raises(SmokeFailure):
        two.roll_back("previous")
    assert two.current == two.second
    assert two.events()[-2:] == ["rollback", "smoke-test-failed"]


def test_a_switch_that_nobody_ended_is_named_until_the_next_one_ends_it(firm):
    firm.signed_release(0)
    ledger.append(firm.root / "ledger", "release", clock=firm.clock, release="f" * 64)
    assert ": begun but not ended\n" in describe_switches(firm.root)
    assert verify_releases(firm.root) == [
        "line 10 of the ledger: a release was begun but not ended; the next release or rollback "
        "ends it."
    ]
    firm.signed_release(1)
    assert verify_releases(firm.root) == []
    assert ": undone\n" in describe_switches(firm.root)
