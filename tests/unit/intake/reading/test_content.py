import gzip
import io
import re
import zipfile

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather
from python_calamine import CalamineWorkbook

from conftest import SCRIPTS, command
from file_formats import excel, parquet, zipped
from pricewright.files.errors import Refusal
from pricewright.intake.reading.content import recognise

CSV = b"date,symbol,close\n2024-01-02,A,1.5\n2024-01-03,A,1.6\n"


TABLE = pa.table({"date": ["2024-01-02"], "close": [1.5]})
XLSX = excel(["date", "close"])


def arrow():
    made = io.BytesIO()
    feather.write_feather(TABLE, made)
    return made.getvalue()


def ods():
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    names = "urn:oasis:names:tc:opendocument:xmlns"
    cell = '<table:table-cell office:value-type="string"><text:p>date</text:p></table:table-cell>'
    content = (
        f'<office:document-content xmlns:office="{names}:office:1.0" '
        f'xmlns:table="{names}:table:1.0" xmlns:text="{names}:text:1.0"><office:body>'
        '<office:spreadsheet><table:table table:name="S"><table:table-row>'
        f"{cell}</table:table-row></table:table></office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    manifest = (
        f'<manifest:manifest xmlns:manifest="{names}:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
        "</manifest:manifest>"
    )
    return zipped(
        {"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest},
        zipfile.ZIP_STORED,
    )


def ole(stream):
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1500) + stream.encode("utf-16-le") + bytes(9)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (CSV, "text"),
        (b"x", "text"),
        (b'"date","close"\n', "text"),
        (b"[Date],Close\n", "text"),
        (b"[ Date ],Close\n", "text"),
        (b"{Date},Close\n", "text"),
        (b"<DATE>,<CLOSE>\n", "text"),
        (b"<DATE>\t<OPEN>\t<CLOSE>\n", "text"),
        (b"<TABLE>,<P>,<LINK>\n", "text"),
        (b"PAR1,RIFF,BM,MZ\n", "text"),
        (b"BZh,PK,X\n1,2,3\n", "text"),
        (b"[]", "json"),
        (b"[", "json"),
        (b"{}", "json"),
        (b'[{"date": 1}]', "json"),
        (b'\xef\xbb\xbf \r\n\t[\n\n {"date": 1}]', "json"),
        (b'[["date"], [1]]', "json"),
        (b'["date"]', "json"),
        (b'{"date": 1}\n{"date": 2}\n', "json"),
        (b'{\n  "date": 1}', "json"),
        (parquet(TABLE), "parquet"),
        (arrow(), "feather"),
        (XLSX, "excel"),
        (ods(), "excel"),
        (zipped({"[Content_Types].xml": "", "xl/workbook.bin": "x"}), "excel"),
        (ole("Workbook\0"), "excel"),
        (ole("Book\0"), "excel"),
    ],
)
def test_bytes_are_what_they_are_plain_and_packed(deliver, content, kind):
    for packing, packed in (
        (None, content),
        ("gzip", gzip.compress(content)),
        ("zip", zipped({"a": content})),
    ):
        found = deliver(packed)
        assert (found.kind, found.packing, found.whole()) == (kind, packing, content)
        assert b"".join(found.chunks()) == content, "a second pass"


def test_a_workbook_that_is_let_through_can_be_read(deliver):
    for content in (XLSX, ods()):
        book = CalamineWorkbook.from_filelike(io.BytesIO(deliver(content).whole()))
        assert book.get_sheet_by_index(0).to_python()[0][0] == "date"


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_nothing_is_not_a_delivery(refusal, bom):
    assert refusal(bom) == "prices.csv:1: the file is empty; deliver prices."
    for packing, packed in (("gzip", gzip.compress(bom)), ("zip", zipped({"a": bom}))):
        assert refusal(packed) == (
            f"prices.csv:1: the content of the {packing} file is empty; deliver prices."
        )
    assert refusal(bom + b" \r\n\n") == (
        "prices.csv:1: the file is nothing but blank lines; deliver prices."
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            zipped({"[Content_Types].xml": "x", "word/document.xml": "x"}),
            "the zip file is an Office document, not a workbook; deliver it as a table.",
        ),
        (
            ole("WordDocument"),
            "the file is an Office document, not a workbook; deliver it as a table.",
        ),
        (
            ole("EncryptedPackage"),
            "the file is locked with a password; save the workbook without one.",
        ),
        (
            zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "x"}),
            "the zip file holds 2 files; deliver each file by itself.",
        ),
    ],
)
def test_an_office_document_must_be_an_open_workbook(refusal, content, sentence):
    assert refusal(content) == f"prices.csv: {sentence}"


def test_the_stream_of_a_workbook_is_found_across_chunks(deliver):
    magic, name = ole("")[:8], "Workbook\0".encode("utf-16-le")
    for place in range((1 << 20) - 20, (1 << 20) + 4):
        assert deliver(magic + bytes(place - 8) + name).kind == "excel"


def test_the_files_own_name_plays_no_part(tmp_path):
    path = tmp_path / "page.html.gz"
    path.write_bytes(CSV)
    assert recognise(path, "prices.parquet").kind == "text"


def test_a_missing_file_and_a_folder_are_the_disks_trouble(tmp_path):
    with pytest.raises(FileNotFoundError):
        recognise(tmp_path / "none", "prices.csv")
    with pytest.raises(IsADirectoryError):
        recognise(tmp_path, "prices.csv")


def test_a_plain_file_comes_in_pieces_of_about_a_megabyte(deliver):
    content = CSV * 60_000
    sizes = [len(chunk) for chunk in deliver(content).chunks()]
    assert sum(sizes) == len(content)
    assert sizes[:-1] == [1 << 20] * (len(sizes) - 1)
    assert len(sizes) > 2


def test_nothing_that_unpacks_is_imported_before_it_is_met():
    unpackers = {"bz2", "lzma", "zipfile", "tempfile", "backports.zstd"}
    show = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); "
        "import pricewright.intake.reading.content; print(*sys.modules)"
    )
    loaded = set(command("-c", show, cwd=SCRIPTS).stdout.split())
    assert "pricewright.intake.reading.kinds" in loaded
    assert not loaded & unpackers


@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_table_or_refused_in_one_sentence(deliver, content):
    try:
        outcome = deliver(content).whole()
    except Refusal as sentence:
        outcome = str(sentence)
    assert outcome == content or re.fullmatch(r"prices\.csv:(1:)? the .+; .+\.", outcome)
