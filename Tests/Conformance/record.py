"""Stands between a real worker and a coordinator, checks what both say, and keeps the rows.

    record.py CERT KEY CA FOLDER PORT

Listens on a port of loopback, which it writes to FOLDER/port, and passes one connection on to PORT.
FOLDER gets each row as row-N, the worker's build as build, and the number of messages as counts.
"""

import collections
import pathlib
import select
import socket
import struct
import sys

from connection import Channel, context
from wire import (
    CONTROL, RESOURCE, ROW, TO_COORDINATOR, TO_WORKER, Frames, digest, read_control, require,
    resource_digest,
)


class Watch:
    """What both sides said so far, as far as rules about it go."""

    def __init__(self, folder):
        self.folder = folder
        self.counts = collections.Counter()
        self.is_greeted = False
        self.welcome = None
        self.resources = {}
        self.requests = {}
        self.contents = collections.defaultdict(dict)
        self.rows = {}
        self.started = set()
        self.credit = 0

    def from_worker(self, kind, body):
        """A frame of the worker."""
        require(self.welcome is not None or kind == CONTROL, "a row before the welcome")
        if kind == ROW:
            self._row(body)
            return
        name, values = read_control(body, TO_COORDINATOR)
        self.counts[name or "unknown"] += 1
        require(self.is_greeted != (name == "hello"), "hello is not first of all, and once")
        self.is_greeted = True
        if name == "hello":
            require(len(values["worker_id"]) == 16, "worker_id has not 16 bytes")
            (self.folder / "build").write_text(values["build"])
        elif name == "fetch":
            require(values["name"] in self.resources, f"{values['name']} was not announced")
            size = self.resources[values["name"]]["bytes"]
            require(values["offset"] + values["length"] <= size, "a fetch beyond its resource")
            require(values["request"] not in self.requests, "a request's number is used twice")
            self.requests[values["request"]] = values
            require(len(self.requests) <= 16, "more than 16 requests are open")
        elif name == "started":
            self.started.add((values["lease"], values["perturbation"]))

    def from_coordinator(self, kind, body):
        """A frame of the coordinator."""
        if kind == RESOURCE:
            self._resource(body)
            return
        name, values = read_control(body, TO_WORKER)
        self.counts[name or "unknown"] += 1
        if name == "welcome":
            require(self.welcome is None, "a second welcome")
            self.welcome = values
            self.credit = values["row_credit_bytes"]
            require(digest(values["options_json"]) == values["options_digest"], "options differ")
            for resource in values["resources"]:
                self.resources[resource["name"]] = resource
        elif name == "lease":
            for unit in values["perturbations"]:
                self.resources[unit["block"]["name"]] = unit["block"]
        elif name == "rows_durable":
            self.credit += values["credit_bytes"]
            require(self.credit <= self.welcome["row_credit_bytes"], "more credit than at first")

    def _resource(self, body):
        request, offset = struct.unpack_from("<QQ", body)
        asked = self.requests.pop(request, None)
        require(asked is not None, "a chunk that nobody asked for")
        require(offset == asked["offset"] and len(body) - 16 == asked["length"], "another chunk")
        name = asked["name"]
        self.contents[name][offset] = body[16:]
        whole = b"".join(self.contents[name][key] for key in sorted(self.contents[name]))
        if len(whole) == self.resources[name]["bytes"]:
            announced = self.resources[name]["digest"]
            require(resource_digest(name, whole) == announced, f"{name} has another digest")
            self.counts["resources"] += 1
            del self.contents[name]

    def _row(self, body):
        lease, perturbation, total, offset = struct.unpack_from("<QIQQ", body)
        mark, payload = body[28:44], body[44:]
        require((lease, perturbation) in self.started, "a row whose fit was not announced")
        require(total == self.welcome["row_bytes"], "a row of another length")
        if offset == 0:
            self.credit -= total
            require(self.credit >= 0, "more rows than the credit allows")
        held = self.rows.setdefault((lease, perturbation), bytearray())
        require(offset == len(held), "a gap in a row")
        held += payload
        if len(held) == total:
            require(digest(held) == mark, "a row has another digest")
            (self.folder / f"row-{perturbation}").write_bytes(held)
            self.counts["rows"] += 1
            del self.rows[(lease, perturbation)]


def main():
    """Passes one connection on."""
    *files, folder, port = sys.argv[1:]
    folder = pathlib.Path(folder)
    server = socket.create_server(("127.0.0.1", 0))
    (folder / "port.new").write_text(str(server.getsockname()[1]))
    (folder / "port.new").rename(folder / "port")
    accepted, _ = server.accept()
    worker = Channel(context(files, server=True).wrap_socket(accepted, server_side=True))
    coordinator = Channel.connect(("127.0.0.1", int(port)), files)
    watch = Watch(folder)
    ways = {
        worker: (coordinator, Frames({CONTROL, ROW}), watch.from_worker),
        coordinator: (worker, Frames({CONTROL, RESOURCE}), watch.from_coordinator),
    }
    while True:
        ready = [side for side in ways if side.has_more()]
        ready = ready or select.select(list(ways), [], [], 60)[0]
        require(ready, "both sides are silent for a minute")
        for side in ready:
            data = side.read()
            if data == b"":
                for other in ways:
                    other.close()
                (folder / "counts").write_text(
                    "".join(f"{name} {count}\n" for name, count in sorted(watch.counts.items()))
                )
                return
            other, frames, judge = ways[side]
            for kind, body in frames.feed(data or b""):
                judge(kind, body)
            other.write(data or b"")


if __name__ == "__main__":
    main()
