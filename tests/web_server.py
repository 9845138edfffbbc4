"""Real servers on loopback that give a test's answers, byte for byte."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pricewright.intake.sources.source import Source
from pricewright.intake.sources.web import WebFile

CSV = b"date,symbol,close\n2024-01-02,AAPL,185.64\n"


def reply(body=CSV, status=200, *, length=True, **headers):
    """An answer's bytes; names of headers are written with underscores for dashes."""
    lines = [f"HTTP/1.1 {status} Whatever"]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*chunks, end=b"0\r\n\r\n"):
    """An answer in chunks."""
    parts = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
    return reply(b"".join(parts) + end, length=False, Transfer_Encoding="chunked")


def web_file(uri, **settings):
    """The file at a URI, which may be on loopback."""
    given = {"allow_hosts": ["127.0.0.1"], "timeout": 5.0} | settings
    return WebFile(Source(uri=uri, **given))


def fetch(uri, known="", **settings):
    """The bytes (None if nothing changed) and the version of the file at a URI."""
    with web_file(uri, **settings).open(known) as got:
        return got.chunks and b"".join(got.chunks), got.version


def sent(server):
    """The last request's headers."""
    return server.requests[-1].headers


def hung_up(server):
    """Whether the client of the last request has closed the connection, or does within a second."""
    line = server.requests[-1].connection
    line.settimeout(1)
    try:
        return not line.recv(1)
    except ConnectionResetError:
        return True


class Server(ThreadingHTTPServer):
    """Answer with `answers[path]`, or with what it returns if it is a function; keep the requests.

    `answers` may also be a function that writes the answer to each request itself. An answer that
    is a tuple is sent in pieces. At an `Event` in it, the server waits up to 10 seconds until the
    test sets it or ends.
    """

    daemon_threads = True

    def __init__(self, answers=None, *, context=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.requests, self.events = answers or {}, [], []
        self.context = context

    @property
    def port(self):
        return self.server_address[1]

    @property
    def uri(self):
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    endpoint = uri
    """The name of the URI for an S3 service."""

    @property
    def seen(self):
        """The method, path and headers of each request."""
        return [(each.command, each.path, dict(each.headers.items())) for each in self.requests]

    def finish_request(self, request, client_address):
        if self.context:  # in the request's own thread, so a bad handshake affects nothing else
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError:
                return
        with contextlib.suppress(OSError):
            super().finish_request(request, client_address)
        with contextlib.suppress(OSError):
            request.shutdown(socket.SHUT_WR)
        request.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.requests.append(self)
        if callable(self.server.answers):
            return self.server.answers(self)
        answer = self.server.answers[self.path.partition("?")[0]]
        answer = answer(self) if callable(answer) else answer
        for piece in answer if isinstance(answer, tuple) else (answer,):
            if isinstance(piece, threading.Event):
                self.server.events.append(piece)
                piece.wait(10)
            else:
                self.wfile.write(piece)
                self.wfile.flush()
        self.close_connection = True

    do_HEAD = do_GET

    def do_CONNECT(self):
        """Act as a proxy that always connects to the server in `answers`."""
        self.server.requests.append(self)
        with socket.create_connection(self.server.answers["CONNECT"]) as other:
            self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_copy, args=(other, self.connection))
            back.start()
            _copy(self.connection, other)
            back.join()
        self.close_connection = True

    def log_message(self, *_):
        pass


def _copy(source, sink):
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def serving(answers=None, *, context=None):
    """A server that answers until the block ends."""
    with Server(answers, context=context) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            for event in server.events:
                event.set()
            server.shutdown()
            thread.join()


def certificate(folder, *, names=("prices.example",), expired=False):
    """A server's context with a self-signed certificate, and the file to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    start = datetime.datetime(2000, 1, 1)
    end = datetime.datetime(2001 if expired else 2200, 1, 1)
    alternatives = [x509.DNSName(one) for one in names]
    alternatives.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    authority = folder / "authority.pem"
    authority.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    both = folder / "both.pem"
    both.write_bytes(
        authority.read_bytes()
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, authority


def know_names(monkeypatch, **names):
    """Let only some host names resolve: each to its successive answers (names with `_` for dots).

    Returns the names that were looked up, in order. localhost and IP addresses still resolve.
    """
    real, asked = socket.getaddrinfo, []

    def getaddrinfo(host, port, *arguments, **keywords):
        if host != "localhost" and not host[-1].isdigit():
            asked.append(host)
            answers = names.get(host.replace(".", "_"))
            if not answers:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
            return [(socket.AF_INET, 1, 6, "", (ip, port)) for ip in answers.pop(0)]
        return real(host, port, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.fixture
def server():
    """A server with a delivery at /a."""
    with serving({"/a": reply()}) as started:
        yield started


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """A server's context for prices.example and 127.0.0.1, trusted."""
    context, authority = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    return context


@pytest.fixture
def secure(tls):
    """A server with TLS."""
    with serving({"/a": reply()}, context=tls) as started:
        yield started
