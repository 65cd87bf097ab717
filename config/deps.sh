#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# deps.sh [run|front|cluster|check|bench|fuzz|valgrind]: installs the Debian packages that are missing
# to build and run mosquitto-im (run), or with haproxy in front of several brokers (front), or with the
# servers that several nodes share (cluster), or to test it as well (check, the default), or for one of
# the targets beyond that. Does nothing, and needs neither root nor the network, when all are there.
set -eu

packages="gcc libc6-dev make python3 mosquitto mosquitto-clients mosquitto-dev libmosquitto-dev
	libjansson-dev libsqlite3-dev libssl-dev uthash-dev libjwt-dev libargon2-dev
	libsystemd-dev libhyperscan-dev libutf8proc-dev libpq-dev"
tests="clang-format clang-tidy cppcheck debootstrap git haproxy libcmocka-dev libnginx-mod-stream
	mandoc nginx node-mqtt nodejs openssl
	python3-cryptography python3-jsonschema python3-jwt python3-paho-mqtt
	postgresql procps python3-pytest python3-pytest-xdist spin sqlite3 systemd"
# Those whose installation starts a service.
services="mosquitto haproxy nginx postgresql"
optional= # what is missing can be done without, and run.py says so
case ${1:-check} in
run) ;;
front)
	sh "$0" run
	packages=haproxy
	optional=1
	;;
cluster) packages="$packages postgresql" ;;
check) packages="$packages $tests" ;;
bench) packages="$packages $tests python3-matplotlib" ;;
fuzz) packages="$packages $tests clang libclang-rt-14-dev" ;;
valgrind) packages="$packages $tests valgrind" ;;
*)
	echo "usage: deps.sh [run|front|cluster|check|bench|fuzz|valgrind]" >&2
	exit 2
	;;
esac

if ! command -v dpkg-query >/dev/null; then
	echo "deps.sh: not a Debian system; install what corresponds to:" $packages >&2
	exit 0
fi

installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $packages 2>/dev/null |
	sed -n 's/^ii *//p') || true
missing=
for package in $packages; do
	printf '%s\n' "$installed" | grep -qx "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "deps.sh: installing$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		[ -z "$optional" ] || exit 0
		echo "deps.sh: needs root: apt-get install$missing" >&2
		exit 1
	fi
	as_root=sudo
fi

# The mosquitto package starts a broker on port 1883 as soon as it is installed, and nginx takes port
# 80. What belongs to mosquitto-im is started by `make run` or by the administrator, and tests start
# their own, so these stay off: for the moment of the installation by a policy (unless the machine has
# one already), and after it by disabling the unit. What was there before is not touched.
policy=/usr/sbin/policy-rc.d
made_policy=
log=
clean_up() {
	[ -z "$made_policy" ] || $as_root rm -f "$policy"
	rm -f "$log"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
fresh=
for service in $services; do
	case " $missing " in
	*" $service "*) fresh="$fresh $service" ;;
	esac
done
if [ -n "$fresh" ] && [ ! -e "$policy" ]; then
	made_policy=1
	$as_root sh -c "cat >$policy && chmod 755 $policy" <<END
#!/bin/sh
for word in "\$@"; do
	case "$fresh " in
	*" \${word%.service} "*) exit 101 ;;
	esac
done
exit 0
END
fi

# What apt says is shown when it fails, or with V=1.
log=$(mktemp)
apt() {
	if [ -n "${V:-}" ]; then
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q "$@"
	else
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >"$log" 2>&1
	fi
}
apt_install() {
	apt install -y --no-install-recommends $missing
}
# A fresh machine has no package lists yet, and an old one may have outdated ones.
case $(apt-cache policy mosquitto 2>/dev/null) in
*Candidate:*) ;;
*) apt update || true ;;
esac
apt_install || { apt update && apt_install; } || {
	[ -z "$optional" ] || exit 0
	cat "$log" >&2
	exit 1
}

if [ -n "$fresh" ] && [ -d /run/systemd/system ]; then
	for service in $fresh; do
		$as_root systemctl disable --now "$service.service" || true
	done
	echo "deps.sh: left stopped and disabled:$fresh;" \
		"'systemctl enable --now NAME' would start one"
fi
