"""Report: the data, the model and how good it is, on a page for people."""

from collections.abc import Mapping
from pathlib import Path

from running import step

from pricewright.files.disk import file_sha256, write_whole
from pricewright.files.documents import read_json
from pricewright.forecasting.model_file import read_model
from pricewright.reporting.text import ReportOptions, compose
from pricewright.signoffs.presentation import pending_decisions
from pricewright.steplog.log import say


def report(
    input: Path,
    output: Path,
    *,
    html: Path | None = None,
    coverage: Path | None = None,
    skill: Path | None = None,
    table: Path | None = None,
    backtest: Path | None = None,
    quality: Path | None = None,
    layout: ReportOptions = ReportOptions(),
    allow_unaccepted: bool = False,
    required: Mapping[str, int] | None = None,
    project: Path | None = None,
    author: str | None = None,
) -> None:
    """Write the report that people read before they trust a model.

    Parameters
    ----------
    input
        The model, as `train_or_score` writes it.
    output
        Where to write the report as plain text, 80 columns wide.
    html
        Where to write the page with pictures: one HTML file that loads nothing else.
    coverage
        Where to draw the interval's coverage by horizon, as SVG.
    skill
        Where to draw each symbol's interval score relative to the plain random walk's, as SVG.
    table
        Where to write the table of all symbols as CSV; the page with pictures shows at most 10,000
        of them, the worst and the most traded.
    backtest
        The model's back-test, as `train_or_score` writes it, for the pictures of each symbol.
    quality
        The document of odd values in the data, as `clean` writes it.
    layout
        The title of the report, and how much it contains.
    allow_unaccepted
        Whether the model will be deployed even if it is not accepted; the report says so.
    required
        The number of signatures for each decision that production needs: source, metrics, report,
        deploy; and 1 as author if whoever trained the model must sign so.
    project
        The folder whose `ledger/` records the digests of the report, so that an edited one is
        noticed. Without a folder nothing is recorded.
    author
        Who made the report; by default the name in git's config, else the login.
    """
    say("start", input=input)
    model, digest = read_model(input)
    odd = read_json(quality) if quality else None
    pictures = {"html": html, "coverage": coverage, "skill": skill, "table": table}
    pending = pending_decisions(model, required)
    written = {"report": str(output)} | {what: str(path) for what, path in pictures.items() if path}
    page = compose(
        model,
        model_path=str(input),
        sha256=digest,
        layout=layout,
        allow_unaccepted=allow_unaccepted,
        written=written,
        pending=pending,
        quality=odd,
    )
    if coverage or skill:
        from pricewright.reporting import charts, drawing

        if coverage:
            chart = charts.titled_coverage(model, drawing.FILE)
            write_whole(coverage, drawing.svg(chart, drawing.FILE).encode())
        if skill:
            chart = charts.interval_ratios(model, layout.max_symbols, drawing.FILE)
            write_whole(skill, drawing.svg(chart, drawing.FILE).encode())
    if table:
        from pricewright.reporting.symbol_table import SymbolTable

        write_whole(table, SymbolTable(model, odd or {"flagged": []}).csv())
    if html:
        from pricewright.evaluation.backtest_file import read_backtest
        from pricewright.reporting.html import files_of, render

        files = files_of(model, str(input), digest)
        if table:
            files.append(("table of symbols", str(table), file_sha256(table)))

        rendered = render(
            model,
            sha256=digest,
            title=layout.heading,
            files=files,
            table=str(table) if table else None,
            backtest=read_backtest(backtest, digest) if backtest else None,
            quality=odd,
            pending=pending,
            allow_unaccepted=allow_unaccepted,
        )
        write_whole(html, rendered.encode())
    write_whole(output, page.encode())
    if project is not None:
        step.tell_ledger("pricewright.signoffs.reported.record_report", project, author)
    say("end", artifact=output)


if __name__ == "__main__":
    step.run(report)
