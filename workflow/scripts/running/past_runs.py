"""When the last run began, as Snakemake's own logs are named; for `pricewright status`."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path


def last_start(root: Path) -> datetime | None:
    """When the last run in a project began, also one that found nothing to do; None if none did."""
    moments = []
    for path in (root / ".snakemake" / "log").glob("*.snakemake.log"):
        with suppress(ValueError):  # another Snakemake may name its logs otherwise
            moment = datetime.fromisoformat(path.name.removesuffix(".snakemake.log"))
            moments.append(moment.astimezone(UTC))  # the name has the local time
    return max(moments, default=None)
