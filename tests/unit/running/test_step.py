import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.exceptions import WorkflowError

from running import step
from running.params import deployed_model, project_folder, retrying, training_record
from running.resources import cores_here, retries_here

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


def test_a_job_uses_all_cores_of_a_machine_and_asks_a_cluster_for_four():
    assert cores_here(SimpleNamespace(local_exec=True, cores=16), 4)(None) == 16
    assert cores_here(SimpleNamespace(local_exec=False, cores=100), 4)(None) == 4
    assert cores_here(SimpleNamespace(), 4)(None) == 4  # of another Snakemake


def test_a_job_in_a_container_does_not_end_for_a_snakemake_that_it_cannot_see(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # where no run has begun
    before = threading.active_count()
    step.end_with_run(2**22 + 1, "another machine")
    assert threading.active_count() == before


TOLD = {"mode": "train", "signoffs": {"author": "carla"}, "history": {"keep_models": 7}}
RETRIES = {"times": 2, "delay": 0.5, "keep_logs_days": 3}
HERE = SimpleNamespace(
    remote_exec=False, storage_settings=SimpleNamespace(default_storage_provider=None)
)


def test_the_logs_that_this_run_left_tell_which_attempt_it_is(tmp_path):
    log = tmp_path / "clean.log"
    retry = retrying(HERE, RETRIES)(None, None)
    assert (step.attempt_number(retry, log), step.attempt_number({}, log)) == (1, 1)
    for number, moment in ((1, datetime(2020, 1, 1, tzinfo=UTC)), (2, datetime.now(UTC))):
        begun = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        (tmp_path / f"clean.{number}.log").write_text(f"{begun} INFO clean begin attempt=1\n")
    assert step.attempt_number(retry, log) == 2


def test_within_a_job_of_a_cluster_whoever_submitted_it_says_which_attempt_it_is(tmp_path):
    retry = retrying(SimpleNamespace(remote_exec=True, attempt=3), RETRIES)(None, None)
    assert retry["delay"] == 0.5
    assert step.attempt_number(retry, tmp_path / "clean.log") == 3


def test_what_the_ledger_is_told_of_a_training_is_an_argument():
    def train(input, output, *, project=None, author=None, configfile=(), keep_models=1):
        """A step."""

    made = Files("stocks/results/model.json")
    told = training_record(HERE, TOLD, ["mine.yaml"])
    record = told(None, made)
    assert step.arguments(train, Job(Files("clean.json"), made, {"record": record})) == {
        "input": Path("clean.json"),
        "output": Path("stocks/results/model.json"),
        "project": "stocks",
        "author": "carla",
        "configfile": ["mine.yaml"],
        "keep_models": 7,
    }
    of_a_shard = Files("stocks/results/shards/1-of-2.task.safetensors")
    assert told(None, of_a_shard)["project"] == "stocks"


def test_of_results_in_a_storage_the_ledger_is_told_nothing():
    stored = SimpleNamespace(storage_settings=SimpleNamespace(default_storage_provider="s3"))
    assert training_record(stored, TOLD, [])(None, Files("results/model.json")) == {}


def test_mode_auto_is_refused_where_results_are_in_a_storage():
    stored = SimpleNamespace(storage_settings=SimpleNamespace(default_storage_provider="s3"))
    with pytest.raises(WorkflowError, match=r"config key 'mode': found 'auto', allowed: train or"):
        training_record(stored, TOLD | {"mode": "auto"}, [])


@pytest.mark.parametrize(
    ("deployed", "folder"),
    [("results/deployed_model.json", "."), ("stocks/results/deployed_model.json", "stocks")],
)
def test_the_project_is_where_a_modules_prefix_puts_it(deployed, folder):
    rules = SimpleNamespace(deploy=SimpleNamespace(output=[deployed]))
    assert project_folder(rules) == folder
    assert deployed_model(rules) == deployed


def test_a_module_that_is_used_without_deploy_has_no_deployed_model():
    assert deployed_model(SimpleNamespace()) is None
    assert project_folder(SimpleNamespace()) == "."
