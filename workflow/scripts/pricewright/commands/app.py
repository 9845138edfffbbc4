"""The command `pricewright`: what people type, from any folder of a project.

Each command is a function in a module of its own name; cyclopts makes its options, its help and
its completion from the signature and the docstring. Only `predict` reads its options by itself:
see there.
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
What people decide about a price model, and ask about it.

The workflow itself is run by `snakemake --cores 1`; look at what it made with `pricewright status`,
and sign it with `pricewright sign`, from any folder of the project.

```
pricewright status
pricewright sign metrics
```
"""


def _version() -> str:
    try:
        text = (WORKFLOW / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        raise Refusal("this copy has no pyproject.toml, and so no version.") from None
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
    """Print what a deployed model expects; needs its file alone, and no project."""
    # never called: `main` goes to `predict` before; these are its options for the completion


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
"""Those that are about a project."""

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
app["--help"].help = "Explain pricewright, or the command before it."
app["--version"].help = "Print the version."
app.register_install_completion_command(help="Let bash, zsh or fish complete commands and options.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command in the project's folder.

    What is wrong is one sentence on standard error. The process ends with exit code 1 for what a
    command refuses, 2 for a command or an option that there is not.
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
    except BrokenPipeError:  # whoever reads it may stop early
        drop_output()
    except CycloptsError as error:
        _end(2, who, f"{_sentence(error)} See `{who} --help`.")
    except MemoryError:
        _end(1, who, "there is too little memory.")
    except (Refusal, OSError) as error:
        _end(1, who, str(error))


def _sentence(error: CycloptsError) -> str:
    """What is wrong with a command line; of an option that is not there cyclopts says otherwise."""
    if isinstance(error, MissingArgumentError) and error.argument and not error.keyword:
        return f"{error.argument.name} is not given, and it is needed."
    return str(error)


def _end(code: int, who: str, sentence: str) -> None:
    print(redact(f"{who}: {' '.join(sentence.split())}"), file=sys.stderr)
    sys.exit(code)
