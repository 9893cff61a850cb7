"""Frames, messages and digests of the wire, written from docs/protocol.md alone.

Only the standard library is used, and libxxhash by way of ctypes.
"""

import ctypes
import struct

CONTROL, RESOURCE, ROW = 1, 2, 3
CHUNK = 1 << 20
GREETING_BYTES, CONTROL_BYTES = 4 << 10, 64 << 10
MAJOR, MINOR = 1, 0

# Messages as name -> {field: (number, kind)}. Kinds: int (also bool and enum), text, bytes, ints (a
# repeated number), or the name of a message, in a list when it is repeated.
MESSAGES = {
    "hello": {
        "protocol_major": (1, "int"), "protocol_minor": (2, "int"), "build": (3, "text"),
        "role": (4, "int"), "worker_id": (5, "bytes"), "incarnation": (6, "int"),
        "host": (7, "text"), "process_id": (8, "int"), "threads": (9, "int"),
        "memory_bytes": (10, "int"), "numa_node": (11, "int"), "run_id": (12, "bytes"),
    },
    "fetch": {
        "request": (1, "int"), "name": (2, "text"), "offset": (3, "int"), "length": (4, "int"),
    },
    "started": {"lease": (1, "int"), "perturbation": (2, "int")},
    "fit_failed": {"lease": (1, "int"), "perturbation": (2, "int"), "reason": (3, "text")},
    "heartbeat": {
        "finished_perturbations": (1, "int"), "running_perturbations": (2, "ints"),
        "resident_bytes": (3, "int"),
    },
    "goodbye": {"reason": (1, "text")},
    "child_exited": {
        "worker_id": (1, "bytes"), "description": (2, "text"), "exit_code": (3, "int"),
        "signal": (4, "int"),
    },
    "welcome": {
        "protocol_minor": (1, "int"), "run_id": (2, "bytes"), "input_fingerprint": (3, "bytes"),
        "options_digest": (4, "bytes"), "options_json": (5, "bytes"),
        "row_schema_version": (6, "int"), "method": (7, "text"), "gene_count": (8, "int"),
        "row_bytes": (9, "int"), "heartbeat_milliseconds": (10, "int"),
        "silence_milliseconds": (11, "int"), "row_credit_bytes": (12, "int"),
        "resources": (13, ["resource"]),
    },
    "refused": {"code": (1, "int"), "text": (2, "text")},
    "lease": {"lease": (1, "int"), "solo": (2, "int"), "perturbations": (3, ["leased"])},
    "rows_durable": {"perturbations": (1, "ints"), "credit_bytes": (2, "int")},
    "resource_missing": {"request": (1, "int"), "reason": (2, "text")},
    "coordinator_heartbeat": {},
    "finish": {"reason": (1, "text")},
    "resource": {"name": (1, "text"), "bytes": (2, "int"), "digest": (3, "bytes")},
    "leased": {"index": (1, "int"), "cells": (2, "int"), "block": (3, "resource")},
}

TO_COORDINATOR = {
    1: "hello", 2: "fetch", 3: "started", 4: "fit_failed", 5: "heartbeat", 6: "goodbye",
    7: "child_exited",
}
TO_WORKER = {
    1: "welcome", 2: "refused", 3: "lease", 4: "rows_durable", 5: "resource_missing",
    6: "coordinator_heartbeat", 7: "finish",
}


class Broken(Exception):
    """A rule of the protocol's description does not hold."""


def require(condition, text):
    """Raises ``Broken`` unless a condition holds."""
    if not condition:
        raise Broken(text)


# Protocol buffers


def _varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data, place):
    number = 0
    for index in range(10):
        require(place + index < len(data), "a number is cut short")
        byte = data[place + index]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, place + index + 1
    raise Broken("a number has more than ten bytes")


def _fields(data):
    """All fields of a message: number, and an int or the bytes of a delimited one."""
    place = 0
    while place < len(data):
        tag, place = _read_varint(data, place)
        if tag & 7 == 0:
            value, place = _read_varint(data, place)
        elif tag & 7 == 2:
            length, place = _read_varint(data, place)
            require(place + length <= len(data), "a field is cut short")
            value, place = data[place : place + length], place + length
        else:
            raise Broken(f"wire type {tag & 7} is not used by this protocol")
        yield tag >> 3, value


def encode(name, values):
    """The bytes of a message."""
    out = bytearray()
    for field, value in values.items():
        number, kind = MESSAGES[name][field]
        if kind == "int":
            out += _varint(number << 3) + _varint(int(value))
            continue
        if kind == "text":
            parts = [value.encode()]
        elif kind == "bytes":
            parts = [value]
        elif kind == "ints":
            parts = [b"".join(map(_varint, value))] if value else []
        elif isinstance(kind, list):
            parts = [encode(kind[0], part) for part in value]
        else:
            parts = [encode(kind, value)]
        for part in parts:
            out += _varint(number << 3 | 2) + _varint(len(part)) + part
    return bytes(out)


def decode(name, data):
    """The fields of a message; absent ones have their default, unknown ones are skipped."""
    kinds = {number: (field, kind) for field, (number, kind) in MESSAGES[name].items()}
    values = {}
    for field, kind in kinds.values():
        empty = {"int": 0, "text": "", "bytes": b"", "ints": []}
        values[field] = [] if isinstance(kind, list) else empty.get(kind)
    for number, value in _fields(data):
        if number not in kinds:
            continue
        field, kind = kinds[number]
        if kind == "ints" and isinstance(value, bytes):
            place = 0
            while place < len(value):
                one, place = _read_varint(value, place)
                values[field].append(one)
        elif kind == "ints":
            values[field].append(value)
        elif kind == "int":
            require(isinstance(value, int), f"{name}.{field} is no number")
            values[field] = value
        else:
            require(isinstance(value, bytes), f"{name}.{field} is a number")
            if kind == "text":
                values[field] = value.decode()
            elif kind == "bytes":
                values[field] = value
            elif isinstance(kind, list):
                values[field].append(decode(kind[0], value))
            else:
                values[field] = decode(kind, value)
    return values


def read_control(body, numbers):
    """The one message of a control frame: name and fields; None for a message nobody knows."""
    found = list(_fields(body))
    require(len(found) == 1, f"{len(found)} messages in one control frame")
    number, value = found[0]
    if number not in numbers:
        return None, {}
    require(isinstance(value, bytes), f"message {number} is a number")
    return numbers[number], decode(numbers[number], value)


# Frames


def frame(kind, body):
    """A frame with its header of five bytes."""
    return struct.pack("<IB", len(body), kind) + body


def control(message, /, **values):
    """The frame of a message to the coordinator."""
    number = next(key for key, value in TO_COORDINATOR.items() if value == message)
    body = encode(message, values)
    return frame(CONTROL, _varint(number << 3 | 2) + _varint(len(body)) + body)


def row_chunk(lease, perturbation, total, offset, row_digest, payload):
    """The frame of a part of a row."""
    head = struct.pack("<QIQQ", lease, perturbation, total, offset)
    return frame(ROW, head + row_digest + payload)


def row_chunks(lease, perturbation, row):
    """The frames of a whole row."""
    mark = digest(row)
    return [
        row_chunk(lease, perturbation, len(row), offset, mark, row[offset : offset + CHUNK])
        for offset in range(0, len(row), CHUNK)
    ]


class Frames:
    """Cuts a stream into frames and keeps to the limits of a direction."""

    def __init__(self, kinds):
        self._kinds = kinds
        self._held = bytearray()

    def feed(self, data):
        """Takes bytes; gives the frames that are whole as (kind, body)."""
        self._held += data
        while len(self._held) >= 5:
            length, kind = struct.unpack_from("<IB", self._held)
            require(kind in self._kinds, f"kind {kind} does not go this way")
            low, high = {
                CONTROL: (0, CONTROL_BYTES), RESOURCE: (17, 16 + CHUNK), ROW: (45, 44 + CHUNK),
            }[kind]
            require(low <= length <= high, f"a frame of kind {kind} has {length} bytes")
            if len(self._held) < 5 + length:
                return
            body = bytes(self._held[5 : 5 + length])
            del self._held[: 5 + length]
            yield kind, body


# Digests


class _Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


_library = ctypes.CDLL("libxxhash.so.0")
_library.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
_library.XXH3_128bits.restype = _Hash128


def digest(data):
    """The 128-bit XXH3 of bytes in canonical form."""
    value = _library.XXH3_128bits(bytes(data), len(data))
    return struct.pack(">QQ", value.high, value.low)


def resource_digest(name, data):
    """The digest that a resource is announced with."""
    if not name.startswith(("block/", "control-tile/", "control-cells/")):
        return digest(data)
    digests = b""
    while data:
        require(len(data) >= 48 and data[:8] == b"CXSEGMNT", f"{name} holds no segment")
        cells, _, payload = struct.unpack_from("<IIQ", data, 16)
        tables = 48 + 8 * cells
        require(len(data) >= tables + payload, f"a segment of {name} is cut short")
        inner = digest(data[tables : tables + payload])
        mark = digest(data[:32] + data[48:tables] + inner)
        require(mark == data[32:48], f"a segment of {name} has another digest")
        digests += mark
        data = data[tables + payload :]
    return digest(digests)
