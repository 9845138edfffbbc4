"""Tell from a file's first bytes which kind of table it is, or what else it is."""

import re
from typing import Literal

from pricewright.files.errors import Refusal

Kind = Literal["text", "json", "parquet", "feather", "excel"]

OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_READ: tuple[tuple[bytes, Kind], ...] = (
    (rb"PAR1[^\t\n\r -~]", "parquet"),
    (rb"ARROW1\0\0", "feather"),
    (re.escape(OLD_OFFICE), "excel"),
)
_NOT_READ = (
    (rb"FEA1\0{4}", "a Feather file of version 1"),
    (rb"\xff{4}..\0\0", "an Arrow stream"),
    (rb"PARE[^\t\n\r -~]", "an encrypted Parquet file"),
    (rb"Obj\x01", "an Avro file"),
    (rb"ORC[^\t\n\r -~]", "an ORC file"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (rb"SQLite format 3\0", "an SQLite database"),
    (rb"\x93NUMPY", "a NumPy file"),
    (rb"\x80[\x02-\x05]", "a Python pickle"),
    (rb"(RD[AX][23]\n)?X\n\0\0\0", "an R data file"),
    (rb"MATLAB 5\.0 MAT-file", "a MATLAB file"),
    (rb"%PDF-", "a PDF document"),
    (rb"%!PS", "a PostScript document"),
    (rb"\{\\rtf", "an RTF document"),
    (rb"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (rb"\xff\xd8\xff", "a JPEG picture"),
    (rb"GIF8[79]a", "a GIF picture"),
    (rb"BM.{4}\0{4}", "a BMP picture"),
    (rb"II\*\0|MM\0\*", "a TIFF picture"),
    (rb"RIFF.{4}WEBP", "a WebP picture"),
    (rb".{257}ustar[\0 ]", "a tar archive"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (rb"Rar!\x1a\x07", "a RAR archive"),
    (rb"MSCF\0", "a cabinet archive"),
    (rb"\x04\x22\x4d\x18", "an LZ4 file"),
    (rb"\xff\x06\0\0sNaPpY", "a Snappy file"),
    (rb"\x1f\x9d", "a file of the old `compress`"),
    (rb"\x5d\0\0", "an LZMA file"),
    (rb"LZIP\x01", "an lzip file"),
    (rb"\x7fELF|MZ[^\t\n\r -~]", "a program"),
    (rb"-----BEGIN PGP", "a PGP message"),
    (rb"version https://git-lfs\.", "a pointer of Git LFS, not the file itself"),
)
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\v\f\r")) + b"\x7f"
_PROLOGUE = re.compile(rb"(\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_HTML = re.compile(
    rb"<!doctype\s+html|<(html|head|body|title|meta|link|script|style|center|div|p|h[1-6]|table|pre)"
    rb"(\s[^<>]*)?>(?![,;|\t])",
    re.IGNORECASE,
)
_HTML_TABLE = re.compile(rb"<t(able|r|d)[\s>]", re.IGNORECASE)
# a header may be <DATE>,<CLOSE>, or have tabs between; only tags with nothing or a line end between
# them are XML
_XML = re.compile(rb"<!|<[A-Za-z][^<>]*>(\r?\n\s*)?<")
_JSON = re.compile(rb"\[\s*([\[{\]\"]|$)|\{\s*([\"}]|$)")


def kind_of(head: bytes, name: str, holder: str) -> Kind:
    """The kind of table of a file that begins with `head`: all of the file, or at least 4 kB.

    name: what errors call the file.  holder: what they say is wrong, such as `the file`.
    Raises Refusal for a file that is empty, not a table, or not in UTF-8. A few NULs, or single
    bytes of another encoding, are left to the reader, which knows the line.
    """
    for signature, kind in _READ:
        if re.match(signature, head):
            return kind
    for signature, what in _NOT_READ:
        if re.match(signature, head, re.DOTALL):
            remedy = _DELIVER
            if holder == "the file":
                remedy = _OTHERWISE.get(what, _DELIVER).format(name=name)
            raise Refusal(f"{name}: {holder} is {what}; {remedy}.")
    if encoding := wide_encoding(head):
        raise Refusal(
            f"{name}:1: {holder} is {encoding[:6].upper()} text; save it as UTF-8, or set "
            f"source.encoding: {encoding}."
        )
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls >= 4 and controls > 0.05 * len(head):
        raise Refusal(f"{name}: {holder} is binary data of no known kind; {_DELIVER}.")
    return _kind_of_text(head.removeprefix(b"\xef\xbb\xbf"), name, holder)


def is_binary_table(head: bytes) -> bool:
    """Whether a file that begins with `head` is a table in a format other than text."""
    return any(re.match(signature, head) for signature, _ in _READ)


def encoding_of(head: bytes) -> str | None:
    """The encoding that a byte order mark gives, if it is not UTF-8."""
    return next((name for mark, name in _BYTE_ORDER_MARKS if head.startswith(mark)), None)


_OTHERWISE = {
    "an SQLite database": "set source.uri: sqlite:///{name} and source.table",
    "a tar archive": "unpack it, and set source.uri to the folder",
}
_DELIVER = "deliver CSV, JSON, Parquet, Feather or Excel"


def _kind_of_text(text: bytes, name: str, holder: str) -> Kind:
    begin = text.lstrip()
    if not begin:
        what = "nothing but blank lines" if text else "empty"
        raise Refusal(f"{name}:1: {holder} is {what}; deliver prices.")
    markup = _PROLOGUE.sub(b"", begin, count=1)
    if _HTML.match(markup):
        if _HTML_TABLE.search(markup):
            raise Refusal(
                f"{name}:1: {holder} is a web page with a table, not a workbook or CSV; open it in "
                "Excel or LibreOffice, check its dates and numbers, and save it as .xlsx or CSV."
            )
        raise Refusal(
            f"{name}:1: {holder} is an HTML page, such as a server's error; "
            "read it in a browser, and deliver prices."
        )
    if markup != begin or _XML.match(markup):
        raise Refusal(f"{name}:1: {holder} is an XML document; {_DELIVER}.")
    return "json" if _JSON.match(begin) else "text"


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark, if zeros are where Latin letters would have them."""
    units = len(head) // 4
    if not units:
        return None
    zeros = [head[place : 4 * units : 4].count(0) / units for place in range(4)]
    first, second, third, fourth = (share > 0.5 for share in zeros)
    if second and third and zeros[0 if fourth else 3] < 0.1 and (first or fourth):
        return "utf-32-le" if fourth else "utf-32-be"
    if second and fourth and max(zeros[0], zeros[2]) < 0.1:
        return "utf-16-le"
    if first and third and max(zeros[1], zeros[3]) < 0.1:
        return "utf-16-be"
    return None
