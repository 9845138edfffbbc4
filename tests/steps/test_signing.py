"""The commands that people run besides the workflow: sign, status and verify."""

import json

import pytest

from conftest import Project, run_pricewright
from people import make_key, signers_line
from pricewright.signoffs import ledger
from pricewright.signoffs.signed_files import GATES


def run(project, *arguments, answer=""):
    return run_pricewright(*arguments, cwd=project.folder, answer=answer)


@pytest.fixture
def signed_up(finished: Project, keys) -> Project:
    """A project in which everything has run and two people may sign."""
    assert run(finished, "sign", "--init", "--key", keys["reviewer"], "--who", "rita").code == 0
    path = finished.folder / "config/signers"
    path.write_text(path.read_text() + signers_line("second", keys["second"]))
    return finished


def met(desk):
    """The number of criteria that the model meets, and of all criteria."""
    model = json.loads((desk.folder / "results/model.json").read_bytes())
    found = [criterion["met"] for criterion in model["acceptance"]["criteria"].values()]
    return f"{found.count(True)} of {len(found) - found.count(None)}"


def test_a_person_who_is_shown_the_facts_and_says_yes_has_signed(signed_up, keys):
    done = run(
        signed_up, "sign", "metrics", "--key", keys["reviewer"], "--comment", "ok", answer="yes\n"
    )
    assert done.code == 0, done.stderr
    for shown in (
        "decision     approve, gate metrics: the metrics are good enough",
        "you          rita, SHA256:",
        f"acceptance   {met(signed_up)} criteria met",
        "MASE",
        "leak check   passed",
        "covers       results/model.json (",
        "policy       1 of rita, second, except whoever ran the training",
        "replaces     nothing",
        "comment      ok",
        "WARNING      the model is NOT ACCEPTED: ",
        "WARNING      accept.allow_unaccepted is true",
        "WARNING      it counts only after whoever trained the model signs: pricewright sign",
        "Sign this, as approved? yes or no: Approved: signoffs/metrics/rita.json",
    ):
        assert shown in done.stdout
    about_the_files = done.stdout[: done.stdout.index("covers")].splitlines()
    assert len(about_the_files) <= 20
    assert (signed_up.folder / "signoffs/metrics/rita.json.sig").is_file()


@pytest.mark.parametrize("answer", ["no\n", "\n", "", "yess\n"])
def test_any_answer_other_than_yes_signs_nothing(signed_up, keys, answer):
    done = run(signed_up, "sign", "report", "--key", keys["reviewer"], answer=answer)
    assert done.code == 1
    assert "nothing was signed" in done.stderr
    assert ("nobody answered" in done.stderr) == (answer == "")
    assert not (signed_up.folder / "signoffs").exists()
    assert ledger.read(signed_up.folder / "ledger")[-1].event != "signoff"


def test_each_gate_shows_its_own_numbers(signed_up, keys):
    shown = {
        gate: run(signed_up, "sign", gate, "--key", keys["second"], answer="no\n").stdout
        for gate in GATES
    }
    assert "rows         280 delivered, 280 kept" in shown["source"]
    assert "WARNING      the data has flags: 2 holiday" in shown["source"]
    assert "to read      results/report.txt, " in shown["report"]
    assert "NOT ACCEPTED" not in shown["source"]
    assert "rows         280 delivered" in shown["deploy"]
    assert f"acceptance   {met(signed_up)} criteria met" in shown["deploy"]
    for gate, text in shown.items():
        assert all(name in text for name in GATES[gate])


def test_a_rejection_is_shown_and_can_be_withdrawn(signed_up, keys):
    for name in ("reviewer", "second"):
        assert run(signed_up, "sign", "report", "--key", keys[name], "--yes").code == 0
    reject = ("sign", "report", "--key", keys["second"], "--yes", "--reject", "--comment", "typo")
    assert "Rejected: signoffs/report/second.json" in run(signed_up, *reject).stdout
    shown = run(signed_up, "status").stdout
    assert "  report   rejected by second; signed: 1 of 1, by rita" in shown
    assert "second rejects it (signoffs/report/second.json: typo)" in shown
    withdraw = ("sign", "report", "--key", keys["second"], "--yes", "--withdraw")
    assert "Withdrawn:" in run(signed_up, *withdraw).stdout
    assert "  report   ok       1 of 1, by rita" in run(signed_up, "status").stdout


def test_verify_finds_nothing_wrong_until_a_line_is_changed(signed_up, keys):
    assert run(signed_up, "sign", "source", "--key", keys["second"], "--yes").code == 0
    verified = run(signed_up, "verify")
    assert (verified.code, verified.stdout) == (
        0,
        "The ledger, the signatures, the releases, their forecasts and the received data are "
        "intact.\n",
    )
    path = signed_up.folder / "ledger/ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"init"', b'"exit"'))
    verified = run(signed_up, "verify")
    assert verified.code == 1
    assert "ledger.jsonl:5: does not fit line 4: one of the two was changed" in verified.stdout
    path.write_bytes(path.read_bytes().replace(b'"exit"', b'"exit'))
    verified = run(signed_up, "verify")
    assert verified.code == 1
    assert "ledger.jsonl:4: " in verified.stdout
    assert "problems found; see above" in verified.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["report", "--key", "nokey", "--yes"], "nokey: ssh-keygen cannot read this key"),
        (["--yes"], "no gate given; name one of source, metrics, report, deploy, author"),
        (["author", "--reject", "--yes"], "--reject: found with author"),
        (["report", "--reject", "--withdraw"], "--reject and --withdraw exclude each other"),
        (["report", "--release", "previous"], "--release: found with gate report"),
        (["deploy", "--release", "previous", "--yes"], "there is no release before"),
        (
            ["deploy", "--release", "abcd", "--yes"],
            "abcd: no release's digest begins with that",
        ),
        (["report", "--configfile", "none.yaml"], "none.yaml: no such file"),
        (["report", "--who", "second", "--yes"], "config/signers: second may not sign"),
        (["--init"], "config/signers: exists already"),
    ],
)
def test_a_sign_off_that_is_impossible_is_refused_in_a_sentence(
    signed_up, keys, arguments, sentence
):
    given = arguments if "--key" in arguments else [*arguments, "--key", keys["reviewer"]]
    done = run(signed_up, "sign", *given)
    assert done.code == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_unlisted_key_is_refused_with_the_line_to_add(signed_up, keys):
    done = run(signed_up, "sign", "report", "--key", keys["outsider"], "--yes")
    line = done.stderr.partition("have this line added to it: ")[2].strip()
    path = signed_up.folder / "config/signers"
    path.write_text(path.read_text() + line.replace("your-name", "olga") + "\n")
    assert run(signed_up, "sign", "report", "--key", keys["outsider"], "--yes").code == 0
    assert (signed_up.folder / "signoffs/report/olga.json").is_file()


def test_without_results_there_is_nothing_to_sign(project, keys):
    assert run(project, "sign", "--init", "--key", keys["reviewer"], "--who", "rita").code == 0
    done = run(project, "sign", "report", "--key", keys["reviewer"], "--yes")
    assert "results/ingest.json: no such file; run `snakemake --cores 1` first." in done.stderr
    assert "results/ingest.json: no such file" in run(project, "status").stdout


def test_with_no_signers_status_and_sign_say_how_to_begin(finished, keys):
    for script in (["status"], ["sign", "report", "--key", keys["reviewer"]]):
        done = run(finished, *script)
        assert "pricewright sign --init" in done.stdout + done.stderr


def test_the_key_that_ssh_would_use_is_used_by_default(signed_up, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    begin = ("sign", "report", "--yes")
    assert "has none of id_ed25519" in run(signed_up, *begin).stderr
    key = make_key(tmp_path / ".ssh", "id_ed25519")
    path = signed_up.folder / "config/signers"
    path.write_text(path.read_text() + signers_line("carl", key))
    assert run(signed_up, *begin).code == 0
    assert (signed_up.folder / "signoffs/report/carl.json").is_file()


def test_without_ssh_keygen_the_refusal_says_what_to_install(
    signed_up, keys, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run(signed_up, "sign", "report", "--key", keys["reviewer"])
    assert "ssh-keygen: is not installed" in done.stderr
    assert "\n" not in done.stderr.strip()


def test_a_training_is_recorded_in_the_ledger_once_with_its_author(run_once):
    received, entry, report = ledger.read(run_once.folder / "ledger")
    assert (received.event, entry.event, report.event) == ("received", "run", "report")
    assert entry.fields["steps"] == ["train_or_score"]
    assert entry.fields["run"]
    assert entry.who
