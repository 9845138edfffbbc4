import socket

import pytest

from pricewright.files.errors import Refusal
from pricewright.intake.sources.addresses import (
    WebAddress,
    check_host,
    ip_addresses,
    is_public,
    split_address,
    web_address,
)


def address(uri):
    return web_address(split_address(uri))


@pytest.mark.parametrize("ip", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1"])
def test_a_public_address_may_be_asked(ip):
    assert is_public(ip)
    check_host(address("https://prices.example/"), [ip], [])


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.1.2.3",
        "172.31.0.1",
        "192.168.1.1",
        "169.254.169.254",  # a cloud's metadata
        "100.64.0.1",
        "192.0.0.192",  # another cloud's
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "ff0e::1",
        "2001:db8::1",
        "2001::7f00:1",
        "64:ff9b:1::808:808",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_any_other_address_may_not(ip):
    assert not is_public(ip)


@pytest.mark.parametrize("ip", ["::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808"])
def test_ipv6_that_wraps_a_public_address_is_public(ip):
    assert is_public(ip)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "LocalHost",
        "localhost.",
        "db.localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
    ],
)
def test_loopback_is_recognised_however_it_is_written(host):
    asked = address(f"http://{host}/prices.csv")
    with pytest.raises(Refusal, match=r"source\.uri': the host .* has the address .*allow_hosts"):
        check_host(asked, ip_addresses(asked), [])


def test_one_address_that_is_not_public_is_enough_to_refuse(monkeypatch):
    ends = [(2, 1, 6, "", (ip, 443)) for ip in ("8.8.8.8", "10.0.0.7", "8.8.8.8")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ends)
    asked = address("https://prices.example/")
    assert ip_addresses(asked) == ["8.8.8.8", "10.0.0.7"]
    with pytest.raises(Refusal, match=r"the host prices\.example has the address 10\.0\.0\.7"):
        check_host(asked, ip_addresses(asked), [])


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("prices.desk", "prices.desk"),
        ("Prices.DESK.", "prices.desk"),
        ("prices.desk", "PRICES.desk."),
        ("[fd00::1]", "fd00::1"),
        ("[fd00::1]", "[FD00::1]"),
        ("127.0.0.1", "127.0.0.1"),
        ("bücher.desk", "BÜCHER.desk"),
        ("bu\u0308cher.desk", "b\u00fccher.desk"),
    ],
)
def test_a_host_that_config_allows_may_lie_anywhere(host, allowed):
    check_host(address(f"http://{host}/"), ["10.0.0.7"], ["other.desk", allowed])


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.1", "127.0.0.1"),
        ("prices.desk", "desk"),
        ("desk", "prices.desk"),
        ("prices.desk", "10.0.0.7"),
        ("prices.desk", ""),
    ],
)
def test_a_host_is_allowed_only_as_it_is_written(host, allowed):
    with pytest.raises(Refusal):
        check_host(address(f"http://{host}/"), ["10.0.0.7"], [allowed])


@pytest.mark.parametrize(
    ("uri", "sent"),
    [
        ("http://prices.example", "http://prices.example/"),
        ("HTTPS://Prices.Example:443/a", "https://Prices.Example/a"),
        ("http://prices.example:443/a", "http://prices.example:443/a"),
        ("http://prices.example:/a", "http://prices.example/a"),
        ("https://[2606:2800::1]:8443/a", "https://[2606:2800::1]:8443/a"),
        (
            "https://bücher.example/Preise März.csv",
            "https://xn--bcher-kva.example/Preise%20M%C3%A4rz.csv",
        ),
        (
            "https://a.example/x%20y+z?from=a b&q=ü%2F/?",
            "https://a.example/x%20y+z?from=a%20b&q=%C3%BC%2F/?",
        ),
        ("https://a.example?x=1", "https://a.example/?x=1"),
        ("https://a.example/a#rows", "https://a.example/a"),
        ("https://u:p@a.example/x@y", "https://a.example/x@y"),
    ],
)
def test_an_address_is_quoted_as_browsers_do(uri, sent):
    assert address(uri).uri == sent


@pytest.mark.parametrize(
    "uri",
    [
        "ftp://prices.example/a",
        "prices.csv",
        "https:/prices.example/a",
        "https://",
        "https:///a",
        "https://u@/a",
        "https://a b.example/",
        "https://a..example/",
        "https://[::1/",
        "https://[::g]/",
        "https://[1::2::3]/",
        "https://[fe80::1%25eth0]/",
        "https://127%2e0.0.1/",
        "https://a.example:port/",
        "https://a.example:0/",
        "https://a.example:65536/",
        "https://a.example\\@b.example/",
        "https://faß.example/",
        "https://\uff11\uff12\uff17.0.0.1/",
        f"https://{'a' * 64}.example/",
        "https://a.example/x\r\nX-More: y",
        "https://a.example/\x00",
        "https://a.example/\ud800",
    ],
)
def test_what_is_no_address_is_refused_and_not_shown(uri):
    with pytest.raises(Refusal, match=r"^config key 'source\.uri': [^\n]*\.$") as caught:
        address(uri)
    assert "example/" not in str(caught.value).replace("https://prices.example/a.csv", "")


def test_what_fills_a_piece_stays_in_it():
    parts = split_address("https://${A}.example:${P}/${A}?key=${K}")
    filled = {"${A}.example:${P}": "a.example:81", "/${A}": "/a?b#c", "key=${K}": "key=a#b&c d"}
    assert web_address(parts, filled.__getitem__) == WebAddress(
        "https", "a.example", 81, "/a%3Fb%23c?key=a%23b&c%20d"
    )


@pytest.mark.parametrize("value", ["a.example/b", "u@a.example", "a.example?x", "a\n.example"])
def test_what_fills_a_host_cannot_be_more_than_a_host(value):
    with pytest.raises(Refusal):
        web_address(split_address("https://${HOST}/"), lambda text: text.replace("${HOST}", value))


def test_an_address_shows_nothing_but_scheme_and_port():
    assert repr(address("https://s3cret.example/s3cret?s3cret")) == (
        "WebAddress(scheme='https', port=443)"
    )


@pytest.mark.parametrize(
    ("host", "number"), [("4294967297", True), ("1.2.3.0x", True), ("a.b1", False), ("1.b", False)]
)
def test_a_host_that_ends_in_a_number_is_no_name(host, number):
    assert address(f"http://{host}/").is_number is number
