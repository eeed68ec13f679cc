"""Makes a table of what bench_engine said: medians, ratios, goals."""

import statistics

# Row, side, figure, our goal as a ratio to the best peer, with which peers.
PEERS = ["rocksdb", "leveldb", "lmdb"]
GOALS = [
    ("fillseq", "write", "ops_per_s", 1.3, PEERS),
    ("fillrandom", "write", "ops_per_s", 1.8, PEERS),
    ("fillrandom", "write", "settled_ops_per_s", 1.4, PEERS),
    ("overwrite", "write", "ops_per_s", 1.5, PEERS),
    ("readrandom", "read", "ops_per_s", 1.5, PEERS),
    ("readrandom2", "read", "ops_per_s", 1.5, PEERS),
    ("readmissing", "read", "ops_per_s", 2.0, PEERS),
    ("scan100", "read", "ops_per_s", 2.0, ["leveldb"]),
    ("readwhilewriting", "read", "ops_per_s", 1.5, PEERS),
    ("readwhilewriting", "write", "ops_per_s", 1.5, PEERS),
    ("sync1", "write", "ops_per_s", 1.3, PEERS),
    ("sync2", "write", "ops_per_s", 1.0, PEERS),
    ("sync8", "write", "ops_per_s", 1.5, PEERS),
]
# With compression reads have to be ahead of those that compress too.
COMPRESSED_READ_GOAL = 1.0
# Figures of which less is better: row, figure, greatest ratio to RocksDB's.
# Logs and the reserve have a fixed size with us and none with RocksDB, once
# settled, so the ratio of space is that of the rest.
LIMITS = [
    ("fillrandom", "write_amp", "bytes written a byte", 1.0, None),
    ("fillrandom", "data_amp", "space without logs, reserve", 1.05, "lz4"),
]


TITLES = {"table": "in memory", "memory": "larger than memory"}


def add_data_amp(result):
    """Space without what has a fixed size for each byte of data."""
    data = result["keys"] * (16 + result["value"])
    result["data_amp"] = result["space_amp"] - \
        result["fixed_mib"] * 2**20 / data


class Table:
    def __init__(self, results):
        self.results = results

    def rounds(self, setting, row, side, store, figure):
        return [each[figure] for each in self.results
                if (each["section"], each["value"], each["compression"]) ==
                setting and each["row"] == row and each["side"] == side and
                each["store"] == store and figure in each]

    def median(self, *where):
        rounds = self.rounds(*where)
        return statistics.median(rounds) if rounds else None

    def best_peer(self, setting, row, side, figure, peers):
        rates = [(self.median(setting, row, side, peer, figure), peer)
                 for peer in peers]
        rates = [each for each in rates if each[0] is not None]
        return max(rates)[1] if rates else None

    def ratio(self, setting, row, side, figure, peer):
        """Each round's pair met the same weather."""
        ours = self.rounds(setting, row, side, "ours", figure)
        theirs = self.rounds(setting, row, side, peer, figure)
        if not ours or not theirs:
            return None
        return statistics.median(mine / other
                                 for mine, other in zip(ours, theirs))


def verdict(holds):
    return "HOLDS" if holds else "MISSED"


def print_rows(table, setting, rows):
    print("%-17s %-6s %-8s %9s %8s %8s %9s %7s %7s %6s %6s %7s %7s" % (
        "row", "side", "store", "kops/s", "p50 us", "p99 us", "p99.9 us",
        "CPU us", "caller", "w.amp", "space", "mem MiB", "HWM MiB"))
    for row, side in rows:
        for store in ["ours"] + PEERS:
            figures = [table.median(setting, row, side, store, name)
                       for name in ("ops_per_s", "p50_us", "p99_us", "p999_us",
                                    "cpu_us", "caller_cpu_us", "write_amp",
                                    "space_amp", "memory_mib",
                                    "resident_peak_mib")]
            if figures[0] is None:
                continue
            figures[0] /= 1e3
            formats = ("%9.1f", "%8.2f", "%8.1f", "%9.1f", "%7.2f", "%7.2f",
                       "%6.2f", "%6.3f", "%7.0f", "%7.0f")
            print("%-17s %-6s %-8s %s" % (row, side, store, " ".join(
                (form % figure) if figure is not None else
                "-".rjust(len(form % 0))
                for form, figure in zip(formats, figures))))


def print_goals(table, setting):
    section, _, compression = setting
    missed = []
    print("\n%-34s %12s %12s  %-8s %6s %6s %6s" % (
        "ratio to the best peer", "ours", "peer", "", "by CPU", "ratio",
        "goal"))
    for row, side, figure, goal, peers in GOALS:
        if compression != "none":
            peers = [peer for peer in peers if peer != "lmdb"]
            goal = COMPRESSED_READ_GOAL if side == "read" else goal
        peer = table.best_peer(setting, row, side, figure, peers)
        ratio = peer and table.ratio(setting, row, side, figure, peer)
        if ratio is None:
            continue
        # That of the threads that wait; with settling, of all threads. It
        # is what a busy machine spoils least.
        by_cpu = table.ratio(
            setting, row, side, "settled_cpu_us"
            if figure.startswith("settled") else "caller_cpu_us", peer)
        name = "%s, %s%s" % (row, side, ", settled"
                             if figure.startswith("settled") else "")
        # What does not fit in memory has no goal; the ratio is for reading.
        judged = section == "table"
        if judged and ratio < goal:
            missed.append("%s (%.2f of %.2f)" % (name, ratio, goal))
        print("%-34s %12.0f %12.0f  %-8s %6.2f %6.2f %6s %s" % (
            name, table.median(setting, row, side, "ours", figure),
            table.median(setting, row, side, peer, figure), peer,
            1 / by_cpu, ratio,
            "%.2f" % goal if judged else "-",
            verdict(ratio >= goal) if judged else ""))
    if section == "table":
        missed += print_limits(table, setting)
        print("missed: %s" % (", ".join(missed) or "none"))


def print_limits(table, setting):
    missed = []
    for row, figure, name, limit, compression in LIMITS:
        ours = table.median(setting, row, "write", "ours", figure)
        theirs = table.median(setting, row, "write", "rocksdb", figure)
        if not ours or not theirs or \
                compression not in (None, setting[2]):
            continue
        # A limit is met when rounding says so.
        holds = round(ours / theirs, 2) <= limit
        if not holds:
            missed.append("%s (%.2f, at most %.2f)" %
                          (name, ours / theirs, limit))
        print("%-34s %12.3f %12.3f  %-8s %6s %6.2f %6s %s" % (
            "%s, %s" % (row, name), ours, theirs, "rocksdb", "", ours / theirs,
            "<=%.2f" % limit, verdict(holds)))
    return missed


def print_report(results):
    for result in results:
        if "space_amp" in result:
            add_data_amp(result)
    table = Table(results)
    settings = []
    for result in results:
        setting = (result["section"], result["value"], result["compression"])
        if setting not in settings and setting[0] in TITLES:
            settings.append(setting)
    for setting in settings:
        rows = []
        for each in results:
            if (each["section"], each["value"], each["compression"]) == \
                    setting and (each["row"], each["side"]) not in rows:
                rows.append((each["row"], each["side"]))
        keys = next(each["keys"] for each in results
                    if (each["section"], each["value"],
                        each["compression"]) == setting)
        print("\n=== %s: %d keys, values of %d bytes, compression: %s" % (
            TITLES[setting[0]], keys, setting[1], setting[2]))
        print_rows(table, setting, rows)
        print_goals(table, setting)
