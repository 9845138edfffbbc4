"""The tables of all forecasts: what the figures of a model are made of, and no more."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from forecasts import SMALL, chosen, simulated, trained, uneven, walked

from conftest import ROOT, market
from kills import full_at_second_sync
from pricewright.evaluation.evaluate import evaluate
from pricewright.evaluation.forecast_tables import DATES, DAYS, ForecastFiles
from pricewright.files.disk import file_sha256
from pricewright.forecasting.timeline import make_timeline
from pricewright.forecasting.walkforward import walk_forward


def tables(folder):
    (folder / "results").mkdir(parents=True)
    return {
        "forecasts": folder / "results/forecasts.parquet",
        "daily_forecasts": folder / "results/daily_forecasts.parquet",
    }


@pytest.fixture(scope="module", params=["conformal", "normal"])
def made(tmp_path_factory, request):
    """A model of 0.9, and the folder beside whose results it lies."""
    folder = tmp_path_factory.mktemp("made")
    settings = {"refit": 10, "level": 0.9, "distribution": request.param}
    return trained(folder, market(symbols=3), **tables(folder), **settings), folder


def test_what_the_docs_compute_is_what_the_model_says(made, monkeypatch):
    model, folder = made
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/model.md").read_text(), re.DOTALL)
    (block,) = (block for block in blocks if "results/forecasts.parquet" in block)
    monkeypatch.chdir(folder)
    found = {}
    exec(block, found)
    figures, days = found["figures"], found["days"]
    metrics = model["metrics"]
    for symbol, said in metrics["by_symbol"].items():
        for name, value in figures.loc[symbol].items():
            assert value == pytest.approx(said["model"][name], rel=1e-5), name
        for name in ("qlike", "ewma_qlike"):
            assert days.loc[symbol, name] == pytest.approx(said["volatility"][name], rel=1e-5)
        for tail, counted in said["var"].items():
            share = counted["exceptions"] / counted["days"]
            assert days.loc[symbol, f"exceptions_{tail}"] == pytest.approx(share)
    for name in ("mase", "rmsse", "pinball", "crps", "interval_score"):
        assert figures[name].mean() == pytest.approx(metrics["pooled"]["model"][name], rel=1e-5)
    assert found["f"].coverage.mean() == pytest.approx(metrics["pooled"]["model"]["coverage"])


def test_the_forecasts_that_the_docs_compute_by_hand_are_the_models(tmp_path, monkeypatch):
    """S1 has ranges, S0 has none; both have enough days for a GARCH."""
    records = market(days=400)
    for record in records:
        if record["symbol"] == "S1":
            close = record["close"]
            record |= {"open": close, "high": close * 1.01, "low": close * 0.98}
    model = trained(tmp_path / "results", records)
    assert {state["volatility"]["kind"] for state in model["symbols"].values()} == {"combined"}
    assert [state["volatility"]["ranges"] for state in model["symbols"].values()] == [0, 399]
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/model.md").read_text(), re.DOTALL)
    (block,) = (block for block in blocks if "def distribution" in block)
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(block, found)
    places = [found["levels"].index(level) for level in (0.05, 0.95, 0.025)]
    for symbol, state in model["symbols"].items():
        forecast = state["forecast"]
        for ahead, price in enumerate(forecast["point"]):
            quantiles, shortfall = found["distribution"](symbol, ahead + 1)
            lower, upper, at_risk = quantiles[places]
            assert lower == pytest.approx(forecast["lower"][ahead])
            assert upper == pytest.approx(forecast["upper"][ahead])
            assert price - at_risk == pytest.approx(forecast["var"][ahead])
            assert shortfall == pytest.approx(forecast["es"][ahead])


def test_a_symbol_that_stands_still_leaves_the_test_of_the_expected_shortfall_of_others(tmp_path):
    """It has no deviation in which a loss could be counted when it moves again."""
    records = market(days=400)
    own = [record for record in records if record["symbol"] == "S0"]
    for place in range(300, 320):
        own[place]["close"] = own[300]["close"]
    own[320]["close"] = round(own[300]["close"] * 0.98, 4)
    settings = {"volatility": "rolling", "rolling_days": 5}
    pooled = trained(tmp_path, records, **settings)["metrics"]["pooled"]
    assert pooled["es"]["exceptions"] > 3
    assert None not in (pooled["es"]["p_value"], pooled["es"]["residual"])


def test_so_are_those_of_the_random_walk_of_horizons_of_shortfalls_and_of_places(made):
    model, folder = made
    pooled, by_symbol = model["metrics"]["pooled"], model["metrics"]["by_symbol"]
    f = pd.read_parquet(folder / "results/forecasts.parquet")
    d = pd.read_parquet(folder / "results/daily_forecasts.parquet")
    for symbol, rows in f.groupby("symbol"):
        walk = by_symbol[symbol]["random_walk"]
        error = ((rows.price - rows["last"]).abs() / rows.scale).mean()
        assert error == pytest.approx(walk["mase"], rel=1e-5)
        held = (rows.walk_lower <= rows.price) & (rows.price <= rows.walk_upper)
        assert held.mean() == pytest.approx(walk["coverage"])
        assert rows.walk_crps.mean() == pytest.approx(walk["crps"], rel=1e-5)
        assert rows.walk_pinball.mean() == pytest.approx(walk["pinball"], rel=1e-5)
        bins = np.histogram(rows.pit, np.linspace(0, 1, len(by_symbol[symbol]["pit"]) + 1))[0]
        assert bins.tolist() == by_symbol[symbol]["pit"]
        half = rows.pit.between(0.25, 0.75).mean()
        assert half == pytest.approx(by_symbol[symbol]["model"]["coverages"]["50"])
    steps = (f.price - f.point).abs() / f.scale
    by_horizon = steps.groupby([f.ahead, f.symbol]).mean().groupby("ahead").mean()
    np.testing.assert_allclose(by_horizon, pooled["model"]["by_horizon"]["mase"], rtol=1e-5)
    beyond = d[d.change < d["var_2.5"]]
    residuals = (beyond.change - beyond["es_2.5"]) / beyond.deviation
    assert len(residuals) == pooled["es"]["exceptions"]
    assert residuals.mean() == pytest.approx(pooled["es"]["residual"], rel=1e-4)


def test_they_are_of_the_model_and_have_the_columns_that_they_say(made):
    import pyarrow.parquet

    _, folder = made
    digest = file_sha256(folder / "model.json")
    for name, columns in (("forecasts", DATES), ("daily_forecasts", DAYS)):
        schema = pyarrow.parquet.read_schema(folder / f"results/{name}.parquet")
        assert schema.names == list(columns)
        assert schema.metadata[b"model"] == digest.encode()
        exact = {field.name for field in schema if str(field.type) == "double"}
        assert exact == ({"last", "price", "point"} if name == "forecasts" else set())


def test_rows_are_by_symbol_and_date_and_only_where_there_was_a_forecast_and_a_price(made):
    model, folder = made
    f = pd.read_parquet(folder / "results/forecasts.parquet")
    assert len(f) == model["metrics"]["pooled"]["forecasts"]
    order = f.sort_values(["symbol", "made", "ahead"])
    pd.testing.assert_frame_equal(order.reset_index(drop=True), f)
    assert f.notna().all().all()
    assert (f.made < f.date).all()
    assert f.ahead.max() == SMALL["horizon"]
    d = pd.read_parquet(folder / "results/daily_forecasts.parquet")
    assert d.groupby("symbol").date.is_monotonic_increasing.all()
    assert (d.made < d.date).all()


@pytest.mark.parametrize("panel", [uneven(), simulated(70, 150)], ids=["uneven", "two groups"])
def test_they_are_the_same_bytes_whoever_made_the_pieces(tmp_path, panel):
    settings = chosen(min_history=40, refit=10)
    whole = walked(panel, settings)
    places = np.arange(len(panel))
    shares = (np.array_split(places, 3), [places[:4], places[4:]])
    made = [
        [piece for columns in share for piece in walk_of(panel, columns, settings)]
        for share in shares
    ]
    files = []
    for number, pieces in enumerate((whole.pieces, *made)):
        paths = tmp_path / f"{number}.dates", tmp_path / f"{number}.days"
        with ForecastFiles(*paths) as tables:
            evaluate(replace(whole, pieces=[*pieces]), tables=tables)
            evaluate(replace(whole, pieces=[*pieces]), tables=tables)  # once more, from nothing
            tables.finish("0" * 64)
        files.append([path.read_bytes() for path in paths])
    assert files[0] == files[1] == files[2]


def walk_of(panel, columns, settings):
    """The pieces of some columns of a panel, as a shard makes them."""
    own = panel.columns(columns)
    found = walk_forward(own, make_timeline(panel, settings), settings)
    return [replace(piece, columns=columns[piece.columns]) for piece in found.pieces]


def test_where_the_second_cannot_be_written_both_stay_as_they_were(tmp_path):
    paths, panel = (tmp_path / "dates", tmp_path / "days"), uneven()
    settings = chosen(min_history=40, refit=10)
    whole = walked(panel, settings)

    def write(model):
        with ForecastFiles(*paths) as tables:
            evaluate(replace(whole, pieces=[*whole.pieces]), tables=tables)
            tables.finish(model)

    write("0" * 64)
    before = [path.read_bytes() for path in paths]
    with full_at_second_sync(), pytest.raises(OSError, match="No space"):
        write("1" * 64)
    assert [path.read_bytes() for path in paths] == before
    write("1" * 64)
    after = [path.read_bytes() for path in paths]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_before_they_begin_there_are_no_files_that_a_killed_training_would_leave(tmp_path):
    with ForecastFiles(tmp_path / "dates", tmp_path / "days") as files:
        assert not list(tmp_path.iterdir())
        files.begin()
        assert len(list(tmp_path.iterdir())) == 2
        files.finish("0" * 64)
    assert {path.name for path in tmp_path.iterdir()} == {"dates", "days"}
