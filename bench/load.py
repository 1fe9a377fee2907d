"""A load generator that leaves the cores to what it loads: one thread, raw sockets, keep-alive, no library."""

import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field

PATIENCE = 30  # seconds that the last answers may take
REFUSED = 0.1  # seconds until one that nobody let in tries again


@dataclass
class Answers:
    """What came back: how often each status and after how long, and what was kept of the bodies."""

    seconds: float = 0.0
    times: dict = field(default_factory=dict)
    kept: list = field(default_factory=list)
    broken: int = 0

    def count(self, status):
        return len(self.times.get(status, ()))

    def rate(self, status):
        return self.count(status) / self.seconds

    def milliseconds(self, status, percent):
        took = sorted(self.times.get(status, [0.0]))
        return 1000 * took[min(len(took) - 1, int(len(took) * percent / 100))]


def post(path, key, body):
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Api-Key {key}\r\nContent-Type: application/json\r\n"
    )
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Connection:
    """One request at a time."""

    def __init__(self, at):
        self.socket = socket.create_connection(at, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.sent_at = 0.0

    def send(self, request):
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self):
        """The whole answer as status, head and body; None while more of it is to come."""
        part = self.socket.recv(1 << 20)
        if not part:
            raise ConnectionResetError
        self.received += part
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return None
        self.received = b""
        return int(head[9:12]), head, body


def _length(head):
    at = head.find(b"content-length: ") + 16
    return int(head[at : at + 10].split(b"\r")[0])


class Load:
    """Keeps connections busy with what `requests` gives, and takes note of every answer.

    `keep(status, head, body)` says what to keep of an answer. `pause`: seconds that one told 503 or 429 holds still.
    """

    def __init__(self, at, requests, *, keep=lambda status, head, body: None, pause=0.0):
        self.at, self.requests, self.keep, self.pause = at, requests, keep, pause
        self.answers = Answers()
        self.poll = select.epoll()
        self.waiting = {}
        self.paused = deque()
        self.refused = deque()

    def run(self, *, seconds, connections, during=()):
        """`during`: pairs of a second and what to do then."""
        events = deque(sorted(during))
        began = time.perf_counter()
        self.end = began + seconds
        for _ in range(connections):
            self._begin()
        while self.waiting or self.paused or self.refused:
            now = time.perf_counter()
            if now > self.end + PATIENCE:
                break
            if events and now - began > events[0][0]:
                events.popleft()[1]()
            while self.paused and (self.paused[0][0] <= now or now > self.end):
                self._next(self.paused.popleft()[1])
            while self.refused and self.refused[0] <= now:
                self.refused.popleft()
                self._begin()
            for number, _event in self.poll.poll(0.02):
                # A socket that broke a moment ago may have left its number to the next.
                if connection := self.waiting.pop(number, None):
                    self._take(connection)
        self.answers.seconds = min(time.perf_counter(), self.end) - began
        self.answers.broken += len(self.waiting)
        return self.answers

    def _begin(self):
        if time.perf_counter() > self.end:
            return
        try:
            connection = Connection(self.at)
        except OSError:
            # All who serve were killed, and none is back yet.
            self.answers.broken += 1
            self.refused.append(time.perf_counter() + REFUSED)
            return
        self.poll.register(connection.socket, select.EPOLLIN)
        self._next(connection)

    def _next(self, connection):
        request = next(self.requests, None) if time.perf_counter() < self.end else None
        if request:
            connection.send(request)
            self.waiting[connection.socket.fileno()] = connection
        else:
            connection.socket.close()

    def _take(self, connection):
        try:
            answer = connection.receive()
        except OSError:
            self.answers.broken += 1
            connection.socket.close()
            self._begin()
            return
        if answer is None:
            self.waiting[connection.socket.fileno()] = connection
            return
        now = time.perf_counter()
        self.answers.times.setdefault(answer[0], []).append(now - connection.sent_at)
        if (kept := self.keep(*answer)) is not None:
            self.answers.kept.append(kept)
        if answer[0] in (429, 503) and self.pause:
            self.paused.append((now + self.pause, connection))
        else:
            self._next(connection)
