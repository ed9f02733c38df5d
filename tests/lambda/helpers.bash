# shellcheck shell=bash
# Shared by the tests of the Lambda function: a runtime API in the background, and an image to run it in.

api_process=''

# Serve the invocations of a plan, see runtime-api. Its answers and what it received are in ./api.
start_api() { # JSON ARRAY
	mkdir -p api
	printf '%s\n' "$1" >plan.json
	"$(dirname "${BASH_SOURCE[0]}")/runtime-api" plan.json api 3>&- &
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

copy_program() { # FILE, with its libraries; those of the image are in /lib64
	cp "$(readlink -f "$1")" "$IMAGE/usr/bin/${1##*/}"
	ldd "$1" | grep -o '/[^ ]*' >"$IMAGE/libraries" || return 0
	while read -r library; do
		cp -n "$(readlink -f "$library")" "$IMAGE/usr/lib64/${library##*/}"
	done <"$IMAGE/libraries"
}

# In $IMAGE what the base image has: bash and coreutils.
make_image() {
	mkdir -p "$IMAGE"/{usr/bin,"usr/lib/$(uname -m)-linux-gnu",proc,dev,tmp,etc,dest,var/task}
	ln -s "lib/$(uname -m)-linux-gnu" "$IMAGE/usr/lib64"
	ln -s usr/bin usr/lib usr/lib64 "$IMAGE"
	chmod 1777 "$IMAGE"/{tmp,dest}
	copy_program /bin/bash
	ln -s bash "$IMAGE/usr/bin/sh"
	dpkg -L coreutils | grep '^/\(usr/\)\?bin/.' >"$IMAGE/programs"
	while read -r program; do copy_program "$program"; done <"$IMAGE/programs"
	for device in null zero random urandom; do : >"$IMAGE/dev/$device"; done
	echo '127.0.0.1 localhost' >"$IMAGE/etc/hosts"
}

unpack() { # ZIP DIRECTORY
	python3 - "$@" <<-'END'
		import os, sys, zipfile
		archive = zipfile.ZipFile(sys.argv[1])
		for info in archive.infolist():
		    os.chmod(archive.extract(info, sys.argv[2]), info.external_attr >> 16 & 0o777)
	END
	find "$2" -type d -exec chmod 755 {} +
}

# Runs a command in the image, with the environment that Lambda gives it, as a user of no rights where that is possible.
in_image() { # [NAME=VALUE]... COMMAND...
	local user=() namespace=(-r -m)
	if [ "$(id -u)" -eq 0 ]; then
		user=(--userspec=1051:1051) namespace=(-m)
	fi
	# shellcheck disable=SC2016 # the inner shell's
	unshare "${namespace[@]}" sh -c 'image=$1; shift
		mount --rbind /proc "$image/proc"
		for device in null zero random urandom; do mount --bind "/dev/$device" "$image/dev/$device"; done
		exec chroot "$@"' sh "$IMAGE" "${user[@]}" "$IMAGE" /usr/bin/env -i \
		LANG=en_US.UTF-8 TZ=:UTC PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin \
		LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib \
		LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime _HANDLER=bootstrap \
		AWS_LAMBDA_FUNCTION_NAME=consolidate AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512 \
		AWS_LAMBDA_RUNTIME_API="${AWS_LAMBDA_RUNTIME_API-}" AWS_REGION=us-east-1 AWS_ENDPOINT_URL="$ENDPOINT" \
		AWS_ACCESS_KEY_ID="$AWS_ACCESS_KEY_ID" AWS_SECRET_ACCESS_KEY="$AWS_SECRET_ACCESS_KEY" \
		ACC_LOG_FORMAT=json ACC_BYTES=2000 ACC_AT=2021-02-01T00:00:00Z "$@"
}
