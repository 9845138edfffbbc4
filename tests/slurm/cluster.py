"""Fixture: a real Slurm of four nodes on this machine, for one session.

It needs root and an /etc/slurm of its own: what Slurm starts on a node looks there, and nowhere
else. So there is one at a time on a machine, and a Slurm that is somebody else's stays as it is.
"""

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from servers import free_port

ETC = Path("/etc/slurm")
OURS = "# Written by Pricewright's tests, and taken away by them.\n"
LOCK = Path(tempfile.gettempdir()) / "pricewright-slurm.lock"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
NODES = ("n1", "n2", "n3", "n4")

CONFIGURATION = """
ClusterName=pricewright
SlurmctldHost=localhost
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
# what a plain machine allows, with no cgroups of its own
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
# a job that has more memory than it asked for is killed within a second
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
KillWait=1
# cores and memory are shared out as if each node had so much
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
# a job that can start does so at once
SchedulerParameters=batch_sched_delay=0
# jobs that ended can be asked about for ten minutes, and a node that is back is used again
MinJobAge=600
ReturnToService=2
# three nodes share what there is to do; the fourth lives when one of these dies
PartitionName=main Nodes=n1,n2,n3 LLN=YES Default=YES MaxTime=1-0
PartitionName=apart Nodes=n4 MaxTime=1-0
"""


@dataclass(frozen=True)
class Job:
    """A job as Slurm knows it."""

    id: str
    rule: str
    state: str
    node: str
    partition: str
    memory: str
    limit: str
    restarts: int


@dataclass
class Slurm:
    """A running Slurm."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str | Path) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("keeper.py"), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def end(self, name: str) -> None:
        """Kill a daemon and all that came of it."""
        self.running.pop(name).communicate(timeout=30)

    def jobs(self, folder: Path) -> list[Job]:
        """The jobs that work in a folder, those of the last ten minutes, in order of submission."""
        lines = self.command("scontrol", "--oneliner", "show", "jobs").splitlines()
        said = [dict(re.findall(r"([\w/]+)=(\S*)", line)) for line in lines]
        return [
            Job(
                id=job["JobId"],
                rule=re.sub("^rule_|_wildcards_.*", "", job["Comment"]),
                state=job["JobState"],
                node=job["NodeList"],
                partition=job["Partition"],
                memory=job["MinMemoryNode"],
                limit=job["TimeLimit"],
                restarts=int(job["Restarts"]),
            )
            for job in sorted(said, key=lambda job: int(job.get("JobId", 0)))
            if job.get("WorkDir") == str(folder)
        ]

    def queue(self, folder: Path) -> list[str]:
        """The numbers of those that wait, run or are about to end."""
        lines = self.command("squeue", "--noheader", "--format=%A %Z").splitlines()
        return [line.split()[0] for line in lines if line.endswith(f" {folder}")]

    def wait_for(self, what: Callable[[], object], seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, self.last_words()
            time.sleep(0.3)

    def last_words(self) -> str:
        """The end of every daemon's log, for whoever has waited too long."""
        logs = {log.name: log.read_text(errors="replace") for log in self.folder.glob("*.log")}
        return "\n".join(f"{name}: …{text[-1000:]}" for name, text in logs.items())

    def cut_power(self, node: str, jobs: list[Job]) -> None:
        """Kill everything on a node at once, where these jobs are. That it is down Slurm would find
        out by itself, but after half a minute, and a job that it puts back would wait for two."""
        self.end(node)
        self.command("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=power")
        for job in jobs:
            self.command("scontrol", "update", f"JobId={job.id}", "StartTime=now")

    def let_time_pass(self, job: Job) -> None:
        """Let a job's time be up now: Slurm counts in minutes. It looks every half minute."""
        self.command("scontrol", "update", f"JobId={job.id}", "EndTime=now")

    def cancel(self, jobs: list[str]) -> None:
        if jobs:
            self.command("scancel", *jobs)

    def restore_power(self, node: str) -> None:
        self.start(node, program("slurmd"), "-D", "-N", node)
        self.wait_for(lambda: node in self.idle_or_busy())

    def idle_or_busy(self) -> set[str]:
        """The nodes that can be given jobs."""
        options = ("--noheader", "--Node", "--responding", "--states=idle,mixed,allocated")
        return set(self.command("sinfo", *options, "--format=%N").split())

    @staticmethod
    def command(*words: str) -> str:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A Slurm of four nodes with nothing in its queue."""
    reason = why_not()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"{reason} In CI there must be a Slurm.")
    if reason:
        pytest.skip(reason)
    with only_one(), tempfile.TemporaryDirectory(prefix="pw-slurm-") as folder:
        configured = configure(Path(folder))
        cluster = Slurm(Path(folder))
        try:
            start(cluster)
            yield cluster
        finally:
            for name in reversed(list(cluster.running)):
                cluster.end(name)
            for file in configured:
                file.unlink()


def why_not() -> str | None:
    """Why there can be no Slurm for tests on this machine, if there cannot."""
    missing = [name for name in PROGRAMS if program(name) is None]
    if missing:
        return (
            f"There is no {' and no '.join(missing)} on this machine; on Debian: "
            "apt-get install slurmctld slurmd slurm-client munge."
        )
    if os.geteuid() != 0:
        return "Only root can write /etc/slurm, where Slurm on a node looks for its configuration."
    for file in (ETC / "slurm.conf", ETC / "cgroup.conf"):
        if file.exists() and not file.read_text().startswith(OURS):
            return f"{file} is the configuration of a Slurm that is not ours: it stays as it is."
    return None


def program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Wait until no other tests have a Slurm on this machine; none begins one meanwhile."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def configure(folder: Path) -> list[Path]:
    """Write /etc/slurm; returns the files that are new there."""
    text = OURS + CONFIGURATION.format(folder=folder, port=free_port())
    for node in NODES:
        (folder / node).mkdir()
        where = f"NodeHostname=localhost Port={free_port()}"
        text += f"NodeName={node} {where} CPUs=16 RealMemory=64000\n"
    folder.chmod(0o711)  # or munged would not have its socket there
    (folder / "state").mkdir()
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o600)
    files = {"slurm.conf": text, "cgroup.conf": f"{OURS}CgroupPlugin=cgroup/v1\n"}
    ETC.mkdir(exist_ok=True)
    for name, content in files.items():
        (ETC / name).write_text(content)
    return [ETC / name for name in files]


def start(cluster: Slurm) -> None:
    """Start the daemons, each when those before it answer."""
    files = {
        option: cluster.folder / f"munge.{option}"
        for option in ("key-file", "socket", "pid-file", "log-file", "seed-file")
    }
    files["key-file"] = cluster.folder / "munge.key"
    options = [f"--{option}={file}" for option, file in files.items()]
    cluster.start("munged", program("munged"), "--foreground", *options)
    cluster.wait_for(files["socket"].exists)
    cluster.start("slurmctld", program("slurmctld"), "-D")
    for node in NODES:
        cluster.start(node, program("slurmd"), "-D", "-N", node)
    cluster.wait_for(lambda: answers() and cluster.idle_or_busy() == set(NODES))


def answers() -> bool:
    return subprocess.run(["scontrol", "ping"], capture_output=True, check=False).returncode == 0
