"""Processes of the embedded stack: whose they are, whether they live, how they end."""

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from attribution_site.embedded.folder import StackError


def server_user(folder):
    """The (uid, gid) a server must run as, or None to stay who we are. PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    if folder.data.exists() and folder.data.stat().st_uid != 0:
        return folder.data.stat().st_uid, folder.data.stat().st_gid
    owner = folder.path.stat()
    if owner.st_uid != 0 and has_name(owner.st_uid):
        return owner.st_uid, owner.st_gid
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def has_name(uid):
    """initdb refuses a nameless user, such as the owner of a checkout that is mounted into a container."""
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def as_user(user, binary, data):
    """The words before a command that make it run as `user`, who can reach both binary and data."""
    if user is None:
        return []
    if not shutil.which("setpriv"):
        raise StackError("Running as root needs setpriv (package util-linux). Install it, or run as another user.")
    uid, gid = user
    plain = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    # A checkout below a folder that only root can enter (/root, mktemp -d) stays closed to everyone else;
    # this one capability lets the server in. access(2) ignores it unless the secure bit is set.
    capability = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    for prefix in ([*plain, "--securebits=+no_setuid_fixup", *capability], plain):
        probe = [*prefix, "test", "-x", binary, "-a", "-w", data]
        if subprocess.run(probe, capture_output=True, cwd="/").returncode == 0:
            return prefix
    raise StackError(
        f"Root may not run servers itself, and user {uid} can't reach {binary} or {data}. "
        "Run as an ordinary user, or put the project where everyone may enter."
    )


def give(path, user):
    if user is not None:
        os.chown(path, *user)


def command_line(pid):
    """The command line of a living process. A zombie has none."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return ""
    shown = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout


def processes_named(words):
    """Pids whose command line starts with `words`; none where there is no /proc."""
    numbers = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [pid for pid in numbers if command_line(pid).startswith(words)]


def end(is_alive, pid, signals):
    """End a process: each (signal, seconds) in turn, until it has gone."""
    for number, seconds in signals:
        if not is_alive():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)


def kill_all(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(remembered):
    """The port of last time if it is free. New ones lie below the range of outgoing connections,
    so that no client socket takes them while the server is down."""
    candidates = random.sample(range(20000, 30000), 100)
    for port in [remembered, *candidates] if remembered else candidates:
        if port_is_free(port):
            return port
    raise StackError("No free TCP port on 127.0.0.1 between 20000 and 30000.")


def memory_bytes():
    """The memory this machine, or its container, has."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return min(physical, int(text)) if text.isdigit() else physical
