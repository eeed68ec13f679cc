"""An HTTP/1.1 client for tests, close to the bytes: pipelines, halves of
requests, and whatever a test wants to send."""

import json
import socket


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "Response(%d, %r, %r)" % (
            self.status, self.headers, self.body[:300])


def encode(method, target, body=None, headers=(), version="1.1"):
    """A request; a body of str or bytes, with its length."""
    lines = ["%s %s HTTP/%s" % (method, target, version), "Host: test"]
    lines += ["%s: %s" % header for header in headers]
    if isinstance(body, str):
        body = body.encode()
    if body is not None:
        lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


class HttpWire:
    def __init__(self, address, patience):
        self.socket = socket.create_connection(address, patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, *arguments, **named):
        self.socket.sendall(encode(*arguments, **named))

    def _more(self):
        piece = self.socket.recv(1 << 20)
        if not piece:
            raise EOFError
        self.rest += piece

    def read(self, is_head=False):
        """The next response; interim ones are responses as well."""
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        headers = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            assert name.lower() not in headers, line
            headers[name.lower()] = value
        status = int(status)
        size = int(headers.get("content-length", "0"))
        if is_head or status in (100, 204, 304):
            size = 0
        else:
            assert "content-length" in headers, head
        pieces, have = [self.rest], len(self.rest)
        while have < size:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise EOFError
            pieces.append(piece)
            have += len(piece)
        self.rest = b"".join(pieces)
        body, self.rest = self.rest[:size], self.rest[size:]
        return Response(status, headers, body)

    def call(self, method, target, *arguments, **named):
        self.send(method, target, *arguments, **named)
        return self.read(is_head=method == "HEAD")

    def at_end(self):
        """Whether the server ended the connection, without another byte."""
        if self.rest:
            return False
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
