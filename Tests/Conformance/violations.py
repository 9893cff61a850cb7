"""Breaks every rule of the protocol in turn and looks at what the coordinator does.

    violations.py CERT KEY CA FOLDER PORT

FOLDER holds the build of a real worker. Prints one line for each rule; ends with 1 when the
coordinator did something else than docs/protocol.md says.
"""

import pathlib
import struct
import sys

from connection import Session
from wire import (
    CHUNK, CONTROL, RESOURCE, ROW, control, encode, frame, require, row_chunk, row_chunks,
)


def refusals(run_id):
    """Greetings that are refused, with the code."""
    return {
        "a later major version": ({"protocol_major": 2}, 1),
        "an earlier major version": ({"protocol_major": 0}, 1),
        "a later major version with nothing else that is known": (
            {"protocol_major": 9, "role": 7, "worker_id": b"", "host": None, "threads": None}, 1,
        ),
        "another build": ({"build": "0.0.1 other x86_64"}, 2),
        "another run": ({"run_id": bytes(byte ^ 255 for byte in run_id)}, 3),
    }


WELCOMES = {
    "a later minor version": {"protocol_minor": 9},
    "the run by name": {"run_id": True},
    "a supervisor without threads": {"role": 2, "threads": 0},
    "a NUMA node": {"numa_node": 3},
}

BAD_GREETINGS = {
    "no threads": {"threads": 0},
    "too many threads": {"threads": 65537},
    "no role": {"role": 0},
    "an unknown role": {"role": 3},
    "a short worker id": {"worker_id": b"short"},
    "a host with control characters": {"host": "a\nb"},
    "a host with a turned direction": {"host": "a\u202eb"},
    "no host": {"host": ""},
    "a long host": {"host": "x" * 256},
    "a long build": {"build": "x" * 129},
    "more memory than there is": {"memory_bytes": 2**50 + 1},
    "a short run id": {"run_id": b"12"},
}

BEFORE_WELCOME = {
    "a fetch before the greeting": control("fetch", request=1, name="a", offset=0, length=1),
    "a row before the greeting": row_chunk(1, 0, 1, 0, bytes(16), b"x"),
    "a resource chunk": frame(RESOURCE, bytes(17)),
    "an unknown kind": frame(9, b""),
    "kind 0": frame(0, b""),
    "a greeting of 4 KiB and one byte": struct.pack("<IB", (4 << 10) + 1, CONTROL),
    "a greeting of 4 GiB": struct.pack("<IB", 0xFFFFFFFF, CONTROL),
    "no message in a control frame": frame(CONTROL, b""),
    "an unknown message": frame(CONTROL, b"\x7a\x00"),
    "a field cut short": frame(CONTROL, b"\x0a\x05ab"),
    "a tag without an end": frame(CONTROL, b"\xff" * 11),
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


def after_welcome(welcome):
    """What ends a connection that was welcomed."""
    size = welcome["row_bytes"]
    resource = welcome["resources"][0]["name"]

    def fetch(**changes):
        values = {"request": 1, "name": resource, "offset": 0, "length": 1} | changes
        return control("fetch", **values)

    def row(total=size, offset=0, length=1, lease=1, index=0):
        return row_chunk(lease, index, total, offset, bytes(16), bytes(length))

    whole = [
        row(offset=start, length=min(CHUNK, size - start)) for start in range(0, size, CHUNK)
    ]
    return {
        "a control frame of 64 KiB and one byte": struct.pack("<IB", (64 << 10) + 1, CONTROL),
        "a row chunk without payload": frame(ROW, bytes(44)),
        "a row chunk that is too large": struct.pack("<IB", 44 + CHUNK + 1, ROW),
        "a resource chunk upwards": frame(RESOURCE, bytes(17)),
        "a second greeting": control(
            "hello", protocol_major=1, build="b", role=1, worker_id=bytes(16), host="h", threads=1
        ),
        "a fetch of nothing": fetch(length=0),
        "a fetch of too much": fetch(length=CHUNK + 1),
        "a fetch from far behind": fetch(offset=2**40 + 1),
        "a name that leaves its folder": fetch(name="../etc/passwd"),
        "an absolute name": fetch(name="/etc/passwd"),
        "a name without a part": fetch(name="a//b"),
        "a name that is long": fetch(name="a" * 65),
        "no name": fetch(name=""),
        "a reason of 2 KiB and one byte": control("goodbye", reason="x" * 2049),
        "a reason with an escape character": control("goodbye", reason="\x1b[31mred"),
        "an exit that is none": control("child_exited", worker_id=bytes(16), description="d"),
        "an exit code beyond 255": control(
            "child_exited", worker_id=bytes(16), description="d", exit_code=256
        ),
        "running more than 4,096": control("heartbeat", running_perturbations=range(4097)),
        "a row of another length": row(total=size + 1),
        "a row that does not begin": row(offset=1),
        "a row with a gap": row() + row(offset=3),
        "a row that overlaps": row(length=2) + row(offset=1),
        "a row longer than itself": row(offset=0, length=1) + row(offset=1, length=size),
        "a row whose digest changes": row()
        + row_chunk(1, 0, size, 1, b"\xff" * 16, b"x"),
        "a row whose digest is not its own": b"".join(whole),
        "more rows at once than there is credit for": b"".join(
            row(index=index) for index in range(welcome["row_credit_bytes"] // size + 1)
        ),
    }


class Probe:
    """Connections to one coordinator."""

    def __init__(self, files, folder, port):
        self._files = files
        self._address = ("127.0.0.1", port)
        self.build = (folder / "build").read_text()

    def open(self):
        """A connection that is not greeted yet."""
        return Session(self._address, self._files)

    def welcomed(self, **changes):
        """A connection that is."""
        session = self.open()
        session.hello(self.build, **changes)
        return session, session.expect("welcome", 60)

    @staticmethod
    def ends(session, seconds=8):
        """Reads until the coordinator has closed; leases are no answer."""
        while True:
            name, _ = session.next(seconds)
            if name == "end":
                session.close()
                return
            require(name == "lease", f"{name} came where the connection should end")


def greetings(probe, run_id):
    """All that can be wrong with a greeting."""
    for title, (changes, code) in refusals(run_id).items():
        session = probe.open()
        session.hello(changes.pop("build", probe.build), **changes)
        refused = session.expect("refused")
        require(refused["code"] == code and refused["text"], f"{title}: code {refused['code']}")
        probe.ends(session)
        yield title
    for title, changes in WELCOMES.items():
        if "run_id" in changes:
            changes = {"run_id": run_id}
        session, welcome = probe.welcomed(**changes)
        require(welcome["run_id"] == run_id, "another run")
        require(welcome["protocol_minor"] <= 9, "a minor version that is no version")
        session.leave("that was all")
        yield title
    for title, changes in BAD_GREETINGS.items():
        session = probe.open()
        session.hello(changes.pop("build", probe.build), **changes)
        probe.ends(session)
        yield title
    for title, data in BEFORE_WELCOME.items():
        session = probe.open()
        session.send(data)
        probe.ends(session)
        yield title


def conversations(probe, welcome):
    """All that can be wrong after it, and what is odd but allowed."""
    for title, data in after_welcome(welcome).items():
        session, _ = probe.welcomed()
        session.send(data)
        try:
            probe.ends(session)
        except Exception as error:
            raise type(error)(f"{title}: {error}") from error
        yield title
    session, _ = probe.welcomed()
    session.send(control("fetch", request=7, name="no/such", offset=0, length=1))
    name = welcome["resources"][0]
    session.send(
        control("fetch", request=8, name=name["name"], offset=name["bytes"], length=1)
    )
    missing = set()
    while len(missing) < 2:
        kind, values = session.next()
        require(kind in ("lease", "resource_missing"), f"{kind} for a resource that is not there")
        if kind == "resource_missing":
            missing.add(values["request"])
    require(missing == {7, 8}, f"answers to {missing}")
    # A field of a later version, and leases that were never given.
    body = encode("started", {"lease": 12345, "perturbation": 0}) + b"\xf8\x01\x05"
    session.send(frame(CONTROL, b"\x1a" + bytes([len(body)]) + body))
    session.send(control("fit_failed", lease=12345, perturbation=0, reason="not mine"))
    session.send(control("fetch", request=9, name=name["name"], offset=0, length=1))
    while True:
        kind, values = session.next()
        if kind == "resource_chunk":
            break
        require(kind == "lease", f"{kind} where a chunk should come")
    # A row that nobody asked for is dropped, and its credit comes back.
    size = welcome["row_bytes"]
    for chunk in row_chunks(12345, 2**31, bytes(size)):
        session.send(chunk)
    while True:
        kind, values = session.next()
        if kind == "rows_durable":
            break
        require(kind == "lease", f"{kind} where credit should come back")
    require(values["credit_bytes"] == size and not values["perturbations"], f"{values}")
    session.leave("that was all")
    yield "what is not there is said, and what is not known is skipped"


def main():
    """Tries everything."""
    *files, folder, port = sys.argv[1:]
    probe = Probe(files, pathlib.Path(folder), int(port))
    session, welcome = probe.welcomed()
    session.leave("only looking")
    count = 0
    for checks in (greetings(probe, welcome["run_id"]), conversations(probe, welcome)):
        for title in checks:
            count += 1
            print(f"ok {count} {title}", flush=True)


if __name__ == "__main__":
    main()
