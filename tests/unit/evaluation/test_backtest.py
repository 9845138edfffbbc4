import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from forecasts import SMALL, trained, write_clean
from scipy import stats

from conftest import market
from pricewright.evaluation.backtest import DAYS
from pricewright.evaluation.backtest_file import EXCEPTIONS, SERIES, read_backtest
from pricewright.files.disk import file_sha256
from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import read_model
from step_functions import train_or_score


def with_backtest(folder, records, **settings):
    """The model document, and its back-test."""
    backtest = folder / "backtest.parquet"
    model = trained(folder, records, **({"refit": 10, "backtest": backtest} | settings))
    return model, read_backtest(backtest, file_sha256(folder / "model.json"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of a small model and its back-test, not to be changed."""
    folder = tmp_path_factory.mktemp("backtest")
    with_backtest(folder, market(symbols=3))
    return folder


@pytest.fixture(scope="module")
def small(folder):
    model, digest = read_model(folder / "model.json")
    return model, read_backtest(folder / "backtest.parquet", digest)


def test_its_exceptions_are_those_that_the_model_counts(small):
    model, backtest = small
    for place, symbol in enumerate(backtest.symbols):
        found = backtest.lists(place, EXCEPTIONS)
        tails = model["metrics"]["by_symbol"][symbol]["var"]
        assert len(found["exceptions_1"]) == tails["1"]["exceptions"]
        assert len(found["exceptions_5"]) == tails["5"]["exceptions"]
        assert set(found["exceptions_1"]) <= set(found["exceptions_5"])
    assert any(len(backtest.lists(place, EXCEPTIONS)["exceptions_5"]) for place in range(3))


def test_the_change_on_the_day_of_an_exception_is_beyond_what_was_forecast(small):
    _, backtest = small
    for place in range(len(backtest.symbols)):
        found = backtest.lists(place, ("days", *SERIES, *EXCEPTIONS))
        change = np.diff(np.log(found["price"]))
        beyond = change < found["var_5"][1:]
        assert set(found["days"][1:][beyond]) == set(found["exceptions_5"])


def test_its_intervals_hold_what_the_model_says(small):
    model, backtest = small
    for place, symbol in enumerate(backtest.symbols):
        found = backtest.lists(place, SERIES)
        known = np.flatnonzero(~np.isnan(found["lower"]))
        known = known[: SMALL["horizon"] * model["metrics"]["origins"]]  # then not all are there
        held = (found["lower"] <= found["price"]) & (found["price"] <= found["upper"])
        said = model["metrics"]["by_symbol"][symbol]["model"]["coverage"]
        assert held[known].mean() == pytest.approx(said, abs=1e-12)


def test_its_volatility_is_the_one_that_qlike_judges(small):
    model, backtest = small
    for place, symbol in enumerate(backtest.symbols):
        found = backtest.lists(place, SERIES)
        variance = found["volatility"][1:].astype(float) ** 2
        change = np.diff(np.log(found["price"].astype(float)))
        qlike = np.nanmean(np.log(variance) + change**2 / variance)
        said = model["metrics"]["by_symbol"][symbol]["volatility"]["qlike"]
        assert qlike == pytest.approx(said, rel=1e-5)


def test_its_skill_is_that_of_the_models_scores_within_an_interval(small):
    model, backtest = small
    for place, symbol in enumerate(backtest.symbols):
        scores = model["metrics"]["by_symbol"][symbol]
        skill, lower, upper = backtest.skill(place)
        ratio = scores["model"]["pinball"] / scores["random_walk"]["pinball"]
        assert skill == pytest.approx(1 - ratio)
        assert lower < skill < upper
    together, lower, upper = backtest.skill(len(backtest.symbols))
    each = [backtest.skill(place)[0] for place in range(len(backtest.symbols))]
    assert lower < together < upper
    assert min(each) < together < max(each)


def student(skill, added):
    """Student's 95% interval around a skill, from what each date adds to it."""
    half = stats.t.ppf(0.975, len(added) - 1) * np.sqrt(len(added) * added.var(ddof=1))
    return pytest.approx([skill - half, skill + half], rel=1e-4)


def test_the_interval_of_a_skill_is_of_how_its_ratio_varies_between_dates(tmp_path):
    """Again from the table of all forecasts: the ratio of two means varies with both."""
    tables = {"forecasts": tmp_path / "f.parquet", "daily_forecasts": tmp_path / "d.parquet"}
    _, backtest = with_backtest(tmp_path, market(symbols=2), **tables)
    table = pd.read_parquet(tables["forecasts"])
    losses, kinds = (
        table.groupby("symbol")[["pinball", "walk_pinball"]],
        ["pinball", "walk_pinball"],
    )
    means = losses.mean()
    off = (table[kinds] - losses.transform("mean")) / losses.transform("count")
    by_date = off.groupby([table.symbol, table.made]).sum()

    def added(means, ratio):
        return (by_date.pinball - ratio * by_date.walk_pinball) / means.walk_pinball

    for place, symbol in enumerate(backtest.symbols):
        skill, *bounds = backtest.skill(place)
        each = added(means.loc[symbol], 1 - skill).loc[symbol]
        assert bounds == student(skill, each.to_numpy())
    skill, *bounds = backtest.skill(2)
    assert skill == pytest.approx(1 - means.pinball.mean() / means.walk_pinball.mean(), rel=1e-4)
    each = added(means.mean(), 1 - skill).groupby("made").sum() / 2
    assert bounds == student(skill, each.to_numpy())


def test_the_row_of_all_symbols_has_the_origins(small):
    model, backtest = small
    origins = backtest.lists(len(backtest.symbols), ["days"])["days"].astype("datetime64[D]")
    metrics = model["metrics"]
    assert len(origins) == metrics["origins"]
    assert (str(origins[0]), str(origins[-1])) == (metrics["first_origin"], metrics["last_origin"])


def test_only_the_last_days_of_a_long_history_are_kept(tmp_path):
    _, backtest = with_backtest(tmp_path, market(symbols=1, days=DAYS + 60))
    found = backtest.lists(0, ("days", *SERIES))
    assert {len(values) for values in found.values()} == {DAYS}


def test_a_symbol_that_came_late_has_the_days_that_it_has(tmp_path):
    late, other = (
        [record for record in market(symbols=2) if record["symbol"] == symbol]
        for symbol in ("S0", "S1")
    )
    model, backtest = with_backtest(tmp_path, late[-70:] + other)
    closes = np.float32([record["close"] for record in other])
    np.testing.assert_array_equal(backtest.lists(1, SERIES)["price"], closes)
    assert len(backtest.lists(2, ["days"])["days"]) == model["metrics"]["origins"]
    found = backtest.lists(0, ("days", *SERIES))
    assert {len(values) for values in found.values()} == {70}
    assert np.isnan(found["volatility"][: SMALL["min_history"]]).all()
    assert not np.isnan(found["volatility"][-1])


def test_without_dates_to_forecast_from_there_are_prices_alone(tmp_path):
    model, backtest = with_backtest(tmp_path, market(symbols=1, days=43))
    assert model["metrics"]["origins"] == 0
    found = backtest.lists(0, SERIES)
    assert not np.isnan(found["price"]).any()
    assert all(np.isnan(found[name]).all() for name in SERIES[1:])
    assert backtest.skill(0) == (None, None, None)


def test_on_levels_the_changes_are_those_of_prices(tmp_path):
    records = market(symbols=1)
    for record in records:
        record["close"] -= 60
    model, backtest = with_backtest(tmp_path, records)
    assert model["symbols"]["S0"]["scale"] == "level"
    found = backtest.lists(0, ("days", *SERIES, *EXCEPTIONS))
    beyond = np.diff(found["price"]) < found["var_5"][1:]
    assert set(found["days"][1:][beyond]) == set(found["exceptions_5"])


def test_a_scored_model_has_one_too(tmp_path, folder):
    given = folder / "model.json"
    scored, backtest = with_backtest(tmp_path, market(symbols=3), mode="score", model=given)
    for place, symbol in enumerate(backtest.symbols):
        tails = scored["metrics"]["by_symbol"][symbol]["var"]
        assert len(backtest.lists(place, EXCEPTIONS)["exceptions_5"]) == tails["5"]["exceptions"]


@pytest.mark.parametrize("kind", ["naive", "lightgbm"])
def test_the_same_bytes_each_time_for_any_number_of_threads_and_with_no_back_test(tmp_path, kind):
    source, model = (
        write_clean(tmp_path / "clean.json", market(symbols=70)),
        tmp_path / "model.json",
    )
    made = []
    for threads in (1, 2):
        path = tmp_path / f"{threads}.parquet"
        options = SMALL | {"location": kind, "threads": threads}
        train_or_score(source, model, backtest=path, **options)
        made.append((model.read_bytes(), path.read_bytes()))
    assert made[0] == made[1]
    train_or_score(source, model, **options)
    assert model.read_bytes() == made[0][0]


# What is no back-test of the model


def test_that_of_another_model_is_refused(folder):
    with pytest.raises(
        Refusal, match=r"backtest\.parquet: is of model .*--forcerun train_or_score"
    ):
        read_backtest(folder / "backtest.parquet", "0" * 64)


@pytest.mark.parametrize("wrong", [b"\x80", b"\xff", b"\n", b"G", b"\x00"])
def test_a_wrong_byte_in_the_digest_of_its_model_is_refused(tmp_path, folder, wrong):
    path, model = tmp_path / "backtest.parquet", file_sha256(folder / "model.json")
    content = (folder / "backtest.parquet").read_bytes()
    assert content.count(model.encode()) == 1
    path.write_bytes(
        content.replace(model.encode(), model[:5].encode() + wrong + model[6:].encode())
    )
    with pytest.raises(Refusal, match=r"backtest\.parquet: not a back-test .*; train again\.$"):
        read_backtest(path, model)


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "backtest.parquet"
    with pytest.raises(Refusal, match="no such file"):
        read_backtest(path, "0" * 64)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(Refusal, match="not a whole Parquet file"):
        read_backtest(path, "0" * 64)
    pyarrow.parquet.write_table(pa.table({"symbol": ["S0"]}), path)
    with pytest.raises(Refusal, match="not a back-test as this code writes it"):
        read_backtest(path, "0" * 64)
