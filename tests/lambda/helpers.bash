# shellcheck shell=bash
# Shared by the tests of the Lambda function: a runtime API in the background.

api_process=''

# Serve the invocations of a plan, see runtime-api. Its answers and what it received are in ./api.
start_api() { # JSON ARRAY
	mkdir -p api
	printf '%s\n' "$1" >plan.json
	"$BATS_TEST_DIRNAME/runtime-api" plan.json api 3>&- &
	api_process=$!
	for _ in {1..100}; do
		[ ! -e api/port ] || break
		sleep 0.1
	done
	AWS_LAMBDA_RUNTIME_API=127.0.0.1:$(<api/port)
	export AWS_LAMBDA_RUNTIME_API
}

stop_api() {
	[ -z "$api_process" ] || kill "$api_process"
	api_process=''
}

# An SQS event of one message per key, m1, m2..., each announcing the object in a bucket.
sqs_event() { # BUCKET KEY...
	local bucket=$1
	shift
	jq -nc --arg bucket "$bucket" '{Records: [$ARGS.positional | to_entries[] | {
		messageId: "m\(.key + 1)", receiptHandle: "handle", eventSource: "aws:sqs", awsRegion: "eu-west-1",
		eventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:queue",
		attributes: {ApproximateReceiveCount: "1", SentTimestamp: "1612137600000"},
		body: ({Records: [{eventVersion: "2.1", eventSource: "aws:s3", awsRegion: "eu-west-1",
			eventTime: "2021-02-01T00:00:00.000Z", eventName: "ObjectCreated:Put",
			s3: {bucket: {name: $bucket}, object: {key: (.value | @uri), size: 1}}}]} | tojson)}]}' --args "$@"
}
