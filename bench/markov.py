"""Training of the data-driven model beside the ChannelAttribution package, which simulates it.

    python -m bench.markov [--journeys 1000000 10000000]

Both read the same file of path strings and counts, and each is timed in a process of its own around the training
alone: ours from path strings to effects, theirs the call of `markov_model` with its defaults on a data frame. Where a
call takes milliseconds, both make five and the best counts, as the first is mostly a library's start. Theirs is
installed into an environment of its own, .local/bench-peers, at the first run. It is no dependency of ours.

Journeys are random: 2.4 touches on average, lengths geometric, 12 channels of which the n-th is met 1/n as often as
the first; 5 % convert. One row a journey, as they would come out of a database.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from attribution.engine.markov import train
from attribution.engine.paths import Paths
from bench.scratch import Figure

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".local/bench-peers"
PEER = "ChannelAttribution==2.2.5"
PUBLIC = ROOT.parent / "shared/data/pathdata_paths.csv.gz"
FASTER, MOST_MEMORY = 5, 2048
COLUMNS = ("path", "total_conversions", "total_conversion_value", "total_null")

PEER_PROGRAM = """
import json, resource, sys, time
import pandas
from ChannelAttribution import markov_model
file, order, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
data = pandas.read_csv(file)
data["total_conversions"] = data["total_conversions"].astype(int)
data["total_null"] = data["total_null"].astype(int)
def call():
    began = time.perf_counter()
    markov_model(data, "path", "total_conversions", var_value="total_conversion_value", var_null="total_null",
                 order=order, sep=">", verbose=False)
    return time.perf_counter() - began
took = min(call() for _ in range(calls))
print(json.dumps({"seconds": took, "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def random_journeys(journeys, *, states, seed=1):
    """The arguments of `Paths.aggregate`, as the docstring above says."""
    random = np.random.default_rng(seed)
    lengths = random.geometric(1 / 2.4, journeys)
    offsets = np.zeros(journeys + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    weights = 1 / np.arange(1, states + 1)
    codes = random.choice(states, offsets[-1], p=weights / weights.sum()).astype(np.int32)
    converted = random.random(journeys) < 0.05
    values = converted * random.integers(100, 100_000, journeys)
    return {"offsets": offsets, "states": codes, "conversions": converted, "nulls": ~converted, "values": values}


def write_journeys(path, journeys, states=12):
    raw = random_journeys(journeys, states=states)
    names = pa.array([f"channel {code}" for code in range(states)])
    touches = pa.LargeListArray.from_arrays(pa.array(raw["offsets"]), names.take(pa.array(raw["states"])))
    amounts = [pa.array(raw[name].astype(np.int64)) for name in ("conversions", "values", "nulls")]
    csv.write_csv(pa.table([pc.binary_join(touches, " > "), *amounts], names=COLUMNS), path)


def from_strings(table):
    """Counted paths from path strings, and the names of their states by code: equal strings are taken apart once."""
    strings = table["path"].combine_chunks().dictionary_encode()
    numbers, count = strings.indices.to_numpy(), len(strings.dictionary)
    sums = [np.bincount(numbers, weights=table[name].to_numpy(), minlength=count) for name in COLUMNS[1:]]
    split = pc.split_pattern(strings.dictionary, " > ")
    touches = split.flatten().dictionary_encode()
    conversions, values, nulls = sums
    offsets, states = split.offsets.to_numpy().astype(np.int64), touches.indices.to_numpy().astype(np.int32)
    paths = Paths.aggregate(offsets, states, conversions=conversions, nulls=nulls, values=values)
    return paths, touches.dictionary.to_pylist()


def timed(file, order, errors, calls):
    table = csv.read_csv(file)

    def call():
        began = time.perf_counter()
        paths, names = from_strings(table)
        train(paths, states=len(names), order=order, errors=errors)
        return time.perf_counter() - began

    return {"seconds": min(call() for _ in range(calls)), "mebibytes": peak()}


def timed_arrays(journeys, states, order):
    """Raw journeys in arrays, as training reads them: seconds to count the paths, then to train; then with errors."""
    raw = random_journeys(journeys, states=states)
    began = time.perf_counter()
    paths = Paths.aggregate(**raw)
    counted = time.perf_counter()
    train(paths, states=states, order=order, errors=False)
    trained, memory = time.perf_counter(), peak()
    train(paths, states=states, order=order)
    seconds = counted - began, trained - counted, time.perf_counter() - trained
    return {"seconds": seconds, "mebibytes": memory, "paths": paths.count}


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def printed(command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def ours(call):
    return printed([sys.executable, "-c", f"import json; from bench.markov import *; print(json.dumps({call}))"])


def theirs(file, order, calls):
    return printed([PEERS / "bin/python", "-c", PEER_PROGRAM, file, str(order), str(calls)])


def install_peer():
    python = PEERS / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
    if subprocess.run([python, "-c", "import ChannelAttribution"], capture_output=True, check=False).returncode:
        # It imports matplotlib and does not say so.
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER, "matplotlib"], check=True)


def beside(name, file, rounds, calls=1):
    for order in (1, 2):
        runs = [
            (ours(f"timed({str(file)!r}, {order}, False, {calls})"), theirs(file, order, calls)) for _ in range(rounds)
        ]
        mine, others = (min(each["seconds"] for each in column) for column in zip(*runs, strict=True))
        with_errors = ours(f"timed({str(file)!r}, {order}, True, {calls})")["seconds"]
        measured = (
            f"{others / mine:.1f} × ({mine:.3f} s, theirs {others:.3f} s; with standard errors {with_errors:.3f} s)"
        )
        print(f"{name}, order {order}: {measured}", flush=True)
        yield Figure(f"training, {name}, order {order}", f"≥ {FASTER} × faster", measured, others >= FASTER * mine)


def alone():
    large = ours("timed_arrays(10_000_000, 12, 2)")
    count, learn, errors = large["seconds"]
    measured = (
        f"{large['mebibytes']:,.0f} MiB; counted in {count:.1f} s, trained in {learn:.1f} s, with errors {errors:.1f} s"
    )
    yield Figure("10 M journeys, order 2, peak", "< 2 GiB", measured, large["mebibytes"] < MOST_MEMORY)
    many = ours("timed_arrays(1_000_000, 1000, 1)")
    _, learn, errors = many["seconds"]
    measured = f"{learn:.2f} s from {many['paths']:,} paths; with standard errors {errors:.1f} s"
    yield Figure("1,000 states, order 1", "< 1 s", measured, learn < 1)


def measure(*, journeys=(1_000_000, 10_000_000), rounds=2):
    install_peer()
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for size in journeys:
            file = os.path.join(folder, f"{size}.csv")
            write_journeys(file, size)
            figures += beside(f"{size:,} paths", file, rounds)
            os.remove(file)
    if PUBLIC.exists():
        figures += beside("public path data", PUBLIC, rounds, calls=5)
    return [*figures, *alone()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journeys", type=int, nargs="*", default=(1_000_000, 10_000_000))
    parser.add_argument("--rounds", type=int, default=2)
    for figure in measure(**vars(parser.parse_args())):
        print(figure)


if __name__ == "__main__":
    main()
