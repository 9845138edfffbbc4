import numpy as np
import orjson
import pytest

from conftest import market
from pricewright.documents import write_columns
from pricewright.errors import Refusal
from pricewright.model import read_model
from pricewright.randomwalk import forecast, plain_forecast, walk
from pricewright.series import History
from pricewright.walkforward import Plan, evaluate, origins
from train_or_score import train_or_score

PLAN = Plan(origins=8, horizon=5, level=0.9, min_history=40, max_age_days=30)


def history(prices, symbol="A", start="2020-01-01"):
    dates = np.datetime64(start) + np.arange(len(prices))
    return History(symbol, dates, np.asarray(prices, dtype="float64"))


def some_history(days=140, seed=3, symbol="A"):
    random = np.random.default_rng(seed)
    return history(100 * np.exp(np.cumsum(random.normal(0, 0.01, days))), symbol)


def test_the_walk_is_riskmetrics_recursion_and_the_mean_change():
    path = walk(found := some_history(), 0.94)
    changes = np.diff(np.log(found.prices))
    variance = [np.mean(changes[:20] ** 2)]
    for change in changes:
        variance.append(0.94 * variance[-1] + 0.06 * change**2)
    np.testing.assert_allclose(path.variance, variance, rtol=1e-12)
    np.testing.assert_allclose(path.drift[-1], changes.mean(), rtol=1e-9)
    np.testing.assert_allclose(path.plain_variance[-1], np.mean(changes**2), rtol=1e-12)


def test_a_forecast_is_the_last_price_moved_by_the_drift_with_bounds_that_widen():
    path = walk(found := some_history(), 0.94)
    made = forecast(path, np.array([139]), 5, 0.9)
    steps = np.arange(1, 6)
    np.testing.assert_allclose(made.median[0], found.prices[-1] * np.exp(steps * path.drift[-1]))
    half = np.log(made.upper[0] / made.median[0])
    np.testing.assert_allclose(half, 1.6448536269514722 * np.sqrt(steps * path.variance[-1]))


def test_the_plain_random_walk_forecasts_the_last_price():
    path = walk(found := some_history(), 0.94)
    np.testing.assert_allclose(
        plain_forecast(path, np.array([99]), 5, 0.9).median[0], found.prices[99]
    )


@pytest.mark.parametrize("low", [0.0, -37.63])
def test_a_series_that_a_logarithm_cannot_take_is_modelled_in_levels(low):
    path = walk(history([20.0, 18.3, low, 10.0]), 0.94)
    assert path.scale == "level"
    assert np.isfinite(forecast(path, np.array([3]), 2, 0.9).lower).all()


def test_nothing_after_the_origin_changes_a_forecast_from_it():
    found = some_history()
    at = np.array([99])
    spoiled = found.prices.copy()
    spoiled[100:] = np.random.default_rng(0).uniform(1, 1e6, len(spoiled) - 100)
    honest = forecast(walk(found, 0.94), at, 5, 0.9)
    same = forecast(walk(history(spoiled), 0.94), at, 5, 0.9)
    for name in ("median", "lower", "upper"):
        np.testing.assert_array_equal(getattr(honest, name), getattr(same, name))


def test_origins_are_calendar_dates_a_horizon_apart_that_leave_a_horizon_to_score():
    calendar = np.datetime64("2020-01-01") + np.arange(30)
    found = origins([calendar[::2], calendar[1::2]], PLAN)
    assert found.tolist() == calendar[[4, 9, 14, 19, 24]].tolist()


def by_hand(found, at_dates):
    """MASE, RMSSE and coverage from their definitions, one forecast at a time."""
    absolute, squared, inside = [], [], []
    for origin in at_dates:
        past = found.prices[found.dates <= origin]
        future = found.prices[found.dates > origin][:5]
        logs = np.log(past)
        drift = (logs[-1] - logs[0]) / (len(logs) - 1)
        variance = np.mean(np.diff(logs)[:20] ** 2)
        for change in np.diff(logs):
            variance = 0.94 * variance + 0.06 * change**2
        naive = np.abs(np.diff(past))
        for step, actual in enumerate(future, start=1):
            centre = logs[-1] + step * drift
            half = 1.6448536269514722 * np.sqrt(step * variance)
            error = actual - np.exp(centre)
            absolute.append(abs(error) / naive.mean())
            squared.append(error**2 / (naive**2).mean())
            inside.append(np.exp(centre - half) <= actual <= np.exp(centre + half))
    return np.mean(absolute), np.sqrt(np.mean(squared)), np.mean(inside)


def test_the_metrics_are_those_of_their_definitions():
    found = some_history()
    pooled, by_symbol, at_dates = evaluate([(found, walk(found, 0.94))], PLAN)
    scores = by_symbol["A"]["model"]
    np.testing.assert_allclose(
        [scores["mase"], scores["rmsse"], scores["coverage"]], by_hand(found, at_dates)
    )
    assert pooled["model"]["mase"] == scores["mase"]
    assert pooled["forecasts"] == 8 * 5


@pytest.mark.parametrize(("days", "scored"), [(61, 4), (60, 3)])
def test_symbols_are_cut_at_the_same_dates_and_each_is_scored_where_it_can_be(days, scored):
    """The late symbol lacks history before the first four origins; with a day less it also
    lacks the last price of the last horizon."""
    early = some_history()
    late = history(early.prices[:days], "B", start="2020-03-20")
    members = [(found, walk(found, 0.94)) for found in (early, late)]
    _, by_symbol, at_dates = evaluate(members, PLAN)
    assert (len(at_dates), by_symbol["A"]["origins"]) == (8, 8)
    assert by_symbol["B"]["origins"] == scored


def test_a_history_too_short_to_score_has_no_metrics_and_no_nan():
    found = some_history(days=44)
    pooled, by_symbol, _ = evaluate([(found, walk(found, 0.94))], PLAN)
    assert pooled["model"]["mase"] is None
    assert by_symbol["A"]["model"] == {"mase": None, "rmsse": None, "coverage": None}


def trained(tmp_path, records, **options):
    columns = {name: [record[name] for record in records] for name in records[0]}
    write_columns(tmp_path / "clean.json", columns)
    output = tmp_path / "model.json"
    train_or_score(tmp_path / "clean.json", output, **({"horizon": 5, "origins": 8} | options))
    return read_model(output)[0]


def test_symbols_that_cannot_be_modelled_are_listed_with_their_reasons(tmp_path):
    records = market(symbols=4)
    short = [r for r in records if r["symbol"] != "S1"] + [
        r for r in records if r["symbol"] == "S1"
    ][:9]
    ended = [r for r in short if r["symbol"] != "S2" or r["date"] < "2020-05-01"]
    flat = [r | {"close": 7.0} if r["symbol"] == "S3" else r for r in ended]
    model = trained(tmp_path, flat)
    assert list(model["symbols"]) == ["S0"]
    reasons = {out["symbol"]: out["reason"] for out in model["left_out"]}
    assert reasons["S1"] == "9 observations, fewer than 60"
    assert reasons["S2"].startswith("the last price is of 2020-04-30")
    assert reasons["S3"] == "the price never changes"


def test_a_table_of_which_nothing_can_be_modelled_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"no symbol can be modelled \(S0: 9 observations"):
        trained(tmp_path, market(symbols=1, days=9))


def test_the_order_of_the_records_does_not_change_the_model(tmp_path):
    records = market()
    one = trained(tmp_path / "1", records)
    two = trained(tmp_path / "2", records[::-1])
    assert one["symbols"] == two["symbols"]
    assert one["metrics"] == two["metrics"]


def test_score_brings_a_given_models_state_up_to_date_and_keeps_its_parameters(tmp_path):
    records = market(days=260)
    dates = sorted({record["date"] for record in records})
    old = [record for record in records if record["date"] <= dates[149]]
    new = [record for record in records if record["date"] > dates[149]]
    model = trained(tmp_path / "old", old)
    given = tmp_path / "old" / "model.json"
    scored = trained(tmp_path / "new", new, mode="score", model=given, horizon=99)
    whole = trained(tmp_path / "all", records)
    assert scored["mode"] == "score"
    assert scored["scored_model"]["cutoff"] == model["cutoff"] == dates[149]
    assert scored["parameters"] == model["parameters"]
    assert scored["symbols"]["S0"]["drift"] == model["symbols"]["S0"]["drift"]
    assert scored["metrics"]["origins_the_model_knew"] == 0
    np.testing.assert_allclose(
        scored["symbols"]["S0"]["volatility"], whole["symbols"]["S0"]["volatility"], rtol=0.02
    )


def test_scoring_what_the_model_was_trained_on_says_so(tmp_path):
    trained(tmp_path / "old", market())
    scored = trained(
        tmp_path / "new", market(), mode="score", model=tmp_path / "old" / "model.json"
    )
    assert scored["metrics"]["origins_the_model_knew"] == 8


def test_score_without_a_model_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"no model is given to be scored; see score\.model"):
        trained(tmp_path, market(), mode="score")


def test_a_symbol_that_the_given_model_does_not_know_is_left_out(tmp_path):
    trained(tmp_path / "old", market(symbols=1))
    scored = trained(
        tmp_path / "new", market(), mode="score", model=tmp_path / "old" / "model.json"
    )
    assert scored["left_out"] == [{"symbol": "S1", "reason": "the scored model does not know it"}]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda model: model.update(schema_version=2), "a model of schema version 2"),
        (lambda model: model.pop("schema_version"), "not a model: it has no schema_version"),
        (lambda model: model.update(note="hi"), "'note': there is no such key"),
        (lambda model: model.pop("cutoff"), "'cutoff' is missing"),
        (
            lambda model: model["symbols"]["S0"].update(drift="up"),
            "'symbols.S0.drift': found \"up\"",
        ),
        (lambda model: model["symbols"]["S0"].update(volatility=-1), "allowed: number from 0"),
        (lambda model: model["data"].update(sha256="?"), "'data.sha256': found \"\\?\""),
        (lambda model: model.update(symbols={}), "'symbols': found {}"),
    ],
)
def test_a_model_edited_by_hand_is_refused_by_its_reader(tmp_path, spoil, sentence):
    model = trained(tmp_path, market())
    spoil(model)
    (tmp_path / "model.json").write_bytes(orjson.dumps(model))
    with pytest.raises(Refusal, match=f"model.json:.*{sentence}"):
        read_model(tmp_path / "model.json")


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema_version": NaN}'])
def test_a_model_that_is_not_json_is_refused(tmp_path, content):
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(Refusal, match=r"model\.json:1: not JSON"):
        read_model(tmp_path / "model.json")
