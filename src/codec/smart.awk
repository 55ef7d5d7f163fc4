# SPDX-License-Identifier: Apache-2.0
# Make smart_tables.c of smart.tsv: awk -f tables.awk -f smart.awk smart.tsv
#
# Columns, separated by tabs: the character, the step that replaces it (smart.h), what stands in its place, its name.
# "(nothing)", "(blank)" and "(line)" are what cannot be seen in a table.

BEGIN {
	step["invisible"] = "SMART_INVISIBLE"
	step["mark"] = "SMART_MARKS"
	step["letter"] = "SMART_LETTERS"
	unseen["(nothing)"] = ""
	unseen["(blank)"] = " "
	unseen["(line)"] = "\n"
	n_rows = 1 # 0 is "stays"
	n_pages = 1
}

# As C writes it.  A question mark could be half a trigraph.
function literal(s,   i, c, out) {
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		out = out (c == "\n" ? "\\n" : c == "\"" || c == "\\" || c == "?" ? "\\" c : c)
	}
	return out
}

FNR == 1 {
	if ($1 != "character" || $2 != "step" || $3 != "with")
		fail("no table of look-alikes")
	next
}

{
	if ($1 !~ /^U\+[0-9A-F][0-9A-F][0-9A-F][0-9A-F]$/)
		fail("\"" $1 "\" is no character of the basic plane")
	if (!($2 in step))
		fail("\"" $2 "\" is no step")
	cp = hex(substr($1, 3))
	if (cp <= last)
		fail($1 " is out of order")
	last = cp
	with = $3 in unseen ? unseen[$3] : $3
	if (length(with) > 4)
		fail("\"" with "\" is longer than four octets")
	n = length(with)
	rows[n_rows] = "\t{" step[$2] ", " n ", \"" literal(with) "\"}, /* " $1 " " $4 " */"
	p = int(cp / 128)
	if (!page[p])
		page[p] = n_pages++
	cell[page[p], cp % 128] = n_rows++
}

END {
	if (failed)
		exit 1
	printf "/* SPDX-License-Identifier: Apache-2.0 */\n"
	printf "/* Made by src/codec/smart.awk; change smart.tsv beside it, not this. */\n"
	printf "#include \"codec/smart_tables.h\"\n\n"
	printf "const struct smart_char smart_chars[] = {\n\t{SMART_NONE, 0, \"\"},\n"
	for (i = 1; i < n_rows; i++)
		print rows[i]
	printf "};\n\nconst uint8_t smart_pages[512] = {"
	for (p = 0; p < 512; p++)
		printf "%s%d,", p % 32 ? "" : "\n\t", page[p] + 0
	printf "\n};\n\nconst uint16_t smart_cells[][128] = {\n"
	for (p = 0; p < n_pages; p++) {
		printf "\t{"
		for (c = 0; c < 128; c++)
			printf "%s%d,", c % 16 ? " " : "\n\t", cell[p, c] + 0
		printf "\n},\n"
	}
	printf "};\n"
}
