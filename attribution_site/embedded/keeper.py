"""The keeper: starts one server, restarts it when it dies, stops it when its last user has gone."""

import fcntl
import logging
import os
import secrets
import signal
import subprocess
import sys
import time

from attribution_site.embedded import process
from attribution_site.embedded.folder import StackError, try_lock
from attribution_site.embedded.postgres import Postgres
from attribution_site.embedded.redis_server import Redis

SERVERS = {"postgres": Postgres, "redis": Redis}
TICK_SECONDS = 0.2
START_ATTEMPTS = 5
DEATHS_PER_MINUTE = 5

log = logging.getLogger("keeper")


def detach_and_keep(name, lock_fd):
    """Leave the family of the process that started us, and keep the server. `lock_fd` holds `keeper.lock`."""
    os.set_inheritable(lock_fd, False)
    if os.fork():
        os._exit(0)
    # No Ctrl-C of a terminal reaches a new session.
    os.setsid()
    os.umask(0o077)
    os.chdir("/")
    logging.basicConfig(stream=sys.stdout, level="INFO", format="%(asctime)s [%(process)d] %(message)s")
    Keeper(SERVERS[name](), lock_fd).run()


class Keeper:
    def __init__(self, server, lock_fd):
        self.server, self.folder, self.lock_fd = server, server.folder, lock_fd
        self.grace = float(os.environ.get("EMBEDDED_GRACE_SECONDS") or 2)
        self.child = None
        self.pid = None
        self.adopted = ""
        self.asked_to_stop = False
        self.deaths = []
        self.users_fd = self.folder.open("users.lock")
        self.start_fd = self.folder.open("start.lock")

    def run(self):
        signal.signal(signal.SIGTERM, self.on_sigterm)
        self.state = {"password": secrets.token_hex(24), "port": None} | self.folder.read_state()
        self.publish(ready=False)
        try:
            if not self.adopt():
                self.start()
            self.watch()
        except Exception as error:
            self.state["error"] = str(error)
            log.exception("The keeper gives up.")
        finally:
            self.shut_down()

    def on_sigterm(self, number, frame):
        self.asked_to_stop = True

    def publish(self, *, ready):
        self.state |= {"ready": ready, "keeper": os.getpid(), "pid": self.pid}
        self.folder.write_state(self.state)

    def adopt(self):
        """Take over a server whose keeper was killed: its users may be in the middle of their work."""
        self.pid = self.server.living_pid()
        self.adopted = process.command_line(self.pid)
        while self.pid and self.is_alive() and not self.asked_to_stop:
            # Without server.json its password is unknown; it can't be asked, only replaced.
            if not self.state.get("created"):
                process.end(self.is_alive, self.pid, self.server.end_signals)
            elif self.server.answers(self.state):
                log.info("Found %s running (pid %s).", self.server.title, self.pid)
                self.publish(ready=True)
                return True
            time.sleep(0.1)
        return False

    def start(self):
        """Start the server. One that is alive but silent is recovering: that may take its time."""
        for _ in range(START_ATTEMPTS):
            if self.asked_to_stop or self.try_start():
                return
            time.sleep(0.3)
        raise StackError(f"{self.server.title} ended {START_ATTEMPTS} times while starting.")

    def try_start(self):
        server = self.server
        self.state["port"] = process.choose_port(self.state["port"])
        user = process.server_user(self.folder)
        reachable = server.data if server.data.exists() else server.make_data_dir(user)
        prefix = process.as_user(user, server.binary, reachable)
        server.prepare(self.state, prefix, user)
        self.publish(ready=False)
        with self.folder.open_log("server.log") as server_log:
            self.child = subprocess.Popen(
                [*prefix, *server.command()],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=server_log,
                stderr=server_log,
                start_new_session=True,
            )
        self.pid = self.child.pid
        while self.is_alive() and not self.asked_to_stop:
            if server.answers(self.state):
                server.after_start(self.state)
                self.state["created"] = True
                self.publish(ready=True)
                log.info("%s is ready on port %s (pid %s).", server.title, self.state["port"], self.pid)
                return True
            time.sleep(0.03)
        return False

    def is_alive(self):
        if self.child is not None:
            return self.child.poll() is None
        return bool(self.adopted) and process.command_line(self.pid) == self.adopted

    def watch(self):
        unused_since = None
        while not self.asked_to_stop:
            time.sleep(TICK_SECONDS)
            if self.folder_is_gone():
                log.info("%s was removed.", self.folder.path)
                return
            if not self.is_alive():
                self.revive()
            if self.in_use():
                unused_since = None
            else:
                unused_since = unused_since or time.monotonic()
                if time.monotonic() - unused_since >= self.grace and self.close_the_door():
                    log.info("The last user has gone.")
                    return

    def folder_is_gone(self):
        try:
            return not os.path.samestat(os.stat(self.folder.path / "keeper.lock"), os.fstat(self.lock_fd))
        except FileNotFoundError:
            return True

    def revive(self):
        now = time.monotonic()
        self.deaths = [*(moment for moment in self.deaths if now - moment < 60), now]
        log.warning("%s (pid %s) has died.", self.server.title, self.pid)
        if len(self.deaths) > DEATHS_PER_MINUTE:
            raise StackError(f"{self.server.title} died {len(self.deaths)} times within a minute.")
        self.publish(ready=False)
        self.start()

    def in_use(self):
        if not try_lock(self.users_fd, fcntl.LOCK_EX):
            return True
        fcntl.flock(self.users_fd, fcntl.LOCK_UN)
        return False

    def close_the_door(self):
        """Hold back new users until this process has ended; false if one is just coming in.

        A user takes `start.lock` first and `users.lock` second; here neither is waited for, so no deadlock.
        """
        if not try_lock(self.start_fd, fcntl.LOCK_EX):
            return False
        if self.in_use():
            fcntl.flock(self.start_fd, fcntl.LOCK_UN)
            return False
        return True

    def shut_down(self):
        gone = self.folder_is_gone()
        if not gone:
            self.publish(ready=False)
        if self.pid and self.is_alive():
            # Without its files the server can't end cleanly, and there is nothing left to keep.
            signals = ((signal.SIGQUIT, 5), (signal.SIGKILL, 5)) if gone else self.server.end_signals
            process.end(self.is_alive, self.pid, signals)
        if not gone:
            self.pid = None
            self.publish(ready=False)
        log.info("%s is stopped.", self.server.title)
