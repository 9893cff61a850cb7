"""Writes the bytes of one block of each kind, straight from the description of the format.

Shares nothing with the Swift code but that description and the recipe for the cells, which
GoldenBlockTests repeats. Made with CPython 3.11 and libxxhash 0.8.1; any version gives the same.

    python3 make_block.py counts block-v1.bin
    python3 make_block.py float32 block-v1-float32.bin
    python3 make_block.py float64 block-v1-float64.bin
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


def value_cells():
    """Cells of values: most with few distinct ones, some with many, some with one for each gene.

    Every value is a multiple of 1/8 (small, of either sign) or of 2**-20, exact in both types.
    """
    state = 7

    def draw(limit):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % limit

    for i in range(120):
        share = 100 if i % 29 == 0 else 30 if i % 7 == 0 else 0 if i % 11 == 0 else 4
        few = 600 if i % 29 == 0 else 5 if i % 3 else 24
        cell = []
        for gene in range(GENES):
            if draw(100) < share:
                if i % 5 == 4:
                    cell.append((gene, (1 + draw(16777215)) / 1048576))
                else:
                    eighths = draw(2 * few) - few
                    cell.append((gene, (eighths if eighths < 0 else eighths + 1) / 8))
        yield 3 * i + 1, cell


def genes_part(cell):
    """The byte that names the form, and the bytes of the genes."""
    deltas = bytearray()
    following = 0
    for gene, _ in cell:
        skipped = gene - following
        deltas += b"\xff" * (skipped // 255) + bytes([skipped % 255])
        following = gene + 1
    bitmap = sum(1 << gene for gene, _ in cell).to_bytes((GENES + 7) // 8, "little")
    return (1, bitmap) if len(bitmap) <= len(deltas) else (0, bytes(deltas))


def counts_part(counts):
    nibbles = [min(count - 1, 15) for count in counts]
    nibbles += [0] * (len(nibbles) % 2)
    packed = bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2]))
    large = b"".join(
        bytes([count - 16]) if count <= 270 else b"\xff" + struct.pack("<I", count)
        for count in counts
        if count > 15
    )
    return packed + large


def payload(cell, kind):
    if not cell:
        return b""
    form, genes = genes_part(cell)
    numbers = [number for _, number in cell]
    if kind == 1:
        return bytes([form]) + genes + counts_part(numbers)
    code = {2: "f", 3: "d"}[kind]
    raw = struct.pack("<%d%s" % (len(numbers), code), *numbers)
    distinct = sorted(set(numbers))
    if len(distinct) <= 1024:
        rank = {value: place + 1 for place, value in enumerate(distinct)}
        ranked = struct.pack("<H%d%s" % (len(distinct), code), len(distinct) - 1, *distinct)
        ranked += counts_part([rank[number] for number in numbers])
        if len(ranked) < len(raw):
            return bytes([form]) + genes + ranked
    return bytes([form + 2]) + genes + raw


def segment(members, kind):
    data = b"".join(payload(cell, kind) for _, cell in members)
    head = b"CXSEGMNT" + struct.pack(
        "<HHIIIQ", 1, kind, GENES, len(members), sum(len(cell) for _, cell in members), len(data)
    )
    rows = b"".join(struct.pack("<I", row) for row, _ in members)
    rows += b"".join(struct.pack("<I", len(cell)) for _, cell in members)
    return head + digest(head + rows + digest(data)) + rows + data


if __name__ == "__main__":
    kind = {"counts": 1, "float32": 2, "float64": 3}[sys.argv[1]]
    members = list(cells() if kind == 1 else value_cells())
    parts = [segment(members[start : start + 1024], kind) for start in range(0, len(members), 1024)]
    with open(sys.argv[2], "wb") as output:
        output.write(b"".join(parts))
    forms = [payload(cell, kind)[0] for _, cell in members if cell]
    print("block digest", digest(b"".join(part[32:48] for part in parts)).hex())
    print("cells by form", {form: forms.count(form) for form in sorted(set(forms))})
