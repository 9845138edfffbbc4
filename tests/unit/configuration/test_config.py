import re
from copy import deepcopy
from datetime import date
from functools import reduce

import pytest
import yaml

from conftest import ROOT
from pricewright.cleaning.flags import FLAGS
from pricewright.configuration.config import complete, ingest_options, named_columns, source_files
from pricewright.files.errors import Refusal
from pricewright.intake.reading.quarantine import REASONS
from pricewright.tables.schema import load

SHIPPED = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
CONFIGS = [ROOT / "config" / "config.yaml", *sorted((ROOT / "config" / "examples").glob("*.yaml"))]


def changed(**sections):
    config = deepcopy(SHIPPED)
    for section, value in sections.items():
        config[section] = config[section] | value if isinstance(value, dict) else value
    return config


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            changed(model={"horizn": 5}),
            "'model.horizn': there is no such key; did you mean 'horizon'?",
        ),
        (SHIPPED | {"modl": {}}, "'modl': there is no such key; did you mean 'model'?"),
        (
            changed(model={"horizon": "ten"}),
            "'model.horizon': found \"ten\", allowed: integer from 1",
        ),
        (
            changed(model={"horizon": 0}),
            "'model.horizon': found 0, allowed: integer from 1 up to 250",
        ),
        (changed(model={"horizon": 2.5}), "'model.horizon': found 2.5, allowed: integer"),
        (
            changed(model={"level": 90}),
            "'model.level': found 90, allowed: number from 0.5 up to 0.99",
        ),
        (changed(mode="predict"), '\'mode\': found "predict", allowed: "train" or "score"'),
        (
            changed(missing={"price": "bfill"}),
            '\'missing.price\': found "bfill", allowed: "zero" or',
        ),
        (changed(source={"uri": ""}), "'source.uri': found \"\", allowed: string, not empty"),
        (changed(source={"delimiter": "||"}), "'source.delimiter': found \"||\""),
        (changed(source={"delimiter": '"'}), "'source.delimiter': found '\"', allowed: another"),
        (
            changed(source={"decimal": ",", "delimiter": ","}),
            "'source.decimal': found ',', which is the thousands",
        ),
        (changed(source={"last_day": "soon"}), "'source.last_day': found 'soon', allowed: a date"),
        (
            changed(source={"symbol_pattern": "("}),
            "'source.symbol_pattern': found '(', which is no",
        ),
        (changed(source={"time_zone": "CH"}), "'source.time_zone': found 'CH', allowed: a name"),
        (changed(source={"time_zone": "../x"}), "'source.time_zone': found '../x', allowed"),
        (changed(source={"session": "17:00"}), "'source.session': found '17:00', allowed: null"),
        (changed(source={"where": {"SERIES": "EQ"}}), "'source.where.SERIES': found \"EQ\", allow"),
        (changed(source={"uri": "sqlite:///a.db"}), "'source.table': found neither it nor a query"),
        (
            changed(source={"uri": "sqlite:///a.db", "table": "a", "query": "b"}),
            "'source.table': found table and query, allowed: either",
        ),
        (changed(source={"query": "select 1"}), "'source.query': found 'select 1', allowed: null"),
        (changed(source={"max_shrink": 2}), "'source.max_shrink': found 2, allowed: number"),
        (changed(quality={"stale_days": 1}), "'quality.stale_days': found 1, allowed: integer"),
        (changed(format="csv"), '\'format\': found "csv", allowed: "json" or "parquet"'),
        (
            changed(source={"missing_markers": "N/A"}),
            "'source.missing_markers': found \"N/A\", allowed: array",
        ),
        (changed(source={"symbol": "<b>", "columns": {}}), "'source.symbol': found \"<b>\""),
        ({"mode": "train"}, "'source' is missing; add it"),
        (changed(report=None), "'report': found null, allowed: object"),
        (changed(retries={"times": True}), "'retries.times': found true, allowed: integer"),
        (
            changed(source={"layout": "wide", "columns": {"symbol": "Ticker"}}),
            "'source.columns.symbol': found 'Ticker', allowed: null",
        ),
        (
            changed(source={"symbol": "WTI", "columns": {"symbol": "Ticker"}}),
            "'source.symbol': found 'WTI' beside source.columns.symbol",
        ),
        (changed(mode="score"), "'score.model': found null, allowed: the path of a model"),
        (
            changed(mode="score", score={"model": "results/model.json"}),
            "copy the model out of results/",
        ),
        (
            changed(source={"columns": {"adj_close": False}}, model={"price": "adj_close"}),
            "'model.price': found 'adj_close', allowed: auto or close or high or low or open",
        ),
        (
            changed(source={"layout": "wide"}, model={"price": "open"}),
            "'model.price': found 'open', allowed: auto or close, for that",
        ),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(config, sentence):
    with pytest.raises(Refusal) as caught:
        complete(config)
    text = str(caught.value)
    assert text.startswith("config key ")
    assert sentence in text
    assert "\n" not in text


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_configs_that_come_with_the_workflow_are_right(path):
    config = deepcopy(SHIPPED)
    merge(config, yaml.safe_load(path.read_text()))
    complete(config)


def merge(config, other):
    """As Snakemake merges a config file given on the command line."""
    for key, value in other.items():
        if isinstance(value, dict):
            merge(config.setdefault(key, {}), value)
        else:
            config[key] = value


def test_texts_of_the_command_line_are_what_the_key_wants():
    config = {
        "source": {"uri": "a.csv", "columns": {"volume": "false", "open": "null", "close": "5"}},
        "model": {"horizon": "5", "window_days": "null", "level": "0.8"},
        "accept": {"allow_unaccepted": "true"},
        "report": {"title": "5"},
    }
    config["source"]["date_formats"] = "[epoch-seconds]"
    complete(config)
    assert config["model"] | {"horizon": 5, "window_days": None, "level": 0.8} == config["model"]
    assert config["accept"]["allow_unaccepted"] is True
    assert (config["report"]["title"], config["source"]["date_formats"]) == ("5", ["epoch-seconds"])
    assert named_columns(config) == {"volume": False, "close": "5"}


def test_a_config_that_only_names_its_source_gets_every_default():
    config = {"source": {"uri": "prices.csv"}}
    complete(config)
    assert config["model"]["horizon"] == 10
    assert config["missing"] == {"price": "ffill", "volume": "zero"}
    assert named_columns(config) == {}
    assert set(config) == set(SHIPPED)


def leaves(schema, path=()):
    for key, part in schema["properties"].items():
        if "properties" in part:
            yield from leaves(part, (*path, key))
        else:
            yield (*path, key)


def test_config_yaml_has_every_key_and_the_schemas_default_but_for_the_sample():
    about_the_sample = {("source", "uri"), ("model", "price"), ("report", "title")}
    defaults = {"source": {"uri": "prices.csv"}}
    complete(defaults)
    for path in leaves(load("config")):
        shipped = reduce(dict.__getitem__, path, SHIPPED)
        if path not in about_the_sample and path[:2] != ("source", "columns"):
            assert shipped == reduce(dict.__getitem__, path, defaults), path


def test_every_key_is_explained_in_the_readme():
    text = (ROOT / "config" / "README.md").read_text()
    for path in leaves(load("config")):
        assert f"`{'.'.join(path)}`" in text, path


def test_every_reason_and_every_flag_is_explained_in_the_readme():
    text = (ROOT / "config" / "README.md").read_text()
    for reason, meaning in REASONS.items():
        assert f"| `{reason}` | {meaning} |" in text
    for flag in FLAGS:
        assert re.search(rf"^\| .*`{flag}`.* \| ", text, re.MULTILINE), flag


def test_every_key_or_its_section_is_commented_in_config_yaml():
    explained = False
    for line in (ROOT / "config" / "config.yaml").read_text().splitlines():
        if line.endswith(":"):
            explained = False
        elif line.strip() and not line.startswith("#"):
            of_a_section = line.startswith("  ") and explained
            assert "#" in line or of_a_section, line
        if ":   " in line and "#" in line and line.split("#")[0].strip().endswith(":"):
            explained = True


def test_the_sample_is_found_from_any_working_directory(tmp_path, monkeypatch):
    config = {"source": {"uri": "data/raw/stocks.csv.gz"}}
    monkeypatch.chdir(tmp_path)
    assert source_files(config, ROOT) == [str(ROOT / "data/raw/stocks.csv.gz")]
    monkeypatch.chdir(ROOT)
    assert source_files(config, ROOT) == ["data/raw/stocks.csv.gz"]


def test_a_source_that_is_nowhere_ends_the_run_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refusal, match=r"^no\.csv: no such file; deliver it"):
        source_files({"source": {"uri": "no.csv"}}, ROOT)


def test_a_source_that_is_no_file_has_no_files():
    assert source_files({"source": {"uri": "s3://bucket/key"}}, ROOT) == []


def test_a_date_that_yaml_reads_as_one_is_text_again():
    config = {"source": {"uri": "prices.csv", "last_day": date(2024, 1, 31)}}
    complete(config)
    assert ingest_options(config)["last_day"] == "2024-01-31"


def test_a_time_that_yaml_reads_as_minutes_is_text_again():
    config = yaml.safe_load("source: {uri: prices.csv, bars: intraday, session: 17:05}")
    complete(config)
    assert ingest_options(config)["session"] == "17:05"
