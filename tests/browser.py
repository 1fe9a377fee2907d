"""The browser of the browser tests: found, or installed where that is allowed. `python -m tests.browser`."""

import functools
import os
import shutil
import subprocess
import sys

NAMES = ["chromium", "chromium-browser", "google-chrome"]
INSTALL = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
LONGEST = 600  # seconds
SKIPPED = (
    "NO BROWSER: the browser tests are SKIPPED. Install one (on Debian: `apt-get install chromium`) "
    f"so that one of {', '.join(NAMES)} is on PATH, and run the tests again."
)


def find():
    """The path of a Chromium that runs, or None."""
    return next((path for name in NAMES if (path := shutil.which(name)) and runs(path)), None)


@functools.cache
def runs(path):
    """Some systems put a script there that only tells how to install one."""
    return succeeds([path, "--version"], timeout=30)


def succeeds(command, *, timeout=LONGEST):
    try:
        return subprocess.run(command, capture_output=True, timeout=timeout).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def as_root():
    """What to put before a command to run it as root without being asked for a password; None if nothing does."""
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if succeeds(["sudo", "-n", "true"], timeout=10) else None


def install():
    """Try Debian's package. Whether it worked is for `find` to say."""
    if not shutil.which("apt-get") or (root := as_root()) is None:
        return
    print("Installing Chromium for the browser tests (apt-get) …", flush=True)
    quietly = [*root, "env", "DEBIAN_FRONTEND=noninteractive"]
    succeeds([*quietly, "apt-get", "update", "-qq"])
    succeeds([*quietly, *INSTALL])


def main():
    if find() is None:
        install()
    if find() is None:
        line = "!" * 78
        print(line, SKIPPED, line, sep="\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
