#!/usr/bin/env bats
# The function's archive, unpacked where there is nothing but what the base image has: bash, coreutils, certificates.

# shellcheck disable=SC2034,SC2154 # what helpers.bash uses; what `run` sets
bats_require_minimum_version 1.5.0

setup_file() {
	load helpers
	load ../servers/servers
	BUILD=${BUILD:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build}
	LAMBDA_ZIP=${LAMBDA_ZIP:-$(echo "$BUILD"/acc-lambda-*"$(uname -m | sed s/aarch64/arm64/)".zip)}
	export BUILD LAMBDA_ZIP IMAGE=$BATS_FILE_TMPDIR/image
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
	make_image
	unpack "$LAMBDA_ZIP" "$IMAGE/var/task"
	servers_start
	for bucket in src shell cron lambda; do make_bucket "$bucket"; done
	make_objects
}

teardown_file() {
	load ../servers/servers
	servers_stop
}

setup() {
	load helpers
	load ../servers/servers
	cd "$BATS_TEST_TMPDIR" || exit
	rm -rf "$IMAGE"/tmp/* "$IMAGE"/dest/*
}

teardown() {
	stop_api
	faults '[]'
}

make_objects() {
	local partner n
	for partner in A B C; do
		for n in {1..60}; do
			printf '{"partner_name":"%s","accommodation_id":"%d","accommodation_data":{"name":"%s \\u00e9 %d","%s":1.10}}\n' \
				"$partner" "$n" "$partner" "$n" "$partner"
		done >"$BATS_FILE_TMPDIR/$partner.jsonl"
		put_object src "day=01/$partner 1+1.jsonl" "$BATS_FILE_TMPDIR/$partner.jsonl"
	done
	printf '{"ContentType":{"S":"PriorityList"},"partner_list":{"L":[{"S":"C"},{"S":"A"},{"S":"B"}]}}\n' \
		>"$IMAGE/etc/priority.json"
}

# All keys of a bucket with their content's sum, from day 1 of February.
contents() { # BUCKET
	local key
	list_keys "$1" | jq -r . | while read -r key; do
		printf '%s %s\n' "$key" "$(get_object "$1" "$key" | sha256sum)"
	done
}

@test "archive: holds the programs and their libraries, for everybody to read and nobody to write" {
	run -0 python3 - "$LAMBDA_ZIP" <<-'END'
		import sys, zipfile
		for info in zipfile.ZipFile(sys.argv[1]).infolist():
		    print(f"{info.external_attr >> 16:o}", info.filename)
	END
	for name in bootstrap bin/acc-consolidate bin/acc-fetch bin/acc-merge bin/acc-split bin/acc-put bin/acc-sqs-drain bin/curl; do
		[[ "$output" = *"100755 $name"* ]]
	done
	run -1 grep -vE '^100(755 (bootstrap|bin/[a-z-]+|lib/ld-linux-.*)|644 lib/.*)$' <<<"$output"
}

@test "archive: says which packages its libraries are of" {
	run -0 grep -E '^(libc6|libcurl4|src:curl|libjq1|libsodium23) [0-9]' "$IMAGE/var/task/lib/PACKAGES"
	[ "${#lines[@]}" -eq 4 ]
	run -1 grep -vE '^[a-z0-9.+:-]+ [0-9][^ ]*$' "$IMAGE/var/task/lib/PACKAGES"
}

@test "archive: is the same when it is built again, elsewhere, in other surroundings" {
	(
		umask 077
		cd "$BATS_TEST_DIRNAME/../.." && TZ=Asia/Tokyo LANG=C make -s BUILD="$BATS_TEST_TMPDIR/again" \
			LAMBDA_CURL="$BUILD/lambda/libcurl" "lambda-$(basename "$LAMBDA_ZIP" .zip | sed s/acc-lambda-//)"
	) >"$BATS_TEST_TMPDIR/log" 2>&1
	cmp "$LAMBDA_ZIP" again/"$(basename "$LAMBDA_ZIP")"
}

@test "archive: its programs use its libraries, not those of the image" {
	for program in "$IMAGE"/var/task/bin/*; do
		[[ "$(head -c 4 "$program")" = $'\x7fELF' ]] || continue
		[ "${program##*/}" != curl ] || continue
		run -0 in_image LD_TRACE_LOADED_OBJECTS=1 "/var/task/bin/${program##*/}"
		[[ "$output" = *"/var/task/lib/libc.so.6"* ]]
		run -1 grep -v -e '/var/task/lib/' -e 'linux-vdso' <<<"$output"
	done
}

@test "archive: drives two invocations with what the image has" {
	start_api "[{\"event\":$(sqs_event src 'day=01/A 1+1.jsonl' 'day=01/B 1+1.jsonl')},{\"event\":$(sqs_event src 'day=01/C 1+1.jsonl')}]"
	run -3 --separate-stderr in_image ACC_DEST=/dest/ ACC_PRIORITY=/etc/priority.json /var/task/bootstrap
	[ "$(<api/1.response)" = '{"batchItemFailures":[]}' ]
	[ "$(<api/2.response)" = '{"batchItemFailures":[]}' ]
	[ -z "$(ls -A "$IMAGE/tmp")" ]
	cat "$IMAGE"/dest/year=2021/month=02/day=01/*.jsonl >stored
	[ "$(jq -s length stored)" -eq 120 ]
	grep -qxF '{"accommodation_id":"7","accommodation_data":{"name":"A \u00e9 7","A":1.10,"B":1.10}}' stored
	[ "$(wc -c "$IMAGE"/dest/year=2021/month=02/day=01/*.jsonl | awk '$2 != "total" && $1 > 2000' | wc -l)" -eq 0 ]
}

@test "archive: runs in another place, too" {
	unpack "$LAMBDA_ZIP" "$PWD/place"
	mkdir dest tmp
	start_api "[{\"event\":$(sqs_event src 'day=01/A 1+1.jsonl')},{\"event\":$(sqs_event src 'day=01/B 1+1.jsonl')}]"
	run -3 --separate-stderr env TMPDIR="$PWD/tmp" ACC_DEST="$PWD/dest/" ACC_AT=2021-02-01 PATH=/usr/bin:/bin place/bootstrap
	[ "$(<api/1.response)" = '{"batchItemFailures":[]}' ]
	[ "$(<api/2.response)" = '{"batchItemFailures":[]}' ]
	[ "$(cat dest/year=2021/month=02/day=01/*.jsonl | wc -l)" -eq 120 ]
	[ -z "$(ls -A tmp)" ]
}

@test "archive: the log of an invocation is JSON, with a line of metrics per batch" {
	start_api "[{\"event\":$(sqs_event src 'day=01/A 1+1.jsonl')}]"
	run -3 --separate-stderr in_image ACC_DEST=/dest/ /var/task/bootstrap
	jq -s . <<<"$stderr" >log.json
	[ "$(jq '[.[] | select(._aws)] | length' log.json)" -eq 1 ]
}

@test "archive: what the chain complains of is in the log, as JSON, in full" {
	start_api "[{\"event\":$(sqs_event src 'day=01/A 1+1.jsonl')}]"
	run -3 --separate-stderr in_image ACC_DEST=/dest/ ACC_PRIORITY=s3://src/none.json /var/task/bootstrap
	[ "$(<api/1.response)" = '{"batchItemFailures":[{"itemIdentifier":"m1"}]}' ]
	echo "$stderr" >&2
	run -0 jq -r 'select(.tool) | "\(.tool): \(.message)"' <<<"$stderr"
	[[ "$output" = *": cannot read 's3://src/none.json': NoSuchKey"* ]]
	[[ "$output" = *"acc-consolidate: acc-merge failed with status "* ]]
	[[ "$output" = *"acc-sqs-drain: the batch failed"* ]]
}

@test "archive: that of the other architecture runs, too" {
	case $LAMBDA_ZIP in
	*x86_64.zip) other=${LAMBDA_ZIP/x86_64/arm64} emulator=qemu-aarch64-static ;;
	*) other=${LAMBDA_ZIP/arm64/x86_64} emulator=qemu-x86_64-static ;;
	esac
	[ -e "$other" ] || skip "it was not built"
	command -v "$emulator" || skip "no $emulator here"
	unpack "$other" "$PWD/other/var/task"
	for command in acc-fetch acc-merge acc-split acc-put acc-sqs-drain; do
		run -0 "$emulator" -L "$PWD/other" "other/var/task/bin/$command" --version
		[[ "$output" = "$command "* ]]
	done
	"$emulator" -L other other/var/task/bin/acc-fetch --select '.accommodation_id == "7"' "$BATS_FILE_TMPDIR/A.jsonl" >records
	run -0 "$emulator" -L other other/var/task/bin/acc-merge records
	[ "$output" = '{"accommodation_id":"7","accommodation_data":{"name":"A \u00e9 7","A":1.10}}' ]
}

@test "archive: stores the same bytes as a shell and cron do for the same events" {
	sqs_event src 'day=01/A 1+1.jsonl' 'day=01/B 1+1.jsonl' 'day=01/C 1+1.jsonl' >event.json
	options="--priority $IMAGE/etc/priority.json --bytes 2000 --at 2021-02-01T00:00:00Z"
	# shellcheck disable=SC2086 # a list
	"$BUILD/bin/acc-sqs-drain" --event event.json -- "$BUILD/bin/acc-consolidate" $options s3://shell/
	env -i HOME=/ LOGNAME=nobody SHELL=/bin/sh PATH=/usr/bin:/bin AWS_ENDPOINT_URL="$ENDPOINT" AWS_REGION=us-east-1 \
		AWS_ACCESS_KEY_ID="$AWS_ACCESS_KEY_ID" AWS_SECRET_ACCESS_KEY="$AWS_SECRET_ACCESS_KEY" \
		/bin/sh -c "$BUILD/bin/acc-consolidate -q $options s3://src/day=01/ s3://cron/"
	start_api "[{\"event\":$(<event.json)}]"
	run -3 --separate-stderr in_image ACC_DEST=s3://lambda/ ACC_PRIORITY=/etc/priority.json /var/task/bootstrap
	[ "$(<api/1.response)" = '{"batchItemFailures":[]}' ]
	contents shell >in-shell
	contents cron >in-cron
	contents lambda >in-lambda
	[ "$(wc -l <in-shell)" -gt 2 ]
	diff in-shell in-lambda
	diff in-shell in-cron
}

@test "archive: of a batch with one bad object the others are stored and just that one is reported" {
	start_api "[{\"event\":$(sqs_event src 'day=01/A 1+1.jsonl' missing 'day=01/B 1+1.jsonl')}]"
	run -3 --separate-stderr in_image ACC_DEST=/dest/ /var/task/bootstrap
	[ "$(<api/1.response)" = '{"batchItemFailures":[{"itemIdentifier":"m2"}]}' ]
	[ "$(cat "$IMAGE"/dest/year=2021/month=02/day=01/*.jsonl | wc -l)" -eq 60 ]
}

@test "archive: a batch that cannot finish by its deadline answers in time that all of it failed, and stores nothing" {
	faults '[{"kind":"delay","service":"s3","operation":"GET","delay":60000}]'
	start_api "[{\"event\":$(sqs_event src 'day=01/A 1+1.jsonl' 'day=01/B 1+1.jsonl'),\"deadline_ms\":4000},
		{\"event\":$(sqs_event src 'day=01/A 1+1.jsonl'),\"deadline_ms\":10}]"
	run -3 --separate-stderr in_image ACC_DEST=/dest/ timeout 20 /var/task/bootstrap
	[ "$(<api/1.response)" = '{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}' ]
	[ "$(awk '{ print ($1 < 4) }' api/1.seconds)" -eq 1 ]
	[ "$(<api/2.response)" = '{"batchItemFailures":[{"itemIdentifier":"m1"}]}' ]
	[ -z "$(ls -A "$IMAGE/dest")" ]
}

@test "archive: survives events of any kind" {
	start_api '[{"raw":""},{"raw":"not JSON"},{"event":{}},{"event":[1]},{"event":{"Records":[]}},{"event":{"Records":[{}]}},
		{"event":{"Records":[{"messageId":"m1","receiptHandle":"h","body":"hello"}]}},{"bytes":6000000},{"raw":"\u0000\ud83d\ude00"},
		{"event":{"Records":[{"messageId":"m1","receiptHandle":"h","body":"{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\"}"}]}}]'
	run -3 --separate-stderr in_image ACC_DEST=/dest/ /var/task/bootstrap
	for n in {1..10}; do
		[ -e "api/$n.response" ] || [ -e "api/$n.error" ]
	done
	[ "$(<api/2.error.type)" = Function.BatchFailed ]
	[ "$(<api/5.response)" = '{"batchItemFailures":[]}' ]
	[ "$(<api/7.response)" = '{"batchItemFailures":[{"itemIdentifier":"m1"}]}' ]
	[ "$(<api/10.response)" = '{"batchItemFailures":[]}' ]
}

@test "archive: an invocation leaves nothing in /tmp for the next one" {
	mkdir "$IMAGE/tmp/.left" && : >"$IMAGE/tmp/.left/over" && : >"$IMAGE/tmp/over"
	chmod -R 777 "$IMAGE"/tmp/.left "$IMAGE/tmp/over"
	[ "$(id -u)" -ne 0 ] || chown -R 1051:1051 "$IMAGE"/tmp/.left "$IMAGE/tmp/over"
	start_api "[{\"event\":$(sqs_event src missing)}]"
	run -3 --separate-stderr in_image ACC_DEST=/dest/ /var/task/bootstrap
	[ -e api/1.response ]
	[ -z "$(ls -A "$IMAGE/tmp")" ]
}

@test "archive: a function without a destination reports an initialisation error" {
	start_api '[{"event":{}}]'
	run -2 --separate-stderr in_image /var/task/bootstrap
	[ "$(<api/init.error.type)" = Runtime.ConfigurationError ]
}

@test "archive: rejects in /tmp would be gone with the next invocation: an initialisation error" {
	start_api '[{"event":{}}]'
	run -2 --separate-stderr in_image ACC_DEST=/dest/ ACC_REJECTS=/tmp/rejects /var/task/bootstrap
	[ "$(<api/init.error.type)" = Runtime.ConfigurationError ]
	[[ "$(jq -r .errorMessage api/init.error)" = *"ACC_REJECTS is '/tmp/rejects'"* ]]
}

@test "archive: verifies TLS with the image's certificates, and refuses where there are none" {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
		-keyout key.pem -out cert.pem 2>/dev/null
	"$BATS_TEST_DIRNAME/tls-object" cert.pem key.pem "$BATS_FILE_TMPDIR/A.jsonl" port 3>&- &
	api_process=$! # ended by stop_api
	for _ in {1..100}; do
		[ ! -e port ] || break
		sleep 0.1
	done
	mkdir -p "$IMAGE/etc/pki/tls/certs"
	cp cert.pem "$IMAGE/etc/pki/tls/certs/ca-bundle.crt"
	run -0 --separate-stderr in_image AWS_ENDPOINT_URL="https://localhost:$(<port)" /var/task/bin/acc-fetch --raw s3://src/A.jsonl
	[ "${#lines[@]}" -eq 60 ]
	rm "$IMAGE/etc/pki/tls/certs/ca-bundle.crt"
	run ! --separate-stderr in_image AWS_ENDPOINT_URL="https://localhost:$(<port)" AWS_MAX_ATTEMPTS=1 /var/task/bin/acc-fetch --raw s3://src/A.jsonl
	[ -z "$output" ]
	[[ "$stderr" = *certificate* ]]
}
