import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.exceptions import LockException, print_exception
from snakemake.logging import logger

from running.comforts import comfort
from running.startup import ConfigError, checked, hear_that_nothing_is_done

from conftest import ROOT

UNFIT = ["a b", "a(b)", "a'b", 'a"b', "a$b", "a;b", "a*b", "a{b}", "a\\b"]
"""Names of folders below which Snakemake starts no Python."""


@pytest.mark.parametrize("name", UNFIT)
def test_a_folder_below_which_no_script_starts_is_refused_in_one_sentence(name, monkeypatch):
    monkeypatch.setattr(sys, "executable", f"/home/ann/{name}/.venv/bin/python")
    with pytest.raises(ConfigError, match=r"cannot start scripts; move the project"):
        checked({}, Path(), ITSELF)


def make_environment(folder):
    """Let `make` build an environment in a folder, with a Python that does nothing."""
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    words = ["make", "--no-print-directory", ".venv/bin/python", "PYTHON=true"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", UNFIT)
def test_make_refuses_such_a_folder_before_it_builds_anything(name, tmp_path):
    made = make_environment(tmp_path / name)
    assert made.returncode != 0
    assert made.stdout.startswith("Snakemake cannot start a Python below a folder with a blank")
    assert not (tmp_path / name / ".venv").exists()


def test_make_goes_on_in_a_folder_with_another_name(tmp_path):
    made = make_environment(tmp_path / "é[1]-+,#@%!~")
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.fixture
def said(caplog):
    """Returns the only message of Snakemake, with the filter of a run."""
    logger.addHandler(caplog.handler)
    logger.addFilter(hear_that_nothing_is_done)

    def said():
        (message,) = set(caplog.messages)  # pytest may get it twice
        return message

    yield said
    logger.removeFilter(hear_that_nothing_is_done)
    logger.removeHandler(caplog.handler)


def os_error(number, path=None):
    return OSError(number, os.strerror(number), path)


LOCKS = "/desk/.snakemake/locks"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (os_error(errno.EACCES, LOCKS), f"{LOCKS}: permission denied; give this user permission"),
        (os_error(errno.ENOSPC), f"{os.getcwd()}: no space left on device; free some space"),
        (LockException(), "Another run is at work in this folder"),
    ],
    ids=["denied", "full", "locked"],
)
def test_an_error_of_the_disk_or_a_locked_folder_is_one_sentence(said, error, sentence):
    try:
        raise error
    except Exception as caught:
        print_exception(caught)
    assert said().startswith(sentence)
    assert "\n" not in said()


def test_any_other_error_is_shown_as_snakemake_shows_it(said):
    try:
        raise ValueError("strange")
    except ValueError as caught:
        print_exception(caught)
    assert "Traceback" in said()
    assert "strange" in said()


def test_a_full_disk_is_not_blamed_on_snakemake(said):
    with comfort("there is no run report, by this test"):
        raise os_error(errno.ENOSPC, "results/run_report.html")
    assert said() == (
        "An optional feature failed, so there is no run report, by this test: "
        "results/run_report.html: no space left on device; free some space, then run the same "
        "command again."
    )


def workflow(*, is_main):
    return SimpleNamespace(modifier=SimpleNamespace(is_main_snakefile=lambda: is_main))


ITSELF = workflow(is_main=True)


def of_prices(folder, **accept):
    """A config that names a source, and something under `accept`."""
    (folder / "prices.csv").write_text("date,symbol,close\n2024-01-02,A,1.0\n")
    return {"source": {"uri": "prices.csv"}, "accept": accept}


def test_a_champion_that_is_not_there_is_refused_because_the_gate_would_silently_be_gone(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"'accept.champion': found 'nope.json', but there is no"):
        checked(of_prices(tmp_path, champion="nope.json"), tmp_path, ITSELF)
    (tmp_path / "yes.json").touch()
    config = of_prices(tmp_path, champion="yes.json")
    assert checked(config, tmp_path, ITSELF) == ["prices.csv"]


@pytest.mark.parametrize(
    "accept",
    [
        {},
        {"champion": "results/deployed_model.json"},
        {"champion": "production/current/model.json"},
    ],
)
def test_a_first_run_has_no_champion_and_begins(accept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert checked(of_prices(tmp_path, **accept), tmp_path, ITSELF) == ["prices.csv"]


def test_a_file_of_corrections_that_is_lost_is_missed_except_in_a_module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"corrections": {"file": "c.yaml"}}
    with pytest.raises(ConfigError, match=r"'corrections.file': found 'c.yaml', but there is no"):
        checked(of_prices(tmp_path) | given, tmp_path, ITSELF)
    in_a_module = workflow(is_main=False)
    assert checked(of_prices(tmp_path) | given, tmp_path, in_a_module) == ["prices.csv"]
