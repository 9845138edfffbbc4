"""Compare the overhead of orchestrators: `make bench-orchestrators`.

The same functions run on the sample, with the same files and options (steps.py), under this
workflow, make, DVC, Luigi, Dagster and Kedro, and in one Python process. Each has a copy of the
project and its own environment: that of a run, plus the peer from its lock. Rounds are interleaved.
See benchmarks/README.md.
"""

import argparse
import gzip
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from contenders import ROOT, peers
from overhead import STEPS, fresh_copy
from reading import Run, Runs, facts, run, show, title
from steps import READ, WRITTEN, options_file

HERE = ROOT / "benchmarks" / "orchestrators"
FIRST, NOTHING, PRICES, TITLE = "first run", "nothing to do", "other prices", "another title"
OURS, VERSION = "this workflow", "snakemake --version"
LUIGI = ("luigi", "--module", "flow", "Deploy", "--local-scheduler")
DAGSTER = ("dagster", "asset", "materialize", "--module-name", "flow", "--select", "*")
IN_PROCESS = ("--config-json", '{"execution": {"config": {"in_process": {}}}}')
SILENT = {"DO_NOT_TRACK": "1", "DVC_NO_ANALYTICS": "1"}


@dataclass(frozen=True)
class Contender:
    """A way to run the steps.

    peer: the folder and the lock that are added to the project.  isolated: each step is a process
    with its own log.  idle: arguments to add if there is nothing to do.  sees: whether it notices
    changes; if not, the files that depend on a change are removed by hand.
    """

    name: str
    command: tuple[str, ...]
    peer: str | None = None
    isolated: bool = False
    idle: tuple[str, ...] = ()
    sees: bool = True


CONTENDERS = (
    Contender(OURS, ("snakemake", "--cores", "1"), isolated=True),
    Contender("make", ("make",), "make", isolated=True),
    Contender("DVC", ("dvc", "repro"), "dvc", isolated=True),
    Contender("Luigi isolated", (*LUIGI, "--isolated"), "luigi", isolated=True, sees=False),
    Contender("Dagster", DAGSTER, "dagster", isolated=True),
    Contender("Dagster in process", (*DAGSTER, *IN_PROCESS), "dagster"),
    Contender("Luigi", LUIGI, "luigi", sees=False),
    Contender("Kedro", ("kedro", "run"), "kedro", idle=("--only-missing-outputs",)),
    Contender("one process", ("python", "steps.py", *STEPS)),
)
ORDER = [*(contender.name for contender in CONTENDERS), VERSION]


class Project:
    """A contender's copy of the project, and its environment."""

    def __init__(self, contender: Contender, folder: Path) -> None:
        self.contender, self.folder = contender, fresh_copy(folder)
        self.ran: dict[str, int] = {}
        shutil.copy(ROOT / "benchmarks" / "steps.py", folder)
        lock, base = HERE / f"{contender.peer}.lock", ROOT / "requirements.lock"
        locks = (lock, base) if lock.exists() else (base,)
        python, pins = peers(*locks)
        self.peer = next((pin for pin in pins if pin.partition("==")[0] == contender.peer), None)
        self._environment = os.environ | SILENT
        self._environment["PATH"] = f"{python.parent}:{os.environ['PATH']}"
        if contender.name != OURS:
            self._environment["PYTHONPATH"] = f"{folder}:{folder}/workflow/scripts"
            self._environment["DAGSTER_HOME"] = f"{folder}/.dagster"
            self._environment["DVC_SITE_CACHE_DIR"] = f"{folder}/.dvc/site"
        if contender.peer:
            shutil.copytree(HERE / contender.peer, folder, dirs_exist_ok=True)
        if contender.peer == "dvc":
            self.call("git", "init", "--quiet")
            self.call("dvc", "init", "--quiet")
            self.call("dvc", "config", "core.check_update", "false")

    def call(self, *command: str) -> Run:
        os.sync()  # so that no pending write slows the next run
        return run(*command, cwd=self.folder, env=self._environment)[0]

    def renew(self) -> None:
        """Reset to before the first run, but keep bytecode and the peer's own database."""
        made = ("results", "data/received", "ledger", ".snakemake", ".dvc/cache", ".dvc/tmp")
        for name in (*made, "logs"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "dvc.lock").unlink(missing_ok=True)
        (self.folder / "logs").mkdir()

    def measured(self, phase: str) -> Run:
        """Run the contender's command and record how many steps it ran."""
        contender = self.contender
        if phase in (PRICES, TITLE) and not contender.sees:
            for name in STEPS if phase == PRICES else STEPS[3:]:
                for path in WRITTEN[name].values():
                    (self.folder / path).unlink()
        begun = time.time_ns()
        taken = self.call(*contender.command, *(contender.idle if phase == NOTHING else ()))
        outputs = [self.folder / WRITTEN[name]["output"] for name in STEPS]
        self.ran[phase] = sum(path.stat().st_mtime_ns > begun for path in outputs)
        return taken

    def read(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--only", help="contenders, separated by commas; ours always runs")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # and remove the folder
    wanted = options.only.split(",") if options.only else [one.name for one in CONTENDERS]
    with tempfile.TemporaryDirectory() as folder:
        projects = [
            Project(contender, Path(folder) / str(number))
            for number, contender in enumerate(CONTENDERS)
            if contender.name in (OURS, *wanted)
        ]
        facts(with_peers=False)
        print("Peers:", *sorted({project.peer for project in projects if project.peer}))
        one_round(projects)  # warm-up: files and bytecode are cached afterwards
        measured: dict[str, Runs] = defaultdict(lambda: defaultdict(list))
        for number in range(options.rounds):
            turned = number % len(projects)
            for phase, runs in one_round(projects[turned:] + projects[:turned]).items():
                for name, taken in runs.items():
                    measured[phase][name].append(taken)
    for phase, runs in measured.items():
        title(phase)
        show({name: runs[name] for name in ORDER if name in runs})
    summary(projects, measured)


def one_round(projects: list[Project]) -> dict[str, dict[str, Run]]:
    """Run each contender once per phase: first, nothing to do, other prices, another title."""
    measured: dict[str, dict[str, Run]] = {}
    for phase in (FIRST, NOTHING, PRICES, TITLE):
        for project in projects:
            if phase == FIRST:
                project.renew()
                write_prices(project.folder, rows_less=0)
                write_title(project.folder, "US stocks")
            elif phase == PRICES:
                write_prices(project.folder, rows_less=1)
            elif phase == TITLE:
                write_title(project.folder, "US shares")
        runs = measured.setdefault(phase, {})
        for one in projects:
            runs[one.contender.name] = one.measured(phase)
            if phase == NOTHING and one.contender.name == OURS:
                runs[VERSION] = one.call(*VERSION.split())
        compare(projects, "US shares" if phase == TITLE else "US stocks")
    return measured


def write_prices(folder: Path, rows_less: int) -> None:
    """Write the sample without `rows_less` of its last rows."""
    raw = READ["ingest"]["input"]
    lines = gzip.decompress((ROOT / raw).read_bytes()).splitlines(keepends=True)
    (folder / raw).write_bytes(gzip.compress(b"".join(lines[: len(lines) - rows_less]), mtime=0))


def write_title(folder: Path, words: str) -> None:
    """Write the config with a title, and the options of each step whose options changed."""
    given = (ROOT / "config" / "config.yaml").read_text()
    text = given.replace("title: null", f"title: {words}")
    (folder / "config" / "config.yaml").write_text(text)
    for name, options in step_options(yaml.safe_load(text)).items():
        path, content = folder / options_file(name), json.dumps({name: options}, indent=1)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != content:
            path.write_text(content)


def step_options(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of each step, as the rules take them from config."""
    sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
    from pricewright.configuration import config as settings

    config = settings.complete(config)
    return {
        "ingest": settings.ingest_options(config),
        "clean": settings.clean_options(config),
        "train_or_score": settings.training_options(config),
        "report": settings.report_options(config),
        "deploy": {"allow_unaccepted": config["accept"]["allow_unaccepted"]},
    }


def compare(projects: list[Project], words: str) -> None:
    """Exit with an error unless all made the same files from the newest prices and options.

    A model that was made after the deployed one was removed is not compared, only its input.
    """
    for path in ("results/prices_clean.json", "results/model.json", "results/report.txt"):
        alike = [one for one in projects if one.contender.sees or "clean" in path]
        if len({one.read(path) for one in alike}) > 1:
            raise SystemExit(f"{path} differs: " + ", ".join(one.contender.name for one in alike))
    for one in projects:
        deployed, report = one.read("results/deployed_model.json"), one.read("results/report.txt")
        if deployed != one.read("results/model.json") or words.encode() not in report:
            raise SystemExit(f"{one.contender.name} deployed or reported something else")


def summary(projects: list[Project], measured: dict[str, Runs]) -> None:
    """Print the median over rounds of the ratios within a round, and how many steps ran."""
    ordered = sorted(projects, key=lambda one: ORDER.index(one.contender.name))
    for what, heading in (("seconds", "Wall-clock seconds"), ("processor", "CPU seconds")):
        title(f"{heading} relative to ours; (number of steps run). *: a process and log per step")
        print(f"\n{'':22}" + "".join(f"{phase:>19}" for phase in measured))
        for one in ordered:
            name = one.contender.name
            cells = (
                f"{times(runs, name, OURS, what):15.2f} ({one.ran[phase]})"
                for phase, runs in measured.items()
            )
            print(f"{name + ' *' * one.contender.isolated:22}" + "".join(cells))
    print()
    for what in ("seconds", "processor"):
        ratio = times(measured[NOTHING], OURS, VERSION, what)
        print(f"{NOTHING} / {VERSION}, {what}: {ratio:.2f} (target: less than 1.5)")


def times(runs: Runs, one: str, other: str, what: str) -> float:
    pairs = zip(runs[one], runs[other], strict=True)
    return statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs)


if __name__ == "__main__":
    main()
