# servers.bash - the emulators for a test file: servers_start in setup_file, servers_stop in teardown_file.
# Every request goes through the gateway, which checks its signature (see servers.mjs).
# shellcheck shell=bash

SERVERS_HOME=$(dirname "${BASH_SOURCE[0]}")

# Start, wait until ready, and point the AWS environment at it.
servers_start() {
	SERVERS=$(mktemp -d "${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}}/servers.XXXXXX")
	NODE_NO_WARNINGS=1 node "$SERVERS_HOME/servers.mjs" "$SERVERS" >"$SERVERS/out" 2>&1 3>&- 4>&- &
	SERVERS_PID=$!
	local tries=0
	until [ -s "$SERVERS/port" ]; do
		sleep 0.1
		tries=$((tries + 1))
		if [ $tries -gt 300 ] || ! kill -0 "$SERVERS_PID" 2>/dev/null; then
			cat "$SERVERS/out" >&2
			return 1
		fi
	done
	ENDPOINT=http://127.0.0.1:$(cat "$SERVERS/port")
	export SERVERS SERVERS_PID ENDPOINT
	servers_environment
}

# Fails where one of them crashed.
servers_stop() {
	local crashes
	kill "$SERVERS_PID" 2>/dev/null || true
	wait "$SERVERS_PID" 2>/dev/null || true
	crashes=$([ ! -e "$SERVERS/log" ] || jq -c 'select(.crash)' "$SERVERS/log")
	rm -rf "$SERVERS"
	[ -z "$crashes" ] || {
		echo "$crashes" >&2
		return 1
	}
}

# The surroundings of a tool: nothing of the user's own.
servers_environment() {
	local name
	for name in $(compgen -e | grep '^AWS_' || true); do unset "$name"; done
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
	export AWS_ENDPOINT_URL=$ENDPOINT AWS_REGION=us-east-1
	export AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=test-secret-key-not-to-be-printed
	export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
	export AWS_MAX_ATTEMPTS=
}

control() {
	curl -sS --fail-with-body --noproxy '*' -X POST "$ENDPOINT/_control" -d "$1"
}

# sdk SERVICE COMMAND JSON: a call by the independent client.
sdk() {
	control "{\"do\":\"sdk\",\"service\":\"$1\",\"command\":\"$2\",\"input\":${3:-null}}"
}

# sdk_form SERVICE COMMAND[?MEMBER] NAME=TEXT...: the same for input that is only texts; printed is the member of the
# reply, or all of it. What is called most goes by it: making JSON of any text takes a jq, and a jq as long as all else.
sdk_form() {
	local place=$1/$2 text input=()
	shift 2
	for text; do input+=(--data-urlencode "$text"); done
	curl -sS --fail-with-body --noproxy '*' "$ENDPOINT/_sdk/$place" "${input[@]}"
}

make_bucket() { sdk_form s3 CreateBucket "Bucket=$1" >/dev/null; }

# put_object BUCKET KEY FILE
put_object() {
	sdk_form s3 PutObject "Bucket=$1" "Key=$2" "BodyFile=$3" >/dev/null
}

# get_object BUCKET KEY
get_object() {
	sdk_form s3 'GetObject?Body' "Bucket=$1" "Key=$2"
}

# list_keys BUCKET: one JSON string a line
list_keys() {
	sdk s3 ListObjectsV2 "{\"Bucket\":\"$1\"}" | jq -c '.Contents[]?.Key'
}

# make_queue NAME [ATTRIBUTES]: prints its URL
make_queue() {
	sdk sqs CreateQueue "{\"QueueName\":\"$1\",\"Attributes\":${2:-null}}" | jq -r .QueueUrl
}

# send URL BODY
send() {
	sdk_form sqs SendMessage "QueueUrl=$1" "MessageBody=$2" >/dev/null
}

# announce BUCKET KEY [MORE]: the body of a notification; the key is encoded as S3 does it
announce() {
	local key=$2 more=${3:-}
	[[ $key != *[!A-Za-z0-9/._~-]* ]] || key=$(jq -nr --arg k "$key" '$k|@uri|gsub("%20";"+")|gsub("%2F";"/")')
	more=${more#\{}
	printf '{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"2021-02-01T11:07:57.885Z",'
	printf '"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"%s"},"object":{"key":"%s"%s}}}]}\n' \
		"$1" "$key" "${more:+,${more%\}}}"
}

# queue_size URL: visible + in flight
queue_size() {
	sdk sqs GetQueueAttributes "{\"QueueUrl\":\"$1\",\"AttributeNames\":[\"All\"]}" |
		jq '.Attributes | (.ApproximateNumberOfMessages|tonumber) + (.ApproximateNumberOfMessagesNotVisible|tonumber)'
}

faults() { control "{\"do\":\"faults\",\"faults\":$1}" >/dev/null; }

# Requests of ours (not the SDK's) whose signature was not right; there must be none.
bad_signatures() {
	jq -c 'select(.key != "AKIDSDK" and .signature != null and .signature != "ok")' "$SERVERS/log"
}

no_bad_signatures() {
	local bad
	bad=$(bad_signatures)
	[ -z "$bad" ] || {
		echo "$bad" >&2
		return 1
	}
}

# The requests since a mark, as JSON lines: mark=$(log_mark) ... log_since "$mark"
log_mark() { wc -l <"$SERVERS/log"; }
log_since() { tail -n "+$(($1 + 1))" "$SERVERS/log"; }
