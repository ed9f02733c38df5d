#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016,SC2012,SC1003 # bats sets stderr; inner shells expand; names are ours
bats_require_minimum_version 1.5.0
load helpers

setup() {
	in_own_directory
}

teardown() {
	if mountpoint -q tiny; then umount tiny; fi
}

# lines N WIDTH: N different lines of WIDTH bytes, newline included
lines() {
	awk -v n="$1" -v width="$2" 'BEGIN {
		for (i = 1; i <= n; i++) { s = sprintf("{\"n\":%d,\"p\":\"", i); while (length(s) < width - 3) s = s "x"; print s "\"}" } }'
}

# noise N WIDTH: N lines of random text, which hardly compresses
noise() {
	head -c "$(($1 * $2))" /dev/urandom | base64 -w "$(($2 - 1))" | head -n "$1"
}

paths() {
	jq -r .path "$1"
}

@test "acc-split --dir: may be a file address" {
	run -0 acc-split --dir "file://$PWD/sp%201" <<<'{}'
	[ -f "sp 1/$(basename "$(jq -r .path <<<"$output")")" ]
	[[ "$(jq -r .path <<<"$output")" = "$PWD/sp 1/"* ]]
	run -2 acc-split --dir file://elsewhere/x <<<'{}'
}

@test "acc-split: the files hold exactly the lines, in order, and the manifest tells the truth" {
	lines 1000 100 >in
	run -0 --separate-stderr acc-split -b 10K --dir out <in
	printf '%s\n' "$output" >manifest
	[ "$stderr" = "" ]
	[ "$(wc -l <manifest)" -eq 10 ]
	paths manifest | xargs cat | cmp - in
	jq -r '.sha256 + "  " + .path' manifest | sha256sum --check --quiet
	while read -r path bytes records; do
		[ "$(wc -c <"$path")" -eq "$bytes" ]
		[ "$(wc -l <"$path")" -eq "$records" ]
		[ "$bytes" -le 10240 ]
	done < <(jq -r '"\(.path) \(.bytes) \(.records)"' manifest)
	[ "$(jq -c 'keys_unsorted' manifest | sort -u)" = '["path","bytes","records","sha256"]' ]
}

@test "acc-split: files are filled to the last byte that the bound allows" {
	lines 30 100 >in
	acc-split -b 1000 <in >manifest
	[ "$(jq -c .bytes manifest | tr '\n' ' ')" = "1000 1000 1000 " ]
	rm -f output_object-*
	acc-split -b 999 <in >manifest
	[ "$(jq -c .bytes manifest | tr '\n' ' ')" = "900 900 900 300 " ]
}

@test "acc-split: by default a file stays within 500 KB as those who count in thousands read it" {
	lines 6000 100 | acc-split >manifest
	[ "$(jq -c .bytes manifest | tr '\n' ' ')" = "500000 100000 " ]
}

@test "acc-split: -l bounds the records of a file" {
	run -0 acc-split -l 2 --dir out < <(printf '1\n2\n3\n4\n5\n')
	[ "$(jq -c .records <<<"$output" | tr '\n' ' ')" = "2 2 1 " ]
}

@test "acc-split: lines are opaque, blank ones are dropped, a last line without newline gets one" {
	printf 'not json\n\n  \t\r\n\xff\xfe\r\nlast' >in
	run -0 --separate-stderr acc-split <in
	[ "$stderr" = "" ]
	[ "$(jq .records <<<"$output")" -eq 3 ]
	printf 'not json\n\xff\xfe\r\nlast\n' | cmp - "$(jq -r .path <<<"$output")"
}

@test "acc-split: no input, no file, no manifest, status 0" {
	run -0 --separate-stderr acc-split --dir out </dev/null
	[ "$output$stderr" = "" ]
	[ -z "$(ls -A out)" ]
	run -0 --separate-stderr acc-split --dir out < <(printf '\n\n')
	[ "$output$stderr" = "" ]
	[ -z "$(ls -A out)" ]
}

@test "acc-split: a record beyond the bound gets a file of its own and a warning with its place" {
	{ lines 2 100; lines 1 5000; lines 2 100; } >in
	run -0 --separate-stderr acc-split -b 1000 in
	[ "$(jq -c .bytes <<<"$output" | tr '\n' ' ')" = "200 5000 200 " ]
	[[ "$stderr" = "acc-split: in:3: "*"5000"* ]]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test "acc-split: --oversize refuse leaves such a record out, says so and ends with 1" {
	{ lines 2 100; lines 1 5000; lines 2 100; } >in
	ACC_JOURNAL=journal run -1 --separate-stderr acc-split -b 1000 --oversize refuse in
	[ "$(jq -c .bytes <<<"$output" | tr '\n' ' ')" = "400 " ]
	[[ "$stderr" = "acc-split: in:3: "*"refused"* ]]
	[ "$(jq -c 'select(.event=="refused")|[.uri,.record,.code]' journal)" = '["in",3,"oversize"]' ]
	[ "$(jq -c 'select(.event=="done").counts|[.read,.written,.refused,.files]' journal)" = '[5,4,1,1]' ]
}

@test "acc-split: a record is judged by its compressed size when files are compressed" {
	{ lines 2 100; lines 1 50000; noise 1 60000; lines 2 100; } >in
	run -1 --separate-stderr acc-split -b 20000 --compress zstd --oversize refuse in
	[[ "$stderr" = "acc-split: in:4: "* ]]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[ "$(jq -s 'map(.records)|add' <<<"$output")" -eq 5 ]
	[ "$(jq -s 'map(.bytes)|max' <<<"$output")" -le 20000 ]
	run -0 --separate-stderr acc-split -b 20000 --compress gzip --dir own in
	[ "$(jq -s 'map(.records)|add' <<<"$output")" -eq 6 ]
	[ "$(jq -s 'map(select(.bytes > 20000).records)' -c <<<"$output")" = "[1]" ]
}

compressed_stays_below() { # format, unpacker, bound
	acc-split -b "$3" --compress "$1" --dir "out-$1" <in >manifest
	[ "$(jq -s 'map(.bytes)|max' manifest)" -le "$3" ]
	[ "$(jq -s 'map(.bytes)|max' manifest)" -gt "$(($3 * 9 / 10))" ]
	while read -r path bytes; do
		[ "$(wc -c <"$path")" -eq "$bytes" ]
	done < <(jq -r '"\(.path) \(.bytes)"' manifest)
	paths manifest | while read -r path; do $2 -dc <"$path"; done | cmp - in
	jq -r '.sha256 + "  " + .path' manifest | sha256sum --check --quiet
}

@test "acc-split: the bound holds after compression, and files are still filled: text" {
	lines 60000 150 | awk '{ print $0 rand() rand() }' >in
	compressed_stays_below gzip gzip 50000
	compressed_stays_below zstd zstd 50000
}

@test "acc-split: the bound holds after compression, and files are still filled: noise" {
	noise 3000 200 >in
	compressed_stays_below gzip gzip 30000
	compressed_stays_below zstd zstd 30000
}

@test "acc-split: the bound holds after compression for every small bound" {
	noise 300 50 >in
	for bound in 120 150 200 333 1000; do
		for format in gzip zstd; do
			acc-split -b "$bound" --compress "$format" --dir "small-$bound-$format" <in >manifest
			[ "$(jq -s 'map(.bytes)|max' manifest)" -le "$bound" ]
			[ "$(jq -s 'map(.records)|add' manifest)" -eq 300 ]
		done
	done
}

@test "acc-split: the extension of the compression is added unless the name has it" {
	lines 1 20 | acc-split --compress gzip --at 2021-01-31 >/dev/null
	lines 1 20 | acc-split --compress zstd --at 2021-01-31 >/dev/null
	lines 1 20 | acc-split --compress gzip --at 2021-01-31 --name 'a-%f.gz' >/dev/null
	[ -f output_object-1612051200000000.jsonl.gz ]
	[ -f output_object-1612051200000000.jsonl.zst ]
	[ -f a-1612051200000000.gz ]
}

@test "acc-split: the same input compresses to the same bytes" {
	lines 1000 100 >in
	for format in gzip zstd; do
		for run in 1 2; do acc-split --compress "$format" --at 2021-01-31 --dir "$format-$run" <in >/dev/null; done
		diff -r "$format-1" "$format-2"
	done
}

@test "acc-split: --at fixes the microsecond, which rises strictly within a run" {
	run -0 acc-split -l 1 --at 2021-01-31T00:00:00Z < <(printf '1\n2\n3\n')
	[ "$(jq -r .path <<<"$output" | tr '\n' ' ')" = "output_object-1612051200000000.jsonl output_object-1612051200000001.jsonl output_object-1612051200000002.jsonl " ]
}

@test "acc-split: without --at names come from the clock and rise strictly" {
	before=$(date +%s)
	lines 500 20 | acc-split -l 1 >manifest
	after=$(date +%s)
	paths manifest | sed 's/[^0-9]//g' >numbers
	sort -n -u numbers | cmp - numbers
	[ "$(head -n 1 numbers)" -ge "$((before * 1000000))" ]
	[ "$(tail -n 1 numbers)" -lt "$(((after + 1) * 1000000 + 500))" ]
}

@test "acc-split: a file that exists is never overwritten" {
	printf 'mine' >output_object-1612051200000000.jsonl
	ln -s /nonexistent output_object-1612051200000001.jsonl
	run -0 acc-split --at 2021-01-31 < <(echo '{}')
	[ "$(jq -r .path <<<"$output")" = "output_object-1612051200000002.jsonl" ]
	[ "$(cat output_object-1612051200000000.jsonl)" = mine ]
	[ -L output_object-1612051200000001.jsonl ]
}

@test "acc-split: two runs at once in one directory with one clock keep all files apart" {
	lines 300 50 >a
	lines 300 60 >b
	acc-split -l 1 --at 2021-01-31 --dir out <a >manifest-a &
	acc-split -l 1 --at 2021-01-31 --dir out <b >manifest-b
	wait $!
	[ "$(find out -type f | wc -l)" -eq 600 ]
	paths manifest-a | xargs cat | cmp - a
	paths manifest-b | xargs cat | cmp - b
}

@test "acc-split: --name with other text, a percent sign, and what is wrong usage" {
	run -0 acc-split --name 'a%%b_%f' --at 1970-01-02 < <(echo 1)
	[ "$(jq -r .path <<<"$output")" = 'a%b_86400000000' ]
	for name in plain 'a/%f' '%f%f' '%d-%f' '%' $'\xff%f'; do
		run -2 --separate-stderr acc-split --name "$name" < <(echo 1)
		[[ "$stderr" = "acc-split: "*"--name"* ]]
		[ "$output" = "" ]
	done
}

@test "acc-split: --dir and its parents are made, and stand in the manifest" {
	run -0 acc-split --dir a/b/c/ < <(echo 1)
	[[ "$(jq -r .path <<<"$output")" = a/b/c/output_object-* ]]
	[ -f "$(jq -r .path <<<"$output")" ]
	run -0 acc-split --dir "$PWD/abs" < <(echo 1)
	[[ "$(jq -r .path <<<"$output")" = "$PWD"/abs/output_object-* ]]
}

@test "acc-split: FILE operands and - are read in turn, the whole as one series" {
	printf '1\n2' >a
	printf '4\n' >b
	run -0 acc-split a - b < <(echo 3)
	[ "$(cat "$(jq -r .path <<<"$output")")" = $'1\n2\n3\n4' ]
}

@test "acc-split: an unreadable file among readable ones is named, the others are written, status 1" {
	echo 1 >a
	mkdir d
	run -1 --separate-stderr acc-split a missing d
	[ "$(jq .records <<<"$output")" -eq 1 ]
	[[ "$stderr" = *"acc-split: cannot open 'missing': No such file or directory"* ]]
	[[ "$stderr" = *"acc-split: cannot read 'd': it is a directory"* ]]
}

@test "acc-split: a file that can be read only in part is named as well, and the others are written" {
	echo 1 >a
	[ -e /proc/self/mem ] || skip "no file here whose reading fails"
	ACC_JOURNAL=journal run -1 --separate-stderr acc-split a /proc/self/mem a
	[ "$(jq .records <<<"$output")" -eq 2 ]
	[ "$stderr" = "acc-split: cannot read '/proc/self/mem': Input/output error" ]
	[ "$(jq -c 'select(.event == "failed") | [.uri, .code]' journal)" = '["/proc/self/mem","io"]' ]
	run -3 --separate-stderr acc-split a - a </proc/self/mem
	[ "$stderr" = "acc-split: cannot read '-': Input/output error" ]
}

@test "acc-split: --shards puts equal values together, numbers the shards, and loses nothing" {
	jq -nc 'range(1000) | {accommodation_id: (. % 50 | tostring), n: .}' >in
	acc-split --shards 4 --shard-by .accommodation_id --dir out <in >manifest
	[ "$(jq -s 'map(.shard)|sort|unique' -c manifest)" = "[0,1,2,3]" ]
	paths manifest | xargs cat | jq -c .n | sort -n | cmp - <(seq 0 999)
	for path in $(paths manifest); do jq -r .accommodation_id "$path" | sort -u; done | sort | uniq -d >twice
	[ ! -s twice ]
}

@test "acc-split: the shard is XXH64 with seed 0 of the decoded text, on every machine" {
	# XXH64 of "a" is d24ec4f1a98c6e5b, of "abc" 44bc2cf5ad770999 (the algorithm's published values)
	run -0 acc-split --shards 997 --shard-by .k < <(printf '{"k":"abc"}\n{"k":"\\u0061b\\u0063"}\n{"k":"a"}\n')
	[ "$(jq -c '[.shard,.records]' <<<"$output")" = "$(python3 -c '
print(*sorted([f"[{0x44bc2cf5ad770999 % 997},2]", f"[{0xd24ec4f1a98c6e5b % 997},1]"], key=lambda s: int(s[1:].split(",")[0])), sep="\n")')" ]
}

@test "acc-split: with --shards a line without the value, or not JSON, is refused by name" {
	printf '{"k":1}\n{"j":1}\nnope\n7\n' >in
	run -1 --separate-stderr acc-split --shards 2 --shard-by .k in
	[ "$(jq .records <<<"$output")" -eq 1 ]
	[[ "${stderr_lines[0]}" = "acc-split: in:2: "* ]]
	[[ "${stderr_lines[1]}" = "acc-split: in:3: "* ]]
	[[ "${stderr_lines[2]}" = "acc-split: in:4: "* ]]
	[[ "${stderr_lines[1]}" = *"; it is refused" ]]
	run -1 --separate-stderr acc-split --log-format json --shards 2 --shard-by .k in missing
	[ "$(jq -c '[.uri, .record, .code]' <<<"$stderr")" = '["in",2,"no-shard"]
["in",3,"invalid-json"]
["in",4,"no-shard"]
["missing",null,"missing"]' ]
}

@test "acc-split: a manifest line comes as soon as its file is full, and not before" {
	mkfifo in
	acc-split -l 2 -b 6 --dir out <in >manifest &
	exec 9>in
	printf '1\n' >&9
	sleep 0.3
	[ ! -s manifest ]
	[ -z "$(find out -name 'output*')" ]
	printf '2\n' >&9
	for _ in $(seq 50); do [ -s manifest ] && break; sleep 0.05; done
	[ "$(wc -l <manifest)" -eq 1 ]
	[ "$(cat "$(paths manifest)")" = $'1\n2' ]
	printf '34567\n' >&9
	for _ in $(seq 50); do [ "$(wc -l <manifest)" -eq 2 ] && break; sleep 0.05; done
	[ "$(wc -l <manifest)" -eq 2 ]
	echo 8 >&9
	exec 9>&-
	wait $!
	[ "$(wc -l <manifest)" -eq 3 ]
}

@test "acc-split: --max-spool waits until files are gone, and goes on then" {
	lines 50 1000 >in
	acc-split -b 10000 --max-spool 20000 --dir out in >manifest &
	pid=$!
	sleep 0.5
	[ "$(wc -l <manifest)" -eq 2 ]
	kill -0 "$pid"
	rm "$(head -n 1 manifest | jq -r .path)"
	for _ in $(seq 50); do [ "$(wc -l <manifest)" -eq 3 ] && break; sleep 0.05; done
	[ "$(wc -l <manifest)" -eq 3 ]
	rm -f out/*
	for _ in $(seq 50); do [ "$(wc -l <manifest)" -eq 5 ] && break; sleep 0.05; done
	rm -f out/*
	wait "$pid"
	[ "$(jq -s 'map(.records)|add' manifest)" -eq 50 ]
}

@test "acc-split: --max-spool leaves room for the files of all shards that are still open" {
	jq -nc 'range(2000) | {k: .}' >in
	acc-split -b 1000 --shards 4 --shard-by .k --max-spool 6000 --dir out in >manifest 3>&- &
	split=$!
	for ((i = 0; i < 100 && $(cat out/* 2>/dev/null | wc -c) < 1000; i++)); do sleep 0.1; done
	sleep 0.3
	[ "$(cat out/* | wc -c)" -ge 1000 ]
	[ "$(cat out/* | wc -c)" -le 3000 ]
	while kill -0 "$split" 2>/dev/null; do
		rm -f out/*
		sleep 0.02
	done
	wait "$split"
	[ "$(jq -s 'map(.records) | add' manifest)" -eq 2000 ]
}

@test "acc-split: --max-spool does not wait for ever when the manifest's reader is gone" {
	lines 50 1000 >in
	run -0 timeout 10 bash -c 'acc-split -b 10000 --max-spool 20000 --dir out in | head -n 1 >/dev/null; exit $((PIPESTATUS[0] == 141 ? 0 : 1))'
	run -2 acc-split -b 10000 --max-spool 9999 in
}

@test "acc-split: a full disk is status 3, and leaves no file under a final name that is not announced" {
	lines 3000 1000 >in
	run -3 --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 100; acc-split -b 500KB --dir out in >/dev/null'
	[[ "$stderr" = "acc-split: cannot write to 'out': "* ]]
	[ -z "$(ls -A out)" ]
}

@test "acc-split: a full spool directory is status 3, and what was announced before stays" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to mount"
	mkdir tiny
	mount -t tmpfs -o size=300k none tiny 2>/dev/null || skip "cannot mount"
	lines 3000 1000 >in
	run -3 --separate-stderr acc-split -b 100KB --dir tiny in
	printf '%s\n' "$output" >manifest
	left=$(find tiny -type f | sort)
	sums=$(jq -r '.sha256 + "  " + .path' manifest | sha256sum --check --quiet && echo good)
	umount tiny
	[[ "$stderr" = "acc-split: cannot write to 'tiny': No space left on device" ]]
	[ "$left" = "$(paths manifest | sort)" ]
	[ "$sums" = good ]
}

@test "acc-split: a manifest that cannot be written is status 3, and its file is removed" {
	lines 100 100 >in
	run -3 bash -c 'acc-split -b 1000 --dir out in >/dev/full'
	[ -z "$(ls -A out)" ]
}

@test "acc-split: a closed standard output ends it quietly by SIGPIPE, unannounced files removed" {
	lines 100 100 >in
	run -141 --separate-stderr bash -c '(sleep 0.3; exec acc-split -b 1000 --dir out in) | true; exit "${PIPESTATUS[0]}"'
	[ "$stderr" = "" ]
	[ -z "$(ls -A out)" ]
}

@test "acc-split: a signal leaves no temporary file; closed and announced files stay" {
	mkfifo in
	for signal in TERM INT HUP; do
		env --default-signal=HUP acc-split -l 2 --dir "out-$signal" <in >manifest &
		pid=$!
		exec 9>in
		printf '1\n2\n3\n' >&9
		for _ in $(seq 50); do [ -s manifest ] && break; sleep 0.05; done
		[ "$signal" = INT ] && signal=TERM # background jobs of a script ignore INT
		kill -s "$signal" "$pid"
		wait "$pid" && false
		[ $? -ge 128 ] || false
		exec 9>&-
	done
	[ "$(find out-TERM out-HUP -mindepth 1 | wc -l)" -eq 2 ]
}

@test "acc-split: a signal ends it as the first process of a container, too" {
	unshare -rpf true || skip "there are no namespaces to be had"
	mkfifo in
	unshare -rpf --kill-child acc-split --dir out <in >manifest 3>&- &
	exec 9>in
	for ((i = 0; i < 100 && $(pgrep -cP $!) == 0; i++)); do sleep 0.05; done
	echo 1 >&9
	sleep 0.2 # a signal that comes before it has a handler, it survives
	pkill -TERM -P $!
	timeout 5 tail --pid=$! -f /dev/null || kill -KILL $!
	status=0
	wait $! || status=$?
	[ "$status" -eq 143 ]
}

@test "acc-split: a directory that cannot be made is status 3 and says why" {
	echo >file
	run -3 --separate-stderr acc-split --dir file/x < <(echo 1)
	[ "$stderr" = "acc-split: cannot make or open the directory 'file/x': Not a directory" ] ||
		[ "$stderr" = "acc-split: cannot open the directory 'file/x': Not a directory" ]
}

@test "acc-split: wrong usage is status 2 and nothing is made" {
	for arguments in '-b 0' '-b x' '-l 0' '--compress lz4' '--shards 0' '--shards 9999' '--at noon' '--oversize what' '--nonsense'; do
		# shellcheck disable=SC2086 # two words
		run -2 --separate-stderr acc-split --dir out $arguments < <(echo 1)
		[ "$output" = "" ]
		[[ "$stderr" = "acc-split: "*"(see acc-split --help)" ]]
		[ ! -e out ]
	done
}

@test "acc-split: the journal has start, and done with counts that balance" {
	lines 1000 100 >in
	ACC_JOURNAL=journal acc-split -b 10K <in >/dev/null
	[ "$(jq -r .event journal | tr '\n' ' ')" = "start done " ]
	[ "$(jq -c 'select(.event=="done")|[.status,.counts]' journal)" = '[0,{"read":1000,"written":1000,"refused":0,"files":10,"bytes_in":100000,"bytes_out":100000}]' ]
}

@test "acc-split: lines longer than any block arrive whole" {
	{ head -c 5000000 /dev/zero | tr '\0' a; echo; echo b; head -c 3000000 /dev/zero | tr '\0' c; } >in
	run -0 --separate-stderr acc-split -q -b 4000000 in
	[ "$(jq -c .bytes <<<"$output" | tr '\n' ' ')" = "5000001 3000003 " ]
}

@test "acc-split --progress: bytes of all files, and of a pipe without a total" {
	seq 1000 >in
	size=$(stat -c %s in)
	printf -v total '%.1fK' "$(jq -n "2 * $size / 1024")"
	cp in again
	run -0 --separate-stderr acc-split --progress always --dir out in - <again
	[[ $stderr = *"acc-split: $total/$total, "* ]]
	run -0 --separate-stderr bash -c 'cat in | acc-split --progress always --dir out'
	[[ $stderr = *"acc-split: "*K,\ * && $stderr != *[0-9KM]/[0-9]* ]]
}

@test "acc-split: --compress no undoes what came before" {
	echo 1 >in
	[ "$(acc-split -z gzip -z no in | jq -r .path | sed 's/[0-9]*//g')" = output_object-.jsonl ]
}
