# SPDX-License-Identifier: Apache-2.0
# What the makers of tables share: awk -f tables.awk -f MAKER TABLE...   POSIX awk, which knows no hexadecimal.

BEGIN {
	FS = "\t"
	for (i = 0; i < 16; i++)
		digit[substr("0123456789ABCDEF", i + 1, 1)] = i
}

function hex(s,   i, v) {
	v = 0
	for (i = 1; i <= length(s); i++)
		v = v * 16 + digit[substr(s, i, 1)]
	return v
}

function fail(why) {
	printf "%s:%d: %s\n", FILENAME, FNR, why > "/dev/stderr"
	failed = 1
	exit 1
}
