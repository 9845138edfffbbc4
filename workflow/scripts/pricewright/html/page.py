"""The report as one HTML file: what is to be said, put into the template of workflow/page."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pricewright import facts
from pricewright.backtest import Backtest
from pricewright.evaluation.acceptance import percent_key
from pricewright.html import data, pictures, symbols
from pricewright.html.figures import Figures
from pricewright.html.sight import Sight
from pricewright.html.tiles import tiles
from pricewright.tables import COVERAGES, WHO
from pricewright.verdict import champion, method, percent, verdict
from pricewright.waiting import COMMANDS, waiting

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).resolve().parents[3] / "page"
"""The template, its style, its script and the picture of the steps."""

_NAMES = {"model": "model", "random_walk": "plain random walk"}


def render(
    model: Mapping[str, Any],
    *,
    sha256: str,
    title: str,
    files: Sequence[tuple[str, str, str]],
    backtest: Backtest | None = None,
    quality: Mapping[str, Any] | None = None,
    required: Mapping[str, int] | None = None,
    allow_unaccepted: bool = False,
) -> str:
    """The page for a model document, complete and the same each time.

    files: what it is, path and SHA-256 of each.  backtest, quality: the model's back-test and the
    document of its data's quality; without them their pictures are left out.  required: the
    signatures that each gate asks for.
    """
    from pricewright.charts.drawing import library

    sight = Sight(backtest, model) if backtest else None
    said = verdict(model, allow_unaccepted=allow_unaccepted)
    span = model["data"]["first_date"], model["data"]["last_date"]
    odd = data.cells(quality, *span) if quality else []
    style, script, vega = _read("report.css"), _read("report.js"), library()
    return _template().render(
        policy=_policy([script, vega], style),
        style=style,
        script=script,
        vega=vega,
        dag=_read("dag.svg"),
        figures=Figures(model),
        model=model,
        sha256=sha256,
        title=title,
        why=_why(said[0], model["acceptance"]["accepted"]),
        verdict=said[1:],
        tiles=tiles(model),
        criteria=_criteria(model),
        champion=champion(model),
        gates=waiting(required),
        commands=COMMANDS,
        evaluation=_evaluation(model),
        scores=_scores(model),
        distribution=facts.distribution(model),
        pooled=pictures.of_all(model, backtest),
        table=symbols.table(model, data.by_symbol(quality) if quality else {}),
        pictured=pictures.pictured(model, sight, data.most_traded(quality)) if sight else [],
        facts=facts.data(model),
        quarantined=data.quarantined(model),
        flagged=data.flagged(quality) if quality else [],
        calendar=pictures.calendar(odd, list(quality["flags"])) if quality and odd else None,
        corrections=data.corrections(model),
        method=method(model),
        files=files,
        noted=_noted(model),
        series=_json(sight.packed(list(model["symbols"])) if sight else {}),
        specs=_json(pictures.kinds() if sight else []),
    )


def files_of(model: Mapping[str, Any], path: str, sha256: str) -> list[tuple[str, str, str]]:
    """What the model was made from and is: a name, the path and the SHA-256 of each."""
    receipts = model["receipts"]
    found = []
    if came := receipts.get("ingest"):
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


def _template() -> "jinja2.Template":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html")


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str], style: str) -> str:
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


def _why(said: str, accepted: bool) -> str:
    """The first sentence of the verdict, below a heading that says which it is."""
    reason = said.partition(": ")[2]
    return reason[:1].upper() + reason[1:] if accepted else f"Because {reason}"


def _criteria(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "what": found["what"],
            "met": found["met"],
            "pointer": f"/acceptance/criteria/{name}/value",
            "wanted": found["limit"]
            if isinstance(found["limit"], str)
            else f"at {found['side']} {found['limit']:.4g}",
        }
        for name, found in model["acceptance"]["criteria"].items()
    ]


def _evaluation(model: Mapping[str, Any]) -> str:
    metrics, chosen = model["metrics"], model["parameters"]
    if not metrics["origins"]:
        return "There was no date to forecast from: nothing here says how good the model is."
    return (
        f"Walk-forward: {chosen['horizon']} days ahead from each of {metrics['origins']} dates, "
        f"{metrics['first_origin']} to {metrics['last_origin']}, "
        f"{metrics['pooled']['forecasts']:,} forecasts, beside a random walk of constant "
        "volatility."
    )


def _scores(model: Mapping[str, Any]) -> dict[str, Any]:
    names = {"mase": "MASE", "rmsse": "RMSSE", "pinball": "Pinball", "crps": "CRPS"}
    names |= {"interval_score": "Interval score"}
    held = {f"coverages/{percent_key(share)}": f"{percent(share)} held" for share in COVERAGES}
    return {
        "heads": [*names.values(), *held.values()],
        "columns": [*((key, "ratio") for key in names), *((key, "share") for key in held)],
        "rows": [(who, _NAMES[who]) for who in WHO],
        "note": "Scores are in units of the last price's mean one-step error: less is better. "
        "Held is the share of prices within such an interval.",
    }


def _noted(model: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    left_out = [(out["symbol"], out["reason"]) for out in model["left_out"]]
    return [("Left out of the model", left_out)] if left_out else []
