"""Run a command until standard input ends; then kill it, and everything that came of it.

A daemon leaves its parent, and so do the processes that it starts. Whatever is left without one
comes to this process, so that nothing outlives it: neither what a test ends, like a node that loses
power, nor what is still there when the tests themselves are killed.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys

import psutil

PR_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGCHLD, bury)
    for number in (signal.SIGINT, signal.SIGTERM):  # standard input says when
        signal.signal(number, lambda *_: None)
    subprocess.Popen(command, stdin=subprocess.DEVNULL)
    sys.stdin.buffer.read()
    while family := psutil.Process().children(recursive=True):
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        bury()


def bury(*_: object) -> None:
    """Let go of every child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main(sys.argv[1:])
