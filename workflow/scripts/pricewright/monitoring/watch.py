"""The watch over the release in production: its recorded forecasts against the outcomes.

The findings depend only on the record, the clean prices and the receipts. The bets of `evidence`
begin with the release, and their mean decides the colour. If the forecasts are right, the release
ever turns yellow with a probability of at most 1 / limits.yellow, and red with 1 / limits.red.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from pricewright.files.errors import Refusal, count_of, some_of
from pricewright.forecasting.distribution import SHORTFALL
from pricewright.forecasting.document import open_model
from pricewright.forecasting.model import Model
from pricewright.forecasting.settings import WatchLimits
from pricewright.monitoring import evidence
from pricewright.monitoring.live_record import LiveRecord, read_live
from pricewright.monitoring.record import (
    CHALLENGER,
    EWMA,
    LEVELS,
    RIVAL_LEVELS,
    RecordedDay,
)
from pricewright.monitoring.record_days import Day, newest_day
from pricewright.releases.history import releases_folder
from pricewright.releases.store import plain_file
from pricewright.steplog.log import say
from pricewright.tables.arrays import Floats, sums

TESTS: Final[Mapping[str, str]] = {
    "exceptions_1": "more losses than the value-at-risk at 1% allows",
    "exceptions_5": "more losses than the value-at-risk at 5% allows",
    "shortfall": "losses beyond the value-at-risk are larger than the expected shortfall",
    "calibration": "prices do not fall where the distribution says",
    "ewma": "a plain exponentially weighted average forecasts better",
    "challenger": "the newest trained model forecasts better",
}
"""The tests, and what each reports when it wins."""

SYMBOLS = 20
"""The number of symbols listed."""

FEW = 5
"""Up to this many quarantined rows or flags a day are not worth a report."""

WIDER = 10.0
"""A forecast this many times as wide as when its model was released is probably from a wrong price
of the last days."""

LATELY = 60
"""The number of days with which a day's data are compared."""


def e_values(live: LiveRecord, came: Floats) -> dict[str, Floats]:
    """The e-values (T, S) of each of TESTS that has any; came: (T, S), the outcomes."""
    at = {level: live.quantiles[..., place] for place, level in enumerate(LEVELS)}
    ours = np.stack([at[level] for level in RIVAL_LEVELS], axis=-1)
    found = {
        "exceptions_1": evidence.exceptions(came, at[0.01], 0.01),
        "exceptions_5": evidence.exceptions(came, at[0.05], 0.05),
        "shortfall": evidence.shortfall(
            came, live.shortfall[..., 0], live.shortfall[..., 1], SHORTFALL
        ),
        "calibration": evidence.calibration(came, live.quantiles, LEVELS),
    }
    for name in (EWMA, CHALLENGER):
        if np.isfinite(live.rivals[name]).any():
            found[name] = evidence.rival(came, ours, live.rivals[name], RIVAL_LEVELS)
    return found


def watch(
    root: Path, recorded: RecordedDay, limits: WatchLimits, model: Mapping[str, Any]
) -> dict[str, Any]:
    """The findings about the release of a recorded day, with `earlier`: the daily evidence against
    the releases before it, oldest first.

    model: the document of the release's model.
    """
    earlier = []
    for release, theirs in list(recorded.shown.items())[:-1]:
        try:
            with plain_file(releases_folder(root), release, "model.json") as kept:
                live = read_live(theirs, recorded.panel, open_model(kept)[0])
        except (Refusal, OSError) as error:  # an older schema, or a removed release
            say("an earlier release is not shown", release=release, reason=str(error))
            continue
        won = _won(e_values(live, live.came))
        since = _since(won, live.dates, limits)["red"]
        earlier.append({"release": release, "red_since": since, "by_day": _by_day(live, won)})
    own = recorded.shown[recorded.release]
    live = read_live(own, recorded.panel, recorded.model)
    odd = [*_outdated(recorded.corrected), *_far_wider(recorded.model, newest_day(own))]
    return findings(live, own, limits, model, odd) | {"earlier": earlier}


def findings(
    live: LiveRecord,
    on_record: Sequence[Day],
    limits: WatchLimits,
    model: Mapping[str, Any],
    odd: Sequence[str],
) -> dict[str, Any]:
    """The findings as JSON: the colour, since when and why, and the evidence by day.

    on_record: all recorded days of the release, at least one.  model: the document of its model.
    odd: other reasons to look, which make the watch yellow.
    """
    values = e_values(live, live.came)
    won = _won(values)
    since = _since(won, live.dates, limits)
    odd = [*_odd_data(on_record), *odd]
    colour = "red" if since["red"] else "yellow" if since["yellow"] or odd else "green"
    held = np.isfinite(live.came)
    count = int(held.sum())
    by_day = _by_day(live, won)
    same = np.asarray(np.isclose(live.first, live.came, rtol=1e-9, atol=0))
    changed = np.isfinite(live.first) & held & ~same
    first = np.where(np.isfinite(live.first), live.first, live.came)
    backtest = model["metrics"]["pooled"]["model"]["by_horizon"]["coverage"][0]
    return {
        "colour": colour,
        "yellow_since": since["yellow"],
        "red_since": since["red"],
        "reasons": [*_reasons(won, live.dates, limits, since), *odd],
        "limits": {"yellow": limits.yellow, "red": limits.red},
        "first_day": on_record[0].date,
        "newest_day": on_record[-1].date,
        "days": len(by_day),
        "days_late": live.days_late,
        "forecasts": count,
        "changed_later": int(changed.sum()),
        "evidence": _last(_mean(won, len(first))),
        "evidence_as_first_known": _last(_mean(_won(e_values(live, first)), len(first))),
        "tests": {name: _last(each) for name, each in won.items()},
        "coverage": {
            "promised": model["parameters"]["level"],
            "backtest": backtest,
            "live": round(int(live.inside.sum()) / count, 6) if count else None,
        },
        "exceptions": {f"{level:.0%}": _exceptions(live, level) for level in (0.01, 0.05)},
        "by_day": by_day,
        "symbols": _worst(live, values),
    }


def _exceptions(live: LiveRecord, level: float) -> dict[str, float]:
    found, forecasts = evidence.hits(live.came, live.quantiles[..., LEVELS.index(level)])
    return {"found": found, "forecasts": forecasts, "promised": level}


def _won(values: Mapping[str, Floats]) -> dict[str, Floats]:
    """(T,) for each of TESTS: the winnings by the end of each day."""
    return dict(zip(values, evidence.processes(list(values.values())).T, strict=True))


def _since(
    won: Mapping[str, Floats], dates: Sequence[str], limits: WatchLimits
) -> dict[str, str | None]:
    """The days since which the evidence of all tests together has been yellow, and red."""
    overall = _mean(won, len(dates))
    rows = {
        "yellow": evidence.first_at(overall, limits.yellow),
        "red": evidence.first_at(overall, limits.red),
    }
    return {colour: None if row is None else dates[row] for colour, row in rows.items()}


def _by_day(live: LiveRecord, won: Mapping[str, Floats]) -> list[dict[str, Any]]:
    """The evidence on each day with outcomes, and how many were outside the interval."""
    overall, held = _mean(won, len(live.dates)), np.isfinite(live.came)
    return [
        {
            "date": date,
            "evidence": _figure(overall[row]),
            **{name: _figure(each[row]) for name, each in won.items()},
            "outside": int((held[row] & ~live.inside[row]).sum()),
            "forecasts": int(held[row].sum()),
        }
        for row, date in enumerate(live.dates)
        if held[row].any()
    ]


def no_findings(
    limits: WatchLimits, *, since: str | None = None, why: str | None = None
) -> dict[str, Any]:
    """The findings if the release cannot forecast or its record cannot be read: red, with `why`.

    Without `why` there is no release, and the colour is green.

    since: the last day on which it could forecast.
    """
    return {
        "colour": "red" if why else "green",
        "yellow_since": since,
        "red_since": since,
        "reasons": [why.removesuffix(".")] if why else [],
        "limits": {"yellow": limits.yellow, "red": limits.red},
    }


def _mean(won: Mapping[str, Floats], days: int) -> Floats:
    """(T,): the mean of the tests' evidence, which is itself evidence."""
    return sum(won.values(), np.zeros(days)) / max(len(won), 1)


def _figure(value: float) -> float:
    return float(f"{value:.4g}")


def _last(won: Floats) -> float:
    return _figure(won[-1]) if len(won) else 1.0


def _reasons(
    won: Mapping[str, Floats],
    dates: Sequence[str],
    limits: WatchLimits,
    since: Mapping[str, str | None],
) -> Iterator[str]:
    """Yield what the tests above the yellow limit report, the strongest first."""
    if not since["yellow"]:
        return
    for name, each in sorted(won.items(), key=lambda pair: -float(pair[1].max())):
        if (row := evidence.first_at(each, limits.yellow)) is not None:
            yield f"{TESTS[name]}, since {dates[row]}"


def _outdated(corrected: Sequence[str]) -> Iterator[str]:
    """Yield a sentence if prices behind the newest forecasts were corrected since."""
    if corrected:
        yield (
            f"the newest recorded forecasts of {some_of([*corrected])} are from a price that was "
            "changed since; the record stays as it was, and `pricewright predict --model "
            "production/current/model.json --prices results/prices_clean.json` forecasts from the "
            "new one"
        )


def _far_wider(model: Model, newest: Day) -> Iterator[str]:
    """Yield a sentence if forecasts of the newest day are WIDER than those of the model as it was
    released."""
    table, names = newest.forecasts(), [f"q{level!r}" for level in RIVAL_LEVELS]
    low, high, last = (table[name].to_numpy() for name in (*names, "last"))
    place = {symbol: column for column, symbol in enumerate(model.symbols)}
    own = np.array([place[symbol] for symbol in table["symbol"].to_pylist()], dtype=np.intp)
    then = model.quantiles(RIVAL_LEVELS)[own, 0]
    floor = model.floors[own]  # below it the width no longer follows the price
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.maximum(last, floor) / np.maximum(model.last_prices[own], floor)
        unit = np.where(model.levels[own], 1.0, moved)
        times = (high - low) / (then[:, 1] - then[:, 0]) / unit
    far = np.flatnonzero(np.isfinite(times) & (times > WIDER))
    if len(far):
        worst = far[np.argsort(-times[far], kind="stable")]
        yield (
            f"the newest forecasts of {some_of([model.symbols[own[row]] for row in worst])} are up "
            f"to {times[worst[0]]:.0f} times as wide as when the model was released; look at the "
            "last prices, because a wrong one has this effect"
        )


def _odd_data(days: Sequence[Day]) -> Iterator[str]:
    """Yield a sentence for each way in which the newest day's data differ from earlier days.

    Counts of rows and flags are totals of all dates. A day on which other code or other thresholds
    counted them is neither judged nor compared with.
    """
    if len(days) < 2:
        return
    facts = [day.entry.fields for day in days[-LATELY - 1 :]]
    ways = [each.get("counted_by") for each in facts]  # the lines of earlier versions have none
    alike = np.array([one == other for one, other in pairwise(ways)])
    for name, what in (("quarantined", "rows were quarantined"), ("flags", "flags were raised")):
        if all(name in each for each in facts):
            came = np.diff([int(each[name]) for each in facts])
            before = came[:-1][alike[:-1]]
            if alike[-1] and len(before) and came[-1] > max(FEW, 3 * before.max()):
                known = count_of(len(before), "comparable day")
                yield (
                    f"{came[-1]} {what} on {days[-1].date}, but at most "
                    f"{max(int(before.max()), 0)} a day on the {known} before"
                )
    counts = [int(each.get("symbols", 0)) for each in facts]  # lines of earlier versions have none
    usual = float(np.median(counts[:-1]))
    if counts[-1] < 0.9 * usual:
        yield f"{counts[-1]} of usually {usual:g} symbols have a price on {days[-1].date}"


def _worst(live: LiveRecord, values: Mapping[str, Floats]) -> list[dict[str, Any]]:
    """The SYMBOLS symbols with the most evidence against them, each judged by itself."""
    if not len(live.dates):
        return []
    each_alone = evidence.by_symbol(list(values.values()))
    alone = sums(each_alone) / len(each_alone)
    counts = np.isfinite(live.came).sum(axis=0)
    order = [column for column in np.argsort(-alone, kind="stable").tolist() if counts[column]]
    below = live.came < live.quantiles[..., LEVELS.index(0.05)]
    return [
        {
            "symbol": live.symbols[column],
            "evidence": _figure(alone[column]),
            "forecasts": int(counts[column]),
            "coverage": round(int(live.inside[:, column].sum()) / int(counts[column]), 6),
            "exceptions_5": int(below[:, column].sum()),
        }
        for column in order[:SYMBOLS]
    ]
