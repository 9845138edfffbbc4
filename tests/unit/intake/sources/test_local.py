"""Deliveries as files: one, a folder, a pattern."""

import os
from pathlib import Path

import pytest

from pricewright.files.errors import Refusal
from pricewright.intake.sources.items import (
    has_several,
    ignored_files,
    items,
    local_files,
    without,
)
from pricewright.intake.sources.source import Source, scheme


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("day-10.csv", "day-2.csv", "notes.txt", ".hidden.csv", "day-3.csv.part"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    (tmp_path / "in" / "older").mkdir()
    (tmp_path / "in" / "older" / "day-1.csv").write_text("1")
    return tmp_path


def places(uri, beside=None):
    return [file.place for file in local_files(uri, beside)]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("in/day-2.csv", ["in/day-2.csv"]),
        ("in", ["in/day-2.csv", "in/day-10.csv", "in/notes.txt"]),
        ("in/*.csv", ["in/day-2.csv", "in/day-10.csv"]),
        ("in/**/*.csv", ["in/day-2.csv", "in/day-10.csv", "in/older/day-1.csv"]),
    ],
)
def test_a_file_a_folder_and_a_pattern_name_files_2_before_10(here, uri, expected):
    several = len(expected) > 1
    assert (places(uri), has_several(uri)) == (expected, several)
    for as_uri in (f"file:{uri}", f"FILE:{uri}"):
        assert (places(as_uri), has_several(as_uri)) == (expected, several)
        assert ignored_files(Source(uri=as_uri)) == ignored_files(Source(uri=uri))
    whole = f"file://{here / uri}"
    assert ([Path(place).name for place in places(whole)], has_several(whole)) == (
        [Path(place).name for place in expected],
        several,
    )


def test_a_file_uri_names_a_file_with_spaces(here):
    path = here / "my prices.csv"
    path.write_bytes(b"x")
    [file] = local_files(path.as_uri())
    with file.open() as answer:
        assert b"".join(answer.chunks) == b"x"


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(here):
    (here / "a[1].csv").write_text("x")
    assert places("a[1].csv") == ["a[1].csv"]
    assert not has_several("a[1].csv")


@pytest.mark.parametrize("uri", ["in/day-2.csv", "in", "in/*.csv"])
def test_what_is_not_here_is_found_beside_the_workflow_under_the_same_name(here, monkeypatch, uri):
    expected = places(uri)
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert places(uri, here) == expected
    assert has_several(uri, here) == (len(expected) > 1)
    assert list(ignored_files(Source(uri=uri), here)) == (
        ["in/day-3.csv.part", "in/older"] if uri == "in" else []
    )
    assert all(file.path.exists() for file in local_files(uri, here))


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("in/none.csv", r"^in/none\.csv: no such file"),
        ("in/*.xlsx", r"^in/\*\.xlsx: no file there"),
        ("empty", r"^empty: no file there"),
    ],
)
def test_where_there_is_nothing_it_says_so(here, uri, sentence):
    (here / "empty").mkdir()
    with pytest.raises(Refusal, match=sentence):
        local_files(uri)


def test_files_in_folders_below_are_named_by_the_pattern_that_is_told(here):
    for symbol in ("A", "B"):
        (here / "lake" / f"symbol={symbol}").mkdir(parents=True)
        (here / "lake" / f"symbol={symbol}" / "0.csv").write_text("x")
    with pytest.raises(Refusal, match=r"set source\.uri: lake/\*/\*, which matches them"):
        local_files("lake")
    assert len(local_files("lake/*/*")) == 2


def test_a_file_need_not_be_read_again_until_it_is_written_to(here):
    [file] = local_files("in/day-2.csv")
    with file.open() as answer:
        version = answer.version
    with file.open(version) as answer:
        assert answer.chunks is None
    path = here / "in" / "day-2.csv"
    before = path.stat()
    path.write_text("DAY-2.csv")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with file.open(version) as answer:
        assert b"".join(answer.chunks) == b"DAY-2.csv"


def test_a_source_of_an_unknown_kind_is_refused():
    with pytest.raises(Refusal, match=r"config key 'source\.uri': found the scheme 'ftp'"):
        items(Source(uri="ftp://host/prices.csv"))


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("data/prices.csv", "file"),
        ("FILE:///a", "file"),
        ("HTTPS://host/a", "https"),
        ("sqlite:///a.db", "sqlite"),
        ("postgresql+psycopg://host/db", "postgresql+psycopg"),
    ],
)
def test_a_source_has_a_scheme(uri, expected):
    assert scheme(uri) == expected


@pytest.mark.parametrize(
    ("uri", "several"),
    [("s3://b/in/", True), ("s3://b/*.csv", True), ("s3://b/day-?.csv", True), ("s3://b/a", False)],
)
def test_a_bucket_may_have_several_as_a_folder_has(uri, several):
    assert has_several(uri) == several


def test_the_name_of_a_source_tells_two_queries_apart():
    base = {"uri": "sqlite:///a.db"}
    one, other = Source(**base, query="select 1"), Source(**base, query="select 2")
    assert Source(**base, table="prices").name == "sqlite:///a.db#prices"
    assert one.name != other.name
    assert one.name != Source(**base, query="select 1", parameters={"day": 1}).name


def test_files_may_be_left_out_by_their_names(here):
    files = local_files("in")
    names = [Path(file.place).name for file in files]
    kept = [Path(file.place).name for file in without(files, [names[0], "*.x"], "in")]
    assert kept == names[1:]
    with pytest.raises(Refusal, match=r"in: source\.leave_out leaves out all"):
        without(files, ["*"], "in")


def test_what_lies_beside_prices_in_a_folder_is_left_out_and_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    beside = {"README.txt", "_SUCCESS", "prices.csv.sha256", "empty.csv", "late.csv.part"}
    for name in (*beside, ".DS_Store", "~$book.xlsx", "prices.csv", "logs.csv"):
        (folder / name).write_text("" if name == "empty.csv" else "x")
    for name in ("2023", ".git", "nothing"):
        (folder / name).mkdir()
    (folder / "2023/prices.csv").write_text("x")
    (folder / ".git/config").write_text("x")
    assert [file.place for file in local_files("in")] == ["in/logs.csv", "in/prices.csv"]
    assert ignored_files(Source(uri="in")) == {
        "in/2023": "a folder; only a pattern would match its files",
        "in/README.txt": "its name says that it holds no prices",
        "in/_SUCCESS": "its name says that it holds no prices",
        "in/empty.csv": "empty",
        "in/late.csv.part": "still being written",
        "in/prices.csv.sha256": "its name says that it holds no prices",
        "in/~$book.xlsx": "left by Excel beside an open workbook",
    }
    for uri in ("in/prices.csv", "https://desk.test/README.md"):
        assert ignored_files(Source(uri=uri)) == {}
