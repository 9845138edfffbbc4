"""Rollback: an earlier release in production again, if people signed for that."""

import sys
from collections.abc import Sequence
from pathlib import Path

from pricewright.commands.project import GivenPath
from pricewright.configuration.config import read_config
from pricewright.releases.release import Unsigned, roll_back
from pricewright.steplog.log import say


def rollback(*, to: str, configfile: Sequence[GivenPath] = ()) -> None:
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
