#!/usr/bin/python3
"""A node beside Redis and nginx: interleaved rounds, medians, ratios.

    bench_servers.py BUILD [ROUNDS]

Redis runs twice, with nothing on disk (for reads) and with an append-only
file that is synced always (for writes). Each round measures every server once
for each row, in turn, so that what else the machine does meets all alike. The
row's figure is the median; CPU is what the server's processes used for one
operation. No figure decides whether this program fails: the last lines say
which ratios are below their goal.
"""

import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/release")
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
KEYS = 1000000
TICKS = os.sysconf("SC_CLK_TCK")

# Name, redis-benchmark test, pipeline depth, requests, peer, goal.
ROWS = [
    ("GET -P 1", "get", 1, 200000, "redis", None),
    ("GET -P 16", "get", 16, 2000000, "redis", 1.0),
    ("GET -P 64", "get", 64, 4000000, "redis", None),
    ("SET -P 1, synced", "set", 1, 150000, "redis-always", 0.7),
    ("SET -P 16, synced", "set", 16, 1000000, "redis-always", 1.0),
    ("SET -P 64, synced", "set", 64, 1500000, "redis-always", None),
]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for_port(port):
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid) as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except FileNotFoundError:
            pass
    return total / TICKS


def context_switches(pid):
    """Of all threads of a process."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, task)) as status:
            for line in status:
                if "ctxt_switches" in line:
                    total += int(line.split()[1])
    return total


class Node:
    def __init__(self, folder):
        self.data = os.path.join(folder, "data")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "bin", "server"), "-data-dir", self.data,
             "-http-addr", "127.0.0.1:0", "-tcp-addr", "127.0.0.1:0",
             "-metrics-addr", "127.0.0.1:0"],
            stdout=subprocess.DEVNULL,
            stderr=open(os.path.join(folder, "node.log"), "w"))
        deadline = time.monotonic() + 20
        while True:
            try:
                status = self.ask("status")
                if status["state"] == "ready":
                    break
            except (OSError, ValueError):
                pass
            if time.monotonic() > deadline:
                raise RuntimeError("the node did not start, see node.log")
            time.sleep(0.05)
        ports = {each["role"]: int(each["address"].rsplit(":", 1)[1])
                 for each in status["listeners"]}
        self.tcp = ports["tcp"]
        self.http = ports["http"]
        self.workers = {each["name"]: each["pid"]
                        for each in status["workers"]}

    def ask(self, request):
        with open(os.path.join(self.data, "runtime")) as file:
            path = os.path.join(file.read().strip(), "control.sock")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(path)
            connection.sendall(request.encode() + b"\n")
            return json.loads(connection.makefile().readline())

    def pids(self):
        return list(self.workers.values())

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


class Peer:
    """A server of another project on a port of its own."""

    def __init__(self, arguments, port):
        self.port = port
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_for_port(port)

    def pids(self):
        return [self.process.pid]

    def end(self):
        self.process.terminate()
        self.process.wait(30)


def start_redis(folder, always):
    port = free_port()
    work = os.path.join(folder, "redis-%d" % port)
    os.mkdir(work)
    policy = ["--appendonly", "yes", "--appendfsync", "always"] if always \
        else ["--appendonly", "no"]
    return Peer(["redis-server", "--port", str(port), "--dir", work, "--save",
                 "", "--bind", "127.0.0.1", *policy], port)


def start_nginx(folder):
    port = free_port()
    work = os.path.join(folder, "nginx")
    os.mkdir(work)
    config = os.path.join(work, "nginx.conf")
    with open(config, "w") as file:
        file.write("""
daemon off; master_process off; pid %s/pid; error_log %s/error;
events { worker_connections 1000; }
http { access_log off; keepalive_requests 100000000;
    client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;
    uwsgi_temp_path %s; scgi_temp_path %s;
    server { listen 127.0.0.1:%d;
        location / { return 200 "%s"; } } }
""" % (work, work, work, work, work, work, work, port, "x" * 100))
    return Peer(["nginx", "-p", work, "-c", config], port)


def redis_benchmark(port, test, depth, requests):
    output = subprocess.run(
        ["redis-benchmark", "-p", str(port), "-t", test, "-d", "100", "-r",
         str(KEYS), "-c", "50", "-P", str(depth), "-n", str(requests),
         "--csv"], capture_output=True, text=True, check=True,
        timeout=300).stdout
    for line in output.splitlines():
        fields = [field.strip('"') for field in line.split(",")]
        if fields[0].lower().startswith(test):
            return float(fields[1])
    raise RuntimeError("no figure in: " + output)


def wrk(port, path):
    output = subprocess.run(
        ["wrk", "-t1", "-c50", "-d4", "http://127.0.0.1:%d%s" % (port, path)],
        capture_output=True, text=True, check=True, timeout=60).stdout
    assert "Non-2xx" not in output, output
    return float(re.search(r"Requests/sec:\s*([0-9.]+)", output).group(1))


def measure(pids, run, requests=None):
    before, begun = cpu_seconds(pids), time.monotonic()
    rate = run()
    cpu = cpu_seconds(pids) - before
    count = requests or rate * (time.monotonic() - begun)
    return rate, cpu / count * 1e6


def fill(port):
    redis_benchmark(port, "set", 64, 3 * KEYS)


def report(results):
    missed = []
    print("\n%-22s %18s %18s %7s %6s" %
          ("row", "kvstore [CPU us]", "peer [CPU us]", "ratio", "goal"))
    for name, goal, ours, theirs in results:
        own = statistics.median(rate for rate, _ in ours)
        other = statistics.median(rate for rate, _ in theirs)
        # Each round's pair met the same weather.
        ratio = statistics.median(
            mine[0] / peer[0] for mine, peer in zip(ours, theirs))
        print("%-22s %10.0f/s %5.2f %10.0f/s %5.2f %7.2f %6s" % (
            name, own, statistics.median(cpu for _, cpu in ours), other,
            statistics.median(cpu for _, cpu in theirs), ratio,
            "-" if goal is None else goal))
        if goal is not None and ratio < goal:
            missed.append(name)
    return missed


def run_rows(node, peers, nginx):
    results = []
    for name, test, depth, requests, peer, goal in ROWS:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(measure(node.pids(), lambda: redis_benchmark(
                node.tcp, test, depth, requests), requests))
            theirs.append(measure(peers[peer].pids(), lambda: redis_benchmark(
                peers[peer].port, test, depth, requests), requests))
        results.append((name, goal, ours, theirs))
        print("measured", name, flush=True)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(measure(node.pids(), lambda: wrk(
            node.http, "/key:000000000042")))
        theirs.append(measure(nginx.pids(), lambda: wrk(nginx.port, "/")))
    results.append(("HTTP GET, 50 conn.", 0.7, ours, theirs))
    return results


def wakes_while_reading(node):
    """Context switches of storaged while only reads are served."""
    pid = node.workers["storaged-0"]
    time.sleep(2)
    idle, begun = context_switches(pid), time.monotonic()
    time.sleep(3)
    idle_rate = (context_switches(pid) - idle) / (time.monotonic() - begun)
    before, begun = context_switches(pid), time.monotonic()
    redis_benchmark(node.tcp, "get", 1, 200000)
    seconds = time.monotonic() - begun
    return context_switches(pid) - before, idle_rate * seconds


def main():
    folder = tempfile.mkdtemp(prefix="kvstore-bench-", dir=os.getcwd())
    started = []
    try:
        node = Node(folder)
        started.append(node)
        peers = {"redis": start_redis(folder, False),
                 "redis-always": start_redis(folder, True)}
        started.extend(peers.values())
        nginx = start_nginx(folder)
        started.append(nginx)
        for port in (node.tcp, peers["redis"].port,
                     peers["redis-always"].port):
            fill(port)
        key = "key:000000000042"
        subprocess.run(["redis-cli", "-p", str(node.tcp), "set", key,
                        "x" * 100], check=True, stdout=subprocess.DEVNULL)
        missed = report(run_rows(node, peers, nginx))
        switches, idle = wakes_while_reading(node)
        print("context switches of storaged during 200000 GETs: %d "
              "(idle, its own timers: %.0f)" % (switches, idle))
        print("below the goal: %s" % (", ".join(missed) or "none"))
    finally:
        for each in started:
            each.end()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
