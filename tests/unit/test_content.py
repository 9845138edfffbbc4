import gzip
import io
import re
import sqlite3
import tarfile
import zipfile

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather
from python_calamine import CalamineWorkbook

from conftest import SCRIPTS, command
from pricewright.errors import Refusal
from pricewright.reading.content import Limits, recognise

CSV = b"date,symbol,close\n2024-01-02,A,1.5\n2024-01-03,A,1.6\n"
DELIVER = "deliver CSV, JSON, Parquet, Feather or Excel."


@pytest.fixture(scope="module")
def deliver(tmp_path_factory):
    """Keep some bytes under a name that means nothing, and say what they are."""
    path = tmp_path_factory.mktemp("kept") / "8f14e45f"

    def deliver(content, **limits):
        path.write_bytes(content)
        return recognise(path, "data/raw/prices.csv", Limits(**limits))

    return deliver


@pytest.fixture(scope="module")
def refusal(deliver):
    def refusal(content, **limits):
        with pytest.raises(Refusal) as caught:
            deliver(content, **limits)
        return str(caught.value)

    return refusal


def zipped(members, method=zipfile.ZIP_DEFLATED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def table(write):
    made = io.BytesIO()
    write(pa.table({"date": ["2024-01-02"], "close": [1.5]}), made)
    return made.getvalue()


def arrow_stream(table, file):
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def xlsx():
    book, made = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["date", "close"])
    book.save(made)
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
        (table(pq.write_table), "parquet"),
        (table(feather.write_feather), "feather"),
        (xlsx(), "excel"),
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
    for content in (xlsx(), ods()):
        book = CalamineWorkbook.from_filelike(io.BytesIO(deliver(content).whole()))
        assert book.get_sheet_by_index(0).to_python()[0][0] == "date"


@pytest.mark.parametrize(
    "text",
    [
        CSV + b"2024-01-04,A\0,1\n",
        b"\0" + CSV,
        CSV + b"\x01\x02\x03",
        b"date,close\n\0\0\0\n",
        CSV + b"2024-01-04,Caf\xe9,1\n",
        b"\xc4\xe0\xf2\xe0;\xd6\xe5\xed\xe0\n",
        CSV + b"\x1a",
        CSV * 9 + b"2024-01-04,A\0,1\n" * 9,
    ],
)
def test_a_bad_byte_in_good_text_is_left_to_the_reader(deliver, text):
    assert deliver(text).kind == "text"
    assert deliver(text).whole() == text


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [CSV.decode(), "[]", "日期,收盘\n2024-01-02,1.5\n"])
def test_a_wide_encoding_is_named(refusal, bom, encoding, text):
    assert refusal((bom + text).encode(encoding)) == (
        f"data/raw/prices.csv:1: the file is {encoding[:6].upper()} text; save it as UTF-8."
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_alone_names_the_encoding(refusal, encoding):
    assert f"is {encoding[:6].upper()} text" in refusal("\ufeff日期收盘".encode(encoding))


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_nothing_is_not_a_delivery(refusal, bom):
    assert refusal(bom) == "data/raw/prices.csv:1: the file is empty; deliver prices."
    for packing, packed in (("gzip", gzip.compress(bom)), ("zip", zipped({"a": bom}))):
        assert refusal(packed) == (
            f"data/raw/prices.csv:1: the content of the {packing} file is empty; deliver prices."
        )
    assert refusal(bom + b" \r\n\n") == (
        "data/raw/prices.csv:1: the file is blank lines and no more; deliver prices."
    )


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html>\n<p>404",
        b"\xef\xbb\xbf\r\n <html lang='en'>",
        b"<HTML>\n",
        b"<?xml version='1.0'?>\n<!-- a -- > b -->\n<!-- c -->\n<!doctype\nhtml>",
        b"<head><title>Error</title></head>",
        b"<h1>Not found</h1>",
        b"<table>\n<tr>",
    ],
)
def test_an_html_page_is_named(refusal, page):
    rest = "an HTML page, such as a server's error; read it in a browser, and deliver the prices."
    assert refusal(page) == f"data/raw/prices.csv:1: the file is {rest}"
    assert refusal(gzip.compress(page)) == (
        f"data/raw/prices.csv:1: the content of the gzip file is {rest}"
    )


@pytest.mark.parametrize(
    "document",
    [
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
        b"<Error><Code>AccessDenied</Code></Error>",
        b'<rows a="1">\r\n  <row/>',
        b"<!DOCTYPE prices>",
        b"<!-- never closed",
        b"<!-- closed -->\nhtml",
        b"<!-- x -->" * 5000 + b"<",  # not in exponential time
    ],
)
def test_xml_is_named(refusal, document):
    assert refusal(document) == f"data/raw/prices.csv:1: the file is an XML document; {DELIVER}"


def numpy_file():
    made = io.BytesIO()
    np.save(made, np.arange(3))
    return made.getvalue()


def tar():
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("prices.csv"), io.BytesIO(b""))
    return made.getvalue()


def sqlite(tmp=":memory:"):
    with sqlite3.connect(tmp) as database:
        database.execute("CREATE TABLE prices (close)")
        return database.serialize()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"FEA1\0\0\0\0\1\0\0\0", "a Feather file of version 1"),
        (table(arrow_stream), "an Arrow stream"),
        (b"PARE\x15\x00", "an encrypted Parquet file"),
        (b"Obj\x01\x04\x14avro.codec", "an Avro file"),
        (b"ORC\x08\x03\x10", "an ORC file"),
        (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file"),
        (sqlite(), "an SQLite database"),
        (numpy_file(), "a NumPy file"),
        (b"\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94.", "a Python pickle"),
        (b"X\n\0\0\0\x03\0\x04", "an R data file"),
        (b"RDX3\nX\n\0\0\0\x03", "an R data file"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a MATLAB file"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
        (b"%!PS-Adobe-3.0\n", "a PostScript document"),
        (rb"{\rtf1\ansi prices}", "an RTF document"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG picture"),
        (b"GIF89a\x01\0\x01\0", "a GIF picture"),
        (b"GIF87a\x01\0\x01\0", "a GIF picture"),
        (b"BM\n\n\0\0\0\0\0\0\x36\0", "a BMP picture"),
        (b"II*\0\x08\0\0\0", "a TIFF picture"),
        (b"MM\0*\0\0\0\x08", "a TIFF picture"),
        (b"RIFF\n\n\0\0WEBPVP8 ", "a WebP picture"),
        (tar(), "a tar archive"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z archive"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
        (b"MSCF\0\0\0\0", "a cabinet archive"),
        (b"\x04\x22\x4d\x18\x64\x40", "an LZ4 file"),
        (b"\xff\x06\0\0sNaPpY", "a Snappy file"),
        (b"\x1f\x9d\x90abc", "a file of the old `compress`"),
        (b"\x5d\0\0\x80\0\xff\xff", "an LZMA file"),
        (b"LZIP\x01\x0c", "an lzip file"),
        (b"\x7fELF\x02\x01", "a program"),
        (b"MZ\x90\0\x03\0\0\0", "a program"),
        (b"-----BEGIN PGP MESSAGE-----\n", "a PGP message"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
            "a pointer of Git LFS, not the file itself",
        ),
        (bytes(5000), "binary data of no known kind"),
        (np.arange(999, dtype=np.float64).tobytes(), "binary data of no known kind"),
        (np.random.default_rng(3).bytes(5000), "binary data of no known kind"),
        (CSV + bytes(4), "binary data of no known kind"),
    ],
)
def test_what_is_not_a_table_is_named_for_what_it_is(refusal, content, what):
    assert refusal(content) == f"data/raw/prices.csv: the file is {what}; {DELIVER}"
    assert refusal(gzip.compress(content)) == (
        f"data/raw/prices.csv: the content of the gzip file is {what}; {DELIVER}"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            zipped({"[Content_Types].xml": "x", "word/document.xml": "x"}),
            "the zip file is an Office document but no workbook; deliver it as a table.",
        ),
        (
            ole("WordDocument"),
            "the file is an Office document but no workbook; deliver it as a table.",
        ),
        (
            ole("EncryptedPackage"),
            "the file is locked with a password; save the workbook without.",
        ),
        (
            zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "x"}),
            "the zip file holds 2 files; deliver each file by itself.",
        ),
    ],
)
def test_an_office_document_must_be_an_open_workbook(refusal, content, sentence):
    assert refusal(content) == f"data/raw/prices.csv: {sentence}"


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
        "import pricewright.reading.content; print(*sys.modules)"
    )
    loaded = set(command("-c", show, cwd=SCRIPTS).stdout.split())
    assert "pricewright.reading.kinds" in loaded
    assert not loaded & unpackers


@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_table_or_refused_in_one_sentence(deliver, content):
    try:
        outcome = deliver(content).whole()
    except Refusal as sentence:
        outcome = str(sentence)
    assert outcome == content or re.fullmatch(r"data/raw/prices\.csv:(1:)? the .+; .+\.", outcome)
