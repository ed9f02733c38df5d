#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # bats sets stderr and runs tests in subshells; inner shells expand
bats_require_minimum_version 1.5.0
load helpers
load servers/servers

setup_file() {
	servers_start
	make_bucket src
	make_bucket dest
}

teardown_file() {
	no_bad_signatures
	servers_stop
}

setup() {
	in_own_directory
	here="t$BATS_TEST_NUMBER"
}

teardown() {
	faults '[]'
}

records() { # COUNT
	jq -nc "range($1) | {partner_name:\"A\",accommodation_id:\"\\(.)\",accommodation_data:{name:\"hotel \\(.)\"}}"
}

@test "cloud: odd keys go through list, fetch and put unchanged" {
	local odd=('a b' 'a+b' 'a%2Bb%20' 'a=b&c?d#e' 'x//y' '/lead' 'trail/../dots/./x' "q'u\"o\`te\\" '<xml>&amp;' $'new\nline' $'tab\tbell\a' 'émoji😀' "$(printf 'k%.0s' {1..1000})" '*[a]?' '!$(),:;@~')
	for key in "${odd[@]}"; do
		jq -nc --arg k "$key" '{partner_name:"A",accommodation_id:$k,accommodation_data:{}}' >object
		put_object src "$here/$key" "$PWD/object"
	done
	acc-fetch --list "s3://src/$here/" >list
	[ "$(jq -s length list)" -eq ${#odd[@]} ]
	for key in "${odd[@]}"; do
		jq -se --arg u "s3://src/$here/$key" 'any(.uri == $u)' list >/dev/null
	done
	acc-fetch <list >records
	# each record names the key that it was stored under
	[ "$(jq -r '._source.uri == "s3://src/'"$here"'/" + .accommodation_id' records | sort -u)" = true ]
	[ "$(wc -l <records)" -eq ${#odd[@]} ]
	mkdir spool
	for key in "${odd[@]}"; do
		echo '{}' >spool/f
		[[ $key == *'{'* ]] || acc-put --key "$here-out/$(printf %s "$key" | sed 's/%/%%/g')" s3://dest spool/f >>receipts
	done
	for key in "${odd[@]}"; do
		[ "$(get_object dest "$here-out/$key")" = '{}' ]
	done
}

@test "cloud: a listing of several pages is complete, in order" {
	records 1 >object
	control "{\"do\":\"fill\",\"bucket\":\"src\",\"prefix\":\"$here/k\",\"count\":2100}" >/dev/null
	mark=$(log_mark)
	acc-fetch --list "s3://src/$here/" | jq -r .uri >list
	[ "$(wc -l <list)" -eq 2100 ]
	LC_ALL=C sort -c -u list
	[ "$(log_since "$mark" | wc -l)" -eq 3 ]
}

@test "cloud: dates and globs prune prefixes before they are listed" {
	records 1 >object
	for day in 2020/month=12/day=31 2021/month=01/day=31 2021/month=02/day=01 2021/month=02/day=02 2022/month=01/day=01; do
		put_object src "$here/year=$day/data.jsonl" "$PWD/object"
	done
	put_object src "$here/undated.jsonl" "$PWD/object"
	mark=$(log_mark)
	run -0 acc-fetch --list --since 2021-02-01 --until 2021-02-01 "s3://src/$here/"
	[ "$(jq -r .uri <<<"$output")" = "s3://src/$here/year=2021/month=02/day=01/data.jsonl" ]
	log_since "$mark" | jq -r .url >urls
	run -1 grep -e 2020 -e 2022 -e month%3D01 urls
	run -0 acc-fetch --list "s3://src/$here/year=2021/month=0[2-3]/*/*.jsonl"
	[ "${#lines[@]}" -eq 2 ]
	run -0 acc-fetch --list "s3://src/$here/**/day=3*/data.jsonl"
	[ "${#lines[@]}" -eq 2 ]
	run -0 acc-fetch --list --exclude '**/data.jsonl' "s3://src/$here/"
	[ "$(jq -r .uri <<<"$output")" = "s3://src/$here/undated.jsonl" ]
	run -1 acc-fetch "s3://src/$here/year=2030/"
}

@test "cloud: --list of one object tells its size, and whether it is there" {
	records 1 >object
	put_object src "$here/one" "$PWD/object"
	run -1 --separate-stderr acc-fetch --list "s3://src/$here/gone" "s3://src/$here/one"
	[ "$(jq -c '[.uri, .size, (.time | type), (.etag | type)]' <<<"$output")" = \
		"[\"s3://src/$here/one\",$(stat -c %s object),\"string\",\"string\"]" ]
	[[ $stderr == *"s3://src/$here/gone"*" (a prefix ends in '/')" ]]
	run -0 --separate-stderr acc-fetch --list --allow-empty "s3://src/$here/gone"
	[ -z "$output" ]
	run -1 --separate-stderr acc-fetch --since 2020-01-01 "s3://src/$here/gone"
	run -0 --separate-stderr acc-fetch --list --since 2020-01-01 "s3://src/$here/one"
	[ -n "$output" ]
	run -1 --separate-stderr acc-fetch --since 2020-01-01 < <(printf 's3://src/%s\n' "$here/gone" "$here/one")
	[ "$(jq -r ._source.uri <<<"$output")" = "s3://src/$here/one" ]
	run -0 --separate-stderr acc-fetch --until 2020-01-01 <<<"s3://src/$here/one"
	[ -z "$output" ]
}

@test "cloud: an object that is stored is fetched back byte for byte" {
	records 5000 >object
	sha=$(sha256sum object | cut -d' ' -f1)
	run -0 acc-put --key "$here/o" s3://dest object
	[ "$(jq -r .sha256 <<<"$output")" = "$sha" ]
	[ "$(jq -r .bytes <<<"$output")" = "$(wc -c <object)" ]
	get_object dest "$here/o" >back
	cmp object back
	acc-fetch --bare "s3://dest/$here/o" | cmp - object
}

@test "cloud: what the object carries is as asked for" {
	records 1 >object
	mark=$(log_mark)
	acc-put --key "$here/o" --sse aws:kms:my-key --storage-class GLACIER_IR --tag 'a b=c&d' --metadata who=me --checksum crc32c s3://dest object
	sdk s3 HeadObject "{\"Bucket\":\"dest\",\"Key\":\"$here/o\",\"ChecksumMode\":\"ENABLED\"}" >answer
	[ "$(jq -c '[.ServerSideEncryption,.SSEKMSKeyId,.StorageClass,.Metadata.who,.ContentType]' answer)" = '["aws:kms","my-key","GLACIER_IR","me","application/x-ndjson"]' ]
	[ "$(jq -r .ChecksumCRC32C answer | wc -c)" -eq 9 ]
	acc-put --keep --key "$here/d" --sse aws:kms:dsse:my-key s3://dest object
	sdk s3 HeadObject "{\"Bucket\":\"dest\",\"Key\":\"$here/d\"}" >answer
	[ "$(jq -c '[.ServerSideEncryption,.SSEKMSKeyId]' answer)" = '["aws:kms:dsse","my-key"]' ]
	acc-put --key "$here/p" --checksum none s3://dest object
	sdk s3 HeadObject "{\"Bucket\":\"dest\",\"Key\":\"$here/p\",\"ChecksumMode\":\"ENABLED\"}" >answer
	[ "$(jq -c '[.ChecksumCRC32C,.ChecksumSHA256]' answer)" = '[null,null]' ]
}

@test "cloud: a key that is not UTF-8 is refused unasked" {
	local file=$'\xff'
	echo 1 | tee "$file" >other
	mark=$(log_mark)
	run -1 --separate-stderr acc-put --key "$here/{name}" s3://dest "$file" other
	[ "$(jq -r .uri <<<"$output")" = "s3://dest/$here/other" ]
	[ "$stderr" = "acc-put: cannot store '\\xff': the address 's3://dest/$here/\\xff' is not in UTF-8, as S3 has its keys" ]
	[ "$(log_since "$mark" | wc -l)" -eq 1 ]
	for wrong in --key --manifest; do
		run -2 --separate-stderr acc-put "$wrong" "$file" s3://dest other
		[ "$stderr" = "acc-put: $wrong: the address 's3://dest/\\xff' is not in UTF-8, as S3 has its keys (see acc-put --help)" ]
	done
	run -2 acc-put "s3://dest/$file/" other
	[ "$(log_since "$mark" | wc -l)" -eq 1 ]
}

@test "cloud: a file that is not what its manifest says is no more passed over than stored; one that is gone is looked for" {
	echo old >old
	acc-put --keep --key "$here" s3://dest old
	for how in skip rename fail overwrite; do
		echo new >file
		printf '{"path":"file","bytes":4,"sha256":"%s"}\n' "$(sha256sum <old | cut -d ' ' -f 1)" >manifest
		run -1 --separate-stderr acc-put --key "$here" --if-exists "$how" s3://dest <manifest
		[[ "$stderr" = *"is not what its manifest says"* ]]
		[ "$(cat file; get_object dest "$here")" = $'new\nold' ]
		rm file
		run -0 --separate-stderr acc-put --key "$here" --if-exists "$how" s3://dest <manifest
		[ "$(jq -c '[.uri, .etag != null]' <<<"$output")" = "[\"s3://dest/$here\",true]" ]
		run -1 --separate-stderr acc-put --key "$here-none" --if-exists "$how" s3://dest <manifest
		[ "$stderr" = "acc-put: cannot store 'file': cannot open it: No such file or directory" ]
	done
}

@test "cloud: who may not look whether a file that is gone was stored is told of the file, and the others are stored" {
	records 1 >there
	printf '{"path":"%s","bytes":%s,"sha256":"%s"}\n' gone 5 "$(echo gone | sha256sum | cut -d ' ' -f 1)" \
		there "$(wc -c <there)" "$(sha256sum <there | cut -d ' ' -f 1)" >manifest
	faults '[{"kind":"error","status":403,"code":"AccessDenied","service":"s3","operation":"HEAD"}]'
	run -1 --separate-stderr acc-put -j 1 --key "$here/{name}" s3://dest <manifest
	[ "$(jq -r .uri <<<"$output")" = "s3://dest/$here/there" ]
	[ "$stderr" = "acc-put: cannot store 'gone': cannot open it: No such file or directory" ]
}

@test "cloud: what no HTTP header can carry is wrong usage" {
	echo 1 >object
	mark=$(log_mark)
	for option in --metadata=a= --content-type=text/ --storage-class= --sse=aws:kms:; do
		for bad in $'x\r\nx-amz-acl: public-read' $'\x7f' é; do
			run -2 --separate-stderr acc-put "$option$bad" s3://dest object
			[[ "$stderr" = "acc-put: "*" has a character that no HTTP header can carry (see acc-put --help)" ]]
		done
	done
	run -2 acc-put --metadata 'a b=c' s3://dest object
	run -2 --separate-stderr acc-put --content-type '' s3://dest object
	[ "$stderr" = "acc-put: the content type is an empty text (see acc-put --help)" ]
	run -2 acc-put --storage-class '' s3://dest object
	[ "$(log_since "$mark" | wc -l)" -eq 0 ]
}

@test "cloud: two writers never overwrite one another" {
	records 1 >one
	records 2 >two
	for writer in one two; do
		acc-put --at 2021-01-31T12:00:00Z --key "$here/%f.jsonl" s3://dest $writer >$writer.receipt 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ "$(jq -r .uri one.receipt two.receipt | sort -u | wc -l)" -eq 2 ]
	for writer in one two; do
		uri=$(jq -r .uri $writer.receipt)
		get_object dest "${uri#s3://dest/}" | cmp - $writer
	done
	# what is there already with the same content is our own earlier attempt
	run -0 acc-put --at 2021-01-31T12:00:00Z --key "$here/%f.jsonl" s3://dest one two
	[ "$(sdk s3 ListObjectsV2 "{\"Bucket\":\"dest\",\"Prefix\":\"$here/\"}" | jq .KeyCount)" -le 3 ]
}

@test "cloud: a write whose reply was lost is done once" {
	records 3 >object
	faults '[{"kind":"lost","service":"s3","operation":"PUT","times":1}]'
	run -0 --separate-stderr acc-put --key "$here/%f.jsonl" s3://dest object
	[ "$(sdk s3 ListObjectsV2 "{\"Bucket\":\"dest\",\"Prefix\":\"$here/\"}" | jq .KeyCount)" -eq 1 ]
}

@test "cloud: a large object whose last reply was lost is stored" {
	head -c 9000000 /dev/zero | tr '\0' 'x' >object
	faults '[{"kind":"lost","service":"s3","operation":"POST","match":"uploadId","times":1},{"kind":"error","status":404,"code":"NoSuchUpload","service":"s3","operation":"POST","match":"uploadId"}]'
	run -0 --separate-stderr acc-put --keep --key "$here/large" s3://dest object
	[ "$stderr" = "" ]
	[ "$(jq -r '.uri + " " + .sha256' <<<"$output")" = "s3://dest/$here/large $(sha256sum object | cut -d' ' -f1)" ]
	# another object under that name is not this one
	faults '[{"kind":"error","status":404,"code":"NoSuchUpload","service":"s3","operation":"POST","match":"uploadId"}]'
	tr x y <object >other
	run -3 --separate-stderr acc-put --keep --if-exists overwrite --key "$here/large" s3://dest other
	[[ "$stderr" = *"NoSuchUpload"* ]]
}

@test "cloud: a large object is stored in parts, and aborted when a part fails" {
	head -c 20000000 /dev/zero | tr '\0' 'x' >object
	mark=$(log_mark)
	run -0 acc-put --key "$here/large" s3://dest object
	[ "$(log_since "$mark" | jq -s 'map(select(.operation == "PUT")) | length')" -eq 3 ]
	[ "$(sdk s3 HeadObject "{\"Bucket\":\"dest\",\"Key\":\"$here/large\"}" | jq .ContentLength)" -eq 20000000 ]
	faults '[{"kind":"error","status":403,"code":"AccessDenied","service":"s3","operation":"PUT","match":"partNumber=2"}]'
	mark=$(log_mark)
	run -3 acc-put --key "$here/failed" s3://dest object
	[ "$(log_since "$mark" | jq -s 'map(select(.operation == "DELETE")) | length')" -eq 1 ]
}

@test "cloud: each part has the checksum that is asked for, and so has the list of them" {
	head -c 20000000 /dev/zero | tr '\0' 'x' >object
	acc-put --keep --key "$here/large" --checksum crc32c s3://dest object
	sdk s3 HeadObject "{\"Bucket\":\"dest\",\"Key\":\"$here/large\",\"ChecksumMode\":\"ENABLED\"}" >answer
	[ "$(jq -c '[.ContentLength, .ChecksumCRC32C[8:]]' answer)" = '[20000000,"-3"]' ]
	get_object dest "$here/large" | cmp - object
}

@test "cloud: a key that is taken and not there is not tried for ever" {
	records 1 >object
	faults '[{"kind":"error","status":412,"code":"PreconditionFailed","service":"s3","operation":"PUT"}]'
	mark=$(log_mark)
	run -3 --separate-stderr timeout 30 acc-put --keep --key "$here/ghost" s3://dest object
	[ "$stderr" = "acc-put: cannot store 'object' as 's3://dest/$here/ghost': it is taken when it is to be stored, and not there when looked at" ]
	[ "$(log_since "$mark" | jq -s 'map(select(.operation == "PUT")) | length')" -eq 8 ]
}

@test "cloud: what another program has stored is known by its bytes" {
	records 3 >same
	sed 's/1/2/' same >other
	put_object dest "$here/same" "$PWD/same"
	sdk s3 HeadObject "{\"Bucket\":\"dest\",\"Key\":\"$here/same\",\"ChecksumMode\":\"ENABLED\"}" >answer
	[ "$(jq .ChecksumSHA256 answer)" = null ]
	run -0 --separate-stderr acc-put --keep --if-exists fail --key "$here/same" s3://dest same
	[ "$(jq -r .uri <<<"$output")" = "s3://dest/$here/same" ]
	run -1 --separate-stderr acc-put --keep --if-exists fail --key "$here/same" s3://dest other
	[ "$stderr" = "acc-put: cannot store 'other': 's3://dest/$here/same' exists (see --if-exists)" ]
	get_object dest "$here/same" | cmp - same
	faults '[{"kind":"error","status":403,"code":"AccessDenied","service":"s3","operation":"GET"}]'
	run -3 --separate-stderr acc-put --keep --if-exists fail --key "$here/same" s3://dest same
	[[ "$stderr" = "acc-put: cannot store 'same' as 's3://dest/$here/same': cannot read 's3://dest/$here/same': AccessDenied"* ]]
}

@test "cloud: an upload that is gone when it is to be completed is begun anew" {
	head -c 20000000 /dev/zero | tr '\0' 'x' >object
	faults '[{"kind":"error","status":404,"code":"NoSuchUpload","service":"s3","operation":"POST","match":"uploadId=","times":1}]'
	mark=$(log_mark)
	run -0 acc-put --key "$here/again" s3://dest object
	[ "$(log_since "$mark" | jq -r 'select(.method == "POST").url' | grep -c uploads)" -eq 2 ]
	[ "$(sdk s3 HeadObject "{\"Bucket\":\"dest\",\"Key\":\"$here/again\"}" | jq .ContentLength)" -eq 20000000 ]
	faults '[{"kind":"error","status":404,"code":"NoSuchUpload","service":"s3","operation":"POST","match":"uploadId="}]'
	mark=$(log_mark)
	run -3 --separate-stderr acc-put --key "$here/never" s3://dest object
	[[ "$stderr" = "acc-put: cannot store 'object' as 's3://dest/$here/never': "*NoSuchUpload* ]]
	[ "$(log_since "$mark" | jq -r 'select(.method == "POST").url' | grep -c uploads)" -eq 3 ]
}

@test "cloud: a version is fetched exactly" {
	mark=$(log_mark)
	run acc-fetch <<<"{\"uri\":\"s3://src/$here/v\",\"version_id\":\"abc/=+\"}"
	[ "$(log_since "$mark" | jq -r .url)" = "/src/$here/v?versionId=abc%2F%3D%2B" ]
	records 1 >old
	records 2 >new
	put_object src "$here/w" "$PWD/new"
	control "$(jq -nc --arg k "$here/w" --arg f "$PWD/old" '{do:"version",bucket:"src",key:$k,version:"v=1+/",file:$f}')"
	run -0 acc-fetch --bare <<<"{\"uri\":\"s3://src/$here/w\",\"version_id\":\"v=1+/\"}"
	[ "$output" = "$(cat old)" ]
	run -0 acc-fetch --bare "s3://src/$here/w"
	[ "$output" = "$(cat new)" ]
	run -1 --separate-stderr acc-fetch <<<"{\"uri\":\"s3://src/$here/w\",\"version_id\":\"gone\"}"
	[[ "$stderr" = "acc-fetch: cannot read 's3://src/$here/w': NoSuchVersion: "* ]]
}

@test "cloud: who pays is told in every request where the requester does, and in none otherwise" {
	records 1 >object
	put_object src "$here/o" "$PWD/object"
	payers() { log_since "$mark" | jq -r '[.operation, .payer // "owner"] | join(" ")' | sort -u | tr '\n' ' '; }
	mark=$(log_mark)
	acc-fetch --bare "s3://src/$here/" | acc-put --keep --key "$here/p" s3://dest object >/dev/null
	[ "$(payers)" = "GET owner PUT owner " ]
	mark=$(log_mark)
	export AWS_REQUEST_PAYER=requester
	acc-fetch --bare "s3://src/$here/" >/dev/null
	acc-put --keep --key "$here/q" s3://dest object >/dev/null
	head -c 9000000 /dev/zero >large
	acc-put --keep --key "$here/r" s3://dest large >/dev/null
	[ "$(payers)" = "GET requester POST requester PUT requester " ]
	faults '[{"kind":"error","status":403,"code":"AccessDenied","service":"s3","operation":"PUT"}]'
	run -3 acc-put --keep --key "$here/s" s3://dest large
	[ "$(payers)" = "DELETE requester GET requester POST requester PUT requester " ]
}

@test "cloud: certificates are verified: the system's, or those of AWS_CA_BUNDLE" {
	local certificate=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2)
	openssl req -x509 "${certificate[@]}" -keyout ca.key -out ca.pem -subj /CN=authority 2>/dev/null
	openssl req "${certificate[@]:0:4}" -nodes -keyout key -out request -subj /CN=localhost 2>/dev/null
	openssl x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out cert \
		-extfile <(echo subjectAltName=DNS:localhost) 2>/dev/null
	port=$(control "{\"do\":\"tls\",\"key\":\"$PWD/key\",\"cert\":\"$PWD/cert\"}")
	records 3 >object
	put_object src "$here/o" "$PWD/object"
	mark=$(log_mark)
	AWS_CA_BUNDLE=$PWD/ca.pem AWS_ENDPOINT_URL=https://localhost:$port run -0 --separate-stderr acc-fetch --bare "s3://src/$here/"
	[ "$output" = "$(cat object)" ]
	[ "$stderr" = "" ]
	[[ "$(log_since "$mark" | jq -r .tls | sort -u)" = TLSv1.[23] ]]
	AWS_ENDPOINT_URL=https://localhost:$port run -3 --separate-stderr acc-fetch "s3://src/$here/o"
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" = "acc-fetch: cannot read 's3://src/$here/o': "*"certificate"*"(see AWS_CA_BUNDLE)"* ]]
	# the right authority, but not this host
	AWS_CA_BUNDLE=$PWD/ca.pem AWS_ENDPOINT_URL=https://127.0.0.1:$port run -3 --separate-stderr acc-fetch "s3://src/$here/o"
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" = *"(see AWS_CA_BUNDLE)"* ]]
	AWS_CA_BUNDLE=$PWD/none AWS_ENDPOINT_URL=https://localhost:$port run -3 --separate-stderr acc-fetch "s3://src/$here/o"
	[[ "$stderr" = *"(see AWS_CA_BUNDLE)"* ]]
}

@test "cloud: an object is checked by whichever checksum the store has" {
	local name sum
	records 3 >object
	put_object src "$here/o" "$PWD/object"
	sums() { control "$(jq -nc --arg k "$here/o" --arg n "x-amz-checksum-$1" --arg v "$2" '{do:"headers",bucket:"src",key:$k,headers:{($n):$v}}')" >/dev/null; }
	for name in sha1 sha256; do
		sums $name "$(openssl dgst -$name -binary object | base64)"
		[ "$(acc-fetch --bare "s3://src/$here/o")" = "$(cat object)" ]
	done
	for sum in crc32:AAAAAA== crc32c:AAAAAA== crc64nvme:AAAAAAAAAAA= sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAA= "sha256:$(openssl dgst -sha256 -binary /dev/null | base64)"; do
		sums "${sum%%:*}" "${sum#*:}"
		run -1 --separate-stderr acc-fetch --bare "s3://src/$here/o"
		[ "$output" = "" ]
		[[ "$stderr" = *"what came does not fit its x-amz-checksum-${sum%%:*}" ]]
	done
	# of parts, or not known
	for sum in sha256:AAAA-2 md5:AAAA; do
		sums "${sum%%:*}" "${sum#*:}"
		[ "$(acc-fetch --bare "s3://src/$here/o")" = "$(cat object)" ]
	done
}

@test "cloud: an object fails alone, whatever its name says; an access point's ARN is told apart" {
	records 1 >object
	put_object src "$here/o" "$PWD/object"
	run -1 --separate-stderr acc-fetch --bare "s3://src/$here/NoSuchBucket" "s3://src/$here/o"
	[ "$output" = "$(cat object)" ]
	[[ "$stderr" = *"NoSuchKey"* ]]
	faults '[{"kind":"error","status":403,"code":"InvalidObjectState","message":"archived","service":"s3","match":"archived"}]'
	run -1 --separate-stderr acc-fetch --bare "s3://src/$here/archived" "s3://src/$here/o"
	[ "$output" = "$(cat object)" ]
	[[ "$stderr" = *"the object is archived: restore it first" ]]
	run -1 --separate-stderr acc-fetch s3://arn:aws:s3:us-east-1:123456789012:accesspoint/ap/k
	[[ "$stderr" = *"an access point is named by its alias, not by its ARN"* ]]
}

# A large object: 26 MB, thus the rest of the first request and three ranges; with the checksum of all of it.
large() { # KEY
	[ -e object ] || jq -nc 'range(26000) | {accommodation_id:"\(.)",accommodation_data:{x:("0123456789" * 96)}}' >object
	acc-put --keep --key "$1" s3://src object >/dev/null
	control "$(jq -nc --arg k "$1" --arg sum "$(openssl dgst -sha256 -binary object | base64)" \
		'{do:"headers",bucket:"src",key:$k,headers:{"x-amz-checksum-sha256":$sum}}')" >/dev/null
}

ranges() { log_since "$mark" | jq -r 'select(.range) | .range' | sort -u | tr '\n' ' '; }

@test "cloud: a large object is read in ranges, and comes in order" {
	large "$here/l"
	for buffer in 64M 16M; do
		mark=$(log_mark)
		acc-fetch --bare --buffer "$buffer" "s3://src/$here/l" | cmp - object
		[ "$(ranges)" = "bytes=16777216-25165823 bytes=25165824-$(($(wc -c <object) - 1)) bytes=8388608-16777215 " ]
	done
	# without the memory for it by one request
	mark=$(log_mark)
	acc-fetch --bare --buffer 4M "s3://src/$here/l" | cmp - object
	[ "$(ranges)" = "" ]
}

@test "cloud: what befalls one range harms neither the others nor the object" {
	large "$here/l"
	for fault in cut reset throttle corrupt lost; do
		faults "[{\"kind\":\"$fault\",\"service\":\"s3\",\"range\":\"bytes=16777216-\",\"times\":1}]"
		mark=$(log_mark)
		acc-fetch --bare "s3://src/$here/l" | cmp - object
		log_since "$mark" | jq -r .fault | grep -x "$fault"
	done
	faults '[{"kind":"cut","service":"s3","operation":"GET","match":"/l"}]'
	acc-fetch --bare --buffer 16M "s3://src/$here/l" | cmp - object
}

@test "cloud: an object that is replaced between two ranges is an error, not a mixture" {
	large "$here/l"
	faults '[{"kind":"error","status":412,"code":"PreconditionFailed","service":"s3","range":"bytes=16777216-"}]'
	run -1 --separate-stderr acc-fetch --bare "s3://src/$here/l"
	[ "$output" = "" ]
	[[ "$stderr" = *"acc-fetch: cannot read 's3://src/$here/l': it was replaced while it was being read"* ]]
	ACC_JOURNAL=journal run -1 --separate-stderr acc-fetch --bare --buffer 16M "s3://src/$here/l"
	[[ "$stderr" = *"it was replaced while it was being read"* ]]
	head -c 16777216 object | sed '$d' | cmp - <(head -n "$(head -c 16777216 object | sed '$d' | wc -l)" <<<"$output")
	[ "$(jq -r 'select(.event == "failed").uri' journal)" = "s3://src/$here/l" ]
}

@test "cloud: gzip in S3 is unpacked once, whatever its headers say" {
	records 20 | gzip >object.gz
	sdk s3 PutObject "{\"Bucket\":\"src\",\"Key\":\"$here/o.gz\",\"BodyFile\":\"$PWD/object.gz\",\"ContentEncoding\":\"gzip\"}" >/dev/null
	[ "$(acc-fetch "s3://src/$here/o.gz" | wc -l)" -eq 20 ]
}

@test "cloud: memory is bounded whatever the size of the object" {
	head -c 200000 /dev/zero | tr '\0' 'x' >pad
	jq -nc --rawfile p pad 'range(400) | {partner_name:"A",accommodation_id:"\(.)",accommodation_data:{p:$p}}' >object
	acc-put --key "$here/big" s3://dest object >/dev/null
	# sanitizers take terabytes of addresses
	if ! grep -q -e __asan_init -e __tsan_init "$(command -v acc-fetch)"; then
		(ulimit -v 600000 && acc-fetch --bare --buffer 4M "s3://dest/$here/big") | cmp - object
	fi
	mkfifo pipe
	acc-fetch --bare --buffer 4M "s3://dest/$here/big" >pipe 3>&- &
	fetch=$!
	exec 4<pipe
	sleep 1
	peak=$(awk '/VmHWM/ {print $2}' "/proc/$fetch/status")
	cat <&4 >back
	exec 4<&-
	wait "$fetch"
	[ "$peak" -lt 65536 ] || grep -q -e __asan_init -e __tsan_init "$(command -v acc-fetch)"
	cmp back object
}

@test "cloud: a bucket in another region is asked there once, with a new signature" {
	make_bucket "far$BATS_TEST_NUMBER"
	records 1 >object
	put_object "far$BATS_TEST_NUMBER" k "$PWD/object"
	put_object "far$BATS_TEST_NUMBER" l "$PWD/object"
	control "{\"do\":\"region\",\"bucket\":\"far$BATS_TEST_NUMBER\",\"region\":\"eu-west-1\"}"
	mark=$(log_mark)
	run -0 --separate-stderr acc-fetch -j 1 "s3://far$BATS_TEST_NUMBER/k" "s3://far$BATS_TEST_NUMBER/l"
	[ "${#lines[@]}" -eq 2 ]
	[ "$(log_since "$mark" | jq -c '[.region,.status]' | tr '\n' ' ')" = '["us-east-1",301] ["eu-west-1",200] ["eu-west-1",200] ' ]
	run -0 acc-fetch --list "s3://far$BATS_TEST_NUMBER/"
	[ "${#lines[@]}" -eq 2 ]
}

@test "cloud: more buckets in other regions than are remembered" {
	records 1 >object
	for n in {1..70}; do
		make_bucket "off$n"
		put_object "off$n" k "$PWD/object"
		control "{\"do\":\"region\",\"bucket\":\"off$n\",\"region\":\"eu-west-1\"}" >/dev/null
	done
	printf 's3://off%s/k\n' {1..70} {1..70} | xargs acc-fetch -j 4 >got
	[ "$(wc -l <got)" -eq 140 ]
}

@test "cloud: priority lists come from DynamoDB in one consistent request, and from S3" {
	sdk dynamodb CreateTable '{"TableName":"lists","KeySchema":[{"AttributeName":"ContentType","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"ContentType","AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"}' >/dev/null
	printf '{"partner_name":"%s","accommodation_id":"1","accommodation_data":{"from":"%s"}}\n' A a B b C c >object
	run -2 --separate-stderr acc-merge --priority dynamodb://lists object
	[ "$stderr" = "acc-merge: table 'lists' has no item with ContentType = \"PriorityList\"" ]
	sdk dynamodb PutItem '{"TableName":"lists","Item":{"ContentType":{"S":"PriorityList"},"partner_list":{"L":[{"S":"B"},{"S":"C"}]}}}'
	sdk dynamodb PutItem '{"TableName":"lists","Item":{"ContentType":{"S":"BlackList"},"partner_list":{"L":[{"S":"B"}]}}}'
	mark=$(log_mark)
	run -0 acc-merge -q --priority dynamodb://lists object
	[ "$output" = '{"accommodation_id":"1","accommodation_data":{"from":"c"}}' ]
	[ "$(log_since "$mark" | jq -r .operation)" = BatchGetItem ]
	run -0 acc-merge --priority dynamodb://lists/PriorityList object
	[ "$output" = '{"accommodation_id":"1","accommodation_data":{"from":"b"}}' ]
	run -2 --separate-stderr acc-merge --priority dynamodb://nosuch object
	[[ "$stderr" = "acc-merge: cannot read 'dynamodb://nosuch': ResourceNotFoundException"*"check the table's name and AWS_REGION" ]]
	local unread='{"Responses":{"lists":[]},"UnprocessedKeys":{"lists":{"ConsistentRead":true,"Keys":[{"ContentType":{"S":"PriorityList"}},{"ContentType":{"S":"BlackList"}}]}}}'
	faults "$(jq -nc --arg body "$unread" '[{kind:"body",service:"dynamodb",$body,times:3}]')"
	run -0 acc-merge -q --priority dynamodb://lists object
	[ "$output" = '{"accommodation_id":"1","accommodation_data":{"from":"c"}}' ]
	faults '[{"kind":"body","service":"dynamodb","body":"[]"}]'
	run -3 --separate-stderr acc-merge --priority dynamodb://lists object
	[ "$stderr" = "acc-merge: cannot read 'dynamodb://lists': the reply is no JSON object" ]
	faults '[]'
	sdk dynamodb PutItem '{"TableName":"lists","Item":{"ContentType":{"S":"Empty"},"partner_list":{"L":[]}}}'
	run -2 acc-merge --priority dynamodb://lists/Empty object
	printf '["C","A"]' >list
	put_object src "$here/list" "$PWD/list"
	run -0 acc-merge --priority "s3://src/$here/list" object
	[ "$output" = '{"accommodation_id":"1","accommodation_data":{"from":"c"}}' ]
}
