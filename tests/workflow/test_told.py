"""Whole runs that announce each outcome once, to a real web hook."""

import os
import signal
import subprocess
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from test_production import all_sign, name_signers

from conftest import Project, begin, run_pricewright, wait_until


@pytest.fixture
def told(finished, web_hook, monkeypatch):
    """A project in which everything has run, and which notifies a web hook."""
    monkeypatch.setenv("DESK_HOOK", web_hook.url)
    finished.configure(notify={"to": ["DESK_HOOK"]})
    return finished


def spoil(project: Project) -> bytes:
    path = project.folder / "data/raw/small.csv"
    good = path.read_bytes()
    path.write_text("date,symbol,close,volume\n2024-01-02,A,45.1.2,5\n")
    return good


def test_from_a_failure_to_a_rollback_each_event_is_announced_once(told, web_hook, keys):
    good = spoil(told)
    for _ in range(2):
        assert told.snakemake().code == 1
    [failed] = web_hook.taken
    assert failed["title"] == "Small market: failed"
    assert failed["message"] == (
        "ingest failed; logs/ingest.log says why.\nNext: pricewright status"
    )
    (told.folder / "data/raw/small.csv").write_bytes(good)
    name_signers(told, keys)
    assert told.snakemake().code == 0
    assert told.snakemake().ran == []
    assert len(web_hook.taken) == 2
    assert web_hook.titles()[1] == "Small market: not accepted, waiting for people"
    assert web_hook.texts()[1].endswith("\n\nA run went well again.")
    assert "Next: pricewright sign author" in web_hook.texts()[1]
    all_sign(told, keys)
    assert told.snakemake().ran == []
    assert "ready for release" in web_hook.texts()[2]
    web_hook.status = 500  # a later run tells of the release
    assert told.snakemake("production").code == 0
    web_hook.status = 200
    for _ in range(2):
        assert told.snakemake().code == 0
    assert web_hook.titles()[3:] == ["Small market: released"]


def test_an_unsigned_release_announces_who_must_sign(told, web_hook, keys):
    name_signers(told, keys)
    assert told.snakemake("production").code == 1
    [title] = web_hook.titles()
    assert title == "Small market: waiting for people"
    assert "author: whoever trained it; source: reviewer; " in web_hook.texts()[0]


def test_a_refused_model_is_announced_as_not_accepted(told, web_hook):
    told.configure(accept={"allow_unaccepted": False})
    for _ in range(2):  # the model that is still deployed does not count as this one
        assert told.snakemake().code == 1
    assert web_hook.titles() == ["Small market: not accepted"]


def test_reasons_are_announced_if_config_says_so_and_the_watch_is_read_from_its_file(
    told, web_hook
):
    told.configure(
        notify={"reasons": True, "events": ["failed", "watch_red", "late"]},
        schedule={"exchange": "XNYS"},
    )
    watch = {"colour": "red", "reasons": ["too many exceptions"]}
    (told.folder / "results/monitor.json").write_bytes(orjson.dumps(watch))
    assert told.snakemake().code == 0
    assert web_hook.titles() == ["Small market: watch red, data late"]
    spoil(told)
    assert told.snakemake().code == 1
    assert "The watch is red: too many exceptions." in web_hook.texts()[0]
    assert "the last session of XNYS was on " in web_hook.texts()[0]
    assert "45.1.2" in web_hook.texts()[1]


def test_a_service_that_is_down_is_reported_and_the_run_succeeds(told, web_hook):
    web_hook.status = 503
    outcome = told.snakemake()
    assert outcome.code == 0
    assert "Service 1 of the environment variable DESK_HOOK did not accept" in outcome.stderr
    assert "s3cret" not in outcome.stderr + outcome.stdout


def interrupted(project, environment):
    """End a run with Ctrl-C while a job waits; returns its exit code and what it said.

    At that moment Snakemake only waits for the job. While it starts a job, it may miss the key.
    """
    words = ("-m", "snakemake", "--cores", "1", "--forceall")
    run = begin(*words, cwd=project.folder, env=environment, stderr=subprocess.PIPE)
    wait_until((project.folder / "logs" / "clean.2.log").exists)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate()
    return run.returncode, said


def test_a_run_ended_by_ctrl_c_is_not_announced_as_failed(told, web_hook, failing):
    told.configure(retries={"times": 1, "delay": 30})
    code, said = interrupted(told, failing("prices_clean.json", 1))
    assert code == 1
    assert "Terminating processes on user request" in said
    assert web_hook.taken == []


@pytest.mark.parametrize("arguments", [("--dry-run", "-F"), ("results/ingest.json", "-F")])
def test_dry_runs_and_partial_runs_announce_nothing(told, web_hook, arguments):
    assert told.snakemake(*arguments).code == 0
    assert web_hook.taken == []


def test_a_rollback_is_announced_by_its_command(firm, web_hook, monkeypatch):
    monkeypatch.setenv("DESK_HOOK", web_hook.url)
    firm.now = datetime.now(UTC) - timedelta(minutes=10)
    first = firm.signed_release(0)
    firm.wait(minutes=1)
    firm.signed_release(1)
    firm.wait(minutes=1)
    firm.sign_release("reviewer", first)
    (firm.root / "config/config.yaml").write_text(
        "source: {uri: data/small.csv}\naccept: {allow_unaccepted: true}\n"
        "report: {title: Small market}\nnotify: {to: [DESK_HOOK]}\n"
        "signoffs: {metrics: {exclude_author: false}, deploy: {exclude_author: false}}\n"
    )
    outcome = run_pricewright("rollback", "--to", "previous", cwd=firm.root)
    assert outcome.code == 0, outcome.stderr
    assert web_hook.titles() == ["Small market: rolled back"]
    assert first[:12] in web_hook.texts()[0]
