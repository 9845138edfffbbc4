"""The model now deployed beside the one that would take its place.

Both are scored on the same windows, and their figures come from the forecasts and days that both
have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pricewright.evaluation.acceptance import percent_key
from pricewright.evaluation.metrics import mae_ratio, mean_with_interval
from pricewright.evaluation.scores import (
    DAILY,
    TAILS,
    Losses,
    Scores,
    by_symbol_of,
    figures_at,
    mean_of,
    number,
    over_symbols,
    score,
    share_of,
)
from pricewright.forecasting.document import from_json
from pricewright.forecasting.model import Model
from pricewright.forecasting.panel import NEVER, Panel
from pricewright.forecasting.walkforward import Plan, WalkForward, join, walk
from pricewright.tables.arrays import Days, Flags, Floats, mean, where


def common_scores(scores: Scores, columns: Any, both: Flags, days: Flags) -> Scores:
    """The scores of some symbols, S of them, where two models have a forecast.

    both: (K, S, H), from which origins, for whom and of how many days ahead.  days: (D, S).
    """

    def losses(of: Losses) -> Losses:
        steps = both.shape[-1]
        found = {name: part[:, columns][:, :, :steps] for name, part in vars(of).items()}
        return Losses(**{name: where(both, part) for name, part in found.items()})

    return replace(
        scores,
        model=losses(scores.model),
        random_walk=losses(scores.random_walk),
        scale=scores.scale[:, columns],
        squared_scale=scores.squared_scale[:, columns],
        origin=scores.origin[:, columns],
        **{name: where(days, getattr(scores, name)[: len(days), columns]) for name in DAILY},
    )


def figures_of_both(challenger: Scores, champion: Scores, symbols: Sequence[str]) -> dict[str, Any]:
    """`pooled` and `by_symbol`: the figures of both, with QLIKE and the value-at-risk's exceptions.

    The scores are of the same symbols, origins and days (`cut`).
    """
    each = {"challenger": challenger, "champion": champion}
    with np.errstate(all="ignore"):
        ratio = mae_ratio(challenger.model.error, champion.model.error)
        found = {name: _by_symbol(scores) for name, scores in each.items()}
    pooled = {
        name: over_symbols(scores.model, found[name], scores)
        | {"exceptions": {key: share_of(hits) for key, hits in _tails(scores)}}
        for name, scores in each.items()
    }
    return {
        "pooled": pooled | {"mae_ratio": number(mean_of(ratio))},
        "by_symbol": {
            symbol: {name: figures_at(found[name], place) for name in each}
            | {"mae_ratio": number(ratio[place])}
            for place, symbol in enumerate(symbols)
        },
    }


def _by_symbol(scores: Scores) -> dict[str, Any]:
    return by_symbol_of(scores.model, scores) | {
        "qlike": mean(scores.qlike),
        "exceptions": {key: mean(hits) for key, hits in _tails(scores)},
    }


def _tails(scores: Scores) -> list[tuple[str, Floats]]:
    return [(percent_key(tail), scores.hits[..., place]) for place, tail in enumerate(TAILS)]


UNSEEN = 20
"""The dates after a champion's cutoff that a comparison needs."""


def compare(
    document: Mapping[str, Any],
    sha256: str,
    walked: WalkForward,
    challenger: Scores,
    processes: int = 1,
) -> dict[str, Any]:
    """The record of a champion, from its document and the SHA-256 of its bytes, beside the
    walk-forward of a challenger and its scores.

    Only dates after the champion's own cutoff count: on those that it was trained on it would
    have an advantage that no challenger has, whose parameters are those known at each date.

    The loss is the pinball loss in units of the naive one-step error, its mean over horizons
    and symbols at each origin. `difference` is the challenger's less the champion's over the
    champion's mean, with a 95% interval; negative is better. `metrics` are the figures of both.
    """
    panel, origins = walked.whole, walked.timeline.origins
    since = int(np.datetime64(document["cutoff"], "D").astype(int))
    record: dict[str, Any] = {
        "sha256": sha256,
        "cutoff": document["cutoff"],
        "verdict": "not comparable",
        "reason": None,
        "symbols": 0,
        "origins": 0,
        "origins_it_knew": int((origins < since).sum()),
        "difference": None,
        "lower": None,
        "upper": None,
        "metrics": None,
    }
    champion = from_json(document, "the deployed model")
    if champion.settings.price != walked.settings.price:
        return record | {"reason": f"it forecasts {champion.settings.price}"}
    common = _common(champion, panel)
    if not common:
        return record | {"reason": "it has none of the symbols"}
    unseen = origins >= since
    record |= {"symbols": len(common), "origins": int(unseen.sum())}
    if record["origins"] < UNSEEN:  # nothing that is scored could change that
        return record | {"reason": _too_few(record["origins"])}
    columns = np.array([panel.symbols.index(symbol) for symbol in common], dtype=np.intp)
    champion, some = champion.of(common), panel.columns(columns)
    # from the same origins, by the same rules of who can be forecast
    rules = {name: getattr(walked.settings, name) for name in ("min_history", "max_age_days")}
    plan = Plan(walked.timeline, replace(champion.settings, **rules), model=champion)
    some = champion.on_its_scales(some)
    scores = score(join(some, plan, walk(some, plan, processes)))
    ours, theirs = challenger.model.pinball[:, columns], scores.model.pinball
    steps = min(ours.shape[-1], theirs.shape[-1])
    ours, theirs = ours[..., :steps], theirs[..., :steps]
    both = np.isfinite(ours) & np.isfinite(theirs) & unseen[:, None, None]
    ours, theirs = np.where(both, ours, np.nan), np.where(both, theirs, np.nan)
    differences = np.array(
        [mean_of(one) - mean_of(other) for one, other in zip(ours, theirs, strict=True)]
    )
    compared = int(np.isfinite(differences).sum())
    record["origins"] = compared
    if compared < UNSEEN:
        return record | {"reason": _too_few(compared)}
    level = mean_of(theirs)
    difference, lower, upper = (part / level for part in mean_with_interval(differences))
    verdict = "better" if upper < 0 else "worse" if lower > 0 else "no difference"
    days = _days(some, origins, len(scores.qlike)) >= since
    one, other = (
        common_scores(challenger, columns, both, days),
        common_scores(scores, slice(None), both, days),
    )
    return record | {
        "metrics": figures_of_both(one, other, common),
        "verdict": verdict,
        "difference": number(difference),
        "lower": number(lower),
        "upper": number(upper),
    }


def _too_few(dates: int) -> str:
    return (
        f"only {dates} of the dates come after what it was trained on, and fewer than {UNSEEN} "
        "say nothing"
    )


def _common(champion: Model, panel: Panel) -> list[str]:
    """The symbols that both have, and can have on the champion's scale."""
    low = dict(
        zip(panel.symbols, np.asarray((panel.prices <= 0).any(axis=0)).tolist(), strict=True)
    )
    any_sign = (champion.levels | (champion.floors > 0)).tolist()
    known = zip(champion.symbols, any_sign, strict=True)
    return sorted(symbol for symbol, fits in known if symbol in low and (fits or not low[symbol]))


def _days(panel: Panel, origins: Days, count: int) -> Days:
    """(D, S): the days from which the next one was forecast, NEVER past a history's end."""
    first = np.maximum(panel.upto(int(origins[0])) - 1, 0)
    rows = first + np.arange(count)[:, None]
    columns = np.arange(len(panel))
    there = rows < panel.counts
    return np.where(there, panel.days[np.where(there, rows, 0), columns], NEVER)
