"""A server's message that comes instead of prices is shown."""

import json

import pytest

from pricewright.files.errors import Refusal
from pricewright.files.secrets import expand_variables
from pricewright.intake.description import describe_file
from pricewright.intake.reading.content import recognise
from pricewright.intake.reading.delivery import read_delivery
from pricewright.intake.reading.dialect import Dialect
from pricewright.intake.reading.refusals import message_shown


def refusals(tmp_path, text):
    """Why a text is neither read nor described."""
    path = tmp_path / "p"
    path.write_text(text)
    found = []

    def delivered():
        content = recognise(path, "p")
        with message_shown(content):
            read_delivery(content, Dialect(symbol="A"))

    for read in (delivered, lambda: describe_file(path, "p")):
        with pytest.raises(Refusal) as caught:
            read()
        found.append(str(caught.value))
    return found


@pytest.mark.parametrize(
    "text",
    [
        '{"Error Message": "Invalid API call."}',
        '{"Note": "Thank you, 5 calls a minute are allowed. See https://v.example/"}',
        '{"error": "Invalid API call."}',
        '{"error": ["EQuery:Unknown asset pair"]}',
        '{"code": 429, "message": "out of credits", "status": "error"}',
        '{"chart": {"result": null, "error": {"code": "Not Found", "description": "none"}}}',
        '{"status": {"error_code": 429, "error_message": "too many"}}',
        '{"status": "error", "message": "too many", "data": []}',
        '{"code": -1121, "msg": "Invalid symbol."}',
        "Invalid API key",
        "Unauthorized\n",
        "Sorry, you have sent too many requests.\nCome back tomorrow.",
    ],
)
def test_a_message_instead_of_prices_is_shown(tmp_path, text):
    for said in refusals(tmp_path, text):
        assert said.startswith("p: holds a message instead of prices (")
        assert " ".join(text.split()) in said


@pytest.mark.parametrize(
    "text",
    [
        "Name of it,Price paid\nx y,z\n",
        "Day of trade\tPrice paid\n",
        json.dumps({"note": "x y", "rows": [{"paid": 1, "what": "x"}, {"paid": 2, "what": "x"}]}),
        '{"paid": 1, "what": "x"}',
        '{"paid": 1, "note": "x"}\n{"paid": 2, "note": "x"}\n',
        "[" * 1_500 + "]" * 1_500,
    ],
)
def test_a_table_that_cannot_be_read_is_not_taken_for_a_message(tmp_path, text):
    assert not any("message instead" in said for said in refusals(tmp_path, text))


def test_a_message_is_cut_and_shows_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("DESK_KEY", "hunter2hunter2")
    expand_variables("${DESK_KEY}", "source.uri")
    [said, _] = refusals(tmp_path, json.dumps({"error": "hunter2hunter2 is wrong" + " x" * 999}))
    assert "hunter2" not in said
    assert "*** is wrong" in said
    assert len(said) < 450
