"""The command `pricewright` in this process: its help, its version, and what it does not know."""

import errno
import inspect
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from conftest import ROOT
from pricewright.commands import app, predict
from pricewright.commands.status import _told
from pricewright.tables.options import groups, hints

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs the command on a terminal of 80 columns; returns its exit code and what it printed."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments):
        code = 0
        try:
            app.main(arguments)
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_says_what_it_is_for_and_names_every_command(run, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # which is no project
    code, text, errors = run(*arguments)
    assert (code, errors) == (0, "")
    assert "Inspect, sign, release and compare" in text
    for name in ("sign", "status", "verify", "rollback", "predict", "--install-completion"):
        assert f"│ {name} " in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", [*app.COMMANDS, "predict"])
def test_a_commands_help_has_an_example_and_explains_each_option(run, name):
    code, text, _ = run(name, "--help")
    assert code == 0
    assert f" pricewright {name}" in text
    command = app.COMMANDS.get(name, app._predict)
    of_step = groups(command)  # options of a step, whose texts have no name for their value
    for option, parameter in inspect.signature(command).parameters.items():
        positional = parameter.kind is parameter.POSITIONAL_ONLY
        for flat in hints(of_step[option]) if option in of_step else [option]:
            said = flat.upper() if positional else f"--{flat.replace('_', '-')}"
            assert said in text
    for noise in ("--no-", "--empty-", "default", "None", "~~", *(() if of_step else ("STR",))):
        assert noise not in text


def test_the_options_of_predict_that_a_shell_completes_are_those_that_it_has():
    declared = set(inspect.signature(app._predict).parameters)
    assert declared == set(vars(predict.parser().parse_args(["--model", "m"])))


def test_the_version_is_that_of_the_project(run):
    assert run("--version") == (0, f"pricewright {PROJECT['version']}\n", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rollback"], "pricewright rollback: --to is missing; give it."),
        (["rollback", "--to"], "pricewright rollback: Command"),
        (["history", "--limit", "0"], 'pricewright history: Invalid value "0" for --limit.'),
        (["predict"], "pricewright predict: The following arguments are required: --model."),
        (["predict", "--modle"], "pricewright predict: The following arguments are required"),
        (["sgn"], 'pricewright: Unknown command "sgn". Did you mean "sign"?'),
        (["sign", "metric"], 'Did you mean "metrics"?'),
        (["sign", "--comented", "x"], "Unknown option: --comented. Did you mean --comment?"),
        (["--versoin"], 'pricewright: Unknown command "--versoin".'),
        (["status", "more"], "more"),
    ],
)
def test_what_it_does_not_know_is_one_line_with_the_nearest_name_and_exit_code_2(
    run, arguments, sentence
):
    code, text, errors = run(*arguments)
    assert (code, text) == (2, "")
    assert sentence in errors
    assert errors.endswith("--help`.\n")
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_options_and_gates(run, tmp_path, monkeypatch, shell):
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "completion"
    code, _, _ = run("--install-completion", "--shell", shell, "--output", str(script))
    assert code == 0
    text = script.read_text()
    for word in ("rollback", "withdraw", "rebuild", "metrics", "quantiles"):
        assert word in text


def test_the_installed_command_is_there():
    module, _, function = PROJECT["scripts"]["pricewright"].partition(":")
    assert callable(getattr(import_module(module), function))


DISK = {
    "full": (
        OSError(errno.ENOSPC, "No space left on device"),
        "{here}: no space left on device; free some space, then run the same command again.",
    ),
    "read-only": (
        OSError(errno.EROFS, "Read-only file system", "production/.lock"),
        "production/.lock: read-only file system; make it writable, then run the same command "
        "again.",
    ),
    "denied": (
        PermissionError(errno.EACCES, "Permission denied", "ledger/.lock"),
        "ledger/.lock: permission denied; give this user permission, then run the same command "
        "again.",
    ),
    "other": (TimeoutError("ledger: another process holds the ledger"), "ledger: another process"),
}


@pytest.mark.parametrize(("error", "sentence"), DISK.values(), ids=DISK)
@pytest.mark.parametrize("command", [["sign", "deploy"], ["rollback", "--to", "previous"]])
def test_a_disk_that_cannot_be_written_is_named_with_what_to_do(
    run, monkeypatch, command, error, sentence
):
    def fail():
        raise error

    monkeypatch.setattr(app, "enter_project", fail)
    code, text, errors = run(*command)
    assert (code, text) == (1, "")
    assert errors.startswith(f"pricewright {command[0]}: {sentence.format(here=Path.cwd())}")


@pytest.mark.parametrize(("error", "sentence"), DISK.values(), ids=DISK)
def test_status_names_it_in_the_part_that_could_not_be_shown(error, sentence):
    def part():
        raise error

    assert _told(part).startswith(f"  {sentence.format(here=Path.cwd())}")
