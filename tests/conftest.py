"""Fixtures: small markets, copies of the project to run in, and the outcomes of runs."""

import compileall
import contextlib
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import orjson
import pytest
import yaml
from snakemake_forks import run_forked

from pricewright.reporting.drawing import library

hypothesis.settings.register_profile("unhurried", deadline=None)  # a machine may be busy
hypothesis.settings.load_profile("unhurried")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each of many processes compiles everything
os.fsync = lambda descriptor: None  # no test cuts the power, and syncing a busy disk is slow

pytest_plugins = ["people", "firm", "deliveries", "inbox", "web_server", "servers", "listeners"]

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
PRICEWRIGHT = str(SCRIPTS / "pricewright")  # the command, if it is not installed
STEPS = ("ingest", "clean", "train_or_score", "report", "deploy")
CHECKPOINTS = (
    "prices_raw.json",
    "prices_clean.json",
    "model.json",
    "report.txt",
    "deployed_model.json",
)


def market(symbols: int = 2, days: int = 140, seed: int = 1) -> list[dict[str, Any]]:
    """Clean records of a small, seeded market of lognormal prices."""
    random = np.random.default_rng(seed)
    dates = np.busday_offset("2020-01-01", np.arange(days), roll="forward")
    records = []
    for number in range(symbols):
        prices = 50 * np.exp(np.cumsum(random.normal(0.0005, 0.02, days)))
        for date, price in zip(dates, prices, strict=True):
            close = round(float(price), 4)
            records.append(
                {"date": str(date), "symbol": f"S{number}", "close": close, "volume": 1000}
            )
    return records


def as_csv(records: list[dict[str, Any]]) -> str:
    names = list(records[0])
    rows = [",".join(str(record[name]) for name in names) for record in records]
    return "\n".join([",".join(names), *rows]) + "\n"


@dataclass
class Outcome:
    """What a command printed, and which rules ran if it was Snakemake."""

    code: int
    stdout: str
    stderr: str
    ran: list[str] = field(init=False)

    def __post_init__(self) -> None:
        rules = re.findall(r"^(?:local)?rule (\w+):$", self.stdout + self.stderr, re.MULTILINE)
        self.ran = [rule for rule in rules if not rule.endswith("all")]


@dataclass
class Project:
    """A copy of the project with a small market as its source."""

    folder: Path

    loses_comforts: bool = field(default=False, kw_only=True)
    """Whether comforts may fail in runs of the project."""

    def snakemake(self, *arguments: str, env: dict[str, str] | None = None) -> Outcome:
        run = ("--cores", "1", *arguments)
        if "PYTHONPATH" in (env or {}):  # Python reads it only at startup, so do not fork
            outcome = command("-m", "snakemake", *run, cwd=self.folder, env=env, seconds=180)
        else:
            environment = person_environment(env)
            outcome = Outcome(*run_forked(run, cwd=self.folder, env=environment, seconds=180))
        assert self.loses_comforts or "An optional feature failed" not in outcome.stderr, (
            outcome.stderr
        )
        return outcome

    def configure(self, **sections: Any) -> None:
        """Change keys in sections of config/config.yaml."""
        path = self.folder / "config" / "config.yaml"
        config = yaml.safe_load(path.read_text())
        for section, value in sections.items():
            if isinstance(value, dict):
                config[section] |= value
            else:
                config[section] = value
        path.write_text(yaml.safe_dump(config))

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def results(self) -> dict[str, bytes]:
        return {name: (self.folder / "results" / name).read_bytes() for name in CHECKPOINTS}

    def model(self) -> dict[str, Any]:
        document: dict[str, Any] = orjson.loads(self.results()["model.json"])
        return document


def begin(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None, stderr: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    """Begin to run this Python with arguments, in a group of processes of its own."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env=person_environment(env),
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )


def wait_until(true: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something is true, but no longer than these seconds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def command(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None, seconds: float = 60
) -> Outcome:
    """Run this Python with arguments, as a person would in the environment."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=person_environment(env),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def person_environment(more: dict[str, str] | None) -> dict[str, str]:
    """The variables of a person who has activated the environment, and `more`."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path} | (more or {})


def run_pricewright(*arguments: object, cwd: Path, answer: str = "") -> Outcome:
    """Run the command `pricewright` in this process, which is faster than starting one."""
    from pricewright.commands import app

    out, err, code = StringIO(), StringIO(), 0
    logger = logging.getLogger("pricewright")
    handlers = logger.handlers[:]
    with contextlib.ExitStack() as stack:
        for context in (contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)):
            stack.enter_context(context)
        stack.enter_context(contextlib.chdir(cwd))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(sys, "stdin", StringIO(answer))
        patch.setenv("COLUMNS", "1000")  # the terminal of the tests does not matter
        try:
            app.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            logger.handlers[:] = handlers
    return Outcome(code, out.getvalue(), err.getvalue())


def copy_project(folder: Path) -> Path:
    """Copy the files that a clone would have, without tests and documents."""
    library()  # takes seconds to make; like the bytecode below, it is stored with the code
    compile_scripts()
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "Snakefile", folder)
    for name in ("workflow", "config", "profiles", "data"):
        shutil.copytree(
            ROOT / name,
            folder / name,
            ignore=shutil.ignore_patterns("*.pyc.*", ".snakemake", "received"),
        )
    return folder


@cache
def compile_scripts() -> None:
    assert compileall.compile_dir(SCRIPTS, quiet=1)


def small_project(folder: Path) -> Project:
    """A project whose source is the small market, with matching settings."""
    made = Project(copy_project(folder))
    (made.folder / "data" / "raw" / "small.csv").write_text(as_csv(market()))
    nothing = {name: None for name in ("open", "high", "low", "adj_close")}
    names = {"date": "date", "symbol": "symbol", "close": "close", "volume": "volume"}
    made.configure(
        source={"uri": "data/raw/small.csv", "columns": names | nothing},
        model={"price": "close", "horizon": 5, "min_history": 40, "calibration": 100},
        evaluation={"origins": 20, "refit": 5},
        accept={"allow_unaccepted": True},  # 140 days miss some criterion
        report={"title": "Small market"},
        retries={"delay": 0.05},
    )
    return made


FAULTY_DISK = """
import os

_replace = os.replace

def replace(old, new, *rest, **more):
    if os.path.basename(new) == os.environ["FAIL_ON"]:
        with open(os.environ["FAILURES"], "a+") as file:
            file.seek(0)
            if len(file.read()) < int(os.environ["FAIL_TIMES"]):
                file.write("x")
                raise OSError(5, "Input/output error")
    return _replace(old, new, *rest, **more)

os.replace = replace
"""


@pytest.fixture
def failing(tmp_path):
    """Makes an environment in which writing a given file fails a number of times."""
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "sitecustomize.py").write_text(FAULTY_DISK)

    def environment(file, times):
        return {
            "PYTHONPATH": str(tmp_path / "faults"),
            "FAILURES": str(tmp_path / "failures"),
            "FAIL_ON": file,
            "FAIL_TIMES": str(times),
        }

    return environment


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A small project in which nothing has run."""
    return small_project(tmp_path / "project")


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small project in which everything has run; do not change it."""
    made = small_project(tmp_path_factory.mktemp("once") / "project")
    outcome = made.snakemake()
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == list(STEPS)
    return made


@pytest.fixture
def finished(run_once: Project, tmp_path: Path) -> Project:
    """A copy of a small project in which everything has run."""
    shutil.copytree(run_once.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")
