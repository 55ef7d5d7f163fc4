# SPDX-License-Identifier: Apache-2.0
# Make gsm7_tables.c of the alphabets: awk -f ../tables.awk -f gsm7.awk 00-default.tsv 00-default-extension.tsv 01-...
#
# Each file is one table: code, character, name, note, separated by tabs.  NN at the start of the file's name is the
# national language identifier.  Rules for what is sent: of two codes the lower one; never a cell whose note begins
# with "receive only".

BEGIN {
	n_chars = 1 # 0 is "in no table"
}

# A number for each character, in the order in which they come.
function char_of(cp) {
	if (!(cp in number)) {
		number[cp] = n_chars
		of_number[n_chars++] = cp
	}
	return number[cp]
}

FNR == 1 {
	n = split(FILENAME, path, "/")
	file = path[n]
	lang = substr(file, 1, 2) + 0
	single = file ~ /-(single|extension)\.tsv$/
	table = lang * 2 + single
	have[table] = 1
	if ($1 != "code" || lang > 13)
		fail("no table of an alphabet")
	next
}

{
	if ($1 !~ /^[0-7][0-9A-F]$/)
		fail("\"" $1 "\" is no septet")
	code = hex($1)
	if ($2 == "-") {
		# 3GPP TS 23.038, 6.2.1.1: ESC ESC and blank cells show a space, ESC 0D is a CR.
		show[table, code] = single ? (code == 13 ? 13 : code == 27 ? 32 : 0) : 32
		next
	}
	if ($2 !~ /^U\+[0-9A-F][0-9A-F][0-9A-F][0-9A-F]$/)
		fail("\"" $2 "\" is no character of the basic plane")
	cp = hex(substr($2, 3))
	show[table, code] = cp
	if ($4 ~ /^receive only/)
		next
	k = char_of(cp)
	if (!((table, k) in send))
		send[table, k] = code
}

function row(name, values, n, format, per_line,   i) {
	printf "%s", name
	for (i = 0; i < n; i++)
		printf "%s" format ",", i % per_line ? " " : "\n\t", values[i]
	printf "\n},\n"
}

END {
	if (failed)
		exit 1
	printf "/* SPDX-License-Identifier: Apache-2.0 */\n"
	printf "/* Made by src/codec/alphabets/gsm7.awk; change the tables beside it, not this. */\n"
	printf "#include \"codec/gsm7_tables.h\"\n\n"

	printf "const uint16_t gsm7_main[GSM7_LANGUAGES][128] = {\n"
	for (l = 0; l < 14; l++) {
		for (c = 0; c < 128; c++)
			v[c] = show[have[l * 2] ? l * 2 : 0, c] + 0
		row("\t{", v, 128, "0x%04x", 8)
	}
	printf "};\n\nconst uint16_t gsm7_single[GSM7_LANGUAGES][128] = {\n"
	for (l = 0; l < 14; l++) {
		for (c = 0; c < 128; c++)
			v[c] = show[l * 2 + 1, c] + 0
		row("\t{", v, 128, "0x%04x", 8)
	}

	printf "};\n\nconst struct gsm7_char gsm7_chars[] = {\n\t{0},\n"
	for (k = 1; k < n_chars; k++) {
		in_main = in_single = 0
		bit = 1
		for (l = 0; l < 14; l++) {
			in_main += (l * 2, k) in send ? bit : 0
			in_single += (l * 2 + 1, k) in send ? bit : 0
			bit *= 2
		}
		printf "\t{0x%04x, 0x%04x, {", in_main, in_single
		for (l = 0; l < 14; l++)
			printf "%d,", (l * 2, k) in send ? send[l * 2, k] : 0
		printf "}, {"
		for (l = 0; l < 14; l++)
			printf "%d,", (l * 2 + 1, k) in send ? send[l * 2 + 1, k] : 0
		printf "}},\n"
	}

	# Two steps from a code point to its number: page (code point / 128), then cell.
	n_pages = 1
	for (p = 0; p < 512; p++)
		page[p] = 0
	for (k = 1; k < n_chars; k++) {
		p = int(of_number[k] / 128)
		if (!page[p])
			page[p] = n_pages++
		cell[page[p], of_number[k] % 128] = k
	}
	printf "};\n\nconst uint8_t gsm7_pages[512] = {"
	for (p = 0; p < 512; p++)
		printf "%s%d,", p % 32 ? "" : "\n\t", page[p]
	printf "\n};\n\nconst uint16_t gsm7_cells[][128] = {\n"
	for (p = 0; p < n_pages; p++) {
		for (c = 0; c < 128; c++)
			v[c] = cell[p, c] + 0
		row("\t{", v, 128, "%d", 16)
	}

	# The default alphabet's fast path: septet, ESC pair, or -1, for the first 256 code points.
	printf "};\n\nconst int16_t gsm7_low[256] = {\n"
	for (c = 0; c < 256; c++) {
		k = c in number ? number[c] : 0
		value = k && (0, k) in send ? send[0, k] : k && (1, k) in send ? 27 * 256 + send[1, k] : -1
		printf "%s%d,", c % 16 ? " " : (c ? "\n\t" : "\t"), value
	}
	printf "\n};\n"
}
