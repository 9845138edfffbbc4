"""An S3 service that answers as a test says, and remembers what it was asked."""

import http.server
import threading

BODY = b"date,close\n2024-01-02,1.10\n2024-01-03,1.12\n"


class Script:
    """A server on loopback that hands each request to a function.

    seen: of each request the method, the path and the headers.
    """

    def __init__(self, answer, context=None):
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                script.seen.append((self.command, self.path, dict(self.headers.items())))
                answer(self)

            do_HEAD = do_GET

            def log_message(self, *arguments):
                pass

        self.seen = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if context else "http"
        self.endpoint = f"{scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @property
    def methods(self):
        return [method for method, *_ in self.seen]


def reply(request, status, body=b"", **headers):
    """Answer a request; a header's name is written with underscores for dashes."""
    request.send_response(status)
    for name, value in {"Content_Length": len(body), **headers}.items():
        request.send_header(name.replace("_", "-"), str(value))
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(body)


def stored(request, body=BODY):
    """What S3 answers for an object with this body."""
    if request.command == "HEAD":
        return reply(request, 200, Content_Length=len(body), ETag='"1"')
    first, last = map(int, request.headers["Range"].removeprefix("bytes=").split("-"))
    return reply(request, 206, body[first : last + 1])


def failing(status, code="Broken"):
    """What S3 answers to what it does not do."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>so it is</Message></Error>"
    return lambda request: reply(request, status, body.encode())
