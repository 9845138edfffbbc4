"""A model of many symbols, whose file has columns: everything made from it is the same."""

import contextlib
import re
from functools import reduce
from pathlib import Path

import orjson
import pytest
from forecasts import trained

from conftest import ROOT, SCRIPTS, market
from firm import make_results
from pricewright.commands.predict import predict
from pricewright.files.errors import Refusal
from pricewright.forecasting import model_file
from pricewright.forecasting.model_file import by_symbol, read_model
from pricewright.monitoring.record import record_day
from pricewright.releases.models import find_model
from pricewright.releases.rebuild import Steps, rebuild
from pricewright.reporting.card import model_card
from pricewright.reporting.comparison import compare_models
from pricewright.reporting.run_summary import run_summary
from pricewright.tables.symbol_columns import MOST_BY_SYMBOL
from report import report
from step_functions import clean, ingest, train_or_score


@pytest.fixture
def as_columns(monkeypatch):
    """Count two symbols as many already."""
    monkeypatch.setattr(model_file, "MOST_BY_SYMBOL", 1)


MODEL = Path("results/model.json")

RECORDS = [record for record in market(symbols=3, days=200) if record["symbol"] != "S2"] + [
    record | {"symbol": "names"} for record in market(symbols=1, days=200, seed=7)
]
"""Records of three symbols, one of which is called "names" like a key of the columns."""


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Two folders with the same model: with records by symbol, and with columns."""
    folders = [tmp_path_factory.mktemp(name) for name in ("records", "columns")]
    for folder, most in zip(folders, (500, 1), strict=True):
        with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
            patch.setattr(model_file, "MOST_BY_SYMBOL", most)
            trained(Path("before"), RECORDS[:-60])
            options = {"champion": Path("before/model.json"), "backtest": Path("backtest")}
            trained(Path("results"), RECORDS, **options)
    return folders


def alike(said):
    """A text or JSON document without digests, because the two models' bytes differ."""
    text = said if isinstance(said, str) else orjson.dumps(said, default=dict).decode()
    return re.sub(r"[0-9a-f]{64}|[0-9a-f]{12}(?=…)", "a digest", text)


def test_a_file_with_columns_holds_the_same_values(both):
    records, columns = (orjson.loads((folder / MODEL).read_bytes()) for folder in both)
    found, names = columns["symbols"]["columns"], list(records["symbols"])
    assert columns["symbols"]["names"] == columns["metrics"]["by_symbol"]["names"] == names
    of = [records["symbols"][name] for name in names]
    assert found["forecast"]["upper"] == [state["forecast"]["upper"] for state in of]
    assert found["last_date"] == [state["last_date"] for state in of]
    one, other = (alike(by_symbol(read_model(folder / MODEL)[0])) for folder in both)
    assert one == other == alike(records)


def test_docs_and_schema_state_from_how_many_symbols_files_have_columns():
    said = (ROOT / "docs/model.md", ROOT / "workflow/schemas/model.schema.yaml")
    assert all(f"more than {MOST_BY_SYMBOL}" in path.read_text() for path in said)


def test_the_docs_code_reads_a_file_with_columns_into_pandas(both, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/model.md").read_text(), re.DOTALL)
    (block,) = (block for block in blocks if "columns" in block)
    monkeypatch.chdir(both[1])
    found = {}
    exec(block, found)
    for symbol, state in read_model(MODEL)[0]["symbols"].items():
        assert found["upper"].loc[symbol].tolist() == state["forecast"]["upper"]


def test_a_column_is_one_line_of_the_file(both):
    text = (both[1] / MODEL).read_text()
    assert len(re.findall(r'^ +"floor": ?\[[^\[\]]+\],?$', text, re.MULTILINE)) == 1


def test_a_model_with_columns_has_the_same_report(both, tmp_path):
    made = []
    for folder in both:
        paths = {name: Path(name) for name in ("html", "coverage", "skill", "table")}
        with contextlib.chdir(folder):
            report(MODEL, Path("text"), backtest=Path("backtest"), **paths)
        made.append([alike((folder / name).read_text()) for name in ("text", *paths)])
    assert made[0] == made[1]


def test_a_model_with_columns_is_scored_compared_and_described_the_same(both):
    made = []
    for folder in both:
        with contextlib.chdir(folder):
            scored = trained(Path("scored"), RECORDS, mode="score", model=MODEL)
            before, earlier = read_model(Path("before/model.json"))
            document, digest = read_model(MODEL)
            made.append(
                [
                    alike(scored),
                    alike(compare_models(before, document, [earlier, digest])),
                    alike(model_card(document, title="Small", sha256=digest)),
                    predict(MODEL, quantiles=[0.01, 0.5], symbols=["names", "S0"]),
                    predict(MODEL, prices=Path("before/clean.json")),
                    run_summary(Path(), ["train_or_score"], 1.0),
                ]
            )
    assert made[0] == made[1]


def test_a_model_with_columns_is_released_recorded_and_rebuilt(as_columns, firm):
    make_results(firm.root, seed=1)
    make_results(firm.root, seed=2)  # with a champion
    assert "columns" in orjson.loads((firm.root / "results/model.json").read_bytes())["symbols"]
    firm.remade()
    release = firm.release()
    assert firm.current == release
    steps = Steps(
        ingest=ingest,
        clean=clean,
        train_or_score=train_or_score,
        script=SCRIPTS / "train_or_score.py",
    )
    assert rebuild(firm.root, steps) == []
    document, digest = find_model(firm.root, "production")
    last, same = find_model(firm.root, "last")
    assert (by_symbol(document), digest) == (by_symbol(last), same)
    day = record_day(firm.root, firm.root / "results/prices_clean.json", clock=firm.clock)
    assert set(day.model.symbols) == set(document["symbols"])


WRONG = [
    ("symbols.names", ["S0", "S0", "names"], "'symbols.names': found .*, each once"),
    ("symbols.names", ["S0", "S1"], "columns.scale': is not a list of 2 values"),
    ("symbols.names", [], "'symbols.names': found \\[\\]"),
    ("symbols.columns", [], "'symbols.columns': found \\[\\]"),
    ("symbols.more", 1, "'symbols.more': there is no such key"),
    ("symbols.columns.floor", None, "columns.floor': is not a list of 3 values"),
    ("symbols.columns.floor", [0.0, 0.0], "columns.floor': is not a list of 3 values"),
    ("symbols.columns.floor.1", -0.5, "floor' of 'S1': found -0.5, allowed: number from 0"),
    ("symbols.columns.floor.1", "0", "floor' of 'S1': found \"0\", allowed: number"),
    ("symbols.columns.floor.1", True, "floor' of 'S1': found true, allowed: number"),
    ("symbols.columns.floor.1", None, "floor' of 'S1': found null, allowed: number"),
    ("symbols.columns.observations.2", 1, "observations' of 'names': found 1"),
    ("symbols.columns.observations.2", 9.5, "observations' of 'names': found 9.5"),
    ("symbols.columns.last_date.0", "today", "last_date' of 'S0': found \"today\""),
    ("symbols.columns.scale.0", "root", 'scale\' of \'S0\': found "root", allowed: "log" or'),
    ("symbols.columns.location", [1, 2, 3], "location': is not an object of columns"),
    ("symbols.columns.location.more", [1, 2, 3], "location.more': there is no such key"),
    ("symbols.columns.volatility.garch.converged.1", 1, "converged' of 'S1': found 1"),
    ("symbols.columns.shape.1.0.0", "x", "shape.0.0' of 'S1': found \"x\""),
    ("symbols.columns.shape.1.0", [], "shape.0' of 'S1': found \\[\\]"),
    ("symbols.columns.forecast.upper.1", [], "forecast.upper' of 'S1': found \\[\\]"),
    ("symbols.columns.forecast.upper.1", [1.0], "symbols.S1.forecast.upper': found 1 prices"),
    ("symbols.columns.fallbacks.1", [3], "fallbacks.0' of 'S1': found 3"),
    ("metrics.by_symbol.names.1", "S9", "'metrics.by_symbol': there is no 'S1'"),
    ("metrics.by_symbol.names", ["S1", "S0", "names"], "found 'S1' where 'symbols' has 'S0'"),
    ("metrics.by_symbol.columns.var", {}, "columns.var.1' is missing"),
    ("metrics.by_symbol.columns.random_walk.coverages", {}, "coverages.50' is missing"),
    ("metrics.by_symbol.columns.model.coverage.0", 1.5, "model.coverage' of 'S0': found 1.5"),
    ("metrics.by_symbol.columns.var.1.days.0", -1, "var.1.days' of 'S0': found -1"),
]


@pytest.mark.parametrize(("key", "value", "sentence"), WRONG)
def test_a_column_edited_by_hand_is_refused_with_its_symbol(both, tmp_path, key, value, sentence):
    document = orjson.loads((both[1] / MODEL).read_bytes())
    *way, last = key.split(".")
    node = reduce(_at, way, document)
    node[int(last) if isinstance(node, list) else last] = value
    (tmp_path / "model.json").write_bytes(orjson.dumps(document))
    with pytest.raises(Refusal, match=f"model.json: .*{sentence}"):
        read_model(tmp_path / "model.json")


def _at(node, key):
    return node[int(key) if isinstance(node, list) else key]


@pytest.mark.parametrize("key", ["floor", "location.level", "volatility.garch", "forecast.var"])
def test_a_column_that_is_missing_is_refused_with_its_key(both, tmp_path, key):
    document = orjson.loads((both[1] / MODEL).read_bytes())
    *way, last = key.split(".")
    del reduce(_at, way, document["symbols"]["columns"])[last]
    (tmp_path / "model.json").write_bytes(orjson.dumps(document))
    with pytest.raises(Refusal, match=rf"'symbols\.columns\.{key}' is missing; add it\."):
        read_model(tmp_path / "model.json")
