"""The table of `pricewright history` on terminals of several widths."""

from pricewright.commands.history import _row, _table
from pricewright.releases.models import Training
from pricewright.signoffs.ledger import Entry

HEADS = ["trained", "by", "model", "prices to", "interval", ""]
ROWS = [["2026-11-30 19:35", "ann", "05a24cc783b0", "2013-02-19", "1.0057", "in production"]]


def test_a_narrow_terminal_shows_the_most_important_columns():
    assert _table(HEADS, ROWS, 1000).split()[:6] == [
        "trained",
        "by",
        "model",
        "prices",
        "to",
        "interval",
    ]
    narrower = _table(HEADS, ROWS, 70)
    assert max(map(len, narrower.splitlines())) <= 70
    assert "interval" not in narrower
    assert "prices to" in narrower
    assert _table(HEADS, ROWS, 10).split()[:2] == ["trained", "model"]


def test_a_training_is_accepted_or_not_and_an_early_version_did_not_say():
    def verdict(**fields):
        run = Entry(1, "2026-11-30T19:35:00Z", "run", "ann", {"run": "f" * 64} | fields, "", "")
        return _row(Training(run))[5]

    assert verdict(accepted=True) == "accepted"
    assert verdict(accepted=False, mode="score") == "not accepted, scored"
    assert verdict() == "-"
