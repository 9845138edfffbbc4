"""The report as one HTML file: what is to be said, put into the template of workflow/page.

It begins with the numbers to look at first, each with what it is to be compared with; of the data
it says which rows were not believed, what is odd, and what people corrected.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pricewright.evaluation.acceptance import key_of, percent_key
from pricewright.evaluation.backtest_file import Backtest
from pricewright.reporting import data, pictures, symbols, text
from pricewright.reporting.pictures import SymbolData
from pricewright.reporting.symbols import FORMS, Figures
from pricewright.reporting.text import COVERAGES, TAILS, WHO, Pending
from pricewright.reporting.verdict import champion, method, percent, verdict

if TYPE_CHECKING:
    import jinja2


FOLDER = Path(__file__).resolve().parents[3] / "page"
"""The template, its style, its script and the picture of the steps."""

_NAMES = {"model": "model", "random_walk": "plain random walk"}


def tiles(model: Mapping[str, Any]) -> list[dict[str, str]]:
    """Label, the number's pointer and form, and what stands beside it."""
    pooled, level = model["metrics"]["pooled"], percent(model["parameters"]["level"])
    walk, found = pooled["random_walk"]["coverage"], pooled["volatility"]
    made = [
        ("Prices kept", "/data/rows", "count", _came(model)),
        (
            f"Prices within the {level} interval",
            "/metrics/pooled/model/coverage",
            "share",
            f"promised {level}; random walk {_shown(walk, 'share')}",
        ),
        (
            "Interval score",
            "/acceptance/criteria/interval_ratio/value",
            "ratio",
            "times the random walk's; below 1 is better",
        ),
        (
            "Error of the point forecast",
            "/metrics/pooled/mae_ratio",
            "ratio",
            "times the last price's; below 1 is better",
        ),
        (
            "Volatility: QLIKE less EWMA's",
            "/metrics/pooled/volatility/over_dates",
            "signed",
            f"95% interval {_shown(found['lower'], 'signed')} to "
            f"{_shown(found['upper'], 'signed')}; below 0 is better",
        ),
    ]
    for tail in TAILS:
        var = pooled["var"][percent_key(tail)]
        made.append(
            (
                f"Days beyond the {percent(tail)} value-at-risk",
                f"/metrics/pooled/var/{percent_key(tail)}/share",
                "share",
                _passed(var),
            )
        )
    modelled = f"of {len(model['symbols']):,} modelled; {len(model['left_out']):,} left out"
    made.append(("Symbols evaluated", "/metrics/pooled/symbols", "count", modelled))
    return [dict(zip(("label", "pointer", "form", "beside"), tile, strict=True)) for tile in made]


def _came(model: Mapping[str, Any]) -> str:
    came = model["receipts"].get("ingest")
    if came is None:
        return "no receipt says of how many"
    quarantined = sum(came["quarantined"].values())
    filtered = f"; {came['left_out']:,} left out by source.where" if came.get("left_out") else ""
    return f"of {came['rows']:,} delivered; {quarantined:,} quarantined{filtered}"


def _passed(var: Mapping[str, int]) -> str:
    if not var["tested"]:
        return "no symbol has days enough for a test"
    return f"{var['passed']:,} of {var['tested']:,} symbols pass Kupiec's test"


def _shown(value: float | None, form: str) -> str:
    return "unknown" if value is None else FORMS[form](value)


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
    from pricewright.reporting.drawing import library

    sight = SymbolData(backtest, model) if backtest else None
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
        gates=pending.decisions,
        commands=pending.commands,
        evaluation=_evaluation(model),
        scores=_scores(model),
        distribution=text.distribution(model),
        pooled=pictures.of_all(model, backtest),
        table=symbols.table(model, data.by_symbol(quality) if quality else {}),
        pictured=pictures.pictured(model, sight, data.most_traded(quality)) if sight else [],
        facts=data.facts(model),
        quarantined=data.quarantined(model),
        flagged=data.flagged(quality) if quality else [],
        entries=data.entries(quality or {}),
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
            "name": key_of(name),
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
