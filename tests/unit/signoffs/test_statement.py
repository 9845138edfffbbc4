import json
import os

import pytest

from people import signers_line
from pricewright.files.errors import Refusal
from pricewright.signoffs import ledger, statements
from pricewright.signoffs.gates import Audit, audit
from pricewright.signoffs.signed_files import GATES
from pricewright.signoffs.statements import parse_statement, read_statements


def forge(office, change):
    """Sign, with a good key, a statement that was changed before."""
    path = office.sign("reviewer", "report")
    changed = change(path.read_text())
    content = changed.encode() if isinstance(changed, str) else changed
    path.write_bytes(content)
    signature = statements.sign(content, office.keys["reviewer"], "report")
    path.with_name(path.name + ".sig").write_bytes(signature)


def with_text(old, new):
    return lambda text: text.replace(old, new, 1)


def edited(**keys):
    def change(text):
        document = json.loads(text)
        document["predicate"] |= keys
        return json.dumps(document)

    return change


def without_first_subject(text):
    document = json.loads(text)
    del document["subject"][0]
    return json.dumps(document)


def with_subject(name, sha256="0" * 64):
    def change(text):
        document = json.loads(text)
        document["subject"].append({"name": name, "digest": {"sha256": sha256}})
        return json.dumps(document)

    return change


def test_a_statement_is_an_in_toto_statement_about_the_bytes(office):
    document = json.loads(office.sign("reviewer", "report", comment="read it").read_text())
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "urn:pricewright:signoff:v1"
    assert {each["name"] for each in document["subject"]} == set(GATES["report"])
    said = document["predicate"]
    assert said["made"] == "2026-01-05T12:00:00Z"
    assert said["valid_until"] == "2026-02-04T12:00:00Z"
    assert said["replaces"] is None
    assert said["policy"] == office.policy.digest
    assert said["ledger"] == {"lines": 1, "head": ledger.read(office.root / "ledger")[0].digest}
    office.release("a" * 64)
    said = json.loads(office.sign("reviewer", "deploy").read_text())["predicate"]
    assert said["replaces"] == "a" * 64


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (with_text('"gate"', '"who": "reviewer", "gate"'), "the key 'who' twice"),
        (with_text('"subject"', '"subject": [], "subject"'), "the key 'subject' twice"),
        (with_text('"lines": 1', '"lines": NaN'), "NaN is not a finite number"),
        (with_text('"lines": 1', '"lines": 1e999'), "is too large"),
        (with_text('"lines": 1', '"lines": ' + "9" * 5000), "is too large"),
        (without_first_subject, "not about results/report.txt, which gate report covers"),
        (edited(ledger={"lines": -1, "head": "0" * 64}), "'predicate.ledger.lines': found -1"),
        (edited(ledger={"lines": True, "head": "0" * 64}), "'predicate.ledger.lines': found true"),
        (edited(gate="everything"), "'predicate.gate': found"),
        (edited(gate=["report"]), "'predicate.gate': found"),
        (edited(decision="yes"), "'predicate.decision': found"),
        (edited(comment=7), "'predicate.comment': found 7"),
        (edited(comment="x" * 3000), "'predicate.comment': found"),
        (edited(made="2026-02-30T12:00:00Z"), "an impossible time"),
        (edited(valid_until="tomorrow"), "'predicate.valid_until': found"),
        (edited(extra=1), "'predicate.extra': there is no such key"),
        (edited(policy="0" * 64), "the policy has changed since"),
        (edited(valid_until="2027-02-04T12:00:00Z"), "valid for longer than signoffs.report"),
        (edited(who="second"), "it is second's for gate report"),
        (edited(gate="deploy"), "it is reviewer's for gate deploy"),
        (edited(replaces="0" * 63), "'predicate.replaces'"),
        (
            edited(ledger={"lines": 1, "head": "0" * 64}),
            "the ledger is not the one that the signer saw",
        ),
        (
            edited(ledger={"lines": 9, "head": "0" * 64}),
            "the ledger is not the one that the signer saw",
        ),
        (with_subject("../../etc/passwd"), "about ../../etc/passwd, which gate report does not"),
        (with_subject("/etc/passwd"), "about /etc/passwd, which gate report does not cover"),
        (with_subject("results/report.txt"), "names a file twice"),
        (with_subject("\x1b[2J"), r"about \x1b[2J, which gate report does not cover"),
        (with_subject("results/x", "0" * 63), "'subject.2.digest.sha256'"),
        (lambda text: "[" * 100_000, "brackets are nested too deeply"),
        (lambda text: "[]", "not a statement"),
        (lambda text: "null", "not a statement"),
        (lambda text: "", "not usable JSON"),
        (lambda text: b"\xff\xfe", "not UTF-8"),
        (lambda text: text + "{}", "not usable JSON"),
    ],
)
def test_what_a_signer_should_not_have_signed_does_not_count_and_breaks_nothing(
    office, change, why
):
    forge(office, change)
    office.sign("second", "report")
    decision = office.check("report")
    assert why in decision.gates[0].void[0].void
    assert [signoff.who for signoff in decision.counted] == ["second"]


def armoured(text):
    return b"-----BEGIN SSH SIGNATURE-----\n%s\n-----END SSH SIGNATURE-----\n" % text


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"rubbish",
        armoured(b"AAAA"),
        armoured(b"U1NIU0lHAAAAAf////8="),
        armoured(b"U1NIU0lHAAAAAQAAAAAAAAAB/w=="),
        armoured(b"A" * 90_000),
    ],
)
def test_what_is_no_signature_does_not_count_and_breaks_nothing(office, signature):
    path = office.sign("reviewer", "report")
    path.with_name(path.name + ".sig").write_bytes(signature)
    assert "the signature is not valid" in office.void("report")["reviewer"]


def link_to_elsewhere(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        (lambda path: path.unlink(), None),
        (lambda path: path.with_name(path.name + ".sig").unlink(), "it has no signature"),
        (link_to_elsewhere, "is a link"),
        (lambda path: link_to_elsewhere(path.with_name(path.name + ".sig")), "is a link"),
        (lambda path: (path.unlink(), path.mkdir()), "is not a regular file"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "is not a regular file"),
        (lambda path: path.write_bytes(b"x" * 1_000_001), "has more than 1,000,000 bytes"),
        (lambda path: (path.unlink(), path.symlink_to(path.name)), "is a link"),
        (lambda path: (path.unlink(), path.symlink_to("nothing")), "is a link"),
    ],
    ids=[
        "gone",
        "no-signature",
        "link",
        "signature-link",
        "folder",
        "pipe",
        "huge",
        "loop",
        "dangling",
    ],
)
def test_what_is_planted_in_place_of_a_statement_does_not_count_and_breaks_nothing(
    office, plant, why
):
    plant(office.sign("reviewer", "report"))
    assert not office.check("report").satisfied
    assert office.void("report").keys() == ({"reviewer"} if why else set())
    assert why is None or why in office.void("report")["reviewer"]


@pytest.mark.parametrize("who", ["a\x1b[2Jb", "a b", "*", "ann\n", "-I", "é", "a" * 200])
def test_a_statement_under_an_odd_name_is_nobodys(office, who):
    path = office.sign("reviewer", "report")
    for suffix in (".json", ".json.sig"):
        content = path.with_name(f"reviewer{suffix}").read_bytes()
        path.with_name(f"{who}{suffix}").write_bytes(content)
    (signoff,) = office.check("report").gates[0].void
    assert "is not a signer for gate report" in signoff.void
    assert "\x1b" not in signoff.void
    (problem,) = audited(office).problems
    assert problem.replace("\n", "").isprintable()


def test_a_folder_of_sign_offs_that_is_a_link_or_a_file_holds_none(office):
    (office.root / "signoffs").mkdir()
    (office.root / "signoffs/report").write_text("")
    assert read_statements(office.root, "report") == []


def test_other_files_among_the_sign_offs_are_passed_over(office):
    path = office.sign("reviewer", "report")
    path.with_name("notes.txt").write_text("")
    path.with_name(".reviewer.json.x.tmp").write_text("")
    assert [kept.who for kept in read_statements(office.root, "report")] == ["reviewer"]


def audited(office):
    return audit(office.root, office.policy, clock=office.clock)


def test_the_audit_finds_nothing_where_bytes_changed_or_time_went_by(office):
    office.sign_all("reviewer")
    office.write("results/report.txt", "changed\n")
    office.wait(days=100)
    assert audited(office) == Audit([], [])


GONE = {
    "left": (lambda office: office.name_signers("author", "second"), "is not a signer for gate"),
    "revoked": (lambda office: office.revoke("reviewer"), "is revoked"),
    "other key": (
        lambda office: office.write(
            "config/signers", signers_line("reviewer", office.keys["outsider"])
        ),
        "which is not a key of reviewer",
    ),
}


@pytest.mark.parametrize("released", [False, True], ids=["only signed", "released"])
@pytest.mark.parametrize("what", GONE)
def test_a_sign_off_of_who_left_or_has_another_key_is_void_and_no_problem(office, what, released):
    change, why = GONE[what]
    office.sign_all("reviewer")
    if released:
        office.release("a" * 64)
    change(office)
    found = audited(office)
    assert found.problems == []
    assert len(found.notes) == 4
    assert all(why in line and "no longer counts" in line for line in found.notes)


def test_so_is_one_that_was_sent_from_another_machine_and_released(office):
    office.sign_elsewhere("reviewer", "report")
    office.release("a" * 64)
    office.name_signers("author", "second")
    found = audited(office)
    assert (found.problems, len(found.notes)) == ([], 1)


def test_one_without_a_line_is_not_believed_of_a_key_that_was_revoked_since(office):
    # when it was signed is what its text says, and the key may be a thief's
    office.sign_elsewhere("reviewer", "report")
    office.release("a" * 64)
    office.revoke("reviewer")
    found = audited(office)
    assert (len(found.problems), found.notes) == (1, [])
    assert "no record shows that it was ever valid" in found.problems[0]


def test_a_sign_off_that_never_was_in_order_is_a_problem_whatever_a_line_says(office):
    office.release("a" * 64)  # under a policy that does not know the outsider
    office.name_signers("author", "reviewer", "second", "outsider")
    forged = office.sign("outsider", "report")
    line = ledger.read(office.root / "ledger")[-1].fields
    office.name_signers("author", "reviewer", "second")
    (office.root / "ledger/ledger.jsonl").unlink()
    office.release("a" * 64)
    (problem,) = audited(office).problems
    assert problem.startswith("signoffs/report/outsider.json: outsider is not a signer")
    assert "no record shows that it was ever valid" in problem
    for changed in ({"key": "SHA256:other"}, {"policy": office.policy.digest}):
        ledger.append(office.root / "ledger", "signoff", who="outsider", **line | changed)
        assert len(audited(office).problems) > 0
    forged.write_bytes(forged.read_bytes() + b" ")
    assert len(audited(office).problems) > 0


def test_bytes_that_are_no_signature_are_a_lost_statement(office):
    office.sign("reviewer", "report")
    for folder in ("signoffs/report", "ledger/statements"):
        (path,) = (office.root / folder).glob("*.sig")
        path.write_bytes(b"no signature")
    lost, void = audited(office).problems
    assert "the signed statement of this signoff by reviewer is missing or was changed" in lost
    assert "it does not have the format of an SSH signature" in void


def test_the_audit_names_a_line_that_a_clock_was_set_back_for(office):
    office.wait(minutes=-11)
    office.sign("reviewer", "report")
    found = audited(office)
    assert found.problems == []
    (note,) = found.notes
    assert note.startswith("line 2 of the ledger: is of 2026-01-05T11:49:00Z, but the line before")


def test_without_the_list_of_signers_one_sentence_says_what_is_not_checked(office):
    office.sign_all("reviewer")
    (office.root / "config/signers").unlink()
    assert audited(office) == Audit(
        [
            "config/signers: is missing, so nothing in signoffs/ is checked (4 sign-offs); "
            "restore it from a backup."
        ]
    )


def test_the_audit_finds_an_edited_statement_and_a_ledger_that_was_cut(office):
    office.sign("second", "report")
    path = office.sign("reviewer", "report")
    path.write_bytes(path.read_bytes().replace(b"approved", b"rejected"))
    book = office.root / "ledger/ledger.jsonl"
    office.sign("author", "deploy")
    book.write_bytes(b"".join(book.read_bytes().splitlines(keepends=True)[:2]))
    cut, edited = audited(office).problems
    assert "has 2 lines, but signoffs/deploy/author.json saw 3: it was cut" in cut
    assert edited.startswith("signoffs/report/reviewer.json: the signature does not fit this file")


def test_a_statement_that_the_schema_does_not_know_is_never_written(office):
    with pytest.raises(Refusal, match=r"predicate\.comment"):
        office.sign("reviewer", "report", comment="x" * 2001)
    with pytest.raises(Refusal, match="not valid UTF-8"):
        office.sign("reviewer", "report", comment="\udcff")
    assert not (office.root / "signoffs").exists()


def test_a_statement_reads_as_it_was_written(office):
    path = office.sign("reviewer", "deploy", comment='odd: "é"\n\u2028')
    said = parse_statement(path.read_bytes(), "x")
    assert said.comment == 'odd: "é"\n\u2028'
    assert said.who == "reviewer"


def test_a_private_key_that_others_may_read_is_refused_in_words_that_say_so(office, tmp_path):
    key = tmp_path / ("a long name " * 12) / "open"
    key.parent.mkdir()
    key.write_bytes(office.keys["reviewer"].read_bytes())
    key.chmod(0o644)
    with pytest.raises(Refusal) as refused:
        statements.sign(b"content", key, "report")
    assert f"did not sign (Permissions 0644 for '{key}' are too open;" in str(refused.value)
    assert "@" not in str(refused.value)


def test_the_public_half_of_a_key_is_computed_if_no_file_beside_it_has_it(keys, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(keys["reviewer"].read_bytes())
    key.chmod(0o600)
    assert statements.public_key(key) == statements.public_key(keys["reviewer"])
    key.write_text("no key\n")
    with pytest.raises(Refusal, match="ssh-keygen cannot read this key"):
        statements.public_key(key)


def test_on_a_terminal_ssh_keygen_speaks_for_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with pytest.raises(Refusal, match=r"did not sign \(see above\)"):
        statements.sign(b"a statement", tmp_path / "nokey", "report")


def test_without_ssh_keygen_one_sentence_says_what_to_install(keys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Refusal, match=r"is not installed.*apt-get install openssh"):
        statements.key_fingerprint(keys["reviewer"])
