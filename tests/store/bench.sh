#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# How fast the SQLite store is on this machine, fsync on: `make bench-store`. Prints, asserts nothing.
#     bench.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder/log" "$folder/pairs" "$folder/old" "$folder/directory"

echo '== 100 pairs, then 10,000 pairs'
"$program" append "$folder/pairs" 500000 1000 1000000 100
"$program" append "$folder/pairs" 500000 1000 1000000 10000
echo '== any two of a million users'
"$program" append "$folder/log" 1000000 1000 1000000 0
echo '== one message a transaction, back to back and a thousand a second at most'
"$program" single "$folder/pairs" 5000 0 1000
"$program" single "$folder/pairs" 5000 1000 1000
echo '== ids from the tail of the log, pages of history'
"$program" dedup "$folder/log"
"$program" history "$folder/pairs" 10000
echo '== a log of an earlier version'
"$program" upgrade "$folder/old" 1000000
echo '== a million users, a group of 100,000'
"$program" directory "$folder/directory" 1000000 100000
rm -rf "$folder"
