"""The whole story: a model's author, its reviewer and an outsider, from the first run on."""

import shutil

import pytest

from pricewright.files.errors import Refusal
from pricewright.releases import history
from pricewright.releases.release import Unsigned
from pricewright.signoffs import ledger, statements
from pricewright.signoffs.gates import audit


def test_from_the_first_run_to_a_rollback(works, tmp_path):
    for gate in ("metrics", "deploy"):
        works.signoffs[gate] |= {"exclude_author": True}
    the_author_alone_is_not_enough(works)
    a_changed_byte_has_the_reviewer_sign_again(works)
    an_outsider_and_a_signature_for_another_gate_are_worth_nothing(works)
    somebody_rejects_and_withdraws_it(works)
    first = released_and_once_more_changes_nothing(works)
    kept = set_aside(works, tmp_path / "first", take=False)
    second = a_newer_model_needs_signatures_that_have_not_expired(works)
    assert second != first
    the_first_ones_sign_offs_put_back_release_nothing(works, kept, tmp_path)
    to_go_back_takes_a_signature_for_that(works, first)
    what_was_there_before_does_not_come_back_by_itself(works)
    a_revoked_key_leaves_it_to_the_others(works)
    switches = [event for event in works.events() if event in ("release", "rollback")]
    assert switches == ["release", "release", "rollback", "release"]
    assert ledger.verify(works.root / "ledger", history.seen_by_releases(works.root)) == []


def the_author_alone_is_not_enough(works):
    assert refusal(works).count("0 of 1, by nobody") == 4
    works.sign_all("author")
    works.sign("author", "author")
    listing = refusal(works)
    assert "  source   ok       1 of 1, by author" in listing
    assert "author ran the training (signoffs.metrics.exclude_author)" in listing
    assert "to sign (reviewer, second): pricewright sign deploy" in listing


def a_changed_byte_has_the_reviewer_sign_again(works):
    works.sign_all("reviewer")
    edit_the_page(works)
    listing = refusal(works)
    assert "void: reviewer's sign-off, because results/report.txt was changed" in listing
    assert "  metrics  ok       1 of 1, by reviewer" in listing
    for gate in ("report", "deploy"):
        works.sign("reviewer", gate)


def an_outsider_and_a_signature_for_another_gate_are_worth_nothing(works):
    works.name_signers("author", "reviewer", "second", "outsider")
    theirs = works.sign("outsider", "deploy")
    works.name_signers("author", "reviewer", "second")
    other = theirs.with_name("second.json")
    shutil.copy(works.root / "signoffs/report/reviewer.json", other)
    signature = statements.sign(other.read_bytes(), works.keys["second"], "report")
    other.with_name("second.json.sig").write_bytes(signature)
    void = works.void("deploy")
    assert void["outsider"] == "outsider is no signer for gate deploy"
    assert void["second"] == "it was signed for pricewright-report, not for pricewright-deploy"
    for path in (theirs, other):
        path.unlink()


def somebody_rejects_and_withdraws_it(works):
    works.sign("second", "report", "rejected", comment="the chart has no title")
    assert "second rejects it (signoffs/report/second.json: the chart has no title)" in (
        refusal(works)
    )
    works.sign("second", "report", "withdrawn")


def released_and_once_more_changes_nothing(works):
    digest = works.release()
    tree = works.tree()
    assert works.release() == digest == works.current
    assert works.tree() == tree
    assert problems(works) == []
    return digest


def a_newer_model_needs_signatures_that_have_not_expired(works):
    works.train(1)
    assert "results/model.json was changed after it was signed" in refusal(works)
    works.sign_all("reviewer")
    assert "nobody has signed that they trained this model" in refusal(works)
    works.sign("author", "author")
    works.wait(days=30)
    assert refusal(works).count("it expired on 2026-02-04T12:00:00Z") == 4
    works.sign_all("reviewer")
    digest = works.release()
    assert problems(works) == []
    return digest


def the_first_ones_sign_offs_put_back_release_nothing(works, kept, tmp_path):
    """Its bytes, too, at a time at which they had not expired."""
    works.train(0)
    edit_the_page(works)
    newer = set_aside(works, tmp_path / "newer")
    shutil.copytree(kept, works.root / "signoffs")
    now, works.now = works.now, works.now.replace(month=1, day=6)
    assert "it was given to replace nothing, and release " in works.void("deploy")["reviewer"]
    refusal(works)
    works.now = now
    set_aside(works, tmp_path / "used")
    shutil.move(newer, works.root / "signoffs")


def to_go_back_takes_a_signature_for_that(works, first):
    with pytest.raises(Unsigned) as caught:
        works.roll_back("previous")
    assert f"pricewright sign deploy --release {first[:12]}" in caught.value.listing()
    works.sign_release("second", first)
    assert works.roll_back("previous") == first == works.current
    assert problems(works) == []


def what_was_there_before_does_not_come_back_by_itself(works):
    works.train(1)
    assert "the last release or rollback" in works.void("deploy")["reviewer"]
    refusal(works)


def a_revoked_key_leaves_it_to_the_others(works):
    works.revoke("reviewer")
    assert "is revoked" in works.void("deploy")["reviewer"]
    with pytest.raises(Refusal, match="is revoked"):
        works.sign("reviewer", "deploy")
    works.sign_all("second")
    assert works.release() == works.current
    assert all("is revoked" in problem for problem in problems(works))


def refusal(works):
    """What is missing, as a release says that is refused."""
    before = works.current
    with pytest.raises(Unsigned) as caught:
        works.release()
    assert works.current == before
    return caught.value.listing()


def problems(works):
    """What is wrong with all that is kept."""
    seen = history.seen_by_releases(works.root)
    return [
        *audit(works.root, works.policy, seen, works.clock),
        *history.verify_releases(works.root),
    ]


def edit_the_page(works):
    page = works.root / "results/report.txt"
    page.write_bytes(page.read_bytes().replace(b"model report", b"Model report", 1))


def set_aside(works, folder, *, take=True):
    """Copy the sign-offs to another folder, or take them there."""
    (shutil.move if take else shutil.copytree)(works.root / "signoffs", folder)
    return folder
