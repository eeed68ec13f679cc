#!/bin/sh
# Installs the Debian packages that are missing: deps.sh WORD, of the words
# below.
# Quick and silent when nothing is. Works as root or through sudo.
set -eu
build='gcc make libc6-dev libevent-dev libyaml-dev libnng-dev
    libhttp-parser-dev libjansson-dev libxxhash-dev liblz4-dev libzstd-dev
    libsystemd-dev'
# What the README's transcript is typed with.
run="$build curl redis-tools"
# e2fsprogs: mkfs.ext4, for power cuts of a real file system. openssl makes
# certificates for nodes that speak TLS.
test="$run libcunit1-dev python3 python3-xxhash prometheus bsdextrautils e2fsprogs
    openssl"
bench="$test redis-server nginx-light wrk"
# The engines that ours is measured beside.
peers="$build python3 librocksdb-dev libleveldb-dev liblmdb-dev"
# libFuzzer is clang's; llvm prints stacks and measures coverage.
fuzz="$test clang libclang-rt-dev llvm"
# What is to come of the cluster stands on it.
raft="$test libraft-dev"
case $1 in
raft) wanted=$raft ;;
build) wanted=$build ;;
run) wanted=$run ;;
test) wanted=$test ;;
bench) wanted=$bench ;;
peers) wanted=$peers ;;
fuzz) wanted=$fuzz ;;
*)
	echo "deps.sh: '$1' is none of build, run, test, bench, peers, fuzz," \
	    "raft" >&2
	exit 64
	;;
esac

command -v dpkg-query >/dev/null || {
	echo "This is no Debian; install by hand:" $wanted >&2
	exit 69
}
missing=
for package in $wanted; do
	state=$(dpkg-query -W -f='${db:Status-Status}' "$package" \
	    2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
# Older ones lose acknowledged writes: replicator/core/README.md.
raft_min=0.22.1
case " $wanted " in *" libraft-dev "*)
	state=$(dpkg-query -W -f='${Version}' libraft-dev 2>/dev/null || true)
	dpkg --compare-versions "$state" ge $raft_min ||
		case "$missing " in *" libraft-dev "*) ;; *)
			missing="$missing libraft-dev" ;;
		esac ;;
esac
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	as_root=sudo
	command -v sudo >/dev/null || {
		echo "These packages are missing, and installing them needs" \
		    "root or sudo:$missing" >&2
		exit 77
	}
fi
echo "Installing:$missing"
# A policy that forbids starting keeps services that come with a package
# (prometheus sits on our port) from running on this machine.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
	$as_root chmod +x $policy
	made_policy=1
fi
trap '[ -z "$made_policy" ] || $as_root rm -f $policy' EXIT
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# Where the release has none that is new enough, its backports suite has: it
# is taken from the mirror that apt is configured with.
case " $missing " in *" libraft-dev "*)
	candidate=$(apt-cache policy libraft-dev |
	    sed -n 's/^  Candidate: //p')
	if ! dpkg --compare-versions "$candidate" ge $raft_min; then
		release=$(. /etc/os-release && echo "$VERSION_CODENAME")
		if ! apt-cache policy | grep -q "n=$release-backports"; then
			mirror=$(apt-get indextargets \
			    --format '$(RELEASE) $(REPO_URI)' \
			    'Created-By: Packages' |
			    sed -n "s/^$release //p" | head -n 1)
			printf 'deb %s %s-backports main\n' "$mirror" \
			    "$release" | $as_root tee \
			    /etc/apt/sources.list.d/kvstore-backports.list \
			    >/dev/null
			$as_root apt-get update -qq
		fi
		missing=$(echo " $missing " | sed 's/ libraft-dev / /')
		missing="$missing libraft-dev/$release-backports"
		missing="$missing libraft0/$release-backports"
	fi ;;
esac
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
