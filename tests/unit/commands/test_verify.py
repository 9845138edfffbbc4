"""What the command `pricewright verify` says besides problems."""

from pricewright.commands import verify as verifying


def test_the_part_of_a_line_that_a_killed_writer_left_is_told_and_no_problem(
    firm, monkeypatch, capsys
):
    firm.signed_release(0)
    with (firm.root / "ledger/ledger.jsonl").open("ab") as file:
        file.write(b'{"sequence')
    monkeypatch.chdir(firm.root)
    monkeypatch.setattr(verifying, "config_of_run", lambda *given: (firm.config, []))
    verifying.verify()
    note, result = capsys.readouterr().out.splitlines()
    assert "ends after 10 bytes: its writer was killed" in note
    assert result.endswith("are intact.")
