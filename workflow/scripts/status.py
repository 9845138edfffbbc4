"""Status: who signed what, what does not count and why, and what is in production."""

from collections.abc import Sequence
from pathlib import Path

import step
from pricewright.config_files import read_config
from pricewright.decisions.covered import digests, read_covered
from pricewright.decisions.gates import check_gates
from pricewright.decisions.listing import overview
from pricewright.decisions.policy import load_policy
from pricewright.errors import Refusal
from pricewright.production.releases import history


def status(*, configfile: Sequence[Path] = ()) -> None:
    """Print the sign-offs for what is in `results/` now, and the releases.

    Parameters
    ----------
    configfile
        Config files laid over config/config.yaml, as given to Snakemake.
    """
    root, config = Path(), read_config(configfile)
    print(f"Sign-offs\n{_signoffs(root, config)}\n\nReleases\n{history(root)}")


def _signoffs(root: Path, config: dict[str, dict[str, object]]) -> str:
    """The sign-offs in words; what keeps them from being looked at is one of them."""
    try:
        allowed = bool(config["accept"]["allow_unaccepted"])
        policy = load_policy(root, config["signoffs"], allowed)
        return overview(check_gates(root, policy, digests(read_covered(root))))
    except Refusal as refusal:
        return f"  {refusal}"


if __name__ == "__main__":
    step.run(status)
