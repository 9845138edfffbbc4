import base64
import gzip
import hashlib
import threading

import pytest

from pricewright.files.errors import Refusal
from web_server import CSV, chunked, reply, serving, web_file

pytestmark = pytest.mark.usefixtures("no_settings")


def fetch(answer, **settings):
    """The bytes and the version that come of an answer."""
    with (
        serving({"/a.csv": answer}) as server,
        web_file(f"{server.uri}/a.csv", **settings).open() as got,
    ):
        return b"".join(got.chunks)


def encoded(algorithm, body=CSV):
    return base64.b64encode(hashlib.new(algorithm, body).digest()).decode()


SHA, MD5 = encoded("sha256"), encoded("md5")
WRONG_SHA, WRONG_MD5 = encoded("sha256", b""), encoded("md5", b"")


@pytest.mark.parametrize(
    "answer",
    [
        reply(),
        reply(Connection="close"),
        reply(length=False),  # ends with the connection
        chunked(CSV[:7], CSV[7:]),
        chunked(CSV, end=b"0;last=yes\r\nX-Trailer: x\r\n\r\n"),
        reply(Content_Encoding="identity"),
    ],
)
def test_a_whole_body_is_a_delivery(answer):
    assert fetch(answer) == CSV


def test_an_empty_body_is_a_delivery_of_nothing():
    assert fetch(reply(b"")) == b""


def test_a_body_of_many_pieces_comes_as_it_was_sent():
    body = bytes(range(256)) * 8192
    assert fetch(reply(body)) == body
    assert fetch(chunked(body[:70000], body[70000:])) == body


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            reply(length=False, Content_Length=42),
            "only 41 of 42 bytes arrived, so the delivery is inc",
        ),
        (reply(b"", length=False, Content_Length=1), "only 0 of 1 bytes arrived"),
        (chunked(CSV, end=b""), "broke off"),
        (chunked(CSV, end=b"29\r\nshort"), "broke off"),
        (chunked(CSV, end=b"-5\r\nnegative"), "broke off"),
        (chunked(CSV, end=b"no number\r\n"), "broke off"),
    ],
)
def test_a_short_body_is_not_a_delivery(answer, message):
    with pytest.raises(OSError, match=message):
        fetch(answer)


@pytest.mark.parametrize("declared", [0, 1, 40])
@pytest.mark.parametrize("held", [False, True])
def test_a_longer_body_is_not_a_delivery_either(declared, held):
    answer = reply(length=False, Content_Length=declared)
    with pytest.raises(OSError, match=f"more bytes arrived than the {declared} declared"):
        fetch((answer, threading.Event()) if held else answer)


def test_the_end_of_a_whole_body_is_not_waited_for():
    """A server that holds the line open for long, and would then say something else."""
    assert fetch((reply(), threading.Event(), b"late"), timeout=60.0) == CSV


def test_nothing_for_as_long_as_the_timeout_is_trouble_that_may_pass():
    for pieces in [
        (threading.Event(),),
        (reply(length=False, Content_Length=99), threading.Event()),
    ]:
        with pytest.raises(OSError, match=r"nothing arrived for 0\.1 seconds"):
            fetch(pieces, timeout=0.1)


@pytest.mark.parametrize("length", ["41, 41", "+41", "x", "4_1", "-41", "9" * 19])
def test_a_length_that_is_none_is_no_promise_to_build_on(length):
    with pytest.raises(OSError, match="declares a length of"):
        fetch(reply(length=False, Content_Length=length))


def test_lengths_that_differ_are_trouble():
    with pytest.raises(OSError, match="not HTTP"):
        fetch(reply(length=False, Content_Length="41, 42"))


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked ", "chunked, chunked", "gzip"])
def test_a_transfer_encoding_that_would_stay_in_the_body_is_refused(coding):
    body = b"29\r\n" + CSV + b"\r\n0\r\n\r\n"
    with pytest.raises(Refusal, match="transfers it encoded as"):
        fetch(reply(body, length=False, Transfer_Encoding=coding))


def test_header_lines_that_cannot_be_read_might_have_held_the_length():
    with pytest.raises(OSError, match="garbled"):
        fetch(b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 99\r\n\r\n" + CSV)


def test_what_is_not_http_is_trouble():
    with pytest.raises(OSError, match="not HTTP"):
        fetch(b"SSH-2.0-OpenSSH_9.6\r\n")
    with pytest.raises(OSError, match="closed connection"):
        fetch(b"")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_MD5": MD5},
        {"Digest": f"SHA-256={SHA}"},
        {"Digest": f"unixsum=1, MD5={MD5},sha-256={SHA}", "Content_MD5": MD5},
        {"Repr_Digest": f"sha-256=:{SHA}:, sha-512=:abcd:", "Content_Digest": f"sha-256=:{SHA}:"},
        {"x_amz_checksum_sha256": SHA},
        {"x_amz_checksum_sha256": f"{WRONG_SHA}-3"},
    ],
)
def test_a_body_with_the_digest_that_the_server_gives_is_a_delivery(headers):
    assert fetch(reply(**headers)) == CSV


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_MD5": WRONG_MD5},
        {"Digest": f"SHA-256={WRONG_SHA}"},
        {"Digest": f"sha-256={SHA},md5={WRONG_MD5}"},
        {"Repr_Digest": f"sha-256=:{WRONG_SHA}:"},
        {"Content_Digest": f"sha-512=:abcd:, sha-256=:{WRONG_SHA}:"},
        {"x_amz_checksum_sha256": WRONG_SHA},
        {"Repr_Digest": f"sha-256=:{SHA}:", "Content_MD5": WRONG_MD5},
    ],
)
def test_a_body_with_another_digest_is_not(headers):
    with pytest.raises(OSError, match=r"does not match the (md5|sha-256) that the server gives"):
        fetch(reply(**headers))


def test_more_than_the_cap_is_refused_before_it_is_read():
    with pytest.raises(Refusal, match=r"declares 41 bytes, more than 40; raise source\.max_bytes"):
        fetch((reply(length=False, Content_Length=41), threading.Event()), max_bytes=40)
    assert fetch(reply(), max_bytes=41) == CSV


@pytest.mark.parametrize("answer", [chunked(CSV), reply(length=False)])
def test_more_than_the_cap_is_refused_as_soon_as_it_has_come(answer):
    with pytest.raises(Refusal, match="sends more than 40 bytes"):
        fetch((answer, threading.Event()), max_bytes=40)
    assert fetch(answer, max_bytes=41) == CSV


def test_a_chunk_of_any_size_is_not_held_in_memory():
    held = (chunked(end=b"ffffffffffff\r\n" + b"x" * 1000), threading.Event())
    with pytest.raises(Refusal, match="sends more than 999 bytes"):
        fetch(held, max_bytes=999)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip"])
def test_what_the_server_has_as_gzip_is_kept_as_gzip(coding):
    packed = gzip.compress(CSV)
    assert fetch(reply(packed, Content_Encoding=coding)) == packed
    one_by_one = chunked(packed[:1], packed[1:2], packed[2:])
    assert fetch(one_by_one.replace(b"\r\n", b"\r\nContent-Encoding: gzip\r\n", 1)) == packed


def test_what_the_server_has_as_zstd_is_kept_as_zstd():
    packed = b"\x28\xb5\x2f\xfd" + b"anything"
    assert fetch(reply(packed, Content_Encoding="zstd")) == packed


@pytest.mark.parametrize("body", [CSV, b"", b"\x1f"])
def test_what_is_called_gzip_and_is_not_is_refused(body):
    with pytest.raises(Refusal, match="calls it gzip, but it is not"):
        fetch(reply(body, Content_Encoding="gzip"))


@pytest.mark.parametrize("coding", ["br", "deflate", "compress", "gzip, gzip", "aws-chunked"])
def test_an_encoding_that_the_bytes_do_not_show_is_refused(coding):
    with pytest.raises(Refusal, match=f"sends it encoded as '{coding}', although asked not to"):
        fetch(reply(Content_Encoding=coding))
