"""Predict: from a model's file alone, the numbers that are in it; or one sentence."""

import csv
import json
import math
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from datetime import date, timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from forecasts import trained, with_bars, write_clean
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conftest import PRICEWRIGHT, SCRIPTS, command, market
from pricewright.commands.predict import as_csv, as_table, main, predict
from pricewright.files import documents
from pricewright.files.errors import Refusal
from pricewright.forecasting import document as opened
from pricewright.forecasting.histories import read_new_prices

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

PROGRAM = SCRIPTS / "pricewright" / "__main__.py"
RECORDS = with_bars(market(symbols=3, days=400), but=["S2"])
DAYS = sorted({record["date"] for record in RECORDS})
FIRST = [record for record in RECORDS if record["date"] <= DAYS[329]]
LATER = [record for record in RECORDS if record["date"] > DAYS[329]]


def train(folder, records=FIRST, **options):
    trained(folder, records, **({"refit": 50} | options))
    return folder / "model.json"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small model's file, not to be changed."""
    return train(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def document(model):
    """What is in it, not to be changed either."""
    return json.loads(model.read_text())


@pytest.fixture
def edited(document, tmp_path):
    """Writes the model's file with something changed."""

    def write_edited(change):
        copy = deepcopy(document)
        change(copy)
        path = tmp_path / "edited.json"
        path.write_text(json.dumps(copy))
        return path

    return write_edited


def printed(*arguments):
    """The exit code, the standard output and the standard error of a command in this process."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(map(str, arguments)))
    return code, out.getvalue(), err.getvalue()


def sentence(*arguments):
    """With which a command ends."""
    code, out, err = printed(*arguments)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("pricewright predict: ")
    assert err.endswith(".\n")
    return err


# What is printed.


@pytest.mark.parametrize("distribution", ["normal", "fhs", "conformal"])
def test_the_forecasts_are_those_in_the_models_file_to_the_last_digit(distribution, tmp_path):
    path = train(tmp_path, distribution=distribution)
    symbols = json.loads(path.read_text())["symbols"]
    code, out, _ = printed("--model", path, "--format", "json")
    assert code == 0
    expected = [
        {"symbol": symbol, "from": DAYS[329], "days_ahead": ahead + 1}
        | {"point": its["point"][ahead], "q0.05": its["lower"][ahead], "q0.95": its["upper"][ahead]}
        | {"var97.5": its["var"][ahead], "es97.5": its["es"][ahead]}
        for symbol, its in ((symbol, entry["forecast"]) for symbol, entry in symbols.items())
        for ahead in range(5)
    ]
    assert json.loads(out) == expected


def test_csv_has_the_numbers_in_full(model):
    rows = list(csv.DictReader(StringIO(printed("--model", model, "--format", "csv")[1])))
    assert [dict(row) for row in rows] == [
        {name: str(value) for name, value in record.items()} for record in predict(model)
    ]


def test_some_symbols_days_and_quantiles_are_what_they_are_among_all(model):
    levels = [0.025, 0.33, 0.5, 0.9]
    everything = predict(model, quantiles=levels)
    some = predict(model, symbols=["S2", "S0", "S2"], horizon=2, quantiles=levels)
    by_key = {(record["symbol"], record["days_ahead"]): record for record in everything}
    assert some == [by_key[symbol, ahead] for symbol in ("S2", "S0") for ahead in (1, 2)]
    assert list(some[0])[4:] == ["q0.025", "q0.33", "q0.5", "q0.9", "var97.5", "es97.5"]


def test_the_shortfall_is_beyond_the_value_at_risk_which_is_the_loss_at_its_quantile(model):
    prices = {s: its["last_price"] for s, its in json.loads(model.read_text())["symbols"].items()}
    for record in predict(model, quantiles=[0.025]):
        assert record["var97.5"] == prices[record["symbol"]] - record["q0.025"]
        assert record["es97.5"] > record["var97.5"]


def test_quantiles_on_the_command_line_come_rising_and_once(model):
    _, out, _ = printed("--model", model, "--quantiles", "0.9,0.1,0.50,0.5", "--format", "csv")
    header = out.splitlines()[0]
    assert header == "symbol,from,days_ahead,point,q0.1,q0.5,q0.9,var97.5,es97.5"


def test_a_table_is_aligned_and_has_six_digits_of_each_symbols_price():
    def record(symbol, price):
        return {"symbol": symbol, "from": "2024-01-31", "days_ahead": 1, "point": price}

    prices = {"A": 1.23456789, "LONGER": 43210.98765, "TINY": 0.000123456789, "BELOW": -37.634567}
    table = as_table([record(symbol, price) for symbol, price in prices.items()])
    assert table.startswith("symbol  from        days ahead        point\n")
    assert len({len(line) for line in table.splitlines()}) == 1
    for shown in ("1.23457", "43210.99", "0.000123457", "-37.6346"):
        assert f" {shown}\n" in table
    assert as_table([record("HUGE", 1e260), record("NOTHING", 0.0)]).split()[-1] == "0.00"


def test_a_symbol_is_no_formula_in_csv_and_moves_no_cursor_in_a_table():
    record = {"symbol": "=1+1", "from": "2024-01-31", "days_ahead": 1, "point": -0.5}
    assert as_csv([record]).splitlines()[1] == "'=1+1,2024-01-31,1,-0.5"
    assert "\x1b" not in as_table([record | {"symbol": "\x1b[2J"}])


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        (["--horizon", "6"], "the model forecasts 1 to 5 days ahead, not 6.\n"),
        (["--horizon", "0"], "the model forecasts 1 to 5 days ahead, not 0.\n"),
        (["--quantiles", "0.001"], "ask for one from 0.005 to 0.995.\n"),
        (
            ["--symbol", "S0", "--symbol", "XYZ"],
            "model.json: the model has no symbol 'XYZ'; it has S0, S1, S2.\n",
        ),
    ],
)
def test_what_the_model_does_not_forecast_is_refused(arguments, end, model):
    assert sentence("--model", model, *arguments).endswith(end)


@pytest.mark.parametrize("wrong", ["0", "1", "nan", "a", "", "0.5,", "0.5;0.6"])
def test_a_quantile_that_is_none_is_refused_in_one_sentence(wrong, model):
    with pytest.raises(SystemExit, match="2"), redirect_stderr(StringIO()) as said:
        main(["--model", str(model), "--quantiles", wrong])
    assert f"found {wrong!r}, allowed: probabilities" in said.getvalue()
    assert said.getvalue().count("\n") == 1


# As a command.

ALONE = f"""
import runpy, sys
before = set(sys.modules)
allowed = sys.stdlib_module_names | {{"numpy", "pricewright"}}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ImportError(f"blocked: {{name}}")

sys.meta_path.insert(0, Blocker())
sys.path.insert(0, {str(SCRIPTS)!r})
try:
    sys.argv[1:1] = ["predict"]
    runpy.run_path({str(PROGRAM)!r}, run_name="__main__")
finally:
    loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
    print("loaded:", *sorted(loaded - sys.stdlib_module_names), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("form", "location"),
    [("table", "naive"), ("json", "naive"), ("csv", "naive"), ("table", "lightgbm")],
)
def test_it_needs_numpy_and_the_standard_library_alone(form, location, tmp_path):
    path = train(tmp_path, location=location)
    assert bool(json.loads(path.read_text())["trees"]) == (location == "lightgbm")
    newer = write_clean(tmp_path / "newer.json", RECORDS)
    arguments = ["--model", str(path), "--prices", str(newer), "--format", form]
    done = command("-I", "-c", ALONE, *arguments, cwd=tmp_path)
    assert (done.code, done.stderr) == (0, "loaded: numpy pricewright\n")
    assert done.stdout == printed(*arguments)[1]


def test_a_mistake_on_the_command_line_is_a_sentence_and_exit_code_1(tmp_path):
    done = command(PRICEWRIGHT, "predict", "--model", "none.json", cwd=tmp_path)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr == (
        "pricewright predict: none.json: there is no such file; check the path.\n"
    )


def test_who_reads_it_may_stop_early(model):
    arguments = [sys.executable, PRICEWRIGHT, "predict", "--model", str(model)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(arguments, **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_disk_is_said_in_a_sentence(model):
    arguments = [sys.executable, PRICEWRIGHT, "predict", "--model", str(model)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            arguments, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "pricewright predict: [Errno 28] No space left on device\n"


def test_any_locale_prints_any_symbol(edited):
    path = edited(lambda d: d["symbols"].update({"Zürich \ud800": d["symbols"].pop("S0")}))
    for form in ("table", "json", "csv"):
        done = command(
            PRICEWRIGHT,
            "predict",
            *("--model", str(path), "--format", form),
            cwd=path.parent,
            env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
        )
        assert done.code == 0, done.stderr
        assert "rich" in done.stdout


# Newer prices.

SCORED = {"rtol": 1e-9, "atol": 0.0}


def states_of(saved):
    arrays = saved.states.arrays()
    recent = {f"recent {number}": prices for number, prices in enumerate(saved.recent)}
    return arrays | recent | {"last_days": saved.last_days}


def rolled(saved, known, *files):
    for file in files:
        saved = saved.rolled(read_new_prices(file, saved, known)[0])
    return saved


@pytest.mark.parametrize("location", ["naive", "drift", "ses", "theta", "lightgbm"])
@pytest.mark.parametrize("volatility", ["rolling", "ewma", "garch11", "har", "combined"])
def test_rolling_forward_is_scoring_the_whole_in_however_many_goes(volatility, location, tmp_path):
    late = [r for r in FIRST if r["symbol"] != "S1" or r["date"] > DAYS[280]]  # 49 observations
    kinds = {"volatility": volatility, "location": location}
    (tmp_path / "whole").mkdir()
    path = train(tmp_path, late, **kinds)
    scored = train(tmp_path / "whole", late + LATER, mode="score", model=path)
    newer = write_clean(tmp_path / "newer.json", late + LATER)

    old, known = opened.open_model(path)
    saved = rolled(old, known, newer)
    expected, _ = opened.open_model(scored)
    for name, values in states_of(expected).items():
        np.testing.assert_allclose(states_of(saved)[name], values, err_msg=name, **SCORED)
    forecasts = json.loads(scored.read_text())["symbols"]
    for record in predict(path, prices=newer):
        its = forecasts[record["symbol"]]["forecast"]
        found = [record[name] for name in ("point", "q0.05", "q0.95")]
        wanted = [its[name][record["days_ahead"] - 1] for name in ("point", "lower", "upper")]
        np.testing.assert_allclose(found, wanted, **SCORED)
        assert record["from"] == DAYS[-1]

    half = write_clean(tmp_path / "half.json", [r for r in LATER if r["date"] <= DAYS[337]])
    twice = rolled(old, known, half, newer)
    for name, values in states_of(saved).items():
        np.testing.assert_array_equal(states_of(twice)[name], values, err_msg=name)


@pytest.mark.parametrize("location", ["naive", "drift", "ses", "theta"])
@pytest.mark.parametrize("volatility", ["rolling", "combined"])
def test_a_series_that_was_rescaled_since_goes_on_without_a_jump(volatility, location, tmp_path):
    path = train(tmp_path, FIRST, volatility=volatility, location=location)
    bar = ("open", "high", "low", "close")

    def halved(records):
        half = [{name: r[name] / 2 for name in bar if r["symbol"] == "S0"} for r in records]
        return [r | prices for r, prices in zip(records, half, strict=True)]

    plain = predict(path, prices=write_clean(tmp_path / "plain.json", FIRST + LATER))
    found = predict(path, prices=write_clean(tmp_path / "halved.json", halved(FIRST + LATER)))
    for record, wanted in zip(found, plain, strict=True):
        by = 0.5 if record["symbol"] == "S0" else 1.0
        for name in ("point", "q0.05", "q0.95", "var97.5", "es97.5"):
            assert record[name] == pytest.approx(by * wanted[name], rel=1e-9), name


@pytest.mark.parametrize("lost", [["open"], ["high"], ["open", "high", "low"]])
def test_newer_prices_without_the_bars_that_the_model_knows_are_squared_and_it_is_said(
    lost, model, tmp_path
):
    newer = write_clean(tmp_path / "newer.json", LATER)
    bare = [{name: r[name] for name in r if name not in lost} for r in LATER]
    bare = write_clean(tmp_path / "bare.json", bare)
    code, out, err = printed("--model", model, "--prices", bare)
    assert code == 0
    assert out != printed("--model", model, "--prices", newer)[1]
    assert err == (
        f"pricewright predict: {bare}: no day of 'S0', 'S1' has a plausible open, high and low, "
        "unlike the days that the model was trained on; squared changes replace the ranges.\n"
    )
    assert not printed("--model", model, "--prices", newer)[2]
    assert not printed("--model", model, "--prices", bare, "--symbol", "S2")[2]
    states = rolled(*opened.open_model(model), bare).states
    by_hand = rolled(*opened.open_model(model), newer).states
    assert (states.ranges[:2] < by_hand.ranges[:2]).all()
    np.testing.assert_array_equal(states.averages[:, 3:], by_hand.averages[:, 3:])


@pytest.mark.parametrize("volatility", ["rolling", "garch11"])
def test_prices_that_the_model_knows_change_nothing(volatility, tmp_path):
    path = train(tmp_path, volatility=volatility, location="ses")
    assert predict(path, prices=tmp_path / "clean.json") == predict(path)
    assert predict(path, prices=write_clean(tmp_path / "none.json", [])) == predict(path)


def test_the_order_of_records_and_other_columns_do_not_matter(model, tmp_path):
    newer = write_clean(tmp_path / "newer.json", LATER)
    bare = [{name: r[name] for name in r if name != "volume"} for r in LATER[::-1]]
    assert predict(model, prices=write_clean(tmp_path / "bare.json", bare)) == predict(
        model, prices=newer
    )


def test_newer_prices_in_parquet_are_those_in_json(model, tmp_path):
    newer = write_clean(tmp_path / "newer.json", LATER)
    table = pa.Table.from_pylist([row | {"date": date.fromisoformat(row["date"])} for row in LATER])
    pyarrow.parquet.write_table(table, tmp_path / "newer.parquet")
    assert predict(model, prices=tmp_path / "newer.parquet") == predict(model, prices=newer)


def test_without_pyarrow_prices_in_parquet_are_refused_in_one_sentence(
    model, tmp_path, monkeypatch
):
    table = pa.Table.from_pylist(LATER)
    pyarrow.parquet.write_table(table, tmp_path / "newer.parquet")
    monkeypatch.setitem(sys.modules, "pricewright.tables.parquet_files", None)
    with pytest.raises(Refusal, match=r"is Parquet, but pyarrow is not installed; install it or"):
        predict(model, prices=tmp_path / "newer.parquet")


def test_a_symbol_rolls_alone_as_among_all_and_without_newer_prices_stays_as_it_is(model, tmp_path):
    everything = predict(model, prices=write_clean(tmp_path / "newer.json", LATER))
    some = write_clean(tmp_path / "some.json", [r for r in LATER if r["symbol"] != "S1"])
    found = predict(model, prices=some)
    days = {record["symbol"]: record["from"] for record in found}
    assert days == {"S0": DAYS[-1], "S1": DAYS[329], "S2": DAYS[-1]}
    for symbol in ("S0", "S1", "S2"):
        own = [record for record in found if record["symbol"] == symbol]
        alone = predict(model, prices=tmp_path / "newer.json", symbols=[symbol])
        assert alone == [record for record in everything if record["symbol"] == symbol]
        assert own == (predict(model, symbols=["S1"]) if symbol == "S1" else alone)


def test_symbols_that_the_model_does_not_know_are_left_out_with_a_note(model, tmp_path):
    others = [r | {"symbol": symbol, "close": -1} for r in LATER[:2] for symbol in ("NEW", "X")]
    newer = write_clean(tmp_path / "newer.json", LATER + others)
    code, out, err = printed("--model", model, "--prices", newer, "--symbol", "S0")
    assert code == 0
    assert err == f"pricewright predict: {newer}: the model does not know 'NEW', 'X'; left out.\n"
    assert "NEW" not in out


def test_it_says_which_symbols_have_no_newer_price(model, tmp_path):
    for old in ([], FIRST[-30:]):
        path = write_clean(tmp_path / "old.json", old)
        code, out, err = printed("--model", model, "--prices", path)
        assert (code, out) == (0, printed("--model", model)[1])
        assert err == (
            f"pricewright predict: {path}: no price of 'S0', 'S1', 'S2' is newer than the model's "
            "last; forecast from that one.\n"
        )
    some = write_clean(tmp_path / "some.json", [r for r in LATER if r["symbol"] != "S1"])
    assert "no price of 'S1' is newer" in printed("--model", model, "--prices", some)[2]
    assert not printed("--model", model, "--prices", some, "--symbol", "S0")[2]


def test_it_says_so_if_newer_prices_come_much_later_or_in_another_unit(model, tmp_path):
    own = [r for r in LATER if r["symbol"] == "S2"]
    days = [(date.fromisoformat(r["date"]) + timedelta(60)).isoformat() for r in own]
    early = [r | {"date": day} for r, day in zip(own, days, strict=True)]
    soon = write_clean(tmp_path / "soon.json", early)
    assert not printed("--model", model, "--prices", soon, "--symbol", "S2")[2]
    late = write_clean(tmp_path / "late.json", early[40:])
    assert (
        "the first newer price of 'S2' comes more than 100 days after the model's last; tr"
        in (printed("--model", model, "--prices", late, "--symbol", "S2")[2])
    )
    for factor in (100, 0.01):
        moved = write_clean(
            tmp_path / "moved.json", [r | {"close": r["close"] * factor} for r in own]
        )
        assert (
            "a newer price of 'S2' is at least 10 times the one before, or at most 1/10"
            in (printed("--model", model, "--prices", moved, "--symbol", "S2")[2])
        )
    whole = [r | {"close": r["close"] * 100} for r in RECORDS if r["symbol"] == "S2"]
    whole = write_clean(tmp_path / "whole.json", whole)  # the last known price is rescaled, too
    assert not printed("--model", model, "--prices", whole, "--symbol", "S2")[2]


def test_a_table_without_symbols_goes_with_a_model_of_one_symbol(model, tmp_path):
    def plain(records):
        return [{"date": r["date"], "close": r["close"]} for r in records if r["symbol"] == "S0"]

    path = train(tmp_path, plain(FIRST))
    newer = write_clean(tmp_path / "newer.json", plain(LATER))
    assert {r["from"] for r in predict(path, prices=newer)} == {DAYS[-1]}
    with pytest.raises(Refusal, match="record 1 has no 'symbol', only 'date', 'close'"):
        predict(model, prices=newer, symbols=["S0"])


def test_a_symbol_in_levels_may_have_prices_of_any_sign(tmp_path, capsys):
    def lower(records):
        return [r | {"close": r["close"] - 50} for r in records]

    path = train(tmp_path, lower(FIRST))
    near_zero = [r | {"close": 0.01 * (-1) ** n} for n, r in enumerate(LATER)]
    for newer in (lower(LATER), near_zero):
        found = predict(path, prices=write_clean(tmp_path / "newer.json", newer))
        assert {r["from"] for r in found} == {DAYS[-1]}
    assert "check its unit" not in capsys.readouterr().err


@pytest.mark.parametrize("volatility", ["rolling", "combined"])
def test_a_symbol_with_a_floor_below_its_logarithms_may_have_prices_of_any_sign(
    volatility, tmp_path
):
    def low(records, *days):
        return [r | {"close": -20.0} if r["date"] in days else r for r in records]

    path = train(tmp_path, low(FIRST, DAYS[250]), volatility=volatility)
    newer = write_clean(tmp_path / "newer.json", low(LATER, DAYS[330]))
    (tmp_path / "whole").mkdir()
    both = low(FIRST, DAYS[250]) + low(LATER, DAYS[330])
    scored = train(tmp_path / "whole", both, mode="score", model=path)
    saved, expected = rolled(*opened.open_model(path), newer), opened.open_model(scored)[0]
    assert (saved.floors > 0).all()
    for name, values in states_of(expected).items():
        np.testing.assert_allclose(states_of(saved)[name], values, err_msg=name, **SCORED)
    assert {r["from"] for r in predict(path, prices=newer)} == {DAYS[-1]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda r: r.pop("close"), "record 4 has no 'close', only 'date', 'symbol', 'volume'"),
        (lambda r: r.pop("date"), "record 4 has no 'date'"),
        (lambda r: r.pop("symbol"), "record 4 has no 'symbol'"),
        (lambda r: r.update(close=None), "record 4 has close = None, where a number"),
        (lambda r: r.update(close="9"), "record 4 has close = '9', where a number"),
        (lambda r: r.update(close=True), "record 4 has close = True, where a number"),
        (lambda r: r.update(close=1e300), "record 4 has close = 1e+300, where a number"),
        (lambda r: r.update(close=math.nan), "NaN is not a finite number"),
        (lambda r: r.update(close=-math.inf), "-Infinity is not a finite number"),
        (lambda r: r.update(close=0), "record 4 has close = 0 for 'S0', but the model takes log"),
        (lambda r: r.update(close=-2.5), "record 4 has close = -2.5 for 'S0'"),
        (lambda r: r.update(symbol=7), "record 4 has symbol = 7, where a text"),
        (lambda r: r.update(date=20240131), "record 4 has date = 20240131, where a date"),
        (lambda r: r.update(date="31.01.2024"), "record 4 has date = '31.01.2024'"),
        (lambda r: r.update(date="20240131"), "record 4 has date = '20240131'"),
        (lambda r: r.update(date="2024-02-30"), "record 4 has date = '2024-02-30'"),
        (lambda r: r.update(date="2024-W05-3"), "record 4 has date = '2024-W05-3'"),
        (lambda r: r.update(date=LATER[2]["date"]), "record 4 is a second price of 'S0' on 20"),
    ],
)
def test_a_record_that_is_none_is_refused_with_its_number(change, expected, model, tmp_path):
    records = deepcopy(LATER[:6])
    change(records[3])
    path = tmp_path / "newer.json"
    path.write_text(json.dumps(records))
    assert expected in sentence("--model", model, "--prices", path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "newer.json:1: not usable JSON (Expecting value)"),
        (b"{}", "not an array of records"),
        (b"[1]", "record 1 is 1, where an object is needed"),
        (b"PAR1\xff\x00", "not a whole Parquet file"),
        (b'[{"date": "2030-01-01", "close": 1, "close": 2}]', "has the key 'close' twice"),
    ],
)
def test_prices_that_are_none_are_refused(content, expected, model, tmp_path):
    path = tmp_path / "newer.json"
    path.write_bytes(content)
    assert expected in sentence("--model", model, "--prices", path)


def test_a_time_of_day_belongs_to_its_day(model, tmp_path):
    timed = [r | {"date": r["date"] + "T16:00:00+01:00"} for r in LATER]
    found = predict(model, prices=write_clean(tmp_path / "timed.json", timed))
    assert found == predict(model, prices=write_clean(tmp_path / "newer.json", LATER))


# A model edited by hand.


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "edited.json:1: not usable JSON (Expecting value)"),
        (b"{", "not usable JSON"),
        (b"schema_version: 2", "not usable JSON"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "its bytes are not UTF-8"),
        (b"\xef\xbb\xbf{}", "not usable JSON"),
        (b"[]", "not a model: it has no schema_version"),
        (b"null", "not a model: it has no schema_version"),
        (b"{}", "not a model: it has no schema_version"),
        (b'{"schema_version": 1}', "a model of schema version 1, but this code reads version 4"),
        (b'{"schema_version": 3}', "a model of schema version 3, but this code reads version 4"),
        (b'{"schema_version": true}', "a model of schema version True"),
        (b'{"schema_version": "3"}', "a model of schema version '3'"),
        (b'{"schema_version": 4}', "'parameters.price' is missing"),
        (b'{"schema_version": 2, "schema_version": 2}', "has the key 'schema_version' twice"),
        (b'{"schema_version": NaN}', "NaN is not a finite number"),
        (b'{"schema_version": 1e999}', "the number 1e999 is too large"),
        (b"[" + b"9" * 5000 + b"]", "the number 99999999999999999... is too large"),
        (b"[" * 100_000, "its brackets are nested too deeply"),
    ],
)
def test_a_file_that_is_no_model_is_refused(content, expected, tmp_path):
    path = tmp_path / "edited.json"
    path.write_bytes(content)
    assert expected in sentence("--model", path)


def test_what_is_no_file_is_refused(tmp_path):
    assert "there is no such file" in sentence("--model", tmp_path / "none.json")
    assert "cannot be read (Is a directory)" in sentence("--model", tmp_path)
    assert "cannot be read (embedded null byte)" in sentence("--model", "a\0b")


def test_a_huge_file_is_refused(model, monkeypatch):
    monkeypatch.setattr(documents, "LARGEST_FILE", 1000)
    assert "larger than 1e-06 GB, the largest size allowed" in sentence("--model", model)


def test_a_model_comes_through_a_pipe_too(model):
    arguments = [sys.executable, PRICEWRIGHT, "predict", "--model", "/dev/stdin"]
    done = subprocess.run(arguments, input=model.read_bytes(), capture_output=True, check=True)
    assert done.stdout.decode() == printed("--model", model)[1]


@pytest.mark.parametrize("name", ["point", "lower", "upper"])
def test_a_forecast_that_does_not_follow_from_the_parameters_is_refused(name, edited):
    expected = f"'symbols.S1.forecast.{name}' does not follow from the model's parameters"

    def scaled(d):
        d["symbols"]["S1"]["forecast"][name][2] *= 1.01

    for change in (
        scaled,
        lambda d: d["symbols"]["S1"]["forecast"].pop(name),
        lambda d: d["symbols"]["S1"]["forecast"].update({name: "up"}),
        lambda d: d["symbols"]["S1"]["forecast"][name].pop(),
        lambda d: d["symbols"]["S1"]["forecast"][name].__setitem__(0, "1.0"),
        lambda d: d["symbols"]["S1"]["forecast"][name].__setitem__(0, 10**299),
    ):
        assert expected in sentence("--model", edited(change))


def test_parameters_that_others_forecasts_follow_from_are_refused(edited):
    def moved(d):
        d["symbols"]["S1"]["location"]["level"] += 0.01

    assert "'symbols.S1.forecast.lower' does not follow" in sentence("--model", edited(moved))

    def wider(d):
        d["symbols"]["S1"]["volatility"]["garch"]["next"] *= 1.1

    assert "'symbols.S1.forecast.lower' does not follow" in sentence("--model", edited(wider))


READ = ("schema_version", "parameters", "distribution", "har", "trees", "symbols")


def paths_of(node, path=()):
    """The way to each node of what is read to forecast."""
    if path:
        yield path
    children: list[tuple[str | int, Any]] = []
    if isinstance(node, dict):
        children = list(node.items())
    elif isinstance(node, list):
        children = list(enumerate(node))
    for key, child in children:
        if path or key in READ:
            yield from paths_of(child, (*path, key))


DELETE = object()
TEXTS = ("", "x", "2024-01-31", "ewma", "level", "log", "rolling", "drift", "theta")
NUMBERS = (-1, 0, 1, 2, 0.5, 0.9999, -0.0, 5e-324, 1e14, -1e14, 1e15, 1e16, 1e300, -1e300)
NO_NUMBERS = (10**250, 10**400, math.nan, math.inf, None, True, [], {}, [1.0], [[1.0]], {"x": 1})
JUNK = st.sampled_from([DELETE, *TEXTS, *NUMBERS, *NO_NUMBERS])


def replace(document, path, value):
    *way, last = path
    for key in way:
        if not isinstance(document, dict | list):
            return
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(document, list) and isinstance(last, int) and last >= len(document):
        return
    if isinstance(document, dict if isinstance(last, str) else list):
        document[last] = deepcopy(value) if value is not DELETE else None
        if value is DELETE:
            del document[last]


class Kind:
    """A document, its nodes by depth, and prices to roll it forward by."""

    def __init__(self, path, newer):
        self.document = json.loads(path.read_text())
        nodes = list(paths_of(self.document))
        deepest = max(map(len, nodes))
        self.depths = [[n for n in nodes if len(n) == depth] for depth in range(1, deepest + 1)]
        self.newer = newer


@pytest.fixture(scope="module")
def models_of_all_kinds(tmp_path_factory):
    made = {}
    kinds = {"combined": "theta", "rolling": "ses", "har": "drift", "ewma": "lightgbm"}
    for volatility, location in kinds.items():
        folder = tmp_path_factory.mktemp(volatility)
        path = train(folder, volatility=volatility, location=location)
        made[volatility] = Kind(path, write_clean(folder / "newer.json", LATER))
    return made


@settings(max_examples=150)
@given(data=st.data())
def test_whatever_is_edited_ends_in_forecasts_or_in_one_sentence(data, models_of_all_kinds):
    kind = data.draw(st.sampled_from(sorted(models_of_all_kinds)))
    its = models_of_all_kinds[kind]
    copy = deepcopy(its.document)
    for _ in range(data.draw(st.integers(1, 3))):
        nodes = data.draw(st.sampled_from(its.depths))
        replace(copy, data.draw(st.sampled_from(nodes)), data.draw(JUNK))
    path = its.newer.with_name("edited.json")
    path.write_text(json.dumps(copy))
    for more in ((), ("--prices", its.newer)):
        code, out, err = printed(
            "--model", path, "--format", "json", "--quantiles", "0.01,0.3,0.5,0.66,0.99", *more
        )
        if code:
            assert len(err.splitlines()) == 1
            assert out == ""
            continue
        for record in json.loads(out):
            numbers = [value for name, value in record.items() if name.startswith(("q", "point"))]
            assert all(map(math.isfinite, numbers))
            assert all(low <= high * (1 + 1e-9) for low, high in pairwise(numbers[1:]))


@settings(max_examples=100)
@given(cut=st.floats(0, 1), junk=st.binary(max_size=8))
@example(cut=1.0, junk=b"\x00")
def test_a_file_with_bytes_lost_or_changed_ends_in_forecasts_or_in_one_sentence(model, cut, junk):
    content = model.read_bytes()
    place = int(cut * len(content))
    path = model.with_name("torn.json")
    path.write_bytes(content[:place] + junk + content[place + len(junk) + 1 :])
    code, out, err = printed("--model", path)
    assert (code == 0 and out) or len(err.splitlines()) == 1
