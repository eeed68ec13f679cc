"""Stores larger than the memory that their processes may use.

A control group bounds the process, the page cache that it fills and the
memory file system that it writes to. The store is loaded before, outside of
it, and what the page cache then holds of it is given back, since a page counts
for the group that read it first.
"""

import os
import shutil

ROWS = ["readrandom", "readmissing", "scan100", "overwrite"]
KEYS = 1000000
VALUE = 1024


class ControlGroup:
    """A memory limit by version 1 or 2, whichever the machine has."""

    def __init__(self, limit_bytes):
        name = "kvstore-bench-%d" % os.getpid()
        if os.path.isdir("/sys/fs/cgroup/memory"):
            self.path = os.path.join("/sys/fs/cgroup/memory", name)
            limit_file = "memory.limit_in_bytes"
        else:
            self.path = os.path.join("/sys/fs/cgroup", name)
            limit_file = "memory.max"
            with open("/sys/fs/cgroup/cgroup.subtree_control", "w") as file:
                file.write("+memory")
        os.mkdir(self.path)
        with open(os.path.join(self.path, limit_file), "w") as file:
            file.write(str(limit_bytes))

    def enter(self):
        with open(os.path.join(self.path, "cgroup.procs"), "w") as file:
            file.write(str(os.getpid()))

    def remove(self):
        os.rmdir(self.path)


def forget_pages(folder):
    """Gives back what the page cache holds of the files below."""
    os.sync()
    for parent, _, names in os.walk(folder):
        for name in names:
            fd = os.open(os.path.join(parent, name), os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def run(bench):
    options = bench.options
    limit = options.memory_limit
    keys = KEYS // 10 if options.quick else KEYS
    limit = limit // 4 if options.quick else limit
    try:
        group = ControlGroup(limit << 20)
    except OSError as error:
        print("not measured: stores larger than memory. Their limit is a "
              "control group, and making one needs root: %s" % error)
        return
    sizes = ["--memtable=%d" % (limit // 32), "--cache=%d" % (limit // 4)]
    try:
        for store in bench.stores:
            run_store(bench, group, store, keys, sizes)
    finally:
        group.remove()


def run_store(bench, group, store, keys, sizes):
    seconds = "--seconds=%g" % max(bench.options.seconds, 5)
    folder = os.path.join(bench.folder, "limited")
    # The fill stops when its time is up, as LMDB's would take very long.
    bench.run(store, "fillrandom", keys, VALUE, "none", *sizes,
              "--seconds=20", section="memory", cgroup=group, folder=folder)
    shutil.rmtree(folder)
    os.mkdir(folder)
    bench.run(store, "fillrandom", keys, VALUE, "none", *sizes,
              section="loading", folder=folder)
    for row in ROWS:
        forget_pages(folder)
        bench.run(store, row, keys, VALUE, "none", *sizes, seconds, "--cold",
                  "--warm=%g" % bench.options.warm, section="memory",
                  cgroup=group, folder=folder)
    shutil.rmtree(folder)
