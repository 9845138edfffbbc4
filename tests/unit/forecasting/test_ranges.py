"""Ranges: a day's variance by its bar, where that can be right; by its squared change elsewhere."""

import math

import numpy as np
import pytest
from forecasts import chosen, records_of, simulated, walked, weekdays, with_bars, write_clean

from pricewright.evaluation import leakage
from pricewright.evaluation.leakage import garble
from pricewright.forecasting import har, ranges
from pricewright.forecasting.histories import read_panel
from pricewright.forecasting.panel import panel_of
from pricewright.tables.fields import BAR

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

RIGHT = [100.0, 104.0, 98.0, 101.0]


def parts(*bars, new=False):
    table = np.array(bars, dtype=np.float64).T
    return ranges.parts_of(table, np.full(table.shape[1], new))


def panel_with(bars, prices):
    """A panel of one symbol, whose every day has one of these bars (n, 4)."""
    return panel_of(["A"], [(weekdays(len(prices)), np.array(prices))], [parts(*bars, new=True)])


def read(folder, records, price="close"):
    return read_panel(write_clean(folder / "clean.json", records), price)[0]


def test_the_variance_within_a_day_is_that_of_rogers_and_satchell():
    o, h, low, c = map(math.log, RIGHT)
    within = (h - c) * (h - o) + (low - c) * (low - o)
    np.testing.assert_allclose(parts(RIGHT)[:, 0], [c - o, within], rtol=1e-12)


def test_it_is_the_variance_of_a_walk_with_whatever_drift():
    random = np.random.default_rng(5)
    for drift in (-0.03, 0.0, 0.03):
        steps = random.normal(drift / 2000, 0.02 / math.sqrt(2000), (2000, 1500))
        paths = np.exp(np.vstack([np.zeros(1500), np.cumsum(steps, axis=0)]))
        found = parts(*zip(paths[0], paths.max(axis=0), paths.min(axis=0), paths[-1], strict=True))
        assert found[1].mean() == pytest.approx(0.02**2, rel=0.08)


@pytest.mark.parametrize(
    "bar",
    [
        [math.nan, 104.0, 98.0, 101.0],
        [100.0, math.nan, 98.0, 101.0],
        [100.0, 104.0, 98.0, math.nan],
        [100.0, math.inf, 98.0, 101.0],
        [101.0, 101.0, 101.0, 101.0],
        [0.0, 104.0, 0.0, 101.0],
        [-2.0, 104.0, -3.0, 101.0],
        [105.0, 104.0, 98.0, 101.0],
        [100.0, 104.0, 98.0, 97.0],
        [100.0, 98.0, 104.0, 101.0],
    ],
)
def test_a_bar_that_cannot_be_right_has_no_range(bar):
    found = parts(RIGHT, bar, RIGHT)
    assert np.isnan(found[:, 1]).all()
    assert np.isfinite(found[:, [0, 2]]).all()


def test_a_close_that_rounding_put_over_the_high_is_the_high():
    over = [100.0, 104.0, 98.0, 104.0 * (1 + 1e-9)]
    np.testing.assert_allclose(parts(over), parts([100.0, 104.0, 98.0, 104.0]), rtol=1e-6)


def test_the_bar_of_the_day_before_once_more_is_none_unless_it_is_another_symbols():
    assert np.isnan(parts(RIGHT, RIGHT)[:, 1]).all()
    assert np.isfinite(parts(RIGHT, RIGHT, new=True)).all()


def test_a_day_has_its_night_and_its_range_and_splits_do_not_matter():
    bars = [RIGHT, [103.0, 105.0, 102.0, 104.0], [51.0, 53.0, 50.0, 52.5]]
    panel = panel_with(bars, [50.5, 52.0, 52.5])  # adjusted for a split of two
    changes = np.diff(panel.values, axis=0)
    found, known = ranges.daily(panel, changes, np.ones(changes.shape))
    assert known.all()
    nights = [math.log(103 / 101), math.log(102 / 104)]
    expected = [
        night**2 + within for night, within in zip(nights, parts(*bars)[1, 1:], strict=True)
    ]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-9)


@pytest.mark.parametrize("bar", [[100.0, 1040.0, 98.0, 101.0], [1000.0, 1000.0, 98.0, 101.0]])
def test_a_range_that_the_prices_contradict_is_not_believed(bar):
    panel = panel_with([RIGHT, bar, bar], [100.0, 101.0, 10.0])
    changes = np.diff(panel.values, axis=0)
    found, known = ranges.daily(panel, changes, np.full(changes.shape, 0.02**2))
    assert known[:, 0].tolist() == [False, True]  # for that day prices did go so far
    assert found[0, 0] == changes[0, 0] ** 2


def test_prices_on_levels_have_squared_changes():
    bars = [[100.0 + day, 104.0 + day, 98.0, 101.0] for day in range(3)]
    panel = panel_with(bars, [101.0, -1.0, 101.0])
    changes = np.diff(panel.values, axis=0)
    found, known = ranges.daily(panel, changes, np.full(changes.shape, 1e9))
    assert not known.any()
    np.testing.assert_array_equal(found, changes**2)


def test_without_bars_or_with_none_that_counts_all_is_as_if_there_were_no_such_columns(tmp_path):
    records = records_of(simulated(2))
    plain = read(tmp_path, records)
    assert plain.bars is None
    flat = [record | dict.fromkeys(("open", "high", "low"), record["close"]) for record in records]
    assert read(tmp_path, flat).bars is None
    assert read(tmp_path, [record | {"open": None} for record in flat]).bars is None
    assert read(tmp_path, with_bars(records), price="open").bars is None


def test_bars_are_each_symbols_own_whatever_the_order_and_the_file(tmp_path):
    records = with_bars(records_of(simulated(3)), but=["S1"])
    whole = read(tmp_path, records)
    assert whole.bars is not None
    assert np.isnan(whole.bars[:, :, 1]).all()
    assert np.isfinite(whole.bars[:, :, [0, 2]]).all()
    np.testing.assert_array_equal(read(tmp_path, records[::-1]).bars, whole.bars)
    row = next(r for r in records if r["symbol"] == "S2")
    expected = parts([row[name] for name in BAR])[:, 0]
    np.testing.assert_array_equal(whole.bars[:, 0, 2], expected)


def test_parts_of_a_panel_have_its_bars(tmp_path):
    panel = read(tmp_path, with_bars(records_of(simulated(3)), but=["S1"]))
    day = int(panel.days[200, 0])
    np.testing.assert_array_equal(panel.until(day).bars, panel.bars[:, :201])
    np.testing.assert_array_equal(panel.since(day).bars, panel.bars[:, 200:])
    np.testing.assert_array_equal(panel.columns(np.array([2, 1])).bars, panel.bars[:, :, [2, 1]])


def test_the_short_averages_are_of_ranges_and_the_days_are_counted(tmp_path):
    records = with_bars(records_of(simulated(2)), but=["S1"])
    panel, plain = read(tmp_path, records), simulated(2)
    (found, known), (squared, _) = har.averages(panel), har.averages(plain)
    assert known[:, 0].all()
    assert not known[:, 1].any()
    np.testing.assert_array_equal(found[:, 1], squared[:, 1])
    of = [of for of, _ in har.TERMS]
    changed = (found[:, 0] != squared[:, 0]).any(axis=0).tolist()
    assert changed == [name == "range" for name in of]


def test_on_ranges_the_variance_of_the_next_day_is_told_better(tmp_path):
    """Of prices whose variance moves, every day of which is a walk of many steps."""
    random = np.random.default_rng(6)
    days, symbols = 1200, 3
    states = np.cumsum(0.15 * random.normal(size=(days, symbols)), axis=0)
    states -= 0.97 * np.vstack([np.zeros(symbols), states[:-1]])
    for day in range(1, days):
        states[day] += 0.97 * states[day - 1]
    true = (0.01 * np.exp(states / 2)) ** 2
    steps = random.normal(size=(days, 40, symbols)) * np.sqrt(true / 40)[:, None]
    paths = 50 * np.exp(np.cumsum(steps.reshape(-1, symbols), axis=0)).reshape(days, 40, symbols)
    before = np.concatenate([np.full((1, 1, symbols), 50.0), paths[:-1, -1:]])
    paths = np.concatenate([before, paths], axis=1)
    bars = [
        parts(*zip(path[:, 0], path.max(axis=1), path.min(axis=1), path[:, -1], strict=True))
        for path in paths.transpose(2, 0, 1)
    ]
    histories = [(weekdays(days), paths[:, -1, place]) for place in range(symbols)]
    off = []
    for known in (bars, None):
        panel = panel_of(["A", "B", "C"], histories, known)
        settings = chosen(volatility="har", origins=50)
        piece = walked(panel, settings).pieces[0]
        rows = piece.daily_rows[:-1]
        ratio = true[rows + 1, np.arange(symbols)] / piece.daily_variances[:-1]
        off.append((ratio - np.log(ratio) - 1).mean())
    assert off[0] < 0.7 * off[1]


def test_garbage_is_in_the_bars_too_and_an_honest_run_passes(tmp_path):
    panel = read(tmp_path, with_bars(records_of(simulated(3)), but=["S1"]))
    cutoff = int(panel.days[250, 0])
    found = garble(panel, cutoff)
    np.testing.assert_array_equal(found.bars[:, :251], panel.bars[:, :251])
    assert (found.bars[:, 251:, [0, 2]] != panel.bars[:, 251:, [0, 2]]).all()
    settings = chosen(volatility="har", refit=20)
    leakage.check(walked(panel, settings))


def test_a_range_of_the_day_to_come_is_caught(tmp_path, monkeypatch):
    honest = ranges.daily

    def early(panel, changes, longest):
        found, known = honest(panel, changes, longest)
        return np.where(known, np.roll(found, -1, axis=0), found), known

    monkeypatch.setattr(ranges, "daily", early)
    panel = read(tmp_path, with_bars(records_of(simulated(2))))
    settings = chosen(volatility="har", refit=20)
    with pytest.raises(leakage.Refusal, match="leak: column averages"):
        leakage.check(walked(panel, settings))
