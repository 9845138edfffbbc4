import needs
import pytest


def test_what_the_machine_lacks_is_said_in_one_sentence_with_the_packages(monkeypatch, capsys):
    monkeypatch.setattr(needs, "is_here", lambda program: program not in ("initdb", "slurmd"))
    with pytest.raises(SystemExit) as end:
        needs.main([])
    assert str(end.value) == (
        "The tests need initdb, which this machine lacks; on Debian: apt-get install postgresql"
    )
    needs.main(["--packages", "--cluster"])
    assert capsys.readouterr().out == "postgresql\nslurmd\n"


def test_what_is_there_is_not_asked_for(monkeypatch):
    monkeypatch.setattr(needs, "is_here", lambda program: True)
    needs.main([])
    needs.main(["--cluster"])
    assert needs.main(["--packages"]) is None
