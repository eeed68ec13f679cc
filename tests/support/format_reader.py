"""Reads a data directory by storaged/FORMAT.md and common/command/FORMAT.md.

Written from these texts, not from the code: that it reads what the engine has
written shows that they say everything. It checks every checksum and rule that
it meets; what does not hold raises Broken.
"""

import collections
import glob
import os
import struct

import xxhash

MASK = (1 << 64) - 1
GOLDEN_RATIO = 0x9e3779b97f4a7c15
PUT, TOMBSTONE = 1, 2

Entry = collections.namedtuple("Entry", "key kind sequence deadline value")
Range = collections.namedtuple("Range", "start end sequence")
Record = collections.namedtuple("Record", "first count payload")
Command = collections.namedtuple(
    "Command", "sequence op flags key value condition expiry delta group_end")


class Broken(Exception):
    """The bytes are not as the format says."""


def need(condition, what):
    if not condition:
        raise Broken(what)


def hash64(data, seed=0):
    return xxhash.xxh3_64_intdigest(data, seed=seed & MASK)


def read(*parts):
    with open(os.path.join(*parts), "rb") as file:
        return file.read()


class Input:
    """Takes fields off the front of bytes."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def left(self):
        return len(self.data) - self.at

    def number(self, size):
        return int.from_bytes(self.bytes(size), "little")

    def u32(self):
        return self.number(4)

    def u64(self):
        return self.number(8)

    def bytes(self, size):
        need(size <= self.left(), "cut short")
        self.at += size
        return self.data[self.at - size:self.at]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                need(byte != 0 or shift == 7, "a varint is too long")
                need(value <= MASK, "a varint is over 64 bits")
                return value

    def zigzag(self):
        value = self.varint()
        return value >> 1 if value % 2 == 0 else -(value + 1 >> 1)

    def sized(self):
        return self.bytes(self.varint())

    def end(self):
        need(self.left() == 0, "bytes behind the end")


def store_id(folder):
    data = read(folder, "store")
    need(len(data) == 40 and data[:8] == b"kvstore\n", "store")
    need(data[8:16] == struct.pack("<II", 1, 0), "store: version")
    need(hash64(data[:32]) == int.from_bytes(data[32:], "little"),
         "store: checksum")
    return data[16:32]


# -- Manifest ---------------------------------------------------------------

TABLE_FIELDS = ("level", "number", "size", "entries", "tombstones", "ranges",
                "raw_bytes", "sequence_min", "sequence_max", "deadline_min",
                "deadline_max", "expiring", "flags")


def take_table(fields):
    table = {name: fields.varint() for name in TABLE_FIELDS}
    table["first"] = fields.sized()
    table["last"] = fields.sized()
    table["steps"] = [tuple(fields.varint() for _ in range(3))
                      for _ in range(fields.varint())]
    return table


class Manifest:
    def __init__(self, shard, identity):
        line = read(shard, "current")
        name, check = line[:-1].split(b" ")
        need(line[-1:] == b"\n" and name[:9] == b"manifest-", "current")
        number = int(name[9:], 16)
        need(line == b"manifest-%016x %016x\n" %
             (number, hash64(struct.pack("<Q", number))), "current")
        data = read(shard, name.decode())
        need(data[:16] == b"KVSVMAN1" + struct.pack("<II", 1, 0), "manifest")
        need(data[16:40] == struct.pack("<Q", number) + identity, "identity")
        need(hash64(data[:56], int.from_bytes(data[:8], "little")) ==
             int.from_bytes(data[56:64], "little"), "manifest: header")
        self.tables = {}
        self.sequence = self.clock = self.index = self.ceiling = 0
        self.state = b""
        at = 64
        while len(data) - at > 16:
            size, zero, check = struct.unpack_from("<IIQ", data, at)
            payload = data[at + 16:at + 16 + size]
            if (size == 0 or zero != 0 or len(payload) < size or
                    hash64(payload, number * GOLDEN_RATIO + at) != check):
                break
            self.apply(Input(payload))
            at += 16 + size
        need(at > 64, "manifest: no record")

    def apply(self, fields):
        while fields.left() > 0:
            tag = fields.number(1)
            if tag == 1:
                table = take_table(fields)
                self.tables[table["number"]] = table
            elif tag == 2:
                del self.tables[fields.varint()]
            elif tag == 3:
                self.sequence = fields.varint()
                self.clock = fields.varint()
                self.index = fields.varint()
                self.state = fields.sized()
            else:
                need(tag == 4, "manifest: tag %d" % tag)
                self.ceiling = fields.varint()


def read_state(data):
    """The store clock, and for each writer its id, last number, replies."""
    fields = Input(data)
    need(fields.bytes(8) == b"\1" + bytes(7), "applied state: version")
    clock = fields.u64()
    writers = []
    for _ in range(fields.u32()):
        identity, last, answered, seen = (
            fields.bytes(8), fields.u64(), fields.u64(), fields.u64())
        need(answered <= last <= answered + 8 and seen <= clock, "writer")
        replies = [fields.bytes(fields.u32()) for _ in range(last - answered)]
        writers.append((identity, last, replies))
    fields.end()
    return clock, writers


# -- Tables -----------------------------------------------------------------


def lz4_block(data):
    """Unpacks an LZ4 block."""
    out = bytearray()
    fields = Input(data)

    def length(nibble):
        total = nibble
        more = 255 if nibble == 15 else 0
        while more == 255:
            more = fields.number(1)
            total += more
        return total

    while True:
        token = fields.number(1)
        out += fields.bytes(length(token >> 4))
        if fields.left() == 0:
            break
        offset = fields.number(2)
        count = length(token & 15) + 4
        need(0 < offset <= len(out), "LZ4: offset")
        for _ in range(count):
            out.append(out[-offset])
    return bytes(out)


def unpack_block(data, size):
    """The raw bytes of a block from the packed ones."""
    fields = Input(data)
    count, bits, least = fields.number(2), fields.number(1), fields.u64()
    need(bits <= 56, "packed: bits")
    stream = int.from_bytes(fields.bytes((count * bits + 7) // 8), "little")
    sequences = [least + (stream >> i * bits & (1 << bits) - 1)
                 for i in range(count)]
    need(not count or max(sequences) - least >> max(bits - 1, 0) == (bits > 0)
         and min(sequences) == least, "packed: sequences")
    shapes = [(fields.number(1), fields.u32(), fields.number(2))
              for _ in range(count)]
    deadlines = [fields.bytes(8) if flags & 4 else b""
                 for flags, _, _ in shapes]
    shared = [fields.number(1) for _ in range(count)]
    keys, before = [], b""
    for common, (_, _, key_size) in zip(shared, shapes):
        need(common <= min(len(before), key_size), "packed: keys")
        before = before[:common] + fields.bytes(key_size - common)
        keys.append(before)
    raw, places = b"", b""
    for index, (flags, value_size, key_size) in enumerate(shapes):
        places += struct.pack("<H", len(raw) // 4)
        raw += struct.pack("<QIH", sequences[index] << 8 | flags, value_size,
                           key_size)
        raw += deadlines[index] + keys[index] + fields.bytes(value_size)
        raw += bytes(-len(raw) % 4)
    fields.end()
    raw += places + bytes(2 * (count % 2 == 0)) + struct.pack("<H", count)
    need(len(raw) == size, "packed: size")
    return raw


def take_entries(raw):
    """(position, entry) of each entry in the raw bytes of a block."""
    count = int.from_bytes(raw[-2:], "little")
    array = (2 * count + 2 + 3) & ~3
    need(count > 0 and array <= len(raw), "block: count")
    end = len(raw) - array
    at = 0
    for index in range(count):
        place = int.from_bytes(raw[end + 2 * index:][:2], "little") * 4
        need(place == at, "block: places")
        tag, value_size, key_size = struct.unpack_from("<QIH", raw, at)
        deadline = 0
        need(tag & 0xf8 == 0 and key_size > 0, "block: entry")
        start = at
        at += 14
        if tag & 4:
            deadline, = struct.unpack_from("<Q", raw, at)
            at += 8
        key, value = raw[at:at + key_size], raw[at + key_size:][:value_size]
        at += key_size + value_size
        need(not any(raw[at:(at + 3) & ~3]), "block: padding")
        at = (at + 3) & ~3
        yield start, Entry(key, tag & 3, tag >> 8, deadline, value)
    need(at == end, "block: bytes behind the entries")


class Table:
    """All that a table's file says; everything is checked against the rest."""

    RANGES, KEYS, SEPARATORS, BLOCKS, INDEX = range(5)

    def __init__(self, path, number, identity):
        self.data = data = read(path)
        footer = data[-168:]
        need(footer[-8:] == b"VKTABLE\n", "footer: magic")
        need(struct.unpack_from("<II", footer, 152) == (1, 168), "footer")
        self.number, = struct.unpack_from("<Q", footer)
        need(self.number == number and footer[8:24] == identity, "identity")
        need(self.check(footer[:144], 7, 0) ==
             int.from_bytes(footer[144:152], "little"), "footer: checksum")
        numbers = struct.unpack_from("<4Q10Q2I", footer, 24)
        need(numbers[0] == len(data), "footer: size")
        self.tail = data[numbers[1]:numbers[1] + numbers[2]]
        need(numbers[1] + numbers[2] == len(data) - 168, "tail: place")
        need(self.check(self.tail, 6, 0) == numbers[3], "tail: checksum")
        self.places = list(zip(numbers[4:14:2], numbers[5:14:2]))
        self.bits, self.common = numbers[14:]
        self.read_tail()
        self.read_blocks()
        self.read_ranges()
        self.check_separators()
        self.check_index()

    def check(self, data, what, index):
        return hash64(data, self.number * GOLDEN_RATIO + (what << 40) + index)

    def section(self, which):
        offset, size = self.places[which]
        return self.data[offset:offset + size]

    def read_tail(self):
        fields = Input(self.tail)
        summary = Input(fields.bytes(fields.u32()))
        names = TABLE_FIELDS[3:9] + ("expiring", "deadline_min",
                                     "deadline_max")
        self.summary = {name: summary.u64() for name in names}
        self.summary["flags"] = summary.u32()
        first, last, steps = summary.u32(), summary.u32(), summary.u32()
        self.summary["steps"] = [
            (summary.u64(), summary.u64(), summary.u64())
            for _ in range(steps)]
        self.summary["first"] = summary.bytes(first)
        self.summary["last"] = summary.bytes(last)
        summary.end()
        end = 0
        for which, (offset, size) in enumerate(self.places):
            need(offset % 64 == 0 and offset >= end, "section: place")
            end = offset + size
            for piece in range((size + 4095) // 4096):
                part = self.section(which)[4096 * piece:][:4096]
                need(self.check(part, which, piece) & 0xffffffff ==
                     fields.u32(), "section %d: checksum" % which)
        fields.end()

    def read_blocks(self):
        self.entries, self.block_keys, self.locators = [], [], []
        expected = 0
        records = self.section(self.BLOCKS)
        for index in range(len(records) // 16):
            offset, stored, size = struct.unpack_from("<QII", records,
                                                      16 * index)
            need(offset == expected, "blocks: a gap")
            data = self.data[offset:offset + stored]
            kind, check = struct.unpack_from("<II", self.data, offset + stored)
            need(self.check(self.data[offset:offset + stored + 4], 5, index)
                 & 0xffffffff == check, "block %d: checksum" % index)
            need((kind == 0) == (stored == size), "block: compression")
            need(kind in (0, 1), "only LZ4 is read here")
            raw = data if kind == 0 else unpack_block(lz4_block(data), size)
            self.take_block(index, offset, raw)
            expected = offset + stored + 8

    def take_block(self, index, offset, raw):
        keys = []
        for position, entry in take_entries(raw):
            need(not self.entries or self.entries[-1].key < entry.key,
                 "keys do not ascend")
            self.entries.append(entry)
            keys.append(entry.key)
            self.locators.append(
                (offset + position) // 4 if self.bits == 0
                else (index << self.bits) + position // 4)
        self.block_keys.append((keys[0], keys[-1]))

    def read_ranges(self):
        fields = Input(self.section(self.RANGES))
        self.ranges = []
        while fields.left() > 0:
            sequence, start, end = fields.u64(), fields.u32(), fields.u32()
            self.ranges.append(
                Range(fields.bytes(start), fields.bytes(end), sequence))

    def check_separators(self):
        keys, records = self.section(self.KEYS), self.section(self.SEPARATORS)
        common = keys[:self.common]
        need(len(records) // 16 == max(len(self.block_keys) - 1, 0),
             "separators: number")
        for index in range(len(records) // 16):
            first, offset, size = struct.unpack_from("<QII", records,
                                                     16 * index)
            rest = keys[offset:offset + size]
            need(first == int.from_bytes(rest[:8].ljust(8, b"\0"), "big"),
                 "separator: first bytes")
            need(self.block_keys[index][1] < common + rest <=
                 self.block_keys[index + 1][0], "separator: order")

    def check_index(self):
        section = self.section(self.INDEX)
        lines = len(section) // 64
        load = 8 if self.bits == 0 else 10
        need(lines == (len(self.entries) + load - 1) // load, "index: lines")
        used = sum(byte != 0 for line in range(lines)
                   for byte in section[64 * line:64 * line + 12])
        need(used == len(self.entries), "index: slots")
        for entry, locator in zip(self.entries, self.locators):
            value = hash64(entry.key)
            fingerprint = value & 0xff or 1
            mark = 1 << (value >> 8 & 31)
            line = (value >> 32) * lines >> 32
            while True:
                data = section[64 * line:64 * line + 64]
                places = struct.unpack_from("<12I", data, 16)
                if (fingerprint, locator) in zip(data, places[:12]):
                    break
                need(struct.unpack_from("<I", data, 12)[0] & mark,
                     "index: an entry is missing")
                line = (line + 1) % lines


# -- Journal and batches ----------------------------------------------------


def read_segment(data, identity):
    """The first sequence, and the records up to the first that is none."""
    need(data[:16] == b"kvjournl" + struct.pack("<II", 1, 0), "segment")
    need(data[16:32] == identity, "segment: identity")
    number, first, size, seed = struct.unpack_from("<4Q", data, 32)
    need(hash64(data[:56]) == seed and size % 4096 == 0, "segment: header")
    records = []
    at = 64
    while at < len(data) and data[at] != 0:
        fields = Input(data)
        fields.at = at
        try:
            head = fields.varint()
            count = fields.varint() if head & 1 else 2
            sequence = first + fields.varint()
            durable = (8 * fields.varint() if head & 2 else
                       at - fields.varint() if head & 4 else at)
            seeded = hash64(data[at:fields.at], seed + at)
            check, payload_check = fields.number(2), fields.u64()
            payload = fields.bytes(head >> 3)
        except Broken:
            break
        if (len(payload) == 0 or seeded & 0xffff != check or
                hash64(payload, seeded) != payload_check):
            break
        need(0 <= durable <= at, "record: durable bytes")
        records.append(Record(sequence, count, payload))
        at = fields.at
    return number, first, records


def read_journal(shard, identity, after):
    """The records above `after`, in order, without a gap."""
    segments = []
    for path in glob.glob(os.path.join(shard, "journal", "*.log")):
        number, first, records = read_segment(read(path), identity)
        need(os.path.basename(path) == "%016x.log" % number, "segment: name")
        segments.append((number, first, records))
    segments.sort()
    found = []
    for _, first, records in segments:
        for record in records:
            need(not found or found[-1].first + found[-1].count ==
                 record.first, "journal: a gap")
            found.append(record)
    return [record for record in found
            if record.first + record.count - 1 > after]


def read_batch(data, first_sequence):
    """The commands of a batch that starts at `first_sequence`."""
    fields = Input(data)
    head, _stamp = fields.number(1), fields.number(6)
    need(head & 7 == 1, "batch: version")
    kind, before = head >> 3 & 3, head >> 5
    if kind > 0:
        need(any(fields.bytes(8)), "batch: writer")
    need(kind < 3 and (fields.varint() > before if kind == 2 else before == 0),
         "batch: number")
    commands = []
    while fields.left() > 0:
        head = fields.number(1)
        op, flags = head & 7, fields.number(2) << 4 if head & 16 else 0
        key_size = fields.varint()
        value_size = fields.varint() if op in (1, 6) else 0
        key, value = fields.bytes(key_size), fields.bytes(value_size)
        condition = fields.varint() if flags & 0x40 else None
        expiry = fields.zigzag() if flags & 0x600 else None
        delta = fields.zigzag() if op == 3 else None
        commands.append(Command(
            first_sequence + 1 + len(commands), op, flags, key, value,
            condition, expiry, delta, bool(head & 8)))
    need(bool(commands) == (kind == 2), "batch: commands")
    need(not commands or commands[-1].group_end, "batch: groups")
    return commands


# -- The runtime directory --------------------------------------------------


def read_control(path):
    data = read(path)
    need(len(data) == 4096 and data[:8] == b"kvkctrl\0", "control")
    need(hash64(data[:56], int.from_bytes(data[:8], "little")) ==
         int.from_bytes(data[56:64], "little"), "control: checksum")
    names = ("view", "sequence", "clock", "offset", "write_state",
             "incarnation")
    return data[16:32], dict(zip(names, struct.unpack_from("<6Q", data, 64)))


def read_view(path):
    """Numbers of the memtables and, of the tables, (number, level)."""
    data = read(path)
    number, = struct.unpack_from("<Q", data, 32)
    need(data[:8] == b"\x01kvview\0", "view: magic")
    need(hash64(data[:-8], number) == int.from_bytes(data[-8:], "little"),
         "view: checksum")
    memtables, tables, size = struct.unpack_from("<IIQ", data, 72)
    need(size == len(data) == 88 + 8 * memtables + 112 * tables + 8,
         "view: size")
    numbers = struct.unpack_from("<%dQ" % memtables, data, 88)
    places = [88 + 8 * memtables + 112 * i for i in range(tables)]
    return number, list(numbers), [
        (struct.unpack_from("<Q", data, at)[0], data[at + 40])
        for at in places]


class Memtable:
    """The newest entry of each key, found along both ways of the file."""

    def __init__(self, path, identity):
        self.data = data = read(path)
        need(data[:12] == struct.pack("<QI", 0x6c6261746d656d6b, 1), "magic")
        need(data[24:40] == identity, "memtable: identity")
        need(hash64(data[:64]) == self.number(64, 8), "memtable: checksum")
        need(self.number(48, 8) == len(data), "memtable: size")
        self.buckets = self.number(56, 4)
        self.entries = {}
        places = []
        node = self.number(192, 4)
        while node:
            places.append(node)
            entry = self.entry(node)
            self.entries[entry.key] = entry
            need(node in self.chain(entry.key), "memtable: bucket")
            need(self.number(8 * node + 4, 4) < node, "memtable: chain")
            node = self.number(8 * node + 4, 4)
        need(len(places) == len(self.entries), "memtable: a key twice")
        self.check_order(set(places))

    def number(self, at, size):
        return int.from_bytes(self.data[at:at + size], "little")

    def entry(self, node):
        at = 8 * node
        size = self.number(at + 16, 4)
        key = self.data[at + 20:at + 20 + size]
        at = 8 * self.number(at + 8, 4)
        tag, value_size = self.number(at, 8), self.number(at + 12, 4)
        at += 16
        deadline = 0
        if tag & 4:
            deadline = self.number(at, 8)
            at += 8
        return Entry(key, tag & 3, tag >> 8, deadline,
                     self.data[at:at + value_size])

    def chain(self, key):
        value = hash64(key)
        bucket = self.number(256 + 8 * (value % self.buckets), 8)
        need(bucket >> 32 & 1 << (value >> 59), "memtable: mark")
        node = bucket & 0xffffffff
        while node:
            yield node
            node = self.number(8 * node, 4)

    def check_order(self, places):
        """Runs ascend, and cover all nodes but at most 32."""
        covered = []
        order = 8 * self.number(196, 4)
        for index in range(self.number(order + 12, 4) if order else 0):
            run = 8 * self.number(order + 16 + 4 * index, 4)
            count, prefix = self.number(run, 4), self.number(run + 4, 4)
            nodes = [self.number(run + 8 + count + 4 * i, 4)
                     for i in range(count)]
            keys = [self.entry(node).key for node in nodes]
            need(keys == sorted(keys), "memtable: order")
            need(len({key[:prefix] for key in keys}) == 1, "memtable: prefix")
            for i, key in enumerate(keys[::8]):
                rest = key[prefix:prefix + 8].ljust(8, b"\0")
                need(self.number(run + 8 + 8 * i, 8) ==
                     int.from_bytes(rest, "big"), "memtable: fence")
            covered += nodes
        need(len(set(covered)) == len(covered), "memtable: covered twice")
        need(set(covered) <= places and
             len(places) - len(covered) <= 32, "memtable: covered")
