#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # bats sets stderr and runs tests in subshells; inner shells expand
bats_require_minimum_version 1.5.0
load helpers
load servers/servers

setup_file() {
	servers_start
	make_bucket src
	make_bucket dest
	local here=$BATS_FILE_TMPDIR n
	for n in 1 2 3 4 5; do
		printf '{"partner_name":"Partner_%s","accommodation_id":"10%s","accommodation_data":{"name":"hotel %s"}}\n' \
			A "$n" "$n" B "$n" "$n" >"$here/$n.jsonl"
		put_object src "in/$n.jsonl" "$here/$n.jsonl"
	done
	printf '{"partner_name":"A","accommodation_id":"1","accommodation_data":{}}\nnot json\n' >"$here/bad"
	put_object src in/bad.jsonl "$here/bad"
}

teardown_file() {
	no_bad_signatures
	servers_stop
}

setup() {
	in_own_directory
	queue=$(make_queue "q$BATS_TEST_NUMBER")
}

teardown() {
	faults '[]'
}

chain='acc-fetch | acc-merge | acc-split -d spool | acc-put s3://dest/'"t$BATS_TEST_NUMBER"

announce_all() { # KEY...
	local key
	for key; do send "$queue" "$(announce src "$key")"; done
}

# ---- the plain form

@test "acc-sqs-drain: prints each object once with all its messages, and --ack deletes them" {
	announce_all in/1.jsonl in/2.jsonl in/1.jsonl
	run -0 --separate-stderr acc-sqs-drain --wait 0 "$queue"
	[ "$stderr" = "" ]
	[ "$(jq -r .uri <<<"$output")" = $'s3://src/in/1.jsonl\ns3://src/in/2.jsonl' ]
	[ "$(jq -c '[.messages[].id] | length' <<<"$output")" = $'2\n1' ]
	[ "$(jq -r '.messages[0] | keys | join(" ")' <<<"${lines[0]}")" = 'id receipt_handle receive_count' ]
	[ "$(queue_size "$queue")" -eq 3 ]
	printf '%s\n' "$output" >refs
	run -0 --separate-stderr acc-sqs-drain --ack "$queue" <refs
	[ "$output$stderr" = "" ]
	[ "$(queue_size "$queue")" -eq 0 ]
}

@test "acc-sqs-drain: what it prints goes down the chain" {
	announce_all in/1.jsonl in/2.jsonl
	run -0 sh -c 'acc-sqs-drain --wait 0 "$0" | tee refs | acc-fetch | acc-merge | acc-split -d spool |
		acc-put s3://dest/plain && acc-sqs-drain --ack "$0" <refs' "$queue"
	[ "$(queue_size "$queue")" -eq 0 ]
	[ "$(jq -r .records <<<"$output")" = 2 ]
}

@test "acc-sqs-drain: a chain whose end is missing behind somebody's filter proves nothing" {
	announce_all in/1.jsonl
	for end in 'acc-merge | acc-split -d spool | sort | acc-putt s3://dest/ | cat' 'sort | acc-merg | cat' \
		'acc-merge | sort | acc-splt | cat' 'acc-merge | acc-split -d spool | (cat; acc-putt s3://dest/) | cat'; do
		run -1 --separate-stderr acc-sqs-drain --wait 0 --visibility 1 "$queue" -- sh -c "acc-fetch | $end"
		[[ "$stderr" = *"records into a pipe, and nothing tells what became of them"* ]] || { echo "$end: $stderr"; return 1; }
		sleep 1.2
	done
	[ "$(queue_size "$queue")" -eq 1 ]
	run -0 acc-sqs-drain --wait 0 "$queue" -- sh -c "$chain | tee receipts | cat"
	[ "$(queue_size "$queue")" -eq 0 ]
}

@test "acc-sqs-drain: an empty queue is no error" {
	run -0 --separate-stderr acc-sqs-drain --wait 0 "$queue"
	[ "$output$stderr" = "" ]
	run -0 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- false
	[ "$output$stderr" = "" ]
}

@test "acc-sqs-drain: of a message that comes twice at once the newer handle is printed and deletes" {
	twice=$(jq -nc --arg body "$(announce src in/1.jsonl)" '[{kind:"body",service:"sqs",operation:"ReceiveMessage",times:1,body:
		({Messages:[{MessageId:"m",ReceiptHandle:"old",Body:$body},{MessageId:"m",ReceiptHandle:"new",Body:$body}]}|tojson)}]')
	faults "$twice"
	run -0 --separate-stderr acc-sqs-drain --once --wait 0 "$queue"
	[ "$(jq -c '[.messages[].receipt_handle]' <<<"$output")" = '["new"]' ]
	faults "$twice"
	run acc-sqs-drain --once --wait 0 "$queue" -- sh -c "tee refs | $chain"
	[ "$(jq -c '[.messages[].receipt_handle]' refs)" = '["new"]' ]
}

@test "acc-sqs-drain: --once takes one batch" {
	announce_all in/1.jsonl in/2.jsonl in/3.jsonl in/4.jsonl
	run -0 acc-sqs-drain --wait 0 --once --batch 3 "$queue"
	[ "${#lines[@]}" -eq 3 ]
}

@test "acc-sqs-drain: test events and removals are acknowledged, what is not understood stays and is named" {
	send "$queue" '{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"src"}'
	send "$queue" '{"Records":[{"eventVersion":"2.1","eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"src"},"object":{"key":"k"}}}]}'
	run -0 --separate-stderr acc-sqs-drain --wait 0 "$queue"
	[ "$output$stderr" = "" ]
	[ "$(queue_size "$queue")" -eq 0 ]
	send "$queue" 'hello'
	announce_all in/1.jsonl
	run -1 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- sh -c "$chain"
	[[ "$stderr" = "acc-sqs-drain: message "*" stays in the queue: it is no JSON object" ]]
	[ "$(queue_size "$queue")" -eq 1 ]
}

@test "acc-sqs-drain: notifications in the envelopes of SNS and EventBridge are opened" {
	send "$queue" "$(jq -nc --arg m "$(announce src in/1.jsonl)" '{Type:"Notification",MessageId:"m",TopicArn:"arn:aws:sns:r:1:t",Message:$m}')"
	send "$queue" '{"version":"0","detail-type":"Object Created","source":"aws.s3","time":"2021-02-01T11:07:57Z","detail":{"bucket":{"name":"src"},"object":{"key":"in/2.jsonl","size":5,"etag":"e"}}}'
	run -0 acc-sqs-drain --wait 0 "$queue"
	[ "$(jq -r .uri <<<"$output" | sort)" = $'s3://src/in/1.jsonl\ns3://src/in/2.jsonl' ]
}

@test "acc-sqs-drain: the highest sequencer of an object counts" {
	send "$queue" "$(announce src in/1.jsonl '{"sequencer":"0B","eTag":"new"}')"
	send "$queue" "$(announce src in/1.jsonl '{"sequencer":"0A","eTag":"old"}')"
	run -0 acc-sqs-drain --wait 0 "$queue"
	[ "$(jq -c '[.etag,.sequencer,(.messages|length)]' <<<"$output")" = '["new","0B",2]' ]
}

@test "acc-sqs-drain: queues are named by URL, sqs:// and ARN" {
	announce_all in/1.jsonl
	run -0 acc-sqs-drain --wait 0 --visibility 1 "sqs://q$BATS_TEST_NUMBER"
	[ "${#lines[@]}" -eq 1 ]
	sleep 1.2
	run -0 acc-sqs-drain --wait 0 "arn:aws:sqs:us-east-1:000000000000:q$BATS_TEST_NUMBER"
	[ "${#lines[@]}" -eq 1 ]
	[ "$(jq .messages[0].receive_count <<<"$output")" = 2 ]
}

# ---- the command form

@test "acc-sqs-drain: a command's work that the journal proves deletes the messages" {
	announce_all in/1.jsonl in/2.jsonl in/3.jsonl
	mark=$(log_mark)
	run -0 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- sh -c "$chain"
	[ "$stderr" = "" ]
	[ "$(jq -r .records <<<"$output")" = 3 ]
	[ "$(queue_size "$queue")" -eq 0 ]
	# nothing was deleted before it was stored
	[ "$(log_since "$mark" | jq -r 'select(.operation == "PUT" or .operation == "DeleteMessageBatch") | .operation' | uniq | tr '\n' ' ')" = 'PUT DeleteMessageBatch ' ]
}

@test "acc-sqs-drain: more messages than a batch are worked on batch by batch" {
	for n in 1 2 3 4 5 1 2 3 4 5 1 2; do announce_all "in/$n.jsonl"; done
	run -0 acc-sqs-drain --wait 0 --batch 5 "$queue" -- sh -c "echo batch >>batches; $chain"
	[ "$(queue_size "$queue")" -eq 0 ]
	[ "$(wc -l <batches)" -ge 3 ]
}

@test "acc-sqs-drain: a large batch is gathered over several receives" {
	for n in 1 2 3 4 5 1 2 3 4 5 1 2 3 4; do announce_all "in/$n.jsonl"; done
	run -0 acc-sqs-drain --wait 0 --batch 100 "$queue" -- sh -c "echo batch >>batches; $chain"
	[ "$(queue_size "$queue")" -eq 0 ]
	[ "$(wc -l <batches)" -eq 1 ]
}

@test "acc-sqs-drain: --window gathers what comes meanwhile" {
	announce_all in/1.jsonl
	(sleep 0.7 && announce_all in/2.jsonl) 3>&- &
	pid=$!
	run -0 acc-sqs-drain --wait 1 --once --window 2s "$queue" -- sh -c "tee refs | $chain"
	wait "$pid"
	[ "$(wc -l <refs)" -eq 2 ]
}

still_there() { # COUNT: the messages were not deleted
	[ "$(queue_size "$queue")" -eq "$1" ]
}

@test "acc-sqs-drain: a stage that is killed keeps every message" {
	announce_all in/1.jsonl in/2.jsonl
	for stage in fetch merge split put; do
		cat >"acc-$stage.killed" <<-X
			#!/bin/sh
			exec sh -c 'echo "{\"event\":\"start\",\"tool\":\"acc-$stage\",\"pid\":\$\$}" >>"\$ACC_JOURNAL"; kill -9 \$\$'
		X
		chmod +x "acc-$stage.killed"
		run -1 --separate-stderr acc-sqs-drain --wait 0 --visibility 1 "$queue" -- sh -c "${chain/acc-$stage/./acc-$stage.killed}"
		[[ "$stderr" = *"acc-sqs-drain: the batch failed, its messages stay in the queue: "* ]]
		still_there 2
		sleep 1.3
	done
}

@test "acc-sqs-drain: the real stages killed in the middle keep every message" {
	announce_all in/1.jsonl in/2.jsonl
	run -1 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- sh -c \
		'exec 3<&0; acc-fetch <&3 | acc-merge | (cat; sleep 1) | sh -c "echo \$\$ >pid; exec acc-split -d spool" |
			acc-put s3://dest/k & sleep 0.5; kill -9 "$(cat pid)"; wait'
	[[ "$stderr" = *"acc-split (process "*") started but did not finish"* ]]
	still_there 2
}

@test "acc-sqs-drain: an acc-consolidate that is killed between its stages keeps every message, though its status is hidden" {
	announce_all in/1.jsonl in/2.jsonl
	mkdir stages
	cp "$(command -v acc-consolidate)" stages
	cat >stages/acc-split <<-X
		#!/bin/sh
		[ -p /dev/stdin ] || exec '$(command -v acc-split)' "\$@"
		'$(command -v acc-split)' "\$@"
		kill -9 "\$PPID"
	X
	chmod +x stages/acc-split
	run -1 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- sh -c 'stages/acc-consolidate s3://dest/killed | cat'
	[[ "$stderr" = *"acc-consolidate (process "*") started but did not finish"* ]]
	still_there 2
}

@test "acc-sqs-drain: a stage that ends with 3 in the middle of a plain pipe keeps every message" {
	announce_all in/1.jsonl in/2.jsonl
	run -1 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- sh -c \
		'acc-fetch | acc-merge -T /nonexistent -S 1 --priority A,B | acc-split -d /dev/null/no | acc-put s3://dest/x'
	[[ "$stderr" = *"the batch failed"* ]]
	still_there 2
}

@test "acc-sqs-drain: a command that never reads its input deletes nothing" {
	announce_all in/1.jsonl
	run -1 --separate-stderr acc-sqs-drain --wait 0 --visibility 1 "$queue" -- true
	[[ "$stderr" = *"left nothing in the journal, which proves nothing (see --trust-status)"* ]]
	still_there 1
	sleep 1.2
	run -1 --separate-stderr acc-sqs-drain --wait 0 --visibility 1 "$queue" -- sh -c 'acc-fetch </dev/null | acc-merge | acc-split -d spool | acc-put s3://dest/n'
	[[ "$stderr" = *"acc-fetch was given none of the 1 references"* ]]
	still_there 1
	sleep 1.2
	run -1 --separate-stderr acc-sqs-drain --wait 0 --visibility 1 "$queue" -- acc-consolidate -q -p A, s3://src/in/2.jsonl s3://dest/n
	[[ "$stderr" = *"acc-fetch was given none of the 1 references"* ]]
	still_there 1
	sleep 1.2
	run -1 --separate-stderr acc-sqs-drain --wait 0 --visibility 1 "$queue" -- sh -c \
		'cat >/dev/null; echo s3://src/in/2.jsonl | acc-consolidate -q -p A, s3://dest/n'
	[[ "$stderr" = *"acc-fetch was given 1 references, but not those of the batch"* ]]
	still_there 1
	sleep 1.2
	run -1 --separate-stderr acc-sqs-drain --wait 0 --visibility 1 --filtered "$queue" -- sh -c \
		'acc-fetchh | grep -v nothing | acc-merge | acc-split -d spool | acc-put s3://dest/n'
	[[ "$stderr" = *"nothing in the journal tells that the references were read"* ]]
	still_there 1
	sleep 1.2
	run -0 acc-sqs-drain --wait 0 --trust-status "$queue" -- true
	still_there 0
}

@test "acc-sqs-drain: a filter that loses lines keeps every message, unless --filtered says it is meant" {
	announce_all in/1.jsonl in/2.jsonl
	run -1 --separate-stderr acc-sqs-drain --wait 0 --visibility 1 "$queue" -- sh -c \
		'acc-fetch | sed -n 1p | acc-merge | acc-split -d spool | acc-put s3://dest/f'
	[[ "$stderr" = *"acc-fetch wrote "*" records, but acc-merge read 1"* ]]
	still_there 2
	sleep 1.2
	run -0 acc-sqs-drain --wait 0 --filtered "$queue" -- sh -c \
		'acc-fetch | sed -n 1p | acc-merge | acc-split -d spool | acc-put s3://dest/g'
	still_there 0
}

@test "acc-sqs-drain: a misspelt command in the pipe keeps every message" {
	announce_all in/1.jsonl
	run -1 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- sh -c 'acc-fetch | acc-merg | acc-split -d spool | acc-put s3://dest/m'
	still_there 1
}

@test "acc-sqs-drain: an object that the selection leaves out is done, and fails no batch" {
	announce_all in/1.jsonl in/2.jsonl
	run -0 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- acc-consolidate --exclude 'in/2*' "$PWD/out"
	[ "$stderr" = "" ]
	[ "$(jq .records <<<"$output")" = 1 ]
	[ "$(queue_size "$queue")" -eq 0 ]
}

@test "acc-sqs-drain: a missing object fails its own message alone, and the run ends" {
	announce_all in/1.jsonl in/gone.jsonl in/2.jsonl
	run -1 --separate-stderr acc-sqs-drain --wait 0 --visibility 1 --batch 2 "$queue" -- sh -c "$chain"
	[[ "$stderr" = *"s3://src/in/gone.jsonl: cannot read 's3://src/in/gone.jsonl': NoSuchKey"* ]]
	still_there 1
}

@test "acc-sqs-drain: a message that failed costs a long run two receives, and comes back when it ends" {
	announce_all in/1.jsonl
	run -1 --separate-stderr acc-sqs-drain --wait 5 --visibility 2 "$queue" -- false
	sleep 2.2
	run -0 acc-sqs-drain --wait 0 "$queue"
	[ "$(jq -c '.messages[].receive_count' <<<"$output")" = 3 ]
}

@test "acc-sqs-drain: what failed is in its own journal, and the command's is another" {
	announce_all in/gone.jsonl in/1.jsonl
	send "$queue" hello
	ACC_JOURNAL=$PWD/own run -1 acc-sqs-drain --wait 0 "$queue" -- sh -c "cp \"\$ACC_JOURNAL\" before; $chain"
	[ ! -s before ]
	[ "$(jq -r .tool own | sort -u)" = acc-sqs-drain ]
	[ "$(jq -r .event own | xargs)" = "start failed failed done" ]
	[ "$(jq -c 'select(.event == "failed") | [.uri, .code, (.messages | length)]' own | sort)" = \
		$'["","unknown-message",1]\n["s3://src/in/gone.jsonl","message-failed",1]' ]
	[ "$(jq -c 'select(.event == "done") | [.status, .counts.deleted, .counts.failed]' own)" = '[1,1,2]' ]
}

@test "acc-sqs-drain: a refused record fails its message unless --rejects took it" {
	announce_all in/bad.jsonl in/1.jsonl
	run -1 --separate-stderr acc-sqs-drain --wait 0 --visibility 1 "$queue" -- sh -c "$chain"
	[[ "$stderr" = *"stays in the queue: s3://src/in/bad.jsonl: "* ]]
	still_there 1
	sleep 1.2
	run -0 acc-sqs-drain --wait 0 "$queue" -- sh -c "${chain/acc-fetch/acc-fetch --rejects rejects}"
	still_there 0
	[ "$(wc -l <rejects)" -eq 1 ]
}

@test "acc-sqs-drain: a command that does not exist is wrong usage, and the messages stay" {
	announce_all in/1.jsonl
	run -2 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- no-such-command
	[ "$stderr" = "acc-sqs-drain: cannot run 'no-such-command': No such file or directory" ]
	still_there 1
	mark=$(log_mark)
	run -2 acc-sqs-drain --wait 0 "$queue" -- ./no-such-command
	touch not-for-running
	run -2 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- ./not-for-running
	[ "$stderr" = "acc-sqs-drain: cannot run './not-for-running': Permission denied" ]
	[ "$(log_since "$mark" | wc -l)" -eq 0 ]
}

@test "acc-sqs-drain: messages stay invisible while the command runs longer than their time-out" {
	announce_all in/1.jsonl
	run -0 acc-sqs-drain --wait 0 --visibility 2 "$queue" -- sh -c \
		"sleep 4; curl -s \$ENDPOINT/_control -d '{\"do\":\"sdk\",\"service\":\"sqs\",\"command\":\"ReceiveMessage\",\"input\":{\"QueueUrl\":\"$queue\"}}' >seen; $chain"
	[ "$(jq '.Messages | length' seen)" -eq 0 ]
	still_there 0
}

@test "acc-sqs-drain: with --follow printed messages stay invisible until they are acknowledged" {
	announce_all in/1.jsonl in/2.jsonl
	acc-sqs-drain --wait 1 --visibility 2 --follow "$queue" >refs 2>errors 3>&- &
	drain=$!
	eventually has_lines refs 2
	sleep 5
	# neither was delivered again
	[ "$(wc -l <refs)" -eq 2 ]
	head -n 1 refs | acc-sqs-drain --ack "$queue"
	still_there 1
	sleep 2
	kill "$drain"
	run wait "$drain"
	# what was acknowledged is no news
	[ "$(cat errors)" = "" ]
	sleep 2.5
	run -0 acc-sqs-drain --wait 0 "$queue"
	[ "${#lines[@]}" -eq 1 ]
}

@test "acc-sqs-drain: --timeout ends the command with all its children" {
	announce_all in/1.jsonl
	run -1 --separate-stderr acc-sqs-drain --wait 0 --timeout 1s "$queue" -- sh -c 'sleep 31.4159 | sleep 31.4159'
	[[ "$stderr" = *"the command was ended: its time was up"* ]]
	run ! pgrep -f 'sleep 31.4159'
	still_there 1
}

@test "acc-sqs-drain: a signal ends the command, too" {
	announce_all in/1.jsonl
	export TMPDIR=$PWD/tmp
	mkdir tmp
	acc-sqs-drain --wait 0 "$queue" -- sh -c 'echo here >started; sleep 27.1828 | cat' 3>&- &
	pid=$!
	eventually test -s started
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ $status -eq 143 ]
	run ! pgrep -f 'sleep 27.1828'
	[ -z "$(ls tmp)" ]
}

@test "acc-sqs-drain: the receipts of the command reach standard output" {
	announce_all in/1.jsonl
	run -0 acc-sqs-drain --wait 0 "$queue" -- sh -c "$chain"
	[[ "$(jq -r .uri <<<"$output")" = s3://dest/*.jsonl ]]
}

failed_delete() { # SENDER_FAULT CODE: the reply to a batch of two, of which the first is refused
	jq -nc --argjson fault "$1" --arg code "$2" '{kind:"body",service:"sqs",operation:"DeleteMessageBatch",times:1,
		body:({Successful:[{Id:"1"}],Failed:[{Id:"0",SenderFault:$fault,Code:$code,Message:"no"}]} | tojson)}'
}

@test "acc-sqs-drain: a delete that is refused in part is repeated, a stale handle is reported" {
	announce_all in/1.jsonl in/2.jsonl
	acc-sqs-drain --wait 0 "$queue" >refs
	faults "[$(failed_delete false InternalError)]"
	mark=$(log_mark)
	run -0 --separate-stderr acc-sqs-drain --ack "$queue" <refs
	[ "$(log_since "$mark" | jq -s 'map(select(.operation == "DeleteMessageBatch")) | length')" -eq 2 ]
	faults "[$(failed_delete true ReceiptHandleIsInvalid)]"
	mark=$(log_mark)
	run -1 --separate-stderr acc-sqs-drain --ack "$queue" <refs
	[[ "$stderr" = "acc-sqs-drain: message "*" could not be deleted: ReceiptHandleIsInvalid: no; it will be delivered again" ]]
	[ "$(log_since "$mark" | jq -s 'map(select(.operation == "DeleteMessageBatch")) | length')" -eq 1 ]
}

@test "acc-sqs-drain: a call that is refused for some messages leaves out no others" {
	for _ in $(seq 25); do announce_all in/1.jsonl; done
	acc-sqs-drain --wait 0 "$queue" >refs
	[ "$(jq '.messages | length' refs)" -eq 25 ]
	faults '[{"kind":"error","service":"sqs","operation":"DeleteMessageBatch","status":400,"code":"AccessDenied","times":1}]'
	mark=$(log_mark)
	run -3 --separate-stderr acc-sqs-drain --ack "$queue" <refs
	[[ "$stderr" = *AccessDenied* ]]
	[ "$(log_since "$mark" | jq -s 'map(select(.operation == "DeleteMessageBatch")) | length')" -eq 3 ]
	[ "$(queue_size "$queue")" -eq 10 ]
}

@test "acc-sqs-drain: --ack has read a hundred thousand references at once" {
	awk 'BEGIN { for (i = 0; i < 100000; i++)
		printf "{\"uri\":\"s3://b/%d\",\"messages\":[{\"id\":\"%d\",\"receipt_handle\":\"AQEB%012d\"}]}\n", i, i, i * 7919 % 100000 }' >refs
	run -3 --separate-stderr timeout 8 acc-sqs-drain --ack "${queue%/*}/none" <refs
	[[ "$stderr" = "acc-sqs-drain: cannot delete messages of "*QueueDoesNotExist* ]]
}

@test "acc-sqs-drain: a message whose handle goes stale while it is held is not deleted" {
	announce_all in/1.jsonl
	faults '[{"kind":"body","service":"sqs","operation":"ChangeMessageVisibilityBatch","body":"{\"Failed\":[{\"Id\":\"0\",\"SenderFault\":true,\"Code\":\"ReceiptHandleIsInvalid\"}]}"}]'
	mark=$(log_mark)
	run -1 --separate-stderr acc-sqs-drain --wait 0 --once --visibility 2 "$queue" -- sh -c "sleep 1.5; $chain"
	[[ "$stderr" = "acc-sqs-drain: message "*" is no longer ours (ReceiptHandleIsInvalid); it is left to be delivered again" ]]
	[ -z "$(log_since "$mark" | jq 'select(.operation == "DeleteMessageBatch")')" ]
}

@test "acc-sqs-drain: a message that is done is let go while an extension hangs" {
	announce_all in/1.jsonl
	faults '[{"kind":"delay","delay":15000,"service":"sqs","operation":"ChangeMessageVisibilityBatch"}]'
	mark=$(log_mark)
	begin=$SECONDS
	run -0 --separate-stderr acc-sqs-drain --wait 0 --once --visibility 3 "$queue" -- sh -c "sleep 1.5; $chain"
	[ $((SECONDS - begin)) -lt 14 ]
	faults '[]'
	received=$(log_since "$mark" | jq -s 'map(select(.operation == "ReceiveMessage").ms) | min')
	deleted=$(log_since "$mark" | jq 'select(.operation == "DeleteMessageBatch").ms')
	[ $((deleted - received)) -lt 5000 ]
	announce_all in/1.jsonl
	faults '[{"kind":"delay","delay":15000,"service":"sqs","operation":"ChangeMessageVisibilityBatch"}]'
	begin=$SECONDS
	run -0 --separate-stderr acc-sqs-drain --wait 0 --once --visibility 3 --deadline $(($(date +%s000) + 5000)) "$queue" -- sh -c "sleep 1.5; $chain"
	[ $((SECONDS - begin)) -lt 8 ]
}

@test "acc-sqs-drain: --max-receives warns before a message goes to the dead-letter queue" {
	announce_all in/1.jsonl
	acc-sqs-drain --wait 0 --visibility 1 "$queue" >/dev/null
	sleep 1.2
	run -0 --separate-stderr acc-sqs-drain --wait 0 --max-receives 2 "$queue"
	[[ "$stderr" = *"about s3://src/in/1.jsonl was received 2 times; it goes to the dead-letter queue when it fails again" ]]
}

@test "acc-sqs-drain: --notify publishes what failed" {
	topic=$(sdk sns CreateTopic '{"Name":"failures"}' | jq -r .TopicArn)
	inbox=$(make_queue inbox)
	sdk sns Subscribe "{\"TopicArn\":\"$topic\",\"Protocol\":\"sqs\",\"Endpoint\":\"arn:aws:sqs:us-east-1:000000000000:inbox\"}" >/dev/null
	announce_all in/gone.jsonl in/1.jsonl
	run -1 acc-sqs-drain --wait 0 --notify "$topic" "$queue" -- sh -c "$chain"
	letter=$(sdk sqs ReceiveMessage "{\"QueueUrl\":\"$inbox\"}" | jq -r '.Messages[0].Body | fromjson')
	[[ "$(jq -r .Message <<<"$letter")" = *"s3://src/in/gone.jsonl: cannot read"*NoSuchKey* ]]
	[[ "$(jq -r .Subject <<<"$letter")" = "Accommodation consolidation: 1 of 2 messages failed" ]]
}

@test "acc-sqs-drain: --notify names every object of a batch that failed, and what was not understood" {
	topic=$(sdk sns CreateTopic '{"Name":"all"}' | jq -r .TopicArn)
	inbox=$(make_queue all)
	sdk sns Subscribe "{\"TopicArn\":\"$topic\",\"Protocol\":\"sqs\",\"Endpoint\":\"arn:aws:sqs:us-east-1:000000000000:all\"}" >/dev/null
	send "$queue" "$(jq -c '.Records += [.Records[0] | .s3.object.key = "in/2.jsonl"]' <<<"$(announce src in/1.jsonl)")"
	run -1 acc-sqs-drain --wait 0 --notify "$topic" "$queue" -- false
	letter=$(sdk sqs ReceiveMessage "{\"QueueUrl\":\"$inbox\"}" | jq -r '.Messages[0].Body | fromjson | .Message')
	[[ "$letter" = *"The whole batch failed: the command ended with status 1"* ]]
	[[ "$letter" = *$'\n'"s3://src/in/1.jsonl: the command ended with status 1 "*$'\n'"s3://src/in/2.jsonl: the command ended with status 1 "* ]]
	send "$queue" hello
	run -1 acc-sqs-drain --wait 0 --notify "$topic" "$queue"
	letter=$(sdk sqs ReceiveMessage "{\"QueueUrl\":\"$inbox\"}" | jq -r '.Messages[0].Body | fromjson | .Message')
	[[ "$letter" = *"message "*": it is no JSON object"* ]]
}

@test "acc-sqs-drain: --metrics emf prints one line a batch" {
	announce_all in/1.jsonl in/2.jsonl
	run -0 --separate-stderr acc-sqs-drain --wait 0 --metrics emf "$queue" -- sh -c "$chain"
	[ "$(jq -c '[.ObjectsReceived,.ObjectsProcessed,.ObjectsFailed,.RecordsRead,.RecordsWritten,.FilesStored]' <<<"$stderr")" = '[2,2,0,4,2,1]' ]
	[ "$(jq -r '._aws.CloudWatchMetrics[0].Namespace' <<<"$stderr")" = AccommodationConsolidator ]
}

# ---- --event

lambda_event() { # KEY...
	local key n=0
	for key; do
		n=$((n + 1))
		jq -nc --arg b "$(announce src "$key")" --arg id "m$n" '{messageId:$id,receiptHandle:"h",body:$b,attributes:{ApproximateReceiveCount:"1"},eventSource:"aws:sqs"}'
	done | jq -sc '{Records:.}'
}

@test "acc-sqs-drain: --event answers with the messages that failed, and with nothing else" {
	lambda_event in/1.jsonl in/gone.jsonl in/2.jsonl >event
	run -1 --separate-stderr acc-sqs-drain --event event -- sh -c "$chain"
	[ "$output" = '{"batchItemFailures":[{"itemIdentifier":"m2"}]}' ]
	lambda_event in/1.jsonl >event
	run -0 --separate-stderr acc-sqs-drain --event event -- sh -c "$chain"
	[ "$output" = '{"batchItemFailures":[]}' ]
	[ "$stderr" = "" ]
}

@test "acc-sqs-drain: --event leaves with its queue what it does not understand" {
	printf '{"Records":[{"messageId":"x","body":"hello"},{"messageId":"y","body":"{\\"Event\\":\\"s3:TestEvent\\"}"}]}' >event
	run -1 --separate-stderr acc-sqs-drain --event - -- sh -c "$chain" <event
	[ "$output" = '{"batchItemFailures":[{"itemIdentifier":"x"}]}' ]
}

@test "acc-sqs-drain: --event answers with an id once, whatever announced it twice" {
	lambda_event in/gone.jsonl in/1.jsonl in/gone.jsonl | jq -c '.Records[1].messageId = "m1"' >event
	run -1 --separate-stderr acc-sqs-drain --event event -- sh -c "$chain"
	[ "$output" = '{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m3"}]}' ]
	echo '{"Records":[]}' >event
	run -0 --separate-stderr acc-sqs-drain --event event -- false
	[ "$output" = '{"batchItemFailures":[]}' ]
}

@test "acc-sqs-drain: --event that is none answers nothing" {
	for event in '' '{' '[]' '{"Records":[{}]}'; do
		printf '%s' "$event" >event
		run --separate-stderr acc-sqs-drain --event event -- sh -c "$chain"
		[ "$status" -ne 0 ]
		[ "$output" = "" ]
		[ "$stderr" != "" ]
	done
}

@test "acc-sqs-drain: --deadline answers in time that everything failed" {
	lambda_event in/1.jsonl in/2.jsonl >event
	begun=$(date +%s%3N)
	run -1 --separate-stderr acc-sqs-drain --event event --deadline $((begun + 2000)) -- sh -c 'sleep 30'
	[ $(($(date +%s%3N) - begun)) -lt 2000 ]
	[ "$output" = '{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}' ]
	run -0 --separate-stderr acc-sqs-drain --event event --deadline 9999999999999999 -- sh -c "$chain"
	[ "$output" = '{"batchItemFailures":[]}' ]
	run -1 --separate-stderr acc-sqs-drain --event event --deadline 2021-01-01T00:00:00Z -- sh -c 'echo ran >ran'
	[ ! -e ran ]
	[ "$output" = '{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}' ]
}

@test "acc-sqs-drain: --deadline holds for a topic that does not answer" {
	announce_all in/1.jsonl
	lambda_event in/none.jsonl >event
	python3 - port 3>&- <<-'X' &
		import socket, sys, time
		s = socket.create_server(("127.0.0.1", 0))
		open(sys.argv[1], "w").write(str(s.getsockname()[1]))
		time.sleep(60)
	X
	pid=$!
	eventually test -s port
	begun=$(date +%s%3N)
	AWS_ENDPOINT_URL_SNS=http://127.0.0.1:$(cat port) run -1 --separate-stderr acc-sqs-drain --event event \
		--notify arn:aws:sns:us-east-1:123456789012:topic --deadline $((begun + 4000)) -- sh -c "$chain"
	[ $(($(date +%s%3N) - begun)) -lt 15000 ]
	[[ "$output" = '{"batchItemFailures":[{"itemIdentifier":"'*'"}]}' ]]
	kill "$pid"
}

@test "acc-sqs-drain: --follow goes on through an outage of the queue" {
	announce_all in/1.jsonl
	AWS_MAX_ATTEMPTS=2 acc-sqs-drain --follow --wait 0 "$queue" >printed 2>errors 3>&- &
	pid=$!
	eventually has_lines printed 1
	faults '[{"kind":"error","status":503,"code":"ServiceUnavailable","service":"sqs","operation":"ReceiveMessage","times":5}]'
	eventually grep -q ServiceUnavailable errors
	announce_all in/2.jsonl
	eventually has_lines printed 2
	kill "$pid"
	wait "$pid" || [ $? -eq 143 ]
}

@test "acc-sqs-drain: a drain that --deadline ends is no success, with nothing or something done, but an empty queue is" {
	announce_all in/1.jsonl in/2.jsonl
	for command in "" "-- sh -c echo"; do
		# shellcheck disable=SC2086 # is split
		run -1 --separate-stderr acc-sqs-drain --deadline 2021-01-01T00:00:00Z "$queue" $command
		[ "$output" = "" ]
		[ "$stderr" = "acc-sqs-drain: the deadline ended the drain before the queue was found empty" ]
	done
	run -1 --separate-stderr acc-sqs-drain --wait 0 --batch 1 --deadline $(($(date +%s%3N) + 4000)) "$queue" -- sh -c "$chain; sleep 2.5; exit 0"
	[[ "$stderr" = *"the deadline ended the drain before the queue was found empty" ]]
	acc-sqs-drain --wait 0 --visibility 1 --trust-status "$queue" -- true
	void=$(make_queue void)
	run -0 --separate-stderr acc-sqs-drain --wait 20 --deadline $(($(date +%s%3N) + 3000)) "$void"
	[ "$output$stderr" = "" ]
}

# ---- --check

@test "acc-sqs-drain: --check looks at queue, buckets and table, and consumes nothing" {
	sdk dynamodb CreateTable '{"TableName":"lists","KeySchema":[{"AttributeName":"ContentType","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"ContentType","AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"}' >/dev/null
	sdk dynamodb PutItem '{"TableName":"lists","Item":{"ContentType":{"S":"PriorityList"},"partner_list":{"L":[]}}}' >/dev/null
	announce_all in/1.jsonl
	run -1 --separate-stderr acc-sqs-drain --check "$queue" -- acc-consolidate --priority dynamodb://lists s3://nowhere/
	[ "$output" = "" ]
	[[ "$stderr" = *"no redrive policy"* ]]
	[[ "$stderr" = *"priority list: dynamodb://lists: the list is empty; "* ]]
	[[ "$stderr" = *"cannot look at 's3://nowhere'"*"; the bucket does not exist: check its name and AWS_ENDPOINT_URL"* ]]
	[[ "$stderr" != *topic* ]]
	sdk dynamodb PutItem '{"TableName":"lists","Item":{"ContentType":{"S":"PriorityList"},"partner_list":{"L":[{"S":"A"}]}}}' >/dev/null
	make_queue dead >/dev/null
	good=$(make_queue good '{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:dead\",\"maxReceiveCount\":10}"}')
	run -0 --separate-stderr acc-sqs-drain --check "$good" -- acc-consolidate --priority dynamodb://lists s3://dest/
	[ "$output$stderr" = "" ]
	run -0 acc-sqs-drain --wait 0 "$queue"
	[ "$(jq .messages[0].receive_count <<<"$output")" = 1 ]
	run -3 acc-sqs-drain --check sqs://nope
}

@test "acc-sqs-drain: --check reads every list as the command would" {
	make_queue dead2 >/dev/null
	good=$(make_queue good2 '{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:dead2\",\"maxReceiveCount\":10}"}')
	sdk dynamodb CreateTable '{"TableName":"black","KeySchema":[{"AttributeName":"ContentType","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"ContentType","AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"}' >/dev/null
	sdk dynamodb PutItem '{"TableName":"black","Item":{"ContentType":{"S":"PriorityList"},"partner_list":{"L":[]}}}' >/dev/null
	sdk dynamodb PutItem '{"TableName":"black","Item":{"ContentType":{"S":"BlackList"},"partner_list":{"L":[{"S":"B"}]}}}' >/dev/null
	: >empty
	put_object src empty "$PWD/empty"
	printf 'A\nB\n' >names
	run -1 --separate-stderr acc-sqs-drain --check "$good" -- acc-consolidate --priority dynamodb://black s3://dest/
	[[ "$stderr" = "acc-sqs-drain: priority list: dynamodb://black: the list is empty; "* ]]
	run -1 --separate-stderr acc-sqs-drain --check "$good" -- sh -c "acc-fetch | acc-merge --priority='s3://src/empty' --deny names | acc-split"
	[[ "$stderr" = "acc-sqs-drain: priority list: s3://src/empty: the list is empty; "* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	run -1 --separate-stderr acc-sqs-drain --check "$good" -- acc-consolidate --priority=A,B --deny s3://src/none s3://dest/
	[[ "$stderr" = "acc-sqs-drain: deny list: cannot read 's3://src/none': NoSuchKey"* ]]
	ACC_PRIORITY=nowhere run -1 --separate-stderr acc-sqs-drain --check "$good"
	[[ "$stderr" = "acc-sqs-drain: priority list: cannot open 'nowhere': "* ]]
	ACC_PRIORITY=names run -0 --separate-stderr acc-sqs-drain --check "$good" -- sh -c 'acc-merge --priority "$LIST"'
	[ "$stderr" = "" ]
}

@test "acc-sqs-drain: --check finds a command, rules and rejects that are not there, however they are written" {
	make_queue dead3 >/dev/null
	good=$(make_queue good3 '{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:dead3\",\"maxReceiveCount\":10}"}')
	finds() { # TEXT COMMAND...: nothing else is found
		local text=$1
		shift
		run -1 --separate-stderr acc-sqs-drain --check "$good" -- "$@"
		[[ "$stderr" = "acc-sqs-drain: $text"* ]] || { echo "$*: $stderr"; return 1; }
		[ "${#stderr_lines[@]}" -eq 1 ]
	}
	finds "cannot run 'no-such-command': there is no such command in PATH" no-such-command
	finds "cannot run 'no-such-command': there is no such command in PATH" no-such-command --quiet
	finds "cannot run './no-such-command': No such file" ./no-such-command
	finds "rejects go to a file, not to s3: 's3://dest/r'" acc-consolidate --rejects s3://dest/r s3://dest/
	finds "rejects go to a file, not to s3: 's3://dest/r'" sh -c 'acc-fetch -r s3://dest/r | cat'
	ACC_REJECTS=s3://dest/r finds "rejects go to a file, not to s3: 's3://dest/r'" true
	finds "rejects go to a file, and '/tmp' is a directory" acc-consolidate --rejects /tmp s3://dest/
	finds "cannot make the rejects 'no/such/r': No such file or directory" acc-consolidate -r no/such/r s3://dest/
	finds "cannot open 'nowhere'" acc-consolidate --rules nowhere s3://dest/
	ACC_RULES=nowhere finds "cannot open 'nowhere'" true
	echo '.[' >bad.jq
	finds "cannot open 'nowhere'" sh -c 'acc-fetch --map nowhere | acc-merge'
	finds "bad.jq: syntax error" acc-consolidate --map=bad.jq s3://dest/
	ACC_MAP=bad.jq finds "bad.jq: syntax error" true
	# what is on standard input is the command's
	echo '.[' | run -0 timeout 20 acc-sqs-drain --check "$good" -- acc-fetch --map - --rules - --priority -
	for option in '-p nowhere' -pnowhere '--prio nowhere' --prio=nowhere; do
		# shellcheck disable=SC2086 # is split
		finds "priority list: cannot open 'nowhere'" env X=1 acc-consolidate $option s3://dest/
		finds "priority list: cannot open 'nowhere'" sh -c "acc-fetch | acc-merge $option | cat"
	done
	finds "deny list: cannot open 'nowhere'" acc-consolidate --den=nowhere s3://dest/
	AWS_ACCESS_KEY_ID=AKIDNONE AWS_SECRET_ACCESS_KEY=none-secret run -3 --separate-stderr acc-sqs-drain --check "$good" s3://dest/
	[[ "$stderr" = *"cannot look at 's3://dest'"*" need s3:ListBucket" ]]
	# -p and -r of others say something else
	run -0 --separate-stderr acc-sqs-drain --check "$good" -- sh -c $'mkdir -p nowhere; acc-fetch | cat\ncp -r nowhere s3 | touch -r nowhere'
	[ "$stderr" = "" ]
}

# ---- usage

@test "acc-sqs-drain: wrong usage ends with 2 before anything is asked" {
	mark=$(log_mark)
	for arguments in "" "a b" "--ack" "--event x" "--once --follow q" "q --" "nonsense" "--batch 0 q" "--deadline soon q" "--ack --check q" "--notify topic q"; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr acc-sqs-drain $arguments
		[[ "$stderr" = "acc-sqs-drain: "* ]]
	done
	[ -z "$(log_since "$mark")" ]
}

@test "acc-sqs-drain: a queue or an endpoint with a user name or password is wrong usage, and not repeated" {
	for arguments in "" --ack --check; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr acc-sqs-drain -v $arguments "${queue/:\/\//://me:pw-not-to-be-printed@}" </dev/null
		[[ "$output$stderr" = *"the queue's URL has a user name or password (not shown): leave it out"* ]]
		[[ "$output$stderr" != *not-to-be-printed* ]]
	done
	AWS_ENDPOINT_URL=${ENDPOINT/:\/\//://me:pw-not-to-be-printed@} run -2 --separate-stderr acc-sqs-drain -v sqs://q
	[[ "$stderr" = *"the endpoint URL has a user name or password (not shown): leave it out"* ]]
	[[ "$stderr" != *not-to-be-printed* ]]
}

@test "acc-sqs-drain: no secret is in any message at any verbosity" {
	announce_all in/1.jsonl in/gone.jsonl
	acc-sqs-drain -v -v --wait 0 "$queue" -- sh -c "acc-fetch -v -v | acc-merge -v -v | acc-split -v -v -d spool | acc-put -v -v s3://dest/s" >out 2>&1 || true
	AWS_SESSION_TOKEN=session-not-to-be-printed acc-sqs-drain -v -v --log-format json --wait 0 "$queue" >>out 2>&1 || true
	[ -s out ]
	run ! grep -e not-to-be-printed -e Authorization -e Signature= out
}

# ---- what a killed one leaves

@test "acc-sqs-drain: the journal of one that was killed goes with the next start, once its command is gone" {
	mkdir tmp
	export TMPDIR=$PWD/tmp
	lambda_event in/1.jsonl >event
	acc-sqs-drain --event event -- sh -c 'echo $$ >command.pid; exec sleep 60' >/dev/null 2>&1 3>&- &
	pid=$!
	for _ in $(seq 200); do [ -s command.pid ] && break; sleep 0.05; done
	left=$(ls tmp/*)
	run -0 acc-sqs-drain --event event -- sh -c "$chain"
	[ "$(ls tmp/*)" = "$left" ] # it lives
	kill -s KILL "$pid"
	wait "$pid" || true
	run -0 acc-sqs-drain --event event -- sh -c "$chain"
	[ "$(ls tmp/*)" = "$left" ] # its command lives
	kill "$(cat command.pid)"
	for _ in $(seq 200); do kill -0 "$(cat command.pid)" 2>/dev/null || break; sleep 0.05; done
	run -0 acc-sqs-drain --event event -- sh -c "$chain"
	[ -z "$(ls tmp)" ]
}

@test "acc-sqs-drain: only what is a stale journal of its own is removed" {
	mkdir tmp outside
	export TMPDIR=$PWD/tmp
	lambda_event in/1.jsonl >event
	echo keep >outside/journal
	ln -s ../outside tmp/acc-sqs-drain.aaaaaa
	mkdir -m 755 tmp/acc-sqs-drain.bbbbbb
	mkdir -m 700 tmp/acc-sqs-drain.ccccccc tmp/acc-consolidate.cccccc
	install -m 700 /dev/null tmp/acc-sqs-drain.dddddd
	mkfifo -m 700 tmp/acc-sqs-drain.eeeeee
	mkdir -m 700 tmp/acc-sqs-drain.backup
	echo precious >tmp/acc-sqs-drain.backup/references
	touch -h -d "1 hour ago" tmp/*
	before=$(ls tmp)
	mkdir -m 700 tmp/acc-sqs-drain.0aZ9zz
	: >tmp/acc-sqs-drain.0aZ9zz/journal
	run -0 --separate-stderr acc-sqs-drain --event event -- sh -c "$chain"
	[ "$(ls tmp)" = "$before" ]
	[ "$(cat outside/journal)" = keep ]
	[ "$(cat tmp/acc-sqs-drain.backup/references)" = precious ]
}

@test "acc-sqs-drain: a process that outlives the batch does not make its journal anew" {
	mkdir tmp
	export TMPDIR=$PWD/tmp
	lambda_event in/1.jsonl >event
	run -1 acc-sqs-drain --event event -- sh -c '(sleep 0.5; acc-fetch in >late 2>&1; echo $? >status) >/dev/null 2>&1 3>&- & exit 1'
	for _ in $(seq 100); do [ -s status ] && break; sleep 0.1; done
	[ "$(cat status)" -ne 0 ]
	[[ "$(cat late)" = "acc-fetch: cannot open the journal '"* ]] || { cat late; return 1; }
	[ -z "$(ls tmp)" ]
}

# ---- damaged replies

@test "acc-sqs-drain: what came before the queue gave no more is printed, or worked on, and it ends with 3" {
	announce_all in/1.jsonl
	over='[{"kind":"error","service":"sqs","operation":"ReceiveMessage","status":400,"code":"OverLimit","message":"too many in flight","every":2}]'
	faults "$over"
	run -3 --separate-stderr acc-sqs-drain --wait 0 --visibility 1 "$queue"
	[ "$(jq -r .uri <<<"$output")" = s3://src/in/1.jsonl ]
	[[ "$stderr" = "acc-sqs-drain: cannot receive from '"*"OverLimit"* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	sleep 1.2
	faults "$over"
	run -3 --separate-stderr acc-sqs-drain --wait 0 "$queue" -- sh -c "$chain"
	[ "$(jq -r .records <<<"$output")" = 1 ]
	[ "$(queue_size "$queue")" -eq 0 ]
}

@test "acc-sqs-drain: a message that does not fit its MD5, or lacks its id or handle, is left alone and named" {
	body=$(announce src in/1.jsonl)
	sum=$(printf %s "$body" | md5sum | cut -d ' ' -f 1)
	reply() { # ID HANDLE MD5
		jq -nc --arg id "$1" --arg handle "$2" --arg sum "$3" --arg body "$body" \
			'{Messages:[{MessageId:$id,ReceiptHandle:$handle,MD5OfBody:$sum,Body:$body}]}'
	}
	receive() {
		faults "$(jq -nc --arg body "$(reply "$@")" '[{kind:"body",service:"sqs",operation:"ReceiveMessage",body:$body,times:1}]')"
		run -0 --separate-stderr acc-sqs-drain --once --wait 0 "$queue"
	}
	receive m h "$sum"
	[ "$(jq -r .uri <<<"$output")" = s3://src/in/1.jsonl ]
	[ "$stderr" = "" ]
	receive m h "${sum^^}"
	[ "$(jq -r .uri <<<"$output")" = s3://src/in/1.jsonl ]
	for damage in "m h 0$sum" "m h ${sum%?}" "m h ${sum/[0-4]/5}" "'' h $sum" "m '' $sum"; do
		eval "receive $damage"
		[ "$output" = "" ]
		[[ "$stderr" = "acc-sqs-drain: message '"*"' came damaged; it will be delivered again" ]] || { echo "$damage: $stderr"; return 1; }
	done
}

@test "acc-sqs-drain: a reply of nothing but a damaged message is no empty queue" {
	announce_all in/1.jsonl
	damaged='{"Messages":[{"MessageId":"m","ReceiptHandle":"h","MD5OfBody":"0","Body":"{}"}]}'
	faults "$(jq -nc --arg body "$damaged" '[{kind:"body",service:"sqs",operation:"ReceiveMessage",body:$body,times:3}]')"
	run -0 --separate-stderr acc-sqs-drain --wait 0 "$queue"
	[ "$(jq -r .uri <<<"$output")" = s3://src/in/1.jsonl ]
	[ "${#stderr_lines[@]}" -eq 3 ]
	# nor is it waited for without end
	faults "$(jq -nc --arg body "$damaged" '[{kind:"body",service:"sqs",operation:"ReceiveMessage",body:$body}]')"
	run -0 --separate-stderr timeout 20 acc-sqs-drain --wait 0 "$queue"
	[ -z "$output" ]
}

@test "acc-sqs-drain: a reply that is no JSON is asked for again, a few times" {
	announce_all in/1.jsonl
	faults '[{"kind":"body","service":"sqs","operation":"ReceiveMessage","body":"{\"Messages\":[","times":2}]'
	run -0 --separate-stderr acc-sqs-drain --wait 0 "$queue"
	[ "$stderr" = "" ]
	[ "$(jq -r .uri <<<"$output")" = s3://src/in/1.jsonl ]
	for body in '' '[]' 'null' '<xml/>'; do
		faults "$(jq -nc --arg body "$body" '[{kind:"body",service:"sqs",operation:"ReceiveMessage",body:$body}]')"
		run -3 --separate-stderr acc-sqs-drain --wait 0 "$queue"
		[ "$output" = "" ]
		[[ "$stderr" = *"the reply is no JSON object" ]]
	done
}
