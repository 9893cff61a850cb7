"""Writes block-v1.bin, the bytes of one block, straight from the description of the format.

Shares nothing with the Swift code but that description and the recipe for the cells, which
GoldenBlockTests repeats. Made with CPython 3.11 and libxxhash 0.8.1; any version gives the same.

    python3 make_block.py block-v1.bin
"""

import ctypes
import ctypes.util
import struct
import sys

GENES = 300
CELLS = 1040


class Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


xxhash = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
xxhash.XXH3_128bits.restype = Hash128
xxhash.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]


def digest(data):
    value = xxhash.XXH3_128bits(data, len(data))
    return struct.pack(">QQ", value.high, value.low)


def cells():
    """Cells of every kind: empty, sparse, dense, full; counts of every size."""
    state = 1

    def draw(limit):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % limit

    for i in range(CELLS):
        share = 100 if i % 97 == 0 else 40 if i % 31 == 0 else 0 if i % 11 == 0 else 3
        cell = []
        for gene in range(GENES):
            if draw(100) < share:
                kind = draw(20)
                limit = 4294967295 if kind == 0 else 300 if kind == 1 else 17 if kind < 6 else 3
                cell.append((gene, 1 + draw(limit)))
        yield 2 * i + 5, cell


def payload(cell):
    if not cell:
        return b""
    deltas = bytearray()
    following = 0
    for gene, _ in cell:
        skipped = gene - following
        deltas += b"\xff" * (skipped // 255) + bytes([skipped % 255])
        following = gene + 1
    bitmap = sum(1 << gene for gene, _ in cell).to_bytes((GENES + 7) // 8, "little")
    genes = b"\1" + bitmap if len(bitmap) <= len(deltas) else b"\0" + bytes(deltas)
    nibbles = [min(count - 1, 15) for _, count in cell]
    nibbles += [0] * (len(nibbles) % 2)
    packed = bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2]))
    large = b"".join(
        bytes([count - 16]) if count <= 270 else b"\xff" + struct.pack("<I", count)
        for _, count in cell
        if count > 15
    )
    return genes + packed + large


def segment(members):
    data = b"".join(payload(cell) for _, cell in members)
    head = b"CXSEGMNT" + struct.pack(
        "<HHIIIQ", 1, 1, GENES, len(members), sum(len(cell) for _, cell in members), len(data)
    )
    rows = b"".join(struct.pack("<I", row) for row, _ in members)
    rows += b"".join(struct.pack("<I", len(cell)) for _, cell in members)
    return head + digest(head + rows + digest(data)) + rows + data


if __name__ == "__main__":
    members = list(cells())
    parts = [segment(members[start : start + 1024]) for start in range(0, CELLS, 1024)]
    with open(sys.argv[1], "wb") as output:
        output.write(b"".join(parts))
    print("block digest", digest(b"".join(part[32:48] for part in parts)).hex())
