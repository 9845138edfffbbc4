"""Two models' figures beside each other, from the forecasts and days that both have."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pricewright.arrays import Flags, Floats, mean
from pricewright.evaluation.acceptance import percent_key
from pricewright.evaluation.figures import at, by_symbol_of, mean_of, number, over_symbols, share_of
from pricewright.evaluation.scores import TAILS, Losses, Scores
from pricewright.metrics.points import mae_ratio


def cut(scores: Scores, columns: Any, both: Flags, days: Flags) -> Scores:
    """The scores of some symbols, S of them, where two models have a forecast.

    both: (K, S, H), from which origins, for whom and of how many days ahead.  days: (D, S).
    """
    steps, count = both.shape[-1], len(days)

    def losses(of: Losses) -> Losses:
        return Losses(
            **{
                name: np.where(
                    both if found.ndim == both.ndim else both[..., None],
                    found[:, columns][:, :, :steps],
                    np.nan,
                )
                for name, found in vars(of).items()
            }
        )

    def daily(found: Floats) -> Floats:
        there = days if found.ndim == days.ndim else days[..., None]
        return np.where(there, found[:count, columns], np.nan)

    return replace(
        scores,
        model=losses(scores.model),
        random_walk=losses(scores.random_walk),
        scale=scores.scale[:, columns],
        squared_scale=scores.squared_scale[:, columns],
        qlike=daily(scores.qlike),
        ewma_qlike=daily(scores.ewma_qlike),
        hits=daily(scores.hits),
    )


def beside(challenger: Scores, champion: Scores, symbols: Sequence[str]) -> dict[str, Any]:
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
            symbol: {name: at(found[name], place) for name in each}
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
