"""Run Snakemake in forks of a process that has imported it: most of a short run is the import.

Each run is a process of its own, with the folder, environment, arguments and files that it would
have as `python -m snakemake`. The project's code is not imported before the fork.
"""

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path

IMPORTED_BY_A_RUN = ("snakemake.storage", "smart_open", "docutils.writers.html4css1", "nbformat")


def run_forked(
    arguments: Sequence[str], *, cwd: Path, env: dict[str, str], seconds: int
) -> tuple[int, str, str]:
    """Run Snakemake, killed after some seconds; returns exit code, output and standard error."""
    server = _server()
    assert server.stdin
    assert server.stdout
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        files = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)]
        asked = {"arguments": arguments, "cwd": str(cwd), "env": env, "files": files}
        server.stdin.write(json.dumps(asked | {"seconds": seconds}) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        said = [os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0) for file in (out, err)]
    return code, said[0].decode(), said[1].decode()


@cache
def _server() -> "subprocess.Popen[str]":
    """The process that forks; it ends with this one."""
    server = subprocess.Popen(
        [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    with suppress(SystemExit), redirect_stdout(StringIO()):
        _run_snakemake(["--version"])
    for name in IMPORTED_BY_A_RUN:
        import_module(name)
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if not child:
            return _become(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(
    arguments: list[str], cwd: str, env: dict[str, str], files: list[str], seconds: int
) -> None:
    """Turn this process into a run of Snakemake."""
    signal.alarm(seconds)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.path.insert(0, cwd)
    for number, place in enumerate([os.devnull, *files]):
        os.dup2(os.open(place, os.O_RDWR), number)
    _run_snakemake(arguments)


def _run_snakemake(arguments: list[str]) -> None:
    sys.argv[1:] = arguments
    runpy.run_module("snakemake", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
