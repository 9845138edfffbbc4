import logging

import pytest

from pricewright.files import secrets
from pricewright.files.errors import Refusal
from pricewright.files.secrets import expand_variables, read_secret, redact, refuse_plain_secrets
from pricewright.steplog.log import logger, to_file


@pytest.fixture(autouse=True)
def no_secrets_of_others(monkeypatch):
    monkeypatch.setattr(secrets, "_SECRETS", set())


def test_a_placeholder_is_the_environment_variables_value(monkeypatch):
    monkeypatch.setenv("PRICES_KEY", "s3cr&t")
    assert (
        expand_variables("https://host/?k=${PRICES_KEY}&a=1", "source.uri")
        == "https://host/?k=s3cr&t&a=1"
    )
    assert expand_variables("$PRICES_KEY {PRICES_KEY}", "source.uri") == "$PRICES_KEY {PRICES_KEY}"


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv("PRICES_KEY", raising=False)
    with pytest.raises(Refusal, match=r"'source\.uri': the environment variable PRICES_KEY is not"):
        expand_variables("${PRICES_KEY}", "source.uri")
    assert read_secret("PRICES_KEY") is None


def test_what_was_put_in_is_taken_out_of_every_text_in_every_form(monkeypatch):
    monkeypatch.setenv("PRICES_KEY", "s3cr&t /ö'")
    assert redact("s3cr&t /ö'") == "s3cr&t /ö'"
    read_secret("PRICES_KEY")
    for form in (
        "s3cr&t /ö'",
        "s3cr%26t%20/%C3%B6%27",
        "s3cr%26t%20%2F%C3%B6%27",
        "s3cr%26t+%2F%C3%B6%27",
    ):
        assert redact(f"a {form} b") == "a *** b"


def test_a_secret_of_a_letter_is_not_taken_out_of_words(monkeypatch):
    monkeypatch.setenv("DESK_KEY", "a")
    assert redact(expand_variables("key=${DESK_KEY}", "source.uri")) == "key=***"
    assert (
        redact("what happened at a day's end: &k=a&") == "what happened at *** day's end: &k=***&"
    )


def test_the_longest_secret_that_is_taken_out_only_as_a_word_has_three_characters(monkeypatch):
    for name, value in (("A", "sun"), ("B", "rain")):
        monkeypatch.setenv(name, value)
        read_secret(name)
    assert redact("sun, sunny, rainy") == "***, sunny, ***y"


def test_a_secret_within_another_leaves_nothing_of_it(monkeypatch):
    for name, value in (("A", "abcd"), ("B", "abcdefgh")):
        monkeypatch.setenv(name, value)
        read_secret(name)
    assert redact("abcdefgh abcd") == "*** ***"


def test_no_log_line_and_no_traceback_holds_a_secret(monkeypatch, tmp_path):
    monkeypatch.setenv("PRICES_KEY", "canary")
    read_secret("PRICES_KEY")
    monkeypatch.setattr(logger, "handlers", [])
    to_file(tmp_path / "ingest.log", "ingest")
    try:
        raise OSError("https://host/?key=canary")
    except OSError as error:
        logger.debug("canary", exc_info=error, extra={"fields": {"uri": "canary"}})
    text = (tmp_path / "ingest.log").read_text()
    assert "Traceback" in text
    assert "canary" not in text
    for handler in logger.handlers:
        handler.close()
    assert logging.getLogger("pricewright") is logger


@pytest.mark.parametrize(
    "uri",
    [
        "https://user:hunter2@host/prices.csv",
        "postgresql://user:hunter2@host/db",
        "postgresql://user:pre${PW}hunter2@host/db",
        "https://host/?apikey=hunter2",
        "https://host/?a=1&api_key=hunter2",
        "https://host/?access-token=hunter2#x",
        "https://host/?KEY=hunter2",
        "https://host/?x-amz-signature=hunter2",
        "https://host/?symbol=A&auth=hunter2",
    ],
)
def test_a_secret_that_is_written_out_is_refused_and_not_repeated(uri):
    with pytest.raises(Refusal, match="in plain text") as caught:
        refuse_plain_secrets(uri, "source.uri")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "data/raw/a@b:c.csv",
        "https://${USER}:${PW}@host/prices.csv",
        "postgresql://user@host/db",
        "https://host/?apikey=${KEY}&symbol=A",
        "https://host/?monkey=1&keyboard=2&key=",
    ],
)
def test_names_of_variables_and_harmless_parts_are_allowed(uri):
    refuse_plain_secrets(uri, "source.uri")
