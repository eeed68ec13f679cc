"""A client of the Redis protocol (RESP2, and RESP3 after HELLO 3)."""

import socket


class RespError(Exception):
    pass


def encode(arguments):
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        if isinstance(argument, int):
            argument = b"%d" % argument
        elif isinstance(argument, str):
            argument = argument.encode()
        parts.append(b"$%d\r\n" % len(argument))
        parts.append(argument)
        parts.append(b"\r\n")
    return b"".join(parts)


class RespClient:
    """One connection."""

    def __init__(self, address, timeout=60):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.socket.makefile("rb", 1 << 18)

    def close(self):
        self.input.close()
        self.socket.close()

    def receive(self):
        """The next reply; an error in it is returned, not raised."""
        line = self.input.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("closed by the server")
        kind, text = line[:1], line[1:-2]
        if kind in b"$=":
            size = int(text)
            if size < 0:
                return None
            data = self.input.read(size + 2)
            if len(data) < size + 2:
                raise ConnectionResetError("closed by the server")
            assert data.endswith(b"\r\n")
            return data[:-2]
        if kind == b"+":
            return text
        if kind == b":":
            return int(text)
        if kind == b"-":
            return RespError(text.decode())
        if kind in b"*~>":
            count = int(text)
            return None if count < 0 else [
                self.receive() for _ in range(count)]
        if kind == b"%":
            return {self.receive(): self.receive() for _ in range(int(text))}
        if kind == b"_":
            return None
        if kind == b"#":
            return text == b"t"
        if kind == b",":
            return float(text)
        raise AssertionError("no RESP: %r" % line)

    def call(self, *arguments):
        self.socket.sendall(encode(arguments))
        reply = self.receive()
        if isinstance(reply, RespError):
            raise reply
        return reply

    def pipeline(self, commands, depth=256):
        """Yields the reply to each of the commands, which are tuples."""
        waiting = 0
        output = []
        for command in commands:
            output.append(encode(command))
            if len(output) == depth:
                self.socket.sendall(b"".join(output))
                output = []
                if waiting > 0:
                    for _ in range(depth):
                        yield self._good()
                    waiting -= depth
                waiting += depth
        if output:
            self.socket.sendall(b"".join(output))
        for _ in range(waiting + len(output)):
            yield self._good()

    def _good(self):
        reply = self.receive()
        if isinstance(reply, RespError):
            raise reply
        return reply

    def scan(self, *arguments):
        """All keys that SCAN comes to."""
        cursor = b"0"
        while True:
            cursor, keys = self.call("SCAN", cursor, *arguments)
            yield from keys
            if cursor == b"0":
                return
