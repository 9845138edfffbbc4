"""Rollback: an earlier release in production again, if people signed for that."""

import sys
from collections.abc import Sequence
from pathlib import Path

import step
from pricewright.config_files import read_config
from pricewright.journal import say
from pricewright.production.agreement import Unsigned
from pricewright.production.rollback import roll_back


def rollback(*, to: str, configfile: Sequence[Path] = ()) -> None:
    """Point `production/current` at an earlier release; gate deploy must be signed for it.

    Parameters
    ----------
    to
        Its digest, the beginning of it, or `previous`: the release before the one that is there.
    configfile
        Config files laid over config/config.yaml, as given to Snakemake.
    """
    try:
        digest = roll_back(Path(), to, read_config(configfile))
    except Unsigned as unsigned:
        print(unsigned.listing, file=sys.stderr)
        raise
    say("end", release=digest)


if __name__ == "__main__":
    step.run(rollback)
