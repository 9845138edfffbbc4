import logging
import os
import socket
import subprocess
import sys
import time
import traceback
from types import SimpleNamespace

import pytest

from conftest import SCRIPTS
from pricewright.files.errors import Refusal
from s3_service import BODY, failing, reply, stored
from source_items import items, only, read, refused
from web_server import certificate

TOKEN = "canary+SessionToken/=="

pytestmark = pytest.mark.usefixtures("no_settings")


def test_without_keys_it_is_nobody_who_asks(script, monkeypatch, tmp_path):
    """Keys in files and the metadata service of a cloud's machine are not looked at."""
    server = script(stored)
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = FROMFILE\naws_secret_access_key = hidden\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.endpoint)
    assert read(only(server, "s3://one/prices.csv")) == BODY
    assert {path for _, path, _ in server.seen} == {"/one/prices.csv"}
    assert not any("Authorization" in headers for *_, headers in server.seen)


def test_keys_region_and_token_sign_the_request(script, desk, monkeypatch):
    server = script(stored)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)

    def signed(**settings):
        server.requests.clear()
        read(only(server, "s3://one/prices.csv", **settings))
        [(_, _, headers), *_] = server.seen
        assert headers["x-amz-security-token"] == TOKEN
        scope = headers["authorization"].split("Credential=")[1].split("/")
        return scope[0], scope[2]

    assert signed() == (desk.key, "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert signed() == (desk.key, "eu-west-3")
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert signed() == (desk.key, "eu-west-2")
    assert signed(region="eu-west-1") == (desk.key, "eu-west-1")


def test_the_endpoint_may_come_from_the_environment(script, monkeypatch):
    server, specific, other = script(stored), script(stored), script(stored)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint + "/")
    assert read(only(other, "s3://one/prices.csv", endpoint=None)) == BODY
    assert (bool(server.seen), bool(other.seen)) == (True, False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", specific.endpoint)
    server.requests.clear()
    assert read(only(other, "s3://one/prices.csv", endpoint=None)) == BODY
    assert (bool(server.seen), bool(specific.seen), bool(other.seen)) == (False, True, False)
    specific.requests.clear()
    assert read(only(other, "s3://one/prices.csv")) == BODY
    assert (bool(specific.seen), bool(other.seen)) == (False, True)


@pytest.mark.parametrize(
    "endpoint",
    ["127.0.0.1:9", "ftp://host", "http://", "http://user:word@host", "http://a b", "http://h:x",
     "http://h?x", "http://h\n"],
)  # fmt: skip
def test_what_is_no_endpoint_is_refused_and_not_shown(endpoint, monkeypatch):
    server = SimpleNamespace(endpoint=endpoint)
    text = refused(lambda: read(only(server, "s3://one/a.csv")), "'source.endpoint'", "https://")
    assert "word" not in text
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    server.endpoint = None
    refused(lambda: read(only(server, "s3://one/a.csv")), "variable AWS_ENDPOINT_URL:")


def test_a_host_that_the_sdk_does_not_take_is_refused():
    server = SimpleNamespace(endpoint="http://under_score:9")
    refused(lambda: read(only(server, "s3://one/prices.csv")), "source.endpoint")


def test_what_is_no_region_is_refused(desk):
    refused(lambda: read(only(desk, "s3://one/a.csv", region="a b")), "'source.region'", "'a b'")


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_of_a_key_is_refused(desk, monkeypatch, name):
    monkeypatch.delenv(name)
    refused(lambda: read(only(desk, "s3://one/prices.csv")), f"variable {name}: not set")


def test_a_closed_bucket_asks_for_keys(s3):
    s3.put("closed", {"prices.csv": BODY})
    words = "access denied; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    refused(lambda: read(only(s3, "s3://closed/prices.csv")), words)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (301, "source.region"),
        (400, "source.region"),
        (401, "access denied; check AWS_ACCESS_KEY_ID"),
        (403, "access denied; check AWS_ACCESS_KEY_ID"),
        (404, "no such object"),
        (405, "the service refuses the request"),
        (416, "the service refuses the request"),
    ],
)
def test_an_object_refused_for_good_is_a_refusal(script, desk, status, words):
    server = script(failing(status))
    refused(lambda: read(only(server, "s3://one/prices.csv")), "s3://one/prices.csv: ", words)
    assert [method for method, *_ in server.seen] == ["HEAD"]


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "ExpiredToken", "AWS_SESSION_TOKEN"),
        (401, "Unheard", "access denied"),
        (403, "Unheard", "access denied"),
        (403, "AccessDenied", "access denied"),
        (403, "InvalidAccessKeyId", "access denied"),
        (403, "SignatureDoesNotMatch", "access denied"),
        (403, "RequestTimeTooSkewed", "clock"),
        (404, "NoSuchBucket", "no such bucket"),
    ],
)
def test_a_listing_refused_for_good_is_a_refusal(script, desk, status, code, words):
    refused(lambda: items(script(failing(status, code)), "s3://one/d/"), "s3://one/d/: ", words)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_trouble_of_the_service_may_pass(script, status):
    server = script(failing(status, "SlowDown"))
    with pytest.raises(OSError, match=r"s3://one/prices\.csv: .* \(HTTP status"):
        read(only(server, "s3://one/prices.csv"))
    with pytest.raises(OSError, match="s3://one/d/: "):
        items(server, "s3://one/d/")
    assert [method for method, *_ in server.seen] == ["HEAD", "GET"]  # the one retry is ours


def test_a_service_that_is_not_reached_may_come_back():
    server = SimpleNamespace(endpoint="http://127.0.0.1:9")
    with pytest.raises(OSError, match="Could not connect"):
        read(only(server, "s3://one/prices.csv"))


def test_a_service_that_says_nothing_is_given_up_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = SimpleNamespace(endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(OSError, match="Timeout"):
            read(only(server, "s3://one/prices.csv", timeout=1))
        assert time.monotonic() - start < 3


def test_a_certificate_is_checked_and_its_signer_may_be_named(script, monkeypatch, tmp_path):
    context, authority = certificate(tmp_path)
    server = script(stored, context=context)
    item = only(server, "s3://one/prices.csv")
    refused(lambda: read(item), "certificate", "set AWS_CA_BUNDLE")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))
    refused(lambda: read(item), "certificate", "set AWS_CA_BUNDLE")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
    assert read(item) == BODY


def test_an_endpoint_may_be_a_path_on_a_host(script):
    server = script(stored)
    item = only(server, "s3://one/prices.csv", endpoint=f"{server.endpoint}/store/")
    assert read(item) == BODY
    assert {path for _, path, _ in server.seen} == {"/store/one/prices.csv"}


def test_the_environment_stays_as_it_is(script, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", "mine")
    before = dict(os.environ)
    read(only(script(stored), "s3://one/prices.csv"))
    assert dict(os.environ) == before


ASK = """
import sys
from pricewright.intake.sources.s3 import s3_items
from pricewright.intake.sources.source import Source

[item] = s3_items(Source(uri="s3://one/prices.csv", endpoint=sys.argv[1]))
with item.open() as answer:
    print(len(b"".join(answer.chunks)))
"""


def test_the_sdk_says_nothing_and_reads_no_file_of_the_user(desk, tmp_path):
    """Who opened these pipes would wait for ever."""
    desk.put("one-more", {"prices.csv": BODY})
    (tmp_path / ".aws").mkdir()
    for name in ("config", "credentials"):
        os.mkfifo(tmp_path / ".aws" / name)
    asked = subprocess.run(
        [sys.executable, "-c", ASK.replace("one/", "one-more/"), desk.endpoint],
        env=os.environ
        | {"HOME": str(tmp_path), "PYTHONPATH": str(SCRIPTS), "ARROW_S3_LOG_LEVEL": "TRACE"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (asked.stdout, asked.stderr) == (f"{len(BODY)}\n", "")


def test_no_secret_is_in_an_error_a_repr_a_log_or_the_bytes(
    script, desk, monkeypatch, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("DESK", "canary-desk")
    desk.put("canary-desk", {"prices.csv": BODY})
    caplog.clear()
    item = only(desk, "s3://${DESK}/prices.csv")
    written = [repr(item), read(item).decode()]

    def telling(request):
        """A service that tells what it was sent."""
        secrets = f"{desk.secret} {TOKEN} {request.headers['authorization']} canary-desk"
        body = f"<Error><Code>SlowDown</Code><Message>{secrets}</Message></Error>"
        reply(request, 503, body.encode())

    server = script(telling)
    for failed in (
        lambda: read(only(server, "s3://${DESK}/prices.csv")),
        lambda: items(server, "s3://${DESK}/"),
        lambda: read(only(script(failing(403)), "s3://${DESK}/prices.csv")),
        lambda: read(only(script(failing(404)), "s3://${DESK}/prices.csv")),
        lambda: read(only(desk, "s3://${DESK}/none.csv")),
        lambda: read(only(desk, "s3://${DESK}/../none.csv")),
        lambda: items(desk, "s3://${DESK}/none/"),
        lambda: read(only(SimpleNamespace(endpoint="http://127.0.0.1:9"), "s3://${DESK}/a.csv")),
    ):
        with pytest.raises((OSError, Refusal)) as caught:
            failed()
        written.append("".join(traceback.format_exception(caught.value)))
    said = "\n".join([*written, *(record.getMessage() for record in caplog.records)])
    said += "".join(capfd.readouterr())
    for canary in (desk.key, desk.secret, TOKEN, "canary-desk"):
        assert canary in "".join(map(str, server.seen)) or canary == desk.secret
        assert canary not in said
