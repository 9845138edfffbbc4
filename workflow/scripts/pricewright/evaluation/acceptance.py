"""Whether a model is good enough to be deployed: each criterion against its threshold.

Coverage and back-tests are counts, so even a perfect forecast is off by chance: with one symbol and
100 dates, its 90 % interval is off by more than 1.5 points nearly every second time. Therefore
these criteria, and that of interval scores, fail only if the miss is larger than chance explains.
A criterion that no forecast could fail, or for which no symbol has enough days, is not judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, Any, Literal

from pricewright.files.errors import count_of
from pricewright.tables.options import Bounds, Options
from pricewright.tables.symbol_columns import column_of

SIGNIFICANT = 0.05
"""A p-value below this is called significant."""

BEYOND_CHANCE = 0.01
"""Of many tests, chance does not explain the worst if its p-value is below this over their number
(Bonferroni), however few of the others fail."""


BY_CHANCE = ", but for chance"
"""The end of a criterion's description if its limit is wider than in the config."""

_NOT_JUDGED = "; not judged, because "
"""What comes, in a criterion's description, before the reason why it is not judged."""

_NOT_FOR = "; not judged for "
"""What comes, in a criterion's description, before the number of symbols it is not judged for."""

_KEYS = {
    "qlike": "qlike_difference",
    "kupiec": "kupiec_share",
    "shortfall": "shortfall_p_value",
}


def key_of(criterion: str) -> str:
    """The key of the config section `accept` that sets a criterion, if there is one."""
    return _KEYS.get(criterion, criterion)


WRONG_PRICE = (
    "see what results/data_quality.json says of these days, and if a price is wrong, declare it in "
    "the file of corrections.file"
)
"""What to do if a few days decide."""


def off_by_chance(error: float | None, chance: float) -> float:
    """The distance that a correct figure with standard error `error` exceeds with probability
    `chance`.

    0 if the error is not known.
    """
    if not chance or error is None:
        return 0.0
    return float(round(NormalDist().inv_cdf(1 - chance / 2), 12) * error)


def failures_by_chance(tests: int, chance: float) -> int:
    """The number of failures among tests at SIGNIFICANT that a perfect forecast exceeds with at
    most the probability `chance`."""
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
"""The central intervals whose coverage is counted."""

ENOUGH_DAYS = 250
"""The number of outcomes that a test of one symbol's next days needs."""

ENOUGH_DATES = 20
"""The number of dates, a horizon apart, that a comparison needs."""

USUAL_DAYS = 60
"""The number of days from which on a symbol has a usual deviation."""

HIGHEST_RATIO = 1_000_000
"""The ratio of a deviation to a usual one of 0 or nearly so, and the highest limit."""

TAILS = (0.01, 0.05)
"""The probabilities of an exception of the values-at-risk that are tested."""


def percent_key(share: float) -> str:
    """The key of a coverage or a tail: 0.9 as 90, 0.01 as 1."""
    return f"{100 * share:.6g}"


@dataclass(frozen=True, kw_only=True)
class Criteria(Options):
    """The criteria that a model must meet to be deployed."""

    section = "accept"

    mae_ratio: Annotated[float, Bounds(least=0, most=10)] = 1.01
    """Accepted: a mean absolute error of at most this multiple of the naive forecast's."""
    qlike_difference: Annotated[float, Bounds(least=-10, most=10)] = 0.0
    """Accepted: a QLIKE of the variance that exceeds EWMA's by at most this."""
    coverage_pooled: Annotated[float, Bounds(least=0, most=1)] = 0.015
    """Accepted: a share of prices within the interval that is off its level by at most this."""
    coverage_symbol: Annotated[float, Bounds(least=0, most=1)] = 0.04
    """Accepted: for each symbol with `enough_origins`, a share off its level by at most this."""
    enough_origins: Annotated[int, Bounds(least=1, most=10_000)] = 100
    """The number of dates that a symbol needs for `coverage_symbol` to apply to it."""
    deviation_ratio: Annotated[float, Bounds(above=1, most=HIGHEST_RATIO)] = 10.0
    """Accepted: for each symbol, a next day's deviation of at most this multiple of its usual one;
    a wrong price of the last days makes it larger."""
    interval_ratio: Annotated[float, Bounds(least=0, most=10)] = 1.0
    """Accepted: an interval score of at most this multiple of that of constant normal intervals."""
    kupiec_share: Annotated[float, Bounds(least=0, most=1)] = 0.9
    """Accepted: a value-at-risk that passes Kupiec's test for at least this share of symbols."""
    shortfall_p_value: Annotated[float, Bounds(least=0, most=1)] = 0.05
    """Accepted: an expected shortfall for which the one-sided test that it is too small has at
    least this p-value."""
    chance: Annotated[float, Bounds(least=0, most=0.5)] = 0.05
    """Accepted: coverage, interval scores and Kupiec's tests that are no further off than chance
    explains. Each limit is widened so that at most this share of perfect forecasts miss it.
    0: not widened."""
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
    """`accepted`, and the criteria by name, each with value, limit, whether it is met, and words.

    A criterion for which nothing can be computed is not met, so no model is accepted untested. A
    criterion that no forecast could miss is not judged (`met` is None), nor is one that needs more
    days or origins of a symbol than any has. If a criterion is missed only because of a few days,
    `decided_by` lists them.

    not_unseen: why it does not matter that the model knew some of the dates; None if it matters.
    """
    pooled, by_symbol = metrics["pooled"], metrics["by_symbol"]
    names = ("p_value_holm", "qlike", "ewma_qlike")
    variances = zip(*(column_of(by_symbol, "volatility", name) for name in names), strict=True)
    tested = any(days >= ENOUGH_DAYS for days in column_of(by_symbol, "volatility", "days"))
    worse = sum(
        luck is not None and luck < SIGNIFICANT and qlike > ewma for luck, qlike, ewma in variances
    )
    held, furthest = pooled["model"]["coverage"], max(level, 1 - level)
    odd = ODD * max(ODD_DATES / max(metrics["origins"], 1), 1) ** 0.5
    ours, plain = (pooled[who]["interval_score"] for who in ("model", "random_walk"))
    ratio, error = ours / plain if ours is not None and plain else None, pooled["interval"]["error"]
    if ratio and error:  # that of a perfect forecast: its scores vary less than those of worse ones
        error /= max(ratio, 1.0)
    criteria = {
        "mae_ratio": _criterion(
            pooled["mae_ratio"], thresholds.mae_ratio, "point forecast's error over the naive one's"
        ),
        "qlike": _decided(
            _criterion(
                pooled["volatility"]["qlike_difference"],
                thresholds.qlike_difference,
                "QLIKE of the variance less EWMA's, mean over symbols",
            ),
            pooled["volatility"]["largest"],
            _error(pooled["volatility"]),
            odd,
        ),
        "qlike_worse": _criterion(
            worse,
            0,
            f"symbols with {ENOUGH_DAYS} days and a QLIKE significantly above EWMA's",
            not_judged=None if tested else f"no symbol has {ENOUGH_DAYS} days",
        ),
        "deviation_ratio": _deviation(pooled["newest_deviation"], thresholds),
        "coverage_pooled": _criterion(
            None if held is None else abs(held - level),
            max(
                thresholds.coverage_pooled,
                off_by_chance(pooled["model"].get("coverage_error"), thresholds.chance),
            ),
            f"distance of the {100 * level:.6g}% interval's coverage from its level",
            thresholds.coverage_pooled,
            worst=furthest,
        ),
        "coverage_symbol": _coverage_by_symbol(by_symbol, level, thresholds),
        "interval_ratio": _decided(
            _criterion(
                ratio,
                thresholds.interval_ratio + off_by_chance(error, thresholds.chance),
                "interval score over that of normal intervals of constant width",
                thresholds.interval_ratio,
            ),
            pooled["interval"]["largest"],
            pooled["interval"]["error"],
            odd,
        ),
        "kupiec": _kupiec(pooled["var"], by_symbol, thresholds),
        "shortfall": _shortfall(pooled["es"]["p_value"], thresholds.shortfall_p_value),
    }
    if (most := max(column_of(by_symbol, "origins"), default=0)) < ENOUGH_DATES:
        what = (
            f"it was evaluated from {most} dates, and fewer than {ENOUGH_DATES} tell nothing; "
            "deliver a longer history, or set model.horizon lower"
        )
        criteria["dates"] = _criterion(most, ENOUGH_DATES, what, side="least")
    if known := metrics["origins_the_model_knew"]:
        what = f"it was trained on {known} of the {metrics['origins']} dates"
        if not not_unseen:
            what += (
                " and did not meet the criteria when it was trained; name a model that did in "
                "score.model, or train one (mode: train)"
            )
        criteria["unseen"] = _criterion(known, 0, what, not_judged=not_unseen)
    if champion is not None and thresholds.beat_champion != "ignore":
        wanted = ["better"] if thresholds.beat_champion == "better" else ["better", "no difference"]
        verdict = champion["verdict"]
        criteria["champion"] = {
            "value": verdict,
            "limit": " or ".join(wanted),
            "side": "one",
            "met": verdict in wanted or (verdict == "not comparable" and len(wanted) > 1),
            "what": "compared with the model now deployed",
        }
    accepted = all(found["met"] is not False for found in criteria.values())
    return {"accepted": accepted, "criteria": criteria}


ODD, ODD_DATES = 0.5, 100
"""A day that alone adds ODD standard errors to a figure of ODD_DATES dates or more is odd: among a
hundred normal days, one adds at most about 0.3. Of fewer dates, each adds more."""


def _error(figure: Mapping[str, Any]) -> float | None:
    """A figure's standard error: half the width of its 95% interval, over 1.96."""
    lower, upper = figure.get("lower"), figure.get("upper")
    return None if lower is None or upper is None else float((upper - lower) / 2 / 1.96)


def _decided(
    criterion: dict[str, Any], largest: Sequence[Mapping[str, Any]], error: float | None, odd: float
) -> dict[str, Any]:
    """The criterion, with the fewest of the `largest` days without which it would be met, if any.

    error: the figure's standard error; if no day adds `odd` times as much, no day decides.
    """
    if criterion["met"] is not False or criterion["value"] is None or not largest:
        return criterion
    if error is not None and largest[0]["adds"] < odd * error:
        return criterion
    excess = criterion["value"] - criterion["limit"]
    for count, day in enumerate(largest, start=1):
        excess -= day["adds"]
        if excess <= 0:
            days = [{key: each[key] for key in ("symbol", "date")} for each in largest[:count]]
            return criterion | {"decided_by": days}
    return criterion


def _deviation(newest: Mapping[str, Any] | None, thresholds: Criteria) -> dict[str, Any]:
    """The next day's deviation of the symbol where it is furthest from usual."""
    what, limit = "the next day's deviation over the symbol's usual one", thresholds.deviation_ratio
    if newest is None:
        return _criterion(None, limit, what, not_judged="no symbol has enough days")
    what = f"{what}; the largest, of {newest['symbol']}"
    if newest["ratio"] >= HIGHEST_RATIO:
        what += ", which hardly moved before"
    if few := newest.get("too_few_days"):
        what += f"{_NOT_FOR}{count_of(few, 'symbol')} with too few days"
    found = _criterion(newest["ratio"], limit, what)
    day = {key: newest[key] for key in ("symbol", "date")}
    return found if found["met"] else found | {"decided_by": [day]}


def _coverage_by_symbol(
    by_symbol: Mapping[str, Any], level: float, thresholds: Criteria
) -> dict[str, Any]:
    """The coverage of the symbol that is worst against its limit, of those with enough origins."""
    origins, held, errors = (
        column_of(by_symbol, *path)
        for path in (("origins",), ("model", "coverage"), ("model", "coverage_error"))
    )
    seen = [place for place, count in enumerate(origins) if count >= thresholds.enough_origins]
    each = thresholds.chance / max(len(seen), 1)  # the worst of many is often off by chance
    limits = [max(thresholds.coverage_symbol, off_by_chance(errors[place], each)) for place in seen]
    off = [abs(held[place] - level) for place in seen]
    value, limit = max(
        zip(off, limits, strict=True),
        key=lambda pair: pair[0] - pair[1],
        default=(None, thresholds.coverage_symbol),
    )
    what = "the same for the symbol that is worst against its limit"
    if value is None:
        why = f"no symbol has {thresholds.enough_origins} origins"
        return _criterion(None, limit, what, not_judged=why)
    what += f", of {len(seen)} with {thresholds.enough_origins} origins or more"
    furthest = max(level, 1 - level)
    return _criterion(value, limit, what, thresholds.coverage_symbol, worst=furthest)


def _kupiec(
    tails: Mapping[str, Any], by_symbol: Mapping[str, Any], thresholds: Criteria
) -> dict[str, Any]:
    """The tail that is worst against its limit, among those with tests.

    Chance widens the limit of a tail, except if its clearest failure is too clear for chance.
    """
    shares, all_tests = [], sum(found["tested"] for found in tails.values())
    for tail, found in tails.items():
        tested = found["tested"]
        if tested:
            days, luck = (column_of(by_symbol, "var", tail, name) for name in ("days", "kupiec"))
            least = min(p for p, count in zip(luck, days, strict=True) if count >= ENOUGH_DAYS)
            failures = failures_by_chance(tested, thresholds.chance / len(tails))
            if least * all_tests < BEYOND_CHANCE:
                failures = 0
            by_chance = (tested - failures) / tested
            shares.append((found["passed"] / tested, min(thresholds.kupiec_share, by_chance)))
    value, limit = min(
        (pair for pair in shares if pair[1] > 0),
        key=lambda pair: pair[0] - pair[1],
        default=min(shares, default=(None, thresholds.kupiec_share)),
    )
    what = "share of symbols whose value-at-risk passes Kupiec's test, at 1% and 5%"
    why = None
    if value is None:
        why = f"no symbol has {ENOUGH_DAYS} days"
    elif limit <= 0 < thresholds.kupiec_share:
        most = max(found["tested"] for found in tails.values())
        have = "has" if most == 1 else "have"
        why = (
            f"only {count_of(most, 'symbol')} {have} enough days, and that few may all fail by "
            "chance"
        )
    return _criterion(
        value, limit, what, thresholds.kupiec_share, side="least", worst=0.0, not_judged=why
    )


def _shortfall(p_value: float | None, least: float) -> dict[str, Any]:
    """The test that the expected shortfall is not too small, over all symbols."""
    what = "p-value of the test that the 97.5% expected shortfall is too small"
    why = "too few losses were beyond the value-at-risk" if p_value is None else None
    return _criterion(p_value, least, what, side="least", worst=0.0, not_judged=why)


def failed(acceptance: Mapping[str, Any]) -> str:
    """One line on the criteria that are not met: each with its value, its limit and the few days
    that decide it, if any."""
    said, decided = [], False
    for name, found in acceptance["criteria"].items():
        value, limit = _told_apart(found["value"], found["limit"])
        if found["met"] is False and name in ("dates", "unseen"):  # no key sets them
            said.append(found["what"])
        elif found["met"] is False:
            one = isinstance(found["limit"], str)
            wanted = f"wanted {limit}" if one else f"at {found['side']} {limit} is wanted"
            days = ", ".join(f"{day['symbol']} on {day['date']}" for day in deciding(found))
            why = f", and is missed because of {days} alone" if days else ""
            said.append(f"{key_of(name)} is {value}, {wanted}{why}")
            decided |= bool(days)
    return "; ".join([*said, WRONG_PRICE] if decided else said)


def not_judged(acceptance: Mapping[str, Any]) -> list[str]:
    """The criteria that are not judged, with the reason, those of one reason together; then those
    that are not judged for some symbols."""
    names: dict[str, list[str]] = {}
    partly = list[str]()
    for name, found in acceptance["criteria"].items():
        if found["met"] and (some := found["what"].partition(_NOT_FOR)[2]):
            partly.append(f"{key_of(name)} for {some}")
        if found["met"] is None:
            reason = found["what"].partition(_NOT_JUDGED)[2]
            names.setdefault(reason, []).append(key_of(name))
    whole = [f"{' and '.join(those)}, because {reason}" for reason, those in names.items()]
    return whole + partly


def _told_apart(value: float | str | None, limit: float | str) -> tuple[str, str]:
    """A value and its limit as texts, with enough digits to differ."""
    if isinstance(value, str) or value is None or isinstance(limit, str):
        return str(value or "unknown"), str(limit) if isinstance(limit, str) else f"{limit:.4g}"
    pairs = [(f"{value:.{digits}g}", f"{limit:.{digits}g}") for digits in (4, 6, 9, 17)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])


def deciding(criterion: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    """The symbol and date of each day that decides a criterion, if any do."""
    found: Sequence[Mapping[str, str]] = criterion.get("decided_by", ())
    return found


def _criterion(
    value: float | None,
    limit: float,
    what: str,
    threshold: float | None = None,
    *,
    side: Literal["most", "least"] = "most",
    worst: float | None = None,
    not_judged: str | None = None,
) -> dict[str, Any]:
    """A value and its limit; `what` also says if the limit is wider than the threshold, or why the
    criterion is not judged.

    worst: the worst value that is possible, if there is one; if it is within the limit, the
    criterion is not judged.
    """
    if worst is not None and (worst <= limit if side == "most" else worst >= limit):
        not_judged = not_judged or "no value could miss this limit"
    if not_judged:
        what = f"{what}{_NOT_JUDGED}{not_judged}"
        return {"value": value, "limit": limit, "side": side, "met": None, "what": what}
    met = value is not None and (value <= limit if side == "most" else value >= limit)
    if threshold is not None and limit != threshold:
        what = f"{what}; {threshold:g}{BY_CHANCE}"
    return {"value": value, "limit": limit, "side": side, "met": met, "what": what}
