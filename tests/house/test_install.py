# SPDX-License-Identifier: BSD-3-Clause
"""make install and uninstall, and that what is installed works together."""

import os
import stat
import subprocess

import pytest

from house import BUILD, ROOT

FILES = {
    "usr/sbin/im-bridge": 0o755,
    "usr/bin/imctl": 0o755,
    "usr/lib/mosquitto-im/mosquitto_im.so": 0o755,
    "etc/mosquitto-im/mosquitto.conf.sample": 0o644,
    "etc/mosquitto-im/im-bridge.conf.sample": 0o644,
    "etc/mosquitto-im/im-bridge-cluster.conf.sample": 0o644,
    "etc/mosquitto-im/haproxy.cfg.sample": 0o644,
    "etc/mosquitto-im/nginx.conf.sample": 0o644,
    "etc/mosquitto-im/sensors.conf.sample": 0o644,
    "etc/mosquitto-im/sensors.acl.sample": 0o644,
    "usr/lib/systemd/system/im-bridge.service": 0o644,
    "usr/lib/systemd/system/mosquitto-sensors.service": 0o644,
    "usr/lib/systemd/system/mosquitto@.service": 0o644,
    "usr/lib/tmpfiles.d/mosquitto-im.conf": 0o644,
    "usr/share/man/man1/imctl.1": 0o644,
    "usr/share/man/man8/im-bridge.8": 0o644,
}


def make(*words):
    """The program files are there already; `all` must not build anything into another folder."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", f"BUILD={BUILD}", "prefix=/usr", *words], cwd=ROOT, env=env,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def files_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


@pytest.fixture(name="root")
def _root(tmp_path):
    old = os.umask(0o077)  # a careful administrator's: what is installed must be readable still
    make("-o", "all", "install", f"DESTDIR={tmp_path}")
    os.umask(old)
    return tmp_path


def test_install_puts_every_file_where_debian_has_its_like(root):
    assert files_below(root) == sorted(FILES)
    assert {f: stat.S_IMODE((root / f).stat().st_mode) for f in FILES} == FILES


def test_installed_files_name_installed_paths(root):
    texts = "\n".join((root / f).read_text("utf-8") for f in FILES
                      if f.endswith((".sample", ".service")))
    assert "/usr/local" not in texts
    assert "plugin /usr/lib/mosquitto-im/mosquitto_im.so" in texts
    assert "ExecStart=/usr/sbin/im-bridge -c /etc/mosquitto-im/im-bridge.conf" in texts
    assert "ExecStart=/usr/sbin/mosquitto -c /etc/mosquitto-im/mosquitto-%i.conf" in texts


def test_uninstall_leaves_what_the_administrator_wrote(root):
    kept = root / "etc/mosquitto-im/im-bridge.conf"
    kept.write_text("data_dir /var/lib/mosquitto-im\n")
    make("uninstall", f"DESTDIR={root}")
    assert files_below(root) == ["etc/mosquitto-im/im-bridge.conf"]


@pytest.mark.parametrize("name, instance", [
    ("im-bridge.service", None), ("mosquitto-sensors.service", None),
    ("mosquitto@.service", "mosquitto@2.service")])
def test_the_unit_is_well_formed(root, name, instance):
    unit = root / "usr/lib/systemd/system" / name
    text = unit.read_text("utf-8").replace("/usr/sbin/im-bridge", str(root / "usr/sbin/im-bridge"))
    copy = root / (instance or name)
    copy.write_text(text.replace("Documentation=", "# Documentation="))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)],
                          capture_output=True, text=True)
    assert done.stderr == "" and done.returncode == 0


def test_the_drop_in_of_a_cluster_is_well_formed(root):
    """And opens the network to the named addresses alone."""
    unit = root / "usr/lib/systemd/system/im-bridge.service"
    copy = root / "im-bridge.service"
    copy.write_text(unit.read_text("utf-8").replace("/usr/sbin/im-bridge", str(root / "usr/sbin/im-bridge"))
                    .replace("Documentation=", "# Documentation="))
    folder = root / "im-bridge.service.d"
    folder.mkdir()
    drop_in = (root / "etc/mosquitto-im/im-bridge-cluster.conf.sample").read_text("utf-8")
    (folder / "cluster.conf").write_text(drop_in)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)],
                          capture_output=True, text=True)
    assert done.stderr == "" and done.returncode == 0
    lines = [line for line in drop_in.splitlines() if line and line[0] != "#"]
    assert "IPAddressDeny=any" in lines
    assert [line for line in lines if line.startswith("IPAddressAllow=")]
