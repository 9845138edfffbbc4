"""Gamma-HAR: the weights are those of a GLM, known by their day, in whatever order series come."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from forecasts import garch_changes, shuffled, simulated, weekdays

from pricewright.forecasting import har
from pricewright.forecasting.har import LONGEST, TERMS
from pricewright.forecasting.panel import NEVER, panel_of, squares

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def regressed(x, y, start=None):
    return har._weights(har._Regression(x), y, np.ones(len(y), bool), start)


def simulated_rows(weights, rows=4000, seed=1):
    """Averages (rows, K) that hang together as those of a HAR do, and gamma outcomes."""
    random = np.random.default_rng(seed)
    x = np.exp(0.5 * random.normal(size=(rows, len(weights))) + random.normal(size=(rows, 1)))
    return x, random.gamma(0.5, 2 * (x @ weights))


def glm(x, y):
    family = sm.families.Gamma(link=sm.families.links.Identity())
    # an identity link can step to a negative mean on its way; it begins near the end
    start = np.linalg.lstsq(x / x.sum(axis=1)[:, None], y / x.sum(axis=1), rcond=None)[0]
    return sm.GLM(y, x, family=family).fit(start_params=start, tol=1e-14, maxiter=300).params


@pytest.mark.filterwarnings("ignore::statsmodels.tools.sm_exceptions.DomainWarning")
@pytest.mark.parametrize("seed", range(5))
def test_the_weights_are_those_of_a_gamma_glm(seed):
    x, y = simulated_rows(np.array([0.3, 0.2, 0.4, 0.1, 0.25]), seed=seed)
    theirs = glm(x, y)
    assert (theirs > 0).all()
    np.testing.assert_allclose(regressed(x, y), theirs, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::statsmodels.tools.sm_exceptions.DomainWarning")
def test_the_weights_of_a_panel_are_those_of_a_gamma_glm_where_none_is_held_at_zero():
    rows = har.regression_rows(simulated(4, 900, seed=3), 3, 1)
    found = har.weights(rows, -NEVER, NEVER - 1)
    for horizon in range(3):
        use = rows.known[horizon] < NEVER
        x = rows.inputs[use]
        active = found[horizon] > 0
        theirs = glm(x[:, active], rows.outcomes[horizon][use])
        np.testing.assert_allclose(found[horizon][active], theirs, rtol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_where_a_weight_would_be_negative_no_other_choice_is_likelier(seed):
    """The conditions of Karush, Kuhn and Tucker for weights >= 0."""
    random = np.random.default_rng(seed)
    x, _ = simulated_rows(np.ones(5), seed=seed)
    mean = x @ np.array([0.6, -0.1, 0.5, -0.15, 0.3])
    y = random.gamma(0.5, 2 * np.maximum(mean, 0.02 * x.sum(axis=1)))
    weights = regressed(x, y)
    expected = x @ weights
    score = (x / expected[:, None] * (y / expected - 1)[:, None]).mean(axis=0)
    scale = (x / expected[:, None]).mean(axis=0)
    assert (weights >= 0).all()
    assert (weights == 0).any()  # or nothing was tested
    assert (np.abs(score[weights > 0]) < 1e-6 * scale[weights > 0]).all()
    assert (score[weights == 0] <= 1e-5 * scale[weights == 0]).all()


def test_the_end_does_not_depend_on_the_beginning():
    for seed in range(4):
        x, y = simulated_rows(np.array([0.3, 0.0, 0.4, 0.0, 0.25]), seed=seed)
        cold = regressed(x, y)
        for start in (np.full(5, 0.9), np.array([0, 0, 0, 0, 1.0]), cold):
            np.testing.assert_allclose(regressed(x, y, start=start), cold, atol=1e-7)


@pytest.mark.parametrize("rows", [0, 1, har.FEWEST - 1])
def test_with_few_rows_there_are_no_weights(rows):
    x, y = simulated_rows(np.ones(5), rows=200)
    weights = har._weights(har._Regression(x), y, np.arange(len(y)) < rows, None)
    assert np.isnan(weights).all()


def test_averages_that_are_all_alike_have_weights():
    y = np.random.default_rng(1).gamma(0.5, 2, 400)
    found = regressed(np.ones((400, 5)), y)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(y.mean())


def test_rows_that_are_not_used_change_nothing():
    x, y = simulated_rows(np.array([0.3, 0.2, 0.4, 0.1, 0.25]), rows=800)
    use = np.arange(len(y)) % 3 > 0
    one = har._weights(har._Regression(x), y, use, None)
    other = har._weights(har._Regression(x), np.where(use, y, 99.0), use, None)
    assert one.tobytes() == other.tobytes()
    np.testing.assert_allclose(one, regressed(x[use], y[use]), rtol=1e-8)


def test_the_order_of_series_does_not_change_the_weights():
    panel = simulated(6, 400)
    found = []
    for order in ([0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4]):
        rows = har.regression_rows(shuffled(panel, order), 4, 1)
        found.append(har.weights(rows, -NEVER, NEVER - 1))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-8, atol=1e-10)


def test_only_outcomes_that_were_known_by_the_day_count():
    panel = simulated(3, 400)
    day = int(panel.days[300, 0])
    later = np.where(panel.days > day, panel.prices[::-1] * 3, panel.prices)
    other = type(panel)(panel.symbols, panel.days, later, panel.levels)
    one, two = (
        har.weights(har.regression_rows(made, 5, 1), -NEVER, day) for made in (panel, other)
    )
    assert one.tobytes() == two.tobytes()
    last = har.weights(har.regression_rows(panel, 5, 1), -NEVER, int(panel.days[299, 0]))
    assert not (last == one).all()  # and the last day that was known does


def test_only_what_began_in_the_window_counts():
    panel = simulated(3, 400)
    since, until = int(panel.days[150, 0]), int(panel.days[380, 0])
    rows = har.regression_rows(panel, 2, 1)
    kept = rows.begun >= since
    garbled = har.RegressionRows(
        rows.inputs,
        np.where(rows.begun >= since, rows.outcomes, 7.0),
        rows.begun,
        rows.known,
        rows.number,
    )
    assert 0 < kept.sum() < kept.size
    one, other = har.weights(rows, since, until), har.weights(garbled, since, until)
    assert one.tobytes() == other.tobytes()
    assert one.tobytes() != har.weights(rows, -NEVER, until).tobytes()


def test_the_averages_are_exponential_with_their_half_lives():
    panel = simulated(2, 150)
    changes = np.diff(np.log(panel.prices), axis=0)
    values = {"range": changes**2, "square": changes**2}  # there are no ranges
    values["fall"] = np.where(changes < 0, changes**2, 0.0)
    found, known = har.averages(panel)
    assert not known.any()
    for place, (of, life) in enumerate(TERMS):
        keep = 0.5 ** (1 / life)
        state = values[of][:20].mean(axis=0)
        np.testing.assert_allclose(found[0, :, place], state, rtol=1e-10)
        for row, value in enumerate(values[of]):
            state = keep * state + (1 - keep) * value
            np.testing.assert_allclose(found[row + 1, :, place], state, rtol=1e-9)


def test_the_averages_go_on_from_where_they_were():
    panel = simulated(2, 150)
    whole, _ = har.averages(panel)
    rest, _ = har.averages(panel.since(int(panel.days[100, 0])), whole[100])
    np.testing.assert_allclose(rest, whole[100:], rtol=1e-12)


def test_where_prices_move_more_after_falls_these_have_weight():
    """By GARCH of Glosten, Jagannathan & Runkle (1993), in which only falls move the variance."""
    random = np.random.default_rng(3)
    variance, changes = np.ones(4), np.empty((1500, 4))
    for day in range(len(changes)):
        changes[day] = random.normal(size=4) * np.sqrt(variance)
        variance = 0.05 + 0.85 * variance + 0.2 * changes[day] ** 2 * (changes[day] < 0)
    prices = 50 * np.exp(0.01 * np.cumsum(changes, axis=0))
    names = ["A", "B", "C", "D"]
    for falling, moves in ((True, prices), (False, 2500 / prices)):
        panel = panel_of(names, [(weekdays(len(moves)), column) for column in moves.T])
        found = har.weights(har.regression_rows(panel, 1, 1), -NEVER, NEVER - 1)[0]
        assert bool(found[-2:].sum() > 0.3) is falling


def test_pegged_prices_leave_the_falls_no_weight_that_makes_others_nothing():
    """Where most days have no change, a variance of nothing would be the likeliest."""
    changes = garch_changes(1500, 2, seed=4)
    changes[:, 1] = np.abs(changes[:, 1]) * (np.arange(1500) % 40 == 0)
    days = weekdays(1501)
    prices = 50 * np.exp(np.cumsum(np.vstack([np.zeros(2), changes]), axis=0))
    panel = panel_of(["MOVES", "PEGGED"], [(days, prices[:, 0]), (days, prices[:, 1])])
    past = har.with_floor(har.averages(panel)[0])
    assert (past[300:] >= har.FLOOR * past[300:, :, [LONGEST]]).all()
    made = past[300:] @ har.weights(har.regression_rows(panel, 1, 1), -NEVER, NEVER - 1)[0]
    assert (made > har.FLOOR / 10 * past[300:, :, LONGEST]).all()


def test_the_rows_of_a_series_are_its_averages_and_the_mean_squares_that_followed():
    panel, horizon = simulated(1, 200), 3
    changes = squares(panel.values)
    past, _ = har.averages(panel)
    rows = har.regression_rows(panel, horizon, 1)
    at = np.arange(har.WARM_UP, 199)
    assert len(rows.begun) == len(at)
    longest = past[at, 0, [LONGEST]][:, None]
    np.testing.assert_allclose(rows.inputs, np.maximum(past[at, 0], har.FLOOR * longest))
    assert (rows.begun == panel.days[at, 0]).all()
    for step in range(1, horizon + 1):
        known = rows.known[step - 1]
        inside = at + step < 200
        assert (known[inside] == panel.days[at[inside] + step, 0]).all()
        assert (known[~inside] == NEVER).all()
        means = [changes[row : row + step, 0].mean() for row in at[inside]]
        clipped = np.minimum(means, har.CLIP * longest[inside, 0])
        np.testing.assert_allclose(rows.outcomes[step - 1][inside], clipped, rtol=1e-7)


def test_of_long_panels_every_so_many_th_observation_is_a_row():
    most = har.ROWS
    steps = [har.row_step(count) for count in (1, most, most + 1, 2 * most, 2 * most + 1)]
    assert steps == [1, 1, 2, 2, 4]
    panel = simulated(2, 300)
    all_rows, fewer = (har.regression_rows(panel, 1, step) for step in (1, 4))
    counts = [(rows.begun < NEVER).sum() for rows in (all_rows, fewer)]
    assert counts == [2 * 239, 2 * 60]
    among = har.weights(all_rows, -NEVER, NEVER - 1, 4)
    np.testing.assert_array_equal(among, har.weights(fewer, -NEVER, NEVER - 1))


def test_a_crash_of_one_day_counts_for_no_more_than_the_clip():
    panel = simulated(1, 300)
    prices = panel.prices.copy()
    prices[200:] *= 1000
    jumped = type(panel)(panel.symbols, panel.days, prices, panel.levels)
    rows = har.regression_rows(jumped, 1, 1)
    ratio = rows.outcomes[0] / rows.inputs[:, LONGEST]
    assert ratio.max() == pytest.approx(har.CLIP)


def test_a_series_that_never_changes_is_no_row():
    panel = simulated(2, 200)
    prices = panel.prices.copy()
    prices[:, 1] = 7
    rows = har.regression_rows(type(panel)(panel.symbols, panel.days, prices, panel.levels), 2, 1)
    assert (rows.begun < NEVER).sum() == 200 - 1 - har.WARM_UP
    assert np.isfinite(har.weights(rows, -NEVER, NEVER - 1)).all()


def test_the_same_rows_are_worked_on_once_and_others_are_not_taken_for_them(monkeypatch):
    made, honest = [], har._weights

    def counted(regression, y, use, start):
        made.append(np.count_nonzero(use))
        return honest(regression, y, use, start)

    monkeypatch.setattr(har, "_weights", counted)
    panel = simulated(2, 333)
    rows = har.regression_rows(panel, 1, 1)
    day = int(panel.days[260, 0])
    count = np.count_nonzero(rows.known[0] <= day)
    one = har.weights(rows, -NEVER, day)
    past_the_rows = replace(rows, outcomes=np.where(rows.known <= day, rows.outcomes, 7.0))
    two = har.weights(past_the_rows, -NEVER, day)
    assert one.tobytes() == two.tobytes()
    assert made == [count]
    one[:] = 0  # what was given away is not what is known
    assert har.weights(rows, -NEVER, day).tobytes() == two.tobytes()
    row = np.arange(len(rows.inputs)) == 100
    for other in (
        replace(rows, inputs=rows.inputs * np.where(row, 1.5, 1.0)[:, None]),
        replace(rows, outcomes=rows.outcomes * np.where(row, 1.5, 1.0)),
    ):
        assert har.weights(other, -NEVER, day).tobytes() != two.tobytes()
    assert made == [count] * 3


@pytest.mark.parametrize("window", [NEVER, 150])
def test_only_the_rows_that_some_day_looks_at_are_made(window):
    panel = simulated(6, 500)
    days = panel.days[[150, 250, 300, 450], 0].tolist()
    steps = [1, 2, 4, 4]
    every, fewer = har.regression_rows(panel, 4, 1), har.regression_rows(panel, 4, steps, days)
    assert len(fewer.inputs) < 0.6 * len(every.inputs)
    for day, step in zip(days, steps, strict=True):
        one, other = (har.weights(rows, day - window, day, step) for rows in (every, fewer))
        assert one.tobytes() == other.tobytes()
        assert np.isfinite(one).all()
