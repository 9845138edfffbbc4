"""A rollback: the same switch as a release's, to a release that is in the store."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pricewright import ledger
from pricewright.clock import Clock, now
from pricewright.decisions.author import oneself
from pricewright.decisions.covered import MODEL, digests, identity
from pricewright.decisions.places import LEDGER
from pricewright.decisions.policy import load_policy
from pricewright.errors import Refusal
from pricewright.journal import say
from pricewright.production import store
from pricewright.production.agreement import agreed
from pricewright.production.examining import examined
from pricewright.production.link import Astray, put_back
from pricewright.production.lock import one_at_a_time
from pricewright.production.recovery import recover
from pricewright.production.releases import folder_of, resolve
from pricewright.production.state import in_production
from pricewright.production.switch import switch


def roll_back(root: Path, to: str, config: Mapping[str, Any], clock: Clock = now) -> str:
    """Put an earlier release in production again, if people signed for that; returns its digest.

    to: its digest or the beginning of it, or `previous`: the one before the one that is there.

    Raises Unsigned with what is missing, Refusal for a release that is not in the store or not
    what it was. To the release that is in production by the ledger, it puts back a link that was
    changed by hand, and asks for no signature: that one was given.
    """
    production = root / "production"
    with one_at_a_time(production):
        try:
            current = recover(root, clock).release
        except Astray:
            current = in_production(ledger.read(root / LEDGER))
            if current is None or resolve(root, to) != current:
                raise
            store.opened(folder_of(root), current)
            put_back(production, current)
        target = resolve(root, to)
        if target == current:
            say("in production already", release=current)
            return target
        if problems := examined(root, target, ledger.read(root / LEDGER)):
            raise Refusal(problems[0])
        signed = store.opened(folder_of(root), target)[0].signed()
        policy = load_policy(root, config["signoffs"], config["accept"]["allow_unaccepted"])
        ask = partial(agreed, root, policy, signed, clock, gates=("deploy",), release=target)
        decision = ask()
        switch(
            root,
            "rollback",
            target,
            who=oneself(config["signoffs"]["author"]),
            head=decision.head,
            confirm=ask,
            clock=clock,
            fields={
                "replaces": current,
                "covered": identity(signed),
                "model": signed[MODEL],
                "policy": decision.policy.document(),
                "signoffs": digests(decision.files()),
            },
        )
        return target
