"""What a job asks a cluster for, from the size of what it reads."""

import re
from pathlib import Path

import pytest

from running.resources import MOST_MB, MOST_MINUTES, UNKNOWN_MB, disk, memory, minutes, text_mb

from conftest import ROOT

MEGABYTE = 1_000_000


def of_size(path: Path, megabytes: float) -> str:
    """A file of that size, with nothing in it: it takes no disk."""
    with path.open("wb") as file:
        file.truncate(round(megabytes * MEGABYTE))
    return str(path)


class Stored(str):
    """An object in a storage, as an input file of Snakemake's."""

    is_storage = True


class Objects(list):
    @property
    def size_files(self):
        return [40 * MEGABYTE] * len(self)


def test_text_counts_as_it_is_and_anything_else_as_what_it_unpacks_to(tmp_path):
    assert text_mb([of_size(tmp_path / "a.csv", 7)]) == 7
    assert text_mb([of_size(tmp_path / "a.JSON", 7)]) == 7
    for name in ("a.csv.gz", "a.xlsx", "delivery"):
        assert text_mb([of_size(tmp_path / name, 7)]) == 21
    assert text_mb([of_size(tmp_path / "a.parquet", 7)]) == 14


def test_of_parquet_a_shard_holds_its_part_and_of_json_the_whole(tmp_path):
    files = [of_size(tmp_path / "a.json", 8), of_size(tmp_path / "b.parquet", 8)]
    assert text_mb(files, parquet=0.5) == 8 + 4
    assert memory(0, per_mb=100, shards=4)(None, files, 1) == 500 + 1200


def test_all_that_a_job_reads_counts(tmp_path):
    files = [of_size(tmp_path / "a.json", 5), of_size(tmp_path / "b.parquet", 2)]
    assert text_mb(files) == 9


def test_what_is_no_file_here_is_taken_to_be_a_delivery_of_middling_size():
    assert text_mb([]) == UNKNOWN_MB


def test_an_object_whose_storage_cannot_be_asked_counts_as_unknown():
    assert text_mb([Stored("a.csv")]) == UNKNOWN_MB


def test_the_size_of_an_object_is_asked_of_its_storage():
    assert text_mb(Objects([Stored("results/a.json"), Stored("results/b.json")])) == 80


def test_while_an_input_does_not_exist_there_is_no_estimate_yet(tmp_path):
    """Snakemake takes this very error, about an input, to mean: ask again before the job."""
    missing = str(tmp_path / "missing.json")
    with pytest.raises(FileNotFoundError) as raised:
        memory(100, per_mb=8)(None, [missing], 1)
    assert raised.value.filename == missing


def test_more_is_read_more_is_asked_for(tmp_path):
    small, large = ([of_size(tmp_path / f"{size}.json", size)] for size in (10, 1000))
    assert memory(100, per_mb=8)(None, small, 1) == 700  # 500 for Snakemake + 100 + 80, rounded up
    assert memory(100, per_mb=8)(None, large, 1) == 8600
    assert minutes(10, per_mb=0.02)(None, small, 1) == 11
    assert minutes(10, per_mb=0.02)(None, large, 1) == 30
    assert disk(1000, per_mb=6)(None, large, 1) == 7000


def test_each_attempt_asks_for_as_much_again(tmp_path):
    files = [of_size(tmp_path / "a.json", 10)]
    assert [memory(100, per_mb=8)(None, files, n) for n in (1, 2, 3)] == [700, 1400, 2100]
    assert [minutes(10, per_mb=0.02)(None, files, n) for n in (1, 2, 3)] == [11, 22, 33]


def test_nobody_asks_for_what_no_node_has(tmp_path):
    files = [of_size(tmp_path / "a.json", 1_000_000)]
    assert memory(100, per_mb=8)(None, files, 3) == MOST_MB
    assert minutes(10, per_mb=0.02)(None, files, 3) == MOST_MINUTES


PEAKS = {
    # what was measured (benchmarks/README.md): the file, its MB, the peak in MB
    ("ingest", "a.csv", 10.1): 262,
    ("ingest", "a.csv", 40.4): 336,
    ("ingest", "a.csv", 126.6): 547,
    ("clean", "a.json", 31.4): 300,
    ("clean", "a.json", 125.7): 975,
    ("clean", "a.parquet", 17.7): 201,
    ("clean", "a.parquet", 55.6): 252,
    ("train_or_score", "a.json", 31.4): 278,
    ("train_or_score", "a.json", 125.7): 849,
    ("train_or_score", "a.parquet", 17.7): 791,
    ("train_or_score", "a.parquet", 58.0): 861,
    ("train_or_score", "a.parquet", 580.0): 2281,
    ("report", "a.json", 8.2): 60,
    ("train_or_score_shard", "a.safetensors", 7.5): 556,
    ("train_or_score_shard", "a.safetensors", 29.9): 688,
    ("train_or_score_shard", "a.safetensors", 69.6): 745,
}


@pytest.mark.parametrize(("measured", "peak"), PEAKS.items(), ids=str)
def test_a_first_attempt_has_room_for_what_was_measured_and_is_not_absurd(tmp_path, measured, peak):
    rule, name, size = measured
    rules = (ROOT / "workflow" / "rules").glob("*.smk")
    text = "".join(path.read_text() for path in rules).partition(f"\nrule {rule}:")[2]
    pattern = r"mem_mb=memory\((\d+), per_mb=(\d+)(?:, parquet=([\d.]+))?\)"
    start, per_mb, parquet = map(float, re.search(pattern, text).groups("2.0"))
    asked = memory(start, per_mb, parquet=parquet)(None, [of_size(tmp_path / name, size)], 1)
    assert peak + 450 < asked < 4 * (peak + 450)
