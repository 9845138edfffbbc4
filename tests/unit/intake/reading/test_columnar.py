import datetime as dt
import io
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather

from file_formats import parquet
from pricewright.files.errors import Refusal
from pricewright.intake.reading import columnar
from pricewright.intake.reading.columnar import ColumnarSheet

TABLE = pa.table(
    {
        "date": [dt.date(2024, 1, 2 + day) for day in range(7)],
        "symbol": pa.array(["A", "BB", None, "A", "A", "é", ""]).dictionary_encode(),
        "close": [1.5, None, float("nan"), 0.1, -2.0, float("inf"), 1e22],
        "volume": pa.array(range(7), pa.int32()),
    }
)


def arrow(table=TABLE, compression="uncompressed", chunksize=3):
    file = io.BytesIO()
    feather.write_feather(table, file, compression=compression, chunksize=chunksize)
    return file.getvalue()


def arrow_file(*batches):
    file = io.BytesIO()
    with pa.ipc.new_file(file, batches[0].schema) as writer:
        for batch in batches:
            writer.write(batch)
    return file.getvalue()


FILES = {
    "parquet": parquet(TABLE),
    "parquet in groups": parquet(TABLE, row_group_size=2, compression="zstd"),
    "parquet of old": parquet(TABLE, compression="none", use_dictionary=False, version="1.0"),
    "feather": arrow(),
    "feather lz4": arrow(compression="lz4"),
    "feather zstd": arrow(compression="zstd", chunksize=100),
}


def sheet(content, kind="parquet"):
    return ColumnarSheet(content, "p.bin", kind)


def kind_of(key):
    return "parquet" if key.startswith("parquet") else "feather"


def read(content, kind="parquet"):
    """The blocks of a file as one table, with the lines; and each block is sound."""
    found = sheet(content, kind)
    blocks = [make() for make in found.blocks()]
    for block in blocks:
        assert list(block.columns) == list(found.titles)
        assert {len(values) for values in block.columns.values()} == {len(block.lines)}
        assert block.bad == []
    lines = np.concatenate([block.lines for block in blocks])
    return pa.concat_tables([pa.table(block.columns) for block in blocks]), lines.tolist()


def one(values, kind="parquet"):
    """What becomes of a column, in the type that it takes."""
    content = parquet({"v": values}) if kind == "parquet" else arrow(pa.table({"v": values}))
    table, _ = read(content, kind)
    return table.schema.field("v").type, table["v"].to_pylist()


@pytest.mark.parametrize("rows", [2, 1 << 17])
@pytest.mark.parametrize("key", FILES)
@pytest.mark.parametrize("from_path", [True, False])
def test_every_row_of_every_kind_of_file_is_there(key, rows, from_path, tmp_path, monkeypatch):
    monkeypatch.setattr(columnar, "_ROWS", rows)
    (tmp_path / "file").write_bytes(FILES[key])
    table, lines = read(tmp_path / "file" if from_path else FILES[key], kind_of(key))
    assert lines == [1, 2, 3, 4, 5, 6, 7]
    assert table.schema.types == [pa.date32(), pa.string(), pa.float64(), pa.int64()]
    expected = TABLE.set_column(1, "symbol", TABLE["symbol"].cast(pa.string()))
    assert str(table.to_pydict()) == str(expected.to_pydict())


def test_a_block_has_no_more_rows_than_it_should(monkeypatch):
    monkeypatch.setattr(columnar, "_ROWS", 2)
    for key in ("parquet", "parquet in groups", "feather zstd"):
        sizes = [len(make().lines) for make in sheet(FILES[key], kind_of(key)).blocks()]
        assert sizes == [2, 2, 2, 1]


def test_blocks_are_made_side_by_side_and_again():
    found = sheet(FILES["feather"], "feather")
    with ThreadPoolExecutor(3) as threads:
        blocks = list(threads.map(lambda make: make(), found.blocks()))
    assert [block.lines.tolist() for block in blocks] == [[1, 2, 3], [4, 5, 6], [7]]
    assert [make().lines.tolist() for make in found.blocks()] == [[1, 2, 3], [4, 5, 6], [7]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([2**64 - 1, None], pa.uint64()), ["18446744073709551615", None]),
        (pa.array([Decimal("1.10")], pa.decimal128(38, 2)), ["1.10"]),
        (pa.array([Decimal("1" * 60 + ".10")], pa.decimal256(70, 2)), ["1" * 60 + ".10"]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array([dt.time(9, 30)]), ["09:30:00.000000"]),
        (pa.nulls(2), [None, None]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["b", None, "b"], pa.large_string()).dictionary_encode(), ["b", None, "b"]),
        (pa.array([2**64 - 1], pa.uint64()).dictionary_encode(), ["18446744073709551615"]),
    ],
)
@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_what_is_no_plain_number_or_date_is_text(values, expected, kind):
    assert one(values, kind) == (pa.string(), expected)


def test_views_of_text_and_short_decimals_are_text():
    assert one(pa.array(["longer than twelve"], pa.string_view()), "feather")[0] == pa.string()
    assert one(pa.array([Decimal("1.10")], pa.decimal32(5, 2)), "feather") == (
        pa.string(),
        ["1.10"],
    )


@pytest.mark.parametrize("of_type", [pa.int8(), pa.int16(), pa.int64(), pa.uint8(), pa.uint32()])
def test_whole_numbers_are_of_64_bits(of_type):
    assert one(pa.array([7, None], of_type)) == (pa.int64(), [7, None])


def test_floats_are_as_wide_as_they_get_and_no_more_exact():
    assert one(pa.array([1.5, None], pa.float16())) == (pa.float64(), [1.5, None])
    assert one(pa.array([0.1], pa.float32())) == (pa.float64(), [0.10000000149011612])


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_dates_of_both_widths_are_dates(kind):
    for of_type in (pa.date32(), pa.date64()):
        values = pa.array([dt.date(1990, 1, 2), None], of_type)
        assert one(values, kind) == (pa.date32(), [dt.date(1990, 1, 2), None])


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/London", "+02:00"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_timestamps_keep_their_unit_and_zone(unit, zone):
    assert one(pa.array([1], pa.timestamp(unit, zone)))[0] == pa.timestamp(unit, zone)


def test_a_named_date_index_of_pandas_is_a_column_and_a_numbered_one_is_not():
    frame = TABLE.select(["date", "close"]).to_pandas()
    for index, titles in ((None, ("date", "close")), ("date", ("close", "date"))):
        file = io.BytesIO()
        (frame.set_index(index) if index else frame).to_parquet(file)
        assert sheet(file.getvalue()).titles == titles


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (pa.array([[1]]), r"the column 'v' is of type list<"),
        (pa.array([{"a": 1}]), r"the column 'v' is of type struct<a: int64>, but text, numbers"),
        (pa.array([b"x"], pa.binary(1)), r"the column 'v' is of type fixed_size_binary"),
        (pa.array([dt.timedelta(1)]), r"the column 'v' is of type duration"),
        (pa.array([1], pa.timestamp("us", "Mars/X")), r"'v' has the time zone 'Mars/X', which is"),
        (pa.array([1], pa.timestamp("us", "../etc")), r"'v' has the time zone '\.\./etc'"),
    ],
)
def test_a_column_that_cannot_be_of_prices_is_refused_by_name(values, sentence):
    found = sheet(arrow(pa.table({"u": [1], "v": values})), "feather")
    with pytest.raises(Refusal, match=r"^p\.bin: .*" + sentence):
        found.blocks(["u", "v"])
    (block,) = (read() for read in found.blocks(["u"]))  # where it is not needed it does not matter
    assert block.columns["u"].to_pylist() == [1]
    assert found.texts([1])[1].startswith('{"u":1,"v":')


def test_binary_text_is_text_and_what_is_no_utf_8_is_refused():
    found = sheet(arrow(pa.table({"v": [b"AAPL"]})), "feather")
    (block,) = (read() for read in found.blocks())
    assert block.columns["v"].to_pylist() == ["AAPL"]
    (block,) = sheet(arrow(pa.table({"v": [b"\xff"]})), "feather").blocks()
    with pytest.raises(Refusal, match="the file cannot be read"):
        block()


@pytest.mark.parametrize(
    ("names", "titles"),
    [(["a", "a"], ("a", "a (2)")), (["a", ""], ("a", "column 2")), ([" ", "a"], ("column 1", "a"))],
)
def test_a_column_without_a_name_of_its_own_is_given_one(names, titles):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names)
    for content, kind in ((parquet(table), "parquet"), (arrow_file(table), "feather")):
        found = sheet(content, kind)
        (block,) = (read() for read in found.blocks())
        assert {title: block.columns[title].to_pylist() for title in titles} == dict(
            zip(titles, ([1], [2]), strict=True)
        )


@pytest.mark.parametrize("key", FILES)
def test_a_file_without_rows_is_refused(key):
    for empty, what in ((TABLE.slice(0, 0), "rows"), (pa.table({}), "columns")):
        write = {"parquet": parquet, "feather": arrow}[key.split()[0]]
        with pytest.raises(Refusal, match=rf"^p\.bin: the file has no {what}; deliver prices\.$"):
            sheet(write(empty), kind_of(key))


def test_empty_batches_among_others_are_passed_over():
    whole = TABLE.select(["date", "close"]).combine_chunks().to_batches()[0]
    parts = whole.slice(0, 0), whole.slice(0, 2), whole.slice(2, 0), whole.slice(2)
    found = sheet(arrow_file(*parts), "feather")
    assert [make().lines.tolist() for make in found.blocks()] == [[1, 2], [3, 4, 5, 6, 7]]


@pytest.mark.parametrize("key", FILES)
def test_a_row_is_told_as_json(key, monkeypatch):
    monkeypatch.setattr(columnar, "_ROWS", 2)
    found = sheet(FILES[key], kind_of(key))
    assert found.texts([6, 1, 3]) == {
        1: '{"date":"2024-01-02","symbol":"A","close":1.5,"volume":0}',
        3: '{"date":"2024-01-04","symbol":null,"close":"NaN","volume":2}',
        6: '{"date":"2024-01-07","symbol":"é","close":"Infinity","volume":5}',
    }
    assert [list(found.texts(lines)) for lines in ([], [4], [7])] == [[], [4], [7]]


def test_batches_behind_the_rows_that_are_told_are_not_read():
    content = arrow(compression="zstd")
    last = content.rindex(b"\x28\xb5\x2f\xfd")  # where the last of the compressed buffers begins
    found = sheet(content[:last] + bytes(4) + content[last + 4 :], "feather")
    assert list(found.texts([1, 6])) == [1, 6]
    with pytest.raises(Refusal, match=r"cannot be read"):
        found.texts([1, 7])


def test_an_instant_is_told_in_utc_and_a_wall_clock_as_it_stands():
    moment = dt.datetime(2024, 7, 2, 9, 30, 0, 250_000)
    london = dt.timezone(dt.timedelta(hours=1))
    table = pa.table(
        {
            "wall": pa.array([moment]),
            "second": pa.array([moment.replace(microsecond=0)], pa.timestamp("ns")),
            "instant": pa.array(
                [moment.replace(tzinfo=london)], pa.timestamp("ms", "Europe/London")
            ),
        }
    )
    assert json.loads(sheet(parquet(table)).texts([1])[1]) == {
        "wall": "2024-07-02T09:30:00.250000",
        "second": "2024-07-02T09:30:00",
        "instant": "2024-07-02T08:30:00.250Z",
    }


def test_dates_and_times_beyond_the_calendar_are_rows_like_others():
    table = pa.table(
        {
            "d": pa.array([2**30], pa.int32()).cast(pa.date32()),
            "t": pa.array([2**62], pa.timestamp("s")),
        }
    )
    content = arrow(table)
    assert read(content, "feather")[1] == [1]
    assert "out of range" in sheet(content, "feather").texts([1])[1]


def test_only_the_groups_that_are_asked_for_are_read(monkeypatch):
    asked = []

    class Spied(pq.ParquetFile):
        def iter_batches(self, *positional, row_groups, **named):
            asked.extend(row_groups)
            return super().iter_batches(*positional, row_groups=row_groups, **named)

    found = sheet(FILES["parquet in groups"])
    monkeypatch.setattr(pq, "ParquetFile", Spied)
    assert list(found.texts([7, 3, 4])) == [3, 4, 7]
    assert asked == [1, 3]


@pytest.mark.parametrize("key", FILES)
def test_a_file_cut_short_is_refused(key):
    for length in (0, 1, 7, 20, len(FILES[key]) // 2, len(FILES[key]) - 8, len(FILES[key]) - 1):
        with pytest.raises(
            Refusal, match=r"^p\.bin: the file cannot be read \(.*\); deliver it again"
        ):
            read(FILES[key][:length], kind_of(key))


def test_a_file_cut_short_on_disk_is_refused(tmp_path):
    for key in ("parquet", "feather"):
        for length in (0, 20, len(FILES[key]) - 8):
            (tmp_path / "file").write_bytes(FILES[key][:length])
            with pytest.raises(Refusal, match=r"cannot be read"):
                sheet(tmp_path / "file", kind_of(key))


def test_a_file_that_is_gone_may_come_back(tmp_path):
    for kind in ("parquet", "feather"):
        with pytest.raises(FileNotFoundError):
            sheet(tmp_path / "file", kind)


def test_a_page_that_does_not_match_its_checksum_is_refused():
    content = parquet({"v": [1.0, 2.0]}, write_page_checksum=True, compression="none")
    at = content.index(np.float64(2.0).tobytes())
    with pytest.raises(Refusal, match=r"checksum"):
        read(content[:at] + b"\1" + content[at + 1 :])


def test_text_that_is_not_utf8_is_refused():
    content = arrow(pa.table({"v": ["\u20ac\u20ac"]}))
    with pytest.raises(Refusal, match=r"UTF8"):
        read(content.replace("\u20ac".encode(), b"\xff\xff\xff", 1), "feather")


def test_a_title_that_is_not_utf8_is_refused():
    content = arrow_file(pa.table({"\u20ac\u20ac": [1]}))
    with pytest.raises(Refusal, match=r"codec can't decode"):
        read(content.replace("\u20ac".encode(), b"\xff\xff\xff"), "feather")


def test_a_footer_that_counts_otherwise_than_its_groups_is_refused(monkeypatch):
    class Boastful(pq.ParquetFile):
        @property
        def metadata(self):
            real = super().metadata
            return SimpleNamespace(num_rows=8, num_row_groups=1, row_group=real.row_group)

    monkeypatch.setattr(pq, "ParquetFile", Boastful)
    with pytest.raises(Refusal, match=r"it does not have the 8 rows it declares\)"):
        sheet(FILES["parquet"])


def test_rows_that_a_footer_invents_are_missed(monkeypatch):
    class Short(pq.ParquetFile):
        def iter_batches(self, *positional, **named):
            return list(super().iter_batches(*positional, **named))[:-1]

    monkeypatch.setattr(columnar, "_ROWS", 2)
    monkeypatch.setattr(pq, "ParquetFile", Short)
    with pytest.raises(Refusal, match=r"it breaks off before its row 7\)"):
        read(FILES["parquet"])


EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 4),
        st.binary(max_size=4) | st.sampled_from([b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7]),
    ),
    min_size=1,
    max_size=4,
)


def rows_or_refusal(content, kind):
    try:
        found = sheet(content, kind)
        lines = [line for make in found.blocks() for line in make().lines.tolist()]
        assert set(found.texts(lines[:3])) == set(lines[:3])
    except Refusal as refusal:
        return str(refusal)
    return lines


@settings(max_examples=400, derandomize=True)
@given(st.sampled_from(sorted(FILES)), EDITS)
def test_a_damaged_file_is_refused_or_read(key, edits):
    content = FILES[key]
    for place, length, piece in edits:
        at = int(place * len(content))
        content = content[:at] + piece + content[at + length :]
    found = rows_or_refusal(content, kind_of(key))
    if isinstance(found, str):
        assert found.startswith("p.bin: ")
        assert "\n" not in found
    else:
        assert found == list(range(1, len(found) + 1))


@settings(max_examples=100)
@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b"PAR1", b"ARROW1\0\0", b"FEA1", b"\xff\xff\xff\xff"]),
    st.sampled_from(["parquet", "feather"]),
)
def test_any_bytes_are_refused(content, magic, kind):
    assert isinstance(rows_or_refusal(magic + content + magic, kind), str)
