import json

import pytest

from pricewright.files.errors import Refusal
from pricewright.signoffs import ledger
from pricewright.signoffs.authority import authority
from pricewright.signoffs.policy import parse_policy
from pricewright.signoffs.presentation import missing_signatures
from pricewright.signoffs.validity import policy_changes


def released_once(office):
    """An office with a release that the reviewer signed for, and a newer model."""
    office.sign_all("reviewer")
    office.release("a" * 64)
    office.make_newer()


def test_whoever_adds_a_key_of_their_own_to_the_signers_cannot_deploy_alone(office):
    released_once(office)
    office.name_signers("author", "reviewer", "second", "outsider")
    office.sign_all("outsider")
    decision = office.check()
    assert [gate.satisfied for gate in decision.gates] == [True, True, True, False]
    listing = missing_signatures(decision)
    why = "the policy changed since the release in production: new in config/signers: outsider"
    assert why in listing
    assert "to sign (author, reviewer, second): pricewright sign deploy" in listing
    office.sign("reviewer", "deploy")
    assert office.check().satisfied


def test_whoever_puts_their_own_key_under_anothers_name_cannot_deploy_alone(office):
    released_once(office)
    office.name_signers("outsider")
    path = office.root / "config/signers"
    path.write_text(path.read_text().replace("outsider", "reviewer", 1))
    for gate in ("source", "metrics", "report", "deploy"):
        office.sign("reviewer", gate, key="outsider")
    assert not office.check().satisfied
    assert office.check().gates[3].consent.given == []


def test_as_many_must_consent_to_a_loosened_policy_as_the_old_one_asked_for(office):
    office.signoffs["deploy"] |= {"required": 2}
    office.sign_all("second")
    released_once(office)
    office.signoffs["deploy"] |= {"required": 1}
    office.sign_all("reviewer")
    decision = office.check()
    assert not decision.satisfied
    assert "signoffs.deploy.required is 1, was 2" in missing_signatures(decision)
    assert "to sign (author, second)" in missing_signatures(decision)
    office.sign("second", "deploy")
    assert office.check().satisfied


def test_an_author_who_was_excluded_cannot_consent_to_be_no_more(office):
    office.signoffs["deploy"] |= {"exclude_author": True}
    office.sign("author", "author")
    released_once(office)
    office.signoffs["deploy"] |= {"exclude_author": False}
    office.sign_all("author")
    assert "signoffs.deploy.exclude_author is false, was true" in missing_signatures(office.check())
    assert "to sign (reviewer, second)" in missing_signatures(office.check())
    office.sign("second", "deploy")
    assert office.check().satisfied


def test_two_keys_of_one_person_consent_once_under_whatever_names(office):
    office.signoffs["deploy"] |= {"required": 2}
    office.name_also("second", "outsider")
    office.sign_all("reviewer")
    released_once(office)
    office.name_signers("author", "reviewer", "second", "outsider")
    for who in ("outsider", "second"):
        office.sign_all(who)
    (deploy,) = office.check("deploy").gates
    assert [signoff.who for signoff in deploy.counted] == ["outsider", "second"]
    assert deploy.consent.given == ["second"]
    assert not deploy.satisfied


def test_a_policy_that_was_consented_to_is_the_one_that_stands(office):
    released_once(office)
    office.name_signers("author", "reviewer", "second", "outsider")
    office.sign_all("reviewer")
    office.release("b" * 64)
    office.make_newer("a still newer model\n")
    office.sign_all("outsider")
    assert office.check().satisfied


def test_before_the_first_release_any_policy_is_the_first(office):
    office.sign_all("reviewer")
    office.name_signers("outsider")
    office.sign_all("outsider")
    assert office.check().satisfied


def test_a_rollback_needs_consent_too(office):
    released_once(office)
    office.name_signers("author", "reviewer", "second", "outsider")
    office.sign("outsider", "deploy")
    assert not office.check("deploy").satisfied
    office.sign("second", "deploy")
    assert office.check("deploy").satisfied


@pytest.mark.parametrize("listed", [False, True], ids=["a key", "a list of OpenSSH's"])
def test_the_policy_that_stands_is_read_back_from_the_ledger_as_it_was(office, listed):
    office.revoke("outsider", listed=listed)
    office.release("a" * 64)
    (found,) = authority(office.root, ledger.read(office.root / "ledger")).policies
    assert found == office.policy
    assert found.digest == office.policy.digest
    assert json.loads(office.policy.record()) == office.policy.document()


def test_each_change_of_a_policy_is_told_in_words(office):
    before = office.policy
    office.signoffs["report"] |= {"valid_days": 7}
    office.name_signers("author", "reviewer", "outsider")
    office.revoke("second")
    office.allow_unaccepted = True
    assert list(policy_changes(before, office.policy)) == [
        "signoffs.report.valid_days is 7, was 30",
        "new in config/signers: outsider",
        "gone in config/signers: second",
        "config/revoked has changed",
        "accept.allow_unaccepted is true",
    ]
    assert list(policy_changes(before, before)) == []


@pytest.mark.parametrize(
    "document", [{}, {"gates": 1}, {"gates": {}, "signers": [], "revoked": []}, []]
)
def test_what_is_no_policy_is_refused_in_a_sentence(document):
    with pytest.raises(Refusal, match="x: not a valid policy"):
        parse_policy(document, "x")
