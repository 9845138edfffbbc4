import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from running.startup import ConfigError, checked

from conftest import ROOT

UNFIT = ["a b", "a(b)", "a'b", 'a"b', "a$b", "a;b", "a*b", "a{b}", "a\\b"]
"""Names of folders below which Snakemake starts no Python."""


@pytest.mark.parametrize("name", UNFIT)
def test_a_folder_below_which_no_script_starts_is_refused_in_one_sentence(name, monkeypatch):
    monkeypatch.setattr(sys, "executable", f"/home/ann/{name}/.venv/bin/python")
    with pytest.raises(ConfigError, match=r"cannot start scripts; move the project"):
        checked({}, Path())


@pytest.mark.parametrize("name", UNFIT)
def test_make_refuses_such_a_folder_before_it_builds_anything(name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    made = subprocess.run(
        ["make", "--no-print-directory", ".venv/bin/python", "PYTHON=true"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode != 0
    assert made.stdout.startswith("Snakemake cannot start a Python below a folder with a blank")
    assert not (folder / ".venv").exists()


def test_make_goes_on_in_a_folder_with_another_name(tmp_path):
    folder = tmp_path / "é[1]-+,#@%!~"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    subprocess.run(
        ["make", "--no-print-directory", ".venv/bin/python", "PYTHON=true"], cwd=folder, check=True
    )


def of_prices(folder, **accept):
    """A config that names a source, and something under `accept`."""
    (folder / "prices.csv").write_text("date,symbol,close\n2024-01-02,A,1.0\n")
    return {"source": {"uri": "prices.csv"}, "accept": accept}


def test_a_champion_that_is_not_there_is_refused_because_the_gate_would_silently_be_gone(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"'accept.champion': found 'nope.json', but there is no"):
        checked(of_prices(tmp_path, champion="nope.json"), tmp_path)
    (tmp_path / "yes.json").touch()
    assert checked(of_prices(tmp_path, champion="yes.json"), tmp_path) == ["prices.csv"]


@pytest.mark.parametrize("accept", [{}, {"champion": "results/deployed_model.json"}])
def test_a_first_run_has_no_champion_and_begins(accept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert checked(of_prices(tmp_path, **accept), tmp_path) == ["prices.csv"]
