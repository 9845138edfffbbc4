"""`pricewright …`, and `python workflow/scripts/pricewright …` where it is not installed.

`predict` needs only numpy, so this folder can be copied next to a model.
"""

import os
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]


def installed() -> None:
    """Run the code of the project that the caller is in; outside any project, run this code.

    Copies of the project may share the environment that this command belongs to.
    """
    from pricewright.commands.project import find_project

    project = find_project()
    program = project and project / "workflow/scripts/pricewright/__main__.py"
    if program and program.is_file() and not program.samefile(__file__):
        os.execv(sys.executable, [sys.executable, str(program), *sys.argv[1:]])
    main()


def main() -> None:
    """Run the command, or say how to get the environment that it needs."""
    sys.path[0] = str(SCRIPTS)  # `verify --rebuild` imports the steps
    predicts = sys.argv[1:2] == ["predict"]
    environment = (
        f"install it: {sys.executable} -m pip install numpy."
        if predicts
        else "build the environment with `make run`, then use `.venv/bin/pricewright`."
    )
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit(f"pricewright: {sys.executable} is older than Python 3.11; use a newer one.")
    try:
        if predicts:
            from pricewright.commands import predict

            sys.exit(predict.main(sys.argv[2:]))
        from pricewright.commands import app

        app.main()
    except ModuleNotFoundError as error:
        sys.exit(f"pricewright: {sys.executable} has no module {error.name!r}; {environment}")


if __name__ == "__main__":
    main()
