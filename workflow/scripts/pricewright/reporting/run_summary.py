"""The last lines of a run: whether the model is accepted, and where the files are."""

from collections.abc import Collection
from pathlib import Path
from textwrap import wrap

from pricewright.files.clock import format_duration
from pricewright.files.documents import read_json
from pricewright.files.errors import count_of
from pricewright.forecasting.model_file import with_records
from pricewright.reporting.verdict import doubts, verdict

PLACES = {
    "Report": ("results/report.html", "results/report.txt"),
    "Run report": ("results/run_report.html",),
    "Deployed model": ("results/deployed_model.json",),
    "Watch": ("results/monitor.html",),
    "Forecasts": ("production/forecasts/newest.csv",),
}
"""Where a run leaves the files that people look for; of several, the first that exists is shown."""

IN_PRODUCTION = {"In production": ("production/current/model.json",)}
"""Where a release leaves the model."""

STEPS_OF_A_MODEL = {"train_or_score", "report", "deploy"}


def run_summary(
    root: Path,
    steps: Collection[str],
    seconds: float,
    *,
    allow_unaccepted: bool = False,
    forecasts: bool = True,
) -> str:
    """The last lines of a run: steps and time, the verdict in words, and the paths of the files.

    A run that made no model, report or forecasts does not mention those of an earlier run.

    forecasts: False if this run should have forecast, but could not.
    """
    lines = [f"{count_of(len(steps), 'step')} in {format_duration(seconds)}"]
    if STEPS_OF_A_MODEL & set(steps):
        flagged = root / "results/data_quality.json"
        model = with_records(read_json(root / "results/model.json"))
        quality = read_json(flagged) if flagged.exists() else None
        accepted = model["acceptance"]["accepted"]
        said = verdict(model, allow_unaccepted=allow_unaccepted, quality=quality)
        most = 2 + (not accepted and allow_unaccepted) + len(doubts(model, quality))
        for sentence in said[:most]:
            lines += wrap(sentence, 79, break_on_hyphens=False)
    places = IN_PRODUCTION if set(steps) == {"production"} else PLACES
    if not {*STEPS_OF_A_MODEL, "monitor", "production"} & set(steps):
        places = {}
    for what, paths in places.items():
        found = [path for path in paths if (root / path).exists()]
        if what == "Forecasts" and not forecasts:
            found = ["none: the watch says why"]
        if found:
            lines.append(f"{what:<14}  {found[0]}")
    return "\n".join(lines)
