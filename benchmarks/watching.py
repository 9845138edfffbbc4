"""Measure the processes of a run from outside, step by step."""

import re
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from reading import MB, Run

EVERY = 0.05
"""Seconds between two samples."""

_STEP = re.compile(r"\.([a-z_]+)\.py$")
"""Snakemake runs a copy of a step's script, `<something>.<step>.py`."""

_MOST = re.compile(r"VmHWM:\s*(\d+) kB")


@dataclass
class Seen:
    """Cost of some processes up to the last sample."""

    began: float = field(default_factory=time.perf_counter)
    ended: float = 0.0
    memory: float = 0.0
    processor: dict[psutil.Process, float] = field(default_factory=dict)

    def look(self, family: Iterable[psutil.Process]) -> None:
        """Take a sample. Memory is the sum over processes now, or the peak of one if larger.

        Shared pages count for each process.
        """
        held = 0.0
        for process in family:
            with _perhaps_gone():
                times = process.cpu_times()
                self.processor[process] = times.user + times.system
                held += process.memory_info().rss / MB
                most = _MOST.search(Path(f"/proc/{process.pid}/status").read_text())
                self.memory = max(self.memory, float(most[1]) * 1024 / MB if most else 0.0)
        self.memory = max(self.memory, held)
        self.ended = time.perf_counter()


def together(seen: Sequence[Seen]) -> Run:
    """Cost of several: from the first start to the last end, and the largest memory of one."""
    return Run(
        max(one.ended for one in seen) - min(one.began for one in seen),
        sum(sum(one.processor.values()) for one in seen),
        max(one.memory for one in seen),
    )


def watch(*command: object, folder: Path) -> tuple[Run, dict[str, list[Seen]]]:
    """Run Snakemake to its end. Returns its cost with all children, and the jobs of each step."""
    words = [str(part) for part in command]
    whole, jobs = Seen(), dict[psutil.Process, tuple[str, Seen]]()
    with tempfile.TemporaryFile() as output:
        process = psutil.Popen(words, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                with _perhaps_gone():
                    below = process.children(recursive=True)
                    whole.look([process, *below])
                    for child in below:
                        _look_at_job(child, jobs)
                time.sleep(EVERY)
        except BaseException:
            process.terminate()  # Snakemake ends its jobs, then itself
            process.wait()
            raise
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{' '.join(words)} failed:\n{output.read().decode(errors='replace')}")
    steps = defaultdict(list)
    for step, seen in jobs.values():
        steps[step].append(seen)
    return together([whole]), steps


def _look_at_job(child: psutil.Process, jobs: dict[psutil.Process, tuple[str, Seen]]) -> None:
    with _perhaps_gone():
        if child not in jobs:
            step = _STEP.search(" ".join(child.cmdline()))
            if step is None:
                return
            jobs[child] = step[1], Seen()
        jobs[child][1].look([child, *child.children(recursive=True)])


@contextmanager
def _perhaps_gone() -> Iterator[None]:
    with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        yield
