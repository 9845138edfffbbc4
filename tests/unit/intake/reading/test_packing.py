import gzip
import io
import lzma
import struct
import tracemalloc
import zlib
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from file_formats import PACKERS, STREAMS
from pricewright.files.errors import Refusal
from pricewright.files.zstandard import zstd
from pricewright.intake.reading import packing as unpacking
from pricewright.intake.reading.packing import Packed, unpacked

CSV = b"date,symbol,close\n2024-01-02,A,1.5\n2024-01-03,A,1.6\n"
SQUARES = b"".join(b"2024-01-02,A,%d\n" % (n * n) for n in range(350_000))

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=100).map(
    lambda text: CSV + text.encode() * 40
)


@pytest.mark.parametrize("packing", PACKERS)
@settings(max_examples=40)
@given(content=texts, sizes=st.tuples(st.integers(1, 99), st.integers(1, 999)), data=st.data())
def test_what_was_packed_comes_out_whatever_the_blocks(deliver, packing, content, sizes, data):
    if packing == "zip":
        packed = PACKERS["zip"](content)
    else:
        places = data.draw(st.lists(st.integers(0, len(content)), max_size=3).map(sorted))
        ends = zip([0, *places], [*places, len(content)], strict=True)
        packed = b"".join(STREAMS[packing](content[begin:end]) for begin, end in ends)
    found = deliver(packed)
    assert (found.packing, found.whole()) == (packing, content)
    with mock.patch.multiple(unpacking, _BLOCK=sizes[0], PIECE=sizes[1]):
        assert found.whole() == content


@pytest.mark.parametrize("packing", PACKERS)
def test_chunks_are_about_a_megabyte_and_never_the_whole(deliver, packing):
    content = SQUARES
    found = deliver(PACKERS[packing](content))
    tracemalloc.start()
    try:
        sizes = [len(chunk) for chunk in found.chunks()]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sizes) == len(content)
    assert all(1 << 20 <= size < 2 << 20 for size in sizes[:-1])
    assert peak < 6_000_000 < len(content)


@pytest.mark.parametrize("packing", PACKERS)
def test_a_file_cut_off_anywhere_is_refused(refusal, packing):
    whole = PACKERS[packing](CSV)
    for length in range(1, len(whole)):
        assert refusal(whole[:length]).startswith("prices.csv: the ")


@pytest.mark.parametrize("packing", PACKERS)
def test_a_second_stream_cut_off_anywhere_is_refused(refusal, packing):
    whole = PACKERS[packing](CSV)
    for length in range(1, len(whole)):
        assert refusal(whole + whole[:length]).startswith(f"prices.csv: the {packing} file ")


@pytest.mark.parametrize("packing", PACKERS)
def test_a_flipped_bit_is_refused_or_changes_nothing(deliver, packing):
    whole = PACKERS[packing](CSV)
    refused = 0
    for place in range(len(whole)):
        for bit in (1, 16, 128, 255):
            flipped = bytearray(whole)
            flipped[place] ^= bit
            try:
                assert deliver(bytes(flipped)).whole() == CSV
            except Refusal:
                refused += 1
    assert refused > 2 * len(whole)


@pytest.mark.parametrize(
    ("packed", "sentence"),
    [
        (
            b"\x1f\x8b\x07" + STREAMS["gzip"](CSV)[3:],
            "the file begins almost like one packed by gzip",
        ),
        (STREAMS["xz"](CSV)[:4], "the file begins almost like one packed by xz"),
        (STREAMS["gzip"](CSV)[:-9] + bytes(9), "the gzip file is damaged (incorrect data check)"),
        (STREAMS["bzip2"](CSV)[:-9] + bytes(9), "the bzip2 file is damaged (Invalid data stream)"),
        (STREAMS["xz"](CSV)[:-9] + bytes(9), "the xz file is damaged (Corrupt input data)"),
        (
            STREAMS["zstd"](CSV)[:-4] + bytes(4),
            "the zstd file is damaged (Restored data doesn't match checksum)",
        ),
        (STREAMS["gzip"](CSV)[:-1], "the gzip file is cut off before its end"),
        (STREAMS["bzip2"](CSV)[:-1], "the bzip2 file is cut off before its end"),
        (STREAMS["xz"](CSV)[:-1], "the xz file is cut off before its end"),
        (STREAMS["zstd"](CSV)[:-1], "the zstd file is cut off before its end"),
        (
            PACKERS["zip"](CSV)[:-1],
            "the zip file is cut off or damaged: its list of files cannot be read",
        ),
    ],
)
def test_damage_is_said_in_a_sentence(refusal, packed, sentence):
    found = refusal(packed)
    assert found.startswith(f"prices.csv: {sentence}")
    assert found.endswith("; deliver it again.")


def test_damage_far_behind_is_found_when_the_iterator_gets_there(deliver):
    chunks = deliver(gzip.compress(SQUARES)[:-4]).chunks()
    assert SQUARES.startswith(next(chunks))
    with pytest.raises(Refusal, match=r"^prices\.csv: the gzip file is cut off before its end;"):
        list(chunks)


@pytest.mark.parametrize("packing", STREAMS)
@pytest.mark.parametrize("garbage", [b"\n", b"garbage, and more of it", b"\0" * 99_999 + b"x"])
def test_other_bytes_after_the_end_are_refused(refusal, packing, garbage):
    assert refusal(STREAMS[packing](CSV) + garbage) == (
        f"prices.csv: the {packing} file continues with other bytes after its end; "
        "pack the file again."
    )


@pytest.mark.parametrize("packing", ["gzip", "xz"])
@pytest.mark.parametrize("zeros", [4, 512, 200_000])
def test_zeros_after_gzip_and_xz_are_padding(deliver, packing, zeros):
    stream = STREAMS[packing](CSV)
    assert deliver(stream + bytes(zeros)).whole() == CSV
    assert deliver(stream + bytes(zeros) + stream).whole() == CSV + CSV


@pytest.mark.parametrize("packing", ["bzip2", "zstd"])
def test_zeros_after_bzip2_and_zstandard_are_no_padding(refusal, packing):
    assert "continues with other bytes" in refusal(STREAMS[packing](CSV) + bytes(512))


def test_a_skippable_frame_of_zstandard_is_skipped(deliver):
    frame = b"\x53\x2a\x4d\x18\x03\0\0\0abc"
    for packed in (frame + zstd.compress(CSV), zstd.compress(CSV) + frame):
        assert deliver(packed).whole() == CSV


@pytest.mark.parametrize("inner", PACKERS)
def test_a_second_layer_is_not_unpacked(refusal, inner):
    for outer, pack in PACKERS.items():
        assert refusal(pack(PACKERS[inner](CSV))) == (
            f"prices.csv: the content of the {outer} file is packed again, by {inner}; "
            "pack the file only once."
        )


@pytest.mark.parametrize("packing", PACKERS)
def test_more_bytes_than_allowed_are_refused(deliver, refusal, packing):
    content = CSV * 40
    packed = PACKERS[packing](content)
    assert deliver(packed, max_unpacked_bytes=len(content)).whole() == content
    assert refusal(packed, max_unpacked_bytes=len(content) - 1) == (
        f"prices.csv: the {packing} file unpacks to more than {len(content) - 1} bytes; "
        "deliver it in parts, or raise source.max_unpacked_bytes."
    )


def test_a_plain_file_has_no_more_bytes_than_allowed_either(deliver, refusal):
    assert deliver(CSV, max_unpacked_bytes=len(CSV)).whole() == CSV
    assert refusal(CSV, max_unpacked_bytes=len(CSV) - 1) == (
        f"prices.csv: the file has {len(CSV)} bytes, more than the {len(CSV) - 1} allowed; "
        "deliver it in parts, or raise source.max_unpacked_bytes."
    )


def bomb(packing):
    """For gzip, 10 MB and more that unpack to 5 GB; for the others, much more than allowed."""
    lines = b"2024-01-02,A,1.5\n" * 60_000
    if packing == "zip":
        return PACKERS["zip"](lines * 40)
    return STREAMS[packing](lines) * (5000 if packing == "gzip" else 200)


@pytest.mark.parametrize("packing", PACKERS)
def test_a_bomb_is_stopped_early_and_never_in_memory(deliver, packing):
    chunks = deliver(bomb(packing), max_ratio=100).chunks()
    got: list[int] = []
    tracemalloc.start()
    try:
        with pytest.raises(Refusal) as caught:
            got.extend(map(len, chunks))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(caught.value) == (
        f"prices.csv: the {packing} file unpacks to more than 100 times its size, unlike prices; "
        "check where it comes from, or raise source.max_ratio."
    )
    assert 1 << 20 < sum(got) < 20_000_000
    assert peak < 12_000_000


@pytest.mark.parametrize("packing", STREAMS)
def test_no_more_is_read_than_what_comes_out_needs(packing):
    packed = Packed(io.BytesIO(STREAMS[packing](CSV * 99_999)), "prices.csv", "file")
    with mock.patch.multiple(unpacking, _BLOCK=300, PIECE=100):
        for _, piece in zip(range(20), unpacked(packed, packing), strict=False):
            assert len(piece) <= 100
    assert packed.taken <= (300 if packing in ("gzip", "zstd") else 3000)


def test_the_default_limits_stop_a_bomb(refusal):
    assert "unpacks to more than 500 times its size" in refusal(gzip.compress(b"1,2\n" * 9_999_999))
    assert "binary data" in refusal(gzip.compress(bytes(10_000_000)) * 1000)


def test_ten_megabytes_may_have_any_ratio(deliver):
    content = b"1,2\n" * 2_500_000
    packed = gzip.compress(content)
    assert len(content) > 900 * len(packed)
    assert deliver(packed).whole() == content


def test_a_window_as_large_as_the_memory_is_refused(refusal):
    frame = bytearray(lzma.compress(CSV))
    frame[16] = 40  # the largest window, 4 GB
    frame[20:24] = struct.pack("<I", zlib.crc32(frame[12:20]))
    wide = zstd.compress(CSV, options={zstd.CompressionParameter.content_size_flag: 0})
    wide = wide[:5] + b"\xa8" + wide[6:]  # 2 GB
    for packing, packed in (("xz", bytes(frame)), ("zstd", wide)):
        assert refusal(packed) == (
            f"prices.csv: the {packing} file needs more memory to unpack than prices should; "
            "pack it again, with a smaller window."
        )


@pytest.mark.parametrize("packing", STREAMS)
def test_trouble_of_the_disk_is_passed_on(packing):
    class Failing(io.BytesIO):
        def read(self, size=-1):
            if block := super().read(size):
                return block
            raise OSError("Input/output error")

    pieces = unpacked(Packed(Failing(STREAMS[packing](CSV)[:-1]), "prices.csv", "file"), packing)
    with pytest.raises(OSError, match="Input/output error"):
        list(pieces)
