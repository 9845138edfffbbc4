import errno
import gzip
import io
import lzma
import stat
import struct
import zipfile
import zlib

import pytest

from file_formats import excel
from pricewright.files.errors import Refusal
from pricewright.files.zstandard import zstd
from pricewright.intake.reading.packing import Packed
from pricewright.intake.reading.zip_archives import members_of

CSV = b"date,symbol,close\n2024-01-02,A,1.5\n2024-01-03,A,1.6\n" * 9
DEFLATE = 8
FLAGS, METHOD, CHECKSUM, PACKED, LENGTH, OFFSET = 8, 10, 16, 20, 24, 42
"""Where a member's entry in the archive's list has them."""


def zipped(*names, method=DEFLATE, comment=b""):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name in names or ["prices.csv"]:
            archive.writestr(name, b"" if str(name).endswith("/") else CSV)
        archive.comment = comment
    return made.getvalue()


def lying(place, value, archive=None, form="<I"):
    """An archive whose list says something else of its last member."""
    made = bytearray(archive or zipped())
    struct.pack_into(form, made, made.rindex(b"PK\x01\x02") + place, value)
    return bytes(made)


def handmade(packed, method):
    """An archive as zipfile does not write them all."""
    fields = struct.pack(
        "<5H3I2H", 20, 0, method, 0, 0, zlib.crc32(CSV), len(packed), len(CSV), 1, 0
    )
    local = b"PK\x03\x04" + fields + b"a" + packed
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + fields + bytes(14) + b"a"
    return (
        local + entry + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1, 1, len(entry), len(local), 0)
    )


def test_the_archives_made_here_lie_only_where_they_say_so(deliver):
    assert lying(LENGTH, len(CSV)) == zipped()
    assert deliver(handmade(CSV, 0)).whole() == CSV


@pytest.mark.parametrize(
    "archive",
    [
        zipped("2024/prices..csv"),
        zipped("2024/", "2024/prices.csv"),
        zipped("prices.csv", "__MACOSX/", "__MACOSX/._prices.csv"),
        zipped(comment=b"of the market"),
        zipped(method=zipfile.ZIP_STORED),
        zipped(method=zipfile.ZIP_BZIP2),
        handmade(zstd.compress(CSV), 93),
        handmade(lzma.compress(CSV), 95),
    ],
)
def test_the_only_file_is_what_an_archive_holds(deliver, archive):
    found = deliver(archive)
    assert (found.kind, found.packing, found.whole()) == ("text", "zip", CSV)


def test_an_archive_written_as_a_stream_and_one_for_large_files_are_read(deliver):
    class Pipe(io.BytesIO):
        def seek(self, *where):
            raise OSError("a pipe")

        def tell(self):
            raise OSError("a pipe")

    for made in (Pipe(), io.BytesIO()):
        with (
            zipfile.ZipFile(made, "w", DEFLATE) as archive,
            archive.open("prices.csv", "w", force_zip64=True) as member,
        ):
            member.write(CSV)
        assert deliver(made.getvalue()).whole() == CSV


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "..", "/etc/x", "C:x", "c:/x", r"C:\x", r"..\x", r"a\x", r"\\host\x"],
)
def test_a_member_that_climbs_out_is_refused(refusal, name):
    for archive in (zipped(name), zipped("prices.csv", f"{name}/")):
        member = name if archive == zipped(name) else f"{name}/"
        assert refusal(archive) == (
            f"prices.csv: the zip file has a member {member!r}, which points outside its folder; "
            "pack the file under its plain name."
        )


@pytest.mark.parametrize(
    ("archive", "n_files"),
    [
        (zipped("a.csv", "b.csv"), 2),
        (zipped("a/b.csv", "a/c.csv", "a/d.csv"), 3),
        (zipped("a/"), 0),
        (zipped("__MACOSX/._a.csv"), 0),
        (b"PK\x05\x06" + bytes(18), 0),
    ],
)
def test_an_archive_of_more_or_fewer_than_one_file_is_refused(refusal, archive, n_files):
    assert refusal(archive) == (
        f"prices.csv: the zip file holds {n_files} files; deliver each file by itself."
    )


ENDS_IN_A_SIGNATURE = zipped("a/", "prices.csv", comment=b"PK\x03\x04")


def link():
    info = zipfile.ZipInfo("prices.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped(info)


@pytest.mark.parametrize(
    ("archive", "sentence"),
    [
        (lying(FLAGS, 1, form="<H"), "locks 'prices.csv' with a password; pack it without one."),
        (
            lying(METHOD, 9, form="<H"),
            "packs 'prices.csv' by method 9, which is not supported; pack it by deflate.",
        ),
        (
            zipped(method=zipfile.ZIP_LZMA),
            "packs 'prices.csv' by method 14, which is not supported; pack it by deflate.",
        ),
        (
            lying(CHECKSUM, 1),
            "is damaged: 'prices.csv' does not match its checksum; deliver it again.",
        ),
        (
            lying(LENGTH, 100),
            "declares 100 bytes for 'prices.csv', which has more; pack the file again.",
        ),
        (
            lying(LENGTH, 9999),
            "declares 9999 bytes for 'prices.csv', which has 468; pack the file again.",
        ),
        (lying(PACKED, 9), "is cut off before its end; deliver it again."),
        (
            lying(PACKED, 99),
            "declares 99 packed bytes for 'prices.csv', which has fewer; pack the file again.",
        ),
        (
            lying(PACKED, 9_999_999),
            "declares 9999999 packed bytes for 'prices.csv', which has fewer; pack the file again.",
        ),
        (
            lying(PACKED, 9_999_999, lying(LENGTH, 9_999_999, handmade(CSV, 0))),
            "is cut off or damaged: it does not hold the files that it lists; deliver it again.",
        ),
        (
            zipped().replace(b"PK\x05\x06", b"PK\x05\x07"),
            "is cut off or damaged: its list of files cannot be read; deliver it again.",
        ),
        (
            lying(OFFSET, 0, zipped().replace(b"\x01\0\x01\0", b"\x01\0\x02\0")),
            "is cut off or damaged: its list of files cannot be read; deliver it again.",
        ),
        (
            b"PK\x03\x04PK\x06\x07" + bytes(16) + b"PK\x05\x06" + bytes(18),
            "is cut off or damaged: its list of files cannot be read; deliver it again.",
        ),
        (lying(OFFSET, 99), "holds bytes that it does not list; pack the file again."),
        (
            lying(OFFSET, 99_999, zipped("a/", "prices.csv")),
            "is cut off or damaged: its list of files cannot be read; deliver it again.",
        ),
        (
            lying(OFFSET, 9, zipped("a/", "prices.csv")),
            "is cut off or damaged: it does not hold the files that it lists; deliver it again.",
        ),
        (zipped() + zipped(), "holds bytes that it does not list; pack the file again."),
        (zipped() + b"\n", "holds bytes that it does not list; pack the file again."),
        (
            zipped(comment=b"of the market")[:-1],
            "holds bytes that it does not list; pack the file again.",
        ),
        (zipped() + bytes(4), "holds bytes that it does not list; pack the file again."),
        (
            zipped("\xe9.csv").replace("\xe9".encode(), b"\xff\xff"),
            "is cut off or damaged: its list of files cannot be read; deliver it again.",
        ),
        (
            lying(OFFSET, len(ENDS_IN_A_SIGNATURE) - 4, ENDS_IN_A_SIGNATURE),
            "is cut off or damaged: it does not hold the files that it lists; deliver it again.",
        ),
        (link(), "holds a symbolic link; pack the file that it points to."),
    ],
)
def test_an_archive_that_is_damaged_or_lies_is_refused(refusal, archive, sentence):
    assert refusal(archive) == f"prices.csv: the zip file {sentence}"


def test_a_member_longer_than_declared_is_stopped_at_once(deliver):
    with pytest.raises(Refusal, match="which has more"):  # not later, by the iterator
        deliver(lying(LENGTH, 100, handmade(zlib.compress(CSV * 9999, wbits=-15), DEFLATE)))


def xlsx(**extra):
    made = io.BytesIO(excel(["date", "close"]))
    with zipfile.ZipFile(made, "a", DEFLATE) as archive:
        for name, content in extra.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("archive", "sentence"),
    [
        (
            lying(CHECKSUM, 1, xlsx()),
            "is damaged: '[Content_Types].xml' does not match its checksum; deliver it again.",
        ),
        (
            lying(FLAGS, 1, xlsx(), form="<H"),
            "locks '[Content_Types].xml' with a password; pack it without one.",
        ),
        (
            xlsx(rows=b"<c>1</c>" * 2_500_000),
            "unpacks to more than 100 times its size, unlike prices; "
            "check where it comes from, or raise source.max_ratio.",
        ),
    ],
)
def test_a_workbook_is_checked_whole_before_a_library_opens_it(refusal, archive, sentence):
    for packed in (archive, gzip.compress(archive)):
        assert refusal(packed, max_ratio=100) == f"prices.csv: the workbook {sentence}"


def test_a_workbook_has_no_more_bytes_than_allowed(refusal):
    assert refusal(xlsx(rows=bytes(200_000)), max_unpacked_bytes=200_000) == (
        "prices.csv: the workbook unpacks to more than 200000 bytes; "
        "deliver it in parts, or raise source.max_unpacked_bytes."
    )


def test_trouble_of_the_disk_is_not_a_damaged_archive():
    class Failing(io.BytesIO):
        def read(self, size=-1):
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        members_of(Packed(Failing(zipped()), "prices.csv", "zip file"))
