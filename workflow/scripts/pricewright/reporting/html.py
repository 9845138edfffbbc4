"""The report as one HTML file, from the template in workflow/page.

It begins with the key figures, each with its benchmark. The section on the data shows which rows
were quarantined, which values are odd and what people corrected.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import orjson

from pricewright.evaluation.acceptance import COVERAGES, TAILS, key_of, percent_key
from pricewright.evaluation.backtest_file import Backtest
from pricewright.reporting import data, figures, pictures, text
from pricewright.reporting.drawing import library
from pricewright.reporting.figures import worst
from pricewright.reporting.pictures import SymbolData
from pricewright.reporting.symbol_table import SymbolTable
from pricewright.reporting.text import Pending
from pricewright.reporting.verdict import champion, method, verdict

FOLDER = Path(__file__).resolve().parents[3] / "page"
"""The template, its style, its script and the picture of the steps."""

FIRST = 25
"""The number of symbols, and of flags, shown before the reader asks for more."""

SHOWN = 10_000
"""The most symbols on the page: the data of a symbol's pictures takes 5 kB."""


def render(
    model: Mapping[str, Any],
    *,
    sha256: str,
    title: str,
    files: Sequence[tuple[str, str, str]],
    table: str | None = None,
    backtest: Backtest | None = None,
    quality: Mapping[str, Any] | None = None,
    pending: Pending,
    allow_unaccepted: bool = False,
) -> str:
    """The complete page for a model document; the same input gives the same page.

    files: name, path and SHA-256 of each.  table: the path of the table of all symbols, if there is
    one; the page itself shows at most SHOWN, the worst and the most traded.  backtest, quality: the
    model's back-test and the document of its data's quality; without them their pictures are left
    out.  pending: the decisions needed before production.
    """
    known = quality or {"flags": {}, "flagged": [], "traded": []}
    series = SymbolData(backtest, model) if backtest else None
    traded = [entry["symbol"] for entry in known["traded"] if entry["symbol"] in model["symbols"]]
    pictured = pictures.pictured_symbols(model, traded) if series else {}
    shown = shown_symbols(model, [*traded, *pictured])
    said = verdict(model, allow_unaccepted=allow_unaccepted, quality=quality)
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
        tails=TAILS,
        first=FIRST,
        model=model,
        sha256=sha256,
        title=title,
        why=_why(said[0], model["acceptance"]["accepted"]),
        verdict=said[1:],
        champion=champion(model),
        gates=pending.decisions,
        blocked=text.blocked(model, pending, allow_unaccepted=allow_unaccepted),
        nothing=pending.nothing,
        commands=pending.commands,
        distribution=text.distribution(model),
        pooled=pictures.pooled_pictures(model, backtest),
        symbols=SymbolTable(model, known),
        shown=shown,
        table=table,
        pictured=pictured,
        facts=data.data_facts(model),
        quarantined=data.quarantine_counts(model),
        flagged=data.flag_counts(known),
        entries=data.flags_by_gravity(known),
        calendar=pictures.calendar(odd, list(known["flags"])) if odd else None,
        corrections=data.applied_corrections(model),
        method=method(model),
        files=files,
        first_series=_json(series.packed(list(pictured)) if series else {}),
        series=_json(
            series.packed([one for one in shown if one not in pictured]) if series else {}
        ),
        specs=_json(pictures.specifications() if series else []),
    )


def files_of(model: Mapping[str, Any], path: str, sha256: str) -> list[tuple[str, str, str]]:
    """The files behind the model and the model itself: name, path and SHA-256 of each."""
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


def shown_symbols(model: Mapping[str, Any], largest: Sequence[str]) -> list[str]:
    """The symbols on the page, worst first: at most SHOWN, the largest and the worst others."""
    order = worst(model)
    chosen = set(list(dict.fromkeys([*largest, *order]))[:SHOWN])
    return [symbol for symbol in order if symbol in chosen]


def _why(said: str, accepted: bool) -> str:
    """The reason in the verdict's first sentence, to stand below a heading with the verdict."""
    reason = said.partition(": ")[2]
    return reason[:1].upper() + reason[1:] if accepted else f"Because {reason}"


def template(name: str) -> jinja2.Template:
    """A page's template; values are escaped, and a missing value is an error."""
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
    """A file that is embedded in a page, such as its style sheet."""
    return (FOLDER / name).read_text(encoding="utf-8")


def policy(scripts: Sequence[str], style: str) -> str:
    """A Content-Security-Policy that allows only these scripts and this style."""
    allowed = " ".join(map(_digest, scripts))
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _json(document: Any) -> str:
    """JSON for a script element, escaped so that no text can close the element."""
    return orjson.dumps(document).decode().replace("<", "\\u003c")
