"""One command that sets up and runs everything: what `make run` calls."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.urls import reverse

from attribution.demo import load as demo
from touchpoints import partitions

LOGS = ".local/logs"
TICK = 0.25
STARTUP = 90  # seconds until the web must answer
GRACE = 10  # seconds that a child has to end by itself
QUICK_DEATHS, WITHIN = 5, 60  # so many deaths in so many seconds: it will not come up
PORTS_TRIED = 20
TOLD_ON_TERMINAL = (" ERROR ", " CRITICAL ", "[ERROR]", "[CRITICAL]", "/ERROR", "/CRITICAL", "Traceback (")

# Becomes the command in its arguments, once the kernel has promised to end it with its parent. It is a
# process of its own and not a preexec_fn, which may deadlock where libraries have started threads.
# The signal comes when the parent's *thread* ends: children are started by the main thread only.
DIE_WITH_PARENT = """
import os, signal, sys
parent, *command = sys.argv[1:]
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("the parent ended before its child began")
os.execv(command[0], command)
"""


@dataclass
class Child:
    name: str
    command: list[str]
    logs: Path
    process: subprocess.Popen | None = None
    deaths: list[float] = field(default_factory=list)
    start_at: float = 0.0
    read_to: int = 0

    @property
    def log(self) -> Path:
        return self.logs / f"{self.name}.log"

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", DIE_WITH_PARENT, str(os.getpid()), sys.executable, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=settings.BASE_DIR,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                # Ctrl-C is for the parent: it ends its children in its own order.
                start_new_session=True,
            )

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def died(self) -> bool:
        """Whether it has died since the last call; notes when, and when to start again."""
        if self.process is None or self.process.poll() is None:
            return False
        now = time.monotonic()
        self.signal_group(signal.SIGKILL)
        self.process = None
        self.deaths = [death for death in self.deaths if now - death < WITHIN] + [now]
        self.start_at = now + 2 ** (len(self.deaths) - 1) / 2
        return True

    def new_lines(self) -> list[str]:
        """Whole lines that it has logged since the last call."""
        with self.log.open("rb") as log:
            log.seek(self.read_to)
            text = log.read()
        end = text.rfind(b"\n") + 1
        self.read_to += end
        return text[:end].decode(errors="replace").splitlines()

    def signal_group(self, number):
        """To the whole group: a master that was killed must not leave its pool behind."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


def children(host: str, port: int, logs: Path) -> list[Child]:
    web = ["-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port), "--no-ws"]
    # Connections past what is worked on are accepted, so that each can be told to come back (`INGEST_AT_ONCE`).
    web += ["--workers", "2", "--blocking-threads", "32", "--backlog", "2048", "--backpressure", "1024"]
    web += ["--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "5s"]
    web += ["attribution_site.wsgi:application"]
    celery = ["-m", "celery", "-A", "attribution_site"]
    worker = ["worker", "--concurrency", "2", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    return [
        Child("web", web, logs),
        Child("worker", [*celery, *worker], logs),
        Child("beat", [*celery, "beat", "--loglevel", "INFO", "--pidfile", ""], logs),
    ]


def is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--port", type=int, help="8000, or the next free one")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--logs", default=LOGS, help=f"folder of the log files (default {LOGS})")
        parser.add_argument("--no-demo", action="store_true", help="load no demo data")

    def handle(self, *, port, host, logs, no_demo, **options):
        # Whoever ends us asks for the same, be it Ctrl-C, a supervisor or a closed terminal.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        try:
            port = self.free_port(host, port)
            self.set_up(with_demo=not (no_demo or settings.PRODUCTION))
            self.run(host, port, settings.BASE_DIR / logs)
        except KeyboardInterrupt:
            self.say("Ended.")

    def say(self, text):
        self.stdout.write(text)
        self.stdout.flush()

    def free_port(self, host, asked):
        wanted = asked or 8000
        if is_free(host, wanted):
            return wanted
        free = next((p for p in range(wanted + 1, wanted + PORTS_TRIED) if is_free(host, p)), None)
        if asked or free is None:
            hint = f" {free} is free: --port {free}." if free else " Choose another one by --port."
            raise CommandError(f"Port {wanted} of {host} is taken or not ours to use.{hint}")
        self.say(f"Port {wanted} is taken; using {free}.")
        return free

    def set_up(self, *, with_demo):
        self.say("Preparing the database …")
        call_command("migrate", verbosity=0, interactive=False)
        partitions.create_partitions_ahead()
        if not with_demo:
            return
        try:
            call_command("load_demo", stdout=self.stdout, stderr=self.stderr)
            call_command("load_demo_disputes", stdout=self.stdout, stderr=self.stderr)
            call_command("load_demo_payouts", stdout=self.stdout, stderr=self.stderr)
        except CommandError as error:
            self.say(f"No demo data: {error}")

    def run(self, host, port, logs):
        logs.mkdir(parents=True, exist_ok=True)
        family = children(host, port, logs)
        try:
            for child in family:
                child.log.write_bytes(b"")
                child.start()
            logins = demo.working_logins()
            self.wait_for_web(family, host, port)
            self.say(box(host, port, logins, logs))
            while True:
                self.look_after(family)
        finally:
            self.end(family)

    def wait_for_web(self, family, host, port):
        deadline = time.monotonic() + STARTUP
        while not (family[0].is_running() and answers(host, port)):
            if time.monotonic() > deadline:
                raise CommandError(f"The web did not answer in {STARTUP} seconds; see {family[0].log}.")
            self.look_after(family)

    def look_after(self, family):
        """Once around: tell errors, start again what died, give up on what will not stay."""
        time.sleep(TICK)
        for child in family:
            for line in child.new_lines():
                if any(mark in line for mark in TOLD_ON_TERMINAL):
                    self.say(f"{child.name}: {line}  (more in {os.path.relpath(child.log)})")
            if child.died():
                self.tell_death(child)
            elif child.process is None and time.monotonic() >= child.start_at:
                child.start()

    def tell_death(self, child):
        if len(child.deaths) >= QUICK_DEATHS:
            last = "\n".join(child.log.read_text(errors="replace").splitlines()[-15:])
            raise CommandError(f"{child.name} died {QUICK_DEATHS} times in {WITHIN} s. Its last words:\n{last}")
        self.say(f"{child.name} has died and is started again; see {os.path.relpath(child.log)}.")

    def end(self, family):
        # A second Ctrl-C must not leave half of them running.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for child in family:
            if child.is_running():
                child.process.terminate()
        deadline = time.monotonic() + GRACE
        while any(child.is_running() for child in family) and time.monotonic() < deadline:
            time.sleep(0.05)
        for child in family:
            child.signal_group(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()


def address(host, port):
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}{reverse('admin:index')}"


def answers(host, port):
    try:
        with urllib.request.urlopen(address(host, port), timeout=2):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def box(host, port, logins, logs):
    lines = ["Attribution is running.", "", f"  {address(host, port)}", ""]
    if logins:
        lines += [f"  {'Role':<15}{'Username':<16}Password"]
        lines += [f"  {role:<15}{username:<16}{password}" for role, username, password in logins]
        lines += [""]
    lines += [f"Logs: {os.path.relpath(logs)}/    Ctrl-C ends it."]
    width = max(map(len, lines)) + 2
    rows = [f"│ {line:<{width}}│" for line in lines]
    return "\n".join(["", f"┌{'─' * (width + 1)}┐", *rows, f"└{'─' * (width + 1)}┘", ""])
