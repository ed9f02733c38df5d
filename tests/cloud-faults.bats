#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # bats sets stderr and runs tests in subshells; inner shells expand
bats_require_minimum_version 1.5.0
load helpers
load servers/servers

setup_file() {
	servers_start
	make_bucket src
	make_bucket dest
	local n
	export here=$BATS_FILE_TMPDIR
	for n in $(seq 1 30); do
		jq -nc "range(200) | {partner_name:\"P\\($n % 5)\",accommodation_id:\"\\(. + $n)\",accommodation_data:{name:\"hotel \\(.)\",n:$n}}" >"$here/$n"
		put_object src "in/$(printf %02d "$n").jsonl" "$here/$n"
	done
	acc-fetch s3://src/in/ | sed 's/,"time":"[^"]*"//' >"$here/records"
	acc-merge --priority P3,P1 "$here/records" >"$here/merged"
}

teardown_file() {
	servers_stop
}

setup() {
	in_own_directory
	queue=$(make_queue "q$BATS_TEST_NUMBER")
}

teardown() {
	faults '[]'
	control '{"do":"skew","seconds":0}' >/dev/null
}

# The chain over the queue gives what it gives without faults, and leaves nothing in the queue.
chain_is_whole() {
	local n
	faults '[]'
	for n in $(seq 1 30); do send "$queue" "$(announce src "in/$(printf %02d "$n").jsonl")"; done
	faults "$1"
	run -0 --separate-stderr acc-sqs-drain --wait 0 --batch 100 "$queue" -- sh -c \
		"acc-fetch | acc-merge --priority P3,P1 | acc-split -b 8K -d spool | acc-put s3://dest/t$BATS_TEST_NUMBER"
	faults '[]'
	[ "$stderr" = "" ]
	printf '%s\n' "$output" | jq -r .uri | while read -r uri; do get_object dest "${uri#s3://dest/}"; done >got
	cmp got "$here/merged"
	[ "$(queue_size "$queue")" -eq 0 ]
	[ -z "$(bad_signatures)" ]
	# nothing is in the destination but what the receipts name
	[ "$(sdk s3 ListObjectsV2 "{\"Bucket\":\"dest\",\"Prefix\":\"t$BATS_TEST_NUMBER/\"}" | jq .KeyCount)" -eq "${#lines[@]}" ]
}

@test "cloud faults: a third of all requests throttled changes nothing" {
	chain_is_whole '[{"kind":"throttle","random":0.33}]'
}

@test "cloud faults: one connection in ten reset changes nothing" {
	chain_is_whole '[{"kind":"reset","random":0.1}]'
}

@test "cloud faults: bodies cut short are taken up where they broke" {
	mark=$(log_mark)
	chain_is_whole '[{"kind":"cut","service":"s3","operation":"GET","every":2}]'
	log_since "$mark" | jq -e -s 'any(.range != null and .status == 206)' >/dev/null
}

@test "cloud faults: every body cut short at its half still arrives" {
	chain_is_whole '[{"kind":"cut","service":"s3","operation":"GET"}]'
}

@test "cloud faults: a body that ends too soon without a length is known by the size announced" {
	seq -f '{"n":%.0f}' 10000 >long
	size=$(stat -c %s long)
	put_object src long.jsonl "$PWD/long"
	reference=$(jq -nc --argjson n "$size" '{uri:"s3://src/long.jsonl",size:$n}')
	for part in 0.5 0.999; do
		faults "[{\"kind\":\"unframed\",\"service\":\"s3\",\"operation\":\"GET\",\"part\":$part,\"times\":1}]"
		acc-fetch --bare <<<"$reference" >got
		cmp got long
		faults "[{\"kind\":\"unframed\",\"service\":\"s3\",\"operation\":\"GET\",\"part\":$part}]"
		acc-fetch --bare <<<"$reference" >got
		cmp got long
	done
}

@test "cloud faults: a server without ranges that cuts its replies where they repeat what came is asked again" {
	run -0 --separate-stderr acc-fetch s3://src/in/01.jsonl
	whole=$output
	faults '[{"kind":"cut","service":"s3","times":1},{"kind":"cut","service":"s3","rangeless":true,"part":0.25,"times":3}]'
	run -0 --separate-stderr acc-fetch s3://src/in/01.jsonl
	[ "$output" = "$whole" ]
	[ "$stderr" = "" ]
}

@test "cloud faults: replies that are lost, server errors and garbage change nothing" {
	chain_is_whole '[{"kind":"lost","service":"s3","every":7},{"kind":"lost","service":"sqs","operation":"DeleteMessageBatch","times":1},{"kind":"error","status":500,"every":5},{"kind":"error","status":503,"code":"ServiceUnavailable","every":11},{"kind":"garbage","every":13}]'
}

@test "cloud faults: an S3 RequestTimeout, which is a 400, is tried again" {
	chain_is_whole '[{"kind":"error","status":400,"code":"RequestTimeout","service":"s3","every":4}]'
}

@test "cloud faults: a damaged body is found by its checksum and fetched again" {
	faults '[]'
	for n in 1 2 3; do
		sdk s3 PutObject "{\"Bucket\":\"src\",\"Key\":\"sum/$n\",\"BodyFile\":\"$here/$n\",\"ChecksumAlgorithm\":\"SHA256\"}" >/dev/null
	done
	faults '[{"kind":"corrupt","service":"s3","operation":"GET","match":"/sum/","times":1}]'
	run -0 acc-fetch --bare s3://src/sum/1 s3://src/sum/2 s3://src/sum/3
	faults '[]'
	[ "$output" = "$(cat "$here/1" "$here/2" "$here/3")" ]
	faults '[{"kind":"corrupt","service":"s3","operation":"GET","match":"/sum/2"}]'
	run -1 --separate-stderr acc-fetch --bare s3://src/sum/1 s3://src/sum/2 s3://src/sum/3
	[ "$output" = "$(cat "$here/1" "$here/3")" ]
	[[ "$stderr" = *"cannot read 's3://src/sum/2': what came does not fit its x-amz-checksum-sha256" ]]
}

@test "cloud faults: an object that is replaced while it is read is an error, not a mixture" {
	head -c 3000000 /dev/zero | tr '\0' 'x' >pad
	jq -nc --rawfile p pad '{partner_name:"A",accommodation_id:"1",accommodation_data:{p:$p}}' >large
	put_object src "changing" "$PWD/large"
	faults '[{"kind":"cut","service":"s3","operation":"GET","match":"changing","times":1},{"kind":"error","status":412,"code":"PreconditionFailed","service":"s3","operation":"GET","match":"changing"}]'
	run -1 --separate-stderr acc-fetch --buffer 1M s3://src/changing
	[ "$output" = "" ]
	[[ "$stderr" = *"it was replaced while it was being read"* ]]
	# in memory it could be read anew, but then the result would hang on the size
	faults '[{"kind":"cut","service":"s3","operation":"GET","match":"changing","times":1},{"kind":"error","status":412,"code":"PreconditionFailed","service":"s3","operation":"GET","match":"changing","times":1}]'
	ACC_JOURNAL=journal run -1 --separate-stderr acc-fetch s3://src/changing
	[ "$output" = "" ]
	[ "$(jq -r 'select(.event == "failed") | .uri + " " + .code' journal)" = "s3://src/changing changed" ]
}

@test "cloud faults: a service that refuses for good ends with 3, its code and request id, and keeps the messages" {
	send "$queue" "$(announce src in/01.jsonl)"
	faults '[{"kind":"error","status":403,"code":"AccessDenied","message":"Access Denied","service":"s3","operation":"GET"}]'
	run -3 --separate-stderr acc-fetch s3://src/in/01.jsonl
	[[ "$stderr" = "acc-fetch: cannot read 's3://src/in/01.jsonl': AccessDenied: Access Denied (HTTP 403, request id REQ"*"); the credentials of the environment need s3:GetObject" ]]
	run -1 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- sh -c 'acc-fetch | acc-merge | acc-split -d spool | acc-put s3://dest/no'
	[[ "$stderr" = *"AccessDenied"*"acc-sqs-drain: the batch failed, its messages stay in the queue: "* ]]
	[ "$(queue_size "$queue")" -eq 1 ]
}

@test "cloud faults: a host that speaks no TLS is tried 3 times when it has never answered" {
	python3 - port tries 3>&- <<-'X' &
		import socket, sys
		s = socket.create_server(("127.0.0.1", 0))
		open(sys.argv[1], "w").write("%d\n" % s.getsockname()[1])
		while True:
		    c = s.accept()[0]
		    c.recv(1)
		    c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
		    open(sys.argv[2], "a").write("try\n")
		    c.close()
	X
	pid=$!
	eventually test -s port
	AWS_ENDPOINT_URL=https://127.0.0.1:$(cat port) run -3 --separate-stderr acc-fetch s3://src/in/01.jsonl
	kill "$pid"
	[[ "$stderr" = *"(does the host speak TLS?)"*", 3 attempts"*"AWS_ENDPOINT_URL" ]]
	[ "$(wc -l <tries)" -eq 3 ]
}

@test "cloud faults: AWS_MAX_ATTEMPTS says how often" {
	faults '[{"kind":"error","status":500,"service":"s3"}]'
	for n in 1 3; do
		mark=$(log_mark)
		AWS_MAX_ATTEMPTS=$n run -3 --separate-stderr acc-fetch --list s3://src/in/
		[ "$(log_since "$mark" | wc -l)" -eq $n ]
	done
	[[ "$stderr" = *"InternalError"*", 3 attempts)"* ]]
	AWS_MAX_ATTEMPTS=many run acc-fetch --list s3://src/in/
	[ "$status" -ne 0 ]
	[[ "$output" = *"see AWS_MAX_ATTEMPTS"* ]]
}

@test "cloud faults: an error inside a 200 is seen" {
	faults '[{"kind":"body","service":"s3","operation":"GET","body":"<Error><Code>InternalError</Code><Message>no</Message></Error>","times":1}]'
	run -0 acc-fetch --list s3://src/in/
	[ "${#lines[@]}" -eq 30 ]
	faults '[{"kind":"body","service":"s3","operation":"GET","body":"","times":2}]'
	run -0 acc-fetch --list s3://src/in/
	[ "${#lines[@]}" -eq 30 ]
}

@test "cloud faults: a listing that leads to where it came from ends" {
	faults '[{"kind":"body","service":"s3","operation":"GET","body":"<ListBucketResult><IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>in/</Prefix></CommonPrefixes></ListBucketResult>"}]'
	run -3 --separate-stderr acc-fetch --list --since 2021-01-01 s3://src/in/
	[ "$stderr" = "acc-fetch: cannot list 's3://src/in/': the service sent a prefix that is not below this one" ]
}

@test "cloud faults: an entity bomb and a document type are refused" {
	faults '[{"kind":"body","service":"s3","operation":"GET","body":"<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><ListBucketResult>&b;</ListBucketResult>"}]'
	AWS_MAX_ATTEMPTS=1 run -3 --separate-stderr acc-fetch --list s3://src/in/
	[ "$output" = "" ]
}

@test "cloud faults: a clock that is off is corrected" {
	control '{"do":"skew","seconds":7200}' >/dev/null
	run -0 --separate-stderr acc-fetch --list s3://src/in/
	[ "$stderr" = "" ]
	[ "${#lines[@]}" -eq 30 ]
	run -0 acc-sqs-drain --wait 0 "$queue"
	# of several at a time, too, which are all signed before the first is refused
	faults '[{"kind":"delay","service":"s3","delay":300}]'
	run -0 --separate-stderr acc-fetch < <(printf 's3://src/in/0%d.jsonl\n' 1 2 3 4 5 6)
	[ "$stderr" = "" ]
	[ "${#lines[@]}" -eq 1200 ]
}

@test "cloud faults: many objects at a time need more open files than the soft limit allows" {
	faults '[{"kind":"delay","service":"s3","delay":300}]'
	ulimit -S -n 40
	AWS_MAX_ATTEMPTS=1 run -0 --separate-stderr acc-fetch -j 30 s3://src/in/
	[ "$stderr" = "" ]
	[ "${#lines[@]}" -eq 6000 ]
}

@test "cloud faults: wrong credentials, a missing bucket, a missing queue, no region, no network: one line each, within seconds" {
	one_line() { # STATUS TEXT COMMAND...
		local status_wanted=$1 text=$2
		shift 2
		SECONDS=0
		run "-$status_wanted" --separate-stderr "$@"
		[ "$output" = "" ]
		[ "$(wc -l <<<"$stderr")" -eq 1 ]
		[[ "$stderr" = *"$text"* ]] || { echo "$stderr"; return 1; }
		[ $SECONDS -lt 8 ]
	}
	one_line 3 'InvalidAccessKeyId' env AWS_ACCESS_KEY_ID=AKIDWRONG acc-fetch s3://src/in/01.jsonl
	one_line 3 'check AWS_SECRET_ACCESS_KEY or AWS_PROFILE' env AWS_SECRET_ACCESS_KEY=wrong acc-fetch s3://src/in/01.jsonl
	one_line 3 'check AWS_SECRET_ACCESS_KEY or AWS_PROFILE' env AWS_SECRET_ACCESS_KEY=wrong acc-sqs-drain --wait 0 "$queue"
	one_line 3 'AccessDenied' env AWS_ACCESS_KEY_ID=AKIDNONE AWS_SECRET_ACCESS_KEY=none-secret acc-sqs-drain --wait 0 "$queue"
	one_line 3 'ExpiredToken' env AWS_ACCESS_KEY_ID=AKIDOLD AWS_SECRET_ACCESS_KEY=old-secret AWS_SESSION_TOKEN=old-token acc-fetch s3://src/in/01.jsonl
	one_line 2 'set AWS_ACCESS_KEY_ID' env -u AWS_ACCESS_KEY_ID acc-sqs-drain --wait 0 "$queue"
	one_line 3 'NoSuchBucket' acc-fetch s3://no-such-bucket/key
	one_line 3 'NoSuchBucket' acc-fetch s3://no-such-bucket/
	one_line 3 'check the queue' acc-sqs-drain --wait 0 sqs://nope
	one_line 2 'set AWS_REGION' env -u AWS_REGION -u AWS_ENDPOINT_URL acc-sqs-drain --wait 0 sqs://nope
	one_line 3 'check the network, the proxy and AWS_ENDPOINT_URL' env AWS_ENDPOINT_URL=http://127.0.0.1:9 acc-fetch s3://src/in/01.jsonl
	one_line 3 'check the network, the proxy and AWS_ENDPOINT_URL' env AWS_ENDPOINT_URL=http://no-such-host.invalid acc-sqs-drain --wait 0 sqs://q
	one_line 3 'check the network, the proxy and AWS_ENDPOINT_URL' env -u AWS_ENDPOINT_URL acc-fetch s3://src/in/01.jsonl
	echo '{"accommodation_id":"1"}' >file
	one_line 3 'NoSuchBucket' acc-put s3://no-such-bucket/x file
}

@test "cloud faults: an object that a service refuses fails alone where others can be read" {
	head -n 2 "$here/1" >good
	put_object src "alone/good" "$PWD/good"
	put_object src "alone/denied" "$PWD/good"
	printf 's3://%s\n' src/alone/denied no-such-bucket/key src/alone/good >references
	for answer in '403,"code":"AccessDenied"' '400,"code":"KMS.DisabledException"'; do
		faults '[{"kind":"error","status":'"$answer"',"service":"s3","operation":"GET","match":"denied"}]'
		run -1 --separate-stderr acc-fetch --bare <references
		[ "$output" = "$(acc-fetch --bare good)" ]
		[ "$(wc -l <<<"$stderr")" -eq 2 ]
		[[ "$stderr" = *"alone/denied"*"no-such-bucket/key"*"NoSuchBucket"* ]]
	done
	head -n 2 references >refused
	run -3 --separate-stderr acc-fetch --bare <refused
	[ "$output" = "" ]
	for name in denied good; do
		send "$queue" "$(announce src "alone/$name")"
	done
	run -1 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- acc-consolidate s3://dest/alone
	[ "$(queue_size "$queue")" -eq 1 ]
	[[ "$stderr" = *"alone/denied"* ]]
}

@test "cloud faults: keys that are wrong end it with the first object" {
	for _ in 1 2 3; do
		echo s3://src/in/01.jsonl
	done >references
	AWS_ACCESS_KEY_ID=AKIDWRONG run -3 --separate-stderr acc-fetch <references
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test "cloud faults: what a service repeats of keys and signatures is not shown" {
	local secret=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
	faults "$(jq -nc --arg m "The token '$secret$secret==' of role a-role-that-has-quite-a-long-name/and-a-session is bad, Signature=${secret//[+\/]/}0123" \
		'[{kind:"error",service:"s3",status:400,code:"InvalidToken",message:$m}]')"
	run -3 --separate-stderr acc-fetch "s3://src/$here/x"
	[[ "$stderr" = *"The token '(...)' of role a-role-that-has-quite-a-long-name/and-a-session is bad, (...) (HTTP 400"* ]]
}

@test "cloud faults: what is put is stored only when the reply says so" {
	echo 1 >object
	faults '[{"kind":"body","service":"s3","operation":"PUT","times":2,"body":"<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>We.</Message></Error>"}]'
	run -0 --separate-stderr acc-put --keep --key "$here/again" s3://dest object
	[ "$(get_object dest "$here/again")" = 1 ]
	faults '[{"kind":"body","service":"s3","operation":"PUT","body":"<Error><Code>InternalError</Code><Message>We.</Message></Error>"}]'
	AWS_MAX_ATTEMPTS=2 run -3 --separate-stderr acc-put --keep --key "$here/never" s3://dest object
	[ -z "$output" ]
	[[ "$stderr" = *InternalError* ]]
	for body in "" garbage; do
		faults "[{\"kind\":\"body\",\"service\":\"s3\",\"operation\":\"PUT\",\"body\":\"$body\"}]"
		run -3 --separate-stderr acc-put --keep --key "$here/never" s3://dest object
		[ -z "$output" ]
		[[ "$stderr" = *"the reply has no ETag, so nothing proves that it is stored" ]]
	done
}
