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
