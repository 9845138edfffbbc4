"""A rule runs again when, and only when, something that it uses has changed."""

import pytest

from conftest import STEPS, as_csv, market

PACKAGE = "workflow/scripts/pricewright"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "reporting/text.py",
            'f"{named}: model report"',
            'f"{named}: the model"',
            ["report", "deploy"],
        ),
        ("reporting/drawing.py", '"fontSize": 15', '"fontSize": 16', ["report", "deploy"]),
        ("forecasting/har.py", "SEED = 20", "SEED = 21", list(STEPS[2:])),
        ("cleaning/missing.py", 'kind="stable"', 'kind="mergesort"', list(STEPS[1:])),
        ("intake/reading/numbers.py", 'characters=" \\t"', 'characters=" "', list(STEPS)),
        ("intake/sources/s3.py", "us-east-1", "us-east-2", list(STEPS)),
    ],
)
def test_an_edited_helper_makes_the_steps_that_use_it_run(finished, file, old, new, expected):
    finished.edit(f"{PACKAGE}/{file}", old, new)
    assert finished.snakemake().ran == expected


def test_an_edited_script_makes_its_step_run(finished):
    finished.edit("workflow/scripts/report.py", 'title: str = "Prices"', 'title: str = "Price"')
    assert finished.snakemake().ran == ["report", "deploy"]


def test_an_edited_comment_docstring_or_layout_makes_nothing_run(finished):
    for name in STEPS:
        path = finished.folder / "workflow" / "scripts" / f"{name}.py"
        path.write_text("# A remark.\n\n\n" + path.read_text())
    finished.edit(
        f"{PACKAGE}/cleaning/missing.py", '"""Make delivered prices', '"""Make  delivered prices'
    )
    finished.edit(
        f"{PACKAGE}/tables/prices.py",
        "@dataclass(frozen=True)",
        "@dataclass( frozen = True )  # kept",
    )
    assert finished.snakemake().ran == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"report": {"title": "Another title"}}, ["report", "deploy"]),
        ({"evaluation": {"origins": 25}}, list(STEPS[2:])),
        ({"missing": {"volume": "drop"}}, list(STEPS[1:])),
        ({"quality": {"stale_days": 9}}, list(STEPS[1:])),
        ({"source": {"missing_markers": ["", "-"]}}, list(STEPS)),
        ({"retries": {"times": 1, "delay": 0.1}}, []),
        # The same values, swapped: what Snakemake remembers of params has no names.
        ({"missing": {"price": "zero", "volume": "ffill"}}, list(STEPS[1:])),
    ],
)
def test_a_changed_config_key_makes_the_steps_that_use_it_run(finished, change, expected):
    finished.configure(**change)
    assert finished.snakemake().ran == expected


def test_another_version_of_a_library_makes_the_steps_that_import_it_run(finished, tmp_path):
    newer = tmp_path / "newer" / "tabulate-99.0.dist-info"
    newer.mkdir(parents=True)
    (newer / "METADATA").write_text("Metadata-Version: 2.1\nName: tabulate\nVersion: 99.0\n")
    outcome = finished.snakemake(env={"PYTHONPATH": str(newer.parent)})
    assert outcome.ran == ["report", "deploy"]
    assert "'tabulate': '99.0'" in outcome.stderr


def test_changed_raw_data_makes_everything_run(finished):
    (finished.folder / "data" / "raw" / "small.csv").write_text(as_csv(market(seed=2)))
    assert finished.snakemake().ran == list(STEPS)


def test_a_changed_model_schema_makes_its_readers_and_writer_run(finished):
    finished.edit("workflow/schemas/model.schema.yaml", "minimum: 2", "minimum: 3")
    assert finished.snakemake().ran == ["train_or_score", "report", "deploy"]
