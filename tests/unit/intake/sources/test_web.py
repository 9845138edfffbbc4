import base64
import logging
import threading
import time
import traceback
from email.utils import formatdate
from urllib.parse import quote, quote_plus

import pytest

from pricewright.files.errors import Refusal, TryLater
from web_server import (
    CSV,
    chunked,
    fetch,
    hung_up,
    know_names,
    reply,
    sent,
    web_file,
)

pytestmark = pytest.mark.usefixtures("no_settings")

OLD = "Mon, 01 Jan 2024 00:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "version", "asked"),
    [
        ({"ETag": '"a; b"'}, 'etag "a; b"', {"If-None-Match": '"a; b"'}),
        ({"ETag": 'W/"x"'}, 'etag W/"x"', {"If-None-Match": 'W/"x"'}),
        ({"Last_Modified": OLD}, f"modified {OLD}", {"If-Modified-Since": OLD}),
        (
            {"ETag": '"x"', "Last_Modified": OLD, "Date": "Mon, 01 Jan 2024 00:00:01 GMT"},
            f'etag "x"; modified {OLD}',
            {"If-None-Match": '"x"', "If-Modified-Since": OLD},
        ),
        (
            {"Last_Modified": "lately", "Date": OLD},
            "modified lately",
            {"If-Modified-Since": "lately"},
        ),
    ],
)
def test_what_did_not_change_is_not_sent_again(server, headers, version, asked):
    server.answers["/a"] = reply(**headers)
    assert fetch(f"{server.uri}/a") == (CSV, version)
    server.answers["/a"] = reply(b"", 304, length=False)
    assert fetch(f"{server.uri}/a", version) == (None, version)
    conditions = {name: value for name, value in sent(server).items() if name.startswith("if-")}
    assert conditions == {name.lower(): value for name, value in asked.items()}


def test_what_changed_comes_with_its_new_version(server):
    server.answers["/a"] = reply(ETag='"2"')
    assert fetch(f"{server.uri}/a", 'etag "1"') == (CSV, 'etag "2"')


def test_a_time_of_change_that_is_not_over_is_no_version(server):
    """A file that changes twice in the second of the answer has one time of change."""
    server.answers["/a"] = reply(Last_Modified=OLD, Date=OLD)
    assert fetch(f"{server.uri}/a") == (CSV, "")


@pytest.mark.parametrize(
    "known", ["", "sha256 12", 'etag "x"\r\nX-More: y', "modified a\nb", "etag "]
)
def test_not_modified_is_no_answer_to_who_has_nothing(server, known):
    server.answers["/a"] = reply(b"", 304, length=False)
    with pytest.raises(Refusal, match="304 Not Modified"):
        fetch(f"{server.uri}/a", known)
    assert not [name for name in sent(server) if name.startswith(("if-", "x-"))]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (201, "201 Created; set source.uri to an address that gives the whole delivery"),
        (203, "203 Non-Authoritative Information; set"),
        (204, "204 No Content; set"),
        (206, "206 Partial Content; set"),
        (300, "300 Multiple Choices; set"),
        (400, "400 Bad Request; correct source.uri"),
        (401, "401 Unauthorized; check the user, password or key that"),
        (403, "403 Forbidden; check what source.uri and source.headers send"),
        (404, "404 Not Found; correct source.uri"),
        (407, "407 Proxy Authentication Required; check the user and password in the proxy"),
        (410, "410 Gone; correct source.uri"),
        (416, "416 Requested Range Not Satisfiable; correct source.uri"),
        (499, r"499 \(unknown status\); correct source.uri"),
        (600, r"600 \(unknown status\); set"),
    ],
)
def test_a_status_that_no_retry_mends_is_refused(server, status, message):
    server.answers["/a"] = reply(CSV if status > 204 else b"", status)
    with pytest.raises(Refusal, match=f"^{server.uri}/a: the server answers {message}"):
        fetch(f"{server.uri}/a")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_status_that_may_pass_is_an_os_error(server, status):
    server.answers["/a"] = reply(CSV, status)
    with pytest.raises(
        OSError, match=f"^{server.uri}/a: the server answers {status} .*; ask again"
    ):
        fetch(f"{server.uri}/a")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [("7", 7, 7), ("a date", 30, 50), ("0", None, None), ("soon", None, None)],
)
def test_a_server_that_asks_for_a_wait_is_asked_again_after_it(server, status, asked, least, most):
    asked = formatdate(time.time() + 50, usegmt=True) if asked == "a date" else asked
    server.answers["/a"] = reply(b"", status, Retry_After=asked)
    with pytest.raises(OSError, match="; ask again later") as caught:
        fetch(f"{server.uri}/a")
    assert isinstance(caught.value, TryLater) == (least is not None)
    assert least is None or least <= caught.value.seconds <= most


@pytest.mark.parametrize("asked", ["86400", "9" * 30])
def test_a_server_that_asks_for_a_long_wait_is_not_asked_again_and_it_says_until_when(
    server, asked
):
    server.answers["/a"] = reply(b"", 429, Retry_After=asked)
    with pytest.raises(
        Refusal, match=r"answers 429 Too Many Requests and asks to wait until 20\d\d-.*Z; run again"
    ):
        fetch(f"{server.uri}/a")


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_reader_that_stops_leaves_no_connection_open(server, connection):
    server.answers["/a"] = (reply(CSV * 1000, Connection=connection), threading.Event())
    with web_file(f"{server.uri}/a").open() as got:
        next(got.chunks)
    assert hung_up(server)


SECRET = "C4nary k/+&=ü%41@:#?"
FORMS = {
    SECRET,
    SECRET.lower(),
    quote(SECRET),
    quote(SECRET, safe=""),
    quote_plus(SECRET),
    "C4nary%20k",
    base64.b64encode(SECRET.encode()).decode(),
    base64.b64encode(f"desk:{SECRET}".encode()).decode(),
}


def echo(request):
    path = request.path.replace(":", "")  # a line with a colon would be a header
    return f"HTTP/1.1 200 {path}\r\n{path}\r\n\r\n".encode()


ENDS = {
    "whole": reply(),
    "short": reply(length=False, Content_Length=99),
    "long": reply(length=False, Content_Length=9),
    "cut": chunked(CSV, end=b"9\r\n"),
    "garbled": echo,
    "no HTTP": lambda request: request.path.encode() + b"\r\n\r\n",
    "nothing": b"",
    "held": (threading.Event(),),
    "missing": reply(status=404),
    "busy": reply(status=503),
    "elsewhere": lambda request: reply(
        b"", 302, Location=f"https://{quote(SECRET)}@other.example/{request.path}"
    ),
    "nowhere": lambda request: reply(b"", 302, Location=f"ftp:{request.path}"),
    "in circles": lambda request: reply(b"", 302, Location=request.path),
    "packed": reply(Content_Encoding=quote(SECRET)),
    "of no length": reply(length=False, Content_Length=quote(SECRET)),
    "damaged": reply(Content_MD5="x"),
}


@pytest.mark.parametrize("end", [*ENDS, "down", "no TLS", "not allowed", "not there", "other host"])
def test_no_secret_gets_out(end, server, secure, monkeypatch, caplog):
    """A canary in the query, in a header and as password, whatever comes of it."""
    caplog.set_level(logging.DEBUG, logger="")
    for name in ("urllib3", "urllib3.connection", "urllib3.connectionpool", "pricewright"):
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setenv("CANARY", SECRET)
    know_names(monkeypatch, prices_example=[["127.0.0.1"]])
    server.answers = {
        "/${CANARY}": None,
        f"/{quote(SECRET, safe='/%:@!$&()*+,;=~')}": ENDS.get(end),
    }
    port = {"down": 1, "no TLS": server.port, "other host": secure.port}.get(end, server.port)
    scheme = "https" if end in ("no TLS", "other host") else "http"
    host = {"not there": "nowhere.example", "other host": "localhost"}.get(end, "127.0.0.1")
    asked = web_file(
        f"{scheme}://desk:${{CANARY}}@{host}:{port}/${{CANARY}}?key=${{CANARY}}",
        headers={"X-Key": "${CANARY}-${CANARY}"},
        allow_hosts=[] if end == "not allowed" else ["127.0.0.1", "localhost"],
        timeout=0.1,
    )
    caught, said = None, repr(asked)
    try:
        with asked.open() as got:
            said += repr((got, b"".join(got.chunks)))
    except (Refusal, OSError) as error:
        caught = error
        said += "".join(traceback.format_exception(error)) + repr(error)
    assert (caught is None) == (end == "whole")
    said += caplog.text
    said += "".join(repr(vars(record)) for record in caplog.records)
    assert not [form for form in FORMS if form in said]


def test_a_host_that_is_a_secret_stays_one(server, secure, monkeypatch):
    monkeypatch.setenv("WHERE", "LocalHost")
    server.answers["/a"] = reply(b"", 302, Location="https://other.example")
    for scheme, port, allowed, message in (
        ("http", server.port, [], "not public"),
        ("http", server.port, ["localhost"], "redirects from http"),
        ("https", secure.port, ["localhost"], "Hostname mismatch"),
    ):
        with pytest.raises(Refusal, match=message) as caught:
            fetch(f"{scheme}://${{WHERE}}:{port}/a", allow_hosts=allowed)
        assert "localhost" not in str(caught.value).lower()
