# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of how the figures grow (scenario 9, endurance.py), as SVG. The only user of matplotlib."""
import pathlib

COLOURS = {"plain": "#4a6fa5", "im": "#c1502e"}
NAMES = {"plain": "plain Mosquitto", "im": "mosquitto-im"}


def require():
    """Fails now if it cannot draw later."""
    import matplotlib
    return matplotlib


def _pyplot():
    matplotlib = require()
    matplotlib.use("svg")
    # The same figures give the same file, so that a change in it means something.
    matplotlib.rcParams["svg.hashsalt"] = "mosquitto-im"
    from matplotlib import pyplot
    return pyplot


def _curve(cases, axis, metric):
    """{variant: ([x], [median], [low], [high])}"""
    curves = {}
    for case in cases:
        if getattr(case, "x", (None,))[0] != axis:
            continue
        for m in case.metrics:
            if m.label != metric:
                continue
            for variant in case.runs:
                values = case.values(m, variant)
                if values:
                    xs, ys, lows, highs = curves.setdefault(variant, ([], [], [], []))
                    xs.append(case.x[1])
                    ys.append(case.median(m, variant))
                    lows.append(min(values))
                    highs.append(max(values))
    return curves


def _draw(pyplot, path, title, xlabel, ylabel, lines):
    """lines: [(label, colour, style, (xs, ys, lows, highs))]"""
    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    for label, colour, style, (xs, ys, lows, highs) in lines:
        axes.plot(xs, ys, style, color=colour, marker="o", markersize=4, label=label)
        axes.fill_between(xs, lows, highs, color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.grid(True, alpha=0.3)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def write(cases, folder):
    """Returns the files written; one a quantity that has at least two points."""
    folder = pathlib.Path(folder)
    pyplot = _pyplot()
    written = []
    for axis, metric, title, xlabel, ylabel in (
            ("pairs", "delivered", "One-to-one messages, 128 bytes, window 10", "pairs",
             "messages/s"),
            ("members", "delivered", "A group whose members are all online", "members",
             "deliveries/s")):
        curves = _curve(cases, axis, metric)
        lines = [(NAMES.get(v, v), COLOURS.get(v, "#777777"), "-", c) for v, c in curves.items()]
        if any(len(line[3][0]) > 1 for line in lines):
            written.append(folder / f"bench-{axis}.svg")
            _draw(pyplot, written[-1], title, xlabel, ylabel, lines)
    reads = [("sync of 1,000, cold", "#c1502e", "-"), ("sync of 1,000, warm p50", "#c1502e", "--"),
             ("history of 50, cold", "#4a6fa5", "-"), ("history of 50, warm p50", "#4a6fa5", "--")]
    lines = []
    for label, colour, style in reads:
        curve = _curve(cases, "stored", label).get("im")
        if curve and len(curve[0]) > 1:
            lines.append((label, colour, style, curve))
    if lines:
        written.append(folder / "bench-stored.svg")
        _draw(pyplot, written[-1], "Reading, by messages stored", "messages stored", "ms", lines)
    return written


def memory(samples, path):
    """Allocated memory of both processes over a run of endurance.py."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    sent = [s["messages"] for s in samples]
    for name, colour in (("bridge", COLOURS["im"]), ("broker", COLOURS["plain"])):
        axes.plot(sent, [s[name]["anonymous"] / 1024 for s in samples], color=colour, label=name)
    axes.axvline(sent[-1] / 2, color="#999999", linestyle=":", linewidth=1)
    axes.set_ylim(bottom=0)
    axes.set(title="Allocated memory", xlabel="messages", ylabel="MiB")
    axes.grid(True, alpha=0.3)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
