import sys

import pandas as pd
import pytest
from snakemake.iocontainers import Params, Snakemake
from snakemake.persistence import PersistenceBase
from snakemake.persistence.file import FilePersistence

from running.overrides import spare_pandas

METHODS = [(PersistenceBase, "_serialize_param_pandas"), (Snakemake, "_safely_store_params")]
PLAIN = [{"a": [1, None]}, "text", 0.1, None, (1, 2), {3}]
TABLES = [pd.DataFrame({"a": [1, 2]}), pd.Series([1.5])]


@pytest.fixture(autouse=True)
def _as_snakemake_has_them(monkeypatch):
    for owner, name in METHODS:  # the originals now, and after the test what was before it
        method = getattr(owner, name)
        monkeypatch.setattr(owner, name, getattr(method, "__wrapped__", method))


def compared(value):
    """What Snakemake compares in the place of a param."""
    return FilePersistence.__new__(FilePersistence)._serialize_param(value)


def given(values):
    """What a job gets as its params: all of them, and by name."""
    job = Snakemake.__new__(Snakemake)
    job._safely_store_params(Params(fromdict={f"p{n}": one for n, one in enumerate(values)}))
    return list(job.params), dict(job.params.items()), job._params_types


@pytest.mark.parametrize(
    ("seen", "value"), [*((compared, value) for value in PLAIN), (given, PLAIN)]
)
def test_plain_params_are_compared_and_given_as_by_snakemake_itself_without_pandas(
    seen, value, monkeypatch
):
    by_itself = seen(value)
    spare_pandas()
    monkeypatch.delitem(sys.modules, "pandas")
    assert seen(value) == by_itself
    assert "pandas" not in sys.modules


@pytest.mark.parametrize("table", TABLES, ids=["frame", "series"])
def test_a_table_among_params_is_still_one(table):
    by_itself = compared(table)
    spare_pandas()
    assert compared(table) == by_itself != compared(table * 2)
    (found, plain), _, types = given([table, "text"])
    assert found.equals(table)
    assert (plain, list(types)) == ("text", [0])


def test_to_spare_it_twice_changes_nothing_more():
    spare_pandas()
    once = [getattr(owner, name) for owner, name in METHODS]
    spare_pandas()
    assert [getattr(owner, name) for owner, name in METHODS] == once


def test_a_snakemake_without_these_methods_is_left_as_it_is(monkeypatch):
    for owner, name in METHODS:
        monkeypatch.delattr(owner, name)
    spare_pandas()
    assert not [name for owner, name in METHODS if hasattr(owner, name)]
