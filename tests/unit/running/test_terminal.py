"""What a run shows, by the records that Snakemake sends, on a screen that a test holds."""

import io
import logging
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from running.comforts import LAST
from running.jobs import JobFollower
from running.live import Lines
from running.terminal import Drawn, Plain, drawable

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
RULE_ERROR = "RuleException:\nCalledProcessError in file ingest.smk"


class Stream(io.StringIO):
    """A terminal's end, or a pipe's."""

    def __init__(self, terminal=False):
        super().__init__()
        self._terminal = terminal

    def isatty(self):
        return self._terminal


class Run:
    """A run as its handler sees it: records, and the logs of its steps."""

    def __init__(self, folder, kind=Drawn, width=80, quiet=()):
        self.folder, self.width, self.now = Path(folder), width, NOON
        self.stream = Stream(terminal=kind is Drawn)
        inner = ColorizingTextHandler(nocolor=True, stream=self.stream)
        inner.addFilter(DefaultFilter(set(quiet), False, False, False, False))
        inner.setFormatter(DefaultFormatter(set(quiet)))
        if kind is Drawn:
            how = {"width": width, "force_terminal": True, "no_color": True}
            console = Console(file=self.stream, legacy_windows=False, **how)
            self.lines = Lines(self.stream, console=console, clock=lambda: self.now)
            self.shown = Drawn(inner, self.lines)
        else:
            self.shown = kind(inner)

    def send(self, message="", level="INFO", **extra):
        record = logging.makeLogRecord(
            {"msg": message, "levelname": level, "levelno": getattr(logging, level)} | extra
        )
        record.created = self.now
        self.shown.handle(record)

    def begin(self, step, jobid):
        nothing = {"rule_msg": None, "input": [], "output": [], "benchmark": None}
        plain = {"wildcards": {}, "resources": {}, "priority": 0, "threads": 1, "reason": "new"}
        flags = {"local": True, "is_checkpoint": False, "indent": False}
        log = str(self.folder / f"{step}.log")
        job = {"rule_name": step, "jobid": jobid, "log": [log], "event": LogEvent.JOB_INFO}
        self.send("", **nothing, **plain, **flags, **job)

    def says(self, step, text):
        stamp = datetime.fromtimestamp(self.now, UTC).isoformat(timespec="milliseconds")
        with (self.folder / f"{step}.log").open("a") as log:
            log.write(f"{stamp.removesuffix('+00:00')}Z {text}\n")

    def finish(self, jobid):
        self.send(f"Finished jobid: {jobid}", event=LogEvent.JOB_FINISHED, job_id=jobid)

    def fail(self, step, jobid):
        self.send(RULE_ERROR, "ERROR", event=LogEvent.ERROR, exception="RuleException")
        more = {"rule_msg": None, "input": [], "output": [], "log": [f"{step}.log"]}
        rest = {"conda_env": None, "shellcmd": None, "aux": {}, "indent": False}
        job = {"rule_name": step, "jobid": jobid, "event": LogEvent.JOB_ERROR}
        self.send(f"Error in rule {step}", "ERROR", **more, **rest, **job)

    def close(self):
        self.shown.close()
        return self.text()

    def text(self):
        """What was written, without what moves the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", self.stream.getvalue())

    def at_work(self):
        """The lines of the steps at work."""
        console = Console(file=io.StringIO(), width=self.width, legacy_windows=False)
        console.print(self.lines.at_work())
        return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path)
    yield made
    made.shown.close()


def test_a_step_at_work_has_a_line_with_its_time_bar_count_and_pace(run):
    run.begin("train_or_score", 1)
    figures = "symbols=1250 of=5000 share=0.25 seconds=10"
    run.says("train_or_score", f"INFO t progress doing=scoring {figures}")
    run.now += 12.3
    [line] = run.at_work()
    begin, end = "  train_or_score      12.3 s  ━━", "  1,250 of 5,000 symbols, 125/s, scoring"
    assert line.startswith(begin)
    assert line.endswith(end)


def test_two_steps_at_once_have_a_line_each_and_leave_it_as_they_end(run):
    run.begin("ingest", 1)
    run.begin("clean", 2)
    run.says("ingest", "INFO ingest end rows=7 kept=7")
    run.now += 1
    assert [line.split()[0] for line in run.at_work()] == ["ingest", "clean"]
    run.finish(1)
    assert [line.split()[0] for line in run.at_work()] == ["clean"]
    assert "✓ ingest               1.0 s  7 rows\n" in run.text()


@pytest.mark.parametrize("width", [20, 40, 69, 70, 120])
def test_no_line_is_wider_than_the_screen(tmp_path, width):
    run = Run(tmp_path, width=width)
    run.begin("train_or_score", 1)
    run.says("train_or_score", "INFO t progress symbols=1250 of=5000 share=0.25 seconds=10")
    lines = run.at_work()
    assert len(lines) == 1
    assert len(lines[0]) <= width
    assert ("━" in lines[0]) == (width >= 70)
    run.says("train_or_score", "INFO t end symbols=5000 " + "x" * 300)
    run.finish(1)
    [end] = re.findall("✓.*", run.close())
    assert len(end) <= width


def test_what_an_earlier_run_left_in_the_log_is_not_this_runs(run):
    run.says("ingest", "INFO ingest end rows=7 kept=7")
    run.now += 60
    run.begin("ingest", 1)
    assert "7 rows" not in run.at_work()[0]
    run.now += 1
    run.finish(1)
    assert "✓ ingest               1.0 s\n" in run.text()


def test_of_what_snakemake_says_in_every_run_nothing_is_shown(run):
    run.send("Workflow has started!", event=LogEvent.WORKFLOW_STARTED)
    run.send("Building DAG of jobs...")
    run.begin("ingest", 1)
    run.send("Select jobs to execute...")
    run.finish(1)
    run.send("1 of 2 steps", event=LogEvent.PROGRESS, done=1, total=2)
    assert "✓ ingest" in run.close()
    for text in ("started", "DAG", "Select", "steps"):
        assert text not in run.text()


def test_what_snakemake_does_not_say_in_every_run_is_shown(run):
    run.send("Nothing to be done (all requested files are present and up to date).")
    run.begin("ingest", 1)
    run.send("Terminating processes on user request, this might take some time.")
    run.send("The disk is nearly full.", "WARNING")
    run.send("MissingOutputException: no file", "ERROR", event=LogEvent.ERROR, exception="M")
    for text in ("Nothing to be done", "Terminating", "nearly full", "MissingOutputException"):
        assert text in run.text()


def test_of_a_step_that_fails_the_sentence_is_shown_and_no_more(run):
    run.begin("ingest", 1)
    run.says("ingest", "ERROR ingest failed for good: a.csv:3: wrong; mend it.")
    run.fail("ingest", 1)
    run.send("ingest failed: a.csv:3: wrong; mend it.", "ERROR", **LAST)
    run.send("WorkflowError:\nAt least one job did not complete successfully.", "ERROR")
    text = run.close()
    assert "✗ ingest               0.0 s  a.csv:3: wrong; mend it.\n" in text
    assert text.splitlines()[-1] == "ingest failed: a.csv:3: wrong; mend it."
    assert "CalledProcessError" not in text
    assert "WorkflowError" not in text


def test_attempts_that_fail_for_the_same_reason_are_one_line_and_for_another_two(run):
    for sentence in ("it broke.", "it broke.", "it burned."):
        run.begin("ingest", 1)
        run.says("ingest", f"ERROR ingest failed: {sentence}")
        run.fail("ingest", 1)
        run.now += 1
    assert re.findall(r"✗ .* s  (.*)", run.close()) == ["it broke.", "it burned."]


def test_of_a_step_that_was_killed_all_that_snakemake_knows_is_shown(run):
    run.begin("ingest", 1)
    run.says("ingest", "INFO ingest start")
    run.fail("ingest", 1)
    text = run.close()
    assert "CalledProcessError in file ingest.smk" in text
    assert "Error in rule ingest:" in text


def test_an_error_that_no_step_explains_is_not_lost(run):
    run.begin("ingest", 1)
    run.send(RULE_ERROR, "ERROR", event=LogEvent.ERROR, exception="RuleException")
    assert "CalledProcessError" in run.close()


def test_what_is_last_stands_below_everything_once_and_the_cursor_is_shown_again(run):
    run.send("the verdict", **LAST)
    run.begin("ingest", 1)
    run.finish(1)
    run.close()
    text = run.close()
    assert text.count("the verdict") == 1
    assert text.rstrip().endswith("the verdict")
    written = run.stream.getvalue()
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


def test_markup_and_escapes_in_a_log_stay_text(run):
    run.begin("ingest", 1)
    run.says("ingest", "ERROR ingest failed for good: [red]a[/red] \x1b[2J\x07 :bomb: x; mend it.")
    run.fail("ingest", 1)
    assert "[red]a[/red]" in run.text()
    assert ":bomb:" in run.text()
    assert "\x1b[2J" not in run.stream.getvalue()
    assert "\x07" not in run.stream.getvalue()


def test_a_jobs_log_that_cannot_be_read_is_no_trouble(run):
    (run.folder / "ingest.log").mkdir()
    run.begin("ingest", 1)
    assert len(run.at_work()) == 1
    run.finish(1)
    assert "✓ ingest" in run.close()


def test_a_rule_without_a_log_is_no_step(run):
    run.send("", event=LogEvent.JOB_INFO, jobid=0, rule_name="all", log=[])
    run.finish(0)
    assert "all" not in run.close()


def test_in_a_pipe_all_that_snakemake_says_stays_and_a_line_is_added(tmp_path):
    run = Run(tmp_path, Plain)
    run.send("Building DAG of jobs...")
    run.begin("ingest", 1)
    run.now += 1  # in a cluster's queue, say
    run.says("ingest", "INFO ingest begin attempt=1")
    run.now += 2
    run.says("ingest", "INFO ingest end rows=7 kept=7")
    run.finish(1)
    run.send("the verdict", **LAST)
    run.send("Complete log(s): a.log")
    lines = run.close().splitlines()
    assert lines[0] == "Building DAG of jobs..."
    assert "localrule ingest:" in lines
    assert lines[lines.index("Finished jobid: 1") + 1] == (
        "ingest               3.0 s  7 rows, 3.5/s"
    )
    assert lines[-2:] == ["Complete log(s): a.log", "the verdict"]
    assert "\x1b" not in run.stream.getvalue()


def test_in_a_pipe_the_sentence_of_a_failure_is_the_last_line(tmp_path):
    run = Run(tmp_path, Plain)
    run.begin("ingest", 1)
    run.fail("ingest", 1)
    run.send("ingest failed: wrong; mend it.", "ERROR", **LAST)
    run.send("WorkflowError:\nAt least one job did not complete successfully.", "ERROR")
    assert run.close().splitlines()[-1] == "ingest failed: wrong; mend it."


def test_quiet_is_quiet(tmp_path):
    run = Run(tmp_path, JobFollower, quiet=[Quietness.ALL])
    run.begin("ingest", 1)
    run.finish(1)
    run.send("the verdict", **LAST)
    assert run.close() == ""


def test_without_progress_there_is_no_verdict_but_an_error(tmp_path):
    run = Run(tmp_path, JobFollower, quiet=[Quietness.PROGRESS, Quietness.RULES])
    run.send("the verdict", **LAST, quietness=Quietness.PROGRESS)
    run.send("it failed.", "ERROR", **LAST)
    assert run.close() == "it failed.\n"


@pytest.mark.parametrize(
    ("terminal", "environment", "expected"),
    [
        (True, {"TERM": "xterm-256color"}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {}, False),
        (True, {"TERM": "xterm", "CI": "true"}, False),
    ],
)
def test_lines_move_only_on_a_terminal_that_a_person_looks_at(terminal, environment, expected):
    assert drawable(Stream(terminal), environment) is expected
