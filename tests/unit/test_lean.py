import sys

import pandas as pd
import pytest
from snakemake.persistence import PersistenceBase
from snakemake.persistence.file import FilePersistence

import lean


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch):
    monkeypatch.setattr(PersistenceBase, lean._ASKS, lean._asks)  # and again after the test


def compared(value):
    """What Snakemake compares in the place of a param."""
    return FilePersistence.__new__(FilePersistence)._serialize_param(value)


@pytest.mark.parametrize("value", [{"a": [1, None]}, "text", 0.1, object(), {1, 2}])
def test_a_param_is_compared_as_by_snakemake_itself_without_pandas(value, monkeypatch):
    by_itself = compared(value)
    lean.spare_pandas()
    monkeypatch.delitem(sys.modules, "pandas")
    assert compared(value) == by_itself
    assert "pandas" not in sys.modules


def test_a_table_among_params_is_still_known_by_its_content():
    table, other = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 3]})
    by_itself = compared(table)
    lean.spare_pandas()
    assert compared(table) == by_itself != compared(other)


def test_a_snakemake_without_that_method_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(lean, "_asks", None)
    before = vars(PersistenceBase).copy()
    lean.spare_pandas()
    assert vars(PersistenceBase) == before
