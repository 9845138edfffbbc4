"""A walk-forward in shards is the walk-forward of all symbols."""

import json
from dataclasses import replace

import numpy as np
import pytest
from forecasts import SMALL, records_of, simulated, uneven, with_bars, write_clean

from pricewright.files import large_arrays
from pricewright.files.errors import Refusal
from pricewright.forecasting import location
from pricewright.tables.array_files import read_stored, write_stored
from pricewright.training import sharding, training
from pricewright.training.sharding import ShardResult, ShardTask
from step_functions import train_or_score
from train_or_score_shard import train_or_score_shard

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def clean(tmp_path):
    return write_clean(tmp_path / "clean.json", with_bars(records_of(uneven()), but=["A", "GAPS"]))


def shards(folder, clean, count, **options):
    """The files that so many shards leave, each having read its task from one."""
    tasks = [folder / f"{number}.task" for number in range(count)]
    train_or_score(clean, tasks=tasks, **(SMALL | options))
    done = [task.with_suffix(".done") for task in tasks]
    for task, into in zip(tasks, done, strict=True):
        train_or_score_shard(task, into)
    return done


def made(folder, clean, done=(), **options):
    """The bytes of a model and its back-test."""
    model, backtest = folder / "model.json", folder / "backtest.parquet"
    train_or_score(clean, model, backtest=backtest, shards=done, **(SMALL | options))
    return model.read_bytes(), backtest.read_bytes()


@pytest.mark.parametrize(
    ("kind", "volatility", "distribution"),
    [
        ("naive", "combined", "conformal"),
        ("theta", "garch11", "fhs"),
        ("ses", "har", "normal"),
        ("lightgbm", "rolling", "conformal"),
    ],
)
def test_any_number_of_shards_makes_the_same_model(tmp_path, clean, kind, volatility, distribution):
    options = {"location": kind, "volatility": volatility, "distribution": distribution}
    whole = made(tmp_path, clean, **options)
    for count in (2, 9):
        done = shards(tmp_path, clean, count, **options)
        assert made(tmp_path, clean, done, **options) == whole


def test_what_shards_made_may_lie_in_files(tmp_path, clean, monkeypatch):
    whole, done = made(tmp_path, clean), shards(tmp_path, clean, 2)
    monkeypatch.setattr(large_arrays, "LARGE", 1)
    files, mapped = [], large_arrays._mapped_file
    monkeypatch.setattr(
        large_arrays, "_mapped_file", lambda size: files.append(size) or mapped(size)
    )
    assert made(tmp_path, clean, done) == whole
    assert files


def test_mode_auto_decides_in_shards_as_in_one(tmp_path, clean):
    auto = {"mode": "auto", "champion": tmp_path / "in_place.json", "every": None}
    trained = made(tmp_path, clean, **auto)
    assert made(tmp_path, clean, shards(tmp_path, clean, 2, **auto), **auto) == trained
    (tmp_path / "in_place.json").write_bytes(trained[0])
    days = sorted({record["date"] for record in json.loads(clean.read_bytes())})
    later = [r for r in json.loads(clean.read_bytes()) if r["date"] != days[100]]
    other = write_clean(tmp_path / "other.json", later)  # of other bytes, with as new a price
    scored = made(tmp_path, other, **auto)
    assert json.loads(scored[0])["mode"] == "score"
    assert made(tmp_path, other, shards(tmp_path, other, 2, **auto), **auto) == scored
    model = json.loads(trained[0])
    model["acceptance"]["accepted"] = True  # the score is not accepted: trained in the same run
    (tmp_path / "in_place.json").write_text(json.dumps(model))
    again = made(tmp_path, other, **auto)
    assert "no longer accepted" in json.loads(again[0])["why"]
    assert made(tmp_path, other, shards(tmp_path, other, 2, **auto), **auto) == again


def test_a_model_is_scored_in_shards_as_in_one(tmp_path, clean):
    made(tmp_path, clean)
    (tmp_path / "model.json").rename(tmp_path / "given.json")
    later = records_of(uneven(days=345))
    options = {"mode": "score", "model": tmp_path / "given.json"}
    newer = write_clean(tmp_path / "newer.json", later)
    whole = made(tmp_path, newer, **options)
    assert made(tmp_path, newer, shards(tmp_path, newer, 3, **options), **options) == whole


def test_a_champion_is_compared_with_in_shards_as_in_one(tmp_path, clean):
    panel = uneven()
    early = records_of(panel.until(int(panel.calendar[-120])))
    made(tmp_path, write_clean(tmp_path / "early.json", early), volatility="ewma")
    (tmp_path / "model.json").rename(tmp_path / "champion.json")
    options = {"champion": tmp_path / "champion.json"}
    whole = made(tmp_path, clean, **options)
    assert made(tmp_path, clean, shards(tmp_path, clean, 4, **options), **options) == whole
    assert json.loads(whole[0])["champion"]["verdict"] in ("better", "worse", "no difference")


def test_a_history_too_short_to_evaluate_is_so_in_shards_too(tmp_path):
    few = write_clean(tmp_path / "few.json", records_of(uneven(days=130)))
    options = {"horizon": 100, "min_history": 40}
    whole = made(tmp_path, few, **options)
    assert made(tmp_path, few, shards(tmp_path, few, 2, **options), **options) == whole


@pytest.mark.parametrize("distribution", ["normal", "fhs", "conformal"])
def test_symbols_that_ended_long_ago_may_have_a_shard_of_their_own(tmp_path, distribution):
    panel = simulated(3, 700)
    records = records_of(panel)
    ended = np.datetime_as_string(panel.days[79, 0].astype("datetime64[D]"))
    few = [each for each in records if each["symbol"] == "S0" or each["date"] <= ended]
    table = write_clean(tmp_path / "few.json", few)
    options = {"max_age_days": 10_000, "distribution": distribution}
    whole = made(tmp_path, table, **options)
    assert made(tmp_path, table, shards(tmp_path, table, 3, **options), **options) == whole


def test_a_shard_knows_its_own_symbols_and_no_others(tmp_path, clean):
    shards(tmp_path, clean, 3)
    tasks = [read_stored(tmp_path / f"{number}.task", ShardTask) for number in range(3)]
    assert sorted(symbol for task in tasks for symbol in task.panel.symbols) == [
        *("A", "GAPS", "LATE", "OIL", "Z"),
    ]


def test_a_leak_in_a_shard_is_found_where_they_come_together(tmp_path, clean, monkeypatch):
    """A slope that is another one than where all come together."""
    settings = SMALL | {"location": "drift", "volatility": "ewma"}
    task, done = tmp_path / "task", tmp_path / "done"
    train_or_score(clean, tasks=[task], **settings)
    work = read_stored(task, ShardTask)

    def leaking(*arguments, fit=location.fit):
        found = fit(*arguments)
        return replace(found, slope=found.slope + 0.001)

    monkeypatch.setattr(location, "fit", leaking)
    write_stored(done, sharding.forecast_shard(work))
    monkeypatch.undo()
    with pytest.raises(Refusal, match=r"leak: column centre.* of A at .*, so it knew them"):
        train_or_score(clean, tmp_path / "model.json", shards=[done], **settings)


def test_work_that_is_not_all_there_is_refused(tmp_path, clean):
    done = shards(tmp_path, clean, 3)
    with pytest.raises(Refusal, match=r"clean\.json: the shards' work is of other prices"):
        made(tmp_path, clean, done[:2])


def test_work_on_other_prices_is_refused(tmp_path, clean):
    done = shards(tmp_path, clean, 2)
    other = read_stored(done[1], ShardResult)
    write_stored(done[1], replace(other, sha256="0" * 64))
    with pytest.raises(Refusal, match=r"clean\.json: the shards' work is of other prices"):
        made(tmp_path, clean, done)


def test_work_on_symbols_that_are_not_in_a_row_is_refused(tmp_path, clean):
    """As by code that dealt them out: figures would be taken for those of others."""
    (done,) = shards(tmp_path, clean, 1)
    result = read_stored(done, ShardResult)
    (piece,) = result.pieces
    dealt = np.argsort(np.arange(len(piece)) % 2, kind="stable")
    write_stored(done, replace(result, pieces=[replace(piece, columns=dealt)]))
    with pytest.raises(Refusal, match=r"clean\.json: the shards' work is of other prices"):
        made(tmp_path, clean, [done])


def test_with_neither_a_model_nor_tasks_to_write_there_is_nothing_to_do(clean):
    with pytest.raises(Refusal, match=r"no output path given"):
        train_or_score(clean, **SMALL)


def test_prices_that_changed_between_scoring_and_training_are_refused(tmp_path, clean, monkeypatch):
    auto = {"mode": "auto", "champion": tmp_path / "in_place.json", "every": None}
    model = json.loads(made(tmp_path, clean, **auto)[0])
    model["acceptance"]["accepted"] = True  # the score is not accepted: trained in the same run
    (tmp_path / "in_place.json").write_text(json.dumps(model))
    records = json.loads(clean.read_bytes())
    later = [record for record in records if record["date"] != records[100]["date"]]
    other = write_clean(tmp_path / "other.json", later)
    evaluated = training.evaluate

    def changing(*arguments):
        write_clean(other, records)
        return evaluated(*arguments)

    monkeypatch.setattr(training, "evaluate", changing)
    with pytest.raises(Refusal, match=r"the clean prices changed while they were scored"):
        made(tmp_path, other, **auto)
