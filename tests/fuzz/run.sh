#!/bin/sh
# Runs the fuzz targets of one build: run.sh BUILD SECONDS [TARGET]...
# Two at a time, each for so many seconds over the kept corpus and what earlier
# runs found. What makes one fail stays in BUILD/fuzz-findings, named after the
# target; the exit code is 0 when there is none.
set -u
build=$1
seconds=$2
shift 2
findings=$build/fuzz-findings
found=$build/fuzz-corpus
logs=$build/fuzz-logs

run_one() {
	name=$1
	log=$logs/$name
	mkdir -p "$found/$name"
	if "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" \
	    -timeout=20 -rss_limit_mb=2048 -max_len=8192 \
	    -artifact_prefix="$findings/$name-" "$found/$name" \
	    "tests/fuzz/corpus/$name" >"$log" 2>&1; then
		echo "PASS $name: $(tail -n 1 "$log")"
	else
		echo "FAIL $name"
		grep -v '^#' "$log" | tail -n 40 | sed 's/^/    /'
	fi
}

case ${1:-} in
--one)
	run_one "$2"
	exit 0
	;;
esac
mkdir -p "$findings" "$found" "$logs"
targets=${*:-$(ls tests/fuzz/fuzz_*.c | sed 's/.*fuzz_//; s/\.c$//')}
printf '%s\n' $targets |
    xargs -P 2 -I{} "$0" "$build" "$seconds" --one {} | tee "$logs/results"
failed=$(grep -c ^FAIL "$logs/results")
echo "$(grep -c ^PASS "$logs/results") targets passed, $failed failed"
if [ "$failed" -ne 0 ]; then
	ls "$findings"
	exit 1
fi
