#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # bats sets stderr and runs tests in subshells; inner shells expand
bats_require_minimum_version 1.5.0
load helpers
load servers/servers

setup_file() {
	servers_start
	make_bucket src
	printf '{"partner_name":"A","accommodation_id":"1","accommodation_data":{}}\n' >"$BATS_FILE_TMPDIR/object"
	for n in '' 2 3 4; do put_object src "k$n" "$BATS_FILE_TMPDIR/object"; done
}

teardown_file() {
	servers_stop
}

setup() {
	in_own_directory
	mark=$(log_mark)
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	export AWS_CONFIG_FILE=$PWD/config AWS_SHARED_CREDENTIALS_FILE=$PWD/credentials
}

teardown() {
	faults '[]'
	control '{"do":"hook","name":"sts-seconds","value":3600}' >/dev/null
	control '{"do":"hook","name":"imds-seconds","value":3600}' >/dev/null
}

# The object was read with the role's keys, rightly signed, and nothing secret was said.
reads_as_role() {
	run -0 acc-fetch -v -v --bare s3://src/k
	[ "${lines[-2]:0:1}${lines[0]:0:1}" != "" ]
	[[ "$output" = *'"accommodation_id":"1"'* ]]
	[ "$(log_since "$mark" | jq -r 'select(.service == "s3") | .key + " " + .signature' | sort -u)" = 'AKIDROLE ok' ]
	[[ "$output" != *not-to-be-printed* ]]
}

@test "cloud credentials: a profile assumes a role by the keys of another" {
	cat >config <<-'X'
		[profile worker]
		role_arn = arn:aws:iam::123456789012:role/worker
		source_profile = base
		external_id = x y
		duration_seconds = 900
		region = us-east-1
	X
	printf '[base]\naws_access_key_id = AKIDTEST\naws_secret_access_key = test-secret-key-not-to-be-printed\n' >credentials
	AWS_PROFILE=worker reads_as_role
	[ "$(log_since "$mark" | jq -r 'select(.service == "sts") | .key')" = AKIDTEST ]
}

@test "cloud credentials: a profile assumes a role by the environment's keys" {
	printf '[profile worker]\nrole_arn = arn:aws:iam::1:role/worker\ncredential_source = Environment\n' >config
	# in the environment they would come first of all
	AWS_PROFILE=worker run -2 acc-fetch s3://src/k
	[[ "$output" = *"credential_source has no keys"* ]]
}

@test "cloud credentials: a role that may not be assumed is named, with the keys that lack it" {
	printf '[worker]\nrole_arn = arn:aws:iam::1:role/worker\nsource_profile = base\n[base]\naws_access_key_id = AKIDNONE\naws_secret_access_key = none-secret\n' >credentials
	AWS_PROFILE=worker run -3 --separate-stderr timeout 20 acc-fetch s3://src/k
	[[ "$stderr" = "acc-fetch: cannot assume the role 'arn:aws:iam::1:role/worker': AccessDenied: "*"; the credentials of profile 'base' need sts:AssumeRole" ]]
}

@test "cloud credentials: a web identity is exchanged without a signature" {
	printf 'the.web.token\n' >token
	AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/token AWS_ROLE_ARN=arn:aws:iam::1:role/web reads_as_role
	[ "$(log_since "$mark" | jq -c 'select(.service == "sts") | [.operation, .key]')" = '["AssumeRoleWithWebIdentity",null]' ]
	AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/token run -2 acc-fetch s3://src/k
	[[ "$output" = *"set AWS_ROLE_ARN"* ]]
}

@test "cloud credentials: a container's endpoint is asked with its token, past any proxy" {
	printf 'container-token\n' >token
	http_proxy=http://127.0.0.1:9 no_proxy=127.0.0.1 AWS_CONTAINER_CREDENTIALS_FULL_URI=$ENDPOINT/container \
		AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$PWD/token reads_as_role
	AWS_CONTAINER_CREDENTIALS_FULL_URI=$ENDPOINT/container AWS_CONTAINER_AUTHORIZATION_TOKEN=wrong run -3 acc-fetch s3://src/k
	[[ "$output" = *"the container's endpoint gives no keys (HTTP 401)"* ]]
}

@test "cloud credentials: the instance's role comes by IMDSv2, and its region" {
	export AWS_EC2_METADATA_SERVICE_ENDPOINT=$ENDPOINT/
	unset AWS_EC2_METADATA_DISABLED
	reads_as_role
	[ "$(log_since "$mark" | jq -r 'select(.service == "metadata") | .method + " " + .url' | head -n 3 | tr '\n' ' ')" = \
		'PUT /latest/api/token GET /latest/meta-data/iam/security-credentials/ GET /latest/meta-data/iam/security-credentials/test-role ' ]
	control '{"do":"hook","name":"imds-status","value":503}' >/dev/null
	run -3 --separate-stderr acc-fetch s3://src/k
	control '{"do":"hook","name":"imds-status","value":0}' >/dev/null
	[ "$stderr" = "acc-fetch: the instance's metadata service gives no keys (HTTP 503)" ]
	AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9 run -2 acc-fetch -v -v s3://src/k
	[[ "$output" = *"the instance's metadata service does not answer: "*"(in a container its hop limit must be 2)"* ]]
	unset AWS_REGION
	sdk sqs CreateQueue '{"QueueName":"q"}' >/dev/null
	run -0 acc-sqs-drain --wait 0 sqs://q
}

@test "cloud credentials: keys that a service calls expired are fetched anew, once" {
	cat >config <<-X
		[default]
		credential_process = sh -c 'echo x >>$PWD/calls; printf %s "{\"Version\":1,\"AccessKeyId\":\"AKIDROLE\",\"SecretAccessKey\":\"role-secret-not-to-be-printed\",\"SessionToken\":\"role-token-not-to-be-printed\"}"'
	X
	faults '[{"kind":"error","status":400,"code":"ExpiredToken","service":"s3","times":1}]'
	run -0 acc-fetch s3://src/k
	[ "$(wc -l <calls)" -eq 2 ]
	faults '[{"kind":"error","status":400,"code":"ExpiredToken","service":"s3"}]'
	run -3 acc-fetch s3://src/k
	[[ "$output" = *"ExpiredToken"* ]]
	[ "$(wc -l <calls)" -eq 4 ]
	# all that had the old ones share the new ones
	rm calls
	faults '[{"kind":"error","status":400,"code":"ExpiredToken","service":"s3","times":4,"delay":500}]'
	run -0 acc-fetch <<<$'s3://src/k\ns3://src/k2\ns3://src/k3\ns3://src/k4'
	[ "${#lines[@]}" -eq 4 ]
	[ "$(wc -l <calls)" -eq 2 ]
}

@test "cloud credentials: all threads take keys that have expired by our clock, which may be wrong" {
	cat >config <<-X
		[default]
		credential_process = sh -c 'sleep 0.5; printf %s "{\"Version\":1,\"AccessKeyId\":\"AKIDROLE\",\"SecretAccessKey\":\"role-secret-not-to-be-printed\",\"SessionToken\":\"role-token-not-to-be-printed\",\"Expiration\":\"2020-01-01T00:00:00Z\"}"'
	X
	run -0 acc-fetch <<<$'s3://src/k\ns3://src/k2\ns3://src/k3\ns3://src/k4'
	[ "${#lines[@]}" -eq 4 ]
}

@test "cloud credentials: where a token is missing no object is" {
	export AWS_ROLE_ARN=arn:aws:iam::1:role/web AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/none
	run -3 --separate-stderr acc-fetch --missing skip s3://src/k
	[ "$stderr" = "acc-fetch: cannot open '$PWD/none': No such file or directory" ]
	run -3 acc-fetch --allow-empty s3://src/k
	unset AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE
	AWS_CONTAINER_CREDENTIALS_FULL_URI=$ENDPOINT/container AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$PWD/none \
		run -3 acc-fetch --missing skip s3://src/k
}

@test "cloud credentials: a process that gives keys does not get what is piped in" {
	cat >config <<-X
		[default]
		credential_process = sh -c 'cat >$PWD/stolen; printf %s "{\"Version\":1,\"AccessKeyId\":\"AKIDROLE\",\"SecretAccessKey\":\"role-secret-not-to-be-printed\",\"SessionToken\":\"role-token-not-to-be-printed\"}"'
	X
	echo . >map
	put_object src map.jq "$PWD/map"
	run -0 acc-fetch --bare --map s3://src/map.jq - <<<'{"accommodation_id":"piped"}'
	[ "$output" = '{"accommodation_id":"piped"}' ]
	[ -e stolen ]
	[ ! -s stolen ]
}

@test "cloud credentials: a role that is about to expire is assumed again in a long run" {
	control '{"do":"hook","name":"imds-seconds","value":1}' >/dev/null
	export AWS_EC2_METADATA_SERVICE_ENDPOINT=$ENDPOINT
	unset AWS_EC2_METADATA_DISABLED
	sdk sqs CreateQueue '{"QueueName":"long"}' >/dev/null
	run -0 acc-sqs-drain --wait 3 sqs://long
	reads_as_role
}

@test "cloud credentials: what a service repeats of the request it would have signed is not printed" {
	export AWS_ACCESS_KEY_ID=AKIDROLE AWS_SECRET_ACCESS_KEY=role-secret-not-to-be-printed AWS_SESSION_TOKEN=role-token-not-to-be-printed
	faults '[{"kind":"error","status":403,"code":"InvalidSignatureException","message":"The signature does not match.\n\nThe Canonical String should have been\nx-amz-security-token:role-token-not-to-be-printed"}]'
	run -3 --separate-stderr acc-sqs-drain -v -v --wait 0 sqs://q
	[[ "$stderr" = *": InvalidSignatureException: The signature does not match. (HTTP 403"* ]]
	[[ "$stderr" != *not-to-be-printed* ]]
}

@test "cloud credentials: single sign-on is refused with the way out, in one line" {
	printf '[profile p]\nsso_session = s\nsso_account_id = 1\nregion = us-east-1\n[sso-session s]\nsso_start_url = https://x\n' >config
	AWS_PROFILE=p run -2 --separate-stderr acc-fetch s3://src/k
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[[ "$stderr" = *"is not supported; run eval \"\$(aws configure export-credentials --profile p --format env)\""* ]]
}

@test "cloud credentials: endpoints come from a services section" {
	cat >config <<-X
		[default]
		services = local
		aws_access_key_id = AKIDTEST
		aws_secret_access_key = test-secret-key-not-to-be-printed
		[services local]
		s3 =
		  endpoint_url = $ENDPOINT
	X
	env -u AWS_ENDPOINT_URL acc-fetch s3://src/k | grep -q accommodation_id
}

@test "cloud credentials: a bucket is addressed by virtual host where the profile says so" {
	printf '[default]\naws_access_key_id = AKIDTEST\naws_secret_access_key = test-secret-key-not-to-be-printed\ns3 =\n  addressing_style = virtual\n' >config
	AWS_ENDPOINT_URL=${ENDPOINT/127.0.0.1/localhost} run -0 acc-fetch s3://src/k
	[ "$(log_since "$mark" | jq -r .url)" = /k ]
	[ "$(log_since "$mark" | jq -r .virtual)" = src ]
}

@test "cloud credentials: a proxy from the environment is used, and no_proxy honoured" {
	export AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=test-secret-key-not-to-be-printed
	http_proxy=http://127.0.0.1:9 run -3 --separate-stderr acc-fetch s3://src/k
	[[ "$stderr" = *"the proxy"* ]]
	http_proxy=http://127.0.0.1:9 no_proxy=127.0.0.1 run -0 acc-fetch s3://src/k
}
