"""A real server that takes webhooks: what it was sent, and what it answers, one answer a request."""

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "whsec_" + "c2VjcmV0" * 5


@dataclass
class Receiver:
    url: str = ""
    # (status, headers, body), taken in turn; the last one stays.
    answers: list = field(default_factory=lambda: [(204, {}, b"")])
    seconds: float = 0.0
    requests: list = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0
    # Closed, it answers nobody.
    gate: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ids(self):
        return [headers["webhook-id"] for _, _, headers, _ in self.requests]


def _handler(receiver):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with receiver.lock:
                receiver.requests.append((self.command, self.path, dict(self.headers), body))
                receiver.at_once += 1
                receiver.most_at_once = max(receiver.most_at_once, receiver.at_once)
                answer = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
            time.sleep(receiver.seconds)
            receiver.gate.wait()
            with receiver.lock:
                receiver.at_once -= 1
            self.answer(*answer)

        def answer(self, status, headers, body):
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            with suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args):
            pass

    return Handler


@contextmanager
def receiving(wrap=None):
    receiver = Receiver()
    receiver.gate.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(receiver))
    server.daemon_threads = True
    if wrap:
        server.socket = wrap(server.socket)
    receiver.url = f"http{'s' if wrap else ''}://127.0.0.1:{server.server_port}/in?from=us"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.gate.set()
        server.shutdown()
        server.server_close()
