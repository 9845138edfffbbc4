"""What a run ends with: whether the model is accepted, and where everything is."""

from collections.abc import Collection
from pathlib import Path
from textwrap import wrap

from pricewright.clock import duration
from pricewright.documents import parse_json
from pricewright.files import read_whole
from pricewright.verdict import verdict

PLACES = {
    "Report": ("results/report.html", "results/report.txt"),
    "Run report": ("results/run_report.html",),
    "Deployed model": ("results/deployed_model.json",),
}
"""Where a run leaves what people look for, the best first."""


def ending(
    root: Path, steps: Collection[str], seconds: float, *, allow_unaccepted: bool = False
) -> str:
    """The end of a run that did some steps: the verdict in words, and the paths of what is there.

    A run that made no model says nothing of the one that an earlier run made.
    """
    lines = [f"{len(steps)} step{'s' if len(steps) != 1 else ''} in {duration(seconds)}"]
    if {"train_or_score", "report", "deploy"} & set(steps):
        model = parse_json(read_whole(root / "results/model.json"), "results/model.json")
        accepted = model["acceptance"]["accepted"]
        said = verdict(model, allow_unaccepted=allow_unaccepted)
        for sentence in said[: 2 if accepted or not allow_unaccepted else 3]:
            lines += wrap(sentence, 79, break_on_hyphens=False)
    for what, paths in PLACES.items():
        found = [path for path in paths if (root / path).exists()]
        if found:
            lines.append(f"{what:<14}  {found[0]}")
    return "\n".join(lines)
