"""Verify: the ledger, the signatures and every release, offline, from the files alone."""

from collections.abc import Sequence
from pathlib import Path

from pricewright.commands.project import GivenPath
from pricewright.configuration.config import WORKFLOW, read_config
from pricewright.files.errors import Refusal
from pricewright.files.provenance import code_digest
from pricewright.releases import history
from pricewright.releases import rebuild as rebuilding
from pricewright.signoffs.gates import audit
from pricewright.signoffs.policy import load_policy


def verify(*, rebuild: bool = False, configfile: Sequence[GivenPath] = ()) -> None:
    """Check everything that is kept; what is wrong is printed, and ends in an error.

    Parameters
    ----------
    rebuild
        Run the workflow again as well, from the raw bytes that are kept, in a temporary folder,
        and compare the model byte for byte.
    configfile
        Config files laid over config/config.yaml, as given to Snakemake.
    """
    root, config = Path(), read_config(configfile)
    policy = load_policy(root, config["signoffs"], config["accept"]["allow_unaccepted"])
    problems = [*audit(root, policy, history.seen(root)), *history.verify(root)]
    if rebuild:
        problems += rebuilding.rebuild(root, _steps())
    for problem in problems:
        print(problem)
    if problems:
        raise Refusal(f"verify: {len(problems)} found; see above.")
    print("The ledger, the signatures and the releases are as they were.")


def _steps() -> rebuilding.Steps:
    """The steps that make a model, as they are here."""
    from clean import clean
    from ingest import ingest
    from train_or_score import train_or_score

    code = code_digest(WORKFLOW / "workflow/scripts/train_or_score.py")
    return rebuilding.Steps(ingest=ingest, clean=clean, train_or_score=train_or_score, code=code)
