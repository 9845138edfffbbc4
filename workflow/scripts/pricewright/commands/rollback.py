"""Rollback: put an earlier release back into production, if people signed for it."""

import sys
from pathlib import Path

from pricewright.commands.options import ConfigFiles, Release
from pricewright.configuration.config import config_of_run
from pricewright.monitoring.record import record_switch
from pricewright.notices.facts import newest_switch
from pricewright.notices.messages import tell
from pricewright.releases.release import Unsigned, roll_back
from pricewright.steplog.log import logger


def rollback(*, to: Release, configfile: ConfigFiles = ()) -> None:
    """Put an earlier release back into production.

    Points `production/current` at that release, which makes the forecasts from then on. Gate
    deploy must be signed for it first.

    ```
    pricewright sign deploy --release previous
    pricewright rollback --to previous
    ```

    Parameters
    ----------
    to
        The release's digest, its first digits, or `previous`: the one before the current release.
    """
    root = Path()
    config, configfile = config_of_run(root, configfile)
    try:
        digest = roll_back(root, to, config)
    except Unsigned as unsigned:
        print(unsigned.listing(configfile), file=sys.stderr)
        raise
    record_switch(root, config)
    print(f"Release {digest[:12]} is in production: production/current/model.json.")
    if config["notify"]["to"] and (switched := newest_switch(root)):
        for untold in tell(root, config, [switched]):
            logger.warning(untold)
