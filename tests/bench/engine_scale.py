"""How long it takes to open a store, by how large it is."""

VALUE = 8


def run(bench):
    """Ours alone: loading 50 million keys one by one takes too long."""
    if "ours" not in bench.stores:
        return
    rows = []
    for keys in bench.options.scales:
        sides = bench.run("ours", "open", keys, VALUE, "none",
                          section="scale")
        rows.extend((keys, side) for side in sides)
    print("\n=== opening a store (16 byte keys, %d byte values)" % VALUE)
    print("%10s %9s %8s %8s %8s %9s %9s %8s %8s" % (
        "keys", "on disk", "fill/s", "open", "cold", "first get", "own mem",
        "a key", "index"))
    for keys, side in rows:
        print("%10d %5.0f MiB %6.0f k %5.1f ms %5.1f ms %6.0f us %5.1f MiB "
              "%6.2f B %6.2f B" % (
                  keys, side["disk_mib"], side["ops_per_s"] / 1e3,
                  side["open_ms"], side["cold_ms"], side["first_us"],
                  side["anonymous_mib"],
                  side["anonymous_mib"] * 2**20 / keys,
                  side["index_mib"] * 2**20 / keys))
    print("Memory of the engine's own beside memtables, and pages of indexes "
          "in the page cache (mapped, given back when short), for each key.")
    print("\n=== recovering a full log")
    for memtable in (16, 64, 256):
        for side in bench.run("ours", "recover", 1000000, 100, "none",
                              "--memtable=%d" % memtable, section="scale"):
            print("memtables of %3d MiB: %.0f MiB of log, %d puts: %.0f ms, "
                  "%.2f us a put" % (
                      memtable, side["data_mib"], side["ops"],
                      side["open_ms"], side["open_ms"] * 1e3 / side["ops"]))
