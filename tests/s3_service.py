"""What an S3 service answers, as a test says."""

BODY = b"date,close\n2024-01-02,1.10\n2024-01-03,1.12\n"


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
