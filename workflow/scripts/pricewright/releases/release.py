"""A release: everything is checked again, and exactly the checked bytes are released.

Files that people have not signed for are refused, with a list of what is missing. A rollback is
the same switch, to a release in the store.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from pricewright.evaluation.acceptance import failed
from pricewright.files.clock import Clock, now
from pricewright.files.disk import read_regular, sha256
from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import parse_model
from pricewright.releases import evidence, store
from pricewright.releases.evidence import Origin
from pricewright.releases.history import (
    examine_release,
    find_release,
    how_lost,
    releases_folder,
)
from pricewright.releases.link import LinkAstray, set_link
from pricewright.releases.retention import tidy
from pricewright.releases.store import NAME_MANIFEST, Manifest, one_at_a_time
from pricewright.releases.switch import recover, switch
from pricewright.reporting.card import model_card
from pricewright.signoffs import ledger
from pricewright.signoffs.candidate import read_signed
from pricewright.signoffs.gates import Decision, check_gates
from pricewright.signoffs.ledger import LEDGER, NAME, in_production, read_lines
from pricewright.signoffs.policy import (
    REVOKED_THEN,
    Policy,
    load_policy,
    oneself,
    require_signers,
)
from pricewright.signoffs.presentation import missing_signatures
from pricewright.signoffs.signed_files import (
    DEPLOYED,
    GATES,
    MODEL,
    Gate,
    digests,
    discrepancies,
    identity,
)
from pricewright.signoffs.statements import preserve_statement
from pricewright.steplog.log import logger, say

CARD = "model_card.md"


class Unsigned(Refusal):
    """Signatures are missing for some bytes."""

    def __init__(self, decision: Decision, release: str | None) -> None:
        super().__init__("production is unchanged: signatures are missing.")
        self._decision, self._release = decision, release

    def listing(self, configfile: Sequence[Path] = ()) -> str:
        """The missing signatures with the commands to run, for a run with these config files."""
        return missing_signatures(self._decision, self._release, configfile)


def require_decision(
    root: Path,
    policy: Policy,
    digests: Mapping[str, str],
    clock: Clock,
    *,
    gates: Sequence[Gate] = tuple(GATES),
    release: str | None = None,
) -> Decision:
    """The decision that permits a switch to files with these digests.

    release: for a rollback, the digest of the release. Raises Unsigned, with what is missing, if a
    gate is not satisfied.
    """
    kept = releases_folder(root) / release if release else None
    decision = check_gates(root, policy, digests, clock, gates, release=kept)
    if not decision.satisfied:
        raise Unsigned(decision, release)
    return decision


def release(root: Path, origin: Origin, clock: Clock = now) -> str:
    """Release what the five steps made, if people signed for it; return the release's digest.

    The same bytes again change nothing. Raises Unsigned with what is missing, Refusal for any other
    obstacle, OSError if something cannot be written; production is then unchanged.
    """
    files = read_signed(root, origin.config["mode"])  # before a folder is created
    with one_at_a_time(root / "production"):
        current = recover(root, clock).release
        accept, signoffs = origin.config["accept"], origin.config["signoffs"]
        signed = digests(files)
        policy = load_policy(root, signoffs, accept["allow_unaccepted"])
        require_signers(policy)
        if current and _is_same(root, current, signed):
            say("in production already", release=current)
            return current
        model = _checked(root, files, origin)
        ask = partial(require_decision, root, policy, signed, clock)
        decision = ask()
        seen = _lines_until(read_lines(root / LEDGER / NAME), decision.head)
        contents = {_short(name): content for name, content in files.items()}
        contents |= decision.files() | _policy_files(policy)
        contents |= evidence.read_inputs(root, origin.config)
        card = model_card(model, title=origin.config["report"]["title"], sha256=signed[MODEL])
        contents[CARD] = card.encode()
        contents |= evidence.release_evidence(
            contents, decision=decision, model=model, origin=origin, seen=seen
        )
        made = Manifest(
            files=digests(contents),
            covered={name: _short(name) for name in files},
            policy=policy.digest,
            replaces=current,
            head=decision.head,
            lines=len(seen),
        ).encode()
        digest, who = sha256(made), oneself(signoffs["author"])
        contents[NAME_MANIFEST] = made
        switch(
            root,
            "release",
            digest,
            who=who,
            incoming=store.prepare_release(releases_folder(root), digest, contents, current),
            head=decision.head,
            confirm=ask,
            clock=clock,
            fields=_record(root, current, signed, decision)
            | {"trained_by": [signoff.who for signoff in decision.trainers]},
        )
        tidy(root, origin.config["history"]["keep_releases_days"], who=who, clock=clock)
        return digest


def _record(
    root: Path, replaces: str | None, signed: Mapping[str, str], decision: Decision
) -> dict[str, Any]:
    """What the ledger records of a release or rollback; the sign-offs that it names are kept."""
    for signoff in decision.rests_on:
        preserve_statement(root, signoff.kept)
    how = how_lost(root, replaces, ledger.read(root / LEDGER)) if replaces else None
    if replaces and how:
        logger.warning(
            "release %s…, which this replaces in production, is %s; the ledger records that",
            replaces[:12],
            how,
        )
    return ({"replaced_was": how} if how else {}) | {
        "replaces": replaces,
        "covered": identity(signed),
        "model": signed[MODEL],
        "policy": decision.policy.document(),
        "signoffs": digests(decision.files()),
        REVOKED_THEN: decision.policy.revoked_document(),
    }


def _is_same(root: Path, current: str, found: Mapping[str, str]) -> bool:
    """Whether the files with these digests are in production already."""
    try:
        signed = store.open_release(releases_folder(root), current)[0].signed()
    except Refusal as refusal:
        say("the release in production is damaged", why=refusal)
        return False
    return signed == dict(found)


def _checked(root: Path, files: Mapping[str, bytes], origin: Origin) -> dict[str, Any]:
    """The model document; raises Refusal if it may not be released, no matter who signed."""
    model = parse_model(files[MODEL], MODEL)
    acceptance = model["acceptance"]
    if not acceptance["accepted"] and not origin.config["accept"]["allow_unaccepted"]:
        raise Refusal(
            f"{MODEL}: is not accepted, so it is not released: {failed(acceptance)}; see accept.* "
            "in the config."
        )
    problems = discrepancies(files)
    if origin.config["mode"] != "auto" and _staged(root) != files[MODEL]:
        problems.append(f"{DEPLOYED} is a different model from {MODEL}")
    if model["code"]["sha256"] != origin.code:
        problems.append(f"{MODEL} was made by a different version of the code")
    if problems:
        raise Refusal(
            f"{'; '.join(problems)}: run `snakemake --cores 1` (with `--forcerun ingest` if it "
            "finds nothing to do) and review the results."
        )
    return model


def _staged(root: Path) -> bytes | None:
    try:
        return read_regular(root / DEPLOYED)
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


def roll_back(root: Path, to: str, config: Mapping[str, Any], clock: Clock = now) -> str:
    """Put an earlier release back into production, if people signed for that; return its digest.

    to: the release's digest, its first digits, or `previous`, the one before the current release.

    Raises Unsigned with what is missing, Refusal if the release is not in the store or was changed.
    If `to` is the release in production by the ledger, this only repairs a link that was changed by
    hand; its signatures were given before.
    """
    production = root / "production"
    with one_at_a_time(production):
        try:
            current = recover(root, clock).release
        except LinkAstray:
            current = in_production(ledger.read(root / LEDGER))
            if current is None or find_release(root, to) != current:
                raise
            store.open_release(releases_folder(root), current)
            set_link(production, current)
        target = find_release(root, to)
        if target == current:
            store.open_release(releases_folder(root), current)
            say("in production already", release=current)
            return target
        if problems := examine_release(root, target, ledger.read(root / LEDGER)):
            raise Refusal(problems[0])
        signed = store.open_release(releases_folder(root), target)[0].signed()
        policy = load_policy(root, config["signoffs"], config["accept"]["allow_unaccepted"])
        ask = partial(
            require_decision, root, policy, signed, clock, gates=("deploy",), release=target
        )
        decision, who = ask(), oneself(config["signoffs"]["author"])
        store.unpack_release(releases_folder(root), target)
        switch(
            root,
            "rollback",
            target,
            who=who,
            head=decision.head,
            confirm=ask,
            clock=clock,
            fields=_record(root, current, signed, decision),
        )
        tidy(root, config["history"]["keep_releases_days"], who=who, clock=clock)
        return target
