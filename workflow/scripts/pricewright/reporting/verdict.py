"""A model in words: how it was made, what its numbers say, which of two is better."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pricewright.evaluation.acceptance import failed, not_judged
from pricewright.files.errors import count_of, some_of
from pricewright.forecasting.distribution import LONGER
from pricewright.reporting.data import SLIP, SPLIT
from pricewright.reporting.figures import is_significant, p_value, percent
from pricewright.tables.symbol_columns import column_of

LOG = "log prices"
NO_RANGES = "none: no day has a plausible open, high and low"

_POINTS = {
    "naive": "naive, the last price",
    "drift": "drift, the last price and the mean change",
    "ses": "ses, simple exponential smoothing",
    "theta": "theta, the theta method",
    "lightgbm": "lightgbm, trees over all symbols, from their last changes",
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
    "conformal": "conformal, the quantiles of standardised errors of {longer} days",
}


_PRICES = {
    "adj_close": "adj_close, adjusted for dividends and splits: levels, VaR and ES are not those "
    "of quoted prices"
}


def verdict(
    model: Mapping[str, Any],
    *,
    allow_unaccepted: bool = False,
    quality: Mapping[str, Any] | None = None,
) -> list[str]:
    """Say whether the model is accepted and how good it is, in one or two sentences per item.

    allow_unaccepted: whether a model that is not accepted is deployed anyway.  quality: the
    document of odd values in the data, to name probable slips and unadjusted splits.
    """
    acceptance = model["acceptance"]
    why = not_judged(acceptance)
    left = [f"Not judged: {'; '.join(why)}."] if why else []
    said = [f"ACCEPTED: it meets every criterion{' that can be judged' * bool(left)}."]
    if not acceptance["accepted"]:
        said = [f"NOT ACCEPTED: {failed(acceptance)}."]
        if allow_unaccepted:
            said.append(
                "AN UNACCEPTED MODEL IS BEING DEPLOYED, BECAUSE accept.allow_unaccepted IS TRUE."
            )
    said += doubts(model, quality)
    if model["metrics"]["pooled"]["model"]["mase"] is None:
        return [
            *said,
            "Not evaluated: no symbol has enough history before and after any date to forecast "
            "from. Nothing here says how good the model is.",
            *left,
        ]
    said += [_point(model), _variance(model), _interval(model)]
    said += [*_shortfall(model), *_spacing(model), *_simpler(model), *_patterns(model)]
    known = model["metrics"]["origins_the_model_knew"]
    if known:
        said.append(
            f"Caution: the scored model was trained on {known} of the "
            f"{model['metrics']['origins']} dates, so its numbers flatter it."
        )
    return said + left


def _spacing(model: Mapping[str, Any]) -> list[str]:
    """What a day is here, if prices are not daily."""
    sparse = model["data"].get("sparse")
    if not sparse:
        return []
    horizon = model["parameters"]["horizon"]
    apart = [sparse.get(end, sparse["days"]) for end in ("least", "most")]  # older models: the same
    days = " to ".join(dict.fromkeys(f"{each:.3g}" for each in apart))
    ahead = " to ".join(dict.fromkeys(f"{horizon * each:.0f}" for each in apart))
    return [
        f"{sparse['symbols']:,} of {model['data']['symbols']:,} symbols have prices {days} days "
        f"apart on average. A day here is a symbol's next price, so {horizon} days ahead are about "
        f"{ahead} calendar days."
    ]


def _simpler(model: Mapping[str, Any]) -> list[str]:
    """A caution if other models were often evaluated than the one that is deployed."""
    found = model["metrics"]["pooled"].get("simpler")
    if not found:
        return []
    symbols = count_of(model["metrics"]["pooled"]["symbols"], "symbol")
    share = found["dates"] / found["of_dates"]
    return [
        f"Caution: for {found['symbols']:,} of {symbols}, {share:.0%} of the evaluated dates were "
        "forecast with a simpler model than the deployed one, which could not be estimated by "
        "then, because a history was still short, or because of evaluation.refit or "
        "evaluation.embargo_days."
    ]


def _patterns(model: Mapping[str, Any]) -> Iterator[str]:
    """A caution for each pattern of the one-day-ahead errors; older models have none."""
    found = model["metrics"]["pooled"].get("patterns", {})
    if worst := found.get("weekday", {}).get("worst"):
        ratio, large = worst["ratio"], worst["ratio"] > 1
        times = "more than 10" if ratio > 10 else f"{ratio:.2g}"
        here, elsewhere = ("narrow", "wide") if large else ("wide", "narrow")
        yield (
            "Caution: the size of one-day-ahead errors depends on the weekday for "
            f"{_with_pattern(found['weekday'])}. On {worst['weekday']}s it is {times} times that "
            f"of other days. The model does not know weekdays: its intervals are too {here} on "
            f"such days and too {elsewhere} on others."
        )
    if worst := found.get("serial", {}).get("worst"):
        turn = "falls back" if worst["correlation"] < 0 else "rises further"
        yield (
            "Caution: one-day-ahead errors of successive days are correlated for "
            f"{_with_pattern(found['serial'])} ({worst['correlation']:+.2f}). A price that rose "
            f"more than forecast often {turn} on the next day. The model does not use this: after "
            "a large move its intervals are off, even if on average they hold as often as promised."
        )


def _with_pattern(found: Mapping[str, Any]) -> str:
    """How many of the symbols have a pattern, and the one that has it most."""
    most = "most for " * (found["found"] > 1)
    symbols = count_of(found["tested"], "symbol")
    return f"{found['found']:,} of {symbols}, {most}{found['worst']['symbol']}"


def doubts(model: Mapping[str, Any], quality: Mapping[str, Any] | None = None) -> list[str]:
    """What could not be kept of the data, and what was kept but is probably wrong."""
    slips = model["receipts"].get("clean", {}).get("flags", {}).get(SLIP, 0)
    flagged, price = (quality or {}).get("flagged", []), model["parameters"]["price"]
    splits = [each for each in flagged if each["flag"] == SPLIT and _is_in(price, each)]
    newest = _newest([each for each in flagged if each["flag"] == SLIP], slips)
    looks = [
        f"{slips:,} {'price looks' if slips == 1 else 'prices look'} like a slip of the decimal "
        f"point or another unit{newest}"
    ][:slips]
    looks += [
        f"{len(splits):,} {'move looks' if len(splits) == 1 else 'moves look'} like a split for "
        f"which {price} was not adjusted{_newest(splits, len(splits))}"
    ][: len(splits)]
    suspect = (
        f"SUSPECT: {', '.join(looks)}, and nothing was corrected: see results/data_quality.json, "
        "and declare what is wrong in the file of corrections.file."
    )
    return [*_lost(model), *([suspect] if looks else [])]


def _is_in(price: str, split: Mapping[str, Any]) -> bool:
    """Whether the modelled price has the move of a split, as far as adj_close tells."""
    confirmed = split["confirmed"]
    return confirmed is False or (bool(confirmed) and price != "adj_close")


def _newest(entries: Sequence[Mapping[str, Any]], count: int) -> str:
    """The newest of some flags, in brackets; empty if they are not known."""
    found = max(((each["date"], each["symbol"] or "") for each in entries), default=None)
    if found is None:
        return ""
    named = f"{found[1]} on {found[0]}".strip()
    return f" ({named}{' and others' * (count > 1)})"


def _lost(model: Mapping[str, Any]) -> Iterator[str]:
    """What of the delivered rows could not be kept, if any."""
    receipts = model["receipts"]
    came, dropped = receipts.get("ingest", {}), receipts.get("clean", {}).get("newest_dropped", {})
    reasons = came.get("quarantined", {})
    again = reasons.get("duplicate", 0)
    rows = sum(reasons.values()) - again
    values = sum(came.get("missing", {}).values())
    beside = f", beside {again:,} that came twice," if again else ""
    what = [f"{rows:,} of {count_of(came['rows'], 'delivered row')}{beside}"] if rows else []
    what += [f"{count_of(values, 'value')} in other rows"] if values else []
    if what:
        yield f"LOST: {' and '.join(what)} could not be used: see results/quarantine.json."
    if blind := came.get("not_compared"):
        yield (
            f"NOT COMPARED: {blind} deliver{'ies' if blind > 1 else 'y'} could not be compared "
            "with what came before, so nobody knows what changed: see results/restatements.json."
        )
    if dropped:
        yield (
            f"LOST: the newest row of {some_of(list(dropped))} is incomplete and was dropped: see "
            "newest_dropped in results/clean.json."
        )


def champion(model: Mapping[str, Any]) -> list[str]:
    """How the model compares with the deployed one, a sentence each."""
    record = model["champion"]
    if record is None and model["scored_model"] and model.get("why"):
        return ["This run scored an existing model; it trained none to compare with it."]
    if record is None:
        other = "other " if model["scored_model"] else ""
        return [f"No {other}model was deployed to compare with."]
    name = f"the deployed model (sha256 {record['sha256'][:12]}…, cutoff {record['cutoff']})"
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
    ours, theirs = (record["metrics"]["pooled"][who] for who in ("challenger", "champion"))
    said.append(
        f"MASE {ours['mase']:.3f} against {theirs['mase']:.3f}, CRPS {ours['crps']:.3f} "
        f"against {theirs['crps']:.3f}, interval held {ours['coverage']:.1%} against "
        f"{theirs['coverage']:.1%}."
    )
    said.append(
        "Both models kept their parameters on these dates."
        if model["scored_model"]
        else "The deployed model kept its parameters on these dates; this one was estimated again "
        "along the way, as a desk would."
    )
    metrics = model["metrics"]
    for who, known in (
        ("The deployed model", record["origins_it_knew"]),
        ("This model", metrics["origins_the_model_knew"]),
    ):
        if known:
            said.append(
                f"{who} was trained on {known} of the {metrics['origins']} dates; these are left "
                "out."
            )
    return said


def method(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the model was made: pairs of label and text."""
    chosen, scored = model["parameters"], model["scored_model"]
    states = model["symbols"]
    return [
        ("point", _POINTS[chosen["location"]]),
        ("volatility", _VARIANCES[chosen["volatility"]].format_map(chosen)),
        (
            "shape",
            _SHAPES[chosen["distribution"]].format(**chosen, longer=LONGER * chosen["calibration"]),
        ),
        *_ranges(states),
        ("scale", _scale(chosen["scale"], states)),
        ("price", _PRICES.get(chosen["price"], chosen["price"])),
        (
            "made",
            f"an existing model (sha256 {scored['sha256'][:12]}…, cutoff {scored['cutoff']}), "
            f"scored on prices up to {model['cutoff']}"
            if scored
            else f"trained on prices up to {model['cutoff']}",
        ),
        *([("why", model["why"])] if "why" in model else []),
        ("estimated", "once, when it was trained" if scored else _estimated(chosen)),
        ("leaks", _leaks(model)),
        ("symbols", f"{len(states):,} modelled, {len(model['left_out']):,} left out"),
    ]


def _estimated(chosen: Mapping[str, Any]) -> str:
    window, embargo = chosen["window_days"], chosen["embargo_days"]
    every = "every date" if chosen["refit"] == 1 else f"one date in {chosen['refit']}"
    span = "all days before it" if window is None else f"the {window:,} days before it"
    return f"again at {every}, from {span}" + (f" except the last {embargo}" if embargo else "")


def _leaks(model: Mapping[str, Any]) -> str:
    checked = model["leak_check"]
    if checked is None:
        return "not checked: a scored model estimates nothing"
    if not checked["cutoffs"]:
        return "not checked: there is no date to forecast from"
    dates = ", ".join(checked["cutoffs"])
    said = f"none: with garbage for all prices after {dates}, no forecast made by then changed"
    some = checked["symbols"]
    said += f" (checked for {some} symbols)" if some < len(model["symbols"]) else ""
    restated = model["receipts"].get("ingest", {}).get("restated", 0)
    return said + (
        f"; past forecasts use each price as last delivered, {restated:,} values were restated"
        if restated
        else ""
    )


def _ranges(states: Mapping[str, Any]) -> list[tuple[str, str]]:
    """On how many days of which symbols har uses price ranges; empty without har."""
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
    return [("ranges", f"from open, high and low, on {share:.1%} of the days of {who}")]


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
        why = "because a price of 0 or below has no logarithm"
        parts[0] += f", continued as a straight line for {some_of(lines)}, {why}"
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
        return "The point forecast's skill is unknown: the last price was never wrong."
    error = f"its error is {ratio:.3f} times the last price's"
    chance = p_value(luck)
    if ratio >= 1:
        return f"No skill in the point forecast: {error} ({chance})."
    if not is_significant(luck):
        return f"No significant skill in the point forecast: {error} ({chance})."
    return f"The point forecast has skill: {error} ({chance})."


def _variance(model: Mapping[str, Any]) -> str:
    found = model["metrics"]["pooled"]["volatility"]
    if found["lower"] is None or found["upper"] is None:
        return "The volatility forecast could not be tested: there are too few days."
    between = (
        f"QLIKE minus EWMA's: {found['qlike_difference']:+.4f}, 95% interval "
        f"{found['lower']:+.4f} to {found['upper']:+.4f}; better for {found['better']:,} of "
        f"{count_of(found['symbols'], 'symbol')}"
    )
    beside = _compared(found, "EWMA's")
    return f"The volatility forecast {beside} ({between}).{_beside_constant(found)}"


def _beside_constant(volatility: Mapping[str, Any]) -> str:
    """How the volatility forecast did beside a constant one: EWMA is no match for that, either,
    where volatility does not change."""
    found = volatility.get("constant")
    if found is None or found["lower"] is None:
        return ""
    return (
        f" It {_compared(found, 'a constant one')} ({found['qlike_difference']:+.4f}, "
        f"{found['lower']:+.4f} to {found['upper']:+.4f})."
    )


def _compared(difference: Mapping[str, Any], other: str) -> str:
    """What the interval of a difference of losses says."""
    if difference["upper"] < 0:
        return f"is significantly better than {other}"
    if difference["lower"] > 0:
        return f"is significantly WORSE than {other}"
    return f"does not differ significantly from {other}"


def _shortfall(model: Mapping[str, Any]) -> list[str]:
    """A sentence if the expected shortfall is significantly too small."""
    found = model["metrics"]["pooled"]["es"]
    if not is_significant(found["p_value"]):
        return []
    return [
        "The 97.5% expected shortfall is significantly TOO SMALL: it is "
        f"{-found['residual']:.2f} deviations below the mean loss beyond the value-at-risk "
        f"({p_value(found['p_value'])}, one-sided)."
    ]


def _interval(model: Mapping[str, Any]) -> str:
    pooled = model["metrics"]["pooled"]
    ours, plain = pooled["model"], pooled["random_walk"]
    held = (
        f"The {percent(model['parameters']['level'])} interval held {ours['coverage']:.1%} of "
        f"prices, the random walk's with constant volatility {plain['coverage']:.1%}"
    )
    if not plain["interval_score"]:
        return f"{held}."
    ratio = ours["interval_score"] / plain["interval_score"]
    return f"{held}. Its interval score is {ratio:.3f} times the random walk's (lower is better)."
