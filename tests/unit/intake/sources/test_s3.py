import pytest

from pricewright.intake.sources import s3
from pricewright.intake.sources.items import ignored_files
from pricewright.intake.sources.source import Source
from s3_service import BODY, failing, reply, stored
from source_items import items, only, read, refused

pytestmark = pytest.mark.usefixtures("no_settings")


def test_an_object_is_its_bytes_with_its_etag_as_version(desk):
    desk.put("one", {"prices.csv": BODY})
    item = only(desk, "s3://one/prices.csv")
    with item.open() as answer:
        assert b"".join(answer.chunks) == BODY
        assert answer.version == desk.client.head_object(Bucket="one", Key="prices.csv")["ETag"]
    assert item.place == "s3://one/prices.csv"


def test_a_known_version_is_not_sent_again(script):
    server = script(stored)
    item = only(server, "s3://one/prices.csv")
    with item.open('"1"') as answer:
        assert (answer.chunks, answer.version) == (None, '"1"')
    assert [method for method, *_ in server.seen] == ["HEAD"]
    assert read(item, '"0"') == BODY


def test_an_object_without_a_version_is_always_sent(script):
    def answer(request):
        if request.command == "HEAD":
            return reply(request, 200, Content_Length=len(BODY))
        return stored(request)

    item = only(script(answer), "s3://one/prices.csv")
    with item.open() as answer:
        assert b"".join(answer.chunks) == BODY
        assert answer.version == ""


def test_a_large_object_comes_in_pieces(desk, monkeypatch):
    body = bytes(range(256)) * 3 + b"\x00\xff\x00"
    desk.put("large", {"prices.bin": body})
    monkeypatch.setattr(s3, "PIECE", 64)
    with only(desk, "s3://large/prices.bin").open() as answer:
        pieces = list(answer.chunks)
    assert {len(piece) for piece in pieces[:-1]} == {64}
    assert b"".join(pieces) == body


def test_an_empty_object_is_no_bytes(desk):
    desk.put("empty", {"prices.csv": b""})
    assert read(only(desk, "s3://empty/prices.csv")) == b""


FOLDER = {
    key: key.encode()
    for key in (
        "d/10.csv",
        "d/2.csv",
        "d/2.txt",
        "d/1/1.csv",
        "d/1/x/1.csv",
        "d/A.csv",
        "e/1.csv",
        "dd.csv",
    )
}


@pytest.fixture
def folder(desk):
    desk.put("folder", FOLDER | {"d/": b"", "d/empty/": b""})
    return desk


@pytest.mark.parametrize(
    ("uri", "keys"),
    [
        ("d/", ["d/1/1.csv", "d/1/x/1.csv", "d/2.csv", "d/2.txt", "d/10.csv", "d/A.csv"]),
        ("d/*.csv", ["d/2.csv", "d/10.csv", "d/A.csv"]),
        ("d/[0-9]*.csv", ["d/2.csv", "d/10.csv"]),
        ("d/?.csv", ["d/2.csv", "d/A.csv"]),
        ("d/?.*", ["d/2.csv", "d/2.txt", "d/A.csv"]),
        ("*/?.csv", ["d/2.csv", "d/A.csv", "e/1.csv"]),
        ("d/*/*.csv", ["d/1/1.csv"]),
        ("d*", ["dd.csv"]),
        ("", ["d/1/1.csv", "d/1/x/1.csv", "d/2.csv", "d/2.txt", "d/10.csv", "d/A.csv", "dd.csv",
              "e/1.csv"]),
    ],
)  # fmt: skip
def test_a_folder_is_all_below_it_and_a_star_stays_in_its_part(folder, uri, keys):
    found = items(folder, f"s3://folder/{uri}")
    assert [item.place for item in found] == [f"s3://folder/{key}" for key in keys]
    assert [read(item) for item in found] == [key.encode() for key in keys]


def test_what_lies_beside_prices_in_a_bucket_is_left_out_and_named(desk):
    beside = ("d/_SUCCESS", "d/README.md", "d/x/late.csv.part", "d/.hidden")
    desk.put("beside", {"d/1.csv": b"x", "d/empty.csv": b""} | {key: b"x" for key in beside})
    source = Source(uri="s3://beside/d/", endpoint=desk.endpoint)
    assert [item.place for item in items(desk, source.uri)] == ["s3://beside/d/1.csv"]
    assert ignored_files(source) == {
        "s3://beside/d/README.md": "its name says that it holds no prices",
        "s3://beside/d/_SUCCESS": "its name says that it holds no prices",
        "s3://beside/d/empty.csv": "empty",
        "s3://beside/d/x/late.csv.part": "still being written",
    }
    refused(lambda: items(desk, "s3://beside/d/_*"), "no object there holds prices")
    assert read(only(desk, "s3://beside/d/_SUCCESS")) == b"x"


def test_a_listing_longer_than_a_page_is_read_to_its_end(script):
    def answer(request):
        second = "continuation-token=more" in request.path
        keys = range(1000, 1500) if second else range(1000)
        contents = "".join(
            f"<Contents><Key>d/{key}.csv</Key><Size>1</Size></Contents>" for key in keys
        )
        more = "" if second else "<NextContinuationToken>more</NextContinuationToken>"
        cut = f"<IsTruncated>{str(not second).lower()}</IsTruncated>"
        xml = f"<?xml version='1.0'?><ListBucketResult>{contents}{cut}{more}</ListBucketResult>"
        reply(request, 200, xml.encode())

    found = items(script(answer), "s3://folder/d/")
    assert [item.place for item in found] == [f"s3://folder/d/{key}.csv" for key in range(1500)]


@pytest.mark.parametrize("uri", ["d/none/", "none/*.csv", "d/*.xlsx", "d/a*"])
def test_a_folder_with_nothing_in_it_is_refused(folder, uri):
    refused(lambda: items(folder, f"s3://folder/{uri}"), f"s3://folder/{uri}", "source.uri")


@pytest.mark.parametrize("uri", ["s3://", "s3://one", "s3:///prices.csv", "s3://o*/prices.csv"])
def test_a_uri_that_names_no_object_is_refused(desk, uri):
    refused(lambda: items(desk, uri), "source.uri", "s3://bucket/folder/")


@pytest.mark.parametrize("uri", ["s3://none/prices.csv", "s3://folder/none.csv", "s3://folder/d"])
def test_an_object_that_is_not_there_is_refused(folder, uri):
    refused(lambda: read(only(folder, uri)), f"{uri}: no such object", "source.uri")


def test_a_bucket_that_is_not_there_is_refused(desk):
    refused(lambda: items(desk, "s3://no-bucket/d/"), "no such bucket", "source.uri")


@pytest.mark.parametrize(
    "key", ["../folder/dd.csv", "d/../dd.csv", "d//2.csv", "./dd.csv", "d\n.csv", "d\u202e.csv"]
)
def test_a_key_that_could_be_taken_for_another_is_refused(script, key):
    server = script(stored)
    refused(lambda: read(only(server, f"s3://folder/{key}")), "another key")
    assert server.requests == []


def test_a_placeholder_cannot_leave_its_bucket(script, monkeypatch):
    server = script(stored)
    monkeypatch.setenv("BUCKET", "..")
    refused(lambda: read(only(server, "s3://${BUCKET}/prices.csv")), "bucket")
    refused(lambda: items(server, "s3://${BUCKET}/prices/"), "bucket")
    assert server.requests == []


@pytest.mark.parametrize("key", ["a b.csv", "a%20b.csv", "ä+#&=.csv", "100%.csv", "d.e/f g/h.csv"])
def test_a_key_is_taken_as_it_is_written(desk, key):
    desk.put("odd", {key: BODY})
    assert read(only(desk, f"s3://odd/{key}")) == BODY


def test_a_placeholder_is_filled_in_and_never_shown(folder, monkeypatch):
    monkeypatch.setenv("BUCKET", "folder")
    monkeypatch.setenv("SUBFOLDER", "d/1")
    item = only(folder, "s3://${BUCKET}/${SUBFOLDER}/1.csv")
    found = items(folder, "s3://${BUCKET}/${SUBFOLDER}/*.csv")
    assert [read(each) for each in [item, *found]] == [b"d/1/1.csv"] * 2
    assert [each.place for each in [item, *found]] == ["s3://${BUCKET}/${SUBFOLDER}/1.csv"] * 2
    assert "d/1" not in repr([item, *found])


def test_a_placeholder_without_a_value_is_refused(desk):
    refused(lambda: items(desk, "s3://${ABSENT}/prices.csv"), "source.uri", "ABSENT")


def test_a_placeholder_after_a_wildcard_is_refused(desk, monkeypatch):
    monkeypatch.setenv("NAME", "x")
    refused(lambda: items(desk, "s3://folder/*/${NAME}.csv"), "source.uri", "put it before")


def short(request):
    """A service that says that half the body is all that was asked for."""
    if request.command == "HEAD":
        return stored(request)
    return reply(request, 206, BODY[: len(BODY) // 2])


def cut(request):
    """A service that goes away in the middle."""
    if request.command == "HEAD":
        return stored(request)
    request.close_connection = True
    return reply(request, 206, BODY[:5], Content_Length=len(BODY))


def late(request):
    """A service that fails once it comes to the body."""
    return (stored if request.command == "HEAD" else failing(503))(request)


@pytest.mark.parametrize("answer", [short, cut, late])
def test_a_body_that_ends_early_is_no_delivery(script, answer):
    with pytest.raises(OSError, match=r"s3://one/prices\.csv: "):
        read(only(script(answer), "s3://one/prices.csv"))


@pytest.mark.parametrize("last", [b"\x00", b"\xff", b"\n"])
def test_any_last_byte_may_end_a_body_and_none_may_be_missing(script, last):
    body = BODY + last
    assert read(only(script(lambda request: stored(request, body)), "s3://one/a")) == body

    def without(request):
        if request.command == "HEAD":
            return stored(request, body)
        return reply(request, 206, BODY)

    with pytest.raises(OSError, match="ended early"):
        read(only(script(without), "s3://one/a"))


def test_an_object_that_changes_while_it_is_read_is_no_delivery(desk, monkeypatch):
    desk.put("moving", {"prices.csv": b"a" * 20})
    monkeypatch.setattr(s3, "PIECE", 10)
    with only(desk, "s3://moving/prices.csv").open() as answer:
        assert next(answer.chunks) == b"a" * 10
        desk.client.put_object(Bucket="moving", Key="prices.csv", Body=b"b" * 20)
        with pytest.raises(OSError, match="changed while it was read"):
            list(answer.chunks)


def test_an_object_over_the_cap_is_refused_before_it_is_sent(script):
    server = script(stored)
    item = only(server, "s3://one/prices.csv", max_bytes=len(BODY) - 1)
    refused(lambda: read(item), "source.max_bytes", f"{len(BODY)} bytes", f"({len(BODY) - 1})")
    assert [method for method, *_ in server.seen] == ["HEAD"]
    assert read(only(server, "s3://one/prices.csv", max_bytes=len(BODY))) == BODY


def test_trouble_of_whoever_reads_is_left_as_it_is(desk):
    desk.put("reader", {"prices.csv": BODY})
    error = OSError("no space left")
    with (
        pytest.raises(OSError, match="no space left") as caught,
        only(desk, "s3://reader/prices.csv").open(),
    ):
        raise error
    assert caught.value is error
