"""A rule runs again if, and only if, something that it uses has changed.

These tests use dry runs; the tests of whole runs show that the rules then do run.
"""

import os

import pytest

from conftest import STEPS, as_csv, market

PACKAGE = "workflow/scripts/pricewright"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (f"{PACKAGE}/reporting/text.py", "model report", "Model report", STEPS[3:]),
        (f"{PACKAGE}/reporting/drawing.py", '"fontSize": 15', '"fontSize": 16', STEPS[3:]),
        (f"{PACKAGE}/forecasting/har.py", "SEED = 20", "SEED = 21", STEPS[2:]),
        (f"{PACKAGE}/cleaning/missing.py", 'kind="stable"', 'kind="mergesort"', STEPS[1:]),
        (f"{PACKAGE}/intake/reading/numbers.py", '=" \\t"', '=" "', STEPS),
        (f"{PACKAGE}/intake/sources/s3.py", "us-east-1", "us-east-2", STEPS),
        ("workflow/scripts/report.py", "if coverage or skill:", "if skill or coverage:", STEPS[3:]),
        ("workflow/schemas/model.schema.yaml", "minimum: 2", "minimum: 3", STEPS[2:]),
    ],
)
def test_an_edited_file_makes_the_steps_that_use_it_run(finished, file, old, new, expected):
    finished.edit(file, old, new)
    assert finished.snakemake("--dry-run").ran == list(expected)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"report": {"title": "Another title"}}, STEPS[3:]),
        ({"evaluation": {"origins": 25}}, STEPS[2:]),
        ({"missing": {"volume": "drop"}}, STEPS[1:]),
        ({"quality": {"stale_days": 9}}, STEPS[1:]),
        ({"source": {"missing_markers": ["", "-"]}}, STEPS),
        ({"retries": {"times": 1, "delay": 0.1}}, ()),
        # the same two values, swapped: Snakemake stores the params without their names
        ({"missing": {"price": "zero", "volume": "ffill"}}, STEPS[1:]),
    ],
)
def test_a_changed_config_key_makes_the_steps_that_use_it_run(finished, change, expected):
    finished.configure(**change)
    assert finished.snakemake("--dry-run").ran == list(expected)


def test_another_version_of_a_library_makes_the_steps_that_import_it_run(finished, tmp_path):
    newer = tmp_path / "newer" / "tabulate-99.0.dist-info"
    newer.mkdir(parents=True)
    (newer / "METADATA").write_text("Metadata-Version: 2.1\nName: tabulate\nVersion: 99.0\n")
    outcome = finished.snakemake("--dry-run", env={"PYTHONPATH": str(newer.parent)})
    assert outcome.ran == ["report", "deploy"]
    assert "'tabulate': '99.0'" in outcome.stdout


def test_changed_raw_data_makes_everything_run(finished):
    (finished.folder / "data" / "raw" / "small.csv").write_text(as_csv(market(days=141)))
    assert finished.snakemake("--dry-run").ran == list(STEPS)
    assert finished.snakemake().ran == list(STEPS)


def test_the_content_of_a_file_counts_and_not_its_time(finished):
    file = finished.folder / "data" / "raw" / "small.csv"
    before = file.stat()
    file.write_text(as_csv(market(days=141)))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns - 10**12))
    assert finished.snakemake().ran == list(STEPS)
    assert finished.snakemake("--dry-run").ran == []
    file.touch()
    assert finished.snakemake("--dry-run").ran == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a:\n\tb: 1\n", "config/config.yaml:2: not YAML (found character '\\t'"),
        ("source: {uri: a}\nsource: {uri: b}\n", "config.yaml:2: the key 'source' appears twice"),
        ("- 1\n", "config/config.yaml: has no keys, but must be a config"),
    ],
)
def test_an_unusable_config_file_is_named_with_the_line(finished, content, sentence):
    (finished.folder / "config" / "config.yaml").write_text(content)
    outcome = finished.snakemake()
    assert (outcome.code, outcome.ran) == (1, [])
    assert sentence in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_repeated_key_in_a_file_given_by_configfile_is_refused(finished):
    (finished.folder / "mine.yaml").write_text("report: {title: A}\nreport: {title: B}\n")
    outcome = finished.snakemake("--configfile", "mine.yaml")
    assert outcome.code == 1
    assert "mine.yaml:2: the key 'report' appears twice; keep one." in outcome.stderr


def test_a_change_of_format_and_back_makes_the_tables_again(finished):
    before = finished.results()
    outcome = finished.snakemake("--config", "format=parquet")
    assert outcome.code == 0, outcome.stderr
    outcome = finished.snakemake()
    assert outcome.code == 0, outcome.stderr
    assert {"ingest", "clean"} <= set(outcome.ran)
    after = finished.results()
    for name in ("prices_raw.json", "prices_clean.json"):
        assert after[name] == before[name]


def test_a_missing_file_of_corrections_is_noticed_though_all_results_exist(finished):
    given = finished.folder / "mine.yaml"
    given.write_text("corrections: {file: nope.yaml}\n")
    outcome = finished.snakemake("--configfile", "mine.yaml")
    assert outcome.code == 1
    assert "'corrections.file': found 'nope.yaml', but there is no such file" in outcome.stderr
