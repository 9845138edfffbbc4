"""The watch's findings in the last run, in a few words."""

import os
from pathlib import Path
from typing import Any

from pricewright.files.documents import as_written_by_a_run, read_json
from pricewright.signoffs import ledger

FOUND, PAGE = "results/monitor.json", "results/monitor.html"
"""The files in which a run leaves the findings: `colour`, `reasons`, …"""


NOTHING, CANNOT = "nothing is forecast: ", "the release cannot forecast: "
"""How the reason begins if a run forecast nothing: the link or the ledger is wrong, or the release
does not fit the prices."""


def forecasts_nothing(root: Path) -> bool:
    """Whether the last run forecast nothing, although something is in production."""
    found = read_found(root)
    return found is not None and any(
        each.startswith((NOTHING, CANNOT)) for each in found["reasons"]
    )


def watch_warning(root: Path) -> str | None:
    """A warning, if the watch is not green."""
    found = read_found(root)
    if not found or found["colour"] == "green":
        return None
    since = found["red_since"] or found["yellow_since"]
    return (
        f"THE WATCH IS {found['colour'].upper()}{f' since {since}' if since else ''}: "
        f"{'; '.join(found['reasons'])}; see {PAGE}."
    )


def read_found(root: Path) -> dict[str, Any] | None:
    """The document of the findings, None if nothing was watched.

    Raises Refusal for a file that no run has written.
    """
    path = Path(root) / FOUND
    if not path.exists():
        return None
    found: dict[str, Any] = read_json(path)
    with as_written_by_a_run(FOUND):
        for key in ("release", "model", "colour", "reasons", "yellow_since", "red_since"):
            found[key]
    return found


def describe_watch(root: Path) -> list[str]:
    """A few lines on the watch's findings in the last run; none if nothing was watched."""
    found = read_found(root)
    if not found or (not found["release"] and found["colour"] == "green"):
        return []
    since = found["red_since"] or found["yellow_since"]
    current = os.path.basename(os.path.realpath(Path(root, "production", "current")))
    follows_ledger = ledger.in_production(ledger.read(Path(root, ledger.LEDGER))) == current
    if found["release"] != current and (found["model"] or follows_ledger):
        return ["about the previous release: the next run watches the one in production"]
    of = f", of release {found['release'][:12]}" if found["release"] else ""
    lines = [f"{found['colour']}{f', since {since}' if since else ''}{of}: {PAGE}"]
    lines += [f"because {reason}" for reason in found["reasons"][:2]]
    if "days" in found:
        live, promised = found["coverage"]["live"], found["coverage"]["promised"]
        lines.append(
            f"evidence {found['evidence']:g}, yellow at {found['limits']['yellow']:g}, red at "
            f"{found['limits']['red']:g}"
        )
        late = f"; {found['days_late']} recorded too late to count" if found["days_late"] else ""
        lines.append(
            f"{found['days']} {'day' if found['days'] == 1 else 'days'}"
            + (f", {live:.1%} of prices within the {promised:.0%} interval" if live else "")
            + late
        )
    return lines
