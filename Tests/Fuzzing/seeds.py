"""Writes samples that libFuzzer begins with: every message of the wire, and blocks of counts.

    seeds.py FOLDER
"""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Conformance"))

from wire import (  # noqa: E402
    CONTROL, MESSAGES, RESOURCE, TO_COORDINATOR, TO_WORKER, digest, encode, frame, row_chunk,
)

OPEN, CLOSED = b"\x01", b"\x00"
MOST_BYTES = 16000
TEXTS = {"name": "block/3", "build": "0.1.0 swift-6.3 x86_64", "host": "node1"}
NUMBERS = {
    "protocol_major": 1, "heartbeat_milliseconds": 5000, "silence_milliseconds": 60000,
    "row_credit_bytes": 1 << 24, "role": 1, "solo": 0, "code": 2, "gene_count": 10,
}


def sample(name):
    """A valid message, every field of it set."""
    values = {}
    for field, (_, kind) in MESSAGES[name].items():
        if kind == "int":
            values[field] = NUMBERS.get(field, 7)
        elif kind == "text":
            values[field] = TEXTS.get(field, "text")
        elif kind == "bytes":
            values[field] = b"{}" if field == "options_json" else bytes(range(16))
        elif kind == "ints":
            values[field] = [1, 2, 300]
        elif isinstance(kind, list):
            values[field] = [sample(kind[0])]
        else:
            values[field] = sample(kind)
    if name == "child_exited":
        del values["signal"]
    return values


def frames(numbers):
    """One frame for every message of a direction."""
    for number, name in numbers.items():
        body = encode(name, sample(name))
        length = bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) if len(body) > 127 else bytes(
            [len(body)]
        )
        yield name, frame(CONTROL, bytes([number << 3 | 2]) + length + body)


def segments(folder):
    """The first segments of the blocks that tests keep."""
    for path in sorted(folder.glob("*.bin")):
        data = path.read_bytes()
        for index in range(2):
            cells, _, payload = struct.unpack_from("<IIQ", data, 16)
            length = 48 + 8 * cells + payload
            # Large samples make the search slow.
            if length <= MOST_BYTES:
                yield f"{path.stem}-{index}", data[:length]
            data = data[length:]
            if not data:
                break


def main():
    """Writes all."""
    folder = pathlib.Path(sys.argv[1])
    blocks = pathlib.Path(__file__).parent.parent / "CountBlocksTests" / "Fixtures"
    seeds = {"segments": dict(segments(blocks))}
    worker = {
        name: (CLOSED if name == "hello" else OPEN) + data for name, data in frames(TO_COORDINATOR)
    }
    worker["row"] = OPEN + row_chunk(1, 2, 100, 0, digest(bytes(100)), bytes(100))
    coordinator = {name: OPEN + data for name, data in frames(TO_WORKER)}
    coordinator["chunk"] = OPEN + frame(RESOURCE, struct.pack("<QQ", 1, 0) + bytes(50))
    seeds["worker-frames"] = worker
    seeds["coordinator-frames"] = coordinator
    for target, files in seeds.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / target / f"seed-{name}").write_bytes(data)


if __name__ == "__main__":
    main()
