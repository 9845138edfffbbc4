import subprocess
from pathlib import Path

import pytest

from pricewright.files.disk import sha256
from pricewright.signoffs import ledger
from pricewright.signoffs.policy import (
    author_of,
    is_author,
    last_config_files,
    login,
    oneself,
    record_run,
)
from pricewright.signoffs.signed_files import MODEL


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A folder in which git knows nobody."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("LOGNAME", "carol")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_is_who_the_config_says_else_whom_git_knows_else_the_login(alone):
    assert oneself() == "carol"
    subprocess.run(["git", "init", "-q"], check=True)
    for address, found in (("carol@example.com", "carol@example.com"), ("not a name", "carol")):
        subprocess.run(["git", "config", "user.email", address], check=True)
        assert oneself() == found
    assert oneself("carla") == "carla"


def test_without_git_one_goes_by_the_login(alone, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert oneself() == "carol"


def test_who_has_no_name_at_all_is_unknown(monkeypatch):
    def nobody():
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert login() == "unknown"


def test_a_run_is_on_record_with_its_author_their_login_and_the_model(alone):
    record_run(
        alone, ["report", "train_or_score"], "f" * 64, "carla", facts={"machine": "an abacus"}
    )
    (entry,) = ledger.read(alone / "ledger")
    assert (entry.event, entry.who) == ("run", "carla")
    assert entry.fields == {
        "run": "f" * 64,
        "steps": ["report", "train_or_score"],
        "login": "carol",
        "machine": "an abacus",
    }
    assert author_of([entry], "f" * 64) == entry
    assert author_of([entry], "e" * 64) is None


def test_the_author_is_known_by_name_in_any_capitals_by_login_and_by_key(office, monkeypatch):
    monkeypatch.setenv("LOGNAME", "dana")
    office.name_also("Dana", "outsider")
    office.name_also("alias", "reviewer")
    office.write(MODEL, "a model of many names\n")
    office.record_run("Reviewer")
    run = author_of(ledger.read(office.root / "ledger"), sha256(b"a model of many names\n"))
    names = {signer.who for signer in office.policy.signers}
    assert {who for who in names if is_author(who, run, office.policy)} == {
        "reviewer",
        "Dana",
        "alias",
    }


@pytest.mark.parametrize("steps", [None, 7, "train_or_score", ["report"]])
def test_a_line_that_does_not_say_that_it_trained_makes_nobody_the_author(tmp_path, steps):
    ledger.append(tmp_path, "run", who="mallory", run="f" * 64, steps=steps)
    assert author_of(ledger.read(tmp_path), "f" * 64) is None


def test_the_config_files_of_the_newest_run_are_those_of_the_commands_about_it(alone):
    assert last_config_files(ledger.read(alone / "ledger")) == []
    record_run(alone, ["report"], "e" * 64, "carla", configfile=["mine.yaml", "desk/b.yaml"])
    assert last_config_files(ledger.read(alone / "ledger")) == [
        Path("mine.yaml"),
        Path("desk/b.yaml"),
    ]
    record_run(alone, ["report"], "e" * 64, "carla")
    assert last_config_files(ledger.read(alone / "ledger")) == []


def test_a_training_that_is_told_twice_in_a_row_is_one_line(alone):
    first = record_run(alone, ["train_or_score"], "e" * 64, "carla", once=True)
    assert record_run(alone, ["train_or_score"], "e" * 64, "dan", once=True) == first
    record_run(alone, ["train_or_score"], "e" * 64, "carla", configfile=["b.yaml"], once=True)
    record_run(alone, ["train_or_score"], "f" * 64, "carla", once=True)
    assert len(ledger.read(alone / "ledger")) == 3
