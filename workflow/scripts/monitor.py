"""Monitor: record the production release's forecasts, and compare earlier ones with outcomes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from running import step

from pricewright.files.disk import file_sha256, write_whole
from pricewright.files.documents import read_json, write_json
from pricewright.files.errors import Refusal
from pricewright.forecasting.settings import WatchLimits
from pricewright.monitoring.record import (
    CannotForecast,
    RecordedDay,
    facts_of_day,
    record_day,
)
from pricewright.monitoring.record_days import PRODUCTION, days
from pricewright.monitoring.summary import CANNOT, NOTHING
from pricewright.monitoring.watch import no_findings, watch
from pricewright.releases.history import LinesLost
from pricewright.releases.link import CURRENT, LinkAstray, read_link
from pricewright.signoffs import ledger
from pricewright.steplog.log import logger, say


def monitor(
    input: Path,
    output: Path,
    *,
    html: Path | None = None,
    receipts: Sequence[Path] = (),
    limits: WatchLimits = WatchLimits(),
    project: Path = Path(),
    author: str | None = None,
    exchange: str | None = None,
    title: str | None = None,
) -> None:
    """Record what the release in production forecasts, and compare its record with the outcomes.

    The release's model is updated by the clean prices. Its forecasts are written to
    `production/forecasts/` and recorded in the ledger, and are never changed afterwards.

    Parameters
    ----------
    input
        The clean prices, as written by `clean`.
    output
        What the watch finds, as JSON: its colour, the reasons, the evidence by day.
    html
        The same as a page: one self-contained file.
    receipts
        The receipts of `ingest` and `clean`, and the document of the data's flags: they describe
        the day and name the symbols that get no forecast.
    limits
        The evidence from which the watch is yellow, and red.
    project
        The folder with `production/` and the ledger.
    author
        Who runs it, for the ledger; by default the name in git's config, else the login.
    exchange
        The exchange whose sessions decide whether a forecast was recorded too late to count.
    title
        The heading of the page.
    """
    say("start", input=input)
    project = Path(project)
    model: Path | None = project / PRODUCTION / CURRENT / "model.json"
    try:
        release = read_link(project / PRODUCTION)
        facts = facts_of_day(receipts) if release else {}  # the digests of code take a while
        recorded = record_day(project, input, **facts, author=author, exchange=exchange)
        found = _watched(project, recorded, limits) if recorded else no_findings(limits)
    except (LinkAstray, LinesLost) as refusal:
        logger.warning("%s%s", NOTHING, refusal)
        release, model = ledger.in_production(ledger.read(project / ledger.LEDGER)), None
        found = no_findings(limits, why=f"{NOTHING}{refusal}")
    except CannotForecast as refusal:
        known = [day.date for day in days(project, release)]
        why = f"{CANNOT}{refusal}"
        found = no_findings(limits, since=known[-1] if known else None, why=why)
    found = {
        "release": release,
        "model": file_sha256(model) if release and model else None,
        "released": _released(project, release),
    } | found
    write_json(output, found)
    if html:
        from pricewright.monitoring.page import render

        write_whole(html, render(found, title=title or "Prices").encode())
    for reason in found["reasons"]:
        say("reason", what=reason)
    say("end", colour=found["colour"], days=found.get("days", 0), release=release or "none")


def _watched(project: Path, recorded: RecordedDay, limits: WatchLimits) -> dict[str, Any]:
    """The findings of the watch. A damaged record is red, but has no `red_since` date, because
    training another model would not help."""
    current = project / PRODUCTION / CURRENT / "model.json"
    document = read_json(current)  # checked when it was opened
    try:
        return watch(project, recorded, limits, document)
    except Refusal as refusal:
        return no_findings(limits, why=f"the record is not intact: {refusal}")


def _released(project: Path, release: str | None) -> str | None:
    """The day, in UTC, since which this release is in production, according to the ledger."""
    entries = ledger.read(project / ledger.LEDGER)
    state = ledger.state_of(entries)
    return entries[state.since - 1].time[:10] if release and state.release == release else None


if __name__ == "__main__":
    step.run(monitor)
