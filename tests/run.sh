#!/bin/sh
# Runs the tests of one build: run.sh BUILD [unit|fuzz|component|...]...
# Each test is a process of its own; its output is shown only if it fails.
# The last line counts them, and the exit code follows from that count.
set -u
build=$1
shift
kinds=${*:-unit fuzz component model system}
logs=$build/test-logs
mkdir -p "$logs"

run_one() {
	name=$1
	log=$logs/$(echo "$name" | tr / _).log
	started=$(date +%s)
	if KVSTORE_BUILD=$build timeout -k 5 300 "$name" >"$log" 2>&1; then
		result=PASS
	else
		result=FAIL
	fi
	echo "$result $name ($(($(date +%s) - started)) s)"
	echo "$result" >>"$logs/results"
	grep '^NOT RUN' "$log" || true
	[ $result = PASS ] || tail -n 60 "$log" | sed 's/^/    /'
}

case ${1:-} in
--one)
	run_one "$2"
	exit 0
	;;
esac

rm -f "$logs/results"
: >"$logs/results"
for kind in $kinds; do
	tests=$(find "$build/tests/$kind" -type f -name 'test_*' -perm -u+x \
	    2>/dev/null | sort)
	scripts=$(find "tests/$kind" -type f -name 'test_*' -perm -u+x \
	    ! -name '*.c' 2>/dev/null | sort)
	# Unit tests are independent processes; the others share the machine.
	jobs=1
	[ "$kind" = unit ] && jobs=$(nproc)
	[ -z "$tests$scripts" ] || printf '%s\n' $tests $scripts |
	    xargs -P "$jobs" -I{} "$0" "$build" --one {}
done
passed=$(grep -c PASS "$logs/results")
failed=$(grep -c FAIL "$logs/results")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
