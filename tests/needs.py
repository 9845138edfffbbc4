"""Check that the machine has the programs that the tests need beside Python.

    python tests/needs.py             says what is missing, if anything, and exits with 1
    python tests/needs.py --packages  lists the missing Debian packages, one per line

With `--cluster`, what the cluster tests need is included. Needs only the standard library.
"""

import ctypes.util
import shutil
import sys
from glob import glob

PATH = "/usr/local/sbin:/usr/sbin:/sbin"
TESTS = {  # a program or library, and the package that contains it
    "initdb": "postgresql",
    "ssh-keygen": "openssh-client",
    "chromium": "chromium",
    "libgomp": "libgomp1",
    "systemd-analyze": "systemd",
}
CLUSTER = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "munged": "munge",
    "sge_qmaster": "gridengine-master",
    "sge_execd": "gridengine-exec",
    "qsub": "gridengine-client",
}


def is_here(program: str) -> bool:
    """Whether a program, or the library of that name, is installed."""
    if program == "libgomp":
        return ctypes.util.find_library("gomp") is not None
    if program == "initdb" and glob("/usr/lib/postgresql/*/bin/initdb"):
        return True
    return any(shutil.which(program, path=path) for path in (None, PATH))


def main(arguments: list[str]) -> None:
    """Print what is missing, in the form that the options ask for."""
    needed = TESTS | (CLUSTER if "--cluster" in arguments else {})
    missing = {program: package for program, package in needed.items() if not is_here(program)}
    if "--packages" in arguments:
        print("\n".join(missing.values()))
    elif missing:
        sys.exit(
            f"The tests need {', '.join(missing)}, which this machine lacks; on Debian: "
            f"apt-get install {' '.join(missing.values())}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
