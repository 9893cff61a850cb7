"""TLS connections to a coordinator, or from a worker."""

import os
import select
import socket
import ssl
import time

from wire import CONTROL, RESOURCE, TO_WORKER, Broken, Frames, control, read_control, require


def context(files, *, server=False):
    """TLS 1.3 with a certificate shown and one of the authority demanded; names do not matter."""
    certificate, key, authority = files
    side = ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT
    made = ssl.SSLContext(side)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(authority)
    made.load_cert_chain(certificate, key)
    return made


class Channel:
    """A TLS socket that never blocks for longer than it is told."""

    def __init__(self, tls):
        self._tls = tls
        tls.setblocking(False)

    @classmethod
    def connect(cls, address, files, seconds=20):
        """Connects and shakes hands."""
        plain = socket.create_connection(address, timeout=seconds)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(context(files).wrap_socket(plain))

    def fileno(self):
        """For select."""
        return self._tls.fileno()

    def has_more(self):
        """Whether decrypted bytes wait, of which select knows nothing."""
        return self._tls.pending() > 0

    def read(self):
        """What there is; None for nothing yet, empty bytes at the end."""
        try:
            return self._tls.recv(1 << 16)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except (ssl.SSLError, OSError):
            return b""

    def write(self, data, seconds=30):
        """Sends everything; False when the other end has gone."""
        deadline = time.monotonic() + seconds
        view = memoryview(data)
        while view:
            require(time.monotonic() < deadline, "the other end does not read")
            try:
                view = view[self._tls.send(view) :]
            except ssl.SSLWantWriteError:
                select.select([], [self], [], 1)
            except ssl.SSLWantReadError:
                select.select([self], [], [], 1)
            except (ssl.SSLError, OSError):
                return False
        return True

    def end(self, seconds=5):
        """Says that nothing more comes, and waits a little for the other end to say so too."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                self._tls.unwrap()
                break
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                select.select([self], [], [], 0.1)
            except (ssl.SSLError, OSError, ValueError):
                break
        self._tls.close()

    def close(self):
        """Drops the connection."""
        self._tls.close()


class Session:
    """A worker's connection: sends messages, takes answers one by one."""

    def __init__(self, address, files):
        self._channel = Channel.connect(address, files)
        self._frames = Frames({CONTROL, RESOURCE})
        self._waiting = []
        self.worker_id = os.urandom(16)

    def send(self, data):
        """Sends frames; whether the coordinator still takes them is seen when reading."""
        return self._channel.write(data)

    def hello(self, build, **changes):
        """Greets as a fitter, unless told otherwise."""
        values = {
            "protocol_major": 1, "protocol_minor": 0, "build": build, "role": 1,
            "worker_id": self.worker_id, "incarnation": 0, "host": "conformance",
            "process_id": os.getpid(), "threads": 1, "memory_bytes": 1 << 30,
        }
        values.update(changes)
        self.send(control("hello", **{k: v for k, v in values.items() if v is not None}))

    def next(self, seconds=20):
        """The next message as (name, fields), heartbeats left out; ("end", {}) at the end."""
        deadline = time.monotonic() + seconds
        while True:
            while self._waiting:
                kind, body = self._waiting.pop(0)
                if kind == RESOURCE:
                    return "resource_chunk", {
                        "request": int.from_bytes(body[:8], "little"),
                        "offset": int.from_bytes(body[8:16], "little"),
                        "payload": body[16:],
                    }
                name, values = read_control(body, TO_WORKER)
                require(name is not None, "a message that protocol 1.0 does not know")
                if name != "coordinator_heartbeat":
                    return name, values
            left = deadline - time.monotonic()
            if left <= 0:
                raise Broken(f"nothing came for {seconds} s")
            if not self._channel.has_more():
                select.select([self._channel], [], [], left)
            data = self._channel.read()
            if data == b"":
                return "end", {}
            self._waiting += self._frames.feed(data or b"")

    def expect(self, wanted, seconds=20):
        """The next message, which has to be of a name."""
        name, values = self.next(seconds)
        require(name == wanted, f"{name} came where {wanted} should: {values}")
        return values

    def leave(self, reason):
        """Says goodbye and ends the connection, as a worker should."""
        self.send(control("goodbye", reason=reason))
        self._channel.end()

    def close(self):
        """Drops the connection without a word."""
        self._channel.close()
