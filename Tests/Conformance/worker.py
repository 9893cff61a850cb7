"""A worker in another language, which sends rows that another one fitted.

    worker.py CERT KEY CA FOLDER PORT

Takes the rows from FOLDER, where record.py left them, checks everything that comes, and works until
the coordinator says that the run is over. The first perturbation that it is given fails once; one
row is sent twice. Ends with 0 and prints how many rows it sent.
"""

import pathlib
import sys

from connection import Session
from wire import CHUNK, control, digest, require, resource_digest, row_chunks


class Worker:
    """One session, all in order: nothing is done at the same time as anything else."""

    def __init__(self, session, folder):
        self.session = session
        self.folder = folder
        self.build = (folder / "build").read_text()
        self.requests = 0
        self.leases = []
        self.credit = 0
        self.sent = 0
        self.durable = set()
        self.has_failed = False
        self.has_repeated = False
        self.is_over = False

    def run(self):
        """Greets and works until told to leave."""
        self.session.hello(self.build)
        welcome = self.session.expect("welcome", 60)
        require(welcome["protocol_minor"] == 0, "a minor version that this worker does not know")
        require(digest(welcome["options_json"]) == welcome["options_digest"], "options differ")
        require(welcome["silence_milliseconds"] >= welcome["heartbeat_milliseconds"], "silence")
        self.row_bytes = welcome["row_bytes"]
        self.most_credit = self.credit = welcome["row_credit_bytes"]
        for resource in welcome["resources"]:
            self.fetch(resource)
        while not self.is_over or self.leases:
            if self.leases:
                self.work(*self.leases.pop(0))
            else:
                self.take(*self.session.next(60))
        self.session.leave("the run is over")

    def take(self, name, values):
        """A message that may come at any time."""
        if name == "lease":
            units = values["perturbations"]
            require(1 <= len(units) <= 512, "an empty or too large lease")
            require(not values["solo"] or len(units) == 1, "a lease of several is solo")
            self.leases += [(values["lease"], unit) for unit in units]
        elif name == "rows_durable":
            self.durable.update(values["perturbations"])
            self.credit += values["credit_bytes"]
            require(self.credit <= self.most_credit, "more credit came back than was spent")
        elif name == "finish":
            self.is_over = True
            self.leases = []
        else:
            require(False, f"{name} was not expected: {values}")

    def fetch(self, resource):
        """The bytes of a resource, checked."""
        content = b""
        while len(content) < resource["bytes"]:
            length = min(CHUNK, resource["bytes"] - len(content))
            self.requests += 1
            self.session.send(
                control(
                    "fetch", request=self.requests, name=resource["name"], offset=len(content),
                    length=length,
                )
            )
            while True:
                name, values = self.session.next()
                if name == "resource_chunk":
                    break
                self.take(name, values)
            require(values["request"] == self.requests, "an answer to another request")
            require(values["offset"] == len(content), "a chunk of another place")
            require(len(values["payload"]) == length, "a chunk of another length")
            content += values["payload"]
        found = resource_digest(resource["name"], content)
        require(found == resource["digest"], f"{resource['name']} has another digest")
        return content

    def work(self, lease, unit):
        """Does what a fit would, and sends the row."""
        index = unit["index"]
        self.fetch(unit["block"])
        self.session.send(control("started", lease=lease, perturbation=index))
        if not self.has_failed:
            self.has_failed = True
            self.session.send(
                control("fit_failed", lease=lease, perturbation=index, reason="as a test")
            )
            return
        row = (self.folder / f"row-{index}").read_bytes()
        require(len(row) == self.row_bytes, "rows have another length")
        self.send(lease, index, row)
        if not self.has_repeated:
            self.has_repeated = True
            self.send(lease, index, row)

    def send(self, lease, index, row):
        """Sends a row when there is credit for it."""
        while self.credit < self.row_bytes and not self.is_over:
            self.take(*self.session.next(60))
        self.credit -= self.row_bytes
        for chunk in row_chunks(lease, index, row):
            self.session.send(chunk)
        self.sent += 1


def main():
    """Runs one worker."""
    *files, folder, port = sys.argv[1:]
    worker = Worker(Session(("127.0.0.1", int(port)), files), pathlib.Path(folder))
    worker.run()
    require(worker.has_failed and worker.has_repeated, "too few perturbations for what is tested")
    print(f"{worker.sent} rows")


if __name__ == "__main__":
    main()
