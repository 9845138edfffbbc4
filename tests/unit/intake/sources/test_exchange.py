import base64
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from pricewright.files.errors import Refusal
from web_server import (
    CSV,
    certificate,
    hung_up,
    know_names,
    reply,
    sent,
    serving,
    web_file,
)

pytestmark = pytest.mark.usefixtures("no_settings")


def fetch(uri, *allowed, **settings):
    with web_file(uri, allow_hosts=allowed, **settings).open() as got:
        return b"".join(got.chunks)


def test_the_address_that_was_checked_is_the_one_that_is_asked(monkeypatch):
    """A name that first resolves to an address that may be asked, and then to another."""
    with serving({"/a": reply()}) as server:
        asked = know_names(monkeypatch, prices_desk=[["127.0.0.1"], ["127.0.0.2"]])
        assert fetch(f"http://prices.desk:{server.port}/a", "prices.desk") == CSV
        assert asked == ["prices.desk"]
        assert sent(server)["Host"] == f"prices.desk:{server.port}"


def test_the_next_address_is_asked_if_one_does_not_take_a_connection(monkeypatch):
    with serving({"/a": reply()}) as server:
        know_names(monkeypatch, prices_desk=[["127.0.0.9", "127.0.0.1"]])
        assert fetch(f"http://prices.desk:{server.port}/a", "prices.desk") == CSV


def test_nobody_is_asked_who_may_not_be(monkeypatch):
    know_names(monkeypatch, prices_example=[["127.0.0.1"]])
    with serving({"/a": reply()}) as server:
        for host in ("127.0.0.1", "2130706433", "0x7f.1", "localhost.", "prices.example"):
            with pytest.raises(Refusal, match=r"has the address 127\.0\.0\.1.*source\.allow_hosts"):
                fetch(f"http://{host}:{server.port}/a", "prices.desk")
        assert not server.requests


def test_a_name_that_does_not_resolve_is_trouble_that_may_pass(monkeypatch):
    know_names(monkeypatch)
    with pytest.raises(OSError, match=r"^https://prices\.example/a: the host's address is not"):
        fetch("https://prices.example/a")


def test_a_server_that_is_down_is_trouble_that_may_pass():
    with serving() as server:
        uri = f"{server.uri}/a"
    with pytest.raises(OSError, match=r"^http://127\.0\.0\.1:\d+/a: Connection refused; ask again"):
        fetch(uri, "127.0.0.1")


def test_an_answer_that_makes_no_sense_leaves_no_connection_open():
    with serving({"/a": (b"nonsense\r\n\r\n", threading.Event())}) as server:
        with pytest.raises(OSError, match="not HTTP") as caught:
            fetch(f"{server.uri}/a", "127.0.0.1")
        assert caught.value.__context__ is not None  # and holds what was open then
        assert hung_up(server)


def test_a_connection_that_is_not_taken_ends_with_the_timeout():
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())  # the only place in the queue
        port = full.getsockname()[1]
        with pytest.raises(OSError, match=r"nothing arrived for 0\.1 seconds"):
            fetch(f"http://127.0.0.1:{port}/a", "127.0.0.1", timeout=0.1)


@pytest.mark.parametrize("begun", [True, False])
def test_a_server_that_drips_is_cut_at_the_time_that_a_delivery_may_take(begun):
    def drip(handler):
        """A byte of the body, or of the header lines, now and then, well within the timeout."""
        handler.wfile.write(reply(CSV * 1000)[:120] if begun else b"HTTP/1.1 200 OK\r\nX: ")
        with suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(b"1")
                handler.wfile.flush()
                time.sleep(0.02)
        return b""

    sentence = r"the delivery took more than 0\.3 seconds; raise source\.max_seconds"
    with serving({"/": drip}) as server, pytest.raises(Refusal, match=sentence):
        fetch(server.uri, "127.0.0.1", max_seconds=0.3)


def test_a_handshake_that_does_not_come_ends_with_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"https://127.0.0.1:{silent.getsockname()[1]}/a"
        with pytest.raises(OSError, match=r"nothing arrived for 0\.1 seconds"):
            fetch(uri, "127.0.0.1", timeout=0.1)


@contextmanager
def saying(answer):
    """The port of a server that says the same to whatever comes, once."""

    def say():
        with suppress(OSError), listening.accept()[0] as line:
            line.recv(10000)
            line.sendall(answer)
            line.recv(10000)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        thread = threading.Thread(target=say)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def test_a_server_without_tls_is_trouble():
    with saying(reply(status=400)) as port, pytest.raises(OSError, match="SSL"):
        fetch(f"https://127.0.0.1:{port}/a", "127.0.0.1")


def test_https_proves_the_name_that_was_asked_for_and_not_the_address(tls, monkeypatch):
    know_names(monkeypatch, prices_example=[["127.0.0.1"]])
    with serving({"/a": reply()}, context=tls) as server:
        assert fetch(f"{server.uri}/a", "127.0.0.1") == CSV
        assert fetch(f"https://prices.example:{server.port}/a", "prices.example") == CSV


def test_a_certificate_for_another_name_is_refused(tls, monkeypatch):
    know_names(monkeypatch, other_example=[["127.0.0.1"]])
    with (
        serving({"/a": reply()}, context=tls) as server,
        pytest.raises(Refusal, match=r"not trusted \(Hostname mismatch.*SSL_CERT_FILE"),
    ):
        fetch(f"https://other.example:{server.port}/a", "other.example")
    assert not server.requests


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    context, _ = certificate(tmp_path)
    with (
        serving({"/a": reply()}, context=context) as server,
        pytest.raises(Refusal, match=r"not trusted \(self-signed certificate"),
    ):
        fetch(f"{server.uri}/a", "127.0.0.1")


def test_a_certificate_that_has_expired_is_refused(tmp_path, monkeypatch):
    context, authority = certificate(tmp_path, expired=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with (
        serving({"/a": reply()}, context=context) as server,
        pytest.raises(Refusal, match=r"not trusted \(certificate has expired"),
    ):
        fetch(f"{server.uri}/a", "127.0.0.1")


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_http_goes_through_the_proxy_of_the_environment(monkeypatch):
    know_names(monkeypatch)  # only the proxy knows the host
    with serving({"http://prices.desk:8080/a": reply()}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://desk:p%40ss@127.0.0.1:{proxy.port}")
        assert fetch("http://prices.desk:8080/a?x=1") == CSV
        assert proxy.requests[-1].path == "http://prices.desk:8080/a?x=1"
        assert sent(proxy)["Host"] == "prices.desk:8080"
        assert sent(proxy)["Proxy-Authorization"] == basic("desk:p@ss")


def test_https_goes_through_the_proxy_in_a_tunnel(tls, monkeypatch):
    know_names(monkeypatch)
    monkeypatch.setenv("KEY", "s3cret")
    with serving({"/a": reply()}, context=tls) as server, serving() as proxy:
        proxy.answers["CONNECT"] = ("127.0.0.1", server.port)
        monkeypatch.setenv("HTTPS_PROXY", f"desk:pass@127.0.0.1:{proxy.port}")
        headers = {"X-Key": "${KEY}"}
        assert fetch("https://prices.example/a", headers=headers) == CSV
        assert proxy.requests[-1].path == "prices.example:443"
        assert sent(proxy)["Proxy-Authorization"] == basic("desk:pass")
        assert sent(proxy)["X-Key"] is None
        assert sent(server)["X-Key"] == "s3cret"
        assert sent(server)["Proxy-Authorization"] is None
        with pytest.raises(Refusal, match="not trusted"):
            fetch("https://other.example/a")


def test_a_proxy_is_not_used_for_hosts_that_no_proxy_names(monkeypatch):
    with serving({"/a": reply()}) as server, serving() as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.uri)
        monkeypatch.setenv("NO_PROXY", "prices.desk,127.0.0.1")
        assert fetch(f"{server.uri}/a", "127.0.0.1") == CSV
        assert not proxy.requests


def test_what_may_not_be_asked_is_not_asked_through_a_proxy(monkeypatch):
    know_names(monkeypatch, prices_example=[["10.0.0.7"]])
    with serving() as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.uri)
        for host in ("127.0.0.1", "0x7f.1", "[::1]", "x.localhost", "prices.example"):
            with pytest.raises(Refusal, match="allow_hosts"):
                fetch(f"http://{host}/a", "prices.desk")
        with pytest.raises(OSError, match="address is not found"):
            fetch("http://4294967297/a")  # what a proxy makes of it, nobody knows
        assert not proxy.requests


def test_an_allowed_host_is_asked_through_a_proxy(monkeypatch):
    know_names(monkeypatch, prices_desk=[["10.0.0.7"]])
    with serving({"http://prices.desk/a": reply()}) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.uri)
        assert fetch("http://prices.desk/a", "prices.desk") == CSV


@pytest.mark.parametrize(
    "proxy", ["socks5://u:s3cret@proxy:1080", "http://u:s3cret@proxy:x", "://", "http://"]
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(monkeypatch, proxy):
    know_names(monkeypatch)
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(Refusal, match=r"^environment variable HTTPS_PROXY .*http://host:port\.$"):
        fetch("https://prices.example/a")


def test_a_proxy_that_is_down_is_trouble_that_is_said_to_be_its_own(monkeypatch):
    know_names(monkeypatch)
    with serving() as proxy:
        where = f"127.0.0.1:{proxy.port}"
    monkeypatch.setenv("HTTPS_PROXY", f"http://desk:s3cret@{where}")
    with pytest.raises(OSError, match=rf"\(through the proxy {where}\): Connection refused"):
        fetch("https://prices.example/a")


def test_a_proxy_that_denies_is_trouble_and_says_why(monkeypatch):
    know_names(monkeypatch)
    with saying(reply(b"", status=407)) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with pytest.raises(OSError, match=r"\(through the proxy .*\): .* 407"):
            fetch("https://prices.example/a")
