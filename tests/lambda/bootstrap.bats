#!/usr/bin/env bats
# bootstrap against a runtime API, with stand-ins for the chain where only the protocol matters.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # scripts in quotes; a subshell per test; what `run` sets
bats_require_minimum_version 1.5.0

setup() {
	load helpers
	cd "$BATS_TEST_TMPDIR" || exit
	mkdir task tmp
	BUILD=${BUILD:-$BATS_TEST_DIRNAME/../../build}
	cp "$BUILD/bin/bootstrap" task
	for command in acc-consolidate acc-fetch acc-merge acc-split acc-put; do
		stand_in "$command" 'exit 0'
	done
	export ACC_DEST=s3://dest/ TMPDIR=$BATS_TEST_TMPDIR/tmp
	unset ACC_LOG_FORMAT ACC_BYTES _X_AMZN_TRACE_ID
}

teardown() {
	stop_api
}

stand_in() { # COMMAND SCRIPT
	printf '#!/bin/sh\n%s\n' "$2" >"task/$1"
	chmod 755 "task/$1"
}

# The runtime API ends a plan with status 500, and that ends bootstrap with 3.
run_plan() { # JSON ARRAY [STATUS]
	start_api "$1"
	run "-${2-3}" --separate-stderr task/bootstrap
	[ -z "$output" ]
}

answer='printf "%s\n" "{\"batchItemFailures\":[]}"'

@test "bootstrap: answers each invocation with what acc-sqs-drain prints, also when that says 1" {
	stand_in acc-sqs-drain 'printf "{\"batchItemFailures\":[{\"itemIdentifier\":%s}]}\n" "$(cat "$2")"; exit 1'
	run_plan '[{"event":"first"},{"event":"second"}]'
	[ "$(<api/1.response)" = '{"batchItemFailures":[{"itemIdentifier":"first"}]}' ]
	[ "$(<api/2.response)" = '{"batchItemFailures":[{"itemIdentifier":"second"}]}' ]
	[ ! -e api/1.error ]
}

@test "bootstrap: runs acc-consolidate behind acc-sqs-drain --event, with the deadline and the trace id" {
	stand_in acc-sqs-drain "echo \"\$1 \$3 \$5 \$6 \$# \${_X_AMZN_TRACE_ID-none} \$TZ\" >>$PWD/seen
case \$4 in *[!0-9]*) exit 3 ;; esac
[ \$((\$4 / 1000 - \$(date +%s))) -ge 25 ] || exit 3
$answer"
	run_plan '[{"event":{},"trace":"Root=1-5759e988;Sampled=1;Lineage=1:a87bd80c:1|68fd508a:5"},{"event":{}}]'
	[ "$(<seen)" = "--event --deadline -- acc-consolidate 6 Root=1-5759e988;Sampled=1;Lineage=1:a87bd80c:1|68fd508a:5 UTC
--event --deadline -- acc-consolidate 6 none UTC" ]
	[ -e api/2.response ]
}

@test "bootstrap: hands an event of 6 MB over as it came, in one piece or in chunks" {
	stand_in acc-sqs-drain "wc -c <\"\$2\" >>$PWD/seen
$answer"
	run_plan '[{"bytes":6291000},{"bytes":6291000,"chunked":true},{"raw":""}]'
	[ "$(<seen)" = $'6291026\n6291026\n0' ]
	[ -e api/3.response ]
}

@test "bootstrap: sends a long answer whole" {
	stand_in acc-sqs-drain 'printf "{\"batchItemFailures\":["; seq -f "{\"itemIdentifier\":\"message-%.0f\"}," 10000; printf "{\"itemIdentifier\":\"last\"}]}\n"'
	run_plan '[{"event":{}}]'
	[ "$(jq '.batchItemFailures | length' api/1.response)" = 10001 ]
}

@test "bootstrap: an acc-sqs-drain that fails is an invocation error, and the next invocation is served" {
	stand_in acc-sqs-drain "case \$(cat \"\$2\") in
1) exit 3 ;;
2) exit 0 ;;
3) echo '{\"batchItem' ;;
4) echo '{\"batchItemFailures\":[]}'; exit 2 ;;
*) $answer ;;
esac"
	run_plan '[{"event":1},{"event":2},{"event":3},{"event":4},{"event":5}]'
	for n in 1 2 3 4; do
		[ ! -e "api/$n.response" ]
		[ "$(jq -r .errorType "api/$n.error")" = "$(<"api/$n.error.type")" ]
		[ "$(jq -c .stackTrace "api/$n.error")" = '[]' ]
	done
	[ "$(<api/1.error.type)" = Function.BatchFailed ]
	[ "$(jq -r .errorMessage api/4.error)" = 'acc-sqs-drain ended with status 2; what it said is in the log' ]
	[ "$(<api/2.error.type)" = Function.NoAnswer ]
	[ "$(<api/3.error.type)" = Function.NoAnswer ]
	[ "$(<api/5.response)" = '{"batchItemFailures":[]}' ]
	[[ "$stderr" = *"bootstrap: acc-sqs-drain ended with status 3;"* ]]
}

@test "bootstrap: an answer that is too long is an invocation error" {
	stand_in acc-sqs-drain "$answer"
	run_plan '[{"event":{},"reply":413},{"event":{}}]'
	[ "$(<api/1.error.type)" = Function.ResponseSizeTooLarge ]
	[ -e api/2.response ]
}

@test "bootstrap: an answer that comes too late for the runtime API does not end it" {
	stand_in acc-sqs-drain "$answer"
	run_plan '[{"event":{},"reply":403},{"event":{}}]'
	[ ! -e api/1.error ]
	[ -e api/2.response ]
	[[ "$stderr" = *"invocation/request-1/response, the runtime API answers 403"* ]]
}

@test "bootstrap: waits for an invocation" {
	stand_in acc-sqs-drain "$answer"
	run_plan '[{"event":{},"delay":4}]'
	[ -e api/1.response ]
	[ "$(wc -l <api/log)" -eq 3 ]
}

@test "bootstrap: without ACC_DEST it is an initialisation error" {
	unset ACC_DEST
	stand_in acc-sqs-drain "$answer"
	run_plan '[{"event":{}}]' 2
	[ "$(<api/init.error.type)" = Runtime.ConfigurationError ]
	[[ "$(jq -r .errorMessage api/init.error)" = *ACC_DEST* ]]
	[ "$(wc -l <api/log)" -eq 1 ]
}

@test "bootstrap: a wrong setting is an initialisation error that names it" {
	rm task/acc-*
	cp "$BUILD"/bin/acc-* task
	export ACC_BYTES=plenty ACC_LOG_FORMAT=json
	run_plan '[{"event":{}}]' 2
	[ "$(<api/init.error.type)" = Runtime.ConfigurationError ]
	[[ "$(jq -r .errorMessage api/init.error)" = "acc-split: "*plenty* ]]
	[ "$(wc -l <api/log)" -eq 1 ]
}

@test "bootstrap: a configuration with which every batch would fail is an initialisation error" {
	rm task/acc-*
	cp "$BUILD"/bin/acc-* task
	for setting in ACC_MANIFEST='{name}' ACC_MANIFEST=../x ACC_KEY='../{name}' ACC_KEY='{shard}/{name}' ACC_DRY_RUN=1 \
		ACC_DRY_RUN=perhaps; do
		rm -rf api
		start_api '[{"event":{}}]'
		run -2 env ACC_DEST="$PWD/dest" "$setting" task/bootstrap
		[ "$(<api/init.error.type)" = Runtime.ConfigurationError ]
		run -0 jq -r .errorMessage api/init.error
		[[ "$output" = *"${setting#*=}"* || "$output" = *"${setting%=1}"* || "$output" = *"'../output_object"* ]]
		stop_api
	done
}

@test "bootstrap: settings that serve every batch are none" {
	rm task/acc-*
	cp "$BUILD"/bin/acc-* task
	stand_in acc-sqs-drain "$answer"
	export ACC_DEST=$PWD/dest ACC_MANIFEST='lists/%F' ACC_SHARDS=2 ACC_KEY='{shard}/{name}' ACC_DRY_RUN=0 ACC_REJECTS=/dev/null
	run_plan '[{"event":{}}]'
	[ -e api/1.response ]
	[ ! -e dest ]
}

@test "bootstrap: lists and rules that are not there are an initialisation error; what is elsewhere is not asked for" {
	rm task/acc-*
	cp "$BUILD"/bin/acc-* task
	for name in ACC_PRIORITY ACC_DENY ACC_RULES ACC_MAP; do
		rm -rf api
		start_api '[{"event":{}}]'
		run -2 env "$name=/not/there.json" task/bootstrap
		[ "$(<api/init.error.type)" = Runtime.ConfigurationError ]
		[[ "$(jq -r .errorMessage api/init.error)" = *"/not/there.json"* ]]
		stop_api
	done
}

@test "bootstrap: no list, rules or map elsewhere is asked for before the first invocation" {
	rm task/acc-*
	cp "$BUILD"/bin/acc-* task
	stand_in acc-sqs-drain "$answer"
	export ACC_DEST=$PWD/dest AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null # without credentials it would fail
	for name in ACC_PRIORITY ACC_DENY ACC_RULES ACC_MAP; do
		export "$name=s3://bucket/key"
	done
	run_plan '[{"event":{}}]'
	[ -e api/1.response ]
}

@test "bootstrap: a batch whose drain is killed fails, and the function starts anew" {
	stand_in acc-sqs-drain 'kill -KILL $$'
	start_api '[{"event":{}},{"event":{}}]'
	run -3 --separate-stderr task/bootstrap
	[ "$(<api/1.error.type)" = Function.BatchFailed ]
	[ "$(jq -r .errorMessage api/1.error)" = 'acc-sqs-drain ended with status 137; what it said is in the log' ]
	[[ $stderr == *"what is left of the batch is not to run beside the next one" ]]
}

@test "bootstrap: a command that is missing is an initialisation error" {
	stand_in acc-sqs-drain "$answer"
	rm task/acc-put
	start_api '[{"event":{}}]'
	run -2 --separate-stderr env PATH=/usr/bin:/bin task/bootstrap
	[ "$(<api/init.error.type)" = Runtime.MissingCommand ]
	[[ "$(jq -r .errorMessage api/init.error)" = *acc-put* ]]
}

@test "bootstrap: an invocation begins with a clean directory for temporary files, and nothing is left" {
	stand_in acc-sqs-drain "ls -A \"\$TMPDIR\" | wc -l >>$PWD/seen
mkdir \"\$TMPDIR/left\" && : >\"\$TMPDIR/left/over\"
$answer"
	run_plan '[{"event":{}},{"event":{}}]'
	[ "$(<seen)" = $'0\n0' ]
	[ -z "$(ls -A tmp)" ]
}

@test "bootstrap: what it keeps is not for others to read" {
	stand_in acc-sqs-drain "stat -c %a \"\$2\" \"\${2%/*}\" >>$PWD/seen
$answer"
	run_plan '[{"event":{}}]'
	[ "$(<seen)" = $'600\n700' ]
}

@test "bootstrap: a proxy is not asked for the runtime API" {
	stand_in acc-sqs-drain "$answer"
	export http_proxy=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1
	run_plan '[{"event":{}}]'
	[ -e api/1.response ]
}

@test "bootstrap: its messages are JSON when ACC_LOG_FORMAT says so" {
	stand_in acc-sqs-drain 'exit 3'
	export ACC_LOG_FORMAT=json
	run_plan '[{"event":{}}]'
	[ "$(jq -r 'select(.level == "error" and .tool == "bootstrap") | .message' <<<"$stderr" | wc -l)" -eq 2 ]
	[[ "$(jq -r .message <<<"$stderr")" = *'{"errorMessage":"the plan is over","errorType":"Test"}'* ]]
}

@test "bootstrap: an invocation that cannot be answered ends it" {
	stand_in acc-sqs-drain "$answer"
	run_plan '[{"event":{},"headers":false},{"event":{}}]'
	[[ "$stderr" = *'request id'* ]]
	[ "$(wc -l <api/log)" -eq 1 ]
}

@test "bootstrap: without a runtime API to talk to it says so and ends" {
	stand_in acc-sqs-drain "$answer"
	export AWS_LAMBDA_RUNTIME_API=127.0.0.1:1
	run -3 --separate-stderr task/bootstrap
	[[ "$stderr" = *'the runtime API does not answer: curl: '* ]]
	unset AWS_LAMBDA_RUNTIME_API
	run -2 --separate-stderr task/bootstrap
}

@test "bootstrap: SIGTERM ends it at once, while it waits and while it works, with all that runs" {
	stand_in acc-sqs-drain "echo \$\$ >$PWD/working; exec sleep 60"
	start_api '[{"event":{},"delay":2}]'
	task/bootstrap 2>/dev/null 3>&- &
	process=$!
	sleep 1
	kill "$process"
	status=0
	wait "$process" || status=$?
	[ "$status" -eq 143 ]
	[ ! -e working ]
	[ -z "$(ls -A tmp)" ]
	stop_api
	rm -rf api

	start_api '[{"event":{}}]'
	task/bootstrap 2>/dev/null 3>&- &
	process=$!
	for _ in {1..50}; do
		[ ! -s working ] || break
		sleep 0.1
	done
	kill "$process"
	status=0
	wait "$process" || status=$?
	[ "$status" -eq 143 ]
	run -1 kill -0 "$(<working)"
	[ -z "$(ls -A tmp)" ]
}

@test "bootstrap: SIGTERM ends it as the first process of a container, too" {
	unshare -rpf true || skip "there are no namespaces to be had"
	stand_in acc-sqs-drain "exit 1"
	start_api '[{"event":{},"delay":4}]'
	unshare -rpf --kill-child task/bootstrap 2>/dev/null 3>&- &
	process=$!
	sleep 1
	pkill -TERM -P "$process"
	timeout 2 tail --pid="$process" -f /dev/null || kill -KILL "$process"
	status=0
	wait "$process" || status=$?
	[ "$status" -eq 3 ]
	[ -z "$(ls -A tmp)" ]
}
