# shellcheck shell=bash
# Shared by the tests: our commands first, a directory of its own per test, records in few words.

PATH="${BUILD:-$(cd "$BATS_TEST_DIRNAME/.." && pwd)/build}/bin:$PATH"
unset ACC_JOURNAL
export LC_ALL=C.UTF-8

in_own_directory() {
	cd "$BATS_TEST_TMPDIR" || exit
}

# Wait until a command succeeds; half a minute at most.
eventually() {
	for _ in $(seq 300); do
		! "$@" || return 0
		sleep 0.1
	done
	echo "never: $*" >&2
	return 1
}

has_lines() { # FILE N
	[ "$(wc -l <"$1")" -eq "$2" ]
}

# A record: partner, id as JSON, data as JSON, and what else its _source says (default: nothing).
# Its position counts up, so that a later record of the same partner comes first.
record() {
	position=$((${position:-0} + 1))
	printf '{"partner_name":"%s","accommodation_id":%s,"accommodation_data":%s,"_source":{"uri":"s3://b/k","record":%d%s}}\n' \
		"$1" "$2" "$3" "$position" "${4:+,$4}"
}

# A record without _source.
bare() {
	printf '{"partner_name":"%s","accommodation_id":%s,"accommodation_data":%s}\n' "$1" "$2" "$3"
}

# Records of A without _source, with the ids 1 to N and all the same data. Not by a loop: under bats each command of one
# takes a third of a millisecond.
numbered() { # N DATA
	seq -f "{\"partner_name\":\"A\",\"accommodation_id\":%.0f,\"accommodation_data\":$2}" "$1"
}

# The line acc-merge prints for an id and its data.
merged() {
	printf '{"accommodation_id":%s,"accommodation_data":%s}' "$1" "$2"
}

# The number of a name in the counts of the journal's last `done`.
count_of() {
	jq -s "map(select(.event == \"done\")) | last.counts.$2" "$1"
}
