# SPDX-License-Identifier: BSD-3-Clause
"""What was measured: cases with metrics, their medians and ratios, as a table and as JSON."""
import statistics


class Metric:
    """pick(result) gives the number; aim: the ratio im/plain to reach, or None."""

    def __init__(self, label, unit, pick, aim=None, higher_is_better=True):
        self.label, self.unit, self.pick, self.aim = label, unit, pick, aim
        self.higher_is_better = higher_is_better

    @property
    def name(self):
        return f"{self.label}, {self.unit}" if self.unit else self.label


def flow_rate(name="delivered_per_s", flow=0):
    return lambda r: r["flows"][flow][name]


def flow_us(hist, point, flow=0):
    """None if that side has no such figure: plain Mosquitto sends no acks."""
    return lambda r: r["flows"][flow][hist].get(point)


# Cores that neither the measured processes nor the generator used while a run was measured. A
# little is the kernel's own work for them (writing back what was synced).
DISTURBED_CORES = 0.15


def others(result):
    """Cores used by others, and taken by the host of a virtual machine; None if not known."""
    if "other_cpu" not in result:
        return None
    return result["other_cpu"] + result["steal_cpu"]


def disturbed(result):
    return (others(result) or 0) > DISTURBED_CORES


def cpu(process):
    return lambda r: r.get("processes", {}).get(process, {}).get("cpu")


def cpu_us(process):
    """Processor time a message (a delivery, where a message has many). Unlike a rate it says
    something on a busy machine too."""
    def pick(result):
        share = cpu(process)(result)
        work = sum(max(f["pubacked_per_s"], f["delivered_per_s"]) for f in result.get("flows", []))
        return share / work * 1e6 if share is not None and work else None
    return pick


class Case:
    """One load, measured on each of its variants several times."""

    def __init__(self, scenario, name, metrics):
        self.scenario, self.name, self.metrics = scenario, name, metrics
        self.runs = {}
        self.failures = []
        self.notes = []  # what is said beside the figures

    def add(self, variant, result, round_=0):
        """Runs of the same round were made right after one another."""
        self.runs.setdefault(variant, []).append({**result, "round": round_})

    def undisturbed(self, variant):
        return [r for r in self.runs.get(variant, []) if not disturbed(r)]

    def values(self, metric, variant):
        """Of the undisturbed runs, if there are any; of all, which the table says, if not."""
        runs = self.undisturbed(variant) or self.runs.get(variant, [])
        picked = [metric.pick(r) for r in runs]
        return [v for v in picked if v is not None]

    def median(self, metric, variant):
        values = self.values(metric, variant)
        return statistics.median(values) if values else None

    def ratios(self, metric, base="plain"):
        """im to plain, round by round: a machine that gets slower or faster in the course of an
        hour (a virtual one does) leaves them as they are. Rounds with a disturbed run do not
        count, unless all are."""
        found = {True: [], False: []}
        for ours in self.runs.get("im", []):
            for theirs in self.runs.get(base, []):
                if ours["round"] != theirs["round"]:
                    continue
                a, b = metric.pick(theirs), metric.pick(ours)
                if a and b is not None:
                    found[disturbed(ours) or disturbed(theirs)].append(b / a)
        return found[False] or found[True]

    def ratio(self, metric, base="plain"):
        """The median of the rounds' ratios; None if there is nothing to compare."""
        ratios = self.ratios(metric, base)
        return statistics.median(ratios) if ratios else None

    def as_json(self):
        metrics = []
        for m in self.metrics:
            entry = {"label": m.label, "unit": m.unit, "aim": m.aim, "ratio": self.ratio(m),
                     "ratios": self.ratios(m), "to_before": self.ratios(m, "before"), "higher_is_better": m.higher_is_better,
                     "variants": {}}
            for variant in self.runs:
                entry["variants"][variant] = {"median": self.median(m, variant),
                                              "runs": self.values(m, variant)}
            metrics.append(entry)
        return {"scenario": self.scenario, "name": self.name, "metrics": metrics,
                "failures": self.failures, "notes": self.notes,
                "runs": self.runs}


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def _shares(case, variant):
    """The medians of everybody's CPU: whoever is at 1.0 is what limits."""
    parts = []
    for name in ("broker", "bridge", "generator"):
        value = case.median(Metric("", "", cpu(name)), variant)
        each = case.median(Metric("", "", cpu_us(name)), variant)
        if value is not None:
            parts.append(f"{name} {value:.2f} ({each:.1f} us)" if each else f"{name} {value:.2f}")
    noise = case.median(Metric("", "", others), variant)
    if noise is not None:
        runs, quiet = len(case.runs[variant]), len(case.undisturbed(variant))
        parts.append(f"others {noise:.2f}  runs {quiet or runs}"
                     + ("" if quiet else ", all disturbed"))
    return "  ".join(parts)


def table(case):
    """The case as lines of text."""
    variants = list(case.runs)
    lines = [f"{case.scenario}  {case.name}"]
    for failure in case.failures:
        lines.append(f"     FAILED {failure}")
    for m in case.metrics:
        cells = [f"{v} {number(case.median(m, v))}" for v in variants]
        ratio = case.ratio(m)
        if ratio is not None:
            aim = f" (aim {m.aim:g})" if m.aim is not None else ""
            cells.append(f"ratio {ratio:.2f}{aim}")
        if "before" in variants and (ratio := case.ratio(m, "before")) is not None:
            cells.append(f"to before {ratio:.3f}")
        lines.append(f"     {m.name:30} " + "   ".join(cells))
    lines += [f"     {note}" for note in case.notes]
    for variant in variants:
        shares = _shares(case, variant)
        if shares:
            lines.append(f"       CPU {variant}: {shares}")
    return "\n".join(lines)


def _row(cells):
    return "| " + " | ".join(cells) + " |"


def markdown(case):
    """The case as a Markdown table, as docs/BENCHMARKS.md has them."""
    variants = list(case.runs)
    with_ratio = len(variants) > 1
    to_before = "before" in variants
    head = [case.name] + variants + ["ratio"] * with_ratio + ["to before"] * to_before
    lines = [_row(head), _row(["---"] * len(head))]
    for m in case.metrics:
        cells = [m.name] + [number(case.median(m, v)) for v in variants]
        if with_ratio:
            ratio = case.ratio(m)
            aim = f" (aim {m.aim:g})" if m.aim is not None else ""
            cells.append("" if ratio is None else f"{ratio:.2f}{aim}")
        if to_before:
            ratio = case.ratio(m, "before")
            cells.append("" if ratio is None else f"{ratio:.3f}")
        lines.append(_row(cells))
    for name in ("broker", "bridge", "generator"):
        cells = [f"{name}, cores (us each)"]
        for v in variants:
            share = case.median(Metric("", "", cpu(name)), v)
            each = case.median(Metric("", "", cpu_us(name)), v)
            cells.append("" if share is None else
                         f"{share:.2f}" + (f" ({each:.1f})" if each else ""))
        if any(cells[1:]):
            lines.append(_row(cells + [""] * (with_ratio + to_before)))
    remarks = list(case.notes) + [f"FAILED: {f}" for f in case.failures]
    remarks += [f"{v}: all runs were disturbed" for v in variants
                if others(case.runs[v][0]) is not None and not case.undisturbed(v)]
    return "\n".join(lines) + "".join(f"\n\n{r[0].upper() + r[1:]}." for r in remarks)
