"""Each step as a function and as a command: the same bytes, and one-sentence errors."""

import contextlib
import inspect
import itertools
import re
from functools import partial

import orjson
import pytest

from conftest import SCRIPTS, STEPS, as_csv, command, market
from deploy import deploy
from kills import killed_at
from pricewright.files.disk import file_sha256
from pricewright.files.errors import Refusal
from pricewright.reporting.verdict import verdict
from pricewright.signoffs import ledger
from pricewright.tables.options import groups, hints, option_groups
from report import report
from step_functions import clean, ingest, train_or_score

FUNCTIONS = dict(zip(STEPS, (ingest, clean, train_or_score, report, deploy), strict=True))
FILES = ["prices.csv", "raw.json", "clean.json", "model.json", "report.txt", "deployed.json"]
MORE = {"deploy": {"allow_unaccepted": True}}  # so few days miss some criterion
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO|WARNING|ERROR) \w+ .+")


@pytest.fixture(scope="module")
def by_function(tmp_path_factory):
    """Call the five functions in turn, each with only input and output."""
    folder = tmp_path_factory.mktemp("functions")
    (folder / "prices.csv").write_text(as_csv(market()))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for number, name in enumerate(STEPS):
            FUNCTIONS[name](FILES[number], FILES[number + 1], **MORE.get(name, {}))
    return folder


LOGGED = {
    "ingest": [r"start source=prices\.csv", r"end rows=280 kept=280 source=prices\.csv"],
    "clean": [r"start", r"rows in/out: 280/280", r"end"],
    "train_or_score": [
        r"params .*horizon=10",
        r"metrics of=model mase=",
        r"metrics of=random_walk",
    ],
    "report": [r"end artifact=report\.txt"],
    "deploy": [r"end deployed=deployed\.json"],
}


@pytest.mark.parametrize("number", range(5), ids=STEPS)
def test_a_command_writes_the_same_bytes_as_the_function_and_logs_the_expected_lines(
    tmp_path, by_function, number
):
    step, read, written = STEPS[number], FILES[number], FILES[number + 1]
    for name in FILES[: number + 1]:
        (tmp_path / name).write_bytes((by_function / name).read_bytes())
    more = [f"--{key.replace('_', '-')}" for key in MORE.get(step, {})]
    script = str(SCRIPTS / f"{step}.py")
    done = command(script, "--input", read, "--output", written, *more, cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert (tmp_path / written).read_bytes() == (by_function / written).read_bytes()
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert all(LINE.fullmatch(line) for line in lines), done.stderr
    assert " start " in lines[0]
    for pattern in LOGGED[step]:
        assert re.search(f" INFO {step} {pattern}", done.stderr), done.stderr


def test_a_step_killed_at_any_file_change_leaves_each_file_old_or_complete(tmp_path, by_function):
    """The raw prices are only read, so every other file is either old or newly made."""
    names, seen = ("clean.json", "receipt.json", "quality.json"), []
    for moment in itertools.count(1):
        folder = tmp_path / str(moment)
        folder.mkdir()
        output, receipt, quality = (folder / name for name in names)
        for path in (output, receipt, quality):
            path.write_bytes(b"old")
        step = partial(clean, by_function / "raw.json", output, receipt=receipt, quality=quality)
        died = killed_at(moment, folder, step)
        seen.append([path.read_bytes() for path in (output, receipt, quality)])
        if not died:
            break
    whole = (by_function / "clean.json").read_bytes()
    assert {found[0] for found in seen} == {b"old", whole}
    assert all(content == b"old" or orjson.loads(content) for found in seen for content in found)
    assert seen[0] == [b"old"] * 3
    assert b"old" not in seen[-1]
    assert len(seen) > 12, "nothing was interrupted"


def test_clean_with_only_input_and_output_uses_the_defaults_of_config(tmp_path):
    (tmp_path / "data" / "raw").mkdir(parents=True)
    records = [
        {"date": "2024-01-01", "symbol": "A", "close": 1.5},
        {"date": "2024-01-02", "symbol": "A", "close": None},
        {"date": "2024-01-03", "symbol": "A", "close": 2.5},
    ]
    (tmp_path / "data" / "raw" / "prices_raw.json").write_bytes(orjson.dumps(records))
    done = command(
        str(SCRIPTS / "clean.py"),
        *("--input", "data/raw/prices_raw.json"),
        *("--output", "data/processed/prices_clean.json"),
        cwd=tmp_path,
    )
    assert done.code == 0, done.stderr
    assert "rows in/out: 3/3" in done.stderr
    assert (tmp_path / "data" / "processed" / "prices_clean.json").read_text() == (
        "[\n"
        '  {\n    "date": "2024-01-01",\n    "symbol": "A",\n    "close": 1.5\n  },\n'
        '  {\n    "date": "2024-01-02",\n    "symbol": "A",\n    "close": 1.5\n  },\n'
        '  {\n    "date": "2024-01-03",\n    "symbol": "A",\n    "close": 2.5\n  }\n'
        "]\n"
    )


def test_clean_loads_pandas_only_if_rows_are_out_of_order_or_corrected(tmp_path):
    records = [{"date": f"2024-01-0{day}", "symbol": "A", "close": day} for day in (1, 2, 3)]
    (tmp_path / "raw.json").write_bytes(orjson.dumps(records))
    (tmp_path / "mixed.json").write_bytes(orjson.dumps(records[::-1]))
    (tmp_path / "corrections.yaml").write_text(
        "- {symbol: A, date: 2024-01-02, column: close, was: 2, value: 2.5, reason: r}\n"
    )
    declared = ("--corrections", "corrections.yaml")
    written = []
    for read, more in (("raw", ()), ("mixed", ()), ("raw", declared), ("mixed", declared)):
        done = command(
            *("-X", "importtime", str(SCRIPTS / "clean.py")),
            *("--input", f"{read}.json", "--output", "clean.json", *more),
            cwd=tmp_path,
        )
        assert done.code == 0, done.stderr
        assert ("pandas.core" in done.stderr) is (read == "mixed" or bool(more))
        written.append((tmp_path / "clean.json").read_bytes())
    assert written[0] == written[1] != written[2] == written[3]


@pytest.mark.parametrize("name", STEPS)
def test_help_names_every_option_and_says_what_it_does(name):
    done = command(str(SCRIPTS / f"{name}.py"), "--help", cwd=SCRIPTS)
    text = done.stdout
    assert done.code == 0
    assert "--input" in text
    assert "--output" in text
    grouped = {option for kind in option_groups(FUNCTIONS[name]) for option in hints(kind)}
    plain = set(inspect.signature(FUNCTIONS[name]).parameters)
    for option in (grouped | plain) - {"marks", "calendar", *groups(FUNCTIONS[name])}:
        assert f"--{option.replace('_', '-')}" in text
    assert re.findall(r"^│[ *]+--\S+(?: [A-Z]+)? +│$", text, re.MULTILINE) == []  # without words
    first = FUNCTIONS[name].__doc__.splitlines()[0]
    assert first.split(",")[0] in " ".join(text.split())


@pytest.mark.parametrize(
    ("code", "script", "words", "sentence"),
    [
        (2, "clean.py", "--input a --missing-price x", "missing-price"),
        (1, "ingest.py", "--input a.csv", "failed for good: a.csv:2: close is not a number ("),
        (
            1,
            "ingest.py",
            "--input no.csv",
            "failed for good: no.csv: no such file; deliver it, or check source.uri.\n",
        ),
    ],
)
def test_a_command_ends_in_one_sentence_on_bad_input(tmp_path, code, script, words, sentence):
    (tmp_path / "a.csv").write_text("date,symbol,close\n2024-01-01,A,one\n")
    done = command(str(SCRIPTS / script), *words.split(), "--output", "raw.json", cwd=tmp_path)
    assert done.code == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "attempt 2" not in done.stderr
    assert not (tmp_path / "raw.json").exists()


def test_ingest_takes_columns_and_markers_from_the_command_line(tmp_path):
    (tmp_path / "oil.csv").write_text("Day,P\n1/2/1986,.\n1/3/1986,26\n")
    done = command(
        str(SCRIPTS / "ingest.py"),
        *("--input", "oil.csv", "--output", "raw.json", "--symbol", "WTI"),
        *("--columns.date", "Day", "--columns.close", "P"),
        *("--date-formats", "%m/%d/%Y", "--missing-markers", "."),
        cwd=tmp_path,
    )
    assert done.code == 0, done.stderr
    assert orjson.loads((tmp_path / "raw.json").read_bytes()) == [
        {"date": "1986-01-02", "symbol": "WTI", "close": None},
        {"date": "1986-01-03", "symbol": "WTI", "close": 26.0},
    ]


def model_of(folder, records):
    """The model that the first three steps make from records."""
    (folder / "prices.csv").write_text(as_csv(records))
    with contextlib.chdir(folder):
        ingest("prices.csv", "raw.json", receipt="ingest.json", quarantine="quarantine.json")
        clean("raw.json", "cleaned.json", receipt="clean.json")
        train_or_score("cleaned.json", "model.json", receipts=["ingest.json", "clean.json"])
    return orjson.loads((folder / "model.json").read_bytes())


def test_a_symbol_whose_newest_rows_are_quarantined_is_left_out_of_the_model(tmp_path):
    records = market()
    for record, close in zip(records[-3:], "xx?", strict=True):
        record["close"] = close
    model = model_of(tmp_path, records)
    day = records[-1]["date"]
    assert model["receipts"]["ingest"]["newest_lost"] == {"S1": day}
    assert model["left_out"] == [
        {"symbol": "S1", "reason": f"its newest delivered price, of {day}, is quarantined"}
    ]
    assert list(model["symbols"]) == ["S0"]
    assert verdict(model)[1].startswith("LOST: 3 of 280 delivered rows could not be used")


def test_the_verdict_names_a_symbol_whose_newest_rows_are_incomplete(tmp_path):
    records = market()
    records[-1] |= {"close": ""}
    model = model_of(tmp_path, records)
    assert model["receipts"]["clean"]["newest_dropped"] == {"S1": records[-1]["date"]}
    assert verdict(model)[1].startswith("LOST: the newest row of S1 is incomplete and was dropped")


def test_a_symbol_that_ended_in_blank_rows_long_ago_is_left_out_and_lost_no_newest_row(tmp_path):
    records = market()
    for record in records[-60:]:
        record |= {"close": ""}
    model = model_of(tmp_path, records)
    assert model["receipts"]["clean"]["newest_dropped"] == {}
    assert model["receipts"]["clean"]["flags"]["ended"] == 1
    assert model["receipts"]["clean"]["dropped"] == 60
    assert "more than 30 days old" in model["left_out"][0]["reason"]


def test_declared_symbol_changes_are_counted_and_joined_into_one_history(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    records = market(symbols=3)
    day, last = records[70]["date"], records[-3]["date"]
    for record in records[:70]:
        record["symbol"] = "OLD"
    records[-1]["close"] = records[-2]["close"] = records[-3]["close"]
    (tmp_path / "prices.csv").write_text(as_csv(records))
    ingest("prices.csv", "raw.json", receipt="ingest.json")
    (tmp_path / "corrections.yaml").write_text(
        f"- {{symbol: OLD, date: {day}, rename: S0, reason: called so since}}\n"
        f"- {{symbol: S2, date: {last}, delisted: true, reason: bought}}\n"
    )
    clean("raw.json", "cleaned.json", receipt="clean.json", corrections="corrections.yaml")
    train_or_score("cleaned.json", "model.json", receipts=["ingest.json", "clean.json"])
    receipt = orjson.loads((tmp_path / "clean.json").read_bytes())
    assert (receipt["corrected"], receipt["removed"], receipt["dropped"]) == (2, 2, 0)
    assert [each["rows"] for each in receipt["corrections"]] == [70, 2]
    model = orjson.loads((tmp_path / "model.json").read_bytes())
    assert list(model["symbols"]) == ["S0", "S1"]
    assert model["left_out"] == [
        {"symbol": "S2", "reason": f"it ended on {last}, as declared"},
    ]
    assert model["data"]["first_date"] == records[0]["date"]


def test_a_mapped_symbol_whose_newest_rows_are_quarantined_is_left_out_of_the_model(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    records = market()
    records[-1]["close"] = "x"
    (tmp_path / "prices.csv").write_text(as_csv(records))
    ingest("prices.csv", "raw.json", receipt="ingest.json", quarantine="quarantine.json")
    (tmp_path / "corrections.yaml").write_text("- {symbol: S1, rename: OURS, reason: ours}\n")
    clean("raw.json", "cleaned.json", receipt="clean.json", corrections="corrections.yaml")
    train_or_score("cleaned.json", "model.json", receipts=["ingest.json", "clean.json"])
    model = orjson.loads((tmp_path / "model.json").read_bytes())
    assert [each["symbol"] for each in model["left_out"]] == ["OURS"]


def test_the_receipts_add_up_and_are_kept_in_the_model(tmp_path):
    model = model_of(tmp_path, [*market(), market()[0]])
    came, kept = model["receipts"]["ingest"], model["receipts"]["clean"]
    quarantined = orjson.loads((tmp_path / "quarantine.json").read_bytes())
    assert came["rows"] == came["kept"] + len(quarantined) == 281
    assert came["quarantined"] == {"duplicate": 1}
    assert came["kept"] == came["records"]["rows"] == kept["rows_in"] == 280
    gone = ("duplicates", "removed", "dropped")
    assert kept["rows_in"] == kept["rows_out"] + sum(kept[what] for what in gone)
    assert came["records"]["sha256"] == kept["input"]["sha256"]
    assert kept["records"]["sha256"] == model["data"]["sha256"]
    assert not (tmp_path / "ledger").exists()  # a command alone starts no ledger


@pytest.mark.parametrize(
    ("receipt", "table"), [("clean", "cleaned.json"), ("ingest", "raw.json")], ids=str
)
def test_a_table_that_was_changed_since_it_was_written_is_refused(
    tmp_path, monkeypatch, receipt, table
):
    model_of(tmp_path, market())
    monkeypatch.chdir(tmp_path)
    if receipt == "clean":
        changed = (tmp_path / table).read_text().replace("1", "2", 1)
        (tmp_path / table).write_text(changed)
    else:
        found = orjson.loads((tmp_path / "ingest.json").read_bytes())
        found["records"]["sha256"] = "0" * 64
        (tmp_path / "ingest.json").write_bytes(orjson.dumps(found))
    with pytest.raises(Refusal, match=f"{table}: is not as {receipt} wrote it .*remove it, and"):
        train_or_score("cleaned.json", "again.json", receipts=["ingest.json", "clean.json"])


def test_a_training_with_a_project_is_recorded_in_its_ledger(tmp_path, by_function, monkeypatch):
    monkeypatch.chdir(by_function)
    train_or_score(
        "clean.json",
        tmp_path / "model.json",
        project=tmp_path,
        author="carla",
        configfile=["desk.yaml"],
    )
    (entry,) = ledger.read(tmp_path / "ledger")
    assert (entry.who, entry.fields["configfile"]) == ("carla", ["desk.yaml"])
    assert entry.fields["run"] == file_sha256(tmp_path / "model.json")
