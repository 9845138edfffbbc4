"""History: every training, its result, and whether its model was released."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from tabulate import tabulate

from pricewright.releases.history import describe_switches, described_switches
from pricewright.releases.models import Training, trainings
from pricewright.signoffs import ledger

_SHOWN = {"qlike": "QLIKE-EWMA", "coverage_pooled": "coverage off", "interval_ratio": "interval"}

_LEAST = ("interval", "coverage off", "symbols", "QLIKE-EWMA", "by", "prices to")
"""Columns that a narrow terminal does not show, the least important first."""


def history(
    *,
    limit: Annotated[int, Parameter(metavar="RUNS", validator=Number(gte=1))] = 20,
    releases: bool = False,
    format: Literal["table", "json"] = "table",
) -> None:
    """List the trainings in the ledger, or the releases, newest first.

    For each training: when, by whom, the last date of its prices, whether the model was accepted,
    how good it is, and whether it was released; a narrow terminal shows fewer columns.
    `pricewright compare` takes the digests shown.

    ```
    pricewright history --limit 5
    ```

    Parameters
    ----------
    limit
        List at most this many.
    releases
        List the releases and rollbacks instead of the trainings.
    format
        A table for people, or JSON with everything that the ledger records.
    """
    if releases:
        _list_releases(limit, format)
        return
    found = trainings(Path())[:limit]
    if format == "json":
        print(json.dumps([_record(each) for each in found], indent=2))
        return
    if not found:
        print("No model has been trained here yet; run `snakemake --cores 1`.")
        return
    heads = ["trained", "by", "model", "prices to", "symbols", "verdict", *_SHOWN.values(), ""]
    width = shutil.get_terminal_size((sys.maxsize, 0)).columns  # no limit in a pipe
    print(_table(heads, [_row(each) for each in found], width))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """The rows as aligned text, without the least important columns if it would be too wide."""
    for dropped in range(len(_LEAST) + 1):
        kept = [place for place, head in enumerate(heads) if head not in _LEAST[:dropped]]
        cells = [[row[place] for place in kept] for row in (heads, *rows)]
        text = tabulate(cells, "firstrow", tablefmt="plain", disable_numparse=True)
        if max(map(len, text.splitlines())) <= width:
            break
    return text


def _list_releases(limit: int, format: str) -> None:
    if format == "table":
        print(describe_switches(Path(), limit))
        return
    found = described_switches(ledger.read(Path(ledger.LEDGER)))[:limit]
    records = [
        {"time": begun.time, "who": begun.who, "event": begun.event, "line": begun.sequence}
        | {"release": begun.fields["release"], "outcome": what}
        for begun, what in found
    ]
    print(json.dumps(records, indent=2))


def _row(training: Training) -> list[str]:
    fields = training.run.fields
    criteria = fields.get("criteria", {})
    accepted = fields.get("accepted")
    verdict = "-" if accepted is None else "accepted" if accepted else "not accepted"
    figures = [criteria.get(name) for name in _SHOWN]
    return [
        training.run.time[:16].replace("T", " "),
        training.run.who,
        training.model[:12],
        str(fields.get("cutoff", "-")),
        str(fields.get("symbols", "-")),
        f"{verdict}, scored" if fields.get("mode") == "score" else verdict,
        *("-" if value is None else f"{value:.4f}" for value in figures),
        training.release,
    ]


def _record(training: Training) -> dict[str, Any]:
    run = training.run
    own = {"time": run.time, "who": run.who, "release": training.release or None}
    return own | {"line": run.sequence} | dict(run.fields)
