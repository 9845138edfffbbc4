"""Tables larger than memory: their arrays are kept in files, and the results are the same."""

import contextlib
import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pricewright.files import large_arrays
from pricewright.forecasting import panel
from pricewright.intake import merge
from pricewright.intake.reading import columnar, rows_in_order
from pricewright.tables.stored_values import GroupedValues
from pricewright.tables.table_files import ends_of_groups
from step_functions import clean, ingest, train_or_score

SYMBOLS, DAYS = 70, 260
"""More symbols than are processed at a time."""

SETTINGS = {"min_history": 40, "origins": 20, "calibration": 100, "horizon": 3, "refit": 4}


def prices():
    """Bars ordered by date and then symbol. One symbol has another's prices, one begins late, one
    has a short history, some rows are repeated and some are wrong."""
    random = np.random.default_rng(11)
    moves = random.normal(0, 0.02, (DAYS, SYMBOLS))
    moves[:, 8] = moves[:, 3]
    close = (50 * np.exp(moves.cumsum(axis=0))).round(2)
    spread = random.integers(1, 90, (2, DAYS, SYMBOLS)) / 100
    spread[:, :, 8] = spread[:, :, 3]
    table = pd.DataFrame(
        {
            "date": np.repeat(np.busday_offset("2022-01-03", np.arange(DAYS)).astype(str), SYMBOLS),
            "symbol": np.tile([f"S{number:02}" for number in range(SYMBOLS)], DAYS),
            "open": close.ravel(),
            "high": (close + spread[0]).ravel().round(2),
            "low": (close - spread[1]).ravel().round(2),
            "close": close.ravel(),
            "volume": random.integers(1, 1000, DAYS * SYMBOLS),
        }
    )
    day = np.repeat(np.arange(DAYS), SYMBOLS)
    late = (table["symbol"] == "S05") & (day < 60) | (table["symbol"] == "S07") & (day < 240)
    again, other, wrong = table[3000:3020], table[4000:4003].assign(close=49.0), table[5000:5005]
    other = other.assign(high=60.0, low=40.0)
    return pd.concat([table[~late], again, other, wrong.assign(date="2022-02-30")])


def make(folder):
    """The digests, by name, of all files that the first three steps write."""
    folder.mkdir()
    with contextlib.chdir(folder):
        prices().to_csv("prices.csv", index=False)
        received = {"receipt": Path("ingest.json"), "quarantine": Path("quarantine.json")}
        ingest("prices.csv", Path("raw.parquet"), **received, max_quarantined=0.1)
        cleaned = {"receipt": Path("clean.json"), "quality": Path("quality.json")}
        clean(Path("raw.parquet"), Path("clean.parquet"), **cleaned)
        train_or_score(
            Path("clean.parquet"),
            Path("model.json"),
            receipts=[Path("ingest.json"), Path("clean.json")],
            backtest=Path("backtest.parquet"),
            forecasts=Path("forecasts.parquet"),
            daily_forecasts=Path("daily.parquet"),
            price="close",
            **SETTINGS,
        )
        found = sorted(path for path in Path().iterdir() if path.is_file())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_arrays_in_files_make_the_same_bytes(tmp_path, monkeypatch):
    in_memory = make(tmp_path / "memory")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for module in (large_arrays, panel):
        monkeypatch.setattr(module, "LARGE", 1)
    monkeypatch.setattr(panel, "AT_ONCE", 7)
    monkeypatch.setattr(rows_in_order, "AT_ONCE", 500)
    files, mapped = [], large_arrays._mapped_file
    monkeypatch.setattr(
        large_arrays, "_mapped_file", lambda size: files.append(size) or mapped(size)
    )
    assert make(tmp_path / "files") == in_memory
    assert len(in_memory) == 11
    assert len(files) > 20
    quality = (tmp_path / "memory/quality.json").read_text()
    assert '"same-as"' in quality


def test_no_step_before_the_model_asks_for_a_whole_column(tmp_path, monkeypatch):
    """A file, received again with other values, and then a second one that overlaps it."""

    def refused(self, name):
        raise AssertionError(f"{type(self).__name__}: asked for all of column {name!r}")

    monkeypatch.setattr(columnar, "_ROWS", 500)
    monkeypatch.setattr(rows_in_order, "AT_ONCE", 500)
    monkeypatch.setattr(GroupedValues, "__getitem__", refused)
    table = prices()
    source = tmp_path / "source"
    source.mkdir()
    with contextlib.chdir(tmp_path):
        for change, file in ((0, "a"), (0.01, "a"), (0.02, "b")):
            table["close"] += change
            delivered = table[table["date"] > ("" if file == "a" else "2022-05-20")]
            delivered.to_parquet(source / f"{file}.parquet")
            table = table.sample(frac=1, random_state=2)
            ingest(str(source), Path("raw.parquet"), max_quarantined=0.1)
            clean(Path("raw.parquet"), Path("clean.parquet"))


def test_without_room_on_disk_tables_stay_in_memory(tmp_path, monkeypatch):
    in_memory = make(tmp_path / "memory")
    monkeypatch.setattr(large_arrays, "_free", lambda _: 0)
    for module in (large_arrays, panel):
        monkeypatch.setattr(module, "LARGE", 1)
    assert make(tmp_path / "no_room") == in_memory


def receive(folder, source):
    """The digests, by name, of what `ingest` writes for a folder with several files."""
    folder.mkdir()
    with contextlib.chdir(folder):
        names = ["raw.parquet", "ingest.json", "quarantine.json", "restatements.json"]
        raw, receipt, quarantine, restatements = map(Path, names)
        said = {"receipt": receipt, "quarantine": quarantine, "restatements": restatements}
        ingest(str(source), raw, **said, max_quarantined=0.1)
        assert len(restatements.read_text()) > 1000
        return {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in names}


def test_several_new_files_at_once_are_merged_to_the_same_bytes(tmp_path, monkeypatch):
    """The files overlap, and their symbols differ."""
    table = prices()
    day = table["date"]
    source = tmp_path / "source"
    source.mkdir()
    table[day < "2022-06-01"].to_csv(source / "a.csv", index=False)
    later = table[(day > "2022-05-20") & (table["symbol"] != "S30")]
    later.assign(close=later["close"].round(1)).to_csv(source / "b.csv", index=False)
    table[table["symbol"] > "S29"].sample(frac=1, random_state=1).to_csv(source / "c.csv")
    in_memory = receive(tmp_path / "memory", source)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(large_arrays, "LARGE", 1)
    monkeypatch.setattr(large_arrays, "SMALL", 64)
    monkeypatch.setattr(rows_in_order, "AT_ONCE", 500)
    monkeypatch.setattr(merge, "ends_of_groups", partial(ends_of_groups, most=700))
    assert receive(tmp_path / "files", source) == in_memory
