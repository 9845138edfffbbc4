"""The report as one HTML file: what is to be said, put into the template of workflow/page.

It begins with the numbers to look at first, each with what it is to be compared with; of the data
it says which rows were not believed, what is odd, and what people corrected.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import orjson

from pricewright.evaluation.acceptance import SIGNIFICANT, key_of, percent_key
from pricewright.evaluation.backtest_file import Backtest
from pricewright.reporting import data, figures, pictures, text
from pricewright.reporting.drawing import library
from pricewright.reporting.figures import (
    TAILS,
    Figure,
    figure,
    interval_ratio,
    percent,
    pinball_skill,
    qlike_difference,
    share_beyond,
    shortfall_difference,
    value_at,
    worst,
)
from pricewright.reporting.pictures import SymbolData
from pricewright.reporting.text import COVERAGES, Pending
from pricewright.reporting.verdict import champion, method, verdict

FOLDER = Path(__file__).resolve().parents[3] / "page"
"""The template, its style, its script and the picture of the steps."""

FIRST = 25
"""The symbols, and the flags, that are shown before someone asks for more."""

Score = Callable[[Mapping[str, Any]], float | None]
"""A number that is derived from the scores of a symbol."""


@dataclass(frozen=True)
class Column:
    """A column of the table of symbols: its title and what that means; a number's form.

    at: where the number is, if the model has it; else derive says how it comes of the scores.
    """

    title: str
    hint: str
    form: str = ""
    at: str = ""
    derive: Score | None = None
    sorted: bool = False


@dataclass(frozen=True)
class Table:
    """The table of symbols as a page shows it: a row each, of figures and words."""

    says: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Figure | str]]


def render(
    model: Mapping[str, Any],
    *,
    sha256: str,
    title: str,
    files: Sequence[tuple[str, str, str]],
    backtest: Backtest | None = None,
    quality: Mapping[str, Any] | None = None,
    pending: Pending,
    allow_unaccepted: bool = False,
) -> str:
    """The page for a model document, complete and the same each time.

    files: what it is, path and SHA-256 of each.  backtest, quality: the model's back-test and the
    document of its data's quality; without them their pictures are left out.  pending: what
    waits for people.
    """
    known = quality or {"flags": {}, "flagged": [], "traded": []}
    series = SymbolData(backtest, model) if backtest else None
    largest = [entry["symbol"] for entry in known["traded"]]
    said = verdict(model, allow_unaccepted=allow_unaccepted)
    odd = data.flags_by_period(known, model["data"]["first_date"], model["data"]["last_date"])
    style, script, vega = part("report.css"), part("report.js"), library()
    return template("report.html").render(
        policy=policy([script, vega], style),
        style=style,
        script=script,
        vega=vega,
        dag=part("dag.svg"),
        figures=figures,
        key_of=key_of,
        deciding=partial(data.deciding_days, quality=known),
        percent_key=percent_key,
        coverages=COVERAGES,
        first=FIRST,
        model=model,
        sha256=sha256,
        title=title,
        why=_why(said[0], model["acceptance"]["accepted"]),
        verdict=said[1:],
        champion=champion(model),
        gates=pending.decisions,
        nothing=pending.nothing,
        commands=pending.commands,
        distribution=text.distribution(model),
        pooled=pictures.pooled_pictures(model, backtest),
        table=symbol_table(model, Counter(entry["symbol"] for entry in known["flagged"])),
        pictured=pictures.pictured_symbols(model, largest) if series else {},
        facts=data.data_facts(model),
        quarantined=data.quarantine_counts(model),
        flagged=data.flag_counts(known),
        entries=data.newest_flags(known),
        calendar=pictures.calendar(odd, list(known["flags"])) if odd else None,
        corrections=data.applied_corrections(model),
        method=method(model),
        files=files,
        series=_json(series.packed(list(model["symbols"])) if series else {}),
        specs=_json(pictures.specifications() if series else []),
    )


def files_of(model: Mapping[str, Any], path: str, sha256: str) -> list[tuple[str, str, str]]:
    """What the model was made from and is: a name, the path and the SHA-256 of each."""
    found = []
    if came := model["receipts"].get("ingest"):
        found += [
            ("source", came["source"], came["sha256"]),
            ("prices as delivered", came["records"]["path"], came["records"]["sha256"]),
        ]
    return [
        *found,
        ("clean prices", model["data"]["path"], model["data"]["sha256"]),
        ("code", "train_or_score.py and what it imports", model["code"]["sha256"]),
        ("model", path, sha256),
    ]


def symbol_table(model: Mapping[str, Any], flagged: Mapping[str, int]) -> Table:
    """The symbols, the worst first; flagged: how many entries of data_quality each has."""
    columns = _columns(model)
    rows = []
    for symbol in worst(model):
        scores, state = model["metrics"]["by_symbol"][symbol], model["symbols"][symbol]
        read = {"metrics": scores, "state": state}
        cells: list[Figure | str] = [symbol]
        for column in columns[1:-1]:
            value = column.derive(scores) if column.derive else value_at(read, column.at)
            cells.append(figure(value, column.form))
        rows.append([*cells, "; ".join(_notes(scores, state, flagged.get(symbol, 0)))])
    return Table(
        "By the interval score beside the plain random walk's: above 1 the model is worse. "
        "Less is better for MASE and QLIKE. Choose a symbol to see its pictures.",
        columns,
        rows,
    )


def _columns(model: Mapping[str, Any]) -> list[Column]:
    level = percent(model["parameters"]["level"])
    days = model["parameters"]["horizon"]
    tails = []
    for tail in TAILS:
        hint = f"share of days with a loss beyond the value-at-risk of {percent(tail)}"
        beyond = partial(share_beyond, tail=tail)
        tails.append(Column(f"{percent(tail)} VaR", hint, "share", derive=beyond))
        hint = "p-value of the test that this share is right"
        at = f"/metrics/var/{percent_key(tail)}/kupiec"
        tails.append(Column(f"Kupiec {percent(tail)}", hint, "ratio", at))
    return [
        Column("Symbol", ""),
        Column("Last price", "", "price", "/state/last_price"),
        Column(f"Low, {days} d", f"lower bound of the {level} interval in {days} days", "price",
               f"/state/forecast/lower/{days - 1}"),
        *([] if model["parameters"]["location"] == "naive" else [
            Column(f"Point, {days} d", f"point forecast in {days} days", "price",
                   f"/state/forecast/point/{days - 1}")]),
        Column(f"High, {days} d", f"upper bound of the {level} interval in {days} days", "price",
               f"/state/forecast/upper/{days - 1}"),
        Column("Dates", "from which it was forecast", "count", "/metrics/origins"),
        Column("Interval ratio", "interval score over the plain random walk's; below 1 is better",
               "ratio", derive=interval_ratio, sorted=True),
        Column("Skill", "pinball loss saved beside the plain random walk", "signed share",
               derive=pinball_skill),
        Column(f"{level} held", "share of prices within the interval", "share",
               "/metrics/model/coverage"),
        Column("Walk held", "the same of the plain random walk", "share",
               "/metrics/random_walk/coverage"),
        Column("MASE", "mean absolute scaled error", "ratio", "/metrics/model/mase"),
        Column("Walk's", "MASE of the plain random walk", "ratio", "/metrics/random_walk/mase"),
        Column("QLIKE less EWMA", "of the variance; below 0 is better", "signed",
               derive=qlike_difference),
        *tails,
        Column("97.5% VaR, 1 d", "loss of who holds one that is exceeded on one day in forty",
               "price", "/state/forecast/var/0"),
        Column("97.5% ES, 1 d", "expected shortfall: the mean of losses beyond it", "price",
               "/state/forecast/es/0"),
        Column("ES residual", "mean of losses beyond it less that, in deviations; below 0 it was "
               "too small", "signed", "/metrics/es/residual"),
        Column("ES score less EWMA", "of VaR and ES together; below 0 is better", "signed",
               derive=lambda scores: shortfall_difference(scores["es"])),
        Column("Notes", ""),
    ]  # fmt: skip


def _notes(scores: Mapping[str, Any], state: Mapping[str, Any], flagged: int) -> list[str]:
    """What is to be said of a symbol; the filter finds these words."""
    notes = [] if scores["origins"] else ["not evaluated"]
    for tail in TAILS:
        p = scores["var"][percent_key(tail)]["kupiec"]
        if p is not None and p < SIGNIFICANT:
            notes.append(f"{percent(tail)} VaR rejected")
    p = scores["es"]["p_value"]
    if p is not None and p < SIGNIFICANT:
        notes.append("97.5% ES too small")
    found, luck = qlike_difference(scores), scores["volatility"]["p_value_holm"]
    if found is not None and luck is not None and luck < SIGNIFICANT:
        notes.append(f"QLIKE significantly {'worse' if found > 0 else 'better'}")
    if flagged:
        notes.append(f"{flagged:,} flagged")
    return notes + list(state["fallbacks"])


def _why(said: str, accepted: bool) -> str:
    """The first sentence of the verdict, below a heading that says which it is."""
    reason = said.partition(": ")[2]
    return reason[:1].upper() + reason[1:] if accepted else f"Because {reason}"


def template(name: str) -> jinja2.Template:
    """A page's template; everything that it is given is escaped, and what it lacks is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def part(name: str) -> str:
    """A file that stands in a page, as its style."""
    return (FOLDER / name).read_text(encoding="utf-8")


def policy(scripts: Sequence[str], style: str) -> str:
    """A Content-Security-Policy that lets run these scripts and this style, and nothing else."""
    allowed = " ".join(map(_digest, scripts))
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _json(document: Any) -> str:
    """JSON that may stand in a script element: no text in it can end that."""
    return orjson.dumps(document).decode().replace("<", "\\u003c")
