"""JSON documents: what is said of one that cannot be read."""

import re
from pathlib import Path

import pytest

from conftest import ROOT
from pricewright.files.documents import as_written_by_a_run, parse_json, parse_strict, writing_again
from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import named_model
from pricewright.tables.damage import refuse_damaged
from pricewright.tables.table_files import holds_parquet

FORCED = ": `snakemake --cores 1 --forcerun {}`."


def written() -> list[tuple[str, str]]:
    """Each step and a result of it, by the rules."""
    found = []
    for rules in (ROOT / "workflow/rules").glob("*.smk"):
        for rule in re.split(r"^rule ", rules.read_text(), flags=re.MULTILINE)[1:]:
            step = rule.partition(":")[0]
            _, _, output = rule.partition("    output:\n")
            output = re.split(r"^    \w+:", output, maxsplit=1, flags=re.MULTILINE)[0]
            names = re.findall(r'"(results/[\w.]+?)(?:\{config\[.format.\]\}|)"', output)
            found += [(step, name + "json" * name.endswith(".")) for name in names]
    return found


def test_every_result_of_a_step_that_cannot_be_read_comes_with_the_command_that_makes_it():
    assert len(written()) > 12
    for step, name in written():
        assert f"{writing_again(name)}." == FORCED.format(step), name


def damaged_table(name: str) -> None:
    with refuse_damaged(name):
        raise ValueError


def unlike_a_run(name: str) -> None:
    with as_written_by_a_run(name):
        raise KeyError


@pytest.mark.parametrize(
    "read",
    [
        lambda name: parse_json(b"", name),
        lambda name: parse_strict(b"", name),
        lambda name: named_model("", name),
        unlike_a_run,
        damaged_table,
    ],
)
def test_whatever_reads_it_says_so(read):
    with pytest.raises(Refusal) as refusal:
        read("stocks/results/monitor.json")
    assert str(refusal.value).endswith(FORCED.format("monitor"))
    with pytest.raises(Refusal) as refusal:
        read("mine/monitor.json")
    assert "forcerun monitor" not in str(refusal.value)


def test_a_table_that_does_not_begin_like_one_comes_with_its_command_too(tmp_path):
    table = tmp_path / "results/prices_raw.parquet"
    table.parent.mkdir()
    table.write_bytes(b"")
    with pytest.raises(Refusal, match="--forcerun ingest`"):
        holds_parquet(Path(table))
