"""Scores and figures of a small walk: again by hand, loop by loop, from their definitions."""

import math
from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import pytest
import scoringrules
from forecasts import chosen, simulated, uneven
from scipy import stats

from pricewright.evaluation.acceptance import (
    COVERAGES,
    ENOUGH_DAYS,
    HIGHEST_RATIO,
    TAILS,
    percent_key,
)
from pricewright.evaluation.figures import _newest_deviation, figures, mean_of
from pricewright.evaluation.metrics import kupiec
from pricewright.evaluation.scores import score
from pricewright.evaluation.summary import Summary
from pricewright.forecasting.distribution import LEVELS, levels_with
from pricewright.forecasting.panel import NEVER, Panel
from pricewright.forecasting.timeline import make_timeline
from pricewright.forecasting.walkforward import walk_forward

pytestmark = pytest.mark.filterwarnings("error")

SETTINGS = chosen(location="drift", distribution="conformal", volatility="ewma", refit=10)
OWN = levels_with(0.9).tolist()


class Walk:
    """A walk-forward, its scores and figures, and its forecasts point by point."""

    def __init__(self, panel, settings=SETTINGS):
        self.panel, self.settings = panel, settings
        self.times = make_timeline(panel, settings)
        self.walked = walk_forward(panel, self.times, settings)
        self.scores = score(self.walked)
        summary = Summary.of_scores(self.scores, len(self.scores.qlike))
        self.figures = figures(summary, panel.symbols)
        (self.piece,) = self.walked.pieces
        self.shapes = self.walked.shapes(self.piece)

    def column(self, symbol):
        return self.panel.symbols.index(symbol)

    def origin_rows(self, column):
        """Of each origin: the row of the last price that was known."""
        return [int(self.panel.upto(day)[column]) - 1 for day in self.times.origins.tolist()]

    def counts(self, column):
        """Of each origin: whether enough prices came since the last one that counted."""
        found, last = {}, None
        for day in self.panel.calendar[:: self.settings.horizon].tolist():
            row = int(self.panel.upto(day)[column])
            found[day] = last is None or row - last >= 2 * self.settings.horizon // 3
            last = row if found[day] else last
        return [found[day] for day in self.times.origins.tolist()]

    def points(self, symbol):
        """Of each origin and step with an outcome: (k, h, price, row)."""
        column = self.column(symbol)
        counts = self.counts(column)
        for k, row in enumerate(self.origin_rows(column)):
            if not self.piece.usable[k, column] or not counts[k]:
                continue
            for h in range(self.settings.horizon):
                if row + h + 1 < self.panel.counts[column]:
                    yield k, h, float(self.panel.prices[row + h + 1, column]), row

    def shape(self, column, k, h, level):
        return self.shapes[k, min(column, self.shapes.shape[1] - 1), h, OWN.index(level)]

    def from_scale(self, column, value):
        return value if self.panel.levels[column] else math.exp(value)

    def quantile(self, symbol, k, h, level):
        column = self.column(symbol)
        deviation = math.sqrt(self.piece.variances[k, column, h])
        value = self.piece.centres[k, column, h] + deviation * self.shape(column, k, h, level)
        return self.from_scale(column, value)

    def point(self, symbol, k, h):
        column = self.column(symbol)
        return self.from_scale(column, self.piece.centres[k, column, h])

    def scale(self, symbol, row, power=1):
        prices = self.panel.prices[: row + 1, self.column(symbol)]
        return float(np.mean(np.abs(np.diff(prices)) ** power))

    def last(self, symbol, row):
        return float(self.panel.prices[row, self.column(symbol)])

    def hits(self, symbol, tail):
        """Of each day from the first usable origin on: 1 for a loss beyond the value-at-risk."""
        column, found = self.column(symbol), []
        rows = self.origin_rows(column)
        for place, row in enumerate(self.piece.daily_rows[:, column].tolist()):
            if row < 0 or row + 1 >= self.panel.counts[column]:
                continue
            k = max((k for k, at in enumerate(rows) if at <= row), default=-1)
            if k < 0 or not self.piece.usable[k, column]:
                continue
            deviation = math.sqrt(self.piece.daily_variances[place, column])
            bound = self.piece.daily_centres[place, column]
            bound += deviation * self.shape(column, k, 0, tail)
            found.append(float(self.panel.values[row + 1, column] < bound))
        return found


@pytest.fixture(scope="module")
def walk():
    return Walk(simulated(3, 400))


@pytest.fixture(scope="module")
def market():
    """With a late listing, gaps, a dead series and one in levels."""
    return Walk(uneven(400))


@pytest.fixture(params=["plain", "uneven"])
def each(request, walk, market):
    return walk if request.param == "plain" else market


def by_symbol(each):
    return each.figures["by_symbol"].items()


def test_mase_and_rmsse_are_errors_over_those_of_naive(each):
    for symbol, found in by_symbol(each):
        absolute, squared, naive = [], [], []
        for k, h, price, row in each.points(symbol):
            error = price - each.point(symbol, k, h)
            absolute.append(abs(error) / each.scale(symbol, row))
            squared.append(error**2 / each.scale(symbol, row, 2))
            naive.append(abs(price - each.last(symbol, row)) / each.scale(symbol, row))
        if not absolute:
            assert found["model"]["mase"] is None
            continue
        assert found["model"]["mase"] == pytest.approx(np.mean(absolute), rel=1e-9)
        assert found["model"]["rmsse"] == pytest.approx(math.sqrt(np.mean(squared)), rel=1e-9)
        assert found["random_walk"]["mase"] == pytest.approx(np.mean(naive), rel=1e-9)


def test_the_mae_ratio_is_of_sums_of_errors(each):
    for symbol, found in by_symbol(each):
        ours = [abs(p - each.point(symbol, k, h)) for k, h, p, _ in each.points(symbol)]
        naive = [abs(p - each.last(symbol, row)) for _, _, p, row in each.points(symbol)]
        if ours:
            assert found["mae_ratio"] == pytest.approx(sum(ours) / sum(naive), rel=1e-9)


def test_coverage_is_the_share_of_prices_within(each):
    for symbol, found in by_symbol(each):
        for share, value in [(0.9, found["model"]["coverage"])] + [
            (share, found["model"]["coverages"][percent_key(share)]) for share in COVERAGES
        ]:
            lower, upper = round((1 - share) / 2, 12), round((1 + share) / 2, 12)
            inside = [
                each.quantile(symbol, k, h, lower) <= p <= each.quantile(symbol, k, h, upper)
                for k, h, p, _ in each.points(symbol)
            ]
            assert value == (pytest.approx(np.mean(inside)) if inside else None)


def test_pinball_interval_score_and_crps_are_in_units_of_naive(each):
    for symbol, found in by_symbol(each):
        pinball, interval, crps = [], [], []
        for k, h, price, row in each.points(symbol):
            quantiles = [each.quantile(symbol, k, h, level) for level in LEVELS]
            losses = scoringrules.quantile_score(price, np.array(quantiles), np.array(LEVELS))
            unit = each.scale(symbol, row)
            pinball.append(np.mean(losses) / unit)
            deciles = [losses[LEVELS.index(tenths / 10)] for tenths in range(1, 10)]
            crps.append(2 * np.mean(deciles) / unit)
            lower, upper = (each.quantile(symbol, k, h, level) for level in (0.05, 0.95))
            interval.append(scoringrules.interval_score(price, lower, upper, 0.1) / unit)
        if pinball:
            assert found["model"]["pinball"] == pytest.approx(np.mean(pinball), rel=1e-9)
            assert found["model"]["crps"] == pytest.approx(np.mean(crps), rel=1e-9)
            assert found["model"]["interval_score"] == pytest.approx(np.mean(interval), rel=1e-9)


def test_the_transform_of_a_normal_shape_is_the_normal_distribution_of_what_happened():
    walk = Walk(simulated(1, 400), chosen())
    for k, h, price, _ in walk.points("S0"):
        deviation = math.sqrt(walk.piece.variances[k, 0, h])
        standard = (math.log(price) - walk.piece.centres[k, 0, h]) / deviation
        if abs(standard) < 2:
            found = walk.scores.transform[k, 0, h]
            assert found == pytest.approx(stats.norm.cdf(standard), abs=0.02)
    pit = walk.figures["by_symbol"]["S0"]["pit"]
    assert sum(pit) == len(list(walk.points("S0")))


def test_the_random_walk_is_the_last_price_with_normal_errors_of_all_changes_so_far(walk):
    held = []
    for k, h, price, row in walk.points("S1"):
        last = walk.last("S1", row)
        changes = np.diff(np.log(walk.panel.prices[: row + 1, 1]))
        deviation = math.sqrt((h + 1) * np.mean(changes**2))
        bound = stats.norm.ppf(0.95) * deviation
        held.append(abs(math.log(price / last)) <= bound)
        assert walk.scores.random_walk.error[k, 1, h] == pytest.approx(price - last)
    assert walk.figures["by_symbol"]["S1"]["random_walk"]["coverage"] == np.mean(held)


def test_hits_are_losses_beyond_the_value_at_risk(each):
    for symbol, found in by_symbol(each):
        for tail in TAILS:
            hits = each.hits(symbol, tail)
            var = found["var"][percent_key(tail)]
            assert (var["days"], var["exceptions"]) == (len(hits), sum(hits))
            if hits:
                expected = kupiec(np.array(hits)[:, None], tail).p_value[0]
                assert var["kupiec"] == pytest.approx(expected)


def test_the_shortfall_is_judged_by_the_joint_score_and_by_what_exceeds_it(each):
    for symbol, found in by_symbol(each):
        column, rows = each.column(symbol), each.origin_rows(each.column(symbol))
        values, scores, residuals = each.panel.values[:, column], [], []
        for place, row in enumerate(each.piece.daily_rows[:, column].tolist()):
            k = max((k for k, at in enumerate(rows) if at <= row), default=-1)
            if row < 0 or row + 1 >= each.panel.counts[column] or k < 0:
                continue
            if not each.piece.usable[k, column]:
                continue
            deviation = math.sqrt(each.piece.daily_variances[place, column])
            drift = each.piece.daily_centres[place, column] - values[row]
            at_risk = drift + deviation * each.shape(column, k, 0, 0.025)
            own = each.shapes[k, min(column, each.shapes.shape[1] - 1), 0, -1]
            mean, change = drift + deviation * own, values[row + 1] - values[row]
            beyond = change <= at_risk
            score = -float(beyond) * (at_risk - change) / (0.025 * mean) + at_risk / mean
            scores.append(score + math.log(-mean) - 1)
            residuals += [(change - mean) / deviation] if change < at_risk else []
        assert (found["es"]["days"], found["es"]["exceptions"]) == (len(scores), len(residuals))
        if scores:
            assert found["es"]["score"] == pytest.approx(np.mean(scores), rel=1e-9)
        if len(residuals) > 2:
            assert found["es"]["residual"] == pytest.approx(np.mean(residuals), rel=1e-9)
            expected = stats.ttest_1samp(residuals, 0.0, alternative="less").pvalue
            assert found["es"]["p_value"] == pytest.approx(expected)


def test_qlike_is_of_the_next_change_beside_riskmetrics(walk):
    for column, (_, found) in enumerate(by_symbol(walk)):
        values, ours, theirs = walk.panel.values[:, column], [], []
        changes = np.diff(values) ** 2
        average = changes[:20].mean()
        averages = [average]
        for change in changes:
            average = 0.94 * average + 0.06 * change
            averages.append(average)
        for place, row in enumerate(walk.piece.daily_rows[:, column].tolist()):
            if 0 <= row < len(changes):
                variance = walk.piece.daily_variances[place, column]
                ours.append(math.log(variance) + changes[row] / variance)
                theirs.append(math.log(averages[row]) + changes[row] / averages[row])
        assert found["volatility"]["days"] == len(ours)
        assert found["volatility"]["qlike"] == pytest.approx(np.mean(ours), rel=1e-9)
        assert found["volatility"]["ewma_qlike"] == pytest.approx(np.mean(theirs), rel=1e-9)


def test_pooled_errors_are_means_over_symbols_and_pooled_shares_are_of_points(each):
    pooled = each.figures["pooled"]
    known = [found for _, found in by_symbol(each) if found["model"]["mase"] is not None]
    assert pooled["symbols"] == len(known)
    points = [len(list(each.points(symbol))) for symbol, _ in by_symbol(each)]
    weights = [min(count / ENOUGH_DAYS, 1) for count in points if count]
    for name in ("mase", "rmsse", "pinball", "crps", "interval_score"):
        expected = np.average([found["model"][name] for found in known], weights=weights)
        assert pooled["model"][name] == pytest.approx(expected)
    assert pooled["forecasts"] == sum(points)
    held = [
        found["model"]["coverage"] * count
        for (_, found), count in zip(by_symbol(each), points, strict=True)
        if count
    ]
    assert pooled["model"]["coverage"] == pytest.approx(sum(held) / sum(points))
    assert sum(pooled["pit"]["counts"]) == sum(points)
    for key in ("1", "5"):
        days = sum(found["var"][key]["days"] for _, found in by_symbol(each))
        assert pooled["var"][key]["days"] == days


def test_the_pooled_residual_is_of_all_exceptions(each):
    es = [found["es"] for _, found in by_symbol(each) if found["es"]["exceptions"]]
    counts = [found["exceptions"] for found in es]
    expected = np.average([found["residual"] for found in es], weights=counts)
    assert each.figures["pooled"]["es"]["residual"] == pytest.approx(expected)


def spoilt(panel, symbol, row, times):
    """The panel with one price that is so many times what it was."""
    prices = panel.prices.copy()
    prices[row, panel.symbols.index(symbol)] *= times
    return Panel.of(panel.symbols, panel.days, prices)


def test_no_symbol_decides_alone_and_the_days_that_add_most_are_named():
    panel = simulated(3, 400)
    row = int(panel.counts[1]) - 20
    settings = chosen(volatility="rolling", distribution="conformal", refit=10)
    before, after = (
        Walk(each, settings).figures["pooled"] for each in (panel, spoilt(panel, "S1", row, 10))
    )
    plain, found = before["volatility"], after["volatility"]
    assert found["symbols"] == plain["symbols"] == 3
    assert 0 <= found["better"] <= 3
    assert abs(found["qlike_difference"] - plain["qlike_difference"]) < 0.05
    days = [str(np.datetime64(int(panel.days[at, 1]), "D")) for at in (row, row + 1)]
    assert {each["date"] for each in found["largest"][:2]} & set(days)
    assert found["largest"][0]["symbol"] == "S1"
    adds = [each["adds"] for each in found["largest"]]
    assert adds == sorted(adds, reverse=True)
    assert after["interval"]["largest"][0]["symbol"] == "S1"


def test_a_symbol_counts_the_less_the_more_its_differences_vary():
    walk = Walk(simulated(3, 400), chosen(volatility="rolling", refit=10))
    found = walk.figures["pooled"]["volatility"]
    each = walk.scores.qlike - walk.scores.ewma_qlike
    means, deviations = np.nanmean(each, axis=0), np.nanstd(each, axis=0)
    usual = np.sort(deviations)[(len(deviations) - 1) // 2]
    weights = np.minimum(1, usual / deviations)
    assert found["qlike_difference"] == pytest.approx(np.average(means, weights=weights))
    assert found["better"] == (means < 0).sum()


def test_a_symbol_of_a_few_days_is_not_tested_and_decides_nothing():
    """A new listing may be forecast badly for its first days, by chance."""
    old = simulated(2, 700)
    young = np.full((len(old.prices), 1), np.nan)
    days = np.full(young.shape, NEVER, dtype=np.int32)
    days[:56, 0] = old.days[-56:, 0]
    calm_then_wild = np.where(np.arange(56) < 51, 1e-3, 0.1) * np.tile([1, -1], 28)
    young[:56, 0] = 100 * np.exp(np.cumsum(calm_then_wild))
    panel = Panel.of(
        [*old.symbols, "NEW"], np.hstack([old.days, days]), np.hstack([old.prices, young])
    )
    settings = chosen(volatility="rolling", origins=ENOUGH_DAYS)
    without, found = Walk(old, settings).figures, Walk(panel, settings).figures
    new = found["by_symbol"]["NEW"]
    assert 0 < new["volatility"]["days"] < 20
    assert new["volatility"]["p_value"] is new["volatility"]["p_value_holm"] is None
    worse = new["volatility"]["qlike"] - new["volatility"]["ewma_qlike"]
    before, after = (each["pooled"]["volatility"]["qlike_difference"] for each in (without, found))
    assert abs(after - before) < 0.08 * abs(worse - before)
    before, after = (each["pooled"]["model"]["interval_score"] for each in (without, found))
    assert abs(after - before) < 0.08 * abs(new["model"]["interval_score"] - before)


@pytest.mark.parametrize("tail", ["1", "5"])
def test_the_symbols_with_enough_days_that_pass_a_test_are_counted(tail):
    found = Walk(simulated(6, 500), chosen(volatility="rolling", origins=ENOUGH_DAYS)).figures
    each = [its["var"][tail] for its in found["by_symbol"].values()]
    pooled = found["pooled"]["var"][tail]
    assert pooled["tested"] == 6
    assert pooled["passed"] == sum(var["kupiec"] >= 0.05 for var in each)
    clustered = sum(var["independence"] is not None and var["independence"] < 0.05 for var in each)
    assert pooled["independent"] == 6 - clustered
    each = [its["es"] for its in found["by_symbol"].values()]
    pooled = found["pooled"]["es"]
    assert pooled["passed"] == pooled["tested"] - sum(es["p_value"] < 0.05 for es in each)
    assert pooled["tested"] == 6


def test_figures_by_horizon_are_those_of_the_step(walk):
    found = walk.figures["pooled"]["model"]["by_horizon"]
    for h in range(5):
        errors, held = [], []
        for symbol in walk.panel.symbols:
            each = [point for point in walk.points(symbol) if point[1] == h]
            scaled = [
                abs(p - walk.point(symbol, k, h)) / walk.scale(symbol, row) for k, _, p, row in each
            ]
            errors.append(np.mean(scaled))
            held += [
                walk.quantile(symbol, k, h, 0.05) <= p <= walk.quantile(symbol, k, h, 0.95)
                for k, _, p, _ in each
            ]
        assert found["mase"][h] == pytest.approx(np.mean(errors))
        assert found["coverage"][h] == pytest.approx(np.mean(held))


def test_a_model_that_is_the_random_walk_is_no_better_and_no_worse():
    walk = Walk(simulated(2, 400), chosen(origins=ENOUGH_DAYS))
    for found in walk.figures["by_symbol"].values():
        assert found["mae_ratio"] == 1
        assert found["p_value"] == 1
        assert found["model"]["mase"] == found["random_walk"]["mase"]
        assert found["volatility"]["qlike"] == found["volatility"]["ewma_qlike"]
    assert walk.figures["pooled"]["mae_ratio"] == 1
    assert walk.figures["pooled"]["volatility"]["qlike_difference"] == 0


def test_scores_of_groups_of_symbols_are_those_of_all_together():
    panel = simulated(70, 120)
    settings = chosen(refit=20)
    times = make_timeline(panel, settings)
    first, second = map(score, walk_forward(panel, times, settings).take_parts())
    for column, (group, place) in {
        0: (first, 0),
        63: (first, 63),
        64: (second, 0),
        69: (second, 5),
    }.items():
        alone_panel = panel.columns(np.array([column]))
        alone = score(walk_forward(alone_panel, times, settings))
        np.testing.assert_array_equal(group.model.pinball[:, [place]], alone.model.pinball)
        np.testing.assert_array_equal(group.hits[:, [place]], alone.hits)


# Where there is nothing.


def leaves(node):
    if isinstance(node, Mapping):
        for part in node.values():
            yield from leaves(part)
    elif isinstance(node, list):
        for part in node:
            yield from leaves(part)
    else:
        yield node


def test_with_no_origin_there_is_nothing_and_no_nan():
    walk = Walk(simulated(2, 42), chosen())
    assert len(walk.times.origins) == 0
    for found in walk.figures["by_symbol"].values():
        assert found["origins"] == 0
        assert set(leaves(found["model"])) == {None}
        assert set(leaves(found["random_walk"])) == {None}
        assert found["mae_ratio"] is None
        assert found["volatility"]["qlike"] is None
        assert found["var"]["1"]["days"] == found["var"]["1"]["exceptions"] == 0
    pooled = walk.figures["pooled"]
    assert (pooled["symbols"], pooled["forecasts"], pooled["mae_ratio"]) == (0, 0, None)
    assert set(leaves(pooled["model"])) == {None}
    assert pooled["var"]["1"]["share"] is None


def test_who_was_never_forecast_has_none_and_the_others_are_not_touched(market):
    for leaf in leaves(market.figures):
        assert leaf is None or isinstance(leaf, str) or math.isfinite(leaf)
    whole = uneven(400)
    settings = chosen(location="drift", min_history=300, refit=10)
    found = Walk(whole, settings).figures["by_symbol"]
    assert found["LATE"]["origins"] == 0
    assert found["LATE"]["model"]["mase"] is None
    assert found["LATE"]["p_value"] is None
    assert found["Z"]["origins"] == 19


def test_percent_keys_are_short():
    shares = {0.01: "1", 0.05: "5", 0.5: "50", 0.9: "90", 0.95: "95", 0.975: "97.5"}
    assert [percent_key(share) for share in shares] == list(shares.values())


def test_a_symbol_without_a_figure_or_a_day_does_not_count_in_the_mean():
    assert mean_of(np.array([1.0, np.nan, 4.0, 7.0]), np.array([1.0, 1.0, 2.0, 0.0])) == 3.0
    assert np.isnan(mean_of(np.array([np.nan, 7.0]), np.array([1.0, 0.0])))


def test_symbols_of_other_calendars_are_put_together_by_date():
    """One symbol misses every other day of a market in which all move alike."""
    panel = simulated(1, 600)
    prices, days = panel.prices[:, 0], panel.days[:, 0]
    every = np.arange(len(prices)) % 2 == 0
    short = np.append(prices[every], np.full(int((~every).sum()), np.nan))
    short_days = np.append(days[every], np.full(int((~every).sum()), days[-1] + 1))
    both = Panel.of(["A", "B"], np.stack([days, short_days], 1), np.stack([prices, short], 1))
    walk = Walk(both, chosen(volatility="rolling", refit=10))
    each = walk.scores.qlike - walk.scores.ewma_qlike
    means, dates = np.nanmean(each, axis=0), walk.scores.day
    weights = np.minimum(1, np.sort(np.nanstd(each, axis=0))[0] / np.nanstd(each, axis=0))
    weights *= np.minimum(1, np.isfinite(each).sum(axis=0) / ENOUGH_DAYS)
    added = {}
    for place in range(2):
        there = np.isfinite(each[:, place])
        for day, value in zip(dates[there, place], each[there, place], strict=True):
            share = weights[place] / weights.sum() / there.sum()
            added[day] = added.get(day, 0.0) + share * (value - means[place])
    count = len(added)
    error = np.sqrt(sum(part**2 for part in added.values()) * count / (count - 1))
    half = stats.t.ppf(0.975, count - 1) * error
    found = walk.figures["pooled"]["volatility"]
    middle = np.average(means, weights=weights)
    assert found["lower"] == pytest.approx(middle - half, rel=1e-8)
    assert found["upper"] == pytest.approx(middle + half, rel=1e-8)


def test_a_constant_volatility_is_forecast_by_the_mean_of_all_squared_changes():
    walk = Walk(simulated(2, 400), chosen(volatility="rolling", refit=10))
    values, rows = walk.panel.values, walk.piece.daily_rows
    day = len(rows) // 2
    for column in range(2):
        row = int(rows[day, column])
        variance = np.mean(np.diff(values[: row + 1, column]) ** 2)
        change = values[row + 1, column] - values[row, column]
        expected = np.log(variance) + change**2 / variance
        assert walk.scores.constant_qlike[day, column] == pytest.approx(expected)


def test_a_wrong_price_of_the_last_days_is_known_by_the_deviation_that_it_makes():
    panel = simulated(3, 600)
    row = int(panel.counts[1]) - 8
    settings = chosen(volatility="rolling", refit=10, origins=80)
    before, after = (
        Walk(each, settings).figures["pooled"]["newest_deviation"]
        for each in (panel, spoilt(panel, "S1", row, 10))
    )
    assert before["ratio"] < 2
    assert after["ratio"] > 10
    assert (after["symbol"], after["date"]) == (
        "S1",
        str(np.datetime64(int(panel.days[row, 1]), "D")),
    )


def peg(count, *moves):
    """Prices that stand still, apart from moves (row, price)."""
    prices = np.full(count, 1515.0)
    for row, price in moves:
        prices[row:] = price
    return prices


def beside(prices):
    """The newest deviation of three ordinary symbols and one with these last prices."""
    panel = simulated(3, 600)
    days = np.full((600, 1), NEVER, dtype=np.int32)
    days[: len(prices), 0] = panel.days[600 - len(prices) :, 0]
    column = np.full((600, 1), np.nan)
    column[: len(prices), 0] = prices
    both = Panel.of(
        [*panel.symbols, "X"],
        np.concatenate([panel.days, days], axis=1),
        np.concatenate([panel.prices, column], axis=1),
    )
    return Walk(both, chosen(refit=10, origins=80)).figures["pooled"]["newest_deviation"]


def test_a_peg_that_breaks_has_the_highest_ratio_also_if_it_never_moved_before():
    found = beside(peg(600, (595, 89_500.0)))
    assert (found["symbol"], found["ratio"]) == ("X", HIGHEST_RATIO)
    later = beside(peg(600, (595, 89_500.0), (597, 91_000.0)))
    assert (later["symbol"], later["date"]) == ("X", found["date"])


def test_a_peg_that_was_moved_a_little_long_ago_has_broken_too():
    assert beside(peg(600, (150, 1507.0), (595, 89_500.0)))["symbol"] == "X"


@pytest.mark.parametrize(
    "prices",
    [
        peg(600, (20, 1600.0), (300, 1500.0), (595, 1600.0)),
        peg(600, (150, 1600.0), (151, 1500.0), (590, 1601.0)),
        np.exp(np.cumsum(np.arange(600) % 40 == 0) % 2 * 0.1),
    ],
    ids=["rarely", "after long rests", "once in 40 days"],
)
def test_an_illiquid_symbol_that_moves_as_it_did_before_is_no_broken_peg(prices):
    assert beside(prices)["ratio"] < 10


def test_a_symbol_with_too_short_a_history_is_counted_as_not_judged():
    assert "too_few_days" not in beside(peg(600, (300, 1500.0), (560, 1600.0)))
    found = beside(simulated(1, 600).prices[-95:, 0])
    assert found["ratio"] < 10
    assert found["too_few_days"] == 1
    assert beside(peg(95, (90, 89_500.0)))["too_few_days"] == 1


def test_of_many_symbols_one_in_a_thousand_may_move_as_never_before():
    symbols = [f"S{number}" for number in range(2_000)]
    ratios = np.linspace(1.0, 2.0, 2_000)
    ratios[:2] = 50.0, 40.0
    found = SimpleNamespace(deviation_ratio=ratios, shock=np.full(2_000, 19_800))
    assert _newest_deviation(found, symbols)["symbol"] == "S1999"
    few = SimpleNamespace(deviation_ratio=ratios[:999], shock=found.shock)
    assert _newest_deviation(few, symbols)["symbol"] == "S0"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"refit": 1000}, {"symbols": 4, "dates": 80, "of_dates": 80}),
        ({"embargo_days": 880}, {"symbols": 4, "dates": 80, "of_dates": 80}),
        ({"refit": 5}, None),
        ({"refit": 1000, "volatility": "ewma"}, None),
    ],
    ids=["hardly estimated", "embargo", "estimated", "nothing to estimate"],
)
def test_dates_forecast_with_a_simpler_model_than_the_last_one_are_counted(changes, expected):
    """Of 900 days, the last hundred are evaluated; a GARCH needs 250."""
    panel = simulated(4, 900)
    walk = Walk(panel, chosen(**({"volatility": "garch11"} | changes)))
    found = walk.figures["pooled"].get("simpler")
    assert found == expected
