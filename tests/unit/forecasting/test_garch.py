"""GARCH: as likely as arch's, inside its bounds, the same bytes alone and among others."""

from dataclasses import fields, replace

import numpy as np
import pytest
from arch import arch_model
from forecasts import garch_changes, stocks
from scipy import stats

from pricewright.forecasting import garch_likelihood
from pricewright.forecasting.garch import CAP, Garch, conditional, fit
from pricewright.forecasting.garch_likelihood import EVEN, FREEDOM, Likelihood

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def of(found, column):
    """The parameters of one series."""
    return {part.name: getattr(found, part.name)[column].item() for part in fields(Garch)}


def same_bytes(one, other):
    for part in fields(Garch):
        assert getattr(one, part.name).tobytes() == getattr(other, part.name).tobytes(), part.name


def same_moves(one, other):
    np.testing.assert_allclose(one.alpha, other.alpha, atol=1e-6)
    np.testing.assert_allclose(one.persistence, other.persistence, atol=1e-6)


def is_whole(found):
    """Every number is one, and inside the bounds."""
    for part in fields(Garch):
        assert np.isfinite(getattr(found, part.name)).all()
    assert (found.alpha >= 0).all()
    assert (found.alpha <= found.persistence).all()
    assert (found.persistence <= CAP).all()


def stock_changes():
    """(1500, S): of real stocks."""
    return np.diff(np.log(stocks(1501)), axis=0)


def tailed_changes(days, columns, *, alpha=0.08, persistence=0.97, falls=1.0, seed=6):
    """(days, columns): changes of a GARCH with tails of Student's t, in whose news falls count
    `falls` times as rises do."""
    random = np.random.default_rng(seed).standard_t(FREEDOM, size=(days, columns))
    random = np.clip(random * np.sqrt((FREEDOM - 2) / FREEDOM), -5, 5)
    variance, made = np.ones(columns), np.empty((days, columns))
    rise = 2 / (1 + falls)
    for day, row in enumerate(random):
        made[day] = row * np.sqrt(variance)
        news = made[day] ** 2 * np.where(row < 0, falls * rise, rise)
        variance = 1 - persistence + alpha * news + (persistence - alpha) * variance
    return 0.01 * made


def likelihood(changes, found):
    """The log-likelihood (S,) of changes (n, S), falls and rises alike, with tails of Student's t,
    by a loop over the definition."""
    unit = changes**2 / found.variance
    variance = np.ones(changes.shape[1])
    total = np.zeros(changes.shape[1])
    for row in unit:
        width = np.sqrt(variance * (FREEDOM - 2) / FREEDOM)
        total += stats.t.logpdf(np.sqrt(row), FREEDOM, scale=width)
        carried = (found.persistence - found.alpha) * variance
        variance = (1 - found.persistence) + found.alpha * row + carried
    return total


def nats_short_of_arch(changes, found):
    """(S,): how much likelier arch, which begins with another variance, finds its own parameters
    of GARCH(1,1) with no mean than ours, with its tails."""
    short = []
    for column, unit in zip(100 * changes.T, 1e4 * found.variance, strict=True):
        model = arch_model(column, mean="Zero", vol="GARCH", p=1, q=1, dist="t", rescale=False)
        theirs = model.fit(disp="off", show_warning=False)
        alpha, persistence = found.alpha[len(short)], found.persistence[len(short)]
        place = [unit * (1 - persistence), alpha, persistence - alpha, theirs.params["nu"]]
        ours = model.fix(place).loglikelihood
        short.append(theirs.loglikelihood - ours)
    return np.array(short)


@pytest.mark.parametrize("source", ["simulated", "real"])
def test_it_is_as_likely_as_archs(source):
    changes = stock_changes() if source == "real" else tailed_changes(1500, 4, seed=2)
    assert (nats_short_of_arch(changes, fit(changes)) < 2).all()


def test_no_place_near_by_is_likelier():
    changes = np.concatenate([garch_changes(1500, 2, seed=2), stock_changes()], 1)
    found = fit(changes)
    best = likelihood(changes, found)
    for alpha, persistence in [(1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3), (1e-3, 1e-3)]:
        moved = replace(
            found,
            alpha=np.clip(found.alpha + alpha, 0, 1),
            persistence=np.clip(found.persistence + persistence, 0, CAP),
        )
        assert (likelihood(changes, moved) <= best + 1e-6).all()


@pytest.mark.parametrize(("alpha", "persistence"), [(0.05, 0.98), (0.1, 0.95), (0.15, 0.85)])
def test_the_parameters_of_a_simulated_series_are_found(alpha, persistence):
    found = fit(tailed_changes(5000, 4, alpha=alpha, persistence=persistence, seed=3))
    np.testing.assert_allclose(found.alpha, alpha, atol=0.04)
    np.testing.assert_allclose(found.persistence, persistence, atol=0.06)
    np.testing.assert_allclose(found.alpha.mean(), alpha, atol=0.02)
    np.testing.assert_allclose(found.persistence.mean(), persistence, atol=0.02)
    assert found.converged.all()


def test_the_long_run_variance_is_the_mean_square():
    changes = garch_changes(700, 3)
    np.testing.assert_allclose(fit(changes).variance, (changes**2).mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("row", [5, 900, 1998])
def test_a_slip_of_the_decimal_point_does_not_decide_the_estimate(row):
    changes = garch_changes(2000, 1, seed=9)
    slipped = changes.copy()
    slipped[row] += np.log(10)
    slipped[row + 1 :][:1] -= np.log(10)
    plain, found = fit(changes), fit(slipped)
    assert found.converged.all()
    assert found.variance[0] < 1.2 * plain.variance[0]
    assert found.persistence[0] == pytest.approx(plain.persistence[0], abs=0.1)


def test_the_bounds_are_kept():
    random = np.random.default_rng(4)
    jumps = random.normal(size=(800, 1)) * np.where(np.arange(800) < 400, 1, 30)[:, None]
    spikes = np.where(random.random((800, 1)) < 0.01, 1000.0, 1.0) * random.normal(size=(800, 1))
    found = fit(np.concatenate([jumps, spikes, random.normal(size=(800, 3)), 1 / jumps], 1))
    is_whole(found)
    assert found.persistence[0] > 0.99  # the shift is a variance that stays


def test_a_scale_changes_only_the_variance():
    changes = garch_changes(900, 2)
    for scale in (1e-6, 1e6):
        one, other = fit(changes), fit(scale * changes)
        same_moves(other, one)
        np.testing.assert_allclose(other.variance, scale**2 * one.variance, rtol=1e-9)


def test_a_series_that_never_changes_has_not_converged():
    found = fit(np.concatenate([np.zeros((400, 1)), garch_changes(400)], axis=1))
    assert found.converged.tolist() == [False, True]
    assert found.variance[0] == 0
    is_whole(found)


@pytest.mark.parametrize("changes", range(1, 31))
def test_few_changes_are_no_crash_and_no_number_that_is_none(changes):
    made = garch_changes(changes, 3, seed=changes)
    made[1:, 2] = 0
    is_whole(fit(made))


@pytest.mark.parametrize("changes", [0, 1, 2, 20, 30, 300])
def test_nothing_but_zeros_or_nothing_at_all_is_no_crash_and_has_not_converged(changes):
    found = fit(np.zeros((changes, 2)))
    assert found.variance.tolist() == [0, 0]
    assert not found.converged.any()
    if changes:
        is_whole(found)


def test_a_series_that_stood_still_at_first_has_a_garch():
    changes = garch_changes(900, 2)
    changes[:25] = 0
    found = fit(changes)
    is_whole(found)
    assert found.converged.all()


def test_a_warm_start_finds_the_same():
    changes = np.concatenate([garch_changes(1500, 3), stock_changes()], 1)
    cold = fit(changes)
    for start in (fit(changes[:1200]), fit(changes[:300]), cold):
        warm = fit(changes, start)
        same_moves(warm, cold)
        assert warm.converged.all()


def test_a_warm_start_from_a_series_that_never_changed_is_no_trap():
    changes = np.concatenate([np.zeros((300, 1)), garch_changes(900, 1)])
    same_moves(fit(changes, fit(changes[:300])), fit(changes))


def test_where_changes_are_no_news_the_search_ends_at_a_weight_of_none():
    """Rounding left an alpha of 1e-19, at which nothing says where beta is: 60 steps, and none."""
    changes = np.random.default_rng(2).standard_normal((400, 400))[:, [99, 183]]
    found = fit(changes)
    assert found.converged.all()
    assert found.alpha.tolist() == [0, 0]
    assert (found.steps < 10).all()


def with_ends(lengths, seed=5):
    changes = garch_changes(max(lengths), len(lengths), seed=seed)
    for column, length in enumerate(lengths):
        changes[length:, column] = np.nan
    return changes


def test_columns_of_different_lengths_are_what_each_is_alone():
    lengths = (700, 12, 500, 700, 64, 333, 1)
    changes = with_ends(lengths)
    together = fit(changes)
    for column, length in enumerate(lengths):
        alone = fit(np.ascontiguousarray(changes[:length, column : column + 1]))
        assert of(alone, 0) == of(together, column)


def test_the_order_of_columns_does_not_change_a_byte():
    changes = with_ends((600, 40, 450, 600, 90, 600))
    order = np.array([3, 5, 0, 4, 2, 1])
    whole, other = fit(changes), fit(np.ascontiguousarray(changes[:, order]))
    parts = {part.name: getattr(whole, part.name)[order] for part in fields(Garch)}
    same_bytes(other, Garch(**parts))


@pytest.mark.parametrize(("wide", "together"), [(1, 1), (2, 64), (30, 100), (1000, 10**6)])
def test_how_many_series_are_worked_on_at_a_time_does_not_change_a_byte(
    monkeypatch, wide, together
):
    changes = with_ends((600, 40, 450, 600, 90, 1300))
    plain = fit(changes)
    monkeypatch.setattr(garch_likelihood, "WIDE", wide)
    monkeypatch.setattr(garch_likelihood, "TOGETHER", together)
    same_bytes(fit(changes), plain)


@pytest.mark.parametrize("falls", [0.3, 1.0, 3.0])
def test_how_much_falls_count_in_the_news_is_found(falls):
    changes = tailed_changes(6000, 3, falls=falls)
    found, mirrored = fit(changes), fit(-changes)
    np.testing.assert_allclose(found.fall, 2 * falls / (1 + falls), atol=0.3)
    np.testing.assert_allclose(mirrored.fall, found.rise, rtol=1e-9)
    np.testing.assert_allclose(mirrored.rise, found.fall, rtol=1e-9)
    squares = changes**2
    news = squares * np.where(changes < 0, found.fall, found.rise)
    np.testing.assert_allclose(news.mean(axis=0), squares.mean(axis=0), rtol=1e-2)


def test_a_lean_is_a_step_of_scoring_from_falls_and_rises_alike():
    changes = tailed_changes(1500, 3, falls=2.0)
    found = fit(changes)
    unit = changes**2 / found.variance
    middle = (np.sign(changes) * unit).mean(axis=0)
    ahead, leaning = np.ones(3), np.zeros(3)
    score, information = np.zeros(3), np.zeros(3)
    for row, sign in zip(unit, np.sign(changes), strict=True):
        relative = found.alpha * leaning / ahead
        weight = (FREEDOM + 1) * row / ((FREEDOM - 2) * ahead + row)
        score += (weight - 1) * relative / 2
        information += relative**2 * FREEDOM / (FREEDOM + 3) / 2
        carried = found.persistence - found.alpha
        ahead = 1 - found.persistence + found.alpha * row + carried * ahead
        leaning = row * (middle - sign) + carried * leaning
    step = score / (information + EVEN)
    np.testing.assert_allclose(found.fall, 1 + step * (1 + middle), rtol=1e-6)
    np.testing.assert_allclose(found.rise, 1 - step * (1 - middle), rtol=1e-6)


def test_the_variances_follow_the_recursion_of_arch():
    changes = 100 * tailed_changes(800, 1, falls=3.0)
    model = arch_model(changes[:, 0], mean="Zero", vol="GARCH", p=1, o=1, q=1, rescale=False)
    found = fit(changes)
    variance, alpha, persistence, fall, rise = (
        float(getattr(found, name)[0])
        for name in ("variance", "alpha", "persistence", "fall", "rise")
    )
    place = [variance * (1 - persistence), alpha * rise, alpha * (fall - rise), persistence - alpha]
    fixed = model.fix(place)
    ours = conditional(found, changes)
    # arch begins with a longer average, of which nothing is left in the end
    np.testing.assert_allclose(ours[600:-1, 0], fixed.conditional_volatility[600:] ** 2, rtol=1e-5)


def test_the_recursion_begins_with_the_long_run_variance_and_knows_nothing_of_later_days():
    changes = garch_changes(100, 1)
    later = np.concatenate([changes[:20], 3 * changes[20:]])
    found = fit(changes)
    one, other = conditional(found, changes), conditional(found, later)
    assert one[0] == found.variance
    np.testing.assert_array_equal(one[:21], other[:21])
    assert (one[22:] != other[22:]).all()


@pytest.mark.parametrize("days", [50, 300, 900])
def test_the_derivatives_of_the_likelihood_are_those_of_its_values(days):
    """Of a series of one block of rows, and of many."""
    changes = garch_changes(days, 2)
    likelihood = Likelihood.of_series(
        np.copysign(changes**2 / (changes**2).mean(axis=0), changes), np.array([days, days])
    )
    place, step = np.array([[0.08, 0.05], [0.88, 0.9]]), 1e-5
    _, score, curve = likelihood.bend(place)
    for number, other in ((0, 0), (0, 1), (1, 1)):
        up, down = (place.copy() for _ in range(2))
        up[other] += step
        down[other] -= step
        value = (likelihood.value(up) - likelihood.value(down)) / (2 * step)
        slope = (likelihood.bend(up)[1] - likelihood.bend(down)[1])[number] / (2 * step)
        np.testing.assert_allclose(score[other], value, rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(-curve[number + other], slope, rtol=1e-5, atol=1e-8)
