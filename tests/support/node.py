"""A node in a folder of its own, for tests: starts the real bin/server,
finds its ports through the control socket, ends it, leaves nothing behind.

$KVSTORE_BUILD names the build. Processes end with the test that started them,
however it ends.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("KVSTORE_BUILD", "build/release"))
PROGRAMS = os.path.join(BUILD, "bin")
SERVER = os.path.join(PROGRAMS, "server")
KVCTL = os.path.join(PROGRAMS, "kvctl")
SHM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

# How many times slower than release this build is taken to be.
SLOWNESS = {"asan": 3, "tsan": 5, "debug": 2}.get(os.path.basename(BUILD), 1)
PATIENCE = 20 * max(1, SLOWNESS - 1)

# What no log of a healthy node has in it.
COMPLAINTS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer",
              "runtime error:", "CHECK failed")

PR_SET_PDEATHSIG = 1
CLONE_NEWNS = 0x20000
CLONE_NEWUSER = 0x10000000
MS_REC_PRIVATE = 0x4000 | 0x40000
LIBC = ctypes.CDLL(None, use_errno=True)


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def split_address(text):
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def enter_mounts(mounts):
    """Gives this process a tmpfs of so many bytes at each of the folders."""
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWNS | (0 if uid == 0 else CLONE_NEWUSER)
    if LIBC.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if uid != 0:
        for name, text in (("setgroups", "deny"),
                           ("uid_map", "%d %d 1" % (uid, uid)),
                           ("gid_map", "%d %d 1" % (gid, gid))):
            with open("/proc/self/" + name, "w") as file:
                file.write(text)
    if LIBC.mount(b"none", b"/", None, MS_REC_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    for folder, size in mounts.items():
        if LIBC.mount(b"none", folder.encode(), b"tmpfs", 0,
                      b"size=%d" % size) != 0:
            raise OSError(ctypes.get_errno(), "mount")


def join_mounts(pid):
    """Gives this process the folders that the process has."""
    for kind in ("user", "mnt") if os.getuid() != 0 else ("mnt",):
        fd = os.open("/proc/%d/ns/%s" % (pid, kind), os.O_RDONLY)
        if LIBC.setns(fd, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(fd)


def mounts_are_allowed():
    """Whether a node may be given folders of limited size."""
    folder = tempfile.mkdtemp(prefix="kvstore-test-")
    try:
        return subprocess.run(
            ["true"], preexec_fn=lambda: enter_mounts({folder: 1 << 20}),
            stderr=subprocess.DEVNULL).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        os.rmdir(folder)


class Node:
    """A server in a folder of its own, which goes with the test.

    `parent` is where that folder lies; `mounts` are folders, under it unless
    their paths are absolute, of so many bytes, which only the node sees
    (through inside() we do too).
    """

    programs = PROGRAMS

    def __init__(self, test, settings="", flags=(), parent=None, mounts=None):
        self.folder = tempfile.mkdtemp(prefix="kvstore-test-", dir=parent)
        test.addCleanup(shutil.rmtree, self.folder, True)
        self.data = os.path.join(self.folder, "data")
        self.flags = list(flags)
        self.mounts = {os.path.join(self.folder, name): size
                       for name, size in (mounts or {}).items()}
        for folder in self.mounts:
            os.makedirs(folder, exist_ok=True)
        self.holder = None
        self.config = os.path.join(self.folder, "kv.yaml")
        with open(self.config, "w") as config:
            config.write(settings)
        self.process = None
        test.addCleanup(self.kill)
        if self.mounts:
            # The mounts last as long as this process.
            self.holder = subprocess.Popen(["sleep", "3600"],
                                           preexec_fn=self._hold)
            test.addCleanup(self.holder.wait)
            test.addCleanup(self.holder.kill)

    def _hold(self):
        enter_mounts(self.mounts)
        die_with_parent()

    def _prepare(self):
        if self.holder is not None:
            join_mounts(self.holder.pid)
        die_with_parent()

    def start(self, *flags, env=None, wait=True):
        """Starts it; call it on the main thread, whose end ends it too."""
        self.errors = open(os.path.join(self.folder, "stderr"), "w+")
        self.process = subprocess.Popen(
            [os.path.join(self.programs, "server"), "-config", self.config,
             "-data-dir", self.data, "-http-addr", "127.0.0.1:0",
             "-tcp-addr", "127.0.0.1:0", "-metrics-addr", "127.0.0.1:0",
             *self.flags, *flags],
            stdout=subprocess.PIPE, stderr=self.errors, text=True,
            preexec_fn=self._prepare, env=dict(os.environ, **(env or {})))
        if wait:
            self.wait_for(lambda: self.state() == "ready")
        return self

    def inside(self, path):
        """The path by which we see a file of the node's mounts."""
        if self.holder is None:
            return path
        return "/proc/%d/root%s" % (self.holder.pid, path)

    def log(self):
        with open(os.path.join(self.folder, "stderr"),
                  errors="replace") as file:
            return file.read()

    def ask(self, line):
        with open(self.inside(os.path.join(self.data, "runtime"))) as file:
            path = os.path.join(file.read().rstrip("\n"), "control.sock")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(self.inside(path))
            connection.sendall(line.encode() + b"\n")
            with connection.makefile() as answer:
                return json.loads(answer.readline())

    def state(self):
        try:
            return self.ask("status")["state"]
        except (OSError, json.JSONDecodeError):
            return None

    def worker(self, name):
        workers = self.ask("worker list")["workers"]
        return next(w for w in workers if w["name"] == name)

    def pids(self):
        return [w["pid"] for w in self.ask("worker list")["workers"]]

    def address(self, role):
        """(host, port) of the door of this role: http, tcp, exporter."""
        for listener in self.ask("status")["listeners"]:
            if listener["role"] == role:
                return split_address(listener["address"])
        raise KeyError(role)

    def wait_for(self, condition, patience=PATIENCE):
        deadline = time.monotonic() + patience
        while not condition():
            if time.monotonic() > deadline or (
                    self.process.poll() is not None and not condition()):
                raise AssertionError("it did not come about; server %s:\n%s" %
                                     (self.process.poll(), self.log()))
            time.sleep(0.01)

    def wait(self):
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.errors.close()
        return code

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def end_clean(self):
        """Ends it in order; AssertionError if something is left behind."""
        status = self.ask("status")
        code = self.end()
        assert code == 0, "exit code %d\n%s" % (code, self.log()[-8000:])
        left = [w["name"] for w in status["workers"] if alive(w["pid"])]
        assert not left, "still running: %s" % left
        assert not os.path.exists(self.inside(status["runtime_dir"]))
        for listener in status["listeners"]:
            with socket.socket() as door:
                assert door.connect_ex(
                    split_address(listener["address"])) != 0, listener
        self.check_log()

    def check_log(self):
        log = self.log()
        for complaint in COMPLAINTS:
            assert complaint not in log, log[-20000:]

    def kill(self):
        """SIGKILL to the server, which none of its workers outlives."""
        if self.process is None:
            return
        if self.process.poll() is None:
            try:
                pids = self.pids()
            except (OSError, ValueError, KeyError):
                pids = []
            self.process.kill()
            self.wait()
            deadline = time.monotonic() + PATIENCE
            while any(alive(pid) for pid in pids if pid):
                assert time.monotonic() < deadline, "workers outlive it"
                time.sleep(0.005)
        try:
            with open(os.path.join(self.data, "runtime")) as file:
                shutil.rmtree(file.read().rstrip("\n"), True)
        except OSError:
            pass  # never started, or in a mount, which goes with the node
