"""Answers of an S3 service, for tests to choose from."""

BODY = b"date,close\n2024-01-02,1.10\n2024-01-03,1.12\n"


def reply(request, status, body=b"", **headers):
    """Answer a request; names of headers are written with underscores for dashes."""
    request.send_response(status)
    for name, value in {"Content_Length": len(body), **headers}.items():
        request.send_header(name.replace("_", "-"), str(value))
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(body)


def stored(request, body=BODY):
    """Answer as S3 does for an object with this body."""
    if request.command == "HEAD":
        return reply(request, 200, Content_Length=len(body), ETag='"1"')
    first, last = map(int, request.headers["Range"].removeprefix("bytes=").split("-"))
    return reply(request, 206, body[first : last + 1])


def failing(status, code="Broken"):
    """Answer with an error, as S3 does for a request it refuses."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>so it is</Message></Error>"
    return lambda request: reply(request, status, body.encode())
