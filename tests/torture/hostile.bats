#!/usr/bin/env bats
# What an enemy would send. Every command here has 1 GiB of address space and a minute.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # bats sets stderr and runs tests in subshells
bats_require_minimum_version 1.5.0
load ../helpers
load ../servers/servers

setup_file() {
	servers_start
	make_bucket src
	printf '{"partner_name":"A","accommodation_id":"1","accommodation_data":{}}\n' >"$BATS_FILE_TMPDIR/one"
	put_object src one.jsonl "$BATS_FILE_TMPDIR/one"
}

teardown_file() {
	servers_stop
}

setup() {
	in_own_directory
}

teardown() {
	faults '[]'
}

# limited STATUSES COMMAND...: run it; it must end in time with one of the statuses, and say nothing that a terminal obeys.
limited() {
	local allowed=$1
	shift
	run --separate-stderr timeout 60 bash -c 'ulimit -v 1048576; exec "$@"' - "$@"
	[[ " $allowed " = *" $status "* ]] || { echo "status $status: $stderr" >&2; return 1; }
	[ -z "$(LC_ALL=C tr -d '\t\n' <<<"$stderr" | LC_ALL=C tr -dc '\000-\037\177')" ] || { cat -v <<<"$stderr" >&2; return 1; }
}

# into FILE STATUSES COMMAND...: the same with much output
into() {
	local file=$1
	shift
	limited "$1" bash -c 'file=$1; shift; exec "$@" >"$file"' - "$file" "${@:2}"
}

good() { record A "\"$1\"" '{"x":1}'; }

@test "a gzip and a zstd bomb of one endless record are refused at --max-record" {
	{ printf '{"x":"'; head -c 600M /dev/zero | tr '\0' a; printf '"}\n'; good 1; } >bomb.plain
	gzip -1 -c bomb.plain >bomb.gz
	zstd -q -1 -c bomb.plain >bomb.zst
	rm bomb.plain
	for bomb in bomb.gz bomb.zst; do
		into out 1 acc-fetch --bare "$bomb"
		[[ "$stderr" = *"--max-record"* ]]
		[ "$(jq -r .accommodation_id out)" = 1 ]
		into out 1 acc-merge "$bomb"
		[ "$(wc -l <out)" -eq 1 ]
	done
}

@test "a gzip bomb of blank lines ends, in little memory" {
	head -c 500M /dev/zero | tr '\0' '\n' | gzip -1 >bomb.gz
	limited 0 acc-fetch bomb.gz
	[ "$output" = "" ]
}

@test "a gzip in a gzip is a record that is refused, not an invitation" {
	good 1 | gzip | gzip >twice.gz
	limited 1 acc-fetch twice.gz
	[ "$output" = "" ]
}

@test "a string of 100 MB is refused, and read when it is allowed" {
	{ printf '{"partner_name":"A","accommodation_id":"1","accommodation_data":{"x":"'; head -c 100M /dev/zero | tr '\0' x; printf '"}}\n'; good 2; } >long.jsonl
	into out 1 acc-fetch --bare long.jsonl
	[ "$(wc -l <out)" -eq 1 ]
	into out 0 acc-merge --max-record 200M long.jsonl
	[ "$(wc -l <out)" -eq 2 ]
	into out "0 1" acc-split -d spool long.jsonl
	into out 0 acc-put "$PWD/stored" spool/*
}

@test "an unterminated string, and an unterminated line, of 300 MB end in their refusal" {
	{ printf '{"x":"'; head -c 300M /dev/zero | tr '\0' y; } >open.jsonl
	limited 1 acc-fetch open.jsonl
	limited 1 acc-merge open.jsonl
	[ "$output" = "" ]
}

@test "a million members, a million records of one id, a million fields of one accommodation" {
	awk 'BEGIN { printf "{\"partner_name\":\"A\",\"accommodation_id\":\"1\",\"accommodation_data\":{"
		for (i = 0; i < 1000000; i++) printf "%s\"m%d\":%d", i ? "," : "", i, i; print "}}" }' >members.jsonl
	awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "{\"partner_name\":\"P%d\",\"accommodation_id\":1,\"accommodation_data\":{\"f\":%d}}\n", i % 9, i }' >same.jsonl
	into out 0 acc-merge --max-record 100M members.jsonl
	[ "$(jq '.accommodation_data | length' out)" -eq 1000000 ]
	into out 0 acc-merge -S 64M same.jsonl
	[ "$(wc -l <out)" -eq 1 ]
}

@test "a million partners are a million partners" {
	awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "{\"partner_name\":\"P%d\",\"accommodation_id\":%d,\"accommodation_data\":{}}\n", i, i % 7 }' >many.jsonl
	into out "0 3" acc-merge many.jsonl
	[ "$status" -eq 3 ] || [ "$(wc -l <out)" -eq 7 ]
}

@test "a million levels are refused by every command that reads JSON" {
	for open in '[' '{"a":'; do
		{ awk -v o="$open" 'BEGIN { printf "{\"x\":"; for (i = 0; i < 1000000; i++) printf "%s", o; print "" }'; good 1; } >deep.jsonl
		into out 1 acc-fetch --bare deep.jsonl
		into out 1 acc-merge deep.jsonl
		limited "1 2" acc-merge --priority deep.jsonl /dev/null
		limited "1 2" acc-merge --rules deep.jsonl /dev/null
		into out 1 acc-fetch <deep.jsonl
		into out 1 acc-put "$PWD/stored" <deep.jsonl
		limited 2 acc-sqs-drain --event deep.jsonl -- true
		limited "1 2" acc-split --shards 3 -d spool deep.jsonl
	done
	[ ! -e stored ]
}

@test "numbers of a million digits, and of a vast exponent, stay what they are" {
	digits=$(head -c 1000000 /dev/zero | tr '\0' 7)
	record A "\"1\"" "{\"n\":$digits,\"e\":1e999999999999}" >in.jsonl
	into out 0 acc-merge in.jsonl
	grep -qF -f <(printf '%s' "\"n\":$digits,\"e\":1e999999999999}") out
}

evil=$'e\e]0;owned\a\e[2J\nacc-put: all is well\r\x7f'

@test "names with terminal escapes and newlines never reach the terminal raw" {
	good 1 >"$evil"
	printf 'not json\n' >>"$evil"
	limited 1 acc-fetch "$evil"
	[[ "$stderr" = *"not json"* || "$stderr" = *"refused"* ]]
	limited 1 acc-merge "$evil"
	limited 1 acc-split -d spool "$evil-not-there"
	limited 1 acc-put "$PWD/stored" "$evil-not-there"
	limited 1 acc-fetch "$evil-not-there"
	limited "1 2 3" acc-sqs-drain --event "$evil-not-there" -- true
	for bytes in '\033[31m' '\302\233' '\177' '\342\200\256'; do
		# shellcheck disable=SC2059 # bytes are escapes
		printf "{\"a\":$bytes}\n" >in.jsonl
		limited 1 acc-fetch in.jsonl
		limited 1 acc-merge in.jsonl
	done
	limited 2 acc-merge --priority "$evil" /dev/null
	limited 2 acc-fetch --map "$evil" /dev/null
	limited 2 acc-merge --key "$evil" /dev/null
	limited 2 "$(command -v acc-consolidate)" "--$evil"
}

@test "keys that lead out of the destination store nothing there" {
	mkdir -p in/out
	good 1 >in/f
	sum=$(sha256sum in/f | cut -d ' ' -f 1)
	for key in '../{name}' '/../../{name}' 'a/../../{name}' './{name}' '..' 'a/..' ''; do
		limited "1 2" acc-put --key "$key" in/out in/f
	done
	for path in '../../../etc/passwd' "$(printf 'a\\nb')" '' '/dev/stdin' '/proc/self/mem' 'in' '/dev/zero'; do
		printf '{"path":"%s","bytes":%d,"records":1,"sha256":"%s"}\n' "$path" "$(stat -c %s in/f)" "$sum" | limited 1 acc-put in/out
	done
	[ "$(find in -type f)" = in/f ]
	[ ! -e f ] && [ ! -e ../f ] && [ ! -e ../../f ]
}

@test "links planted in spool and destination are not followed" {
	mkdir spool made outside
	echo keep >outside/file
	ln -s ../outside/file spool/output_object-1612325106789000.jsonl
	good 1 >in.jsonl
	limited 0 acc-split -d spool --at 2021-02-03T04:05:06.789Z in.jsonl
	printf '%s\n' "$output" >manifest
	ln -s ../outside made/year=2021
	limited 1 acc-put --at 2021-02-03 made <manifest
	rm made/year=2021
	mkdir -p made/year=2021/month=02/day=03
	ln -s ../../../../outside/file "made/year=2021/month=02/day=03/$(basename "$(jq -r .path manifest)")"
	limited 0 acc-put --at 2021-02-03 made <manifest
	[ "$(cat outside/file)" = keep ]
	[ "$(ls outside)" = file ]
	[ "$(find made -type f | wc -l)" -eq 1 ]
}

@test "a manifest written by an enemy is refused line by line" {
	good 1 >f
	for line in '{' '[]' '{"path":1}' '{"path":"f","bytes":-1}' '{"path":"f","bytes":1e99,"sha256":"x"}' '{"path":"f","bytes":99999999999999999999}' \
		'{"path":"f","sha256":"zz"}' '{"path":"f\u0000g","bytes":1}' '{"path":"f","bytes":1,"sha256":"'"$(printf %064d 0)"'"}' '{"path":"f","shard":-1}' \
		"$(printf '{"path":"\xff"}')"; do
		run --separate-stderr bash -c 'ulimit -v 1048576; printf "%s\n" "$1" | acc-put made' - "$line"
		[ "$status" -eq 1 ] || { echo "$line: $status $stderr" >&2; return 1; }
	done
	[ -e f ]
	[ -z "$(find made -type f 2>/dev/null)" ]
}

@test "a journal written by an enemy deletes nothing" {
	event='{"Records":[{"messageId":"m1","receiptHandle":"h","body":"{\"Records\":[{\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"src\"},\"object\":{\"key\":\"one.jsonl\"}}}]}"}]}'
	printf %s "$event" >event
	done='{"event":"done","tool":"acc-put","pid":1,"status":0,"counts":{}}'
	for journal in '{"event":"done"' "$done" '{"event":"start","tool":"acc-put","pid":1}' "$(printf '\0\0\0')" '[[[[' '{"event":"done","tool":"acc-fetch","pid":-1,"status":0,"counts":{"references":18446744073709551617}}' \
		'{"event":"start","tool":"acc-nonsense","pid":"x"}' '{"event":"failed","messages":[{"id":{}}]}'; do
		printf '%s\n' "$journal" >lines
		limited 1 acc-sqs-drain --event event -- sh -c 'cat lines >>"$ACC_JOURNAL"; cat >/dev/null'
		[ "$output" = '{"batchItemFailures":[{"itemIdentifier":"m1"}]}' ] || { echo "$journal: $output" >&2; return 1; }
	done
	limited 1 acc-sqs-drain --event event -- sh -c 'rm -f "$ACC_JOURNAL"; ln -s /dev/zero "$ACC_JOURNAL"'
	limited "1 3" acc-sqs-drain --event event -- sh -c ': >"$ACC_JOURNAL"; truncate -s 3G "$ACC_JOURNAL"'
}

@test "an event written by an enemy is answered or refused" {
	for event in '{"Records":[{"messageId":"\u0000","body":"x"}]}' '{"Records":[{"messageId":"a","body":{}}]}' '{"Records":{}}' '{"Records":[[]]}' \
		'{"Records":[{"messageId":"a","body":"{\"Records\":[{\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"../x\"},\"object\":{\"key\":\"%00\"}}}]}"}]}' \
		'{"Records":[{"messageId":"a","body":"{\"Records\":[{\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"%1b%5b2J\"}}}]}"}]}'; do
		printf %s "$event" >event
		limited "1 2 3" acc-sqs-drain --event event -- sh -c 'acc-fetch | acc-merge | acc-split -d spool | acc-put made'
		[ -z "$output" ] || jq -e .batchItemFailures[0].itemIdentifier <<<"$output" >/dev/null
	done
	[ -z "$(find made -type f 2>/dev/null)" ]
}

@test "jq programs that loop, eat, recurse or want out are ended or denied" {
	good 1 >in.jsonl
	for program in 'def f: f; f' '[range(1e12)]' 'def f: 1 + f; f' '[limit(1e9; repeat("x"))] | add' 'until(false; .)' \
		'. as $x | reduce range(1e12) as $i (""; . + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")' '"x" * 4000000000'; do
		limited 1 acc-fetch --jq-timeout 1s --map <(printf %s "$program") in.jsonl
		[ "$output" = "" ]
	done
	for program in env '$ENV' input 'input_filename' 'include "x"; .' 'import "x" as x; .' 'halt' 'halt_error' '$__prog_args' '@sh "\(env)"' 'get_search_list' 'modulemeta'; do
		limited "1 2" acc-fetch --map <(printf %s "$program") in.jsonl
		[ "$output" = "" ]
	done
}

@test "XML bombs, external entities and garbage from an endpoint are errors" {
	cat >bomb <<-'X'
		<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
		<ListBucketResult><Contents><Key>&c;</Key></Contents></ListBucketResult>
	X
	cat >file <<-'X'
		<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><ListBucketResult><Contents><Key>&x;</Key></Contents></ListBucketResult>
	X
	awk 'BEGIN { for (i = 0; i < 30000; i++) printf "<a>" }' >deep
	printf '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>' >endless
	: >empty
	for reply in bomb file deep empty endless; do
		faults "$(jq -nc --rawfile body "$reply" '[{kind:"body",service:"s3",body:$body}]')"
		AWS_MAX_ATTEMPTS=2 limited "1 3" acc-fetch --list s3://src/
		[ "$output" = "" ]
		[[ "$stderr" != *root:* ]]
	done
}

@test "a list that leads in a circle, or has page after page without a key, ends" {
	page() { printf '<ListBucketResult><IsTruncated>true</IsTruncated>%s<NextContinuationToken>%s</NextContinuationToken></ListBucketResult>' "$1" "$2"; }
	key='<Contents><Key>k</Key><Size>1</Size></Contents>'
	# whatever is asked for, these tokens come round and round: a, b, c, d, e, c, d, e, ...
	jq -nc --arg a "$(page "$key" a)" --arg b "$(page "$key" b)" --arg c "$(page "$key" c)" --arg d "$(page "$key" d)" --arg e "$(page '' e)" \
		'[["continuation-token=a",$b],["continuation-token=b",$c],["continuation-token=c",$d],["continuation-token=d",$e],["continuation-token=e",$c],["list-type",$a]]
		| map({kind:"body",service:"s3",match:.[0],body:.[1]})' >circle
	faults "$(cat circle)"
	limited 3 acc-fetch --list s3://src/
	[[ "$stderr" = *"cannot list 's3://src/': the service sent a continuation token twice"* ]]
	[ "${#lines[@]}" -lt 20 ]
	rm -f port
	endpoint "let n = 0; socket.on('data', reply); reply();
		function reply() { const body = '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>' + n++ + '</NextContinuationToken></ListBucketResult>';
			socket.write('HTTP/1.1 200 OK\r\nContent-Length: ' + body.length + '\r\n\r\n' + body); }"
	AWS_ENDPOINT_URL="http://127.0.0.1:$(cat port)" limited 3 acc-fetch --list s3://src/
	kill "$endpoint_pid"
	wait "$endpoint_pid" || true
	[ "$output" = "" ]
	[[ "$stderr" = *"page after page is empty"* ]]
}

endpoint() { # SCRIPT: node's, with `socket`
	node -e "const s = require('net').createServer(socket => { socket.on('error', () => {}); socket.once('data', () => { $1 }); });
		s.listen(0, '127.0.0.1', () => require('fs').writeFileSync('port', String(s.address().port)))" 3>&- &
	endpoint_pid=$!
	eventually test -s port
}

@test "endless headers, an endless body and half a reply from an endpoint end" {
	for script in \
		"socket.write('HTTP/1.1 200 OK\r\n'); const f = () => { while (socket.write('X-Header: ' + 'y'.repeat(1000) + '\r\n')); }; socket.on('drain', f); f();" \
		"socket.write('HTTP/1.1 200 OK\r\nX: '); const f = () => { while (socket.write('y'.repeat(1 << 16))); }; socket.on('drain', f); f();" \
		"socket.write('HTTP/1.1 500 No\r\nContent-Type: application/xml\r\n\r\n'); const f = () => { while (socket.write('y'.repeat(1 << 16))); }; socket.on('drain', f); f();" \
		"socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx'); socket.end();" \
		"socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx'); socket.end();" \
		"socket.write('\x1b[2J\x07'); socket.end();" \
		"socket.write('HTTP/1.1 200 OK\r\n folded: into nothing\r\nContent-Length: 5\r\n\r\nx'); socket.end();" \
		"socket.write('HTTP/1.1 403 \x1b[2J\r\nContent-Type: application/xml\r\n\r\n<Error><Code>\x1b[2J</Code><Message>&#27;[2J&#10;</Message></Error>'); socket.end();"; do
		rm -f port
		endpoint "$script"
		AWS_MAX_ATTEMPTS=2 AWS_ENDPOINT_URL="http://127.0.0.1:$(cat port)" limited "1 3" acc-fetch s3://src/one.jsonl
		kill "$endpoint_pid"
		wait "$endpoint_pid" || true
		[ "$output" = "" ]
	done
}

@test "priority lists and rules by an enemy are wrong usage" {
	for text in '' '[]' '[1]' '{"Items":{}}' '[["A"]]' '{"Item":{"ContentType":{"S":"PriorityList"},"partner_list":{"L":[{"N":"1"}]}}}' "$(printf '["\xff"]')"; do
		printf %s "$text" >list
		limited 2 acc-merge --priority list /dev/null
	done
	awk 'BEGIN { printf "["; for (i = 0; i < 1000000; i++) printf "%s\"P%d\"", i ? "," : "", i; print "]" }' >list
	limited 0 acc-merge --priority list /dev/null
	for text in '' '[]' '{"fields":[]}' '{"fields":{"a":"nonsense"}}' '{"fields":{"a":{"jq":"("}}}' '{"fields":{"a":{"jq":1}}}'; do
		printf %s "$text" >rules
		limited 2 acc-merge --rules rules /dev/null
	done
}

@test "bombs as lists, rules, jq programs and events are wrong usage or refused" {
	for kind in gzip zstd; do
		head -c 600M /dev/zero | tr '\0' '\n' | $kind -1 -q >bomb
		limited 2 acc-merge --priority bomb /dev/null
		limited 2 acc-merge --deny bomb /dev/null
		limited 2 acc-merge --rules bomb /dev/null
		limited 2 acc-fetch --map bomb /dev/null
		limited "1 2 3" acc-sqs-drain --event bomb -- true
		[ "$output" = "" ]
	done
	for endless in /dev/zero /dev/urandom; do
		limited 2 acc-merge --priority "$endless" /dev/null
		limited 2 acc-merge --rules "$endless" /dev/null
		limited "1 2 3" acc-sqs-drain --event "$endless" -- true
		[ "$output" = "" ]
	done
}

@test "references written by an enemy are refused line by line" {
	for line in '{"uri":1}' '{"uri":""}' '{"uri":"s3://"}' '{"uri":"s3:///key"}' '{"uri":"s3://src"}' '{"uri":"ftp://x/y"}' '{"uri":"a\u0000b"}' \
		'{"uri":"one","size":-1}' '{"uri":"one","size":1e99}' '{"uri":"one","messages":{}}' '{"uri":"one","messages":[1,{"id":{}}]}' \
		's3://src/../../etc/passwd' 'file:///etc/%00' 'file://elsewhere/x' \
		"$(printf 's3://src/\033]0;owned\007')" "$(printf '{"uri":"\377"}')" '{"uri":"one"'; do
		printf '%s\n' "$line" >references
		limited "0 1" acc-fetch <references
		[ "$output" = "" ] || { echo "$line: $output"; return 1; }
	done
	awk 'BEGIN { for (i = 0; i < 300000; i++) printf "{\"uri\":\"nowhere/%d\"}\n", i % 1000 }' >references
	into out 1 acc-fetch -q <references
	{ printf '{"uri":"one","messages":['; awk 'BEGIN { for (i = 0; i < 300000; i++) printf "%s{\"id\":\"%d\"}", i ? "," : "", i }'; printf ']}\n'; } >references
	into out 1 acc-fetch <references
}

@test "keys with escapes, newlines and dots are read, shown printable, and stored nowhere else" {
	bare A 1 '{"x":1}' >one
	for key in "$evil" ../../up.jsonl /abs.jsonl 'a//b/./c.jsonl' "$(printf 'k\302\233.jsonl')"; do
		put_object src "hostile/$key" "$PWD/one"
	done
	limited 0 acc-fetch s3://src/hostile/
	[ "${#lines[@]}" -eq 5 ]
	jq -es 'map(._source.uri | startswith("s3://src/hostile/")) | all' <<<"$output" >/dev/null
	limited 0 acc-fetch --list s3://src/hostile/
	[ -z "$(LC_ALL=C tr -d '\n' <<<"$output" | LC_ALL=C tr -dc '\000-\037')" ]
	printf '%s\n' "$output" >references
	limited 0 acc-fetch <references
	[ "${#lines[@]}" -eq 5 ]
	for key in "$evil" ../../up.jsonl; do # announced, but gone
		jq -nc --arg uri "s3://src/gone/$key" '{uri:$uri}' >references
		limited 1 acc-fetch <references
		[[ "$stderr" = *"cannot read 's3://src/gone/"* ]]
	done
	[ ! -e ../up.jsonl ] && [ ! -e ../../up.jsonl ] && [ ! -e /abs.jsonl ]
}

@test "credentials by an enemy end in an error, and are not said" {
	for program in 'yes {' 'cat /dev/zero' 'printf {\"Version\":1,\"AccessKeyId\":\"secret-id\033[2J\",\"SecretAccessKey\":7}' 'printf []' 'kill -9 $$' 'sh -c "exit 0"'; do
		printf '[default]\nregion = us-east-1\ncredential_process = sh -c %s\n' "'$program'" >config
		AWS_CONFIG_FILE=$PWD/config AWS_ACCESS_KEY_ID='' AWS_SECRET_ACCESS_KEY='' AWS_MAX_ATTEMPTS=1 limited "2 3" acc-fetch s3://src/one.jsonl
		[ "$output" = "" ]
		[[ "$stderr" != *secret-id* ]] || { echo "$stderr"; return 1; }
	done
	for text in "$(printf '[profile\n\033[2J')" '[' '= =' "$(printf '\377\376')"; do
		printf '%s\n' "$text" >config
		AWS_CONFIG_FILE=$PWD/config limited "0 2" acc-fetch s3://src/one.jsonl
	done
	{ echo '[default]'; awk 'BEGIN { for (i = 0; i < 300000; i++) printf "name%d = %d\n", i, i }'; } >config
	AWS_CONFIG_FILE=$PWD/config limited "0 2" acc-fetch s3://src/one.jsonl
	AWS_CONFIG_FILE=/dev/zero limited "0 2 3" acc-fetch s3://src/one.jsonl
	rm -f port
	endpoint "socket.write('HTTP/1.1 200 OK\\r\\n\\r\\n'); const f = () => { while (socket.write('y'.repeat(1 << 16))); }; socket.on('drain', f); f();"
	AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:$(cat port)/" AWS_ACCESS_KEY_ID='' AWS_SECRET_ACCESS_KEY='' limited "2 3" acc-fetch s3://src/one.jsonl
	kill "$endpoint_pid"
	wait "$endpoint_pid" || true
}
