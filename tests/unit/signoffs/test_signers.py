import base64
import subprocess

import pytest

from people import signers_line
from pricewright.configuration.config import complete
from pricewright.files.errors import Refusal
from pricewright.signoffs import statements
from pricewright.signoffs.signers import parse_revoked, parse_signers, read_signers

ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK1z4VJfZzPAEzZ7QqN0n0m6xVwPpZrk0yq7wQm5Yz7D"
ONE = 'namespaces="pricewright-source"'


KIND = b"ssh-ed25519-cert-v01@openssh.com"
ENCODED = base64.b64encode(len(KIND).to_bytes(4, "big") + KIND + b"x" * 40)
CERTIFICATE = f"{KIND.decode()} {ENCODED.decode()}"


def test_a_line_says_who_may_sign_what_with_which_key(keys):
    who, namespaces = "ann@example.com", "pricewright-source,pricewright-deploy"
    line = signers_line(who, keys["reviewer"], namespaces)
    (signer,) = parse_signers(b"# who may\n\n  " + line.encode() + b"\n")
    assert signer.who == who
    assert signer.gates == {"source", "deploy"}
    assert signer.fingerprint == statements.key_fingerprint(keys["reviewer"])
    assert signer.line == line.strip()
    dated = line.replace(
        "namespaces=", 'valid-after="20260101",valid-before="20270101",namespaces='
    )
    (same,) = parse_signers(f"{dated.strip()} a comment, with more\n".encode())
    assert same.gates == signer.gates


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (f"ann {ED}", "ann's line has no namespaces=, so it would count for everything"),
        (f'ann valid-before="20270101" {ED}', "ann's line has no namespaces="),
        (f'ann namespaces="" {ED}', "ann's line has no namespaces="),
        (f"ann namespaces {ED}", "ann's line has no namespaces="),
        (f'ann namespaces="*" {ED}', "namespace '*', allowed: some of pricewright-source"),
        (f'ann namespaces="pricewright-*" {ED}', "found the namespace 'pricewright-*'"),
        (f'ann namespaces="pricewright-sorce" {ED}', "found the namespace 'pricewright-sorce'"),
        (f'ann namespaces="git" {ED}', "found the namespace 'git'"),
        (f'ann namespaces="pricewright-source,!x" {ED}', "found the namespace '!x'"),
        (f'ann {ONE},namespaces="pricewright-deploy" {ED}', "which are not valid options"),
        (f'ann {ONE},NAMESPACES="pricewright-deploy" {ED}', "which are not valid options"),
        (f'ann valid-after="2020\\",{ONE},x="" {ED}', "which are not valid options"),
        (f"ann {ONE} {CERTIFICATE}", "where a public key is needed"),
        (f"ann cert-authority,{ONE} {ED}", "found cert-authority, allowed: namespaces"),
        (f'ann {ONE},valid-before="soon" {ED}', "found no time after valid-before"),
        (f"ann {ONE},valid-before {ED}", "found no time after valid-before"),
        (f"* {ONE} {ED}", "found '*' as a name, allowed: one person's"),
        (f"*@example.com {ONE} {ED}", "found '*@example.com' as a name"),
        (f"ann,bob {ONE} {ED}", "found 'ann,bob' as a name"),
        (f'"ann" {ONE} {ED}', "as a name"),
        (f"!ann {ONE} {ED}", "found '!ann' as a name"),
        (f"../ann {ONE} {ED}", "found '../ann' as a name"),
        (f".ann {ONE} {ED}", "found '.ann' as a name"),
        (f"-ann {ONE} {ED}", "found '-ann' as a name"),
        (f"{'a' * 65} {ONE} {ED}", "as a name"),
        (f"ann {ONE}", "where a public key is needed"),
        ("ann", "ann's line has no namespaces="),
        (f"ann {ONE} ssh-ed25519 AAAA", "where a public key is needed"),
        (f"ann {ONE} ssh-rsa {ED.split()[1]}", "where a public key is needed"),
        (f"ann {ONE} {ED.split()[1]}", "where a public key is needed"),
        (f"ann {ONE} SHA256:abc", "where a public key is needed"),
        (f"a\u0430n {ONE} {ED}", "a character that is not ASCII"),
        (f"ann {ONE} {ED}\x1b[2J", "an invisible character"),
        (f"ann {ONE} {ED}\nAnn {ONE} {ED}", "Ann and ann differ only in capitals"),
    ],
)
def test_a_line_that_lets_in_more_than_one_sees_is_refused_with_its_number(line, sentence):
    with pytest.raises(Refusal) as caught:
        parse_signers(f"# first\n{line}\n".encode(), "config/signers")
    text = str(caught.value)
    assert sentence in text
    assert text.startswith(("config/signers:2: ", "config/signers:3: "))
    assert "\n" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "line", ["SHA256:8GkAWH+c9Jwmgu1uXVz2k3V6ifxTNBHUINntE+yBK74", "ann", "ssh-ed25519 AAAA", "* *"]
)
def test_a_revoked_key_that_ssh_would_not_find_is_refused(line):
    with pytest.raises(Refusal, match=r"config/revoked:1: found .*, allowed: a whole public key"):
        parse_revoked(line.encode())


def test_a_revoked_key_is_a_public_key_or_one_in_a_revocation_list(office, keys):
    parse_revoked(f"# lost\n{statements.public_key(keys['reviewer'])} a comment\n".encode())
    office.revoke("second", listed=True)
    parse_revoked((office.root / "config/revoked").read_bytes())


def test_a_public_key_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Refusal, match=r"ann\.pub: no such file"):
        statements.public_key(tmp_path / "ann.pub")


@pytest.mark.parametrize("name", ["config/signers", "config/revoked"])
def test_a_link_in_place_of_the_policys_files_is_refused(office, name):
    path = office.root / name
    path.touch()
    path.rename(office.root / "elsewhere")
    path.symlink_to(office.root / "elsewhere")
    with pytest.raises(Refusal, match=f"{name}: is a link"):
        _ = office.policy


def test_without_the_files_there_is_nobody(tmp_path):
    assert read_signers(tmp_path) == ((), b"")


@pytest.mark.parametrize(("name", "line"), [("signers", f"ann {ED}"), ("revoked", "ann")])
def test_the_lists_are_looked_at_when_the_config_is_loaded(tmp_path, monkeypatch, name, line):
    monkeypatch.chdir(tmp_path)
    complete({"source": {"uri": "prices.csv"}})
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / name).write_text(line + "\n")
    with pytest.raises(Refusal, match=f"config/{name}:1: "):
        complete({"source": {"uri": "prices.csv"}})


def test_every_line_that_is_let_in_ssh_reads_as_we_do(keys, tmp_path):
    """The file that ssh-keygen gets says what we read: each signer is found by their key."""
    lines = [signers_line(name, keys[name], "pricewright-report") for name in ("author", "second")]
    (tmp_path / "signers").write_text("".join(lines))
    for name in ("author", "second"):
        (tmp_path / "sig").write_bytes(statements.sign(b"bytes", keys[name], "report"))
        found = subprocess.run(
            ["ssh-keygen", "-Y", "find-principals", "-s", "sig", "-f", "signers"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.split() == [name]
