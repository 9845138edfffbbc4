"""When the last run began, from the names of Snakemake's logs; for `pricewright status`."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path


def last_start(root: Path) -> datetime | None:
    """When the last run in a project began, even one with nothing to do; None without any run."""
    moments = []
    for path in (root / ".snakemake" / "log").glob("*.snakemake.log"):
        with suppress(ValueError):  # another Snakemake may name its logs differently
            moment = datetime.fromisoformat(path.name.removesuffix(".snakemake.log"))
            moments.append(moment.astimezone(UTC))  # the name has the local time
    return max(moments, default=None)
