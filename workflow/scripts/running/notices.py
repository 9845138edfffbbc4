"""Notifications at the end of a run, if config's section `notify` names somebody.

A run of all steps reports the whole state. A run of `production` reports only releases, and a run
of some of the steps reports only its failure.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from running.comforts import comfort
from running.startup import current_run, given_config_files

if TYPE_CHECKING:
    from pricewright.notices.facts import Notice
    from pricewright.notices.options import Event

STATE: "tuple[Event, ...]" = ("not_accepted", "waiting", "watch_yellow", "watch_red", "late")
"""The events whose state a whole run knows, besides its failure."""


def tell_how_it_went(
    workflow: Any, config: Mapping[str, Any], steps: Sequence[str], *, whole: bool
) -> None:
    """Send what is new after a successful run, even one with nothing to do.

    steps: the steps that it did.  whole: whether it was a run of all five steps.
    """
    if not config["notify"]["to"] or not (whole or "production" in steps):
        return
    from pricewright.notices import facts  # slow to import

    root, files = Path(), [Path(file) for file in given_config_files(workflow)]
    found: list[Notice] = []
    known: list[Event] = ["waiting"]
    _find(found, lambda: facts.awaited_people(root, config, files))
    _find(found, lambda: facts.newest_switch(root))
    if whole:
        known = ["failed", *STATE]
        _find(found, lambda: facts.unaccepted_model(root))
        _find(found, lambda: facts.watched(root))
        _find(found, lambda: facts.late(root, config))
    _tell(config, found, known)


def tell_why_it_failed(
    workflow: Any, config: Mapping[str, Any], logs: Mapping[str, Sequence[str]]
) -> None:
    """Send a notice of a failed run, unless a person interrupted it.

    If `deploy` or `production` refused a model, the notice gives the model's state, which says more
    than the failure of the step.

    logs: for the log of each failed step, the sentences that say why.
    """
    if not config["notify"]["to"] or current_run.interrupted:
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


def _find(found: "list[Notice]", look: "Callable[[], Notice | None]") -> None:
    """Add a notice, if there is one; if it cannot be determined, the others are still sent."""
    with comfort("some notices of this run are not sent"):
        if notice := look():
            found.append(notice)


def _tell(config: Mapping[str, Any], found: "list[Notice]", known: "Sequence[Event]") -> None:
    with comfort("nobody is notified of this run"):
        from snakemake.logging import logger

        from pricewright.notices.messages import tell

        for untold in tell(Path(), config, found, known):
            logger.warning(untold)
