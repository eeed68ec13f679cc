#!/bin/sh
# Runs the long proofs of one build: torture.sh BUILD [NAME]...
# One after the other, each within its bound (tests/torture/proofs), all of
# them or those named; a failing one shows the end of its log. TEST_SEED, if
# set, is the seed of all; each prints the one it used. The last line counts,
# and the exit code follows from that.
set -u
BUILD=$1
export BUILD KVSTORE_BUILD="$BUILD"
shift
wanted=" $* "
logs=$BUILD/torture-logs
mkdir -p "$logs"
passed=0
failed=0
cases=0
begun=$(date +%s)

while read -r name seconds command; do
	case $name in '' | '#'*) continue ;; esac
	case $wanted in "  " | *" $name "*) ;; *) continue ;; esac
	log=$logs/$name.log
	started=$(date +%s)
	timeout -k 5 "$seconds" sh -c "$command" >"$log" 2>&1 </dev/null
	code=$?
	took=$(($(date +%s) - started))
	count=$(sed -n 's/^count: \([0-9][0-9]*\) .*/\1/p' "$log" |
	    awk '{ sum += $1 } END { print sum + 0 }')
	why=
	[ "$code" -eq 0 ] || why="exit code $code"
	[ "$code" -ne 124 ] || why="not done within its $seconds s"
	[ -n "$why" ] || [ "$count" -gt 0 ] || why="it counted nothing"
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		cases=$((cases + count))
		echo "PASS $name: $count cases ($took s)"
	else
		failed=$((failed + 1))
		echo "FAIL $name: $why; see $log ($took s)"
	fi
	sed -n 's/^.*TEST_SEED=/    TEST_SEED=/p; s/^count: /    /p' "$log"
	[ -z "$why" ] || tail -n 60 "$log" | sed 's/^/    | /'
done <tests/torture/proofs
echo "$passed passed, $failed failed, $cases cases," \
    "$(($(date +%s) - begun)) s"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
