"""GARCH: as likely as arch's, inside its bounds, the same bytes alone and among others."""

from dataclasses import fields, replace

import numpy as np
import pytest
from arch import arch_model
from forecasts import garch_changes, stocks

from pricewright.forecasting.garch import CAP, Garch, conditional, fit

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


def likelihood(changes, found):
    """The Gaussian log-likelihood (S,) of changes (n, S), by a loop over the definition."""
    unit = changes**2 / found.variance
    variance = np.ones(changes.shape[1])
    total = np.zeros(changes.shape[1])
    for row in unit:
        total -= 0.5 * (np.log(2 * np.pi) + np.log(found.variance * variance) + row / variance)
        carried = (found.persistence - found.alpha) * variance
        variance = (1 - found.persistence) + found.alpha * row + carried
    return total


def nats_short_of_arch(changes, found):
    """(S,): how much likelier arch, which begins with another variance, finds its own parameters
    of GARCH(1,1) with no mean than ours."""
    short = []
    for column, unit in zip(100 * changes.T, 1e4 * found.variance, strict=True):
        model = arch_model(column, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
        theirs = model.fit(disp="off", show_warning=False).loglikelihood
        alpha, persistence = found.alpha[len(short)], found.persistence[len(short)]
        ours = model.fix([unit * (1 - persistence), alpha, persistence - alpha]).loglikelihood
        short.append(theirs - ours)
    return np.array(short)


@pytest.mark.parametrize("source", ["simulated", "real"])
def test_it_is_as_likely_as_archs(source):
    changes = stock_changes() if source == "real" else garch_changes(1500, 4, seed=2)
    assert (nats_short_of_arch(changes, fit(changes**2)) < 2).all()


def test_no_place_near_by_is_likelier():
    changes = np.concatenate([garch_changes(1500, 2, seed=2), stock_changes()], 1)
    found = fit(changes**2)
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
    found = fit(garch_changes(5000, 4, alpha=alpha, persistence=persistence, seed=3) ** 2)
    np.testing.assert_allclose(found.alpha, alpha, atol=0.04)
    np.testing.assert_allclose(found.persistence, persistence, atol=0.06)
    np.testing.assert_allclose(found.alpha.mean(), alpha, atol=0.02)
    np.testing.assert_allclose(found.persistence.mean(), persistence, atol=0.02)
    assert found.converged.all()


def test_the_long_run_variance_is_the_mean_square():
    squares = garch_changes(700, 3) ** 2
    np.testing.assert_allclose(fit(squares).variance, squares.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("row", [5, 900, 1998])
def test_a_slip_of_the_decimal_point_does_not_decide_the_estimate(row):
    changes = garch_changes(2000, 1, seed=9)
    slipped = changes.copy()
    slipped[row] += np.log(10)
    slipped[row + 1 :][:1] -= np.log(10)
    plain, found = fit(changes**2), fit(slipped**2)
    assert found.converged.all()
    assert found.variance[0] < 1.2 * plain.variance[0]
    assert found.persistence[0] == pytest.approx(plain.persistence[0], abs=0.1)


def test_the_bounds_are_kept():
    random = np.random.default_rng(4)
    jumps = random.normal(size=(800, 1)) * np.where(np.arange(800) < 400, 1, 30)[:, None]
    spikes = np.where(random.random((800, 1)) < 0.01, 1000.0, 1.0) * random.normal(size=(800, 1))
    found = fit(np.concatenate([jumps, spikes, random.normal(size=(800, 3)), 1 / jumps], 1) ** 2)
    is_whole(found)
    assert found.persistence[0] > 0.99  # the shift is a variance that stays


def test_a_scale_changes_only_the_variance():
    squares = garch_changes(900, 2) ** 2
    for scale in (1e-12, 1e12):
        one, other = fit(squares), fit(scale * squares)
        same_moves(other, one)
        np.testing.assert_allclose(other.variance, scale * one.variance, rtol=1e-9)


def test_a_series_that_never_changes_has_not_converged():
    squares = np.concatenate([np.zeros((400, 1)), garch_changes(400) ** 2], axis=1)
    found = fit(squares)
    assert found.converged.tolist() == [False, True]
    assert found.variance[0] == 0
    is_whole(found)


@pytest.mark.parametrize("changes", range(1, 31))
def test_few_changes_are_no_crash_and_no_number_that_is_none(changes):
    squares = garch_changes(changes, 3, seed=changes) ** 2
    squares[1:, 2] = 0
    is_whole(fit(squares))


@pytest.mark.parametrize("changes", [0, 1, 2, 20, 30, 300])
def test_nothing_but_zeros_or_nothing_at_all_is_no_crash_and_has_not_converged(changes):
    found = fit(np.zeros((changes, 2)))
    assert found.variance.tolist() == [0, 0]
    assert not found.converged.any()
    if changes:
        is_whole(found)


def test_a_series_that_stood_still_at_first_has_a_garch():
    squares = garch_changes(900, 2) ** 2
    squares[:25] = 0
    found = fit(squares)
    is_whole(found)
    assert found.converged.all()


def test_a_warm_start_finds_the_same():
    squares = np.concatenate([garch_changes(1500, 3), stock_changes()], 1) ** 2
    cold = fit(squares)
    for start in (fit(squares[:1200]), fit(squares[:300]), cold):
        warm = fit(squares, start)
        same_moves(warm, cold)
        assert warm.converged.all()


def test_a_warm_start_from_a_series_that_never_changed_is_no_trap():
    squares = np.concatenate([np.zeros((300, 1)), garch_changes(900, 1) ** 2])
    same_moves(fit(squares, fit(squares[:300])), fit(squares))


def with_ends(lengths, seed=5):
    squares = garch_changes(max(lengths), len(lengths), seed=seed) ** 2
    for column, length in enumerate(lengths):
        squares[length:, column] = np.nan
    return squares


def test_columns_of_different_lengths_are_what_each_is_alone():
    lengths = (700, 12, 500, 700, 64, 333, 1)
    squares = with_ends(lengths)
    together = fit(squares)
    for column, length in enumerate(lengths):
        alone = fit(np.ascontiguousarray(squares[:length, column : column + 1]))
        assert of(alone, 0) == of(together, column)


def test_the_order_of_columns_does_not_change_a_byte():
    squares = with_ends((600, 40, 450, 600, 90, 600))
    order = np.array([3, 5, 0, 4, 2, 1])
    whole, other = fit(squares), fit(np.ascontiguousarray(squares[:, order]))
    parts = {part.name: getattr(whole, part.name)[order] for part in fields(Garch)}
    same_bytes(other, Garch(**parts))


def test_the_variances_follow_the_recursion_of_arch():
    changes = garch_changes(800)[:, 0]
    model = arch_model(100 * changes, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
    found = fit((100 * changes[:, None]) ** 2)
    variance, alpha, persistence = (
        float(part[0]) for part in (found.variance, found.alpha, found.persistence)
    )
    fixed = model.fix([variance * (1 - persistence), alpha, persistence - alpha])
    ours = conditional((100 * changes[:, None]) ** 2 / variance, found.alpha, found.persistence)
    # arch begins with a longer average, of which nothing is left in the end
    np.testing.assert_allclose(
        variance * ours[600:-1, 0], fixed.conditional_volatility[600:] ** 2, rtol=1e-5
    )


def test_the_recursion_begins_with_the_long_run_variance_and_knows_nothing_of_later_days():
    unit = garch_changes(100, 1) ** 2 * 1e4
    alpha, persistence = np.array([0.1]), np.array([0.95])
    later = np.concatenate([unit[:20], 9 * unit[20:]])
    one, other = conditional(unit, alpha, persistence), conditional(later, alpha, persistence)
    assert one[0] == 1
    np.testing.assert_array_equal(one[:21], other[:21])
    assert (one[22:] != other[22:]).all()
