import itertools
import json
import random
import shutil

import pytest

from kills import killed_at
from people import signers_line
from pricewright.files.disk import sha256
from pricewright.files.errors import Refusal
from pricewright.signoffs import ledger, statements
from pricewright.signoffs.gates import check_gates
from pricewright.signoffs.presentation import missing_signatures, signoff_overview
from pricewright.signoffs.signed_files import GATES, MODEL, digests, identity, read_covered
from pricewright.signoffs.signing import begin_signoffs


def take(path, folder):
    """Keep a copy of a statement and its signature, to be put back later."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in (path, path.with_name(path.name + ".sig")):
        shutil.copy(each, folder)
    return folder / path.name


def put_back(copy, path):
    shutil.copy(copy, path)
    shutil.copy(f"{copy}.sig", f"{path}.sig")


def test_with_a_sign_off_for_each_gate_all_is_agreed(office):
    assert not office.check().satisfied
    office.sign_all("reviewer")
    decision = office.check()
    assert decision.satisfied
    assert [(each.gate, each.who) for each in decision.counted] == [
        (gate, "reviewer") for gate in GATES
    ]
    shown = signoff_overview(decision)
    assert "  source   ok       1 of 1, by reviewer (the data source is valid)" in shown
    assert "valid until" in shown
    assert decision.head == ledger.read(office.root / "ledger")[-1].digest
    for name, content in decision.files().items():
        assert (office.root / name).read_bytes() == content
    assert len(decision.files()) == 8


@pytest.mark.parametrize("name", GATES["deploy"])
def test_one_changed_byte_voids_the_sign_offs_of_gates_that_cover_it_until_it_is_back(office, name):
    office.sign_all("reviewer")
    path = office.root / name
    before = path.read_bytes()
    path.write_bytes(before[:-2] + b"X\n")
    decision = office.check()
    assert not decision.satisfied
    for gate in decision.gates:
        if name in GATES[gate.gate]:
            (signoff,) = gate.void
            assert signoff.who == "reviewer"
            assert signoff.void == f"{name} is not the one that was signed on 2026-01-05"
        else:
            assert gate.satisfied
    assert (
        f"reviewer's sign-off, because {name} is not the one that was signed"
        in signoff_overview(decision)
    )
    path.write_bytes(before)
    assert office.check().satisfied


NOBODY = "nobody has signed that they trained this model"


@pytest.fixture
def apart(office):
    """An office where who trained the model may not sign for its metrics."""
    office.signoffs["metrics"] |= {"exclude_author": True}
    return office


def test_who_signed_as_author_does_not_count_where_the_author_is_excluded(apart):
    apart.sign("author", "author")
    apart.sign("author", "metrics")
    apart.sign("author", "source")
    assert apart.void("metrics") == {
        "author": "author ran the training (signoffs.metrics.exclude_author)"
    }
    assert apart.check("source").satisfied
    assert apart.check("metrics").gates[0].may_sign == ["reviewer", "second"]
    apart.sign("reviewer", "metrics")
    assert apart.check("metrics").satisfied


def test_before_somebody_signs_as_author_nobodys_approval_counts(apart):
    apart.sign("reviewer", "metrics")
    assert NOBODY in apart.void("metrics")["reviewer"]
    assert "pricewright sign author" in missing_signatures(apart.check("metrics"))
    apart.sign("author", "author")
    assert apart.check("metrics").satisfied
    assert "author   ok       trained by author" in missing_signatures(apart.check("metrics"))


def test_a_name_in_the_config_that_no_signer_has_lets_nobody_approve_their_own_model(apart):
    apart.write(MODEL, "a model that the author trained as carol")
    apart.record_run("carol")
    apart.sign("author", "metrics")
    assert NOBODY in apart.void("metrics")["author"]
    apart.sign("author", "author")
    assert "author ran the training" in apart.void("metrics")["author"]


def test_whom_the_ledger_names_does_not_count_whoever_else_signs_as_author(apart):
    apart.sign("second", "author")
    apart.sign("author", "metrics")
    assert "author ran the training" in apart.void("metrics")["author"]


def test_the_authors_key_under_another_name_is_the_author(apart):
    apart.name_also("alias", "author")
    apart.sign("author", "author")
    apart.sign("alias", "metrics", key="author")
    assert "alias ran the training" in apart.void("metrics")["alias"]


@pytest.mark.parametrize("by", ["ledger", "signature"])
def test_who_trained_a_model_is_excluded_from_its_scores_as_well(apart, by):
    """Scored by a machine, also if that signs as the author, and scored once more."""
    trained = sha256((apart.root / MODEL).read_bytes())
    if by == "ledger":
        apart.record_run("author")
    else:
        apart.record_run("a machine")
        apart.sign("author", "author")
        (apart.root / "signoffs/author/author.json").unlink()
    for content in ("scored", "scored again"):
        apart.write(MODEL, content)
        apart.record_run("a machine", scored=trained)
        trained = sha256(content.encode())
    apart.sign("second", "author")
    apart.sign("author", "metrics")
    assert "author ran the training" in apart.void("metrics")["author"]
    apart.sign("reviewer", "metrics")
    assert apart.check("metrics").satisfied


def test_who_signed_as_author_of_other_bytes_is_not_the_author_of_these(apart):
    apart.sign("author", "author")
    apart.write(MODEL, "another model")
    apart.sign("reviewer", "metrics")
    assert NOBODY in apart.void("metrics")["reviewer"]


def test_authorship_does_not_expire_and_once_taken_back_its_old_file_does_not_restore_it(apart):
    path = apart.sign("author", "author")
    kept = take(path, apart.root / "kept")
    apart.wait(days=1000)
    apart.sign("reviewer", "metrics")
    assert apart.check("metrics").satisfied
    apart.sign("author", "author", "withdrawn")
    assert NOBODY in apart.void("metrics")["reviewer"]
    put_back(kept, path)
    assert NOBODY in apart.void("metrics")["reviewer"]


def test_who_trained_several_models_is_the_author_of_each(apart):
    apart.sign("author", "author")
    kept = take(apart.root / "signoffs/author/author.json", apart.root / "kept")
    first = (apart.root / MODEL).read_text()
    apart.write(MODEL, "another model")
    apart.sign("author", "author")
    apart.write(MODEL, first)
    put_back(kept, apart.root / "signoffs/author/author.json")
    apart.sign("reviewer", "metrics")
    assert apart.check("metrics").satisfied


def test_who_trained_a_released_model_is_its_author_with_a_new_key_too(office, keys):
    office.signoffs["deploy"] |= {"exclude_author": True}
    office.write(MODEL, "a model that a machine trained for them")
    office.record_run("a machine")
    path = office.sign("reviewer", "author")
    release = office.root / "release"
    take(path, release / "signoffs/author")
    path.unlink()
    office.name_signers("author", "second")
    signers = office.root / "config/signers"
    signers.write_text(signers.read_text() + signers_line("reviewer", keys["outsider"]))
    office.sign("reviewer", "deploy", key="outsider")
    files = digests(office.covered())
    (gate,) = check_gates(
        office.root, office.policy, files, office.clock, ("deploy",), release=release
    ).gates
    assert [each.void for each in gate.void] == [
        "reviewer ran the training (signoffs.deploy.exclude_author)"
    ]
    assert gate.may_sign == ["author", "second"]


def test_a_machine_that_trains_has_a_key_that_may_sign_nothing_else(apart, keys):
    path = apart.root / "config/signers"
    only = statements.namespace("author")
    path.write_text(path.read_text() + signers_line("robot", keys["outsider"], only))
    apart.write(MODEL, "a model that a timer trained")
    apart.record_run("robot")
    apart.sign("robot", "author", key="outsider")
    apart.sign("author", "metrics")
    assert apart.check("metrics").satisfied
    with pytest.raises(Refusal, match="its signature would not count"):
        apart.sign("robot", "metrics", key="outsider")


def test_whoever_makes_the_same_model_again_is_not_its_author(apart):
    apart.sign("author", "author")
    apart.record_run("reviewer")
    apart.sign("reviewer", "metrics")
    assert apart.check("metrics").satisfied


def test_two_that_are_needed_are_two_people(office):
    office.signoffs["report"] |= {"required": 2}
    office.sign("reviewer", "report")
    office.sign("reviewer", "report")
    assert len(office.check("report").counted) == 1
    office.sign("second", "report")
    assert office.check("report").satisfied


@pytest.mark.parametrize(("name", "key"), [("alias", "reviewer"), ("reviewer", "second")])
def test_two_names_with_one_key_and_one_person_with_two_keys_count_once(office, name, key):
    office.signoffs["report"] |= {"required": 2}
    office.name_also(name, key)
    office.sign("reviewer", "report")
    office.sign(name, "report", key=key)
    assert len(office.check("report").counted) == 1
    if name == "alias":
        why = "alias's, with the same key, is counted already"
        assert office.void("report") == {"reviewer": why}


def test_a_sign_off_counts_until_it_expires_and_not_a_second_longer(office):
    office.sign_all("reviewer")
    office.wait(days=30, seconds=-1)
    assert office.check().satisfied
    office.wait(seconds=1)
    assert set(office.void("deploy").values()) == {"it expired on 2026-02-04T12:00:00Z"}
    assert not office.check().satisfied


def test_a_sign_off_from_the_future_does_not_count(office):
    office.wait(minutes=6)
    office.sign("reviewer", "report")
    office.wait(minutes=-6)
    assert "dated in the future" in office.void("report")["reviewer"]
    office.wait(minutes=1)
    assert office.check("report").satisfied


def test_a_revoked_key_no_longer_counts(office, keys):
    office.sign_all("reviewer")
    office.revoke("reviewer")
    assert "is revoked" in office.void("report")["reviewer"]
    with pytest.raises(Refusal, match=r"would not count, because the key SHA256:.* is revoked"):
        office.sign("reviewer", "report")


def edited(office):
    path = office.root / "signoffs/report/reviewer.json"
    path.write_bytes(path.read_bytes().replace(b"fine", b"good"))


def cut(office):
    path = office.root / "ledger/ledger.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


def rewritten(office):
    (office.root / "ledger/ledger.jsonl").unlink()
    office.record_run("second")
    office.record_run("author")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda office: office.revoke("reviewer", listed=True), "revoked"),
        (edited, "changed after it was signed"),
        (cut, "not the one that the signer saw: it has only 1 of 2 lines and was cut"),
        (rewritten, "the ledger is not the one that the signer saw: line 2 differs"),
    ],
)
def test_what_is_done_to_a_key_a_statement_or_the_ledger_voids_a_sign_off(office, change, why):
    office.record_run("author")
    office.sign("reviewer", "report", comment="fine")
    change(office)
    assert why in office.void("report")["reviewer"]
    assert not office.check("report").satisfied


def test_who_signed_for_another_ledger_is_not_known_to_have_trained_the_model(office):
    office.record_run("author")
    office.sign("author", "author")
    assert [signoff.who for signoff in office.check().trainers] == ["author"]
    rewritten(office)
    assert office.check().trainers == []


def test_a_key_that_has_run_out_no_longer_counts(office):
    text = (office.root / "config/signers").read_text()
    dated = 'reviewer valid-before="20260110",'
    office.write("config/signers", text.replace("reviewer ", dated, 1))
    office.sign("reviewer", "report")
    assert office.check("report").satisfied
    office.wait(days=6)
    assert "does not count now: " in office.void("report")["reviewer"]
    assert "key has expired" in office.void("report")["reviewer"]


def test_an_outsiders_signature_does_not_count(office):
    names = ("author", "reviewer", "second", "outsider")
    office.name_signers(*names)
    office.sign("outsider", "report")
    office.name_signers(*names[:3])
    assert office.void("report") == {"outsider": "outsider is not a signer for gate report"}


def test_an_outsiders_signature_under_anothers_name_does_not_count(office):
    mine = office.sign("reviewer", "report")
    office.name_signers("author", "second", "outsider")
    text = (office.root / "config/signers").read_text()
    office.write("config/signers", text.replace("outsider ", "reviewer ", 1))
    office.sign("reviewer", "report", key="outsider")
    office.name_signers("author", "reviewer", "second")
    assert "which is not a key of reviewer" in office.void("report")["reviewer"]
    assert mine.exists()


def test_a_signer_for_one_gate_is_none_for_another(office):
    text = (office.root / "config/signers").read_text()
    office.write("config/signers", text.replace("pricewright-deploy", "pricewright-source"))
    with pytest.raises(Refusal, match=r"reviewer is not a signer for gate deploy|would not count"):
        office.sign("reviewer", "deploy")


def test_a_signature_for_one_gate_is_none_for_another(office):
    path = office.sign("reviewer", "report")
    other = office.root / "signoffs/deploy/reviewer.json"
    other.parent.mkdir()
    put_back(path, other)
    assert office.void("deploy") == {
        "reviewer": "it was signed for pricewright-report, not for pricewright-deploy"
    }


def test_no_changed_byte_of_a_statement_goes_unseen(office):
    path = office.sign("reviewer", "report")
    content, places = path.read_bytes(), random.Random(3)
    for _ in range(40):
        place, bit = places.randrange(len(content)), 1 << places.randrange(8)
        changed = bytearray(content)
        changed[place] ^= bit
        path.write_bytes(changed)
        assert not office.check("report").satisfied, (place, bit)
    path.write_bytes(content)
    assert office.check("report").satisfied


def test_a_statement_under_anothers_name_does_not_count_though_the_key_is_theirs_too(office):
    office.name_also("alias", "reviewer")
    path = office.sign("reviewer", "report")
    put_back(path, path.with_name("alias.json"))
    assert office.void("report") == {"alias": "it is reviewer's for gate report"}


@pytest.mark.parametrize(
    "change",
    [
        lambda office: office.signoffs["deploy"].update(required=2),
        lambda office: office.signoffs["report"].update(valid_days=31),
        lambda office: office.signoffs["source"].update(exclude_author=True),
        lambda office: office.name_signers("reviewer", "second"),
        lambda office: office.name_signers("author", "reviewer", "second", "outsider"),
        lambda office: office.revoke("outsider"),
        lambda office: setattr(office, "allow_unaccepted", True),
    ],
    ids=["required", "valid_days", "exclude_author", "fewer", "more", "revoked", "unaccepted"],
)
def test_any_other_policy_voids_what_was_signed_under_the_old_one(office, change):
    office.sign_all("reviewer")
    before = office.policy.digest
    change(office)
    assert office.policy.digest != before
    decision = office.check()
    assert not decision.counted
    for gate in decision.gates:
        assert all("the policy has changed since" in signoff.void for signoff in gate.void)


def test_the_policy_is_the_same_with_other_comments_and_empty_lines(office):
    office.sign_all("reviewer")
    text = (office.root / "config/signers").read_text()
    office.write("config/signers", "# who may sign\n\n" + text.replace("\n", "\n\n"))
    assert office.check().satisfied


def test_a_rejection_blocks_whoever_else_approves(office):
    office.sign_all("reviewer")
    office.sign("second", "report", "rejected", comment="the title is wrong")
    assert not office.check().satisfied
    listing = missing_signatures(office.check())
    assert "second rejects it (signoffs/report/second.json: the title is wrong)" in listing
    assert "pricewright sign report --withdraw" in listing


def test_a_rejection_blocks_until_the_same_person_withdraws_it(office):
    office.sign_all("reviewer")
    office.sign("second", "report", "rejected")
    office.sign("reviewer", "report")
    office.sign("reviewer", "report", "withdrawn")
    assert "second" in office.check("report").gates[0].rejected
    office.sign("reviewer", "report")
    office.sign("second", "report", "withdrawn")
    assert office.check().satisfied
    assert "withdrawn on 2026-01-05" in office.void("report")["second"]


@pytest.mark.parametrize("what", ["expiry", "policy", "author"])
def test_a_rejection_outlives(office, what):
    office.sign("author", "report", "rejected")
    if what == "expiry":
        office.wait(days=400)
    elif what == "policy":
        office.signoffs["report"] |= {"valid_days": 7}
    else:
        office.signoffs["report"] |= {"exclude_author": True}
    office.sign("reviewer", "report")
    assert "author" in office.check("report").gates[0].rejected


def test_a_rejection_whose_file_was_taken_away_blocks_until_a_signature_lifts_it(office):
    path = office.sign("second", "report", "rejected")
    office.sign("reviewer", "report")
    path.unlink()
    on_record = {"second": "line 2 of the ledger"}
    assert office.check("report").gates[0].rejected == on_record
    fields = ledger.read(office.root / "ledger")[1].fields
    for event in ("withdrawal", "signoff"):  # a line in the ledger alone lifts none
        ledger.append(office.root / "ledger", event, who="second", **fields)
    assert office.check("report").gates[0].rejected == on_record
    office.sign("second", "report", "withdrawn")
    assert office.check("report").satisfied


def test_a_rejection_of_these_bytes_blocks_when_they_come_back(office):
    before = (office.root / "results/report.txt").read_bytes()
    office.sign("second", "report", "rejected")
    office.write("results/report.txt", "a better page\n")
    office.sign("reviewer", "report")
    assert office.check("report").satisfied
    office.sign("second", "report")
    (office.root / "results/report.txt").write_bytes(before)
    assert office.check("report").gates[0].rejected == {"second": "line 2 of the ledger"}
    office.sign("second", "report")
    assert office.check("report").satisfied


@pytest.mark.parametrize(
    ("decision", "event"), [("rejected", "rejection"), ("withdrawn", "withdrawal")]
)
def test_an_old_approval_put_back_does_not_undo_what_was_decided_since(
    office, tmp_path, decision, event
):
    path = office.sign("second", "report")
    copy = take(path, tmp_path / "kept")
    office.sign("second", "report", decision)
    put_back(copy, path)
    office.sign("reviewer", "report")
    found = office.check("report")
    assert ("second" in found.gates[0].rejected) == (decision == "rejected")
    assert f"second decided again: {event}, line 3" in office.void("report")["second"]


def test_a_rejection_by_somebody_who_is_no_signer_blocks_nothing(office):
    covers = identity({name: digests(read_covered(office.root))[name] for name in GATES["report"]})
    fields = {"gate": "report", "covers": covers}
    ledger.append(office.root / "ledger", "rejection", who="mallory", **fields)
    office.sign("reviewer", "report")
    assert office.check("report").satisfied


def test_a_sign_off_for_an_older_release_cannot_be_used_again(office, tmp_path):
    office.sign_all("reviewer")
    paths = {gate: office.root / f"signoffs/{gate}/reviewer.json" for gate in GATES}
    old = {gate: take(path, tmp_path / gate) for gate, path in paths.items()}
    first = {name: (office.root / name).read_bytes() for name in GATES["deploy"]}
    office.release("a" * 64)
    assert office.check().satisfied, "what is in production needs no new signature"
    office.make_newer()
    office.sign_all("reviewer")
    office.release("b" * 64)
    assert office.check().satisfied
    for name, content in first.items():
        (office.root / name).write_bytes(content)
    for gate, copy in old.items():
        put_back(copy, paths[gate])
    (why,) = office.void("deploy").values()
    assert "it was given to replace nothing, but release bbbbbbbbbbbb is in production" in why
    assert not office.check().satisfied


def test_after_a_rollback_the_sign_off_for_what_was_there_does_not_bring_it_back(office, tmp_path):
    office.sign("reviewer", "deploy")
    first = (office.root / MODEL).read_bytes()
    office.release("a" * 64)
    office.make_newer()
    office.sign("reviewer", "deploy")  # in place of a
    office.release("b" * 64)
    newer = (office.root / MODEL).read_bytes()
    (office.root / MODEL).write_bytes(first)
    office.sign("second", "deploy")
    office.release("a" * 64, "rollback")
    (office.root / MODEL).write_bytes(newer)
    why = office.void("deploy")
    assert "before the last release or rollback, line 10" in why["reviewer"]
    assert MODEL in why["second"]


def test_what_says_that_the_data_is_valid_holds_for_a_later_release_of_the_same_data(office):
    office.sign_all("reviewer")
    office.release("a" * 64)
    office.write(MODEL, "a newer model\n")
    decision = office.check()
    assert [gate.satisfied for gate in decision.gates] == [True, False, True, False]


def test_with_a_broken_ledger_nothing_is_agreed_and_nothing_signed(office):
    office.sign_all("reviewer")
    path = office.root / "ledger/ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"author"', b'"nobody"', 1))
    decision = office.check()
    assert not decision.satisfied
    assert "from line 1 on it proves nothing" in missing_signatures(decision)
    with pytest.raises(Refusal, match="from line 1 on it proves nothing"):
        office.sign("reviewer", "report")


def test_with_no_signers_nobody_can_approve_and_the_refusal_says_how_to_begin(office):
    (office.root / "config/signers").unlink()
    with pytest.raises(Refusal, match=r"config/signers: names nobody.*pricewright sign --init"):
        office.check()


def test_to_begin_writes_three_files_with_ones_own_key(tmp_path, keys):
    made = begin_signoffs(tmp_path, keys["reviewer"], "rita@example.com")
    assert made == ["config/signers", "config/revoked", "ledger/ledger.jsonl"]
    assert all((tmp_path / name).is_file() for name in made)
    before = {name: (tmp_path / name).read_bytes() for name in made}
    with pytest.raises(Refusal, match="exists already; add this line to it: second namespaces="):
        begin_signoffs(tmp_path, keys["second"], "second")
    assert {name: (tmp_path / name).read_bytes() for name in made} == before


def test_a_beginner_can_sign_for_every_gate(office):
    (office.root / "config/signers").unlink()
    begin_signoffs(office.root, office.keys["reviewer"], "reviewer", office.clock)
    office.sign_all("reviewer")
    assert office.check().satisfied


def test_a_name_that_is_none_is_refused_at_the_beginning(tmp_path, keys):
    with pytest.raises(Refusal, match=r"--who: found '../x'"):
        begin_signoffs(tmp_path, keys["reviewer"], "../x")
    assert not (tmp_path / "config").exists()


def test_the_list_says_for_each_gate_how_many_by_whom_what_is_missing_and_the_command(office):
    office.signoffs["metrics"] |= {"exclude_author": True, "required": 3}
    office.signoffs["report"] |= {"required": 2}
    office.sign("reviewer", "source")
    office.sign("second", "report")
    listing = missing_signatures(office.check())
    assert "  source   ok       1 of 1, by reviewer\n" in listing
    assert "  metrics  missing  0 of 3, by nobody\n" in listing
    assert (
        "too few may sign (author ran the training): reviewer, second; add a line to config/signers"
        in listing
    )
    assert "set signoffs.metrics.exclude_author" in listing
    assert "  report   missing  1 of 2, by second\n" in listing
    assert "to sign (author, reviewer): pricewright sign report\n" in listing
    assert listing.endswith("pricewright sign deploy")
    office.signoffs["deploy"] |= {"required": 4}
    few = missing_signatures(office.check("deploy"))
    assert few.endswith("too few may sign: author, reviewer, second; add a line to config/signers")


def test_a_comment_cannot_move_the_cursor(office):
    office.sign("reviewer", "report", comment="fine\x1b[2J\u202e\nnext")
    shown = signoff_overview(office.check("report"))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "fine\\x1b[2J\\u202e" in shown


def test_a_sign_off_is_on_record_in_the_ledger(office):
    path = office.sign("reviewer", "report", comment="fine")
    entry = ledger.read(office.root / "ledger")[-1]
    assert (entry.event, entry.who, entry.fields["gate"]) == ("signoff", "reviewer", "report")
    assert entry.fields["statement"] == sha256(path.read_bytes())
    assert entry.fields["comment"] == "fine"
    said = json.loads(path.read_text())["predicate"]
    assert said["ledger"] == {"lines": entry.sequence - 1, "head": entry.previous}


def test_if_the_ledger_cannot_be_written_nothing_is_signed(office, monkeypatch):
    def full(*arguments, **fields):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pricewright.signoffs.ledger.append", full)
    with pytest.raises(OSError, match="No space"):
        office.sign("reviewer", "report")
    assert not (office.root / "signoffs").exists()


def test_two_files_sent_from_another_machine_count_without_a_line_in_this_ledger(office):
    """Offline: the signer's copy of the ledger had one line more than ours ever gets."""
    office.sign_elsewhere("reviewer", "report")
    assert office.check("report").satisfied


def test_death_at_each_step_of_signing_leaves_the_old_decision_or_the_new_or_none(office):
    """Never one that nobody gave; and a rejection that was put on record blocks."""
    office.sign("reviewer", "report")
    kept = office.root.with_name("kept")
    shutil.copytree(office.root, kept)
    seen = set()
    for step in itertools.count(1):
        shutil.rmtree(office.root)
        shutil.copytree(kept, office.root)
        died = killed_at(step, office.root, lambda: office.sign("reviewer", "report", "rejected"))
        gate = office.check("report").gates[0]
        on_record = [entry.event for entry in ledger.read(office.root / "ledger")]
        assert bool(gate.rejected) == ("rejection" in on_record)
        assert gate.satisfied == ("rejection" not in on_record)
        seen.add((bool(gate.rejected), bool(gate.void)))
        office.sign("reviewer", "report")
        assert office.check("report").satisfied
        if not died:
            break
    assert step > 8
    assert seen == {(False, False), (True, True), (True, False)}
