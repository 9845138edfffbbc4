"""The leak check: honest runs pass, planted leaks are caught and named."""

import re
from dataclasses import replace

import numpy as np
import pytest
from forecasts import chosen, garch_changes, records_of, simulated, trained, uneven, weekdays

from pricewright.evaluation import leakage
from pricewright.evaluation.leakage import garble
from pricewright.files.errors import Refusal
from pricewright.forecasting import har, location, track, trees, walkforward
from pricewright.forecasting.panel import panel_of
from pricewright.forecasting.timeline import make_timeline
from pricewright.forecasting.walkforward import walk_forward

pytestmark = pytest.mark.filterwarnings("error")


def checked(panel, settings, processes=1, *, every=True):
    """What the check says of a run."""
    times = make_timeline(panel, settings)
    walked = walk_forward(panel, times, settings, processes)
    return leakage.check(walked, processes, every=every)


def leak(panel, settings):
    """The column and the symbol that the check names."""
    with pytest.raises(Refusal) as refusal:
        checked(panel, settings)
    sentence = str(refusal.value)
    found = re.match(
        r"leak: column ([a-z ]+)(?:\[\d+\])? of (.+) at \d{4}-\d\d-\d\d changed when the prices "
        r"after \d{4}-\d\d-\d\d were replaced by garbage, so it knew them; ",
        sentence,
    )
    assert found, sentence
    assert sentence.endswith(".")
    return found.groups()


@pytest.mark.parametrize(
    ("kind", "volatility"),
    [
        ("naive", "combined"),
        ("naive", "rolling"),
        ("drift", "ewma"),
        ("ses", "garch11"),
        ("theta", "har"),
        ("lightgbm", "ewma"),
        ("lightgbm", "rolling"),
    ],
)
def test_an_honest_run_passes(kind, volatility):
    settings = chosen(location=kind, volatility=volatility, distribution="conformal", refit=20)
    panel = simulated(2, 300)
    found = checked(panel, settings)
    times = make_timeline(panel, settings)
    cutoffs = np.array([times.dates[0], times.estimates[-1], times.dates[-1]])
    assert found["cutoffs"] == cutoffs.astype("datetime64[D]").astype(str).tolist()
    states = {"observations", "level", "ewma"}
    states |= {"garch"} if volatility in ("garch11", "combined") else set()
    states |= {"averages", "ranges"} if volatility in ("har", "combined") else set()
    states |= {"changes"} if kind == "lightgbm" else set()
    forecasts = {"centre", "variance", "shape", "daily centre", "daily variance"}
    assert set(found["columns"]) == states | forecasts | {"usable"}


@pytest.mark.parametrize(
    "changes",
    [
        {"distribution": "normal"},
        {"distribution": "fhs", "window_days": 200},
        {"distribution": "conformal", "embargo_days": 7},
        {"location": "lightgbm", "embargo_days": 3, "window_days": 300},
    ],
)
def test_an_honest_run_on_an_uneven_market_passes(changes):
    checked(uneven(), chosen(volatility="combined", refit=20, **changes))


def beside_some_days_of_another(panel, some):
    """The first history of a panel, and some days of its second."""
    days, prices = panel.days, panel.prices
    return panel_of(["A", "OTHER"], [(days[:, 0], prices[:, 0]), (days[some, 1], prices[some, 1])])


@pytest.mark.parametrize("listed", [1, 10, 20, 25, 60])
def test_an_honest_run_with_a_listing_just_before_an_origin_passes(listed):
    """The first squares are averaged, and what is made of them before they are all there is no
    forecast."""
    panel, settings = simulated(2, 300), chosen(volatility="combined", refit=20)
    origin = make_timeline(panel, settings).origins[0]
    since = int(np.searchsorted(panel.days[:, 0], origin)) - listed
    checked(beside_some_days_of_another(panel, slice(since, None)), settings)


@pytest.mark.parametrize("ended", [1, 6, 12])
@pytest.mark.parametrize("volatility", ["ewma", "garch11", "har"])
def test_an_honest_run_with_a_series_that_ended_before_an_estimate_passes(volatility, ended):
    panel = beside_some_days_of_another(simulated(2, 300), slice(-ended))
    checked(panel, chosen(volatility=volatility, refit=4))


@pytest.mark.parametrize("every", [3, 12])
def test_an_honest_run_with_a_series_of_rare_days_passes(every):
    panel = beside_some_days_of_another(simulated(2, 600), slice(None, None, every))
    checked(panel, chosen(volatility="har", refit=1))


def test_an_honest_run_of_two_processes_and_many_symbols_passes(monkeypatch):
    monkeypatch.setattr(walkforward, "MANY", 0)
    checked(simulated(70, 200), chosen(refit=10), processes=2)


def test_an_honest_run_before_1970_passes():
    panel = simulated(2, 300)
    old = replace(panel, days=panel.days - 7 * 8_000)
    assert checked(old, chosen(refit=20))["cutoffs"][0] < "1900"


def test_an_honest_run_with_no_origin_passes():
    assert checked(simulated(1, 42), chosen())["cutoffs"] == []


def test_garbage_keeps_days_and_signs_and_what_was_known():
    panel = uneven()
    cutoff = int(panel.days[250, 0])
    found = garble(panel, cutoff)
    later = (panel.days > cutoff) & np.isfinite(panel.prices) & (panel.prices != 0)
    np.testing.assert_array_equal(found.days, panel.days)
    np.testing.assert_array_equal(found.prices[~later], panel.prices[~later])
    np.testing.assert_array_equal(np.sign(found.prices[later]), np.sign(panel.prices[later]))
    assert (found.prices[later] != panel.prices[later]).all()
    assert len(found.prices[later])


# Planted leaks.


def a_day_early(honest):
    """What a function gives, each row a day too early."""

    def next_one(*arguments, **options):
        found = honest(*arguments, **options)
        return np.concatenate([found[1:], found[-1:]])

    return next_one


def test_a_level_that_knows_the_next_value_is_caught_and_no_model_written(tmp_path, monkeypatch):
    monkeypatch.setattr(location, "levels", a_day_early(location.levels))
    assert leak(simulated(2), chosen()) == ("level", "S0")
    with pytest.raises(Refusal, match="leak: column level of S0 at "):
        trained(tmp_path, records_of(simulated(1)), volatility="ewma", refit=20)
    assert not (tmp_path / "model.json").exists()


def test_averages_of_both_sides_are_caught(monkeypatch):
    honest = har.averages

    def two_sided(panel, start=None):
        found, known = honest(panel, start)
        backwards = replace(panel, prices=panel.prices[::-1])
        return (found + honest(backwards)[0][::-1]) / 2, known

    monkeypatch.setattr(track, "averages", two_sided)
    assert leak(simulated(2), chosen(volatility="har")) == ("averages", "S0")


def test_a_regression_on_outcomes_that_were_not_known_is_caught(monkeypatch):
    honest = har.weights
    monkeypatch.setattr(
        har, "weights", lambda rows, since, until, step: honest(rows, since, 10**6, step)
    )
    column, _ = leak(simulated(2), chosen(volatility="har"))
    assert column == "variance"


@pytest.mark.parametrize("ahead", [1, 5, 10**6])
def test_trees_that_learn_from_outcomes_that_were_not_known_are_caught(monkeypatch, ahead):
    honest = trees.grow_trees
    monkeypatch.setattr(
        trees,
        "grow_trees",
        lambda rows, since, until, step: honest(rows, since, until + ahead, step),
    )
    column, _ = leak(simulated(2), chosen(location="lightgbm"))
    assert column == "centre"


def test_last_changes_that_know_the_next_one_are_caught(monkeypatch):
    monkeypatch.setattr(track, "last_changes", a_day_early(trees.last_changes))
    assert leak(simulated(2), chosen(location="lightgbm")) == ("changes", "S0")


def know_early(monkeypatch, days):
    """Have estimates made from what is known so many days later."""
    honest = track.known_values
    for module in (track, walkforward):
        monkeypatch.setattr(
            module, "known_values", lambda panel, day, settings: honest(panel, day + days, settings)
        )


def test_an_estimate_that_knows_all_is_caught(monkeypatch):
    know_early(monkeypatch, 10**6)
    assert leak(simulated(2), chosen(volatility="garch11")) == ("garch", "S0")
    column, _ = leak(simulated(2), chosen(location="drift"))
    assert column == "centre"
    column, _ = leak(simulated(2), chosen(location="ses"))
    assert column == "level"


@pytest.mark.parametrize("ahead", [1, 3, 10])
@pytest.mark.parametrize("refit", [1, 5, 7])
def test_an_estimate_that_knows_some_days_more_is_caught(monkeypatch, ahead, refit):
    know_early(monkeypatch, ahead)
    column, _ = leak(simulated(2), chosen(location="drift", refit=refit))
    assert column == "centre"


def test_a_choice_of_symbols_that_looks_ahead_is_caught(monkeypatch):
    honest = walkforward.usable

    def calm(panel, origins, settings):
        able, rows = honest(panel, origins, settings)
        ahead = np.minimum(np.maximum(rows, 0) + 5, np.maximum(panel.counts - 1, 0))
        columns = np.arange(len(panel))
        moved = np.abs(panel.values[ahead, columns] - panel.values[np.maximum(rows, 0), columns])
        return able & (moved < 0.15), rows

    monkeypatch.setattr(walkforward, "usable", calm)
    column, _ = leak(simulated(4), chosen())
    assert column == "usable"


@pytest.mark.parametrize("distribution", ["fhs", "conformal"])
def test_a_calibration_by_errors_that_were_not_known_is_caught(monkeypatch, distribution):
    from pricewright.forecasting.distribution import Errors

    honest = Errors.known
    monkeypatch.setattr(Errors, "known", lambda self, ends, *more: honest(self, ends + 5, *more))
    column, _ = leak(simulated(2), chosen(distribution=distribution))
    assert column == "shape"


@pytest.mark.parametrize("name", ["daily_centres", "daily_variances"])
def test_a_forecast_of_one_day_between_two_origins_that_knew_later_ones_is_caught(
    monkeypatch, name
):
    honest = walkforward._forecasts

    def of_last_day(*args, **options):
        piece, track, first = honest(*args, **options)
        found = getattr(piece, name).copy()
        found[2] += args[0].values[-1]
        return replace(piece, **{name: found}), track, first

    monkeypatch.setattr(walkforward, "_forecasts", of_last_day)
    assert leak(simulated(2), chosen()) == (name.replace("_", " ")[:-1], "S0")


@pytest.mark.parametrize(
    ("symbols", "days", "group", "place"),
    [(3, 320, 3, 2), (70, 120, 6, 4)],  # 70 symbols are 64 and 6
    ids=["the only group", "the second group"],
)
def test_only_the_symbol_that_leaks_is_named(monkeypatch, symbols, days, group, place):
    honest = location.levels

    def of_one(fitted, values, start=None):
        found = honest(fitted, values, start).copy()
        if values.shape[1] == group:
            found[:-1, place] = found[1:, place]
        return found

    panel = simulated(symbols, days)
    monkeypatch.setattr(location, "levels", of_one)
    assert leak(panel, chosen(refit=20)) == ("level", panel.symbols[symbols - group + place])


@pytest.mark.parametrize("volatility", ["combined", "ewma"])
def test_of_many_symbols_others_are_checked_for_each_date(monkeypatch, volatility):
    panel = simulated(70, 200)
    compared = []
    honest = leakage._compare

    def noted(walked, cutoff, processes):
        compared.append((cutoff, list(walked.whole.symbols)))
        return honest(walked, cutoff, processes)

    monkeypatch.setattr(leakage, "_compare", noted)
    settings = chosen(refit=10, volatility=volatility)
    assert checked(panel, settings, every=False)["symbols"] == 64
    day_before = panel.until(int(panel.calendar[-2]))
    assert checked(day_before, settings, every=False)["symbols"] == 64
    _, (_, some), _, (_, others) = compared
    assert len(some) == len({*some}) == 64
    assert some != others
    again = leakage._chosen(panel, int(panel.calendar[-1]))
    assert [panel.symbols[column] for column in again] == some


def test_what_is_checked_of_some_symbols_must_be_what_they_have_among_all(monkeypatch):
    """Symbols that know their future where 6 are worked on at a time, as their forecasts were."""
    honest = location.levels

    def of_six(fitted, values, start=None):
        found = honest(fitted, values, start).copy()
        if values.shape[1] == 6:
            found[:-1] = found[1:]
        return found

    monkeypatch.setattr(location, "levels", of_six)
    with pytest.raises(
        Refusal, match=r"leak: column level of S\d+ at .* among all symbols than by"
    ):
        checked(simulated(70, 120), chosen(refit=20), every=False)


def test_a_leak_of_all_is_caught_by_some(monkeypatch):
    monkeypatch.setattr(location, "levels", a_day_early(location.levels))
    with pytest.raises(Refusal, match="so it knew them"):
        checked(simulated(70, 120), chosen(refit=20), every=False)


def test_the_document_says_what_was_compared(tmp_path):
    prices = 50 * np.exp(np.cumsum(garch_changes(320)[:, 0]))
    model = trained(tmp_path, records_of(panel_of(["A"], [(weekdays(320), prices)])), refit=20)
    metrics = model["metrics"]
    assert model["leak_check"]["symbols"] == 1
    first, *late = model["leak_check"]["cutoffs"]
    assert metrics["first_origin"] == first < metrics["last_origin"] < late[-1]
    assert {"level", "garch", "averages", "variance", "shape"} <= set(
        model["leak_check"]["columns"]
    )
