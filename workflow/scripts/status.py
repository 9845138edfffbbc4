"""Status: how the last run went, who signed what and what does not count, what is in production."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import step
from pricewright.config import config_file, source_files
from pricewright.config_files import WORKFLOW, read_config
from pricewright.decisions.covered import digests, read_covered
from pricewright.decisions.gates import check_gates
from pricewright.decisions.listing import overview
from pricewright.decisions.policy import load_policy
from pricewright.errors import Refusal
from pricewright.history import Attempt
from pricewright.lastrun import began, described, last_run
from pricewright.outdated import outdated
from pricewright.production.releases import history


def status(*, configfile: Sequence[Path] = ()) -> None:
    """Print the last run's steps, the sign-offs for what is in `results/` now, and the releases.

    Parameters
    ----------
    configfile
        Config files laid over config/config.yaml, as given to Snakemake.
    """
    root, config = Path(), read_config(configfile)
    run = last_run(root)
    parts = {
        "Last run": described(run),
        "Out of date": "\n".join(f"  {note}" for note in _outdated(root, config, configfile, run)),
        "Sign-offs": _signoffs(root, config),
        "Releases": history(root),
    }
    print("\n\n".join(f"{heading}\n{text}" for heading, text in parts.items() if text))


def _outdated(
    root: Path,
    config: dict[str, Any],
    configfile: Sequence[Path],
    run: Mapping[str, Sequence[Attempt]],
) -> list[str]:
    """What is older than what it is made from; nothing yet, while a step is at work on it."""
    if any(tries[-1].state == "running" for tries in run.values()):
        return []
    inputs = [Path(config_file(WORKFLOW)), *configfile]
    try:
        inputs += map(Path, source_files(config, WORKFLOW))
    except Refusal as refusal:
        return [str(refusal), *outdated(root, inputs, began(root))]
    return outdated(root, inputs, began(root))


def _signoffs(root: Path, config: dict[str, Any]) -> str:
    """The sign-offs in words; what keeps them from being looked at is one of them."""
    try:
        allowed = bool(config["accept"]["allow_unaccepted"])
        policy = load_policy(root, config["signoffs"], allowed)
        return overview(check_gates(root, policy, digests(read_covered(root))))
    except Refusal as refusal:
        return f"  {refusal}"


if __name__ == "__main__":
    step.run(status)
