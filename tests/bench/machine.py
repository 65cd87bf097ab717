# SPDX-License-Identifier: BSD-3-Clause
"""What the figures were measured on, and what one fsync costs there."""
import os
import platform
import subprocess
import time


def _read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return ""


def _cpu_model():
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _filesystem(folder):
    best = ("", "unknown")
    for line in _read("/proc/mounts").splitlines():
        _, where, kind = line.split()[:3]
        inside = where == "/" or (folder + "/").startswith(where + "/")
        if inside and len(where) >= len(best[0]):
            best = (where, kind)
    return best[1]


def broker_version(broker):
    out = subprocess.run([broker, "-h"], capture_output=True, text=True, check=False).stdout
    words = out.split()
    return words[2] if len(words) > 2 else "unknown"


def system_call_us():
    """The price of entering the kernel, which is most of what a broker does."""
    count = 200000
    begin = time.perf_counter()
    for _ in range(count):
        os.getppid()
    entered = time.perf_counter() - begin
    begin = time.perf_counter()
    for _ in range(count):
        os.fspath("")
    return max(0.0, entered - (time.perf_counter() - begin)) / count * 1e6


def fsync_us(folder, count=300, pause_s=0.0):
    """(p50, p99) of what SQLite does for one small commit: append to a file, fdatasync. With a
    pause before each, processors and disk have to wake up for it, as they do on an idle node."""
    path = os.path.join(folder, "fsync.probe")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    times = []
    try:
        # SQLite writes into a WAL that has its size already, after the first checkpoint.
        os.write(fd, b"\0" * 4120 * count)
        os.fsync(fd)
        for i in range(count):
            time.sleep(pause_s)
            begin = time.perf_counter()
            os.pwrite(fd, b"x" * 4120, i * 4120)
            os.fdatasync(fd)
            times.append((time.perf_counter() - begin) * 1e6)
    finally:
        os.close(fd)
        os.unlink(path)
    times.sort()
    return times[count // 2], times[count * 99 // 100]


def _busy_s():
    user, nice, system, _, _, irq, softirq, steal = map(int, _read("/proc/stat").split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def wait_quiet(limit_s, cores=0.1, span_s=0.5):
    """Until all that runs here uses less than so many cores; at most limit_s."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        busy, begin = _busy_s(), time.monotonic()
        time.sleep(span_s)
        if (_busy_s() - busy) / (time.monotonic() - begin) < cores:
            return


def describe(folder, broker):
    p50, p99 = fsync_us(folder)
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "filesystem": _filesystem(os.path.realpath(folder)),
        "tcp_congestion_control": _read("/proc/sys/net/ipv4/tcp_congestion_control"),
        "mosquitto": broker_version(broker),
        "system_call_us": round(system_call_us(), 3),
        "fsync_us": {"p50": round(p50, 1), "p99": round(p99, 1)},
    }
