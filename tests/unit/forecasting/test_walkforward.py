"""Walk-forward: forecasts as they would have been made then, the same bytes however it is run."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from forecasts import chosen, records_of, shuffled, simulated, trained, uneven, walked

from conftest import ROOT, SCRIPTS
from pricewright.forecasting import har, volatility, walkforward
from pricewright.forecasting.panel import NEVER, squares
from pricewright.forecasting.timeline import make_timeline
from pricewright.forecasting.track import estimate, known_values
from pricewright.forecasting.volatility import fit_garches
from pricewright.forecasting.walkforward import usable, walk_forward

pytestmark = pytest.mark.filterwarnings("error")

FULL = {"volatility": "combined", "distribution": "conformal", "refit": 20}
OWN = {"location": "drift", "volatility": "ewma", "distribution": "normal"}


def arrays(found):
    """By name, what was forecast at the origins: (K, S, …)."""
    pieces = found.pieces
    names = ("usable", "rows", "centres", "variances")
    made = {name: np.concatenate([getattr(p, name) for p in pieces], axis=1) for name in names}
    shapes = np.concatenate(
        [
            np.broadcast_to(own, (len(own), len(found.panel(p)), *own.shape[2:]))
            for p, own in ((p, found.shapes(p)) for p in pieces)
        ],
        axis=1,
    )
    return made | {"shapes": shapes}


def digest(found):
    """Of all bytes that were made."""
    text = hashlib.sha256()
    for name, made in arrays(found).items():
        text.update(name.encode() + np.ascontiguousarray(made).tobytes())
    return text.hexdigest()


def test_one_process_and_two_make_the_same_bytes(monkeypatch):
    monkeypatch.setattr(walkforward, "MANY", 0)
    panel = simulated(70, 200)
    one, two = (walked(panel, chosen(**FULL), processes) for processes in (1, 2))
    assert len(one.pieces) == 2
    assert digest(one) == digest(two)


@pytest.mark.parametrize("kind", ["naive", "ses", "theta", "lightgbm"])
def test_the_order_of_records_does_not_change_a_byte_of_the_model(tmp_path, kind):
    records = records_of(simulated(3, 300))
    mixed = [records[place] for place in np.random.default_rng(1).permutation(len(records))]
    one, two = (
        trained(tmp_path / name, some, location=kind, **FULL)
        for name, some in (("one", records), ("two", mixed))
    )
    for key in ("symbols", "metrics", "har", "trees", "acceptance", "leak_check"):
        assert one[key] == two[key]


def test_a_symbol_alone_is_what_it_is_beside_others_where_nothing_is_common():
    panel = simulated(4)
    settings = chosen(**OWN)
    together = arrays(walked(panel, settings))
    for column in range(4):
        alone = arrays(walked(shuffled(panel, [column]), settings))
        for name, made in alone.items():
            assert made.tobytes() == np.ascontiguousarray(together[name][:, [column]]).tobytes()


@pytest.mark.parametrize(
    "own",
    [
        {"location": "ses", "volatility": "garch11"},
        {"location": "theta", "volatility": "rolling"},
        {"volatility": "garch11", "distribution": "fhs"},
    ],
)
def test_a_symbol_beside_longer_ones_is_what_it_is_alone(own):
    whole = simulated(3, 400)
    shorter = replace(
        whole,
        days=np.where(np.arange(400)[:, None] < [400, 350, 400], whole.days, NEVER),
        prices=np.where(np.arange(400)[:, None] < [400, 350, 400], whole.prices, np.nan),
    )
    settings = chosen(refit=10, max_age_days=1000, **own)
    times = make_timeline(shorter.columns(np.array([1])), settings)
    together = arrays(walk_forward(shorter, times, settings))
    alone = arrays(walk_forward(shorter.columns(np.array([1])), times, settings))
    for name, made in alone.items():
        assert made.tobytes() == np.ascontiguousarray(together[name][:, [1]]).tobytes()


ELSEWHERE = """
import sys
import numpy as np
from forecasts import chosen, simulated, walked
panel = simulated(3, 300)
kind = sys.argv[2]
settings = chosen(location=kind, volatility="combined", distribution="conformal", refit=20)
found = walked(panel, settings)
piece = found.pieces[0]
volatility = piece.fitted.volatility
np.savez(sys.argv[1], centres=piece.centres, variances=piece.variances, shapes=piece.shapes,
         weights=volatility.weights, alpha=volatility.garch.alpha)
"""


@pytest.mark.parametrize("kind", ["theta", "lightgbm"])
def test_another_kind_of_cpu_is_equal_to_a_billionth(tmp_path, kind):
    from numpy._core._multiarray_umath import __cpu_features__

    able = [name for name in ("X86_V4", "X86_V3", "ASIMDHP") if __cpu_features__.get(name)]
    if not able:
        pytest.skip("numpy has no other code for this processor")
    path = os.pathsep.join([str(SCRIPTS), str(ROOT / "tests")])
    older = {"NPY_DISABLE_CPU_FEATURES": " ".join(able), "OPENBLAS_CORETYPE": "Prescott"}
    found = []
    for name, cpu in (("this", {}), ("older", older)):
        file = tmp_path / f"{name}.npz"
        environment = os.environ | {"PYTHONPATH": path} | cpu
        asked = [sys.executable, "-c", ELSEWHERE, str(file), kind]
        subprocess.run(asked, env=environment, check=True)
        found.append(np.load(file))
    for name in found[0]:
        np.testing.assert_allclose(found[1][name], found[0][name], rtol=1e-9, atol=1e-12)


# What an estimate knows.


def same_parameters(one, other):
    assert one.location.slope.tobytes() == other.location.slope.tobytes()
    assert one.location.weight.tobytes() == other.location.weight.tobytes()
    for name in ("variance", "alpha", "persistence"):
        ours, theirs = (getattr(found.volatility.garch, name) for found in (one, other))
        assert ours.tobytes() == theirs.tobytes()


def fit_at(panel, day, settings):
    changes = np.diff(known_values(panel, day, settings), axis=0)
    (garch,) = fit_garches([changes], [None], [None])
    return estimate(panel, day, settings, garch, None)


def changed(panel, where):
    return replace(panel, prices=np.where(where, panel.prices * 3, panel.prices))


@pytest.mark.parametrize("embargo", [0, 1, 30])
@pytest.mark.parametrize("kind", ["drift", "ses", "theta"])
def test_an_estimate_knows_nothing_after_its_day_less_the_embargo(embargo, kind):
    panel = simulated(2)
    settings = chosen(location=kind, volatility="garch11", embargo_days=embargo)
    day = int(panel.days[290, 0])
    plain = fit_at(panel, day, settings)
    same_parameters(fit_at(changed(panel, panel.days > day - embargo), day, settings), plain)
    before = panel.days == panel.days[panel.upto(day - embargo)[0] - 1, 0]
    with pytest.raises(AssertionError):
        same_parameters(fit_at(changed(panel, before), day, settings), plain)


def test_an_estimate_of_a_window_knows_nothing_before_it():
    panel = simulated(2, 500)
    day = int(panel.days[450, 0])
    for embargo in (0, 20):
        settings = chosen(
            location="theta", volatility="garch11", window_days=400, embargo_days=embargo
        )
        begin = day - embargo - 400
        plain = fit_at(panel, day, settings)
        same_parameters(fit_at(changed(panel, panel.days < begin), day, settings), plain)
        first = panel.days == panel.days[(panel.days[:, 0] < begin).sum(), 0]
        with pytest.raises(AssertionError):
            same_parameters(fit_at(changed(panel, first), day, settings), plain)


def test_the_regression_of_har_has_the_same_window_and_embargo():
    panel = simulated(3, 500)
    settings = chosen(volatility="har", window_days=300, embargo_days=20, refit=100)
    times = make_timeline(panel, settings)
    found = walk_forward(panel, times, settings, to_the_end=False)
    until = int(times.estimates[-1]) - 20
    expected = har.weights(har.regression_rows(panel, 5, 1), until - 300, until)
    weights = found.pieces[0].fitted.volatility.weights
    assert weights is not None
    np.testing.assert_allclose(weights, expected, rtol=1e-6, atol=1e-9)


def test_estimates_hold_from_their_day_to_the_next():
    panel, settings = simulated(2), chosen(location="drift", refit=5)
    times = make_timeline(panel, settings)
    found = walk_forward(panel, times, settings)
    values = panel.values
    for place, origin in enumerate(times.origins.tolist()):
        day = times.estimates[times.estimates <= origin][-1]
        last = int(panel.upto(int(day))[0]) - 1
        slope = (values[last] - values[0]) / last
        row = int(panel.upto(origin)[0]) - 1
        expected = values[row][:, None] + slope[:, None] * np.arange(1, 6)
        np.testing.assert_allclose(found.pieces[0].centres[place], expected, rtol=1e-12)


def test_a_forecast_from_an_origin_is_what_a_model_made_then_forecasts():
    """The evaluation of a model and the model itself are the same thing."""
    panel = simulated(3)
    settings = chosen(location="ses", volatility="combined", distribution="fhs", refit=10)
    times = make_timeline(panel, settings)
    place = int(np.flatnonzero(np.isin(times.dates, times.estimates))[0])
    origin = times.dates[place]
    whole = walk_forward(panel, times, settings)
    piece = whole.pieces[0]
    earlier = walk_forward(panel.until(int(origin)), times.until(int(origin)), settings)
    then = earlier.pieces[0]
    np.testing.assert_allclose(then.last.centres[0], piece.centres[place], rtol=1e-12)
    np.testing.assert_allclose(then.last.variances[0], piece.variances[place], rtol=1e-12)
    np.testing.assert_allclose(earlier.last_shapes(), whole.shapes(piece)[place], rtol=1e-9)


def test_daily_forecasts_are_of_every_day_from_the_first_origin_on():
    panel, settings = simulated(2), chosen()
    times = make_timeline(panel, settings)
    piece = walk_forward(panel, times, settings).pieces[0]
    first = int(panel.upto(int(times.origins[0]))[0]) - 1
    assert piece.daily_rows[:, 0].tolist() == list(range(first, 320))
    expected = volatility.ewma(squares(panel.values), 0.94)[first:]
    np.testing.assert_array_equal(piece.daily_variances, expected)
    np.testing.assert_array_equal(piece.daily_centres, panel.values[first:])


# Who can be forecast.


def able(panel, settings, days):
    return usable(panel, np.array(days, dtype=np.int32), settings)


def test_who_has_history_enough_can_be_forecast():
    panel, settings = simulated(1, 100), chosen(min_history=40)
    found, rows = able(panel, settings, panel.days[[0, 38, 39, 99], 0])
    assert found[:, 0].tolist() == [False, False, True, True]
    assert rows[:, 0].tolist() == [0, 38, 39, 99]


def test_whose_price_is_too_old_cannot():
    panel, settings = simulated(1, 100), chosen(max_age_days=30)
    last = int(panel.days[99, 0])
    found, _ = able(panel, settings, [last, last + 30, last + 31])
    assert found[:, 0].tolist() == [True, True, False]


def test_whose_price_does_not_move_cannot():
    panel = simulated(1, 200)
    still = panel.prices.copy()
    still[100:160] = still[100]
    panel, settings = replace(panel, prices=still), chosen(min_history=40)
    found, _ = able(panel, settings, panel.days[[100, 138, 139, 159, 160], 0])
    assert found[:, 0].tolist() == [True, True, False, False, True]


def test_levels_can_be_forecast_from_where_they_are_needed():
    panel = uneven()
    first = int(panel.first[4])
    assert first > 100
    found, _ = able(panel, chosen(), panel.days[[first - 1, first], 0])
    assert found[:, 4].tolist() == [False, True]


def test_who_is_not_yet_listed_cannot():
    panel = uneven()
    found, rows = able(panel, chosen(), panel.days[[100], 0])
    assert not found[0, 1]
    assert rows[0, 1] == -1
