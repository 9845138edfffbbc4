from importlib import metadata

import pytest

from conftest import SCRIPTS, STEPS, command
from pricewright.files import provenance
from pricewright.files.provenance import code_digest, code_used, imported_files


@pytest.fixture
def scripts(tmp_path):
    package = tmp_path / "kit"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "used.py").write_text("from kit.deep import f\n")
    (package / "deep.py").write_text("def f(x):\n    return x + 1\n")
    (package / "unused.py").write_text("y = 1\n")
    (tmp_path / "step.py").write_text("import json\nfrom kit import used\n\nprint(used.f(1))\n")
    return tmp_path


def forget():
    for cached in (provenance._digest_and_imports, provenance._imports, provenance._read_memory):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("file", "text", "counts"),
    [
        ("step.py", "# why\nimport json\nfrom kit import used\n\n\nprint( used.f( 1 ) )\n", False),
        (
            "kit/deep.py",
            'def f(x):\n    """Add one."""\n    return (\n        x + 1\n    )\n',
            False,
        ),
        ("kit/unused.py", "y = 2\n", False),
        ("step.py", "import json\nfrom kit import used\n\nprint(used.f(2))\n", True),
        ("kit/deep.py", "def f(x):\n    return x + 2\n", True),
        ("kit/__init__.py", "z = 1\n", True),
    ],
)
def test_code_that_runs_counts_at_any_depth_and_comments_layout_and_docstrings_do_not(
    scripts, file, text, counts
):
    before = code_digest(scripts / "step.py")
    (scripts / file).write_text(text)
    forget()
    assert (code_digest(scripts / "step.py") != before) is counts


def test_a_schema_counts(scripts):
    schema = scripts / "model.schema.yaml"
    schema.write_text("type: object")
    assert code_digest(scripts / "step.py", [schema]) != code_digest(scripts / "step.py")


def test_what_was_found_out_is_read_memory_and_can_be_forgotten(scripts, monkeypatch, tmp_path):
    memory = tmp_path / "memory" / "provenance.json"
    monkeypatch.setattr(provenance, "_MEMORY", memory)
    forget()
    digest = code_digest(scripts / "step.py")
    forget()
    monkeypatch.setattr(provenance.ast, "parse", None)  # nothing is parsed again
    assert code_digest(scripts / "step.py") == digest
    monkeypatch.undo()
    monkeypatch.setattr(provenance, "_MEMORY", memory)
    memory.write_text("nonsense")
    forget()
    assert code_digest(scripts / "step.py") == digest
    forget()


def test_code_that_does_not_parse_names_its_file_and_line(scripts):
    (scripts / "kit" / "deep.py").write_text("def f(x:\n")
    with pytest.raises(SyntaxError, match=r"deep\.py, line 1"):
        code_digest(scripts / "step.py")


PACKAGE = SCRIPTS / "pricewright"
LATER = {
    # those that a source needs; if there is a snapshot
    "ingest": ("intake/reading", "intake/sources", "tables/parquet_files.py"),
    "clean": (  # if prices are Parquet; if corrections are declared
        *("tables/parquet_files.py", "tables/schema.py", "tables/frames.py", "files/clock.py"),
        *("cleaning/corrections.py", "cleaning/delivered_table.py"),
    ),
    "train_or_score": (  # if there are shards; if prices are JSON; if there are many symbols
        *("tables/array_files.py", "tables/records.py", "tables/table_files.py"),
        "tables/column_schema.py",
        *("tables/damage.py", "tables/fields.py", "tables/parquet_files.py"),
    ),
    "report": (
        *("tables/damage.py", "tables/fields.py", "tables/parquet_files.py"),
        "tables/column_schema.py",
        "tables/table_files.py",
        "evaluation/backtest_file.py",
        "intake",
        "reporting",
        "tables/arrays.py",
    ),
    "deploy": ("tables/column_schema.py", "tables/arrays.py"),  # if there are many symbols
}


@pytest.mark.parametrize("name", STEPS)
def test_what_is_digested_is_what_python_really_imports(name):
    show = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import {name}; "
        "print(*[m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)])"
    )
    loaded = {
        path for path in command("-c", show, cwd=SCRIPTS).stdout.split() if str(SCRIPTS) in path
    }
    found = {str(path) for path in imported_files(SCRIPTS / f"{name}.py")}
    assert loaded <= found
    later = tuple(str(PACKAGE / part) for part in LATER[name])
    assert all(path.startswith(later) for path in found - loaded)


LIBRARIES = {
    "ingest": {
        *{"backports.zstd", "numpy", "orjson", "psycopg", "pyarrow", "python-calamine"},
        *{"sqlalchemy", "tenacity", "urllib3"},
    },
    "clean": {"jsonschema-rs", "numpy", "orjson", "pandas", "pyarrow", "pyyaml"},
    "train_or_score": {
        *{"cattrs", "jsonschema-rs", "loky", "numpy", "orjson", "pyarrow", "pyyaml"},
        *{"safetensors", "scipy"},
    },
    "report": {
        *{"jinja2", "jsonschema-rs", "numpy", "orjson", "pyarrow", "pyyaml", "tabulate"},
        "vl-convert-python",
    },
    "deploy": {"jsonschema-rs", "numpy", "orjson", "pyyaml", "tenacity"},
}


def test_an_optional_library_counts_only_where_it_is_asked_for():
    script = SCRIPTS / "train_or_score.py"
    found = code_used(script, asked_for=["lightgbm"])
    assert found == code_used(script, asked_for=["naive"]) | {
        "lightgbm": metadata.version("lightgbm")
    }


@pytest.mark.parametrize("name", STEPS)
def test_the_libraries_that_a_step_uses_count_with_their_versions(name):
    used = code_used(SCRIPTS / f"{name}.py")
    assert set(used) == {f"{name}.py", "python"} | LIBRARIES[name]
    for library in LIBRARIES[name]:
        assert used[library] == metadata.version(library)
