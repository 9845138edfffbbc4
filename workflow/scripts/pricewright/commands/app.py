"""The command `pricewright`, which works in any folder of a project.

Each command is a function in a module of the same name. cyclopts derives its options, help and
completion from the signature and the docstring. Only `predict` parses its own options: see there.
"""

import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter

from pricewright.commands import predict
from pricewright.commands.compare import compare
from pricewright.commands.describe import describe
from pricewright.commands.history import history
from pricewright.commands.project import enter_project
from pricewright.commands.rollback import rollback
from pricewright.commands.schedule import schedule
from pricewright.commands.sign import sign
from pricewright.commands.status import status
from pricewright.commands.verify import verify
from pricewright.configuration.config import WORKFLOW
from pricewright.files.disk import drop_output
from pricewright.files.errors import Refusal
from pricewright.files.secrets import redact
from pricewright.steplog import log

HELP = """\
Inspect, sign, release and compare the price models of a project.

`snakemake --cores 1` runs the workflow itself. `pricewright status` shows what it made, and
`pricewright sign` signs it. Both work in any folder of the project.

```
pricewright status
pricewright sign metrics
```
"""


def _version() -> str:
    try:
        text = (WORKFLOW / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        raise Refusal("the version is unknown: this copy has no pyproject.toml.") from None
    project = tomllib.loads(text)["project"]
    return f"pricewright {project['version']}"


def _predict(
    *,
    model: Path,
    horizon: int,
    symbol: list[str],
    quantiles: str,
    prices: Path,
    format: Literal["table", "json", "csv"],
) -> None:
    """Print the forecasts of a deployed model, from its file alone, without a project."""
    # never called: `main` calls `predict` first; this declares its options for shell completion


COMMANDS: dict[str, Callable[..., None]] = {
    "sign": sign,
    "status": status,
    "verify": verify,
    "rollback": rollback,
    "history": history,
    "compare": compare,
    "describe": describe,
    "schedule": schedule,
}
"""The commands that need a project."""

app = App(
    name="pricewright",
    help=HELP,
    help_format="markdown",
    version=_version,
    default_parameter=Parameter(negative=(), show_default=False),
    result_action="return_none",
)
for _place, (_name, _function) in enumerate({**COMMANDS, "predict": _predict}.items()):
    app.command(_function, name=_name, sort_key=_place)
app["--help"].help = "Show this help, or that of a command."
app["--version"].help = "Print the version."
app.register_install_completion_command(help="Let bash, zsh or fish complete commands and options.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command in the project's folder.

    An error is one sentence on standard error. The exit code is 1 if a command refuses, 2 for an
    unknown command or option.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = given[0] if given else ""
    if name == "predict":
        sys.exit(predict.main(given[1:]))
    who = f"pricewright {name}" if name in COMMANDS else "pricewright"
    try:
        command, bound, _ = app.parse_args(given, exit_on_error=False, print_error=False)
        if command in COMMANDS.values():
            log.to_stderr(name)
            enter_project()
        command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader may stop early
        drop_output()
    except SystemExit as end:  # what rich, which prints the help, makes of that
        if not isinstance(end.__context__, BrokenPipeError):
            raise
    except CycloptsError as error:
        _end(2, who, f"{_sentence(error)} See `{who} --help`.")
    except MemoryError:
        _end(1, who, "not enough memory.")
    except (Refusal, OSError) as error:
        _end(1, who, log.in_words(error))


def _sentence(error: CycloptsError) -> str:
    """What is wrong with a command line; cyclopts words a missing argument badly."""
    if isinstance(error, MissingArgumentError) and error.argument and not error.keyword:
        return f"{error.argument.name} is missing; give it."
    return str(error)


def _end(code: int, who: str, sentence: str) -> None:
    print(redact(f"{who}: {' '.join(sentence.split())}"), file=sys.stderr)
    sys.exit(code)
