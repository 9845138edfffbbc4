"""Whom a run tells what it came to, where config names somebody: `notify`.

A run of all steps knows how everything stands; one of `production` knows of releases alone, and one
of a part of the steps tells only that it failed.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from running.comforts import comfort
from running.startup import given_config_files, is_interrupted, lines_before_run

if TYPE_CHECKING:
    from pricewright.notices.facts import Notice
    from pricewright.notices.options import Event

STATE: "tuple[Event, ...]" = ("not_accepted", "waiting", "watch_yellow", "watch_red", "late")
"""What a whole run knows of besides whether it failed."""


def tell_how_it_went(
    workflow: Any, config: Mapping[str, Any], steps: Sequence[str], *, whole: bool
) -> None:
    """After a run that went well, also one with nothing to do: tell what is new.

    steps: those that it did.  whole: whether it was asked for all five.
    """
    released = "production" in steps
    if not config["notify"]["to"] or not (whole or released):
        return
    from pricewright.notices import facts  # costs each load else

    root, files = Path(), [Path(file) for file in given_config_files(workflow)]
    found: list[Notice] = []
    known: list[Event] = ["waiting"]
    _find(found, lambda: facts.awaited_people(root, config, files))
    if released:
        _find(found, lambda: facts.switch_since(root, lines_before_run()))
    if whole:
        known = ["failed", *STATE]
        _find(found, lambda: facts.unaccepted_model(root))
        _find(found, lambda: facts.watched(root))
        _find(found, lambda: facts.late(root, config))
    _tell(config, found, known)


def tell_why_it_failed(
    workflow: Any, config: Mapping[str, Any], logs: Mapping[str, Sequence[str]]
) -> None:
    """After a run that failed, unless somebody ended it, who knows: tell of it.

    What keeps a model out of staging or production says more than the step that refused it.

    logs: the log of each step that failed to the sentences that say why.
    """
    if not config["notify"]["to"] or is_interrupted():
        return
    from pricewright.notices import facts

    root = Path()
    found: list[Notice] = []
    steps = {why[0].split()[0] for why in logs.values()}
    if steps == {"deploy"}:
        _find(found, lambda: facts.unaccepted_model(root))
    elif steps == {"production"}:
        files = [Path(file) for file in given_config_files(workflow)]
        _find(found, lambda: facts.awaited_people(root, config, files))
    if not found:
        found = [facts.step_failure(logs, reasons=config["notify"]["reasons"])]
    _tell(config, found, ())


def _find(found: "list[Notice]", look: "Callable[[], Notice | list[Notice] | None]") -> None:
    """Add what there is to tell; what cannot be found out keeps nothing else from being told."""
    with comfort("not all that there is to tell of this run is told"):
        notices = look()
        found += notices if isinstance(notices, list) else [notices] if notices else []


def _tell(config: Mapping[str, Any], found: "list[Notice]", known: "Sequence[Event]") -> None:
    with comfort("nobody is told of this run"):
        from snakemake.logging import logger

        from pricewright.notices.messages import tell
        from pricewright.notices.options import Notify
        from pricewright.tables.options import make

        for warning in tell(
            Path(), make(Notify, config["notify"]), config["report"]["title"], found, known
        ):
            logger.warning(warning)
