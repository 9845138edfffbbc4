import gzip
import io
import sqlite3
import tarfile

import numpy as np
import pyarrow as pa
import pytest

from file_formats import arrow_stream

CSV = b"date,symbol,close\n2024-01-02,A,1.5\n2024-01-03,A,1.6\n"
TABLE = pa.table({"date": ["2024-01-02"], "close": [1.5]})
DELIVER = "deliver CSV, JSON, Parquet, Feather or Excel."


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


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [CSV.decode(), "[]", "日期,收盘\n2024-01-02,1.5\n"])
def test_a_wide_encoding_is_read_by_its_mark_and_without_one_is_named(
    deliver, refusal, encoding, text
):
    assert deliver(("\ufeff" + text).encode(encoding)).whole() == text.encode()
    assert refusal(text.encode(encoding)) == (
        f"prices.csv:1: the file is {encoding[:6].upper()} text; "
        f"save it as UTF-8, or set source.encoding: {encoding}."
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
    ],
)
def test_an_html_page_is_named(refusal, page):
    rest = "an HTML page, such as a server's error; read it in a browser, and deliver prices."
    assert refusal(page) == f"prices.csv:1: the file is {rest}"
    assert refusal(gzip.compress(page)) == (f"prices.csv:1: the content of the gzip file is {rest}")


def test_a_table_of_a_web_page_is_to_be_saved_by_a_program_that_reads_it(refusal):
    for page in (b"<table>\n<tr>", b"<html><body><TABLE border=1><tr><td>Date</td>"):
        assert "a web page with a table, not a workbook or CSV; open it in Excel" in refusal(page)


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
    assert refusal(document) == f"prices.csv:1: the file is an XML document; {DELIVER}"


def numpy_file():
    made = io.BytesIO()
    np.save(made, np.arange(3))
    return made.getvalue()


def tar():
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("prices.csv"), io.BytesIO(b""))
    return made.getvalue()


def sqlite():
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE prices (close)")
        return database.serialize()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"FEA1\0\0\0\0\1\0\0\0", "a Feather file of version 1"),
        (arrow_stream(TABLE), "an Arrow stream"),
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
    remedy = {
        "an SQLite database": "set source.uri: sqlite:///prices.csv and source.table.",
        "a tar archive": "unpack it, and set source.uri to the folder.",
    }.get(what, DELIVER)
    assert refusal(content) == f"prices.csv: the file is {what}; {remedy}"
    assert refusal(gzip.compress(content)) == (
        f"prices.csv: the content of the gzip file is {what}; {DELIVER}"
    )
