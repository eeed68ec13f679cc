"""Puts for a minute: how long they take, second by second, and a picture.

First as fast as each engine takes them, which also tells the rate that it can
hold; then at nine tenths of that; and synced ones by eight threads. The
picture has a panel for each, with the longest, the 99th percentile and the
median put of each tenth of a second.
"""

import csv
import math
import os
import statistics

# As many keys as a minute's puts, so that compaction has its full work.
KEYS = 20000000
VALUE = 100
PACED_SHARE = 0.9
P999_GOAL = 10  # times p50
PAUSE_GOAL_MS = 100

WIDTH, PANEL, LEFT, RIGHT, TOP = 960, 150, 70, 70, 40
US_LEAST, US_MOST = 0.5, 2e6
COLOURS = {"max_us": "#c0392b", "p99_us": "#e08e0b", "p50_us": "#1f6fb2"}


def run(bench):
    where = os.path.join(bench.options.build, "bench")
    os.makedirs(where, exist_ok=True)
    keys = KEYS // 10 if bench.options.quick else KEYS
    panels = {"unpaced": [], "paced": [], "synced": []}
    for store in bench.stores:
        free = measure(bench, store, "sustain", keys, where, "unpaced")
        if free is None:
            continue
        panels["unpaced"].append(free)
        rate = PACED_SHARE * held_rate(free[1])
        paced = measure(bench, store, "sustain", keys, where, "paced",
                        "--rate=%d" % rate)
        if paced is not None:
            panels["paced"].append(paced)
    for store in bench.stores:
        synced = measure(bench, store, "sustain-sync8", keys, where, "synced")
        if synced is not None:
            panels["synced"].append(synced)
    for name, each in panels.items():
        path = os.path.join(where, "latency-%s.svg" % name)
        if each:
            write_picture(path, each)
            print("wrote", path)


def measure(bench, store, row, keys, where, name, *more):
    """Title and trace of a run; prints what it shows."""
    path = os.path.join(where, "latency-%s-%s.csv" % (name, store))
    sides = bench.run(store, row, keys, VALUE, "none", "--trace=" + path,
                      "--seconds=%g" % bench.options.latency_seconds, *more,
                      section="latency")
    if not sides:
        return None
    side = sides[0]
    with open(path) as file:
        trace = [{name: float(value) for name, value in line.items()}
                 for line in csv.DictReader(file)]
    seconds = per_second(trace)
    ratio = side["p999_us"] / side["p50_us"]
    # The last part is what was left of a tenth of a second.
    trace = trace[:-1] if len(trace) > 1 else trace
    holds = ratio <= P999_GOAL and side["max_us"] < PAUSE_GOAL_MS * 1000
    title = "%s, %s: %.0f k/s, p50 %.1f us, p99.9 %.1f us (%.1f times), " \
        "longest pause %.1f ms" % (
            store, name, side["ops_per_s"] / 1e3, side["p50_us"],
            side["p999_us"], ratio, side["max_us"] / 1e3)
    print(title + ("" if store != "ours" else
                   ": HOLDS" if holds else ": MISSED"))
    print("  k/s in each second: least %.0f, median %.0f, most %.0f:" % (
        min(seconds) / 1e3, statistics.median(seconds) / 1e3,
        max(seconds) / 1e3),
          " ".join("%.0f" % (each / 1e3) for each in seconds), flush=True)
    if "rate" in " ".join(more):
        print("  late by at most %.1f ms" % side["behind_ms"])
    return title, trace


def per_second(trace):
    """Puts in each whole second."""
    parts = [each["operations"] for each in trace]
    whole = [sum(parts[i:i + 10]) for i in range(0, len(parts) - 9, 10)]
    return whole or [sum(parts)]


def held_rate(trace):
    """What is left of the rate when memtables and level 0 are full."""
    parts = [each["operations"] for each in trace]
    later = parts[len(parts) // 3:]
    return 10 * sum(later) / len(later)


def height_of(us):
    """Where on a panel's logarithmic scale, from its top."""
    share = math.log(max(us, US_LEAST) / US_LEAST) / \
        math.log(US_MOST / US_LEAST)
    return PANEL * (1 - min(share, 1))


def text(x, y, words, anchor="start", colour="#333", size=11):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" ' \
        'font-size="%d">%s</text>' % (x, y, anchor, colour, size, words)


def draw_axes(top):
    lines = []
    for us, words in ((1, "1 us"), (10, "10 us"), (100, "100 us"),
                      (1e3, "1 ms"), (1e4, "10 ms"), (1e5, "100 ms"),
                      (1e6, "1 s")):
        y = top + height_of(us)
        lines.append('<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" '
                     'stroke="#ddd"/>' % (LEFT, WIDTH - RIGHT, y, y))
        lines.append(text(LEFT - 6, y + 4, words, "end", "#666"))
    return lines


def draw_panel(top, title, trace, span):
    across = WIDTH - LEFT - RIGHT
    step = across / span
    most = max(each["operations"] for each in trace) or 1
    lines = [text(LEFT, top - 8, title, size=12)]
    # How many puts, as a pale area behind; its full height is stated.
    area = ["%.1f,%.1f" % (LEFT + each["second"] * step, top + PANEL * (
        1 - each["operations"] / most)) for each in trace]
    last = LEFT + trace[-1]["second"] * step
    lines.append('<polygon points="%d,%d %s %.1f,%d" fill="#e9eef3"/>' % (
        LEFT, top + PANEL, " ".join(area), last, top + PANEL))
    lines.append(text(WIDTH - RIGHT + 6, top + 10,
                      "%.0f k/s" % (most / 100), colour="#8296a8"))
    lines.extend(draw_axes(top))
    for name, colour in COLOURS.items():
        # A tenth of a second without any put ends in a longer one.
        points = ["%.1f,%.1f" % (LEFT + each["second"] * step,
                                 top + height_of(each[name]))
                  for each in trace if each["operations"] > 0]
        lines.append('<polyline points="%s" fill="none" stroke="%s" '
                     'stroke-width="1"/>' % (" ".join(points), colour))
    for second in range(0, int(span) + 1, 10):
        lines.append(text(LEFT + second * step, top + PANEL + 13,
                          "%d s" % second, "middle", "#666", 10))
    return lines


def write_picture(path, panels):
    height = TOP + len(panels) * (PANEL + 50)
    span = max(trace[-1]["second"] for _, trace in panels) + 0.1
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
             'font-family="sans-serif">' % (WIDTH, height),
             '<rect width="100%" height="100%" fill="white"/>']
    for place, (name, words) in enumerate(
            (("max_us", "longest"), ("p99_us", "p99"), ("p50_us", "p50"))):
        lines.append(text(LEFT + 70 * place, 14, words,
                          colour=COLOURS[name], size=12))
    lines.append(text(LEFT + 210, 14, "put of each tenth of a second; behind: "
                      "their number", colour="#8296a8", size=12))
    for place, (title, trace) in enumerate(panels):
        lines.extend(draw_panel(TOP + place * (PANEL + 50), title, trace,
                                span))
    lines.append("</svg>\n")
    with open(path, "w") as file:
        file.write("\n".join(lines))
