"""What the tests need of the machine, beside Python: said in one sentence before they begin.

    python tests/needs.py             ends with 1 and that sentence, if something is missing
    python tests/needs.py --packages  the Debian packages that are missing, a line each

With `--cluster` after either, what the tests on a Slurm need as well. Needs the standard library.
"""

import ctypes.util
import shutil
import sys
from glob import glob

PATH = "/usr/local/sbin:/usr/sbin:/sbin"
TESTS = {  # what shows that it is there, and the package that has it
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
    """Whether a program, or the library of that name, is there."""
    if program == "libgomp":
        return ctypes.util.find_library("gomp") is not None
    if program == "initdb" and glob("/usr/lib/postgresql/*/bin/initdb"):
        return True
    return any(shutil.which(program, path=path) for path in (None, PATH))


def main(arguments: list[str]) -> None:
    """Say what is missing, as the options ask."""
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
