"""A model in words: how it was made, what its numbers say, which of two is better.

A run ends with it: whether the model is accepted, and where everything is.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

from pricewright.evaluation.acceptance import SIGNIFICANT, failed
from pricewright.files.clock import format_duration
from pricewright.files.disk import read_whole
from pricewright.files.documents import parse_json
from pricewright.files.errors import some_of
from pricewright.forecasting.model_file import with_records
from pricewright.reporting.figures import p_value, percent
from pricewright.tables.symbol_columns import column_of

LOG = "log prices"
NO_RANGES = "none, for no day has an open, high and low that can be right"

PLACES = {
    "Report": ("results/report.html", "results/report.txt"),
    "Run report": ("results/run_report.html",),
    "Deployed model": ("results/deployed_model.json",),
    "Watch": ("results/monitor.html",),
    "Forecasts": ("production/forecasts/newest.csv",),
}
"""Where a run leaves what people look for, the best first."""

IN_PRODUCTION = {"In production": ("production/current/model.json",)}
"""Where a release leaves it."""

_POINTS = {
    "naive": "naive, the last price",
    "drift": "drift, the last price and the mean change",
    "ses": "ses, simple exponential smoothing",
    "theta": "theta, the theta method",
    "lightgbm": "lightgbm, trees over all symbols on their last changes",
}
_VARIANCES = {
    "rolling": "rolling, the mean of the last {rolling_days} squared changes",
    "ewma": "ewma, squared changes averaged with a decay of {decay} per day",
    "garch11": "garch11, a GARCH(1,1) for each symbol",
    "har": "har, one regression over all symbols, on ranges, squared changes and falls",
    "combined": "combined, the geometric mean of garch11 and har",
}
_SHAPES = {
    "normal": "normal",
    "fhs": "fhs, drawn from the standardised errors of {calibration} days",
    "conformal": "conformal, the quantiles of standardised errors of {calibration} days",
}


def verdict(model: Mapping[str, Any], *, allow_unaccepted: bool = False) -> list[str]:
    """Whether the model is accepted, and what is to be thought of it: a sentence or two each.

    `allow_unaccepted` is whether it is deployed even if it is not accepted.
    """
    acceptance = model["acceptance"]
    judged = [found["met"] for found in acceptance["criteria"].values()]
    which = " that can be judged" if None in judged else ""
    said = [f"ACCEPTED: it meets every criterion{which}."]
    if not acceptance["accepted"]:
        said = [f"NOT ACCEPTED: {failed(acceptance)}."]
        if allow_unaccepted:
            said.append(
                "AN UNACCEPTED MODEL IS BEING DEPLOYED, BECAUSE accept.allow_unaccepted IS TRUE."
            )
    said += _lost(model)
    if model["metrics"]["pooled"]["model"]["mase"] is None:
        return [
            *said,
            "Not evaluated: no symbol has a long enough history before and after any date to "
            "forecast from. Nothing here says how good the model is.",
        ]
    said += [_point(model), _variance(model), _interval(model)]
    known = model["metrics"]["origins_the_model_knew"]
    if known:
        said.append(
            f"Caution: {known} of the {model['metrics']['origins']} dates lie in the time that "
            "the scored model was trained on, so its numbers flatter it."
        )
    return said


def _lost(model: Mapping[str, Any]) -> Iterator[str]:
    """What of the delivered rows could not be kept, if any."""
    receipts = model.get("receipts", {})
    came, dropped = receipts.get("ingest", {}), receipts.get("clean", {}).get("newest_dropped", {})
    reasons = came.get("quarantined", {})
    rows = sum(reasons.values()) - reasons.get("duplicate", 0)
    values = sum(came.get("missing", {}).values())
    what = [f"{rows:,} of {came['rows']:,} delivered rows"] if rows else []
    what += [f"{values:,} values of others"] if values else []
    if what:
        yield f"LOST: {' and '.join(what)} could not be believed: see results/quarantine.json."
    if dropped:
        yield (
            f"LOST: the newest row of {some_of(list(dropped))} is incomplete and was dropped: see "
            "newest_dropped in results/clean.json."
        )


def champion(model: Mapping[str, Any]) -> list[str]:
    """The model beside the one now deployed."""
    record = model["champion"]
    if record is None and model["scored_model"] and model.get("why"):
        return ["This is that model's score of the day: nothing was trained to compare it with."]
    if record is None:
        return ["No model was deployed to compare with."]
    name = f"the deployed one (sha256 {record['sha256'][:12]}…, cutoff {record['cutoff']})"
    if record["verdict"] == "not comparable":
        return [f"Not comparable with {name}: {record['reason']}."]
    words = {
        "better": f"This model is significantly better than {name}.",
        "worse": f"This model is significantly WORSE than {name}.",
        "no difference": f"No significant difference from {name}.",
    }
    off, lower, upper = (100 * record[key] for key in ("difference", "lower", "upper"))
    loss = f"{abs(off):.2f}% {'lower' if off < 0 else 'higher'}" if off else "the same"
    said = [
        words[record["verdict"]],
        f"Its pinball loss is {loss} (95% interval {lower:+.2f}% to {upper:+.2f}%), "
        f"over {record['origins']} dates and {record['symbols']:,} symbols that both have.",
    ]
    if record.get("metrics"):  # of a model that was made before, there are none
        ours, theirs = (record["metrics"]["pooled"][who] for who in ("challenger", "champion"))
        said.append(
            f"MASE {ours['mase']:.3f} beside {theirs['mase']:.3f}, CRPS {ours['crps']:.3f} beside "
            f"{theirs['crps']:.3f}, interval held {ours['coverage']:.1%} beside "
            f"{theirs['coverage']:.1%}."
        )
    if record["origins_it_knew"]:
        said.append(
            f"The deployed one was trained on {record['origins_it_knew']} of the "
            f"{model['metrics']['origins']} dates; these are left out."
        )
    return said


def method(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the model was made, label by label."""
    chosen, scored = model["parameters"], model["scored_model"]
    states = model["symbols"]
    return [
        ("point", _POINTS[chosen["location"]]),
        ("volatility", _VARIANCES[chosen["volatility"]].format_map(chosen)),
        ("shape", _SHAPES[chosen["distribution"]].format_map(chosen)),
        *_ranges(states),
        ("scale", _scale(chosen["scale"], states)),
        ("price", chosen["price"]),
        (
            "made",
            f"given (sha256 {scored['sha256'][:12]}…, cutoff {scored['cutoff']}), scored on "
            f"prices up to {model['cutoff']}"
            if scored
            else f"trained on prices up to {model['cutoff']}",
        ),
        *([("why", model["why"])] if "why" in model else []),
        ("estimated", "once, before it was given" if scored else _estimated(chosen)),
        ("leaks", _leaks(model)),
        ("symbols", f"{len(states):,} modelled, {len(model['left_out']):,} left out"),
    ]


def _estimated(chosen: Mapping[str, Any]) -> str:
    window, embargo = chosen["window_days"], chosen["embargo_days"]
    every = "every date" if chosen["refit"] == 1 else f"one date in {chosen['refit']}"
    span = "all days before it" if window is None else f"the {window:,} days before it"
    return f"anew at {every}, from {span}" + (f" but the last {embargo}" if embargo else "")


def _leaks(model: Mapping[str, Any]) -> str:
    checked = model["leak_check"]
    if checked is None:
        return "not checked: a scored model estimates nothing"
    if not checked["cutoffs"]:
        return "not checked: there is no date to forecast from"
    dates = ", ".join(checked["cutoffs"])
    said = f"none: garbage for all prices after {dates} changed no forecast made by then"
    some = checked["symbols"]
    return said + (f", of {some} symbols" if some < len(model["symbols"]) else "")


def _ranges(states: Mapping[str, Any]) -> list[tuple[str, str]]:
    """On how many days of which symbols har has their ranges; nothing where there is no har."""
    columns = (column_of(states, *path) for path in (("volatility", "ranges"), ("observations",)))
    of = {symbol: found for symbol, *found in zip(states, *columns, strict=True)}
    if any(days is None for days, _ in of.values()):
        return []
    with_ranges = [symbol for symbol, (days, _) in of.items() if days]
    if not with_ranges:
        return [("ranges", NO_RANGES)]
    changes = sum(of[symbol][1] - 1 for symbol in with_ranges)
    share = sum(of[symbol][0] for symbol in with_ranges) / changes
    who = "all symbols"
    if len(with_ranges) < len(states):
        who = f"{len(with_ranges):,} of {len(states):,} symbols ({some_of(with_ranges)})"
    return [("ranges", f"of open, high and low, on {share:.1%} of the days of {who}")]


def _scale(said: str, symbols: Mapping[str, Any]) -> str:
    scales, floors = (column_of(symbols, key) for key in ("scale", "floor"))
    levels = [symbol for symbol, scale in zip(symbols, scales, strict=True) if scale == "level"]
    lines = [
        f"{symbol} below {floor:g}"
        for symbol, floor in zip(symbols, floors, strict=True)
        if floor > 0
    ]
    parts = [] if len(levels) == len(symbols) else [LOG]
    if lines:
        why = "for a price of 0 or below has no logarithm"
        parts[0] += f", which go on as a line for {some_of(lines)}, {why}"
    if levels:
        often = "more than one price in 100 was 0 or below"
        why = often if said == "auto" else f"model.scale is {said}"
        parts.append(f"levels for {some_of(levels)} ({why})")
    return "; ".join(parts)


def _point(model: Mapping[str, Any]) -> str:
    pooled = model["metrics"]["pooled"]
    ratio, luck = pooled["mae_ratio"], pooled["p_value"]
    if model["parameters"]["location"] == "naive":
        return "The point forecast is the last price: no skill is claimed for it."
    if ratio is None:
        return "No skill in the point forecast is known: the last price was never wrong."
    error = f"its error is {ratio:.3f} times the last price's"
    chance = p_value(luck)
    if ratio >= 1:
        return f"No skill in the point forecast: {error} ({chance})."
    if luck is None or luck >= SIGNIFICANT:
        return f"No skill in the point forecast that is more than luck: {error} ({chance})."
    return f"The point forecast has skill: {error} ({chance})."


def _variance(model: Mapping[str, Any]) -> str:
    found = model["metrics"]["pooled"]["volatility"]
    if found["lower"] is None or found["upper"] is None:
        return "The volatility forecast could not be tested: there are too few days."
    between = (
        f"QLIKE less EWMA's: {found['over_dates']:+.4f}, 95% interval "
        f"{found['lower']:+.4f} to {found['upper']:+.4f}; better for {found['better']:,} of "
        f"{found['symbols']:,} symbols"
    )
    if found["upper"] < 0:
        return f"The volatility forecast is significantly better than EWMA's ({between})."
    if found["lower"] > 0:
        return f"The volatility forecast is significantly WORSE than EWMA's ({between})."
    return f"The volatility forecast is not told apart from EWMA's, better or worse ({between})."


def _interval(model: Mapping[str, Any]) -> str:
    pooled = model["metrics"]["pooled"]
    ours, plain = pooled["model"], pooled["random_walk"]
    held = (
        f"The {percent(model['parameters']['level'])} interval held {ours['coverage']:.1%} of "
        f"prices, that of the random walk of constant volatility {plain['coverage']:.1%}"
    )
    if not plain["interval_score"]:
        return f"{held}."
    ratio = ours["interval_score"] / plain["interval_score"]
    return f"{held}; its score is {ratio:.3f} times that one's (less is better)."


STEPS_OF_A_MODEL = {"train_or_score", "report", "deploy"}


def run_summary(
    root: Path, steps: Collection[str], seconds: float, *, allow_unaccepted: bool = False
) -> str:
    """The end of a run that did some steps: the verdict in words, and the paths of what is there.

    A run that made neither model nor report nor forecasts says nothing of those of an earlier run.
    """
    lines = [f"{len(steps)} step{'s' if len(steps) != 1 else ''} in {format_duration(seconds)}"]
    if STEPS_OF_A_MODEL & set(steps):
        path = root / "results/model.json"
        model = with_records(parse_json(read_whole(path), str(path)))
        accepted = model["acceptance"]["accepted"]
        said = verdict(model, allow_unaccepted=allow_unaccepted)
        most = 2 + (not accepted and allow_unaccepted) + (_lost(model) is not None)
        for sentence in said[:most]:
            lines += wrap(sentence, 79, break_on_hyphens=False)
    places = IN_PRODUCTION if set(steps) == {"production"} else PLACES
    if not {*STEPS_OF_A_MODEL, "monitor", "production"} & set(steps):
        places = {}
    for what, paths in places.items():
        found = [path for path in paths if (root / path).exists()]
        if found:
            lines.append(f"{what:<14}  {found[0]}")
    return "\n".join(lines)
