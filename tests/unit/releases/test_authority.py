"""Sign-offs that are kept prove what is in production; a line in the ledger proves nothing."""

import shutil
import subprocess

import pytest

from people import terms
from pricewright.commands import verify as verifying
from pricewright.files.disk import sha256
from pricewright.files.errors import Refusal
from pricewright.releases import release as releasing
from pricewright.releases import store, switch
from pricewright.releases.history import (
    describe_switches,
    signed_files,
    unproven_switches,
    verify_releases,
)
from pricewright.releases.release import Unsigned
from pricewright.signoffs import gates, ledger, signing, statements
from pricewright.signoffs.authority import unauthorised
from pricewright.signoffs.gates import audit
from pricewright.signoffs.signed_files import GATES
from pricewright.signoffs.validity import Case


@pytest.fixture
def earlier_version(monkeypatch):
    """The version before statements were kept, until `undo` is called."""
    append = ledger.append

    def without(folder, event, **fields):
        return append(folder, event, **{k: v for k, v in fields.items() if k != "revoked"})

    for module in (statements, releasing):
        monkeypatch.setattr(module, "preserve_statement", lambda *given: None)
    monkeypatch.setattr(ledger, "append", without)
    return monkeypatch


@pytest.fixture
def two(firm):
    """Two releases: their digests are `first` and `second`."""
    firm.first, firm.second = firm.signed_release(0), firm.signed_release(1)
    firm.wait(minutes=1)
    return firm


def entries(firm):
    return ledger.read(firm.root / "ledger")


def line_of(firm, release):
    """The fields of the line of a release."""
    return next(
        dict(each.fields) for each in entries(firm) if each.fields.get("release") == release
    )


def forge(firm, event="rollback", ended=True, **fields):
    """Add a line about production by hand, with the digests that it needs, and move the link."""
    ledger.append(firm.root / "ledger", event, who="reviewer", clock=firm.clock, **fields)
    if ended:
        to = {"release": fields["release"], "symbols": 3}
        ledger.append(firm.root / "ledger", "smoke-test-passed", clock=firm.clock, **to)
    link = firm.production / "current"
    link.unlink()
    link.symlink_to(f"releases/{fields['release']}")


def named(firm, why):
    """That every command names the newest switch as one that nobody authorised, and why."""
    line = ledger.state_of(entries(firm)).since
    begin = f"line {line} of the ledger: the sign-offs on record do not authorise this"
    problems = [each for each in verify_releases(firm.root) if each.startswith(begin)]
    assert [why in each for each in problems] == [True], problems
    shown = describe_switches(firm.root)
    assert problems[0] in shown
    assert "in production by the ledger" in shown
    before = firm.current
    for command in (firm.release, lambda: firm.roll_back("previous")):
        with pytest.raises(Refusal) as refusal:
            command()
        assert str(refusal.value) == problems[0]
    assert firm.current == before
    return True


@pytest.mark.parametrize(
    ("signoffs", "why"),
    [
        ({}, "nobody signed deploy for its files"),
        (
            {"signoffs/deploy/reviewer.json": "0" * 64},
            "signoffs/deploy/reviewer.json is not kept in ledger/statements/",
        ),
        ({"../../reviewer.json": "0" * 64}, "../../reviewer.json is not kept"),
        ("rubbish", "nobody signed deploy for its files"),
    ],
)
def test_a_rollback_that_only_a_line_claims_is_named_and_nothing_is_built_on_it(two, signoffs, why):
    forge(two, **line_of(two, two.first) | {"replaces": two.second, "signoffs": signoffs})
    assert named(two, why)


def test_nobody_can_authorise_a_rollback_to_a_release_that_never_passed_its_test(two):
    fields = line_of(two, two.first) | {"release": "e" * 64}
    for event in ("release", "smoke-test-failed", "rollback"):
        begun = ledger.append(two.root / "ledger", event, clock=two.clock, **fields)
    (why,) = unauthorised(two.root, begun, entries(two), ())
    assert why == "its release was never tested and in production before."


def test_with_a_clock_that_was_set_back_nothing_is_put_into_production(two):
    two.sign_release("reviewer", two.first)
    two.wait(hours=2)
    two.record_run("author")
    two.wait(hours=-1)
    before = len(entries(two))
    with pytest.raises(Refusal, match=r"but the newest line of the ledger is of .* set the clock"):
        two.roll_back("previous")
    assert (len(entries(two)), two.current) == (before, two.second)


def test_the_sign_offs_of_a_release_do_not_authorise_a_rollback_to_it(two):
    forge(two, **line_of(two, two.first) | {"replaces": two.second})
    assert named(two, "it was given to replace nothing")


def test_the_sign_off_of_an_earlier_rollback_does_not_authorise_another(two):
    two.sign_release("reviewer", two.first)
    two.roll_back("previous")
    fields = dict(entries(two)[-2].fields)
    two.wait(minutes=1)
    two.sign_release("second", two.second)
    two.roll_back("previous")
    forge(two, **fields)
    assert named(two, "before the last release or rollback")


def test_a_sign_off_for_one_release_does_not_authorise_a_rollback_to_another(firm):
    firm.first, firm.second = firm.signed_release(0), firm.signed_release(1)
    firm.signed_release(2)
    firm.wait(minutes=1)
    path = firm.sign("reviewer", "deploy", files=signed_files(firm.root, firm.first))
    digests = {
        name: sha256((firm.root / name).read_bytes())
        for name in (f"signoffs/deploy/{path.name}", f"signoffs/deploy/{path.name}.sig")
    }
    forge(firm, **line_of(firm, firm.first) | {"release": firm.second, "signoffs": digests})
    assert named(firm, "nobody signed deploy for its files")


def test_an_earlier_line_about_a_release_does_not_make_a_rollback_to_it_a_forgery(two):
    forged = line_of(two, two.first) | {"covered": "0" * 64}
    ledger.append(two.root / "ledger", "release", clock=two.clock, **forged)
    two.sign_release("reviewer", two.first)
    two.roll_back("previous")
    assert not any("authorise" in each for each in verify_releases(two.root))


def test_a_forged_rollback_that_a_kill_seems_to_have_interrupted_is_not_finished(two):
    fields = line_of(two, two.first) | {"replaces": two.second, "signoffs": {}}
    forge(two, ended=False, **fields)
    two.signed(2)
    third = two.release()
    assert two.current == third
    assert two.events()[-4:] == ["rollback", "smoke-test-failed", "release", "smoke-test-passed"]


def strangers_desk(firm):
    """Strangers put their own keys into config/signers, and a line with them into the ledger."""
    firm.name_signers("outsider")
    fields = line_of(firm, firm.second) | {"signoffs": {}, "policy": firm.policy.document()}
    forge(firm, **fields | {"replaces": firm.second})


def test_strangers_do_not_become_signers_by_a_line_of_their_own(two):
    strangers_desk(two)
    two.train(2)
    two.sign_all("outsider")
    assert "gone in config/signers: author, reviewer, second" not in describe_switches(two.root)
    with pytest.raises(Refusal, match="do not authorise this rollback"):
        two.release()
    assert not two.check().satisfied
    assert any("do not authorise this rollback" in each for each in verify_releases(two.root))


def test_a_release_without_the_consent_that_it_needed_is_named_ever_after(two, monkeypatch):
    two.name_signers("outsider")
    two.train(2)
    two.sign_all("outsider")
    with pytest.raises(Unsigned):
        two.release()
    with monkeypatch.context() as patch:  # by other code
        patch.setattr(gates, "needed_consent", lambda *given: None)
        patch.setattr(switch, "unauthorised", lambda *given: [])
        two.release()
    assert named(two, "0 of those who could sign before consented, but 1 had to")
    two.name_signers("author", "reviewer", "second")
    two.remade()
    with pytest.raises(Refusal, match="0 of those who could sign before consented"):
        two.release()


def test_consent_that_is_kept_shows_that_a_changed_policy_was_agreed_to(two):
    two.name_signers("outsider", "reviewer")
    two.train(2)
    two.sign_all("outsider")
    two.sign("reviewer", "deploy")
    two.release()
    two.name_signers("outsider")  # whose consent is enough now
    two.wait(minutes=1)
    two.sign_release("outsider", two.second)
    two.roll_back("previous")
    assert verify_releases(two.root) == []


def test_evidence_that_was_removed_is_missed(two):
    two.sign_release("reviewer", two.first)
    two.roll_back("previous")
    assert verify_releases(two.root) == []
    for folder in ("ledger/statements", "signoffs"):
        shutil.rmtree(two.root / folder)
    assert named(two, "is not kept in ledger/statements/")


def audited(firm):
    return audit(firm.root, firm.policy, clock=firm.clock).problems


def test_what_was_signed_for_a_rollback_can_be_verified_by_hand_when_it_was_replaced(two):
    two.sign_release("reviewer", two.first)
    two.roll_back("previous")
    digest = entries(two)[-2].fields["signoffs"]["signoffs/deploy/reviewer.json"]
    two.signed(2)
    two.release()
    kept = two.root / f"ledger/statements/{digest}.json"
    command = ["ssh-keygen", "-Y", "verify", "-f", "config/signers", "-n", "pricewright-deploy"]
    whose = ["-I", "reviewer", "-s", f"{kept}.sig"]
    with kept.open("rb") as content:
        subprocess.run([*command, *whose], cwd=two.root, stdin=content, check=True)
    assert (verify_releases(two.root), audited(two)) == ([], [])


def test_a_rejection_is_kept_when_it_is_withdrawn_and_missed_when_it_is_removed(firm):
    path = firm.sign("second", "deploy", "rejected", comment="no")
    rejection = path.read_bytes()
    firm.wait(minutes=1)
    firm.sign("second", "deploy", "withdrawn")
    kept = firm.root / f"ledger/statements/{sha256(rejection)}.json"
    assert kept.read_bytes() == rejection
    assert audited(firm) == []
    signature = kept.with_name(kept.name + ".sig")
    good = signature.read_bytes()
    signature.write_bytes(path.with_name(path.name + ".sig").read_bytes())
    (problem,) = audited(firm)
    assert "the signed statement of this rejection by second is missing or was changed" in problem
    signature.write_bytes(good)
    kept.unlink()
    assert audited(firm) == [problem]


def test_a_decision_that_only_a_line_claims_is_missed(firm):
    firm.signed(0)
    line = {"gate": "deploy", "statement": "0" * 64, "key": "SHA256:x"}
    ledger.append(firm.root / "ledger", "rejection", who="second", clock=firm.clock, **line)
    assert ["rejection by second is missing" in each for each in audited(firm)] == [True]


def test_the_sign_offs_of_a_dropped_release_are_kept(earlier_version, two):
    earlier_version.undo()
    two.signed_release(2)
    two.config["history"]["keep_releases_days"] = 1
    two.wait(days=40)
    two.signed_release(0)
    assert two.second not in two.released()
    assert (verify_releases(two.root), unproven_switches(two.root)) == ([], [])


def test_a_release_in_production_that_a_line_claims_was_dropped_is_missed(two):
    fields = {"release": two.second, "model": line_of(two, two.second)["model"]}
    ledger.append(two.root / "ledger", "dropped", clock=two.clock, **fields)
    store.discard_release(two.production / "releases" / two.second)
    (problem,) = verify_releases(two.root)
    assert f"{two.second}: there is no such release" in problem
    assert problem in describe_switches(two.root)


def test_a_key_that_was_revoked_once_signs_nothing_new(two):
    two.revoke("second")
    two.train(2)
    two.sign("reviewer", "source")
    (two.root / "config/revoked").unlink()
    with pytest.raises(Refusal, match=r"would not count, because the key .* is revoked"):
        two.sign("second", "deploy")
    two.sign_all("reviewer")
    put_elsewhere(two, "second", "deploy")
    assert "is revoked, by an earlier line of the ledger" in two.void("deploy")["second"]
    two.release()
    assert verify_releases(two.root) == []


def put_elsewhere(firm, who, gate):
    """Sign where the ledger does not know that the key was revoked, and send the two files."""
    path = firm.root / "ledger/ledger.jsonl"
    ours = path.read_bytes()
    lines = ours.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: ledger.state_of(entries(firm)).since + 1]))
    firm.sign(who, gate)
    path.write_bytes(ours)


def test_a_release_that_rests_on_a_key_that_was_revoked_before_is_named(two, monkeypatch):
    two.revoke("second", listed=True)
    two.train(2)
    two.sign("reviewer", "source")
    two.sign("reviewer", "metrics")
    (two.root / "config/revoked").unlink()
    two.wait(minutes=1)
    two.sign_all("reviewer")
    (two.root / "signoffs/deploy/reviewer.json").unlink()
    with monkeypatch.context() as patch:  # by other code
        for module in (signing, gates):
            patch.setattr(module, "revoked_before", lambda entries: [])
        patch.setattr(switch, "unauthorised", lambda *given: [])
        two.sign("second", "deploy")
        two.release()
    assert named(two, "is revoked, by an earlier line of the ledger")


def test_a_line_that_leaves_out_who_trained_does_not_let_the_author_approve(two, monkeypatch):
    two.signoffs["metrics"] = terms(exclude_author=True)
    two.train(2)
    two.sign("second", "author")
    two.sign_all("reviewer")
    two.release()
    two.wait(minutes=1)
    two.train(0)
    two.sign_all("reviewer")
    with pytest.raises(Unsigned):
        two.release()
    put = releasing.switch

    def without(*given, fields, **more):
        put(*given, fields={k: v for k, v in fields.items() if k != "trained_by"}, **more)

    with monkeypatch.context() as patch:  # by other code
        patch.setattr(Case, "knows_who_trained", True)
        patch.setattr(releasing, "switch", without)
        two.release()
    assert named(two, "nobody has signed that they trained this model")


@pytest.fixture
def upgraded(earlier_version, two):
    """A desk of the earlier version that rolled back, and signed for the next release since."""
    two.sign_release("reviewer", two.first)
    two.roll_back("previous")
    two.rolled_back = len(entries(two)) - 1
    two.signed(2)
    assert not (two.root / "ledger/statements").exists()
    earlier_version.undo()
    return two


def cannot_be_proved(line, event="rollback"):
    return (
        f"line {line} of the ledger: it cannot be proved that people authorised this {event}, "
        "which an earlier version recorded: signoffs/deploy/reviewer.json is not kept in "
        "ledger/statements/."
    )


def test_a_desk_of_an_earlier_version_goes_on_without_a_new_signature(
    upgraded, capsys, monkeypatch
):
    unproven = cannot_be_proved(upgraded.rolled_back)
    assert verify_releases(upgraded.root) == []
    assert unproven_switches(upgraded.root) == [unproven]
    assert unproven in describe_switches(upgraded.root)
    third = upgraded.release()
    assert upgraded.current == third
    assert unproven not in describe_switches(upgraded.root)
    monkeypatch.chdir(upgraded.root)
    monkeypatch.setattr(verifying, "config_of_run", lambda *given: (upgraded.config, []))
    verifying.verify()
    assert capsys.readouterr().out.splitlines() == [
        unproven,
        "The ledger, the signatures, the releases, their forecasts and the received data are "
        "intact, except for what cannot be proved (above).",
    ]


def test_a_rollback_of_an_earlier_version_is_proved_by_sign_offs_that_are_still_there(
    earlier_version, two
):
    two.sign_release("reviewer", two.first)
    two.roll_back("previous")
    earlier_version.undo()
    assert (verify_releases(two.root), unproven_switches(two.root)) == ([], [])
    two.signed(2)  # which replaces them
    assert (verify_releases(two.root), unproven_switches(two.root)) == ([], [])


def test_a_line_without_evidence_is_no_earlier_versions_once_this_one_has_signed(upgraded):
    upgraded.sign("second", "report")
    fields = line_of(upgraded, upgraded.second) | {"replaces": upgraded.first}
    lost = {"signoffs/deploy/second.json": "1" * 64}
    forge(upgraded, **fields | {"signoffs": lost})
    assert named(upgraded, "signoffs/deploy/second.json is not kept")


def test_a_line_without_evidence_is_no_earlier_versions_if_all_sign_elsewhere(firm):
    made = []
    for which in (0, 1):
        firm.train(which)
        firm.wait(minutes=1)
        for gate in GATES:
            firm.sign_elsewhere("reviewer", gate)
        made.append(firm.release())
    lost = {"signoffs/deploy/reviewer.json": "1" * 64}
    forge(firm, **line_of(firm, made[0]) | {"replaces": made[1], "signoffs": lost})
    assert named(firm, "signoffs/deploy/reviewer.json is not kept")


def test_a_policy_that_cannot_be_proved_takes_nobodys_consent_away(upgraded):
    """Those who could sign before it still must consent, and so must those whom it names."""
    upgraded.name_signers("outsider")
    lost = {"signoffs/deploy/outsider.json": "1" * 64}
    fields = line_of(upgraded, upgraded.second) | {"policy": upgraded.policy.document()}
    forge(upgraded, **fields | {"replaces": upgraded.first, "signoffs": lost})
    upgraded.train(2)
    upgraded.sign_all("outsider")
    (deploy,) = upgraded.check("deploy").gates
    assert (deploy.consent.given, deploy.satisfied) == ([], False)
    upgraded.name_signers("author", "reviewer", "second")
    upgraded.sign_all("reviewer")
    (deploy,) = upgraded.check("deploy").gates
    assert (deploy.consent.could, deploy.satisfied) == (["outsider"], False)
    upgraded.name_signers("author", "reviewer", "second", "outsider")
    for who in ("reviewer", "outsider"):
        upgraded.sign_all(who)
    upgraded.release()
    assert verify_releases(upgraded.root) == []
    upgraded.name_signers("author", "reviewer")
    upgraded.train(0)
    upgraded.sign_all("reviewer")
    assert upgraded.check().satisfied
