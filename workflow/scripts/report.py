"""Report: what came in, the model and how good it is, on a page that a person can read."""

from pathlib import Path

import step
from pricewright.files import write_whole
from pricewright.journal import say
from pricewright.model import read_model
from pricewright.page import compose


def report(
    input: Path,
    output: Path,
    *,
    coverage: Path | None = None,
    skill: Path | None = None,
    title: str = "Prices",
    digits: int = 3,
    max_symbols: int = 20,
    allow_unaccepted: bool = False,
) -> None:
    """Write the page about a model that people read before they trust it.

    Parameters
    ----------
    input
        The model, as `train_or_score` writes it.
    output
        The page: plain text, 80 columns.
    coverage
        Where to draw the interval's coverage by horizon, as SVG.
    skill
        Where to draw each symbol's interval score beside the plain random walk's, as SVG.
    title
        What the page is headed with.
    digits
        The decimals of MASE and RMSSE.
    max_symbols
        The most symbols in a table or picture; the worst are shown.
    allow_unaccepted
        Whether the model will be deployed even if it is not accepted; the page says so.
    """
    say("start", input=input)
    model, digest = read_model(input)
    pictures = {"coverage": coverage, "skill": skill}
    written = {"report": str(output)} | {what: str(path) for what, path in pictures.items() if path}
    page = compose(
        model,
        model_path=str(input),
        sha256=digest,
        title=title,
        digits=digits,
        max_symbols=max_symbols,
        allow_unaccepted=allow_unaccepted,
        written=written,
    )
    if coverage or skill:
        from pricewright import charts

        if coverage:
            write_whole(coverage, charts.coverage(model))
        if skill:
            write_whole(skill, charts.skill(model, max_symbols))
    write_whole(output, page.encode())
    say("end", artifact=output)


if __name__ == "__main__":
    step.run(report)
