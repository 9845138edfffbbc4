import re
from contextlib import nullcontext
from copy import deepcopy
from functools import reduce
from types import SimpleNamespace

import pytest
import yaml

from conftest import ROOT
from pricewright.cleaning.options import FLAGS
from pricewright.configuration import config as configuration
from pricewright.configuration.config import (
    complete,
    ingest_options,
    named_columns,
    read_config_file,
    source_files,
    source_version,
    training_options,
)
from pricewright.files.errors import Refusal
from pricewright.intake.archive import Acceptance, Archive, Delivery
from pricewright.intake.reading.quarantine import REASONS
from pricewright.intake.sources.source import Answer
from pricewright.tables.schema import load

SHIPPED = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
CONFIGS = [ROOT / "config" / "config.yaml", *sorted((ROOT / "config" / "examples").glob("*.yaml"))]


def changed(keys):
    """The shipped config with some keys, `section.key` each, changed."""
    config = deepcopy(SHIPPED)
    for key, value in keys.items():
        *sections, last = key.split(".")
        reduce(dict.__getitem__, sections, config)[last] = value
    return config


WRONG = [
    ("model.horizn", 5, "there is no such key; did you mean 'horizon'?"),
    ("modl", {}, "there is no such key; did you mean 'model'?"),
    ("model.horizon", "ten", 'found "ten", allowed: integer from 1'),
    ("model.horizon", 0, "found 0, allowed: integer from 1 up to 250"),
    ("model.horizon", 2.5, "found 2.5, allowed: integer"),
    ("model.level", 90, "found 90, allowed: number from 0.5 up to 0.99"),
    ("mode", "predict", 'found "predict", allowed: "auto" or "train" or "score"'),
    ("missing.price", "bfill", 'found "bfill", allowed: "zero" or'),
    ("source.uri", "", 'found "", allowed: string, not empty'),
    ("source.delimiter", "||", 'found "||"'),
    ("source.delimiter", '"', "found '\"', allowed: a character"),
    ("source.session", "17:00", "found '17:00', allowed: null"),
    ("source.where.SERIES", "EQ", 'found "EQ", allow'),
    ("source.last_day", "soon", "found 'soon', allowed: a date"),
    ("source.symbol_pattern", "(", "found '(', which is no"),
    ("source.time_zone", "CH", "found 'CH', allowed: a name"),
    ("source.time_zone", "../x", "found '../x', allowed"),
    ("source.query", "select 1", "found 'select 1', allowed: null"),
    ("source.max_shrink", 2, "found 2, allowed: number"),
    ("source.missing_markers", "N/A", 'found "N/A", allowed: array'),
    ("quality.stale_days", 1, "found 1, allowed: integer"),
    ("format", "csv", 'found "csv", allowed: "json" or "parquet"'),
    ("report", None, "found null, allowed: object"),
    ("retries.times", True, "found true, allowed: integer"),
    ("accept.mae_ratio", float("inf"), "found Infinity, allowed: number from 0 up to 10"),
]
SQLITE = {"source.uri": "sqlite:///a.db"}
WRONG_TOGETHER = [
    (SQLITE, "'source.table': found neither it nor a query"),
    (
        SQLITE | {"source.table": "a", "source.query": "b"},
        "'source.table': found table and query, allowed: either",
    ),
    (
        {"source.decimal": ",", "source.delimiter": ","},
        "'source.decimal': found ',', which is also",
    ),
    ({"source.symbol": "<b>", "source.columns": {}}, "'source.symbol': found '<b>'"),
    (
        {"source.layout": "wide", "source.columns": {"symbol": "Ticker"}},
        "'source.columns.symbol': found 'Ticker', allowed: null",
    ),
    (
        {"source.symbol": "WTI", "source.columns": {"symbol": "Ticker"}},
        "'source.symbol': found 'WTI' together with source.columns.symbol",
    ),
    ({"mode": "score"}, "'score.model': found null, allowed: the path of a model"),
    ({"mode": "score", "score.model": "results/model.json"}, "copy the model out of results/"),
    *(
        ({"source.encoding": name}, "'source.encoding': found")
        for name in ("utf88", "rot13", "base64", "a\0")
    ),
    *(({"source.unit": unit}, "which may be part of a number") for unit in ("-", "1", "1.5", "()")),
    (
        {"source.columns": {"adj_close": False}, "model.price": "adj_close"},
        "'model.price': found 'adj_close', allowed: auto or close or high or low or open",
    ),
    (
        {"source.layout": "wide", "model.price": "open"},
        "'model.price': found 'open', allowed: auto or close, because",
    ),
]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        *((changed({key: value}), f"'{key}': {said}") for key, value, said in WRONG),
        *((changed(keys), sentence) for keys, sentence in WRONG_TOGETHER),
        ({"mode": "train"}, "'source' is missing; add it"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(config, sentence):
    with pytest.raises(Refusal) as caught:
        complete(config)
    text = str(caught.value)
    assert text.startswith("config key ")
    assert sentence in text
    assert "\n" not in text


def test_a_model_in_results_is_not_scored_however_its_path_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "results/model.json", "models/../results/model.json"):
        with pytest.raises(Refusal, match="copy the model out of results/"):
            complete(changed({"mode": "score", "score.model": str(path)}))


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
        "model": {"horizon": "5", "window_days": "null", "level": "0.8", "calibration": 500.0},
        "accept": {"allow_unaccepted": "true"},
        "report": {"title": "5"},
    }
    config["source"]["date_formats"] = "[epoch-seconds]"
    complete(config)
    assert config["model"] | {"horizon": 5, "window_days": None, "level": 0.8} == config["model"]
    assert type(config["model"]["calibration"]) is int  # slices take no 500.0
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


def test_plain_secrets_are_refused_as_config_before_anything_runs():
    web = {"uri": "https://prices.example/a.csv", "headers": {"X-Api-Key": "hunter2"}}
    with pytest.raises(
        Refusal, match=r"^config key 'source\.headers\.X-Api-Key': it holds a plain"
    ):
        complete({"source": web, "report": {"title": "Prices"}})
    with pytest.raises(Refusal, match=r"^config key 'source\.uri': found 'key' in"):
        complete({"source": {"uri": "https://x.example/?key=a"}, "report": {"title": "Prices"}})


def test_dates_that_yaml_reads_as_such_are_text_again_at_every_depth():
    config = yaml.safe_load("""
    source:
      uri: prices.csv
      last_day: 2024-01-31
      leave_out: [2024-01-31]
      where: {2024: [2024-01-31], 2024-02-01: [x]}
      headers: {X-Day: 2024-01-31, X-Time: 2024-01-31 09:30:00}
    report: {title: 2026-01-01}
    """)
    complete(config)
    options = ingest_options(config)
    assert options["last_day"] == "2024-01-31"
    assert options["leave_out"] == ["2024-01-31"]
    assert options["where"] == {"2024": ["2024-01-31"], "2024-02-01": ["x"]}
    assert options["headers"] == {"X-Day": "2024-01-31", "X-Time": "2024-01-31 09:30:00"}
    assert config["report"]["title"] == "2026-01-01"
    config = {"source": {"uri": "prices.csv", "leave_out": "[2024-01-31]"}}  # as --config gives it
    assert complete(config)["source"]["leave_out"] == ["2024-01-31"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "model: {horizon: 2024-01-31}",
            r"'model.horizon': found \"2024-01-31\", allowed: integer",
        ),
        (
            "source: {where: {NO: [x]}}",
            r"'source.where': found a name that YAML reads as False; put",
        ),
        (
            "report: {title: !!binary aGk=}",
            r"found a value that is no text, number or list .*bytes",
        ),
    ],
)
def test_what_yaml_reads_as_no_text_is_refused_by_its_own_name(text, found):
    config = {"source": {"uri": "prices.csv"}} | yaml.safe_load(text)
    with pytest.raises(Refusal, match=rf"^config key {found}"):
        complete(config)


def test_a_time_that_yaml_reads_as_minutes_is_text_again():
    config = yaml.safe_load("source: {uri: prices.csv, bars: intraday, session: 17:05}")
    complete(config)
    assert ingest_options(config)["session"] == "17:05"


def test_the_versions_of_many_objects_take_one_reading_of_what_is_known(tmp_path, monkeypatch):
    def asked(place):
        def open_(known):
            return nullcontext(Answer(iter(()), f"new {place}") if place == "c" else Answer(None))

        return SimpleNamespace(place=place, open=open_)

    def reading(archive):
        readings.append(archive)
        return acceptances(archive)

    archive = Archive(tmp_path / "data/received", "s3://bucket/in/")
    for version, place in enumerate("aba"):
        archive.accept(Acceptance([Delivery(place, "0" * 64, 1, "2024-01-01", f"v{version}")], []))
    readings, acceptances = [], Archive.acceptances
    monkeypatch.setattr(Archive, "acceptances", reading)
    monkeypatch.setattr(configuration, "items", lambda source: [asked(each) for each in "abc"])
    config = changed({"source.uri": "s3://bucket/in/"})
    assert source_version(config, str(tmp_path), []) == "v2; v1; new c"
    assert len(readings) == 1


def test_a_config_file_may_be_json_with_tabs_and_yaml_in_braces(tmp_path):
    for text in ('{\n\t"source": {"uri": "a.csv"}\n}\n', "{source: {uri: a.csv}}\n"):
        (tmp_path / "c.yaml").write_text(text)
        assert read_config_file(tmp_path / "c.yaml") == {"source": {"uri": "a.csv"}}
    (tmp_path / "c.yaml").write_text('{\n\t"source": 1, "source": 2}\n')
    with pytest.raises(Refusal, match=r"c\.yaml:2: the key 'source' appears twice"):
        read_config_file(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("mode", "given", "champion"),
    [
        ("train", None, "stocks/results/deployed_model.json"),
        ("train", "mine.json", "mine.json"),
        ("auto", None, "stocks/production/candidate/model.json"),
        ("auto", "mine.json", "mine.json"),
    ],
)
def test_the_champion_is_what_config_names_else_the_modules_own(mode, given, champion):
    accept = {"champion": given} if given else {}
    config = {"source": {"uri": "p.csv"}, "mode": mode, "accept": accept}
    complete(config)
    deployed = "stocks/results/deployed_model.json"
    assert training_options(config, deployed, "stocks")["champion"] == champion
