"""Fixtures: a real PostgreSQL server and a real S3 server on loopback, for one test session."""

import contextlib
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pricewright.files import secrets
from web_server import Server, serving

PASSWORD = "canary-Pa55/w@rd:%"
"""The PostgreSQL password; it contains characters that a URI must quote."""

S3_KEY, S3_SECRET = "CANARYACCESSKEYID", "canary/SecretAccessKey+0123456789"


@dataclass(frozen=True)
class PostgreSQL:
    """A running server with the database `prices`, owned by the user `owner`."""

    host: str
    port: int
    sockets: Path
    password: str = PASSWORD

    def uri(self, database: str = "prices", userinfo: str = "owner:${CANARY_PASSWORD}") -> str:
        """A URI as in config, with a placeholder for the password."""
        return f"postgresql://{userinfo}@{self.host}:{self.port}/{database}"

    def execute(self, *statements: str, database: str = "prices") -> list[tuple[Any, ...]]:
        """Run statements as the owner; returns the rows of the last one, if any."""
        import psycopg

        with psycopg.connect(
            host=self.host,
            port=self.port,
            user="owner",
            password=self.password,
            dbname=database,
            options="-c lock_timeout=10s",  # fail instead of waiting for a lock left open
            autocommit=True,
        ) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@dataclass(frozen=True)
class S3:
    """A running server, and a client that fills its buckets."""

    endpoint: str
    client: Any
    key: str = S3_KEY
    secret: str = S3_SECRET

    def put(self, bucket: str, objects: dict[str, bytes]) -> None:
        """Put objects, by key, into a bucket, which is created if it does not exist."""
        with contextlib.suppress(self.client.exceptions.BucketAlreadyOwnedByYou):
            self.client.create_bucket(Bucket=bucket)
        for key, body in objects.items():
            self.client.put_object(Bucket=bucket, Key=key, Body=body)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server with two prices in the table `prices`, which `reader` may read."""
    account = _account()
    # not in pytest's folder, which is closed to other users; and a socket's path must be short
    folder = Path(tempfile.mkdtemp(prefix="pw-"))
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    try:
        _initialise(folder, account)
        with _running(folder, account) as port:
            server = PostgreSQL("127.0.0.1", port, folder)
            server.execute("CREATE DATABASE prices TEMPLATE template0", database="postgres")
            server.execute(
                "CREATE TABLE prices (day date, symbol text, close numeric, volume bigint)",
                "INSERT INTO prices VALUES ('2024-01-02', 'NA', 1.10, 100)",
                "INSERT INTO prices VALUES ('2024-01-03', 'TRUE', 2, NULL)",
                f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'",
                "GRANT SELECT ON prices TO reader",
            )
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3 server without buckets."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # or it prints every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=S3_KEY,
            aws_secret_access_key=S3_SECRET,
        )
        yield S3(endpoint, client)
    finally:
        server.stop()


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove all variables that a source reads, and all secrets that other tests made known."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "ARROW_", "PG")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(secrets, "_SECRETS", set())


@pytest.fixture
def owner(postgresql: PostgreSQL, no_settings: None, monkeypatch: pytest.MonkeyPatch) -> PostgreSQL:
    """The PostgreSQL server, with its password in the variable that its URIs name."""
    monkeypatch.setenv("CANARY_PASSWORD", PASSWORD)
    return postgresql


@pytest.fixture
def desk(s3: S3, no_settings: None, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The S3 server, with the keys for it in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", S3_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3_SECRET)
    return s3


@pytest.fixture
def script() -> Iterator[Callable[..., Server]]:
    """Starts servers that give a test's answers."""
    with contextlib.ExitStack() as stack:
        yield lambda answer, **options: stack.enter_context(serving(answer, **options))


def _program(name: str) -> str:
    """The newest of Debian's versions of a program, which are not on PATH, else the one on PATH."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    newest = sorted(folders, key=lambda folder: float(folder.parent.name))[-1:]
    found = shutil.which(name, path=str(newest[0])) if newest else shutil.which(name)
    if not found:
        pytest.fail(f"there is no {name} on this machine; on Debian: apt-get install postgresql")
    return found


def _account() -> pwd.struct_passwd | None:
    """The account to run the server as, None for the current user: it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    return accounts.get("postgres") or accounts["nobody"]


def _options(folder: Path, account: pwd.struct_passwd | None) -> dict[str, Any]:
    # without the PG… variables of the user who runs the tests
    options: dict[str, Any] = {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}}
    if account:
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return options


def _initialise(folder: Path, account: pwd.struct_passwd | None) -> None:
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    done = subprocess.run(
        [
            *(_program("initdb"), "--pgdata", folder / "data", "--no-sync", "--encoding=UTF8"),
            *("--locale=C", "--username=owner", "--pwfile", secret, "--auth=scram-sha-256"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **_options(folder, account),
    )
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def _running(folder: Path, account: pwd.struct_passwd | None) -> Iterator[int]:
    """Run a server until the block, or this process, ends; yields its port."""
    for _ in range(5):
        port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": folder,
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "16MB",
            "max_connections": 20,
            "autovacuum": "off",
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        options = _options(folder, account) | quiet
        server = subprocess.Popen([_program("postgres"), "-D", folder / "data", *flags], **options)
        # a killed test run cannot stop the server, but this process notices that its input ends
        guard = subprocess.Popen(
            ["sh", "-c", f"read _; kill -QUIT {server.pid}; sleep 1; rm -r {folder}"],
            stdin=subprocess.PIPE,
            **options,
        )
        try:
            if _answers(server, folder / "data" / "postmaster.pid"):
                yield port
                return
        finally:
            guard.kill()
            guard.communicate()
            server.send_signal(signal.SIGQUIT)  # nobody needs its data
            server.wait(30)
    pytest.fail("the PostgreSQL server did not start in five attempts")


def free_port() -> int:
    """A port that is free now, but may be taken by the time the server wants it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _answers(server: subprocess.Popen[bytes], status: Path) -> bool:
    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        lines = status.read_text().splitlines() if status.exists() else []
        if len(lines) > 7 and lines[7].strip() == "ready":  # line 8 is the server's own note
            return True
        time.sleep(0.02)
    return False
