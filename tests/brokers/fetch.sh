#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# fetch.sh SUITE DIR: puts the mosquitto broker of another Debian release (trixie: 2.0.21, forky:
# 2.1.2) under DIR/SUITE, and prints the path of a wrapper that runs it. Needs root once, for
# debootstrap; the wrapper needs nothing: it starts the broker through that release's own dynamic
# linker, so paths, ports and signals are those of this machine. Done before: only prints the path.
set -eu
suite=$1
dir=$2/$1
wrapper=$2/mosquitto-$1

if [ ! -x "$wrapper" ]; then
	# The mirror is whatever this machine's apt uses.
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $codename" | head -n 1)
	[ -n "$mirror" ] || { echo "fetch.sh: apt names no package mirror; add one to its sources" >&2; exit 1; }
	command -v debootstrap >/dev/null || { echo "fetch.sh: needs debootstrap; run 'make deps'" >&2; exit 1; }
	rm -rf "$dir"
	mkdir -p "$2"
	# The script `sid` serves releases that this machine's debootstrap does not know yet.
	if ! debootstrap --variant=minbase --include=mosquitto "$suite" "$dir" "$mirror" sid >"$2/$suite.log" 2>&1; then
		echo "fetch.sh: debootstrap of $suite failed; the end of $2/$suite.log says why:" >&2
		tail -n 5 "$2/$suite.log" >&2
		exit 1
	fi
	triplet=$(basename "$(dirname "$(ls -d "$dir"/usr/lib/*/libmosquitto.so.1)")")
	loader=$(ls "$dir"/lib64/ld-linux-*.so.* "$dir"/lib/ld-linux-*.so.* 2>/dev/null | head -n 1)
	cat >"$wrapper.tmp" <<WRAPPER
#!/bin/sh
exec "$loader" --library-path "$dir/usr/lib/$triplet" "$dir/usr/sbin/mosquitto" "\$@"
WRAPPER
	chmod +x "$wrapper.tmp"
	mv "$wrapper.tmp" "$wrapper"
fi
echo "$wrapper"
