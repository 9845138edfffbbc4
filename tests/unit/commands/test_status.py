"""What is out of date, as far as the files alone tell."""

import os
import re
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from conftest import run_pricewright
from pricewright.commands import status
from pricewright.commands.status import _wrapped, outdated
from pricewright.files.disk import sha256
from pricewright.files.documents import write_json

BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)
RAW, CLEAN, OTHER = ("a" * 64, "b" * 64, "c" * 64)


@pytest.fixture
def results(tmp_path):
    """The results of a run, of one piece."""
    (tmp_path / "results").mkdir()
    write_json(tmp_path / "results/ingest.json", {"records": {"sha256": RAW}})
    write_json(
        tmp_path / "results/clean.json", {"input": {"sha256": RAW}, "records": {"sha256": CLEAN}}
    )
    put_model(tmp_path, CLEAN)
    return tmp_path


def put_model(folder, data):
    document = {"mode": "train", "scored_model": None, "data": {"path": "p", "sha256": data}}
    model = write_json(folder / "results/model.json", document)
    page = f"Files\n  model     results/model.json\n  sha256    {sha256(model)}\n"
    (folder / "results/report.txt").write_text(page)
    (folder / "results/deployed_model.json").write_bytes(model)


def test_what_is_of_one_piece_is_not_out_of_date(results):
    assert outdated(results, [], BEGAN) == []


def test_a_source_or_config_written_since_is_named(results):
    for name, seconds in (("new.csv", 1), ("old.csv", -1)):
        (results / name).touch()
        os.utime(results / name, (0, BEGAN.timestamp() + seconds))
    found = outdated(results, [results / "new.csv", results / "old.csv", results / "gone"], BEGAN)
    assert found == [f"{results / 'new.csv'} was written after the last run began"]


def test_each_break_of_the_chain_is_named(results):
    write_json(results / "results/ingest.json", {"records": {"sha256": OTHER}})
    put_model(results, OTHER)
    (results / "results/deployed_model.json").write_text("{}")
    (results / "results/report.txt").write_text(
        f"Files\n  model     results/model.json\n  sha256    {OTHER}\n"
    )
    assert outdated(results, [], BEGAN) == [
        "results/clean.json was made from other prices than results/ingest.json describes",
        "results/model.json was made from other prices than results/clean.json describes",
        "results/report.txt is about a different model from results/model.json",
        "results/deployed_model.json is a different model from results/model.json",
    ]


@pytest.mark.parametrize("name", ["ingest.json", "clean.json", "model.json", "report.txt"])
def test_a_file_that_is_missing_is_named(results, name):
    (results / "results" / name).unlink()
    [sentence] = outdated(results, [], BEGAN)
    assert f"results/{name}: no such file" in sentence


def test_a_model_that_is_not_deployed_is_named(results):
    (results / "results/deployed_model.json").unlink()
    assert outdated(results, [], BEGAN) == ["results/deployed_model.json is missing"]


def test_while_a_step_is_running_nothing_is_called_out_of_date(results, monkeypatch):
    (results / "results/deployed_model.json").unlink()
    monkeypatch.setattr(status, "last_start", lambda root: BEGAN)
    monkeypatch.setattr(status, "_not_taken_in", lambda root, config: iter(()))

    def notes(state):
        return status._outdated_results(results, {}, (), {"clean": [SimpleNamespace(state=state)]})

    assert notes("running") == []
    assert "results/deployed_model.json is missing" in notes("ok")


def test_on_a_narrow_terminal_a_line_is_broken_but_no_command():
    line = "    to sign (ann, bob and others): pricewright sign metrics --configfile desk.yaml"
    assert _wrapped(line, 90) == line
    assert _wrapped(line, 60).splitlines() == [
        "    to sign (ann, bob and others):",
        "        pricewright sign metrics --configfile desk.yaml",
    ]


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("results/monitor.json", '{"colour": "red"}', r"monitor\.json is not as a run writes it"),
        ("results/monitor.json", "{", r"results/monitor\.json:1: not JSON"),
        ("results/monitor.json", "[]", r"monitor\.json is not as a run writes it"),
        ("results/ingest.json", "{}", r"results/: a file is not as a run writes it \(KeyError"),
        ("ledger/ledger.jsonl", "nonsense\n", r"ledger/ledger\.jsonl:1"),
    ],
)
def test_one_damaged_file_takes_its_own_part_of_status_only(finished, file, content, sentence):
    (finished.folder / file).write_text(content)
    shown = run_pricewright("status", cwd=finished.folder)
    assert (shown.code, shown.stderr) == (0, "")
    assert re.search(sentence, shown.stdout)
    for heading in ("Last run\n", "Sign-offs\n"):
        assert heading in shown.stdout
    assert "Traceback" not in shown.stdout
