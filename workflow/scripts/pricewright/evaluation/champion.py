"""Compare the model now deployed (champion) with the one that would replace it (challenger).

Both are scored on the same windows, and only on forecasts and days that both have.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from pricewright.evaluation.acceptance import ENOUGH_DATES, TAILS, percent_key
from pricewright.evaluation.figures import (
    by_symbol_of,
    listed,
    mean_of,
    number,
    over_symbols,
    share_of,
    weights_of,
)
from pricewright.evaluation.metrics import mae_ratio, mean_with_interval
from pricewright.evaluation.scores import DAILY, Losses, Scores, score
from pricewright.evaluation.summary import LossSummary
from pricewright.files.clock import day_number
from pricewright.files.disk import file_sha256
from pricewright.files.documents import as_written_by_a_run, read_json
from pricewright.files.errors import Refusal
from pricewright.forecasting.document import from_json
from pricewright.forecasting.model import Model
from pricewright.forecasting.model_file import unreadable
from pricewright.forecasting.panel import NEVER, BySymbol, Panel
from pricewright.forecasting.walkforward import Plan, WalkForward, join, walk
from pricewright.tables.arrays import Days, Flags, Floats, Ints, mean, sums, where
from pricewright.tables.symbol_columns import SymbolColumns


@dataclass(frozen=True)
class Side(BySymbol):
    """One model's figures for S symbols, where both models have a forecast.

    qlike: (S,).  days, exceptions: (S, T), the days and the exceptions of the value-at-risk, for
    each of TAILS.
    """

    losses: LossSummary
    qlike: Floats
    days: Ints
    exceptions: Ints

    @classmethod
    def of_scores(cls, scores: Scores) -> Self:
        return cls(
            LossSummary.of_losses(scores.model, scores),
            mean(scores.qlike),
            np.isfinite(scores.hits).sum(axis=0),
            (scores.hits == 1).sum(axis=0),
        )

    def by_symbol(self) -> dict[str, Any]:
        with np.errstate(all="ignore"):
            shares = self.exceptions / self.days
        return by_symbol_of(self.losses) | {
            "qlike": listed(self.qlike),
            "exceptions": {
                percent_key(tail): listed(shares[:, place]) for place, tail in enumerate(TAILS)
            },
        }

    def pooled(self) -> dict[str, Any]:
        return over_symbols(self.losses) | {
            "qlike": number(mean_of(self.qlike, weights_of(self.days[:, 0]))),
            "exceptions": {
                percent_key(tail): share_of(
                    self.exceptions[:, place].sum(), self.days[:, place].sum()
                )
                for place, tail in enumerate(TAILS)
            },
        }


@dataclass(frozen=True)
class Sides(BySymbol):
    """Both models' figures for the same symbols, dates and days.

    mae_ratio: (S,), the challenger's mean absolute error over the champion's.
    """

    challenger: Side
    champion: Side
    mae_ratio: Floats

    def figures(self, symbols: Sequence[str]) -> dict[str, Any]:
        """The figures of both models: `pooled`, and `by_symbol` as columns."""
        each = {"challenger": self.challenger, "champion": self.champion}
        weights = weights_of(self.challenger.losses.outcomes())
        found: dict[str, Any] = {name: side.by_symbol() for name, side in each.items()}
        return {
            "pooled": {name: side.pooled() for name, side in each.items()}
            | {"mae_ratio": number(mean_of(self.mae_ratio, weights))},
            "by_symbol": SymbolColumns(symbols, found | {"mae_ratio": listed(self.mae_ratio)}),
        }


@dataclass(frozen=True)
class Contest:
    """A champion that can be compared with a challenger.

    record: the record so far.  since: the day number from which both models knew no price.
    symbols: those that both have.
    """

    champion: Model
    record: Mapping[str, Any]
    since: int
    symbols: Sequence[str]

    def of(self, symbols: Sequence[str]) -> "Contest | None":
        """The contest restricted to some symbols; None if the champion has none of them."""
        common = [symbol for symbol in symbols if symbol in self._known]
        return replace(self, champion=self.champion.of(common), symbols=common) if common else None

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.symbols)

    def sides(self, walked: WalkForward, challenger: Scores) -> Sides:
        """Both models' figures, from the challenger's walk-forward of one piece, which contains
        the contest's symbols and maybe others, and its scores."""
        columns = np.flatnonzero([symbol in self._known for symbol in walked.whole.symbols])
        some, origins = walked.whole.columns(columns), walked.timeline.origins
        # the same origins, and the same rules for which symbols can be forecast
        rules = {name: getattr(walked.settings, name) for name in ("min_history", "max_age_days")}
        settings = replace(self.champion.settings, **rules)
        plan = Plan(walked.timeline, settings, model=self.champion)
        some = self.champion.on_its_scales(some)
        scores = score(join(some, plan, walk(some, plan)))
        ours, theirs = challenger.model.pinball[:, columns], scores.model.pinball
        steps = min(ours.shape[-1], theirs.shape[-1])
        both = np.isfinite(ours[..., :steps]) & np.isfinite(theirs[..., :steps])
        both &= (origins >= self.since)[:, None, None]
        days = _days(some, origins, len(scores.qlike)) >= self.since
        one = common_scores(challenger, columns, both, days)
        other = common_scores(scores, slice(None), both, days)
        ratio = mae_ratio(one.model.error, other.model.error)
        return Sides(Side.of_scores(one), Side.of_scores(other), ratio)

    def result(self, sides: Sides) -> dict[str, Any]:
        """The record of the comparison, from the sides of all symbols.

        The loss is the pinball loss in units of the naive one-step error, averaged over horizons
        and symbols at each origin. `difference` is the challenger's loss less the champion's,
        relative to the champion's mean loss, with a 95% interval; negative is better. `metrics` are
        the figures of both.
        """
        each = (sides.challenger.losses, sides.champion.losses)
        with np.errstate(all="ignore"):
            points = each[0].points_by_date.sum(axis=0)
            ours, theirs = (sums(losses.pinball_by_date) for losses in each)
            differences = (ours - theirs) / points
        compared = int(np.isfinite(differences).sum())
        record = {**self.record, "origins": compared}
        if compared < ENOUGH_DATES:
            why = f"both forecast the same symbols from only {compared} of the dates"
            return record | {"reason": f"{why}; a comparison needs {ENOUGH_DATES}"}
        level = float(theirs.sum() / points.sum())
        difference, lower, upper = (part / level for part in mean_with_interval(differences))
        verdict = "better" if upper < 0 else "worse" if lower > 0 else "no difference"
        return record | {
            "metrics": sides.figures(self.symbols),
            "verdict": verdict,
            "difference": number(difference),
            "lower": number(lower),
            "upper": number(upper),
        }


def not_comparable(sha256: str, cutoff: str, reason: str | None) -> dict[str, Any]:
    """The record of a champion that is not compared.

    sha256: of the bytes of its document.  cutoff: the last day of its prices.
    """
    return {
        "sha256": sha256,
        "cutoff": cutoff,
        "verdict": "not comparable",
        "reason": reason,
        "symbols": 0,
        "origins": 0,
        "origins_it_knew": 0,
        "difference": None,
        "lower": None,
        "upper": None,
        "metrics": None,
    }


@dataclass(frozen=True)
class Unreadable:
    """A champion whose file this version of the workflow cannot read, such as one of another schema
    version.

    why: a clause about "it".  record: the record of no comparison; None if no model is in the file.
    """

    why: str
    record: dict[str, Any] | None

    @classmethod
    def of(cls, path: Path, refusal: Refusal) -> Self:
        """The champion in a file, whose reading raised `refusal`."""
        # the model will say why, and no model names a folder of the machine
        why, record = unreadable(Refusal(str(refusal).replace(str(path), path.name))), None
        with suppress(Refusal), as_written_by_a_run(str(path)):
            cutoff = date.fromisoformat(read_json(path)["cutoff"])
            record = not_comparable(file_sha256(path), str(cutoff), why)
        return cls(why, record)


def contest(
    document: Mapping[str, Any], sha256: str, walked: WalkForward, known: str | None = None
) -> Contest | dict[str, Any]:
    """The contest between a champion and a challenger's walk-forward, or the champion's record if
    they cannot be compared.

    document, sha256: the champion's document and the SHA-256 of its bytes.  known: the cutoff of a
    challenger that is scored.

    Only dates after these cutoffs count. On earlier dates a model would have an advantage, because
    it was trained on them, while a challenger that is trained uses only parameters known at each
    date.
    """
    panel, origins = walked.whole, walked.timeline.origins
    cutoff = day_number(date.fromisoformat(document["cutoff"]))
    since = max(cutoff, day_number(date.fromisoformat(known))) if known else cutoff
    try:
        champion = from_json(document, "the deployed model")
    except Refusal as refusal:
        return not_comparable(sha256, document["cutoff"], unreadable(refusal))
    record = not_comparable(sha256, document["cutoff"], None)
    record["origins_it_knew"] = int((origins < cutoff).sum())
    if champion.settings.price != walked.settings.price:
        return record | {"reason": f"it forecasts {champion.settings.price}"}
    common = _common(champion, panel)
    if not common:
        return record | {"reason": "it has none of the symbols"}
    unseen = int((origins >= since).sum())
    record |= {"symbols": len(common), "origins": unseen}
    if unseen < ENOUGH_DATES:  # scoring could not change that
        return record | {"reason": _too_few(unseen, both=since > cutoff)}
    return Contest(champion, record, since, common)


def common_scores(scores: Scores, columns: Any, both: Flags, days: Flags) -> Scores:
    """The scores of S symbols, restricted to forecasts that both models have.

    both: (K, S, H), by origin, symbol and horizon.  days: (D, S), the days that count.
    """

    def common(values: Floats) -> Floats:
        return where(both, values[:, columns][:, :, : both.shape[-1]])

    def losses(of: Losses) -> Losses:
        return Losses(**{name: common(part) for name, part in vars(of).items()})

    return replace(
        scores,
        model=losses(scores.model),
        random_walk=losses(scores.random_walk),
        transform=common(scores.transform),
        scale=scores.scale[:, columns],
        squared_scale=scores.squared_scale[:, columns],
        origin=scores.origin[:, columns],
        **{name: where(days, getattr(scores, name)[: len(days), columns]) for name in DAILY},
    )


def _too_few(dates: int, *, both: bool) -> str:
    """The reason of no comparison; both: whether the challenger, scored, knew later dates."""
    who = "this model and it were" if both else "it was"
    return (
        f"only {dates} of the dates come after what {who} trained on; a comparison needs "
        f"{ENOUGH_DATES}"
    )


def _common(champion: Model, panel: Panel) -> list[str]:
    """The symbols that both have and whose prices fit the champion's scale."""
    low = np.asarray((panel.prices <= 0).any(axis=0))
    return sorted(
        symbol
        for symbol, any_sign in zip(champion.symbols, champion.any_sign, strict=True)
        if symbol in panel.places and (any_sign or not low[panel.places[symbol]])
    )


def _days(panel: Panel, origins: Days, count: int) -> Days:
    """(D, S): the days from which the next one was forecast, NEVER past a history's end."""
    first = np.maximum(panel.upto(int(origins[0])) - 1, 0)
    rows = first + np.arange(count)[:, None]
    columns = np.arange(len(panel))
    there = rows < panel.counts
    return np.where(there, panel.days[np.where(there, rows, 0), columns], NEVER)
