"""A client of the binary protocol, written from frontend/tcp/PROTOCOL.md."""

import collections
import socket
import struct

PING, INFO, GET, STAT, MULTI_GET, SCAN = 0x01, 0x02, 0x10, 0x11, 0x12, 0x13
PUT, DELETE, INCREMENT, EXPIRE, PERSIST, DELETE_RANGE, BATCH = (
    0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x30)
IF_ABSENT, IF_PRESENT, IF_SEQUENCE, KEEP_TTL, RETURN_OLD, TTL_IS_DEADLINE = (
    0x01, 0x02, 0x04, 0x08, 0x10, 0x20)
KEYS_ONLY = 0x01
STATUSES = ("ok", "not_found", "condition_failed", "not_integer", "overflow",
            "invalid", "unknown_opcode", "version", "key_size", "value_size",
            "too_large", "busy", "unavailable", "no_space", "forbidden",
            "internal")
NOT_APPLIED, APPLIED, UNKNOWN = 0, 1, 2

HEADER = struct.Struct("<BBBBIQ")
Entry = collections.namedtuple("Entry", "sequence ttl value")
Result = collections.namedtuple("Result", "affected sequence old number")
Reply = collections.namedtuple("Reply", "opcode status id payload")


class Failure(Exception):
    """A reply with another status than ok."""

    def __init__(self, reply):
        self.status = STATUSES[reply.status]
        fields = Fields(reply.payload)
        self.outcome, self.retry_after, self.index = fields.take("<BII")
        self.text = fields.bytes().decode()
        fields.end()
        super().__init__("%s: %s (outcome %d)" %
                         (self.status, self.text, self.outcome))


class Fields:
    """Takes a payload apart from its front."""

    def __init__(self, payload):
        self.payload = payload
        self.at = 0

    def take(self, form):
        values = struct.unpack_from(form, self.payload, self.at)
        self.at += struct.calcsize(form)
        return values if len(values) > 1 else values[0]

    def bytes(self):
        size = self.take("<I")
        assert self.at + size <= len(self.payload), "bytes beyond the payload"
        self.at += size
        return self.payload[self.at - size:self.at]

    def end(self):
        assert self.at == len(self.payload), "bytes left over"


def packed(data):
    return struct.pack("<I", len(data)) + data


def put(key, value, ttl=0, sequence=0):
    return struct.pack("<QQ", ttl, sequence) + packed(key) + packed(value)


def delete(key, sequence=0):
    return struct.pack("<Q", sequence) + packed(key)


def increment(key, delta=1, sequence=0):
    return struct.pack("<Qq", sequence, delta) + packed(key)


def expire(key, ttl):
    return struct.pack("<Q", ttl) + packed(key)


def scan(start=b"", end=b"", count_max=0, bytes_max=0):
    return struct.pack("<II", count_max, bytes_max) + packed(start) + \
        packed(end)


def multi_get(keys):
    return struct.pack("<I", len(keys)) + b"".join(map(packed, keys))


def batch(writes):
    """Of (opcode, flags, payload)."""
    return struct.pack("<I", len(writes)) + b"".join(
        struct.pack("<BB", opcode, flags) + payload
        for opcode, flags, payload in writes)


def take_entry(fields):
    return Entry(*fields.take("<QQ"), fields.bytes())


def take_result(fields):
    bits, sequence = fields.take("<BQ")
    old = fields.bytes() if bits & 2 else None
    number = fields.take("<q") if bits & 4 else None
    return Result(bool(bits & 1), sequence, old, number)


class BinaryClient:
    """One connection. What it sends waits for flush() or a receive()."""

    def __init__(self, address, timeout=60):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.socket.makefile("rb", 1 << 18)
        self.output = []
        self.waiting = collections.deque()
        self.last_id = 0

    def close(self):
        self.input.close()
        self.socket.close()

    def send(self, opcode, payload=b"", flags=0):
        self.last_id += 1
        self.waiting.append((opcode, self.last_id))
        self.output.append(HEADER.pack(0xab, 1, opcode, flags, len(payload),
                                       self.last_id))
        self.output.append(payload)
        return self.last_id

    def flush(self):
        data, self.output = b"".join(self.output), []
        if data:
            self.socket.sendall(data)

    def receive(self):
        """The next reply, whatever its status."""
        self.flush()
        reply = self.receive_frame()
        assert (reply.opcode, reply.id) == self.waiting.popleft(), reply
        return reply

    def receive_frame(self):
        header = self.input.read(HEADER.size)
        if len(header) < HEADER.size:
            raise ConnectionResetError("closed by the server")
        magic, version, opcode, status, size, number = HEADER.unpack(header)
        assert (magic, version) == (0xac, 1), header
        payload = self.input.read(size)
        if len(payload) < size:
            raise ConnectionResetError("closed by the server")
        return Reply(opcode, status, number, payload)

    def fields(self):
        """The payload of the next reply; Failure unless its status is ok."""
        reply = self.receive()
        if reply.status != 0:
            raise Failure(reply)
        return Fields(reply.payload)

    def call(self, opcode, payload=b"", flags=0):
        self.send(opcode, payload, flags)
        return self.fields()

    def pipeline(self, requests, depth=256):
        """Sends (opcode, payload) and yields the fields of each reply."""
        for opcode, payload in requests:
            self.send(opcode, payload)
            if len(self.waiting) >= 2 * depth:
                self.flush()
                for _ in range(depth):
                    yield self.fields()
        while self.waiting:
            yield self.fields()

    def result(self, opcode, payload, flags=0):
        fields = self.call(opcode, payload, flags)
        result = take_result(fields)
        fields.end()
        return result

    def put(self, key, value, ttl=0, flags=0, sequence=0):
        return self.result(PUT, put(key, value, ttl, sequence), flags)

    def delete(self, key):
        return self.result(DELETE, delete(key))

    def increment(self, key, delta=1):
        return self.result(INCREMENT, increment(key, delta)).number

    def batch(self, writes):
        fields = self.call(BATCH, batch(writes))
        results = [take_result(fields) for _ in range(fields.take("<I"))]
        fields.end()
        return results

    def get(self, key):
        """The entry, or None."""
        try:
            fields = self.call(GET, packed(key))
        except Failure as failure:
            if failure.status == "not_found":
                return None
            raise
        entry = take_entry(fields)
        fields.end()
        return entry

    def multi_get(self, keys):
        """A list of entries, None for what is absent."""
        found = [None] * len(keys)
        asked = list(range(len(keys)))
        while asked:
            fields = self.call(MULTI_GET, multi_get([keys[i] for i in asked]))
            assert fields.take("<I") == len(asked)
            left_out = []
            for i in asked:
                state = fields.take("<B")
                if state == 1:
                    found[i] = take_entry(fields)
                elif state == 2:
                    left_out.append(i)
            fields.end()
            assert len(left_out) < len(asked), "not even the first key"
            asked = left_out
        return found

    def scan(self, start=b"", end=b"", count_max=0, bytes_max=0, flags=0):
        """Yields (key, entry), page after page."""
        more = True
        while more:
            fields = self.call(SCAN, scan(start, end, count_max, bytes_max),
                               flags)
            for _ in range(fields.take("<I")):
                key = fields.bytes()
                yield key, take_entry(fields)
            more = fields.take("<B") == 1
            start = fields.bytes()
            fields.end()

    def info(self):
        fields = self.call(INFO)
        pairs = {}
        for _ in range(fields.take("<I")):
            name = fields.bytes().decode()
            pairs[name] = fields.bytes().decode()
        fields.end()
        return pairs
