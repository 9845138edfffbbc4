import base64

import pytest

from pricewright.files.errors import Refusal
from web_server import CSV, fetch, reply, sent, web_file

pytestmark = pytest.mark.usefixtures("no_settings")


def test_a_request_asks_for_the_bytes_as_they_are_and_for_one_answer(server):
    assert fetch(f"{server.uri}/a?from=2024-01-01#x") == (CSV, "")
    assert server.requests[0].path == "/a?from=2024-01-01"
    assert dict(sent(server)) == {
        "host": f"127.0.0.1:{server.port}",
        "connection": "close",
        "user-agent": "pricewright",
        "accept": "*/*",
        "accept-encoding": "identity",
    }


def test_placeholders_are_filled_in_when_it_is_asked_and_not_before(server, monkeypatch):
    server.answers["/prices"] = reply()
    asked = web_file(
        f"{server.uri}/${{FILE}}?key=${{KEY}}", headers={"X-Key": "v1 ${KEY}", "Accept": "text/csv"}
    )
    monkeypatch.setenv("FILE", "prices")
    monkeypatch.setenv("KEY", "s3cret/+ü")
    with asked.open() as got:
        assert b"".join(got.chunks) == CSV
    assert server.requests[0].path == "/prices?key=s3cret/+%C3%BC"
    assert sent(server)["X-Key"] == "v1 s3cret/+ü"
    assert sent(server).get_all("Accept") == ["text/csv"]
    assert asked.place == f"{server.uri}/${{FILE}}?key=${{KEY}}"


def test_a_variable_that_is_not_set_is_named_with_its_key(server):
    with pytest.raises(Refusal, match=r"'source\.uri': the environment variable NOT_SET is not"):
        fetch(f"{server.uri}/a?key=${{NOT_SET}}")
    with pytest.raises(Refusal, match=r"'source\.headers\.X-Key': the environment variable NOT_S"):
        fetch(f"{server.uri}/a", headers={"X-Key": "${NOT_SET}"})


@pytest.mark.parametrize(
    ("userinfo", "credentials"),
    [
        ("${USER_}:${PASS}", "desk:p@s:s/ü%41"),
        ("d%65sk:${PASS}", "desk:p@s:s/ü%41"),
        ("${PASS}:", "p@s:s/ü%41:"),
        ("${USER_}", "desk:"),
        ("${BOTH}", "desk:pass"),
    ],
)
def test_a_user_in_the_uri_is_sent_as_basic_and_not_in_the_uri(
    server, monkeypatch, userinfo, credentials
):
    monkeypatch.setenv("USER_", "desk")
    monkeypatch.setenv("PASS", "p@s:s/ü%41")
    monkeypatch.setenv("BOTH", "desk:pass")
    assert fetch(f"http://{userinfo}@127.0.0.1:{server.port}/a")[0] == CSV
    assert sent(server)["Authorization"] == (
        "Basic " + base64.b64encode(credentials.encode()).decode()
    )
    assert server.requests[0].path == "/a"
    assert sent(server)["Host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    "userinfo",
    [
        "desk:s3cret",
        "s3cret",
        "s3cret:",
        ":s3cret",
        "${U}:s3cret",
        "a:s3@cret",
        "a:s3cret${X}",
        "a:${X}cret${Y}",
        "a:${1cret}",
        "a:$cret",
        "a:${}cret",
    ],
)
def test_a_password_in_config_is_refused_and_not_shown(userinfo):
    with pytest.raises(Refusal, match=r"^config key 'source\.uri': .*\$\{[A-Z_]+\}.*\.$") as caught:
        web_file(f"https://{userinfo}@prices.example/a")
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["Authorization", "authorization", "Cookie", "X-API-Key", "apikey", "X-Auth-Token"]
)
def test_a_secret_in_a_header_in_config_is_refused_and_not_shown(name):
    with pytest.raises(Refusal, match=rf"'source\.headers\.{name}': .*NAME\}} there") as caught:
        web_file("https://prices.example/a", headers={name: "Bearer s3cret"})
    assert "s3cret" not in str(caught.value)
    web_file("https://prices.example/a", headers={name: "Bearer ${TOKEN}"})


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "host",
        "Accept-Encoding",
        "Range",
        "If-None-Match",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Proxy-Authorization",
        "TE",
        "Trailer",
        "Expect",
        "Upgrade",
    ],
)
def test_a_header_that_would_change_what_an_answer_means_is_refused(name):
    with pytest.raises(Refusal, match=rf"'source\.headers\.{name}': this header cannot be set"):
        web_file("https://prices.example/a", headers={name: "x"})


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\r\nY", "Ü"])
def test_a_header_without_a_proper_name_is_refused(name):
    with pytest.raises(Refusal, match=r"'source\.headers': .* is not a header"):
        web_file("https://prices.example/a", headers={name: "x"})


def test_two_users_at_once_are_refused():
    with pytest.raises(Refusal, match="remove one of them"):
        web_file("https://${U}:${P}@prices.example/a", headers={"authorization": "${T}"})


@pytest.mark.parametrize("value", ["s3cret\n", "s3cret\r\nX-More: y", "s3cret\x00", "s3cret€"])
def test_what_cannot_stand_in_a_header_is_refused_and_not_shown(server, monkeypatch, value):
    monkeypatch.setattr("os.environ", {"KEY": value})
    with pytest.raises(Refusal, match=r"'source\.headers\.X-Key': holds a line break") as caught:
        fetch(f"{server.uri}/a", headers={"X-Key": "${KEY}"})
    assert "s3cret" not in str(caught.value)
    assert not server.requests


@pytest.mark.parametrize("uri", ["/a?${KEY}", "/${KEY}"])
@pytest.mark.parametrize("value", ["s3cret\n", "a HTTP/1.1\r\nHost: s3cret", "\x00s3cret"])
def test_a_line_break_in_the_uri_is_refused_and_not_shown(server, monkeypatch, uri, value):
    monkeypatch.setattr("os.environ", {"KEY": value})
    for asked in (server.uri + uri, f"http://u:${{KEY}}@127.0.0.1:{server.port}/a"):
        with pytest.raises(Refusal, match=r"'source\.uri': .*a line break") as caught:
            fetch(asked)
        assert "s3cret" not in str(caught.value)
    assert not server.requests


@pytest.mark.parametrize("uri", ["https://", "https://a\n.example/"])
def test_what_is_no_web_address_is_no_web_file(uri):
    with pytest.raises(Refusal, match=r"^config key 'source\.uri': "):
        web_file(uri)


def test_a_web_file_shows_no_header():
    shown = repr(web_file("https://a.example/?k=${KEY}", headers={"X-Mine": "private"}))
    assert "private" not in shown
    assert "https://a.example/?k=${KEY}" in shown
