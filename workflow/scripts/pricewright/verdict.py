"""What the numbers say about a model, in words."""

from collections.abc import Mapping
from typing import Any

from pricewright.evaluation.acceptance import SIGNIFICANT, failed


def verdict(model: Mapping[str, Any]) -> list[str]:
    """Whether the model is accepted, and what is to be thought of it: a sentence or two each."""
    acceptance = model["acceptance"]
    first = (
        "ACCEPTED: it meets every criterion."
        if acceptance["accepted"]
        else f"NOT ACCEPTED: {failed(acceptance)}."
    )
    if model["metrics"]["pooled"]["model"]["mase"] is None:
        return [
            first,
            "Not evaluated: no symbol has a long enough history before and after any date to "
            "forecast from. Nothing here says how good the model is.",
        ]
    found = [first, _point(model), _variance(model), _interval(model)]
    known = model["metrics"]["origins_the_model_knew"]
    if known:
        found.append(
            f"Caution: {known} of the {model['metrics']['origins']} dates lie in the time that "
            "the scored model was trained on, so its numbers flatter it."
        )
    return found


def champion(model: Mapping[str, Any]) -> list[str]:
    """The model beside the one now deployed."""
    record = model["champion"]
    if record is None:
        return ["No model was deployed to compare with."]
    name = f"the deployed model ({record['sha256'][:12]}…, cutoff {record['cutoff']})"
    if record["verdict"] == "not comparable":
        return [f"Not comparable with {name}: {record['reason']}."]
    words = {
        "better": f"Better than {name}.",
        "worse": f"Worse than {name}.",
        "no difference": f"No significant difference from {name}.",
    }
    low, high = (f"{100 * record[key]:+.2f}%" for key in ("lower", "upper"))
    numbers = (
        f"Its pinball loss is {100 * record['difference']:+.2f}% off that one's (95% interval "
        f"{low} to {high}), over {record['origins']} dates and {record['symbols']:,} symbols."
    )
    knew = record["origins_it_knew"]
    flattered = (
        [f"{knew} of these dates that one was trained on, which flatters it."] if knew else []
    )
    return [words[record["verdict"]], numbers, *flattered]


def percent(share: float) -> str:
    """A share as 90% or 97.5%, with the digits that it has."""
    return f"{100 * share:.6g}%"


def _point(model: Mapping[str, Any]) -> str:
    pooled = model["metrics"]["pooled"]
    ratio, luck = pooled["mae_ratio"], pooled["p_value"]
    if model["parameters"]["location"] == "naive":
        return "The point forecast is the last price: no skill is claimed for it."
    error = f"its error is {ratio:.3f} times the last price's"
    if ratio >= 1:
        return f"No skill in the point forecast: {error}."
    if luck is None or luck >= SIGNIFICANT:
        return f"No skill in the point forecast that is more than luck: {error} (p = {luck:.2f})."
    return f"The point forecast has skill: {error} (p = {luck:.3f})."


def _variance(model: Mapping[str, Any]) -> str:
    found = model["metrics"]["pooled"]["volatility"]
    if found["lower"] is None:
        return "The volatility forecast could not be tested: there are too few days."
    between = f"QLIKE {found['over_dates']:+.4f}, {found['lower']:+.4f} to {found['upper']:+.4f}"
    if found["upper"] < 0:
        return f"The volatility forecast is significantly better than EWMA's ({between})."
    if found["lower"] > 0:
        return f"The volatility forecast is significantly worse than EWMA's ({between})."
    return f"The volatility forecast cannot be told from EWMA's ({between})."


def _interval(model: Mapping[str, Any]) -> str:
    pooled = model["metrics"]["pooled"]
    ours, plain = pooled["model"], pooled["random_walk"]
    return (
        f"The {percent(model['parameters']['level'])} interval held {ours['coverage']:.1%} of "
        f"prices, that of the plain random walk {plain['coverage']:.1%}; its score is "
        f"{ours['interval_score'] / plain['interval_score']:.3f} times that one's (less is better)."
    )
