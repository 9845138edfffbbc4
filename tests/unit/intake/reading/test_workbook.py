import base64
import datetime as dt
import io
import re
import signal
import subprocess
import sys
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.styles import Font

from conftest import SCRIPTS
from file_formats import book, saved
from pricewright.files.errors import Refusal
from pricewright.intake.reading import cells, workbook
from pricewright.intake.reading.content import recognise
from pricewright.intake.reading.delivery import open_sheet
from pricewright.intake.reading.dialect import Dialect
from pricewright.intake.reading.workbook import WorkbookSheet

DAY, MOMENT = dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 16, 30)
HEAD = ["Date", "Close"]


def read(content, sheet=None):
    """The columns, as types and values, and the lines of all blocks; and each block is sound."""
    found = WorkbookSheet(content, "p.xlsx", sheet)
    columns, lines = {title: (None, []) for title in found.titles}, []
    for block in (make() for make in found.blocks()):
        assert list(block.columns) == list(found.titles)
        assert block.bad == []
        for title, values in block.columns.items():
            assert len(values) == len(block.lines)
            columns[title] = (str(values.type), columns[title][1] + values.to_pylist())
        lines += block.lines.tolist()
    return columns, lines


def column(*values):
    """What becomes of a column of cells, beside one that says that there is a row."""
    rows = [["row", "v"], *([number, value] for number, value in enumerate(values))]
    return read(book({"P": rows}))[0]["v"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1.5, 700, None), ("double", [1.5, 700.0, None])),
        ((DAY, None, DAY), ("date32[day]", [DAY, None, DAY])),
        ((MOMENT, DAY, None), ("timestamp[us]", [MOMENT, dt.datetime(2024, 1, 2), None])),
        (
            (MOMENT.replace(microsecond=250_000),),
            ("timestamp[us]", [MOMENT.replace(microsecond=250_000)]),
        ),
        (
            ("0700", " a ", "", None, "NA", "#N/A!"),
            ("string", ["0700", " a ", None, None, "NA", "#N/A!"]),
        ),
        ((True, False, None), ("string", ["true", "false", None])),
        ((True, 1), ("string", ["true", "1"])),
        ((None, None), ("string", [None, None])),
        (("x", 700, 0.1, 1e22, -2.50), ("string", ["x", "700", "0.1", "1e+22", "-2.5"])),
        (("x", DAY, MOMENT), ("string", ["x", "2024-01-02", "2024-01-02T16:30:00"])),
        ((1, DAY), ("string", ["1", "2024-01-02"])),
        ((dt.time(9, 30),), ("string", ["09:30:00"])),
        ((dt.timedelta(hours=30), 1), ("string", ["1 day, 6:00:00", "1"])),
        (("#REF!", 1.5, DAY), ("string", ["#REF!", "1.5", "2024-01-02"])),
        (("#N/A", 1.5), ("string", ["#N/A", "1.5"])),
        (("=1+1", 1.5), ("double", [None, 1.5])),
    ],
)
def test_a_column_has_the_type_of_its_cells_or_is_text(values, expected):
    assert column(*values) == expected


def test_a_formula_without_a_stored_value_is_refused_where_its_column_is_read():
    rows = [["d", "c"], [1, 2], ["=A2+1", 3], ["=A3+1", 4]]
    found = WorkbookSheet(
        book({"Notes": [], "P": {"B3": "d", "C3": "c", "B4": 1, "C4": 2, "B5": "=B4+1"}}), "p.xlsx"
    )
    with pytest.raises(
        Refusal,
        match=r"^p\.xlsx: sheet 'P', cell B5: the formula of 'd' has no stored value; .* save it",
    ):
        next(found.blocks(["d", "c"]))
    found = WorkbookSheet(book({"P": rows}), "p.xlsx")
    (block,) = (make() for make in found.blocks(["c"]))
    assert block.columns["c"].to_pylist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (b"<c r='B2'><f>1+1</f><v>2</v></c>", 2.0),
        (b'<c r="B2" t="str"><f>T(1)</f><v></v></c>', None),
        (b'<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "#DIV/0!"),
        (b'<c r="B2" s="1"/>', None),
    ],
)
def test_a_formula_has_its_stored_value_which_may_be_an_empty_text_or_an_error(cell, value):
    content = repacked(lambda part: re.sub(rb'<c r="B2".*?</c>', cell, part))
    found = WorkbookSheet(content, "p.xlsx")
    (block,) = (make() for make in found.blocks(found.titles))
    first = block.columns["Close"].to_pylist()[0]
    assert first == (str(value).removesuffix(".0") if value else None)


def test_a_cell_far_to_the_right_is_named_as_excel_does():
    assert [cells._letters(column) for column in (0, 25, 26, 701, 702)] == [
        "A",
        "Z",
        "AA",
        "ZZ",
        "AAA",
    ]


def test_lines_are_the_numbers_that_excel_shows_and_blank_rows_are_none():
    said = {"C4": "Date", "D4": "Close", "C5": DAY, "D5": 1, "B7": "\u00a0", "D9": 2.5}
    assert read(book({"P": said})) == (
        {"Date": ("date32[day]", [DAY, None]), "Close": ("double", [1.0, 2.5])},
        [5, 9],
    )


def test_titles_are_text_without_the_blanks_around_them():
    found = WorkbookSheet(book({"P": [[" A B ", 2024, 1.5, DAY, True], [1] * 5]}), "p.xlsx")
    assert found.titles == ("A B", "2024", "1.5", "2024-01-02", "true")


def test_columns_that_are_blank_throughout_are_dropped_and_titled_ones_kept():
    content = book({"P": [["a", None, "b", " ", None], [1, None, None, None, ""], [2]]})
    assert read(content)[0] == {"a": ("double", [1.0, 2.0]), "b": ("string", [None, None])}


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], r"p\.xlsx: the sheet is empty; deliver prices"),
        ([["\u00a0"], [""]], r"p\.xlsx: the sheet is empty"),
        ([HEAD], r"p\.xlsx: the sheet has a header but no rows; deliver prices"),
        ([HEAD, [None, "\u00a0"]], r"p\.xlsx: the sheet has a header but no rows"),
    ],
)
def test_a_sheet_without_rows_is_refused(rows, sentence):
    with pytest.raises(Refusal, match="^" + sentence):
        WorkbookSheet(book({"P": rows}), "p.xlsx")


@pytest.mark.parametrize(
    ("rows", "titles"),
    [
        ([["a", None], [1, 2]], ("a", "column 2")),
        ([[], ["a", "\u00a0", "b"], [1, 2, 3]], ("a", "column 2", "b")),
        ([["a", "b", " a"], [1, 2, 3]], ("a", "b", "a (2)")),
        ([["a", 1, "1"], [1, 2, None]], ("a", "1", "1 (2)")),
    ],
)
def test_a_column_without_a_title_of_its_own_is_given_one(rows, titles):
    assert WorkbookSheet(book({"P": rows}), "p.xlsx").titles == titles


def test_titles_below_other_lines_are_found():
    rows = [["Back to Contents"], ["Sourcekey", "RWTC"], [], HEAD, [DAY, 1.5]]
    found = WorkbookSheet(book({"P": rows}), "p.xlsx", None, lambda _, rows: rows.index(HEAD))
    (block,) = (read() for read in found.blocks())
    assert block.columns["Close"].to_pylist() == [1.5]
    assert block.lines.tolist() == [5]


@pytest.mark.parametrize(("line", "closes"), [(4, ["1.5"]), (0, ["Close", "1.5"])])
def test_the_row_of_titles_may_be_declared(tmp_path, line, closes):
    rows = [["Back to Contents"], [], [], HEAD, [DAY, 1.5]][(0 if line else 3) :]
    path = tmp_path / "p.xlsx"
    path.write_bytes(book({"P": rows}))
    found = open_sheet(recognise(path, "p.xlsx"), Dialect(header_line=line))
    (block,) = (read() for read in found.blocks())
    assert [str(cell) for cell in list(block.columns.values())[1].to_pylist()] == closes
    assert found.settings["header_line"] == line
    with pytest.raises(Refusal, match=r"source\.header_line"):
        open_sheet(recognise(path, "p.xlsx"), Dialect(header_line=77))


def test_a_column_of_several_kinds_says_which_cells_are_values():
    rows = [HEAD, ["x", 1.085], [DAY, "1.085"], [True, None]]
    (block,) = (read() for read in WorkbookSheet(book({"P": rows}), "p.xlsx").blocks())
    assert block.columns["Date"].to_pylist() == ["x", "2024-01-02", "true"]
    assert block.typed("Date").tolist() == [False, True, True]
    assert block.typed("Close").tolist() == [True, False, False]


def test_the_only_sheet_that_holds_something_needs_no_name():
    content = book({"Notes": [], "P": [HEAD, [DAY, 1]], "Empty": []})
    assert read(content) == read(content, "P")
    assert read(content)[1] == [2]


def test_of_several_sheets_one_must_be_named():
    content = book({"Notes": [], "A": [HEAD, [DAY, 1]], "B": [HEAD, [DAY, 2]]})
    assert read(content, "B")[0]["Close"] == ("double", [2.0])
    for sheet, sentence in (
        (None, r"^p\.xlsx: 'A', 'B' are all filled; set source\.sheet to one of them\.$"),
        ("b", r"^p\.xlsx: no sheet 'b', only 'Notes', 'A', 'B'; correct source\.sheet\.$"),
        ("", r"^p\.xlsx: no sheet '', only 'Notes', 'A', 'B'; correct"),
        ("Notes", r"^p\.xlsx: the sheet is empty"),
    ):
        with pytest.raises(Refusal, match=sentence):
            WorkbookSheet(content, "p.xlsx", sheet)


def test_a_hidden_sheet_counts_and_a_chart_does_not():
    made = openpyxl.load_workbook(io.BytesIO(book({"P": [HEAD, [DAY, 1]]})))
    made.create_chartsheet("Chart")
    assert read(saved(made))[1] == [2]
    with pytest.raises(Refusal, match=r"no sheet 'Chart', only 'P'"):
        WorkbookSheet(saved(made), "p.xlsx", "Chart")
    hidden = made.create_sheet("Secret")
    hidden["A1"], hidden.sheet_state = 1, "hidden"
    with pytest.raises(Refusal, match=r"'P', 'Secret' are all filled"):
        WorkbookSheet(saved(made), "p.xlsx")


def test_a_row_is_told_with_tabs_between_its_cells():
    rows = [
        ["d", "n", None, "t", "m"],
        [DAY, 700, None, "x", MOMENT],
        [None, 0.1, None, True, None],
    ]
    found = WorkbookSheet(book({"P": rows}), "p.xlsx")
    assert found.texts([3, 2]) == {
        2: "2024-01-02\t700\tx\t2024-01-02T16:30:00",
        3: "\t0.1\ttrue\t",
    }
    assert found.texts([]) == {}


def test_blocks_are_made_side_by_side(monkeypatch):
    monkeypatch.setattr(workbook, "_ROWS", 2)
    found = WorkbookSheet(book({"P": [["v"], *([number] for number in range(5))]}), "p.xlsx")
    with ThreadPoolExecutor(3) as threads:
        blocks = list(threads.map(lambda make: make(), found.blocks()))
    assert [block.lines.tolist() for block in blocks] == [[2, 3], [4, 5], [6]]
    assert [block.columns["v"].to_pylist() for block in blocks] == [[0, 1], [2, 3], [4]]


SMALL = book({"P": [HEAD, [DAY, 1], [DAY, "x"]]})

# Cells from B3: Date, Close and Note; then 2024-01-02, 700, x; 2024-01-03, 700.5, TRUE; and
# 2024-01-04, 701, 7: saved as .xls, compressed, in base 85.
XLS = zlib.decompress(
    base64.b85decode(
        "c-rk)O=uHA6#iy^@<*E=O~qCSp<vb89>j~6cKvNnhUi5RK~u8_X`4vQ!FsV;a}q)Dq<AURgO{oo{}siH2ce<|K@b"
        "u>dQwz8v{~Q0>}r}SG@yl+`IdR}=FNQj-tNr2{dqMLD^K3;sGtG;&{1`Q@YUG_m7v#%g8Cgts$LzS;wUUD1OqgYJ"
        "`)dHU;5=7%K5H9!!6?(N#FyO!#IIdK4&MF5IZ@BjF2((krcQ_mN42ms#PqHv0TmaCXal?aywftvh1U=WpM~IR;qi"
        "OyNVBLo!l3OJnvoRykpB2wBdzZ#b+*w+E^1i3db`e%d8_|v|tJ}p@VkLF35HS*AW872)(1Dz1eITahmKYd~=e(S8"
        "rE8O)C4++6Bn|W4_)07khvvvC)26Gk|e8M|qQ!C_(#-+FD4@q7zbg%kE6kHi2Cu`I9y^Q~9DztL9WlW_8X2(Ro>*"
        "m3K!A$t)tQ$9RuKDU8`0pI`4CN?S+RGR~R5_Iy|`!-0ddl0oD!kMMD??CIwAW|rsptm|0sU>T<cOm$bf%~b{_c+7"
        "e3?IJ&08E>o&b^1oqOP}`LOO!rZn@FD?telQdzqKam`hyg`;9~+kqDNf4B5~jHYT@RR_bl5N<duLH<=TMbJ_I9}q"
        "n%W{9}=~eMlJEHrMve^vh@b`WAdm&`n~g9vcAv+Xw1`@r@K7k4?Kf;514mhz#yKf1<0zicgZpru-1}IvYs&OJ9&#"
        "CL7h7KHHtxoNg4AuLQqgpP*6}%P*7O8kngM-zYW&D6HNDQ-S7U_nWIuwze!ds_9IV6kv=N-AV+lpV@<7}H86#DF0"
        "n|C_rFl$0C_K97(*P#aMSCTzTQOr^(>kg{dZfaS^w2$;{4D4e*(ju*?s"
    )
)


def test_a_workbook_of_old_is_read_as_well():
    assert read(XLS) == (
        {
            "Date": ("date32[day]", [dt.date(2024, 1, day) for day in (2, 3, 4)]),
            "Close": ("double", [700.0, 700.5, 701.0]),
            "Note": ("string", ["x", "true", "7"]),
        },
        [4, 5, 6],
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"\(Cannot detect file format\)"),
        (b"Date,Close\n", r"\(Cannot detect file format\)"),
        (b"PK\3\4" + bytes(100), r"\(Cannot detect file format\)"),
        (book({"P": [HEAD, [DAY, 1]]})[:2000], r"\(Cannot detect file format\)"),
        (XLS[:2000], r"\(Cannot detect file format\)"),
    ],
)
def test_what_is_no_workbook_is_refused(content, reason):
    with pytest.raises(Refusal, match=rf"^p\.xlsx: not a readable workbook {reason}; save it as"):
        WorkbookSheet(content, "p.xlsx")


def test_a_broken_sheet_is_refused_with_its_reason():
    with pytest.raises(Refusal, match=r"not a readable workbook \(.*\); save it"):
        WorkbookSheet(repacked(lambda part: part.replace(b"<v>", b"<v")), "p.xlsx")


def test_a_lone_cell_in_the_last_corner_does_not_take_the_process_down(capfd):
    content = book({"P": {"A1": "Date", "A2": DAY, "XFD1048576": "x"}})
    with pytest.raises(
        Refusal,
        match=r"crashes its reader, or takes more than 4 GiB or 15 minutes; deliver it as CSV",
    ):
        WorkbookSheet(content, "p.xlsx")
    assert capfd.readouterr() == ("", "")


def test_a_cell_that_is_only_formatted_takes_no_place():
    made = openpyxl.load_workbook(io.BytesIO(book({"P": [HEAD, [DAY, 1]]})))
    made["P"]["XFD1048576"].font = Font(bold=True)
    assert read(saved(made)) == read(book({"P": [HEAD, [DAY, 1]]}))


def test_sectors_that_lead_back_to_themselves_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(cells, "MEMORY", 1 << 29)
    first_fat = int.from_bytes(XLS[76:80], "little")
    directory = int.from_bytes(XLS[48:52], "little")
    at = 512 * (1 + first_fat) + 4 * directory
    with pytest.raises(Refusal, match=r"crashes its reader"):
        WorkbookSheet(XLS[:at] + XLS[48:52] + XLS[at + 4 :], "p.xls")


def test_a_reader_that_computes_without_end_is_stopped():
    program = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})"
    program += (
        "; from pricewright.intake.reading import cells; cells._limit(1 << 32, 1)\nwhile True: pass"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert done.returncode == -signal.SIGXCPU


def test_a_reader_that_was_killed_may_do_better_with_more_memory(monkeypatch):
    killed = subprocess.CompletedProcess([], -signal.SIGKILL, b"", b"")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: killed)
    with pytest.raises(
        MemoryError, match=r"p\.xlsx: the process that read the workbook was killed"
    ):
        WorkbookSheet(b"", "p.xlsx")


def repacked(change):
    """A workbook whose first sheet was changed before it was packed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SMALL)) as old, zipfile.ZipFile(file, "w") as new:
        for part in old.namelist():
            is_sheet = part == "xl/worksheets/sheet1.xml"
            new.writestr(part, change(old.read(part)) if is_sheet else old.read(part))
    return file.getvalue()


def edited(content, edits):
    for place, length, piece in edits:
        at = int(place * len(content))
        content = content[:at] + piece + content[at + length :]
    return content


def lines_or_refusal(content):
    try:
        _, lines = read(content)
    except Refusal as refusal:
        return str(refusal)
    return lines


EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 4),
        st.binary(max_size=4) | st.sampled_from([b"<v>", b"</row>", b"9", b"\xff" * 4, bytes(4)]),
    ),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="module")
def _little_memory():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "MEMORY", 1 << 29)
        yield


@pytest.mark.usefixtures("_little_memory")
@settings(max_examples=40, derandomize=True)
@given(EDITS, st.sampled_from(["xls", "xlsx", "sheet"]))
def test_a_damaged_workbook_is_refused_or_read(edits, what):
    whole = {"xls": XLS, "xlsx": repacked(bytes), "sheet": b""}[what]
    content = edited(whole, edits) if whole else repacked(lambda part: edited(part, edits))
    found = lines_or_refusal(content)
    if isinstance(found, str):
        assert found.startswith("p.xlsx:")
        assert "\n" not in found
    else:
        assert found
        assert sorted(set(found)) == found


CELLS = (
    st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.text("ab \u00e9", min_size=1)
)


@settings(max_examples=20)
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5))
def test_every_row_that_says_something_is_there(rows):
    said = [
        number
        for number, row in enumerate(rows, start=2)
        if any(isinstance(cell, float) or (cell or "").strip() for cell in row)
    ]
    found = lines_or_refusal(book({"P": [["a", "b", "c"], *rows]}))
    assert found == said or (not said and "no rows" in found)
