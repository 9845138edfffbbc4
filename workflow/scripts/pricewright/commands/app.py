"""The command `pricewright`: what people type, from any folder of a project.

Each command is a function of a module of its own name; cyclopts makes its options and its help
from the signature and the docstring. Only `predict` needs less than that: see there.
"""

import sys
from collections.abc import Sequence

from cyclopts import App

from pricewright.commands import predict
from pricewright.commands.project import enter
from pricewright.commands.rollback import rollback
from pricewright.commands.sign import sign
from pricewright.commands.status import status
from pricewright.commands.verify import verify
from pricewright.files.errors import Refusal
from pricewright.steplog import log

app = App(
    name="pricewright",
    help="Sign what a run made, see where it stands, verify, roll back, forecast.",
    help_format="markdown",
    version_flags=[],
    result_action="return_none",
)
for command in (sign, status, verify, rollback):
    app.command(command)


@app.command(name="predict", help_flags=[])
def _predict(*arguments: str) -> None:
    """Print what a deployed model expects; `pricewright predict --help` says more."""
    raise SystemExit(predict.main(arguments))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command in the project's folder; what is wrong is one sentence, and exit code 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["predict"]:  # its files are named from where the caller is
        sys.exit(predict.main(given[1:]))
    log.to_stderr(given[0] if given else "pricewright")
    try:
        enter()
        app(given)
    except (Refusal, OSError, MemoryError) as error:
        log.failure(error)
        sys.exit(1)
