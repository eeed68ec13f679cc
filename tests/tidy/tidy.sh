#!/bin/sh
# Checks what a script can check of the house style: layers, lengths of files,
# functions and lines, headers that compile alone, banned calls, formatting.
# Prints one line for each finding; the exit code is 0 when there is none.
set -u
cd "$(dirname "$0")/../.."
sources=$(git ls-files --cached --others --exclude-standard \
    'common/*.[ch]' 'config/*.[ch]' 'supervisor/*.[ch]' 'storaged/*.[ch]' \
    'frontend/*.[ch]' 'replicator/*.[ch]')
tests=$(git ls-files --cached --others --exclude-standard 'tests/*.[ch]')
findings=$(mktemp)
trap 'rm -f "$findings"' EXIT

awk '
FILENAME == ARGV[1] {
	if ($0 ~ /^#/ || $0 == "")
		next
	split($0, halves, ":")
	allowed[halves[1]] = halves[2] " "
	next
}
FNR == 1 {
	# The longest listed folder that holds the file decides.
	room = FILENAME
	do {
		sub(/\/[^\/]*$/, "", room)
	} while (!(room in allowed) && room ~ /\//)
	if (!(room in allowed))
		print FILENAME ":1: its folder is not in tests/tidy/layers"
}
/^#include "/ {
	split($0, quoted, "\"")
	path = quoted[2]
	if (index(path, room "/") == 1)
		next
	count = split(allowed[room], may, " ")
	ok = 0
	for (i = 1; i <= count; i++)
		if (index(path, may[i] "/") == 1)
			ok = 1
	if (!ok)
		print FILENAME ":" FNR ": " room " may not include " path
}
/^#include <(event2|nng|yaml|http_parser|jansson|lz4|zstd|xxhash|systemd|raft)/ {
	split($0, angled, /[<>]/)
	count = split(allowed[room], may, " ")
	ok = 0
	for (i = 1; i <= count; i++)
		if (may[i] ~ /^\+/ && index(angled[2], substr(may[i], 2)) == 1)
			ok = 1
	if (!ok)
		print FILENAME ":" FNR ": " room " may not include " angled[2]
}
' tests/tidy/layers $sources >>"$findings"

awk '
function width(line,    i, columns) {
	columns = 0
	for (i = 1; i <= length(line); i++)
		if (substr(line, i, 1) == "\t")
			columns += 8 - columns % 8
		else
			columns++
	return columns
}
FNR == 1 && NR > 1 && lines > 800 {
	print last ":1: " lines " lines, more than 800"
}
{ lines = FNR; last = FILENAME }
width($0) > 80 { print FILENAME ":" FNR ": line over 80 columns" }
/[ \t]$/ { print FILENAME ":" FNR ": blanks at the end of the line" }
/^[a-z_][a-zA-Z0-9_]*\(/ { name = $0; sub(/\(.*/, "", name) }
/^\{/ { start = FNR }
/^\}/ {
	if (start > 0 && FNR - start > 71)
		print FILENAME ":" start ": " name " has " FNR - start - 1 \
		    " lines, more than 70"
	start = 0
}
/[^a-z_](strcpy|strncpy|sprintf|vsprintf|gets|strtok|alloca|atoi|atol)\(/ {
	print FILENAME ":" FNR ": banned call"
}
END { if (lines > 800) print last ":1: " lines " lines, more than 800" }
' $sources $tests >>"$findings"

# What stands on libraft is built only where it is.
headers=$(printf '%s\n' $sources $tests | grep '\.h$')
[ -e /usr/include/raft.h ] ||
	headers=$(printf '%s\n' $headers | grep -v '^replicator/')
for header in $headers; do
	${CC:-cc} -std=c11 -I. -D_GNU_SOURCE -fsyntax-only -x c "$header" \
	    2>/dev/null ||
	    echo "$header:1: does not compile alone" >>"$findings"
done

# Other versions of the formatter break lines elsewhere.
if clang-format --version 2>/dev/null | grep -q 'version 14'; then
	for file in $sources $tests; do
		clang-format "$file" | cmp -s - "$file" ||
		    echo "$file:1: not formatted; run make fmt" >>"$findings"
	done
else
	echo "tidy: clang-format 14 is not installed, formatting unchecked" >&2
fi

cat "$findings"
[ ! -s "$findings" ] && echo "tidy: clean"
