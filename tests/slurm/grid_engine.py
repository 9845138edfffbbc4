"""Fixture: a real Grid Engine of one node on this machine, for one session.

It has a folder and ports of its own, so that it needs no other place and disturbs no other one.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster import program
from servers import free_port

LIBRARY = Path("/usr/lib/gridengine")
SHARED = Path("/usr/share/gridengine")
INSTALLED = Path("/var/lib/gridengine")
PROGRAMS = ("sge_qmaster", "sge_execd", "qsub", "qstat", "qacct")

BOOTSTRAP = """
admin_user none
default_domain none
ignore_fqdn true
spooling_method classic
spooling_lib libspoolc
spooling_params {root}/default/common;{root}/qmaster
binary_path /usr/sbin
qmaster_spool_dir {root}/qmaster
security_mode none
listener_threads 2
worker_threads 2
scheduler_threads 1
"""
QUICK = {  # what is looked at every minute or so is looked at every second
    "configuration": {
        "load_report_time": "00:00:01",
        "min_uid": "0",
        "min_gid": "0",
        "login_shells": "NONE",  # root's own profile may take what outlives a killed job
    },
    "scheduler": {"schedule_interval": "0:0:1", "flush_submit_sec": "1", "flush_finish_sec": "1"},
    "queue": {
        "qname": "all.q",
        "hostlist": "localhost",
        "slots": "16",
        "pe_list": "smp",
        "load_thresholds": "NONE",  # whatever else this machine does
    },
}


@dataclass(frozen=True)
class GridEngine:
    """A running Grid Engine."""

    root: Path
    variables: dict[str, str]
    """What its commands find it by."""

    def command(self, *words: str | Path) -> str:
        done = self._run(*words)
        assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stderr}"
        return done.stdout

    def says(self, what: str, *words: str | Path) -> bool:
        """Whether a command, which may not work yet, says that."""
        return what in self._run(*words).stdout

    def _run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        env = os.environ | self.variables
        return subprocess.run(
            words, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    def daemon(self, name: str) -> subprocess.Popen[bytes]:
        """Start one; its standard input's end is its own."""
        with (self.root / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, Path(__file__).with_name("keeper.py"), program(name)],
                env=os.environ | self.variables | {"SGE_ND": "1"},  # it stays in the foreground
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def wait_for(self, what: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            logs = [log.read_text(errors="replace") for log in self.root.glob("*.log")]
            assert time.monotonic() < deadline, "\n".join(logs)
            time.sleep(0.2)

    def jobs(self) -> list[dict[str, str]]:
        """What is on record of each job that has ended, in order."""
        blocks = self._run("qacct", "-j", "*").stdout.split("=" * 62)
        told = [dict(re.findall(r"^(\w+) +(.*?) *$", block, re.MULTILINE)) for block in blocks]
        return sorted(
            (job for job in told if "jobnumber" in job), key=lambda job: int(job["jobnumber"])
        )


@pytest.fixture(scope="session")
def grid_engine() -> Iterator[GridEngine]:
    """A Grid Engine with 16 slots, a parallel environment `smp` and nothing in its queue."""
    missing = [name for name in PROGRAMS if program(name) is None]
    if missing:
        reason = (
            f"There is no {' and no '.join(missing)} on this machine; on Debian: "
            "apt-get install gridengine-master gridengine-exec gridengine-client."
        )
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason} In CI there must be a Grid Engine.")
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="pw-grid-") as folder:
        ports = {name: str(free_port()) for name in ("SGE_QMASTER_PORT", "SGE_EXECD_PORT")}
        engine = GridEngine(Path(folder), {"SGE_ROOT": folder, "SGE_CELL": "default"} | ports)
        lay_out(engine)
        running = [engine.daemon("sge_qmaster")]
        try:
            engine.wait_for(lambda: engine.says("execd_spool_dir", "qconf", "-sconf"))
            running.append(engine.daemon("sge_execd"))
            configure(engine)
            yield engine
        finally:
            for daemon in reversed(running):
                daemon.communicate(timeout=30)


def lay_out(engine: GridEngine) -> None:
    """Write what the master reads as it starts."""
    common, spool = engine.root / "default" / "common", engine.root / "qmaster"
    for made in (common, spool / "job_scripts", engine.root / "execd"):
        made.mkdir(parents=True)
    for name in ("bin", "lib", "util", "utilbin"):
        (engine.root / name).symlink_to(INSTALLED / name)
    (common / "bootstrap").write_text(BOOTSTRAP.lstrip().format(root=engine.root))
    (common / "act_qmaster").write_text("localhost\n")
    (common / "host_aliases").write_text(f"localhost {socket.gethostname()}\n")
    plain = (SHARED / "default-configuration").read_text().replace("=00:00:15", "=00:00:01")
    set_to = QUICK["configuration"] | {"execd_spool_dir": str(engine.root / "execd")}
    (engine.root / "configuration").write_text(changed(plain, set_to))
    defaults, resources = LIBRARY / "spooldefaults", SHARED / "util" / "resources"
    spooling = f"{common};{spool}"
    engine.command(LIBRARY / "spoolinit", "classic", "libspoolc", spooling, "init")
    engine.command(defaults, "configuration", engine.root / "configuration")
    engine.command(defaults, "complexes", resources / "centry")
    engine.command(defaults, "pes", resources / "pe")
    engine.command(defaults, "usersets", resources / "usersets")
    engine.command(defaults, "managers", "root")


def configure(engine: GridEngine) -> None:
    """Give it a node and a queue."""
    engine.wait_for(lambda: engine.says("localhost", "qconf", "-sel"))
    engine.command("qconf", "-as", "localhost")
    for what, show, take in (("scheduler", "-ssconf", "-Msconf"), ("queue", "-sq", "-Aq")):
        file = engine.root / what
        file.write_text(changed(engine.command("qconf", show), QUICK[what]))
        engine.command("qconf", take, file)


def changed(text: str, values: dict[str, str]) -> str:
    """A configuration with other values."""
    for name, value in values.items():
        text, times = re.subn(rf"^({name}\s+).*$", rf"\g<1>{value}", text, flags=re.MULTILINE)
        assert times == 1, f"{name} is in no line of this configuration"
    return text
