"""The whole story: a model's author, its reviewer and an outsider, from the first run on."""

import shutil

import pytest

from pricewright.files.errors import Refusal
from pricewright.releases import history
from pricewright.releases.release import Unsigned
from pricewright.signoffs import ledger, statements
from pricewright.signoffs.gates import audit


def test_from_the_first_run_to_a_rollback(firm, tmp_path):
    for gate in ("metrics", "deploy"):
        firm.signoffs[gate] |= {"exclude_author": True}
    the_author_alone_is_not_enough(firm)
    a_changed_byte_has_the_reviewer_sign_again(firm)
    an_outsider_and_a_signature_for_another_gate_are_worth_nothing(firm)
    somebody_rejects_and_withdraws_it(firm)
    first = released_and_once_more_changes_nothing(firm)
    kept = set_aside(firm, tmp_path / "first", take=False)
    second = a_newer_model_needs_signatures_that_have_not_expired(firm)
    assert second != first
    the_first_ones_sign_offs_put_back_release_nothing(firm, kept, tmp_path)
    to_go_back_takes_a_signature_for_that(firm, first)
    what_was_there_before_does_not_come_back_by_itself(firm)
    a_revoked_key_leaves_it_to_the_others(firm)
    switches = [event for event in firm.events() if event in ("release", "rollback")]
    assert switches == ["release", "release", "rollback", "release"]
    assert ledger.verify(firm.root / "ledger", history.seen_by_releases(firm.root)) == []


def the_author_alone_is_not_enough(firm):
    assert refusal(firm).count("0 of 1, by nobody") == 4
    firm.sign_all("author")
    firm.sign("author", "author")
    listing = refusal(firm)
    assert "  source   ok       1 of 1, by author" in listing
    assert "author ran the training (signoffs.metrics.exclude_author)" in listing
    assert "to sign (reviewer, second): pricewright sign deploy" in listing


def a_changed_byte_has_the_reviewer_sign_again(firm):
    firm.sign_all("reviewer")
    edit_the_page(firm)
    listing = refusal(firm)
    assert "void: reviewer's sign-off, because results/report.txt was changed" in listing
    assert "  metrics  ok       1 of 1, by reviewer" in listing
    for gate in ("report", "deploy"):
        firm.sign("reviewer", gate)


def an_outsider_and_a_signature_for_another_gate_are_worth_nothing(firm):
    firm.name_signers("author", "reviewer", "second", "outsider")
    theirs = firm.sign("outsider", "deploy")
    firm.name_signers("author", "reviewer", "second")
    other = theirs.with_name("second.json")
    shutil.copy(firm.root / "signoffs/report/reviewer.json", other)
    signature = statements.sign(other.read_bytes(), firm.keys["second"], "report")
    other.with_name("second.json.sig").write_bytes(signature)
    void = firm.void("deploy")
    assert void["outsider"] == "outsider is no signer for gate deploy"
    assert void["second"] == "it was signed for pricewright-report, not for pricewright-deploy"
    for path in (theirs, other):
        path.unlink()


def somebody_rejects_and_withdraws_it(firm):
    firm.sign("second", "report", "rejected", comment="the chart has no title")
    assert "second rejects it (signoffs/report/second.json: the chart has no title)" in (
        refusal(firm)
    )
    firm.sign("second", "report", "withdrawn")


def released_and_once_more_changes_nothing(firm):
    digest = firm.release()
    tree = firm.tree()
    assert firm.release() == digest == firm.current
    assert firm.tree() == tree
    assert problems(firm) == []
    return digest


def a_newer_model_needs_signatures_that_have_not_expired(firm):
    firm.train(1)
    assert "results/model.json was changed after it was signed" in refusal(firm)
    firm.sign_all("reviewer")
    assert "nobody has signed that they trained this model" in refusal(firm)
    firm.sign("author", "author")
    firm.wait(days=30)
    assert refusal(firm).count("it expired on 2026-02-04T12:00:00Z") == 4
    firm.sign_all("reviewer")
    digest = firm.release()
    assert problems(firm) == []
    return digest


def the_first_ones_sign_offs_put_back_release_nothing(firm, kept, tmp_path):
    """Its bytes, too, at a time at which they had not expired."""
    firm.train(0)
    edit_the_page(firm)
    newer = set_aside(firm, tmp_path / "newer")
    shutil.copytree(kept, firm.root / "signoffs")
    now, firm.now = firm.now, firm.now.replace(month=1, day=6)
    assert "it was given to replace nothing, and release " in firm.void("deploy")["reviewer"]
    refusal(firm)
    firm.now = now
    set_aside(firm, tmp_path / "used")
    shutil.move(newer, firm.root / "signoffs")


def to_go_back_takes_a_signature_for_that(firm, first):
    with pytest.raises(Unsigned) as caught:
        firm.roll_back("previous")
    assert f"pricewright sign deploy --release {first[:12]}" in caught.value.listing()
    firm.sign_release("second", first)
    assert firm.roll_back("previous") == first == firm.current
    assert problems(firm) == []


def what_was_there_before_does_not_come_back_by_itself(firm):
    firm.train(1)
    assert "the last release or rollback" in firm.void("deploy")["reviewer"]
    refusal(firm)


def a_revoked_key_leaves_it_to_the_others(firm):
    firm.revoke("reviewer")
    assert "is revoked" in firm.void("deploy")["reviewer"]
    with pytest.raises(Refusal, match="is revoked"):
        firm.sign("reviewer", "deploy")
    firm.sign_all("second")
    assert firm.release() == firm.current
    assert all("is revoked" in problem for problem in problems(firm))


def refusal(firm):
    """What is missing, as a release says that is refused."""
    before = firm.current
    with pytest.raises(Unsigned) as caught:
        firm.release()
    assert firm.current == before
    return caught.value.listing()


def problems(firm):
    """What is wrong with all that is kept."""
    seen = history.seen_by_releases(firm.root)
    return [*audit(firm.root, firm.policy, seen, firm.clock), *history.verify_releases(firm.root)]


def edit_the_page(firm):
    page = firm.root / "results/report.txt"
    page.write_bytes(page.read_bytes().replace(b"model report", b"Model report", 1))


def set_aside(firm, folder, *, take=True):
    """Copy the sign-offs to another folder, or take them there."""
    (shutil.move if take else shutil.copytree)(firm.root / "signoffs", folder)
    return folder
