#!/usr/bin/python3
"""Our engine beside RocksDB, LevelDB and LMDB: rows, ratios, goals.

    bench_engine.py [--build build/release] [options]

Runs bench_engine for one row after the other, store by store in turn and
several rounds of that, each in a process of its own, and prints the medians
with our ratio to the best of the others. README.md tells what is measured and
how to read it; --help has the options. No figure decides whether this program
fails: each row says whether its goal HOLDS or is MISSED.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import engine_latency
import engine_memory
import engine_report
import engine_scale

STORES = ["ours", "rocksdb", "leveldb", "lmdb"]
# Those that read the loaded store come before those that change it.
ROWS = ["fillseq", "fillrandom", "readrandom", "readrandom2", "readmissing",
        "scan100", "sync1", "sync2", "sync8", "readwhilewriting", "overwrite"]
# So many operations as there are keys, however long they take.
COUNTED = ["fillseq", "fillrandom", "overwrite"]
# Nothing of these has been compressed yet.
SYNCED = ["sync1", "sync2", "sync8"]


class Bench:
    """Runs the driver and keeps what it says, one JSON object a line."""

    def __init__(self, options):
        self.options = options
        self.driver = os.path.join(options.build, "tests", "bench",
                                   "bench_engine")
        self.folder = options.folder
        self.results = []
        os.makedirs(self.folder, exist_ok=True)
        self.stores = self.find_stores()

    def find_stores(self):
        listed = subprocess.run([self.driver, "--list"], text=True, check=True,
                                capture_output=True).stdout.splitlines()
        built = [line.split()[0] for line in listed if line.endswith(" built")]
        wanted = self.options.stores
        left_out = [store for store in wanted if store not in built]
        if left_out:
            print("left out, since not installed (make bench-deps): %s" %
                  ", ".join(left_out), flush=True)
        return [store for store in wanted if store in built]

    def run(self, store, row, keys, value, compression, *more, section="table",
            cgroup=None, folder=None):
        """One row over one store; the results of its sides."""
        command = [*shlex.split(self.options.wrap), self.driver,
                   "--store=" + store, "--row=" + row, "--keys=%d" % keys,
                   "--value=%d" % value, "--compression=" + compression,
                   *more, folder or self.folder]
        run = subprocess.run(
            command, text=True, stdout=subprocess.PIPE,
            preexec_fn=cgroup.enter if cgroup else None)
        sides = []
        for line in run.stdout.splitlines():
            if line.startswith("result "):
                side = parse(line)
                side["section"] = section
                sides.append(side)
        if run.returncode != 0 or not sides:
            print("%s %s FAILED (exit code %d)" % (store, row, run.returncode),
                  flush=True)
            return []
        self.results.extend(sides)
        if self.options.results:
            with open(self.options.results, "a") as file:
                for side in sides:
                    file.write(json.dumps(side) + "\n")
        for side in sides:
            print("  %-8s %-16s %-5s %-4s %5d B %12.0f/s  p99.9 %.0f us" % (
                store, row, side["side"], compression, value,
                side["ops_per_s"], side.get("p999_us", 0)), flush=True)
        return sides


def parse(line):
    side = {}
    words = line.split()[1:]
    for place, word in enumerate(words):
        if "=" not in word:
            side["described"] = " ".join(words[place:])
            break
        name, value = word.split("=", 1)
        try:
            side[name] = float(value)
        except ValueError:
            side[name] = value
    return side


def run_table(bench):
    options = bench.options
    for value, keys in zip(options.values, options.keys):
        for compression in options.compressions:
            run_setting(bench, keys, value, compression)


def run_setting(bench, keys, value, compression):
    options = bench.options
    stores = [store for store in bench.stores
              # It would be the same once more.
              if not (store == "lmdb" and compression != "none")]
    for row in [row for row in ROWS if row in options.rows]:
        if row in SYNCED and compression != "none":
            continue
        rounds, more = options.rounds, []
        if row in COUNTED:
            rounds = options.fill_rounds
        else:
            # Writing beside reading takes a while to show what it costs.
            seconds = options.seconds * (row == "readwhilewriting" and 3 or 1)
            more = ["--seconds=%g" % seconds, "--warm=%g" % options.warm]
        for _ in range(rounds):
            for store in stores:
                bench.run(store, row, keys, value, compression, *more)
    if not options.keep:
        for name in os.listdir(bench.folder):
            if name.split("-", 1)[0] in STORES:
                path = os.path.join(bench.folder, name)
                shutil.rmtree(path) if os.path.isdir(path) \
                    else os.unlink(path)


def numbers(text):
    return [int(word) for word in text.split(",")]


def words(text):
    return text.split(",")


def parse_options():
    parser = argparse.ArgumentParser(
        description="Our engine beside RocksDB, LevelDB and LMDB.")
    add = parser.add_argument
    add("--build", default="build/release")
    add("--sections", type=words, default=["table", "memory"],
        help="of table, memory, latency, scale")
    add("--stores", type=words, default=STORES)
    add("--rows", type=words, default=ROWS)
    add("--values", type=numbers, default=[100, 1024], help="bytes")
    add("--keys", type=numbers, default=[5000000, 500000],
        help="for each of --values")
    add("--compressions", type=words, default=["none", "lz4"])
    add("--rounds", type=int, default=2)
    add("--fill-rounds", type=int, default=1, help="of the rows that put each key or as many")
    add("--seconds", type=float, default=1.5, help="of a row that is timed")
    add("--warm", type=float, default=1.5, help="seconds of reading before")
    add("--latency-seconds", type=float, default=60)
    add("--memory-limit", type=int, default=256, help="MiB")
    add("--scales", type=numbers, default=[1000000, 10000000, 50000000],
        help="numbers of keys")
    add("--quick", action="store_true",
        help="a tenth of the keys, one round, one second, no compression")
    add("--folder", help="for the stores; default: below --build")
    add("--keep", action="store_true", help="leave the stores there")
    add("--results", help="a file to append each result to, as JSON")
    add("--report", nargs="+", metavar="FILE",
        help="run nothing; report on such files")
    add("--wrap", default="", help="a command to run each process with")
    options = parser.parse_args()
    if options.quick:
        options.keys = [max(1, keys // 10) for keys in options.keys]
        options.rounds = 1
        options.seconds = options.warm = 1
        options.compressions = ["none"]
        options.latency_seconds = min(options.latency_seconds, 10)
        options.scales = [100000, 1000000]
    if len(options.keys) != len(options.values):
        parser.error("--keys and --values must be as many")
    options.build = os.path.abspath(options.build)
    if options.folder is None:
        options.folder = os.path.join(options.build, "bench", "stores")
    return options


def main():
    options = parse_options()
    if options.report:
        results = []
        for path in options.report:
            with open(path) as file:
                results.extend(json.loads(line) for line in file)
        engine_report.print_report(results)
        return
    # What is being run and made is then cleared away, too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    bench = Bench(options)
    begun = time.monotonic()
    sections = {"table": run_table, "memory": engine_memory.run,
                "latency": engine_latency.run, "scale": engine_scale.run}
    for section in options.sections:
        sections[section](bench)
    engine_report.print_report(bench.results)
    print("took %.0f s" % (time.monotonic() - begun))
    if not options.keep:
        shutil.rmtree(bench.folder)


if __name__ == "__main__":
    main()
