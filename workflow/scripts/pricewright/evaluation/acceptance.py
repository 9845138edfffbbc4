"""Whether a model is good enough to be deployed: each criterion beside its threshold.

Coverage and back-tests are counts, and a perfect forecast, too, is off by chance: with one symbol
and 100 dates its 90 % interval is off by more than 1.5 points nearly every second time. So these
criteria, and that of interval scores, are missed only by more than chance explains. What no
forecast could miss is not judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, Any, Literal

from pricewright.tables.options import Bounds, Options
from pricewright.tables.symbol_columns import column_of

SIGNIFICANT = 0.05
"""A p-value below it is called significant."""


BY_CHANCE = ", but for chance"
"""How what is said of a criterion ends whose limit is wider than config's."""

_KEYS = {"qlike": "qlike_difference", "kupiec": "kupiec_share"}


def key_of(criterion: str) -> str:
    """The key of config's section `accept` that sets a criterion, where it has one of its own."""
    return _KEYS.get(criterion, criterion)


WRONG_PRICE = (
    "see what results/data_quality.json says of these days, and declare a price that is wrong in "
    "the file of corrections.file"
)
"""What to do where a few days decide."""


def off_by_chance(error: float | None, chance: float) -> float:
    """How far a figure with this standard error is off with this probability, if it is right.

    0 if the error is not known.
    """
    if not chance or error is None:
        return 0.0
    return float(round(NormalDist().inv_cdf(1 - chance / 2), 12) * error)


def failures_by_chance(tests: int, chance: float) -> int:
    """Of so many tests at SIGNIFICANT, how many fail at most, but with this probability."""
    if not chance:
        return 0
    failures, probability = 0, (1 - SIGNIFICANT) ** tests
    below = probability
    while below < 1 - chance and failures < tests:
        failures += 1
        odds = SIGNIFICANT / (1 - SIGNIFICANT)
        probability *= (tests - failures + 1) / failures * odds
        below += probability
    return failures


Champion = Literal["not_worse", "better", "ignore"]


COVERAGES = (0.5, 0.8, 0.9, 0.95)
"""The intervals of which it is counted how many prices they hold."""

TAILS = (0.01, 0.05)
"""The probabilities of an exception, of the values-at-risk that are tested."""


def percent_key(share: float) -> str:
    """0.9 as 90 and 0.01 as 1: the key of a coverage or a tail."""
    return f"{100 * share:.6g}"


@dataclass(frozen=True, kw_only=True)
class Criteria(Options):
    """What is asked of a model before it is deployed."""

    section = "accept"

    mae_ratio: Annotated[float, Bounds(least=0, most=10)] = 1.01
    """Accepted: a mean absolute error of at most so many times the naive forecast's."""
    qlike_difference: Annotated[float, Bounds(least=-10, most=10)] = 0.0
    """Accepted: a QLIKE of the variance above EWMA's by at most so much."""
    coverage_pooled: Annotated[float, Bounds(least=0, most=1)] = 0.015
    """Accepted: an interval that holds a share of prices at most so far off its level."""
    coverage_symbol: Annotated[float, Bounds(least=0, most=1)] = 0.04
    """Accepted: the same, so far off, for each symbol with `enough_origins`."""
    enough_origins: Annotated[int, Bounds(least=1, most=10_000)] = 100
    """The dates from which a symbol must have been forecast for `coverage_symbol` to ask of it."""
    interval_ratio: Annotated[float, Bounds(least=0, most=10)] = 1.0
    """Accepted: an interval score of at most so many times that of constant normal intervals."""
    kupiec_share: Annotated[float, Bounds(least=0, most=1)] = 0.9
    """Accepted: a value-at-risk that passes Kupiec's test for at least this share of symbols."""
    chance: Annotated[float, Bounds(least=0, most=0.5)] = 0.05
    """Accepted: coverage, interval scores and Kupiec's tests no further off than by chance; each
    limit is so wide that at most this share of perfect forecasts miss it. 0: no wider."""
    beat_champion: Champion = "not_worse"
    """Accepted: a model that is not significantly worse than the champion, one that is
    significantly better, or any (ignore)."""


def judge(
    metrics: Mapping[str, Any],
    level: float,
    champion: Mapping[str, Any] | None,
    thresholds: Criteria,
    *,
    not_unseen: str | None = None,
) -> dict[str, Any]:
    """`accepted`, and the criteria by name: value, limit, whether it is met, and in words.

    A criterion that nothing can be computed for is not met: there is no acceptance unseen. One that
    no forecast could miss is neither met nor missed but not judged, None: that of each symbol's
    coverage if no symbol has origins enough, and that of back-tests if these are too few. Where the
    days that add most are why a criterion is missed, `decided_by` has them.

    not_unseen: why it is no matter that the model knew some of the dates, if it is none.
    """
    pooled, by_symbol = metrics["pooled"], metrics["by_symbol"]
    names = ("p_value_holm", "qlike", "ewma_qlike")
    variances = zip(*(column_of(by_symbol, "volatility", name) for name in names), strict=True)
    worse = sum(
        luck is not None and luck < SIGNIFICANT and qlike > ewma for luck, qlike, ewma in variances
    )
    held = pooled["model"]["coverage"]
    ours, plain = (pooled[who]["interval_score"] for who in ("model", "random_walk"))
    criteria = {
        "mae_ratio": _criterion(
            pooled["mae_ratio"], thresholds.mae_ratio, "error of the point forecast over naive's"
        ),
        "qlike": _decided(
            _criterion(
                pooled["volatility"]["qlike_difference"],
                thresholds.qlike_difference,
                "QLIKE of the variance less EWMA's, the mean over symbols",
            ),
            pooled["volatility"]["largest"],
            _error(pooled["volatility"]),
        ),
        "qlike_worse": _criterion(worse, 0, "symbols with a QLIKE significantly above EWMA's"),
        "coverage_pooled": _criterion(
            None if held is None else abs(held - level),
            max(
                thresholds.coverage_pooled,
                off_by_chance(pooled["model"].get("coverage_error"), thresholds.chance),
            ),
            f"share within the {100 * level:.6g}% interval, off what it promises",
            thresholds.coverage_pooled,
        ),
        "coverage_symbol": _coverage_by_symbol(by_symbol, level, thresholds),
        "interval_ratio": _decided(
            _criterion(
                ours / plain if ours is not None and plain else None,
                thresholds.interval_ratio
                + off_by_chance(pooled["interval"]["error"], thresholds.chance),
                "interval score over that of normal intervals of constant width",
                thresholds.interval_ratio,
            ),
            pooled["interval"]["largest"],
            pooled["interval"]["error"],
        ),
        "kupiec": _kupiec(pooled["var"], thresholds),
    }
    if metrics["origins_the_model_knew"]:
        criteria["unseen"] = _criterion(
            metrics["origins_the_model_knew"],
            0,
            "dates in the time the model was trained on",
            not_judged=not_unseen,
        )
    if champion is not None and thresholds.beat_champion != "ignore":
        wanted = ["better"] if thresholds.beat_champion == "better" else ["better", "no difference"]
        verdict = champion["verdict"]
        criteria["champion"] = {
            "value": verdict,
            "limit": " or ".join(wanted),
            "side": "one",
            "met": verdict in wanted or (verdict == "not comparable" and len(wanted) > 1),
            "what": "beside the model now deployed",
        }
    accepted = all(found["met"] is not False for found in criteria.values())
    return {"accepted": accepted, "criteria": criteria}


ODD = 0.5
"""A day that alone adds so many standard errors to a figure, or more, is odd: one of a hundred
normal ones adds at most about 0.3."""


def _error(figure: Mapping[str, Any]) -> float | None:
    """Half the width of the figure's 95% interval, over 1.96."""
    lower, upper = figure.get("lower"), figure.get("upper")
    return None if lower is None or upper is None else float((upper - lower) / 2 / 1.96)


def _decided(
    criterion: dict[str, Any], largest: Sequence[Mapping[str, Any]], error: float | None
) -> dict[str, Any]:
    """The criterion, with the first days of those that add most without which it would be met.

    error: the figure's; where no day stands out beside it, no day decides.
    """
    if criterion["met"] is not False or criterion["value"] is None or not largest:
        return criterion
    if error is not None and largest[0]["adds"] < ODD * error:
        return criterion
    excess = criterion["value"] - criterion["limit"]
    for count, day in enumerate(largest, start=1):
        excess -= day["adds"]
        if excess <= 0:
            days = [{key: each[key] for key in ("symbol", "date")} for each in largest[:count]]
            return criterion | {"decided_by": days}
    return criterion


def _coverage_by_symbol(
    by_symbol: Mapping[str, Any], level: float, thresholds: Criteria
) -> dict[str, Any]:
    """The worst of the symbols with origins enough, beside its limit."""
    origins, held, errors = (
        column_of(by_symbol, *path)
        for path in (("origins",), ("model", "coverage"), ("model", "coverage_error"))
    )
    seen = [place for place, count in enumerate(origins) if count >= thresholds.enough_origins]
    each = thresholds.chance / max(len(seen), 1)  # one of so many is off by chance the sooner
    limits = [max(thresholds.coverage_symbol, off_by_chance(errors[place], each)) for place in seen]
    off = [abs(held[place] - level) for place in seen]
    value, limit = max(
        zip(off, limits, strict=True),
        key=lambda pair: pair[0] - pair[1],
        default=(None, thresholds.coverage_symbol),
    )
    what = "the same of the worst symbol by its own limit"
    if value is None:
        why = f"no symbol has {thresholds.enough_origins} origins"
        return _criterion(None, limit, what, not_judged=why)
    what += f", of {len(seen)} with {thresholds.enough_origins} origins or more"
    return _criterion(value, limit, what, thresholds.coverage_symbol)


def _kupiec(tails: Mapping[str, Any], thresholds: Criteria) -> dict[str, Any]:
    """The tail that is worst beside its limit, among those with tests."""
    shares = []
    for found in tails.values():
        tested = found["tested"]
        if tested:
            failures = failures_by_chance(tested, thresholds.chance / len(tails))
            by_chance = (tested - failures) / tested
            shares.append((found["passed"] / tested, min(thresholds.kupiec_share, by_chance)))
    value, limit = min(
        (pair for pair in shares if pair[1] > 0),
        key=lambda pair: pair[0] - pair[1],
        default=min(shares, default=(None, thresholds.kupiec_share)),
    )
    what = "share of symbols whose value-at-risk passes Kupiec's test, at 1% and 5%"
    if limit <= 0 and value is not None:
        most = max(found["tested"] for found in tails.values())
        who = f"{most} symbol{'s have' if most > 1 else ' has'}"
        why = f"only {who} days enough, and so many may all fail by chance"
        return _criterion(value, limit, what, side="least", not_judged=why)
    return _criterion(value, limit, what, thresholds.kupiec_share, side="least")


def failed(acceptance: Mapping[str, Any]) -> str:
    """The criteria that are not met, in one line: each with its value and limit, and the days that
    decide it, if they are few."""
    said, decided = [], False
    for name, found in acceptance["criteria"].items():
        value, limit = _told_apart(found["value"], found["limit"])
        if found["met"] is False:
            one = isinstance(found["limit"], str)
            wanted = f"wanted {limit}" if one else f"at {found['side']} {limit} is wanted"
            days = ", ".join(f"{day['symbol']} on {day['date']}" for day in deciding(found))
            why = f", and is missed because of {days} alone" if days else ""
            said.append(f"{key_of(name)} is {value}, {wanted}{why}")
            decided |= bool(days)
    return "; ".join([*said, WRONG_PRICE] if decided else said)


def _told_apart(value: float | str | None, limit: float | str) -> tuple[str, str]:
    """A value and its limit as texts, with so many digits that they are not the same."""
    if isinstance(value, str) or value is None or isinstance(limit, str):
        return str(value or "unknown"), str(limit) if isinstance(limit, str) else f"{limit:.4g}"
    pairs = [(f"{value:.{digits}g}", f"{limit:.{digits}g}") for digits in (4, 6, 9, 17)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])


def deciding(criterion: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    """Symbol and date of each day that decides a criterion, if these are few."""
    found: Sequence[Mapping[str, str]] = criterion.get("decided_by", ())
    return found


def _criterion(
    value: float | None,
    limit: float,
    what: str,
    threshold: float | None = None,
    *,
    side: Literal["most", "least"] = "most",
    not_judged: str | None = None,
) -> dict[str, Any]:
    """A value beside its limit; if that is wider than its threshold, or not judged by, `what` says
    why."""
    if not_judged:
        what = f"{what}; not judged, for {not_judged}"
        return {"value": value, "limit": limit, "side": side, "met": None, "what": what}
    met = value is not None and (value <= limit if side == "most" else value >= limit)
    if threshold is not None and limit != threshold:
        what = f"{what}; {threshold:g}{BY_CHANCE}"
    return {"value": value, "limit": limit, "side": side, "met": met, "what": what}
