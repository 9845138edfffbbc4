"""Helpers that ask a source for its deliveries."""

import orjson
import pytest

from pricewright.files.errors import Refusal
from pricewright.intake.sources.database import Query
from pricewright.intake.sources.items import items as items_of
from pricewright.intake.sources.source import Source

NO_ROWS = b"[]\n"
"""The delivery of a query that finds nothing."""

PRICES = (
    b'{"day":"2024-01-02","symbol":"NA","close":"1.10","volume":100}\n'
    b'{"day":"2024-01-03","symbol":"TRUE","close":"2","volume":null}\n'
)
"""The PostgreSQL server's table `prices`, as it is delivered."""


def read(item, known=""):
    """All bytes of an item; None if nothing changed."""
    with item.open(known) as answer:
        return None if answer.chunks is None else b"".join(answer.chunks)


def records(item):
    """The records of an item that is JSON Lines."""
    return [orjson.loads(line) for line in read(item).splitlines()]


def refused(call, *words):
    """The one sentence with which a call is refused, checked to contain the words."""
    with pytest.raises(Refusal) as caught:
        call()
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    for word in words:
        assert word in text
    return text


def items(server, uri, **settings):
    """The items of an S3 server, or of anything with an endpoint."""
    given = {"endpoint": server.endpoint, "timeout": 5.0} | settings
    return items_of(Source(uri=uri, **given))


def only(server, uri, **settings):
    """The only item at a URI."""
    [item] = items(server, uri, **settings)
    return item


def ask(uri, query=None, **settings):
    """A query, or else the table `prices`, as an item."""
    what = {"query": query} if query else {"table": "prices"}
    return Query(Source(**{"uri": uri, **what} | settings))
