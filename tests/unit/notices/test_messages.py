"""Messages to real services on loopback: once, again when something changed, never a secret."""

import json
import re
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from conftest import SCRIPTS
from pricewright.files.errors import Refusal
from pricewright.notices import messages
from pricewright.notices.facts import Notice
from pricewright.notices.messages import OVER, TOLD, message, tell
from pricewright.notices.options import Notify

FAILED = Notice("failed", "clean failed; logs/clean.log says why.", "pricewright status", "line 5")
LATE = Notice("late", "The data are late.", "snakemake --cores 1")
RELEASED = Notice("released", "ann put release abc into production.", "pricewright history", "1")


def config(variable, **options):
    """A config that notifies the services in an environment variable."""
    return {"notify": {"to": [variable], **options}, "report": {"title": "Oil"}}


@pytest.fixture
def desk(tmp_path, monkeypatch, web_hook):
    """Tells a web hook of what was found, as the run of a project does."""
    monkeypatch.setenv("DESK_HOOK", web_hook.url)

    def told(*found, known=(), **options):
        return tell(tmp_path, config("DESK_HOOK", **options), list(found), known)

    return told


def test_a_mail_says_what_it_is_about_and_the_next_command(tmp_path, monkeypatch, mailbox):
    monkeypatch.setenv("DESK_MAIL", mailbox.url)
    assert tell(tmp_path, config("DESK_MAIL"), [FAILED, LATE]) == []
    [mail] = mailbox.messages
    assert mail["Subject"] == "Oil: failed, data late"
    assert "ann@example.com" in mail["To"]
    [text] = mailbox.texts()
    assert text.split("\n\n")[0].splitlines() == [FAILED.text, f"Next: {FAILED.command}"]
    assert LATE.text in text


def test_each_service_gets_one_message_with_all_that_is_new(
    tmp_path, monkeypatch, web_hook, mailbox
):
    monkeypatch.setenv("DESK", f"{web_hook.url} {mailbox.url}")
    assert tell(tmp_path, config("DESK"), [FAILED, LATE]) == []
    assert web_hook.titles() == ["Oil: failed, data late"]
    assert len(mailbox.messages) == 1


def test_the_same_is_told_once_and_again_when_it_changed(desk, web_hook):
    desk(FAILED)
    desk(FAILED)
    assert len(web_hook.taken) == 1
    desk(Notice("failed", FAILED.text, FAILED.command, "line 6"))
    assert len(web_hook.taken) == 2
    desk(Notice("failed", "report failed.", FAILED.command, "line 6"), LATE)
    assert web_hook.titles()[2:] == ["Oil: failed, data late"]


def test_what_is_new_alone_is_in_a_later_message(desk, web_hook):
    desk(FAILED)
    desk(FAILED, LATE)
    assert web_hook.titles()[1] == "Oil: data late"
    assert FAILED.text not in web_hook.texts()[1]


def test_that_it_is_over_is_told_once_and_only_by_a_run_that_knows(desk, web_hook):
    desk(FAILED)
    desk(known=["waiting"])
    assert len(web_hook.taken) == 1
    desk(known=["failed", "waiting"])
    desk(known=["failed", "waiting"])
    assert web_hook.titles()[1:] == ["Oil: well again"]
    assert web_hook.texts()[1] == OVER["failed"]
    desk(FAILED)
    assert web_hook.titles()[2:] == ["Oil: failed"]


def test_of_what_nobody_asks_for_any_more_it_is_not_told_that_it_is_over(desk, web_hook):
    desk(FAILED)
    desk(known=["failed"], events=("late",))
    assert len(web_hook.taken) == 1


def test_that_nobody_is_waited_for_any_more_is_not_told_and_it_may_be_told_again(desk, web_hook):
    waiting = Notice("waiting", "Model abc waits for people.", "pricewright sign source")
    desk(waiting)
    assert desk(known=["waiting"]) == []
    assert len(web_hook.taken) == 1
    desk(waiting)
    assert len(web_hook.taken) == 2


def test_each_release_is_told_once(desk, web_hook):
    desk(RELEASED)
    desk(RELEASED)
    assert web_hook.titles() == ["Oil: released"]
    desk(replace(RELEASED, more="2"))
    assert web_hook.titles() == ["Oil: released", "Oil: released"]


def test_a_switch_that_a_service_missed_is_told_later_and_once(desk, web_hook):
    web_hook.status = 500
    assert len(desk(RELEASED)) == 1
    web_hook.status = 200
    desk(RELEASED)
    desk(RELEASED)
    assert web_hook.titles() == ["Oil: released"]


def test_only_the_events_that_config_names_are_told(desk, web_hook):
    desk(FAILED, LATE, events=("late",))
    assert web_hook.titles() == ["Oil: data late"]


def test_a_service_that_refuses_is_said_and_told_the_next_time(desk, web_hook):
    web_hook.status = 500
    [untold] = desk(FAILED)
    assert untold == (
        "Service 1 of the environment variable DESK_HOOK did not accept the message (HTTP status "
        "500): failed; check the service and its URL."
    )
    web_hook.status = 200
    assert desk(FAILED) == []
    assert web_hook.titles() == ["Oil: failed"]


def test_where_messages_cannot_be_sent_at_all_the_run_goes_on(desk, monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    [untold] = desk(FAILED)
    assert "did not accept the message (ModuleNotFoundError): failed; " in untold


def test_a_service_that_refuses_is_still_known_to_have_been_told_before(
    tmp_path, monkeypatch, web_hook, mailbox
):
    monkeypatch.setenv("DESK", f"{web_hook.url} {mailbox.url}")
    assert tell(tmp_path, config("DESK"), [FAILED]) == []
    web_hook.status = 500
    assert len(tell(tmp_path, config("DESK"), [FAILED, LATE])) == 1
    web_hook.status = 200
    assert tell(tmp_path, config("DESK"), [FAILED, LATE]) == []
    assert web_hook.titles() == ["Oil: failed", "Oil: data late"]
    assert len(mailbox.messages) == 2


def test_one_service_that_is_down_keeps_no_other_from_being_told_and_it_is_said_why(
    tmp_path, monkeypatch, web_hook, mailbox, silent_url
):
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(mailbox, "reply", "554 s3cret")
    monkeypatch.setattr(messages, "SECONDS", 6)
    down = {
        f"json://ann:s3cret@{closed}/s3cret-token": "connection refused",
        mailbox.url.replace("mailto://", "mailto://ann:s3cret@").replace(
            mailbox.url[9:].partition("?")[0], closed
        ): "connection refused",
        mailbox.url: "SMTP status 554",
        "s3cret": "Apprise cannot read its URL",
        "nosuchservice://s3cret": "Apprise cannot read its URL",
        "slack://s3cret/token": "Apprise cannot read its URL",
        "json://ann:s3cret@no-such-host.invalid": "unknown host",
        web_hook.url.replace("json://", "jsons://"): "no secure connection",
        silent_url: "no answer in time",
    }
    monkeypatch.setenv("DESK", f"{' '.join(down)} {web_hook.url}")
    untold = tell(tmp_path, config("DESK"), [LATE])
    assert [re.findall(r"^Service (\d) .*\((.*)\)", each)[0] for each in untold] == [
        (str(number), why) for number, why in enumerate(down.values(), 1)
    ]
    assert "s3cret" not in "".join(untold)
    assert web_hook.titles() == ["Oil: data late"]


def test_a_variable_that_is_not_set_is_said_if_there_was_something_to_tell(tmp_path, monkeypatch):
    monkeypatch.delenv("DESK", raising=False)
    [untold] = tell(tmp_path, config("DESK"), [LATE])
    assert untold == (
        "config key 'notify.to': the environment variable DESK is not set, so its services were "
        "not told: data late; set it."
    )
    assert tell(tmp_path, config("DESK"), []) == []
    assert not (tmp_path / TOLD).exists()


def test_what_services_were_told_is_kept_without_their_urls(desk, tmp_path):
    desk(FAILED)
    kept = (tmp_path / TOLD).read_text()
    assert "s3cret" not in kept
    assert "127.0.0.1" not in kept
    assert list(json.loads(kept)) == ["DESK_HOOK 1"]


@pytest.mark.parametrize("spoilt", ["{", "[]", '{"DESK_HOOK 1": 5}', '{"DESK_HOOK 1": ["x"]}'])
def test_a_record_that_was_spoilt_only_tells_again(desk, tmp_path, web_hook, spoilt):
    (tmp_path / TOLD).parent.mkdir()
    (tmp_path / TOLD).write_text(spoilt)
    assert desk(FAILED) == []
    assert len(web_hook.taken) == 1


def test_a_record_that_cannot_be_written_is_said(desk, tmp_path, web_hook):
    (tmp_path / TOLD).mkdir(parents=True)
    [untold] = desk(FAILED)
    assert untold.startswith("logs/told.json: cannot be written")
    assert len(web_hook.taken) == 1


def test_a_secret_or_a_control_character_never_gets_into_a_message(desk, web_hook, monkeypatch):
    _, text = message("Oil", [Notice("failed", f"no \x1b[31m{web_hook.url}", "c")], [])
    desk(Notice("failed", f"got {web_hook.url} \x1b[31m", "c"))
    [sent] = web_hook.texts()
    assert "s3cret" not in sent
    assert "\x1b" not in sent + text


def test_a_url_in_config_is_refused_and_not_repeated():
    with pytest.raises(
        Refusal, match=r"^config key 'notify\.to': found something that is not the name"
    ) as caught:
        Notify(to=("slack://s3cret/token",))
    assert "s3cret" not in str(caught.value)


def test_an_event_that_there_is_not_is_refused():
    with pytest.raises(Refusal, match=r"'notify\.events': found \['fail'\], allowed"):
        Notify(events=("fail",))


def test_apprise_is_loaded_only_to_send(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "from pathlib import Path\n"
        "from pricewright.notices.messages import tell\n"
        "tell(Path(), {'notify': {'to': ['DESK']}}, [], ['failed'])\n"
        "assert 'apprise' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
