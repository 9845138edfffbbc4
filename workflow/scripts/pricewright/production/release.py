"""A release: everything is checked again, and the very bytes that were checked are released."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from pricewright.clock import Clock, now
from pricewright.decisions.author import oneself
from pricewright.decisions.covered import (
    MODEL,
    digests,
    discrepancies,
    identity,
    read_covered,
)
from pricewright.decisions.places import LEDGER
from pricewright.decisions.policy import Policy, load_policy, require_signers
from pricewright.errors import Refusal
from pricewright.evaluation.acceptance import failed
from pricewright.files import sha256
from pricewright.journal import say
from pricewright.ledger.entries import NAME, lines
from pricewright.model import parse_model
from pricewright.production import evidence, manifest, store
from pricewright.production.agreement import agreed
from pricewright.production.evidence import Origin
from pricewright.production.lock import one_at_a_time
from pricewright.production.manifest import Manifest
from pricewright.production.recovery import recover
from pricewright.production.releases import folder_of
from pricewright.production.switch import switch
from pricewright.regular import read_regular

STAGED = "results/deployed_model.json"


def release(root: Path, origin: Origin, clock: Clock = now) -> str:
    """Put what the five steps made in production, if people signed for it; returns its digest.

    The same bytes again change nothing. Raises Unsigned with what is missing, Refusal for whatever
    else forbids it, OSError if something cannot be written; then production is as it was.
    """
    with one_at_a_time(root / "production"):
        current = recover(root, clock).release
        accept, signoffs = origin.config["accept"], origin.config["signoffs"]
        policy = load_policy(root, signoffs, accept["allow_unaccepted"])
        require_signers(policy)
        files = read_covered(root)
        if current and _is_same(root, current, digests(files)):
            say("in production already", release=current)
            return current
        model = _checked(root, files, origin)
        ask = partial(agreed, root, policy, digests(files), clock)
        decision = ask()
        seen = _lines_until(lines(root / LEDGER / NAME), decision.head)
        given = evidence.inputs(root, origin.config)
        contents = {_short(name): content for name, content in files.items()}
        contents |= decision.files() | _policy_files(policy)
        contents[evidence.NAME] = evidence.gathered(
            contents, given, decision=decision, model=model, origin=origin, seen=seen
        )
        made = Manifest(
            files=digests(contents),
            covered={name: _short(name) for name in files},
            policy=policy.digest,
            replaces=current,
            head=decision.head,
            lines=len(seen),
        ).written()
        digest = sha256(made)
        switch(
            root,
            "release",
            digest,
            who=oneself(signoffs["author"]),
            incoming=store.prepare(folder_of(root), digest, contents | {manifest.NAME: made}),
            head=decision.head,
            confirm=ask,
            clock=clock,
            fields={
                "replaces": current,
                "covered": identity(digests(files)),
                "model": sha256(files[MODEL]),
                "policy": decision.policy.document(),
                "signoffs": digests(decision.files()),
            },
        )
        return digest


def _is_same(root: Path, current: str, found: Mapping[str, str]) -> bool:
    """Whether these files are in production already."""
    try:
        signed = store.opened(folder_of(root), current)[0].signed()
    except Refusal as refusal:
        say("the release in production is not whole", why=refusal)
        return False
    return signed == dict(found)


def _checked(root: Path, files: Mapping[str, bytes], origin: Origin) -> dict[str, Any]:
    """The model document; raises Refusal if it may not be released, whoever signed for it."""
    model = parse_model(files[MODEL], MODEL)
    acceptance = model["acceptance"]
    if not acceptance["accepted"] and not origin.config["accept"]["allow_unaccepted"]:
        raise Refusal(
            f"{MODEL}: is not accepted, so it is not released: {failed(acceptance)}; see accept.* "
            "in the config."
        )
    problems = discrepancies(files)
    if _staged(root) != files[MODEL]:
        problems.append(f"{STAGED} is another model than {MODEL}")
    if model["code"]["sha256"] != origin.code:
        problems.append(f"{MODEL} was made by other code than is here")
    if problems:
        raise Refusal(f"{'; '.join(problems)}: run `snakemake --cores 1` and look at it again.")
    return model


def _staged(root: Path) -> bytes | None:
    try:
        return read_regular(root / STAGED)
    except FileNotFoundError:
        return None


def _policy_files(policy: Policy) -> dict[str, bytes]:
    return {
        "policy/policy.json": policy.record(),
        "policy/signers": policy.signers_file(),
        "policy/revoked": policy.revoked,
    }


def _lines_until(found: Sequence[bytes], head: str) -> list[bytes]:
    """The ledger as it was when its last line had this digest."""
    for number in range(len(found), 0, -1):
        if sha256(found[number - 1]) == head:
            return list(found[:number])
    return []


def _short(name: str) -> str:
    return PurePosixPath(name).name
