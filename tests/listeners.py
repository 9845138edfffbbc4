"""Real services on loopback that receive messages: a mail server and a web hook."""

import email
import email.policy
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller


class Mailbox:
    """A mail server, and the messages it received.  reply: its answer.  url: for Apprise."""

    def __init__(self) -> None:
        self.messages: list[email.message.EmailMessage] = []
        self.reply = "250 taken"
        with socket.create_server(("127.0.0.1", 0)) as free:  # Controller cannot find a free port
            port = free.getsockname()[1]
        self.controller = Controller(self, hostname="127.0.0.1", port=port)
        self.controller.start()
        self.url = (
            f"mailto://127.0.0.1:{port}?from=desk@example.com&to=ann@example.com&mode=insecure"
        )

    async def handle_DATA(self, server, session, envelope):
        policy = email.policy.default
        self.messages.append(email.message_from_bytes(envelope.content, policy=policy))
        return self.reply

    def texts(self) -> list[str]:
        bodies = [message.get_body(("plain",)) for message in self.messages]
        return [body.get_content().replace("\r", "") for body in bodies]


class WebHook:
    """A web hook, and the messages it accepted.  status: its answer.  url: for Apprise."""

    def __init__(self) -> None:
        self.taken: list[dict[str, str]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.status == 200:
                    hook.taken.append(json.loads(body))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        serve = self.server.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()
        self.url = f"json://127.0.0.1:{self.server.server_port}/s3cret-token"

    def titles(self) -> list[str]:
        return [message["title"] for message in self.taken]

    def texts(self) -> list[str]:
        return [message["message"] for message in self.taken]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.controller.stop()


@pytest.fixture
def web_hook() -> Iterator[WebHook]:
    made = WebHook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def silent_url() -> Iterator[str]:
    """A service that accepts a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"json://127.0.0.1:{server.getsockname()[1]}"
