from pathlib import Path
from types import SimpleNamespace

import pytest

from running import step
from running.resources import attempt_number, linear_backoff, retries_here

from pricewright.files.errors import Refusal


class Files:
    """Named and unnamed files, as a job has them."""

    def __init__(self, *unnamed, **named):
        self.files, self.named = list(unnamed), named
        for value in named.values():
            self.files += [value] if isinstance(value, str) else value

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.files[index]

    def keys(self):
        return self.named.keys()

    def items(self):
        return self.named.items()


class Job:
    def __init__(self, input, output, params):
        self.input, self.output, self.params = input, output, params


def function(input, output, *, receipt=None, receipts=(), price="close"):
    """A step."""


def test_arguments_are_filled_by_name_from_files_and_options():
    job = Job(
        Files("raw.json", receipts=["a.json", "b.json"]),
        Files("clean.json", receipt="c.json"),
        {"options": {"price": "open"}, "code": "abc"},
    )
    assert step.arguments(function, job) == {
        "input": Path("raw.json"),
        "output": Path("clean.json"),
        "receipts": [Path("a.json"), Path("b.json")],
        "receipt": Path("c.json"),
        "price": "open",
    }


def test_files_that_all_have_names_give_no_unnamed_argument():
    job = Job(Files(receipts=["a.json", "b.json"]), Files(output="clean.json", receipt=[]), {})
    with pytest.raises(TypeError, match="input"):
        step.arguments(function, job)
    job.input = Files(input="raw.json", receipts=["a.json", "b.json"])
    assert step.arguments(function, job) == {
        "input": Path("raw.json"),
        "receipts": [Path("a.json"), Path("b.json")],
        "output": Path("clean.json"),
    }


def test_a_name_that_the_function_does_not_have_is_an_error():
    job = Job(Files("raw.json"), Files("clean.json"), {"options": {"prise": "open"}})
    with pytest.raises(TypeError, match="prise"):
        step.arguments(function, job)


def test_the_first_attempt_begins_at_once(monkeypatch):
    monkeypatch.setattr(step.time, "sleep", pytest.fail)
    step.wait_before(1, 5.0, None)


def test_a_later_attempt_waits_its_backoff(monkeypatch, tmp_path):
    waits = []
    monkeypatch.setattr(step.time, "sleep", waits.append)
    (tmp_path / "clean.1.log").write_text("2026-01-01T00:00:00.000Z ERROR clean failed: disk\n")
    step.wait_before(2, 0.5, tmp_path / "clean.1.log")
    assert waits == [0.5]


def test_what_failed_for_good_is_not_waited_for_or_done_again(monkeypatch, tmp_path):
    monkeypatch.setattr(step.time, "sleep", pytest.fail)
    line = "2026-01-01T00:00:00.000Z ERROR clean failed for good: a.json:3: wrong.\n"
    (tmp_path / "clean.1.log").write_text(line)
    with pytest.raises(Refusal, match=r"^a\.json:3: wrong\.$"):
        step.wait_before(2, 0.5, tmp_path / "clean.1.log")


def test_only_who_submits_a_job_tries_it_again():
    assert retries_here(SimpleNamespace(remote_exec=False), 2) == 2
    assert retries_here(SimpleNamespace(remote_exec=True), 2) == 0


def test_each_attempt_waits_longer():
    assert [linear_backoff(0.5)(None, attempt) for attempt in (1, 2, 3)] == ["0.0", "0.5", "1.0"]
    assert attempt_number(None, 2) == 2
