"""What a person sees of a run on a (pseudo-)terminal and through a pipe."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass

from running.records import layout_engines

from conftest import Project


@dataclass
class Screen:
    """The raw output on a terminal, and the lines that are readable there."""

    code: int
    raw: str

    @property
    def lines(self) -> list[str]:
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw).replace("\r\n", "\n")
        return [line.rpartition("\r")[2].rstrip() for line in text.splitlines() if line.strip()]


def on_a_terminal(project, *arguments, columns=80, stdout=None, **environment):
    """Run Snakemake with a terminal of a given width as its standard error."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "COLUMNS")}
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=project.folder,
        env=inherited | {"TERM": "xterm"} | environment,
        stdout=stdout or slave,
        stderr=slave,
        stdin=subprocess.DEVNULL,
    )
    os.close(slave)
    pieces = []
    try:
        while piece := os.read(master, 1 << 16):
            pieces.append(piece)
    except OSError:  # the terminal's other end was closed
        pass
    os.close(master)
    return Screen(run.wait(120), b"".join(pieces).decode())


def test_a_run_shows_a_line_per_step_then_the_verdict_and_the_paths(finished: Project):
    screen = on_a_terminal(finished, "--forcerun", "report")
    assert screen.code == 0, screen.raw
    begin = next(at for at, line in enumerate(screen.lines) if line.startswith("✓"))
    ended = [line for line in screen.lines[begin:] if "━" not in line]
    report, deploy, count, verdict = ended[:4]
    assert re.fullmatch(r"✓ report +\d+\.\d s  results/report\.txt", report)
    assert re.fullmatch(r"✓ deploy +\d+\.\d s  results/deployed_model\.json", deploy)
    assert re.fullmatch(r"2 steps in \d+\.\d s", count)
    assert verdict.startswith("NOT ACCEPTED: ")
    assert screen.lines[-3:] == [
        "Report          results/report.html",
        "Run report      results/run_report.html",
        "Deployed model  results/deployed_model.json",
    ]
    assert not [word for word in ("Job stats", "jobid", "INFO", "SNAKEMAKE") if word in screen.raw]
    log = (finished.folder / "logs" / "report.log").read_text()
    assert [line.split()[3] for line in log.splitlines()] == ["begin", "start", "end"]


def test_no_color_is_respected(finished: Project):
    screen = on_a_terminal(finished, "--forcerun", "deploy", columns=120, NO_COLOR="1")
    ours = screen.raw.partition("usage.")[2].partition("\n")[2]  # Snakemake's own heeds nothing
    assert "✓ deploy" in ours
    assert not re.search(r"\x1b\[3[0-7]m", ours)


def test_a_quiet_run_says_nothing_except_why_it_failed(finished: Project):
    outcome = finished.snakemake("--quiet", "all", "--forcerun", "deploy")
    assert (outcome.code, outcome.stdout) == (0, "")
    assert "deploy" not in outcome.stderr
    (finished.folder / "data" / "raw" / "small.csv").write_text("<html>Sign in</html>")
    failing = finished.snakemake("--quiet", "all")
    assert failing.code == 1
    assert " ERROR ingest failed for good: " in failing.stderr.splitlines()[-1]


def test_printing_the_dag_prints_nothing_else(finished: Project, tmp_path):
    with (tmp_path / "dag").open("w+") as file:
        screen = on_a_terminal(finished, "--dag", stdout=file)
        file.seek(0)
        text = file.read()
    assert screen.code == 0, screen.raw
    assert "✓" not in screen.raw
    words = [layout_engines()[0], "-Tsvg"]  # `dot`, or where there is none, what stands in for it
    drawn = subprocess.run(words, input=text, capture_output=True, text=True, check=True)
    assert "train_or_score" in drawn.stdout
