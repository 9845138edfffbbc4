import pytest

from pricewright.files.errors import Refusal
from pricewright.intake.sources import addresses
from web_server import CSV, fetch, know_names, reply, sent, serving

pytestmark = pytest.mark.usefixtures("no_settings")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_host_is_followed(server, monkeypatch, status):
    monkeypatch.setenv("KEY", "s3cret")
    server.answers["/old/a"] = reply(
        b"moved", status, Location="../new/M%C3%A4rz x\xc3\xa4.csv?b=${KEY}#c"
    )
    server.answers["/new/M%C3%A4rz%20x%C3%A4.csv"] = reply(ETag='"x"')
    headers = {"X-Key": "${KEY}"}
    assert fetch(f"{server.uri}/old/a?x=${{KEY}}", 'etag "w"', headers=headers) == (CSV, 'etag "x"')
    assert server.requests[1].path == "/new/M%C3%A4rz%20x%C3%A4.csv?b=$%7BKEY%7D"
    assert sent(server)["X-Key"] == "s3cret"
    assert sent(server)["If-None-Match"] == '"w"'


def test_five_redirects_are_followed_and_a_sixth_is_not(server):
    for number in range(1, 7):
        server.answers[f"/{number}"] = reply(b"", 302, Location=f"/{number - 1}")
    server.answers["/0"] = reply()
    assert fetch(f"{server.uri}/5")[0] == CSV
    with pytest.raises(Refusal, match=r"redirects more than 5 times; set source\.uri"):
        fetch(f"{server.uri}/6")


@pytest.mark.parametrize(
    "location",
    [
        "http://other.example/a",
        "//other.example/a",
        "https://other.example/a",
        "http://127.0.0.2:{port}/a",
        "http://2130706433:{port}/a",
        "http://127.0.0.1:9/a",
        "http://127.0.0.1:{port}@other.example/a",
    ],
)
def test_a_redirect_elsewhere_is_refused_and_both_places_named(server, location):
    location = location.format(port=server.port)
    server.answers["/old"] = reply(b"", 302, Location=location)
    with pytest.raises(Refusal, match=r"set source\.uri to the new address") as caught:
        fetch(f"{server.uri}/old", allow_hosts=["127.0.0.1", "127.0.0.2", "2130706433"])
    there = location.partition("://")[2].rpartition("@")[2].partition("/a")[0] or "other.example"
    assert f"from {server.uri} to http" in str(caught.value)
    assert there in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "location",
    ["", "ftp://127.0.0.1/a", "file:///etc/passwd", "http://[", "https://", "http://a b/"],
)
def test_a_redirect_to_nowhere_is_refused(server, location):
    server.answers["/old"] = reply(b"", 302, Location=location)
    with pytest.raises(Refusal, match=r"to an address that is not http\(s\); set source\.uri"):
        fetch(f"{server.uri}/old")


def test_a_redirect_is_checked_again(server, monkeypatch):
    """The name may have another address by then."""
    know_names(monkeypatch, prices_desk=[["127.0.0.1"], ["127.0.0.1"]])
    server.answers["/old"] = reply(b"", 302, Location="/a")
    checked = []
    monkeypatch.setattr(
        "pricewright.intake.sources.http.check_host", lambda *given: checked.append(given[1])
    )
    assert fetch(f"http://prices.desk:{server.port}/old")[0] == CSV
    assert checked == [["127.0.0.1"]] * 2


def test_a_redirect_from_http_to_https_is_followed_with_all_that_is_sent(
    server, secure, monkeypatch
):
    monkeypatch.setattr(addresses, "_PORTS", {"http": server.port, "https": secure.port})
    monkeypatch.setenv("PASS", "s3cret")
    server.answers["/a"] = reply(b"", 301, Location="https://127.0.0.1/a")
    assert fetch("http://u:${PASS}@127.0.0.1/a", headers={"X-Mine": "x"})[0] == CSV
    assert sent(secure)["X-Mine"] == "x"
    assert sent(secure)["Authorization"] == sent(server)["Authorization"]


def test_a_redirect_from_https_to_http_is_refused(server, secure, monkeypatch):
    monkeypatch.setattr(addresses, "_PORTS", {"http": server.port, "https": secure.port})
    secure.answers["/a"] = reply(b"", 301, Location="http://127.0.0.1/a")
    with pytest.raises(Refusal, match=r"from https://127\.0\.0\.1 to http://127\.0\.0\.1;"):
        fetch("https://127.0.0.1/a")
    assert not server.requests


def test_what_is_private_is_not_sent_to_another_port(server, monkeypatch):
    monkeypatch.setenv("PASS", "s3cret")
    with serving({"/old": reply(b"", 301, Location="http://127.0.0.1/a")}) as other:
        monkeypatch.setattr(addresses, "_PORTS", {"http": server.port, "https": 1})
        asked = f"http://u:${{PASS}}@127.0.0.1:{other.port}/old"
        assert fetch(asked, 'etag "w"', headers={"X-Key": "${PASS}"})[0] == CSV
        assert sent(other)["X-Key"] == "s3cret"
    assert sent(server)["X-Key"] is None
    assert sent(server)["Authorization"] is None
    assert sent(server)["If-None-Match"] == '"w"'
