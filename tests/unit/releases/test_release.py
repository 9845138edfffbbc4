"""A release: the very bytes that people signed, whole, on record first, and never half."""

import hashlib
import os
import shutil
import stat

import orjson
import pytest

from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import read_model, write_model
from pricewright.releases import release, store, switch
from pricewright.releases.history import releases_folder, verify_releases
from pricewright.releases.release import Unsigned
from pricewright.releases.switch import SmokeFailure
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import state_of
from pricewright.signoffs.signed_files import GATES, digests
from report import report


def test_what_people_signed_is_released_under_the_digest_of_its_manifest(firm):
    firm.sign_all("reviewer")
    digest = firm.release()
    assert os.readlink(firm.production / "current") == f"releases/{digest}"
    folder = firm.production / "current"
    manifest = (folder / "manifest.json").read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == digest
    document = orjson.loads(manifest)
    found = {
        path.relative_to(folder.resolve()).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.resolve().rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert found == document["files"]
    names = {
        "model.json",
        "model_card.md",
        "report.txt",
        "ingest.json",
        "quarantine.json",
        "data_quality.json",
    }
    names |= {"evidence.zip", "policy/policy.json", "policy/signers", "policy/revoked"}
    names |= {f"signoffs/{gate}/reviewer.json" for gate in GATES}
    names |= {f"signoffs/{gate}/reviewer.json.sig" for gate in GATES}
    assert names < found.keys()
    for name, content in firm.covered().items():
        assert (folder / document["covered"][name]).read_bytes() == content
    for path in [folder.resolve(), *folder.resolve().rglob("*")]:  # and every part is read-only
        assert stat.S_IMODE(path.stat().st_mode) == (0o555 if path.is_dir() else 0o444)


def test_a_release_is_on_record_before_and_after_its_smoke_test(firm):
    firm.sign_all("reviewer")
    digest = firm.release()
    begun, ended = ledger.read(firm.root / "ledger")[-2:]
    assert (begun.event, ended.event) == ("release", "smoke-test-passed")
    assert begun.fields["release"] == ended.fields["release"] == digest
    assert begun.fields["replaces"] is None
    assert begun.fields["model"] == digests(firm.covered())["results/model.json"]
    assert set(begun.fields["signoffs"]) == {
        f"signoffs/{gate}/reviewer.json{end}" for gate in GATES for end in ("", ".sig")
    }
    assert state_of(ledger.read(firm.root / "ledger")).release == digest


def test_the_same_bytes_again_change_nothing(firm):
    firm.sign_all("reviewer")
    digest = firm.release()
    before = firm.tree()
    firm.wait(days=100)  # the sign-offs have expired; what they were for stands
    assert firm.release() == digest
    assert firm.tree() == before


def test_what_is_not_signed_is_listed_gate_by_gate_with_the_commands(firm):
    firm.sign("reviewer", "source")
    with pytest.raises(Unsigned) as refusal:
        firm.release()
    listing = refusal.value.listing()
    assert "source   ok       1 of 1, by reviewer" in listing
    for gate in ("metrics", "report", "deploy"):
        assert f"{gate:<8} missing  0 of 1, by nobody" in listing
        assert f"pricewright sign {gate}" in listing
    assert firm.released() == []
    assert firm.current is None
    assert firm.events() == []


def test_a_file_that_is_swapped_after_it_was_checked_is_not_what_is_released(firm, monkeypatch):
    firm.sign_all("reviewer")
    signed = firm.covered()
    check = release.require_decision

    def then_swap(*arguments, **options):
        decision = check(*arguments, **options)
        for name in signed:
            firm.write(name, "planted\n")
        for path in (firm.root / "signoffs").rglob("*.json*"):
            path.write_bytes(b"planted")
        return decision

    monkeypatch.setattr(release, "require_decision", then_swap)
    digest = firm.release()
    manifest, contents = store.open_release(releases_folder(firm.root), digest)
    assert {name: contents[kept] for name, kept in manifest.covered.items()} == signed
    assert b"planted" not in b"".join(contents.values())


def test_a_rejection_at_the_last_moment_stops_the_release(firm, monkeypatch):
    firm.sign_all("reviewer")
    prepare = store.prepare_release

    def then_reject(*arguments):
        firm.sign("second", "report", "rejected", comment="wait")
        return prepare(*arguments)

    monkeypatch.setattr(store, "prepare_release", then_reject)
    with pytest.raises(Unsigned) as refusal:
        firm.release()
    assert "second rejects it" in refusal.value.listing()
    assert firm.current is None
    assert firm.events() == ["release", "undone"]


def test_a_sign_off_that_expires_while_the_release_is_prepared_stops_it(firm, monkeypatch):
    firm.sign_all("reviewer")
    prepare = store.prepare_release

    def slowly(*arguments):
        firm.wait(days=31)
        return prepare(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(store, "prepare_release", slowly)
        with pytest.raises(Refusal, match="does not count: it expired on 2026-02-04T12:00:00Z"):
            firm.release()
    assert firm.current is None
    assert firm.events() == ["release", "undone"]
    assert verify_releases(firm.root) == []


def test_if_the_ledger_cannot_be_written_nothing_is_released(firm, monkeypatch):
    firm.sign_all("reviewer")

    def full(*arguments, **fields):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(switch.ledger, "append", full)
    with pytest.raises(OSError, match="No space left"):
        firm.release()
    assert firm.current is None
    assert list(releases_folder(firm.root).iterdir()) == []


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_if_the_ledger_cannot_tell_of_the_test_the_link_goes_back(firm, monkeypatch, first):
    before = None if first else firm.signed_release(1)
    firm.train(0)
    firm.sign_all("reviewer")
    append = ledger.append

    def failing(folder, event, **fields):
        if event != "release":
            raise OSError(28, "No space left on device")
        return append(folder, event, **fields)

    with monkeypatch.context() as patch:
        patch.setattr(switch.ledger, "append", failing)
        with pytest.raises(OSError, match="No space left"):
            firm.release()
    assert firm.current == before
    digest = firm.release()  # what was begun is undone first, and the sign-offs still hold
    assert firm.current == digest
    assert firm.events()[-4:] == ["release", "undone", "release", "smoke-test-passed"]
    assert len(firm.released()) == (1 if first else 2)


def edited_model(firm):
    """A model whose forecasts do not follow from it, all else in order: nobody can open it."""
    path = firm.root / "results/model.json"
    document, _ = read_model(path)
    document["symbols"]["S0"]["forecast"]["point"][0] *= 2
    write_model(path, document)
    report(path.relative_to(firm.root), (firm.root / "results/report.txt"))
    (firm.root / "results/deployed_model.json").write_bytes(path.read_bytes())
    firm.record_run("author")


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_a_model_that_fails_its_smoke_test_is_taken_out_again_and_on_record(
    firm, first, monkeypatch
):
    before = None if first else firm.signed_release(1)
    firm.train(0)
    monkeypatch.chdir(firm.root)
    edited_model(firm)
    firm.sign_all("reviewer")
    with pytest.raises(SmokeFailure, match=r"failed its smoke test.*does not follow"):
        firm.release()
    assert firm.current == before
    assert firm.events()[-2:] == ["release", "smoke-test-failed"]
    failed = ledger.read(firm.root / "ledger")[-1]
    assert "does not follow" in failed.fields["why"]
    later = firm.signed_release(2)
    assert firm.current == later


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            lambda firm: firm.config["accept"].update(allow_unaccepted=False),
            "is not accepted, so it is not released",
        ),
        (lambda firm: setattr(firm, "code", "0" * 64), "made by a different version of the code"),
        (
            lambda firm: (firm.root / "results/deployed_model.json").unlink(),
            r"deployed_model\.json is a different model",
        ),
        (
            lambda firm: shutil.copy(firm.made[1] / "results/report.txt", firm.root / "results"),
            r"report\.txt is about a different model",
        ),
    ],
    ids=["not-accepted", "other-code", "not-in-staging", "another-report"],
)
def test_a_model_that_should_not_be_used_is_not_released_whoever_signed(firm, spoil, sentence):
    spoil(firm)
    firm.sign_all("reviewer")
    with pytest.raises(Refusal, match=sentence):
        firm.release()
    assert firm.current is None


def test_the_same_bytes_signed_anew_after_another_release_are_a_new_release(firm):
    first = firm.signed_release(0)
    second = firm.signed_release(1)
    third = firm.signed_release(0)
    assert len({first, second, third}) == 3
    assert firm.current == third
    document = orjson.loads((firm.production / "current/manifest.json").read_bytes())
    assert document["replaces"] == second
