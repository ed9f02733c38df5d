#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

bats_require_minimum_version 1.5.0
load helpers

setup() {
	in_own_directory
}

merge() {
	run -"$1" --separate-stderr acc-merge "${@:2}"
}

# ---- what comes out

@test "acc-merge: one record per accommodation, sorted by the id's text as bytes" {
	{ record A '"b"' '{"x":1}'; record A 9 '{"x":2}'; record A 10 '{"x":3}'
	  record A '"é"' '{}'; record A '"B"' '{}'; record B 9 '{"x":4}'; } >in.jsonl
	merge 0 --priority A, in.jsonl
	[ "$output" = "$(merged 10 '{"x":3}')
$(merged 9 '{"x":2}')
$(merged '"B"' '{}')
$(merged '"b"' '{"x":1}')
$(merged '"é"' '{}')" ]
	[ -z "$stderr" ]
}

@test "acc-merge: the id as string or number, however escaped, is one accommodation in the first record's spelling" {
	{ record B '101' '{"x":1}'; record A '"10\u0031"' '{"y":2}'; record C '"101"' '{"z":3}'; } >in.jsonl
	merge 0 --priority A,B,C in.jsonl
	[ "$output" = "$(merged '"10\u0031"' '{"y":2,"x":1,"z":3}')" ]
}

@test "acc-merge: values come out byte for byte as they went in" {
	data='{"a":1.10,"b":123456789012345678901234567890,"c":"\u00e9\/","d":{ "e" : [ 1 , 2 ] },"f":1E+2,"g":-0}'
	record A 1 "$data" >in.jsonl
	merge 0 in.jsonl
	[ "$output" = "$(merged 1 "$data")" ]
}

@test "acc-merge: field names that are equal when decoded are one field, spelled as first met" {
	{ record A 1 '{"\u0061":null,"caf\u00e9":1}'; record B 1 '{"a":2,"café":3}'; } >in.jsonl
	merge 0 --priority A,B in.jsonl
	[ "$output" = "$(merged 1 '{"\u0061":2,"caf\u00e9":1}')" ]
}

@test "acc-merge: of a member name that stands twice the last value counts, at the place of the first" {
	echo '{"partner_name":"Z","partner_name":"A","accommodation_id":1,"accommodation_data":{"x":1,"y":2,"\u0078":3}}' >in.jsonl
	merge 0 --priority A, --unlisted drop in.jsonl
	[ "$output" = "$(merged 1 '{"x":3,"y":2}')" ]
}

@test "acc-merge: reads standard input without FILE and for -" {
	record A 1 '{"x":1}' >in.jsonl
	merge 0 <in.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
	merge 0 - <in.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
}

@test "acc-merge: a pipe gives what a file gives" {
	for id in 3 1 2; do record A "$id" '{"x":[1, 2]}'; record B "$id" '{"y":null}'; done >in.jsonl
	merge 0 in.jsonl
	from_file=$output
	[ "${#lines[@]}" -eq 3 ]
	run -0 bash -c 'cat in.jsonl | acc-merge'
	[ "$output" = "$from_file" ]
}

@test "acc-merge: several files are one input" {
	record A 1 '{"x":1}' >a.jsonl
	record B 1 '{"y":2}' >b.jsonl
	merge 0 b.jsonl a.jsonl
	[ "$output" = "$(merged 1 '{"x":1,"y":2}')" ]
}

@test "acc-merge: -- ends the options" {
	record A 1 '{"x":1}' >./-q
	merge 0 -- -q
	[ "$output" = "$(merged 1 '{"x":1}')" ]
}

@test "acc-merge: an empty file gives nothing and is no error" {
	: >empty.jsonl
	merge 0 empty.jsonl
	[ -z "$output" ]
	[ -z "$stderr" ]
}

@test "acc-merge: the partners' arrays over any number of lines are read, with BOM and CRLF" {
	printf '\xef\xbb\xbf[%s,\r\n%s\r\n,%s]\r\n' \
		"$(record A 1 '{"x":1}')" "$(record B 1 '{"y":2}')" "$(record A 2 '{"z": 3}')" >in.json
	merge 0 in.json
	[ "$output" = "$(merged 1 '{"x":1,"y":2}')
$(merged 2 '{"z":3}')" ]
}

@test "acc-merge: a record that spans lines still comes out as one line" {
	record A 1 '{"x":{"a":"b  c","l":[1,2]},"y":-1.5}' | jq . >in.json
	merge 0 in.json
	[ "$output" = "$(merged 1 '{"x":{"a":"b  c","l":[1,2]},"y":-1.5}')" ]
	merge 0 --latest in.json
	[ "${#lines[@]}" -eq 1 ]
}

@test "acc-merge: gzip and zstd are recognised by content" {
	record A 1 '{"x":1}' | gzip >in.jsonl
	merge 0 in.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
	command -v zstd || skip "no zstd"
	record A 1 '{"x":1}' | zstd -q >in.jsonl
	merge 0 in.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
}

# ---- order

@test "acc-merge: the first partner in the list wins, whatever came first or last" {
	{ record C 1 '{"x":3}' '"time":"2021-03-01"'; record A 1 '{"x":1}' '"time":"2021-01-01"'
	  record B 1 '{"x":2}'; } >in.jsonl
	merge 0 --priority A,B in.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
	merge 0 --priority C,B,A in.jsonl
	[ "$output" = "$(merged 1 '{"x":3}')" ]
}

@test "acc-merge: unlisted partners come after all listed ones, the newest first" {
	{ record U 1 '{"x":1}' '"time":"2021-01-01"'; record V 1 '{"x":2}' '"time":"2021-01-02"'
	  record L 1 '{"y":3}'; } >in.jsonl
	merge 0 --priority L, in.jsonl
	[ "$output" = "$(merged 1 '{"y":3,"x":2}')" ]
}

@test "acc-merge: without --priority the newest time wins, compared as instants" {
	{ record A 1 '{"x":1}' '"time":"2021-02-01T12:00:00+02:00"'
	  record B 1 '{"x":2}' '"time":"2021-02-01T10:00:00.001Z"'
	  record C 1 '{"x":3}' '"time":1612173600'; record D 1 '{"x":4}' '"time":"2021-02-01"'
	  record E 1 '{"x":5}'; } >in.jsonl
	merge 0 in.jsonl
	[ "$output" = "$(merged 1 '{"x":2}')" ]
}

@test "acc-merge: at equal times the partner's name decides, then the later position" {
	{ record B 1 '{"x":1}'; record A 1 '{"x":2}'; record A 1 '{"x":3}'; } >in.jsonl
	merge 0 in.jsonl
	[ "$output" = "$(merged 1 '{"x":3}')" ]
}

@test "acc-merge: record numbers compare as numbers and uris as bytes" {
	printf '{"partner_name":"A","accommodation_id":%s,"accommodation_data":{"x":%s},"_source":{"uri":"%s","record":%s}}\n' \
		1 9 u 9 1 10 u 10 2 1 u 7 2 2 v 1 >in.jsonl
	merge 0 in.jsonl
	[ "$output" = "$(merged 1 '{"x":10}')
$(merged 2 '{"x":2}')" ]
}

@test "acc-merge: of bare records the later line counts" {
	{ bare A 1 '{"x":9}'; bare A 1 '{"x":1}'; } >in.jsonl
	merge 0 in.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
}

@test "acc-merge: a time that is none counts as missing, with a warning" {
	{ record A 1 '{"x":1}' '"time":"soon"'; record B 1 '{"x":2}' '"time":0'; } >in.jsonl
	merge 0 in.jsonl
	[ "$output" = "$(merged 1 '{"x":2}')" ]
	[[ $stderr == acc-merge:*time* ]]
}

@test "acc-merge: the same input twice gives the same output" {
	{ record A 1 '{"x":[1]}'; record B 1 '{"x":[2]}'; } >in.jsonl
	echo '{"default":"union"}' >rules.json
	merge 0 --updates patch --explain --rules rules.json in.jsonl
	once=$output
	merge 0 --updates patch --explain --rules rules.json in.jsonl in.jsonl
	[ "$output" = "$once" ]
	[[ $once == *'{"x":[1,2]}'* ]]
}

# ---- options

@test "acc-merge --unlisted drop: leaves out who is not listed, and says how many" {
	{ record A 1 '{"x":1}'; record Nobody 1 '{"y":2}'; record Nobody 2 '{"y":2}'; } >in.jsonl
	merge 0 --priority A, --unlisted drop in.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
	[[ $stderr == acc-merge:*2* ]]
	merge 0 -v --priority A, --unlisted drop in.jsonl
	[[ $stderr == *Nobody* ]]
}

@test "acc-merge --deny: leaves out who is denied, listed or not" {
	{ record A 1 '{"x":1}'; record B 1 '{"x":2}'; record C 1 '{"x":3}'; } >in.jsonl
	merge 0 --priority A,B,C --deny A,B in.jsonl
	[ "$output" = "$(merged 1 '{"x":3}')" ]
	merge 0 -v --priority A,B,C --deny A,B in.jsonl
	[[ $stderr == *A* && $stderr == *B* ]]
}

@test "acc-merge --updates: replace takes a partner's delivery whole, patch fills in from its earlier ones" {
	{ record A 1 '{"x":1,"y":1}' '"time":"2021-01-01"'; record A 1 '{"x":2,"z":null}' '"time":"2021-01-02"'; } >in.jsonl
	merge 0 in.jsonl
	[ "$output" = "$(merged 1 '{"x":2,"z":null}')" ]
	merge 0 --updates replace in.jsonl
	[ "$output" = "$(merged 1 '{"x":2,"z":null}')" ]
	merge 0 --updates patch in.jsonl
	[ "$output" = "$(merged 1 '{"x":2,"z":null,"y":1}')" ]
}

@test "acc-merge --mode record: takes the first record's data as it stands" {
	{ record A 1 '{ "x":null, "x" : 1.0 }'; record B 1 '{"y":2}'; } >in.jsonl
	merge 0 --mode record --priority A,B in.jsonl
	[ "$output" = "$(merged 1 '{ "x":null, "x" : 1.0 }')" ]
}

@test "acc-merge --fields: keeps the named fields, in the order they are met" {
	{ record A 1 '{"a":1,"b": 2,"c":3}'; record B 1 '{"d":4}'; } >in.jsonl
	merge 0 --fields d,c,a,nowhere in.jsonl
	[ "$output" = "$(merged 1 '{"a":1,"c":3,"d":4}')" ]
	merge 0 --mode record --fields b in.jsonl
	[ "$output" = "$(merged 1 '{"b":2}')" ]
}

@test "acc-merge --fields: a name may have any character but the comma" {
	{ record A 1 '{"a":1,"a#b":2,"#beds":3," x":4,"[a":5,"x":6}'; } >in.jsonl
	for field in 'a#b' '#beds' ' x' '[a'; do
		merge 0 --fields "$field" in.jsonl
		[[ $output == *"{\"$field\":"[0-9]'}}' ]]
		[ -z "$stderr" ]
	done
	merge 2 --fields , in.jsonl
}

@test "acc-merge --fields: a name that comes nowhere is warned of, as it may be misspelt" {
	{ record A 1 '{"a":1}'; record B 1 '{"b":null}'; } >in.jsonl
	merge 0 --fields a,b in.jsonl
	[ -z "$stderr" ]
	merge 0 --fields a,B,c in.jsonl
	[ "$stderr" = "acc-merge: no consolidated record has a field 'B' (see --fields)
acc-merge: no consolidated record has a field 'c' (see --fields)" ]
	merge 0 --mode record --priority A,B --fields a,b in.jsonl
	[ "$stderr" = "acc-merge: no consolidated record has a field 'b' (see --fields)" ]
	merge 0 -q --fields c in.jsonl
	[ -z "$stderr" ]
	merge 0 --fields c /dev/null
	[ -z "$stderr" ]
}

@test "acc-merge --empty-is-missing: takes the empty for no value" {
	{ record A 1 '{"a":"","b":[],"c":{},"d":[ ],"e":0,"f":false}'
	  record B 1 '{"a":"x","b":[1],"c":{"y":1},"e":1,"f":true}'; } >in.jsonl
	merge 0 --priority A,B in.jsonl
	[ "$output" = "$(merged 1 '{"a":"","b":[],"c":{},"d":[ ],"e":0,"f":false}')" ]
	merge 0 --priority A,B --empty-is-missing in.jsonl
	[ "$output" = "$(merged 1 '{"a":"x","b":[1],"c":{"y":1},"d":null,"e":0,"f":false}')" ]
}

@test "acc-merge: null is no value, and a field that nobody fills is null" {
	{ record A 1 '{"x":null,"y":null}'; record B 1 '{"y":1}'; } >in.jsonl
	merge 0 --priority A,B in.jsonl
	[ "$output" = "$(merged 1 '{"x":null,"y":1}')" ]
}

@test "acc-merge --key, --partner, --data, --time: read records of another shape" {
	printf '%s\n' '{"hotel":{"id":"7"},"from":"A","body":{"fields":{"x":1}},"at":"2021-01-01"}' \
		'{"hotel":{"id":7},"from":"B","body":{"fields":{"x":2}},"at":"2021-01-02"}' >in.jsonl
	merge 0 --key .hotel.id --partner .from --data .body.fields --time .at in.jsonl
	[ "$output" = "$(merged 7 '{"x":2}')" ]
}

@test "acc-merge -S, -j, -T: change nothing of the output and leave nothing behind" {
	seq 3000 | awk '{ printf "{\"partner_name\":\"P%d\",\"accommodation_id\":\"%d\",\"accommodation_data\":{\"f%d\":\"%080d\"}," \
		"\"_source\":{\"uri\":\"u\",\"record\":%d}}\n", $1 % 7, $1 * 7919 % 500, $1 % 5, $1, $1 }' >in.jsonl
	acc-merge --updates patch --priority P3,P1 in.jsonl >whole
	[ "$(wc -l <whole)" -eq 500 ]
	mkdir tmp
	for options in "-S 64K" "-S 100KB -j 2" "-S 1M -j 4" "-j 1" "-j 3"; do
		# shellcheck disable=SC2086
		acc-merge --updates patch --priority P3,P1 -T tmp $options in.jsonl >out
		cmp whole out
		# shellcheck disable=SC2086
		acc-merge --updates patch --priority P3,P1 -T tmp $options <in.jsonl >out
		cmp whole out
	done
	[ -z "$(ls -A tmp)" ]
}

@test "acc-merge -j, -S: the place of a refused record is the same" {
	# a bad record on the last line of one over lines, which the blocks and pieces of reading cut anywhere
	seq -f $'{"partner_name":"A","accommodation_id":"%.0f",\n"accommodation_data":{"z":[\n{"y":"x"},\n1],"p":"x"}}{"a":"open' 4000 >in.jsonl
	for options in "-j 1" "-j 1 -S 64K" "-j 4 -S 1M" "-j 4"; do
		# shellcheck disable=SC2086
		run -1 sh -c 'acc-merge "$@" 2>&1 >out <in.jsonl' sh $options
		[ "$(cut -d: -f 4- <<<"$output" | sort -u)" = ' the line ends within a string (column 23); the record is refused' ]
		[ "${#lines[@]}" = 4000 ]
	done
}

# ---- lists

@test "acc-merge --priority: takes names with commas, JSON, text and DynamoDB items, all the same" {
	item='{"contentType":{"S":"PriorityList"},"partner_list":{"L":[{"S":"B"},{"S":"A"}]}}'
	{ record A 1 '{"x":1}'; record B 1 '{"x":2}'; } >in.jsonl
	echo '["B", "\u0041"]' >array.json
	printf '# ours first\nB\n\n  A\n# end' >names.txt
	printf 'B\r\nA\r\n' >dos.txt
	echo "$item" | jq . >item.json
	echo "${item/contentType/ContentType}" >other.json
	echo "{\"Item\":$item}" >get-item.json
	echo "{\"Items\":[$item],\"Count\":1,\"ScannedCount\":1}" | jq . >query.json
	for list in B,A "B," "B, A" " B ,A " array.json ./names.txt dos.txt item.json other.json get-item.json query.json "$PWD/item.json"; do
		merge 0 --priority "$list" in.jsonl
		echo "$list: $output"
		[ "$output" = "$(merged 1 '{"x":2}')" ]
		[ -z "$stderr" ]
	done
}

@test "acc-merge --deny: takes the same forms" {
	{ record A 1 '{"x":1}'; record B 1 '{"x":2}'; } >in.jsonl
	echo '["A"]' >array.json
	echo 'A' >names.txt
	echo '{"Item":{"ContentType":{"S":"BlackList"},"partner_list":{"L":[{"S":"A"}]}}}' >item.json
	for list in "A," array.json names.txt item.json; do
		merge 0 --priority A,B --deny "$list" in.jsonl
		[ "$output" = "$(merged 1 '{"x":2}')" ]
	done
}

@test "acc-merge: of a scan of the table --priority takes PriorityList, --deny takes BlackList" {
	{ record A 1 '{"x":1}'; record B 1 '{"x":2}'; record D 1 '{"x":3}'; } >in.jsonl
	echo '{"Items":[{"ContentType":{"S":"BlackList"},"partner_list":{"L":[{"S":"B"}]}},
		{"ContentType":{"S":"PriorityList"},"partner_list":{"L":[{"S":"D"},{"S":"A"}]}}],"Count":2}' >scan.json
	merge 0 --priority scan.json --unlisted drop in.jsonl
	[ "$output" = "$(merged 1 '{"x":3}')" ]
	merge 0 --priority B,A --deny scan.json in.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
}

@test "acc-merge: a name that stands twice in the list counts at its first place, with a warning" {
	{ record A 1 '{"x":1}'; record B 1 '{"x":2}'; } >in.jsonl
	merge 0 --priority B,A,B in.jsonl
	[ "$output" = "$(merged 1 '{"x":2}')" ]
	[[ $stderr == acc-merge:*B*twice* ]]
}

@test "acc-merge: an empty, missing or broken list is status 2, and nothing is printed" {
	record A 1 '{"x":1}' >in.jsonl
	: >empty
	echo '[]' >empty.json
	echo '# nobody' >comments.txt
	echo '{"partner_list":{"L":[]}}' >item.json
	echo '{"Items":[],"Count":0}' >none.json
	echo '["A"' >broken.json
	echo '["A",5]' >mixed.json
	echo '{"Item":{"other":{"S":"x"}}}' >nolist.json
	for list in empty empty.json comments.txt item.json none.json broken.json mixed.json nolist.json nowhere.json ',' ''; do
		for option in --priority --deny; do
			merge 2 "$option" "$list" in.jsonl
			echo "$option '$list': $stderr"
			[ -z "$output" ]
			[[ $stderr == acc-merge:\ * ]]
		done
	done
}

@test "acc-merge -v: names the partners that the list lacks, as one may be misspelt" {
	{ record A 1 '{"x":1}'; record b 1 '{"x":2}'; record "C c" 1 '{"x":3}'; record D 1 '{}'; } >in.jsonl
	merge 0 -v --priority A,B, --deny D, in.jsonl
	[ "$(grep 'not in the list' <<<"$stderr" | sort)" = "acc-merge: not in the list: C c
acc-merge: not in the list: b" ]
	merge 0 -v in.jsonl
	[[ $stderr != *"not in the list"* ]]
	merge 0 --priority A, in.jsonl
	[ -z "$stderr" ]
}

@test "acc-merge: a list that names none of the partners met is warned about" {
	{ record A 1 '{"x":1}'; record B 1 '{"x":2}'; } >in.jsonl
	for options in "--priority a,b" "--priority a,b --unlisted drop"; do
		# shellcheck disable=SC2086
		merge 0 $options in.jsonl
		[[ $stderr == *"acc-merge: no record is of a partner in the priority list, whose first name is 'a'" ]]
	done
	merge 0 --priority a,B in.jsonl
	[ -z "$stderr" ]
	merge 0 --priority a,b </dev/null
	[ -z "$stderr" ]
}

@test "acc-merge: what has no comma is a path, and the message says how to give one name" {
	record A 1 '{"x":1}' >in.jsonl
	merge 2 --priority A in.jsonl
	[ "$stderr" = "acc-merge: cannot open 'A': No such file or directory (a list of one name ends in a comma: 'A,')" ]
	merge 2 --deny lists/A in.jsonl
	[ "$stderr" = "acc-merge: cannot open 'lists/A': No such file or directory" ]
	merge 2 --priority '' in.jsonl
	[ "$stderr" = "acc-merge: the list of partners is named by an empty text" ]
}

@test "acc-merge: an object in S3 is no file, and the message says who reads it" {
	merge 1 s3://bucket/key
	[ "$stderr" = "acc-merge: cannot open 's3://bucket/key': it is no file; acc-fetch reads objects" ]
}

# ---- rules

# What rule $1 makes of field x, where partners P1, P2, ... have the values that follow.
by_rule() {
	echo "{\"fields\":{\"x\":$1}}" >rules.json
	shift
	: >in.jsonl
	local n=0 names='' value
	for value; do
		n=$((n + 1))
		names+=P$n,
		record "P$n" 1 "{\"x\":$value}" "\"time\":\"2021-01-0$((n % 3 + 1))\"" >>in.jsonl
	done
	run -0 --separate-stderr acc-merge --priority "$names" --rules rules.json in.jsonl
	output=${output#'{"accommodation_id":1,"accommodation_data":{"x":'}
	output=${output%'}}'}
}

@test "acc-merge --rules: newest and oldest go by time, then by order" {
	by_rule '"newest"' 1 2 3 4 5
	[ "$output" = 2 ]
	by_rule '"oldest"' 1 2 3 4 5
	[ "$output" = 3 ]
	{ record A 1 '{"x":1}' '"time":0'; record B 1 '{"x":2}'; } >in.jsonl
	merge 0 --priority A,B --rules rules.json in.jsonl
	[ "$output" = "$(merged 1 '{"x":2}')" ]
}

@test "acc-merge: times in nanoseconds compare as other numbers do" {
	{ record A 1 '{"x":1}' '"time":1612137600000000002'; record A 1 '{"x":2}' '"time":1612137600000000001'; } >in.jsonl
	merge 0 in.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
	echo '{"default":"newest"}' >rules.json
	{ record A 1 '{"x":1}' '"time":1612137600000000001'; record B 1 '{"x":2}' '"time":1612137600000000002'; } >in.jsonl
	merge 0 -p A,B --rules rules.json in.jsonl
	[ "$output" = "$(merged 1 '{"x":2}')" ]
}

@test "acc-merge --rules: longest and shortest count characters or elements, as the first decides" {
	by_rule '"longest"' 5 '"\u00e9\u00e9"' '"éé😀"' '"abc"' '[1,2,3,4]'
	[ "$output" = '"éé😀"' ]
	by_rule '"shortest"' 5 '"\u00e9\u00e9"' '"\ud83d\ude00"' '[]'
	[ "$output" = '"\ud83d\ude00"' ]
	by_rule '"longest"' '[1]' '"a long one"' '[1, {"a":[2,3]}]'
	[ "$output" = '[1, {"a":[2,3]}]' ]
}

@test "acc-merge --rules: min and max compare numbers exactly" {
	by_rule '"max"' '"9"' 123456789012345678901234567890 123456789012345678901234567891 1.5
	[ "$output" = 123456789012345678901234567891 ]
	by_rule '"min"' 1.0 1 1e400 -1e-400 -1e-401
	[ "$output" = -1e-400 ]
	by_rule '"max"' 1.0 1 10e-1
	[ "$output" = 1.0 ]
}

@test "acc-merge --rules: majority is what most partners say, equal as JSON values" {
	by_rule '"majority"' '"a"' '{"p":1,"q":[1.0]}' '{"q":[10e-1], "\u0070":1}'
	[ "$output" = '{"p":1,"q":[1.0]}' ]
	by_rule '"majority"' '"a"' '"b"' '"b"' '"\u0061"'
	[ "$output" = '"a"' ]
}

@test "acc-merge --rules: majority gives a partner one vote, its first" {
	echo '{"default":"majority"}' >rules.json
	{ record A 1 '{"x":1}' '"time":3'; record A 1 '{"x":2}' '"time":2'
	  record A 1 '{"x":2}' '"time":1'; record B 1 '{"x":2}'; } >in.jsonl
	merge 0 --updates patch --rules rules.json in.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
}

@test "acc-merge --rules: union joins arrays, elements equal as JSON values once" {
	by_rule '"union"' '[1, "a", {"p" : 1}]' '"no array"' '[1.0,"\u0061",{"p":1},null,2]' '[]'
	[ "$output" = '[1,"a",{"p" : 1},null,2]' ]
}

@test "acc-merge --rules: deep merges objects at any depth, where one side is no object the first decides" {
	by_rule '"deep"' '{"a":{"b":1.10,"c":null},"d":5}' '[]' '{"e":[1, 2],"a":{"c":2,"b":7,"f":{"g":1}},"d":{}}' '{"a":{"f":{"h":2}}}'
	[ "$output" = '{"a":{"b":1.10,"c":2,"f":{"g":1,"h":2}},"d":5,"e":[1, 2]}' ]
	# what one side has alone is copied
	by_rule '"deep"' '{"a":{"b" : 1,"c":"","b":2}}' '{"d": 3,"a":7}'
	[ "$output" = '{"a":{"b" : 1,"c":"","b":2},"d":3}' ]
	by_rule '"deep"' '7' '{"b" : 1, "c":{"d" : 1}}'
	[ "$output" = '{"b" : 1, "c":{"d" : 1}}' ]
}

@test "acc-merge --rules: a jq program gets value, partner, rank and time, and its first output counts" {
	by_rule '{"jq":".[1] | [.value,.partner,.rank,.time], 5"}' '"a"' '"b"'
	[ "$output" = '["b","P2",2,"2021-01-03"]' ]
	by_rule '{"jq":"map(.value) | add"}' 1 2 3
	[ "$output" = 6 ]
}

@test "acc-merge --rules: where a rule finds nothing of its type, or jq fails, priority decides, and -v says where" {
	for rule in '"longest"' '"min"' '"union"' '"deep"' '{"jq":"error(\"x\")"}' '{"jq":"empty"}' '{"jq":".a"}'; do
		by_rule "$rule" true false
		[ "$output" = true ]
		merge 0 -v --priority P1,P2 --rules rules.json in.jsonl
		[[ $stderr == *'x'* ]]
	done
}

@test "acc-merge --rules: what libjq cannot print is a program's failure" {
	by_rule '{"jq":"reduce range(300) as $i (1; [.])"}' true false
	[ "$output" = true ]
	merge 0 -v --journal journal --priority P1,P2 --rules rules.json in.jsonl
	[[ $stderr == *'an output nests deeper than libjq can print'* ]]
	[ "$(count_of journal fallbacks)" -eq 1 ]
}

@test "acc-merge --rules: a failing program is named once" {
	by_rule '{"jq":"error(\"boo\")"}' 1
	merge 0 -v --rules rules.json in.jsonl
	[[ $stderr == *"acc-merge: rules.json: field 'x': boo"$'\n'* ]]
}

@test "acc-merge --rules: a rule with a priority list of its own goes by it, the rest after it" {
	by_rule '{"rule":"priority","priority":["P3"]}' 1 2 3
	[ "$output" = 3 ]
	by_rule '{"rule":"priority","priority":["P9"]}' 1 2 3
	[ "$output" = 1 ]
	by_rule '{"rule":"max","priority":["P3","P2"]}' 1.0 1.00 1.000
	[ "$output" = 1.000 ]
}

@test "acc-merge --rules: default is for the fields without a rule" {
	echo '{"default":"max","fields":{"y":"min"}}' >rules.json
	{ record A 1 '{"x":1,"y":1}'; record B 1 '{"x":2,"y":2}'; } >in.jsonl
	merge 0 --priority A,B --rules rules.json in.jsonl
	[ "$output" = "$(merged 1 '{"x":2,"y":1}')" ]
}

@test "acc-merge --rules: the fields of a group come together from the first who has all of them" {
	echo '{"groups":[["lat","lon"]]}' >rules.json
	{ record A 1 '{"lat":1,"name":"a"}'; record B 1 '{"lat":2,"lon":2,"name":"b"}'; record C 1 '{"lat":3,"lon":3}'; } >in.jsonl
	merge 0 --priority A,B,C --rules rules.json in.jsonl
	[ "$output" = "$(merged 1 '{"lat":2,"name":"a","lon":2}')" ]
}

@test "acc-merge --rules: else from the first who has most of the group, the rest being null" {
	echo '{"groups":[["street","zip","city"]]}' >rules.json
	{ record A 1 '{"zip":1}'; record B 1 '{"street":"b","city":"b"}'; record C 1 '{"city":"c","zip":3}'; } >in.jsonl
	merge 0 --priority A,B,C --rules rules.json in.jsonl
	[ "$output" = "$(merged 1 '{"zip":null,"street":"b","city":"b"}')" ]
}

@test "acc-merge --rules: what is wrong with the rules is status 2, naming the file and the thing" {
	record A 1 '{"x":1}' >in.jsonl
	bad_rules() {
		printf '%s' "$1" >rules.json
		merge 2 --rules rules.json in.jsonl
		echo "$1: $stderr"
		[ -z "$output" ]
		[[ $stderr == acc-merge:*rules.json*$2* ]]
	}
	bad_rules '{"fields":{"x":"loudest"}}' loudest
	bad_rules '{"default":"loudest"}' loudest
	bad_rules '{"fields":{"x":{"rule":"loudest"}}}' loudest
	bad_rules '{"fields":{"x":5}}' x
	bad_rules '{"fields":{"x":"min"},"groups":[["x","y"]]}' x
	bad_rules '{"groups":[["x","y"],["y","z"]]}' y
	bad_rules '{"groups":["x"]}' ''
	bad_rules '{"felds":{}}' felds
	bad_rules '{"default":"priority"' ''
	bad_rules '[]' ''
	bad_rules '' ''
	bad_rules '{"fields":{"x":{"rule":"min","priority":"A"}}}' x
	bad_rules '{"fields":{"x":{"jq":".[0"}}}' x
	merge 2 --rules nowhere.json in.jsonl
	[[ $stderr == *"'nowhere.json'"*"No such file or directory"* ]]
}

@test "acc-merge --rules: a jq program that does not compile is status 2, and the message shows where" {
	record A 1 '{"x":1}' >in.jsonl
	echo '{"fields":{"price":{"jq":"map(.value) | nonsense(1)"}}}' >rules.json
	merge 2 --rules rules.json in.jsonl
	[ -z "$output" ]
	[[ $stderr == *price* ]]
	[[ $stderr == *"nonsense/1 is not defined"* ]]
}

# ---- --explain and --latest

@test "acc-merge --explain: tells of each field who it is from, by which rule, and how many others offered it" {
	{ record A 1 '{"x":1,"n":null}' '"time":"2021-01-01"'; record B 1 '{"y":[1],"x":2}'; } >in.jsonl
	merge 0 --explain --priority A,B in.jsonl
	[ "$output" = '{"accommodation_id":1,"accommodation_data":{"x":1,"n":null,"y":[1]},"_fields":{"x":{"partner":"A","time":"2021-01-01","uri":"s3://b/k","record":1,"rule":"priority","others":1},"y":{"partner":"B","time":null,"uri":"s3://b/k","record":2,"rule":"priority","others":0}}}' ]
}

@test "acc-merge --explain: names the rule that decided, priority where it fell back, group, record and jq" {
	echo '{"fields":{"n":"max","w":"max","j":{"jq":".[1].value"},"k":{"jq":"7"}},"groups":[["lat","lon"]]}' >rules.json
	{ record A 1 '{"n":1,"w":"x","j":1,"k":1,"lat":1}'
	  record B 1 '{"n":2,"w":"y","j":2.0,"k":2,"lat":2,"lon":2}'; } >in.jsonl
	merge 0 --explain --priority A,B --rules rules.json in.jsonl
	[ "$(jq -c '._fields | map_values([.partner,.record,.rule,.others])' <<<"$output")" = \
		'{"n":["B",2,"max",1],"w":["A",1,"priority",1],"j":["B",2,"jq",1],"k":[null,null,"jq",1],"lat":["B",2,"group",1],"lon":["B",2,"group",0]}' ]
	merge 0 --explain --mode record --priority A,B in.jsonl
	[ "$(jq -c '._fields.n' <<<"$output")" = \
		'{"partner":"A","time":null,"uri":"s3://b/k","record":1,"rule":"record","others":1}' ]
}

@test "acc-merge --explain: a bare record's place is its file and line" {
	{ echo; bare A 1 '{"x":1}'; } >"my file.jsonl"
	merge 0 --explain "my file.jsonl"
	[[ $output == *'"uri":"my file.jsonl","record":2,'* ]]
	merge 0 --explain <"my file.jsonl"
	[[ $output == *'"uri":"-","record":2,'* ]]
}

@test "acc-merge --latest: prints what each partner last said, untouched, sorted by id and order" {
	{ record A 2 '{"x": 1}' '"time":1'; record B 1 '{"y":1}'; record A 1 '{ "x":2 }'; record A 2 '{"x":3}' '"time":2'; } >in.jsonl
	merge 0 --latest --priority A,B in.jsonl
	[ "$output" = "$(sed -n 3p in.jsonl)
$(sed -n 2p in.jsonl)
$(sed -n 4p in.jsonl)" ]
}

@test "acc-merge --latest: a bare record gets its position" {
	{ bare A 1 '{}'
	  echo '{"partner_name":"A","accommodation_id":2,"accommodation_data":{},"_source":{"time":5}}'
	  echo '{"partner_name":"A","accommodation_id":3,"accommodation_data":{},"_source":{},"z":1}'
	  echo '{"partner_name":"A","accommodation_id":4,"accommodation_data":{},"_source":"x"}'; } >in.jsonl
	merge 0 --latest in.jsonl
	[ "${lines[0]}" = '{"partner_name":"A","accommodation_id":1,"accommodation_data":{},"_source":{"uri":"in.jsonl","record":1}}' ]
	[ "${lines[1]}" = '{"partner_name":"A","accommodation_id":2,"accommodation_data":{},"_source":{"time":5}}' ]
	[ "${lines[2]}" = '{"partner_name":"A","accommodation_id":3,"accommodation_data":{},"_source":{},"z":1}' ]
	[ "${lines[3]}" = '{"partner_name":"A","accommodation_id":4,"accommodation_data":{},"_source":"x","_source":{"uri":"in.jsonl","record":4}}' ]
}

@test "acc-merge: without a uri the number and then the text decide, not the order of the input" {
	record() { echo '{"partner_name":"A","accommodation_id":1,"accommodation_data":{"x":"'"$1"'"},"_source":{'"$2"'}}'; }
	record a '"time":5' >one
	record b '"time":5' >two
	record c '"record":1,"time":5' >three
	for order in "one two" "two one"; do
		# shellcheck disable=SC2086
		merge 0 $order
		[[ $output = *'{"x":"b"}'* ]]
	done
	for order in "one two three" "three two one"; do
		# shellcheck disable=SC2086
		merge 0 --explain $order
		[[ $output = *'{"x":"c"}'*'"uri":null,"record":1,'* ]]
		# shellcheck disable=SC2086
		cat $order >all
		run -0 acc-merge <all
		[[ $output = *'{"x":"c"}'* ]]
	done
}

@test "acc-merge --latest: merging the latest of parts gives what merging everything gives" {
	{ record A 1 '{"x":1}' '"time":1'; bare B 1 '{"y":2}'; } >a.jsonl
	{ record A 1 '{"x":2}' '"time":2'; bare B 1 '{"z":3}'; bare C 2 '{}'; } >b.jsonl
	for updates in replace patch; do
		acc-merge --explain --updates $updates --priority B, a.jsonl b.jsonl >whole
		acc-merge --updates $updates --latest --priority B, a.jsonl >a.latest
		acc-merge --updates $updates --latest --priority B, b.jsonl >b.latest
		acc-merge --explain --updates $updates --priority B, b.latest a.latest >parts
		cmp whole parts
		[ "$(wc -l <whole)" -eq 2 ]
	done
}

# ---- bad input

# $1 is a bad line between two good ones: the good ones come out, the bad one is named and refused
# with code $2, a message with $3, and its text kept.
refuses() {
	{ bare A 1 '{"x":1}'; printf '%s\n' "$1"; bare A 2 '{"x":2}'; } >in.jsonl
	rm -f rejects
	run -1 --separate-stderr acc-merge --rejects rejects in.jsonl
	echo "stderr: $stderr"
	[ "$output" = "$(merged 1 '{"x":1}')
$(merged 2 '{"x":2}')" ]
	[ "$(grep -c . <<<"$stderr")" -eq 1 ]
	[[ $stderr == acc-merge:\ in.jsonl:2:\ *$3* ]]
	cat rejects
	[ "$(jq -c '[.tool,.code,.source.uri,.source.record]' rejects)" = "[\"acc-merge\",\"$2\",\"in.jsonl\",2]" ]
	[[ $stderr == *": $(jq -r .error rejects); the record is refused"* ]]
}

refuses_whole() {
	refuses "$@"
	[ "$(jq -j .record rejects)" = "$1" ]
}

@test "acc-merge: a line that is not JSON is refused and named, the others come out" {
	refuses_whole 'nonsense' invalid-json ''
	refuses_whole '{"partner_name":"A","accommodation_id":3,"accommodation_data":{"x":01}}' invalid-json ''
	refuses_whole '{"partner_name":"A","accommodation_id":3,"accommodation_data":{"x":"\q"}}' invalid-json ''
}

@test "acc-merge: a line cut short costs nothing but itself" {
	refuses_whole '{"partner_name":"A","accommodation_id":3,"accommodation_da' invalid-json ''
	refuses_whole '{"partner_name":"A","accommodation_id":3,' invalid-json ''
	refuses_whole '{"partner_name":"A","accommodation_id":3,"accommodation_data":{"x":' invalid-json ''
}

@test "acc-merge: text that is not UTF-8 is refused, and the rejects have its bytes" {
	line=$(printf '{"partner_name":"A\xff","accommodation_id":3,"accommodation_data":{}}')
	refuses "$line" invalid-utf8 UTF-8
	[ "$(jq -r .record rejects)" = '{"partner_name":"A�","accommodation_id":3,"accommodation_data":{}}' ]
	[ "$(jq -r .record_base64 rejects | base64 -d)" = "$line" ]
}

@test "acc-merge: a record that is no object is refused" {
	refuses_whole '5' not-an-object object
	refuses_whole '"text"' not-an-object object
	refuses_whole 'null' not-an-object object
}

@test "acc-merge: a record without id, partner or data, or of the wrong type, is refused with the option to see" {
	bare A 1 '{"x":1}' >good.jsonl
	missing() {
		printf '%s\n' "$1" >in.jsonl
		run -1 --separate-stderr acc-merge in.jsonl good.jsonl
		echo "$stderr"
		[ "$output" = "$(merged 1 '{"x":1}')" ]
		[[ $stderr == acc-merge:\ in.jsonl:1:\ *$2*"the record is refused (see $3)" ]]
	}
	missing '{"partner_name":"A","accommodation_data":{}}' 'no "accommodation_id"' --key
	missing '{"partner_name":"A","accommodation_id":null,"accommodation_data":{}}' accommodation_id --key
	missing '{"partner_name":"A","accommodation_id":{},"accommodation_data":{}}' accommodation_id --key
	missing '{"partner":"A","accommodation_id":1,"accommodation_data":{}}' 'no "partner_name"' --partner
	missing '{"partner_name":5,"accommodation_id":1,"accommodation_data":{}}' partner_name --partner
	missing '{"partner_name":"A","accommodation_id":1}' 'no "accommodation_data"' --data
	missing '{"partner_name":"A","accommodation_id":1,"accommodation_data":[]}' accommodation_data --data
	missing '{"partner_name":"A","accommodation_id":1,"accommodation_data":null}' accommodation_data --data
}

@test "acc-merge: every record of a file with the wrong header is named, and the good file goes through" {
	{ printf '['; bare A 1 '{"x":1}' | sed s/partner_name/partner/; printf ','
	  bare B 2 '{"x":1}' | sed s/partner_name/partner/; printf ']\n'; } >wrong.jsonl
	bare A 1 '{"x":1}' >good.jsonl
	merge 1 wrong.jsonl good.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
	[ "$(grep -c 'wrong.jsonl:.*"partner_name"' <<<"$stderr")" -eq 2 ]
}

@test "acc-merge: a record that acc-fetch takes is not too long for its _source" {
	empty=$(bare A 1 '{"x":""}')
	bare A 1 "{\"x\":\"$(printf "%$((1024 - ${#empty}))s" | tr ' ' x)\"}" >in.jsonl
	acc-fetch --max-record 1K in.jsonl >fetched.jsonl
	merge 0 --max-record 1K fetched.jsonl
	[ "$output" = "$(acc-merge in.jsonl)" ]
	acc-merge --max-record 1K --latest in.jsonl >latest.jsonl
	merge 0 --max-record 1K --latest latest.jsonl
	[ "$output" = "$(cat latest.jsonl)" ]
	acc-fetch --max-record 1K latest.jsonl >fetched.jsonl
	cmp fetched.jsonl latest.jsonl
	sed 's/xx/xxx/' fetched.jsonl >long.jsonl
	merge 1 --max-record 1K long.jsonl
	[[ $stderr == *'longer than --max-record'* ]]
}

@test "acc-merge: nesting of 512 levels is read, one more is refused" {
	nested() { # levels of arrays below the record's own two
		printf '{"x":%s%s}' "$(printf '[%.0s' $(seq "$1"))" "$(printf ']%.0s' $(seq "$1"))"
	}
	bare A 1 "$(nested 510)" >in.jsonl
	merge 0 in.jsonl
	[ "$output" = "$(merged 1 "$(nested 510)")" ]
	refuses_whole "$(bare A 3 "$(nested 511)")" too-deep 512
}

@test "acc-merge: a truncated gzip keeps its good records, is named, and makes the status 1" {
	jq -nc 'range(1; 2001) | {partner_name:"A",accommodation_id:.,accommodation_data:{x:(. * . * 7919)}}' >all.jsonl
	gzip -c all.jsonl | head -c 9000 >cut.jsonl
	run -1 --separate-stderr acc-merge cut.jsonl
	[ "${#lines[@]}" -gt 100 ]
	[ "${#lines[@]}" -lt 2000 ]
	[[ $stderr == *acc-merge:*cut.jsonl* ]]
	acc-merge all.jsonl >whole
	[ "$(grep -cvxFf whole <<<"$output")" -eq 0 ]
}

@test "acc-merge: the record in which reading ends is not refused, those that are bad before it are" {
	{ echo bad; jq -nc 'range(1; 2001) | {partner_name:"A",accommodation_id:.,accommodation_data:{x:(. * . * 7919)}}'; } >all.jsonl
	gzip -c all.jsonl | head -c 9000 >cut.jsonl.gz
	gzip -dc cut.jsonl.gz >cut.jsonl 2>/dev/null || true
	[ "$(tail -c 1 cut.jsonl)" != '}' ]
	for j in 1 2 4; do
		rm -f rejects
		run -1 --separate-stderr acc-merge -j "$j" -S 1M --journal journal --rejects rejects cut.jsonl.gz
		[ "${#lines[@]}" -eq "$(($(wc -l <cut.jsonl) - 1))" ]
		[ "$(jq -r .record rejects)" = bad ]
		[ "$(count_of journal refused)" -eq 1 ]
		[[ $stderr == *'record is refused'*$'\n'*'cut.jsonl.gz'* ]]
	done
	# what is complete counts, though nothing follows it
	head -c "$(($(head -n 5 all.jsonl | wc -c) - 1))" all.jsonl | gzip -c | head -c -8 >cut.jsonl.gz
	run -1 --separate-stderr acc-merge cut.jsonl.gz
	[ "${#lines[@]}" -eq 4 ]
}

@test "acc-merge: a missing or unreadable file among others is named, the others go through" {
	bare A 1 '{"x":1}' >good.jsonl
	mkdir directory
	merge 1 nowhere.jsonl good.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
	[[ $stderr == acc-merge:*"'nowhere.jsonl'"*"No such file or directory" ]]
	merge 1 directory good.jsonl
	[ "$output" = "$(merged 1 '{"x":1}')" ]
	[ "$stderr" = "acc-merge: cannot read 'directory': it is a directory (acc-fetch reads directories)" ]
}

@test "acc-merge: a later good record does not undo an earlier refusal" {
	{ echo nonsense; for i in $(seq 100); do bare A "$i" '{}'; done; } >in.jsonl
	merge 1 in.jsonl
	[ "${#lines[@]}" -eq 100 ]
}

# ---- counts

@test "acc-merge: read = represented + left out + refused, in the journal and with -v" {
	{ record A 1 '{"x":1}' '"time":1'; record A 1 '{"x":2}' '"time":2'; record B 1 '{"y":1}'
	  record C 1 '{}'; record D 2 '{}'; echo nonsense; echo '{}'; } >in.jsonl
	sed -n 3p in.jsonl >again.jsonl
	merge 1 -v --journal journal --priority A,B,C --deny C, --unlisted drop in.jsonl again.jsonl
	[ "$(count_of journal read)" -eq 8 ]
	[ "$(count_of journal represented)" -eq 4 ]
	[ "$(count_of journal superseded)" -eq 2 ]
	[ "$(count_of journal left_out)" -eq 2 ]
	[ "$(count_of journal refused)" -eq 2 ]
	for word in 8 read represented superseded left refused; do
		[[ $stderr == *$word* ]]
	done
}

@test "acc-merge: the journal has start, each refusal with its place, and done with the status" {
	{ bare A 1 '{}'; echo nonsense; } >in.jsonl
	ACC_JOURNAL=$PWD/journal merge 1 --rejects rejects in.jsonl
	[ "$(jq -r .event journal | tr '\n' ' ')" = "start refused done " ]
	[ "$(jq -c 'select(.event == "refused") | [.tool,.uri,.record,.code,.kept]' journal)" = \
		'["acc-merge","in.jsonl",2,"invalid-json",true]' ]
	[ "$(jq 'select(.event == "done") | .status' journal)" -eq 1 ]
}

# ---- manners

@test "acc-merge: wrong usage is status 2, with nothing on stdout" {
	bare A 1 '{}' >in.jsonl
	for options in --nonsense "--mode all" "--updates never" "--unlisted maybe" "-S lots" "-S -1" "-j many" \
		"--key id" "--partner ." "--data" "--fields"; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr acc-merge in.jsonl $options
		echo "$options: $stderr"
		[ -z "$output" ]
		[[ $stderr == acc-merge:\ * ]]
	done
}

@test "acc-merge --progress: bytes of the files, as stored, and of a pipe without a total" {
	for i in $(seq 40); do record A "$i" '{"x":1}'; done >in.jsonl
	gzip -k in.jsonl
	bytes=$(wc -c <in.jsonl) packed=$(wc -c <in.jsonl.gz)
	merge 0 --progress always in.jsonl in.jsonl.gz
	printf -v total '%.1fK' "$(jq -n "$bytes + $packed | . / 1024")"
	[[ $stderr = *"acc-merge: $total/$total, "* ]]
	run -0 --separate-stderr bash -c 'cat in.jsonl | acc-merge --progress always'
	[[ $stderr = *"acc-merge: "*K,\ * ]]
	[[ $stderr != *[0-9KM]/[0-9]* ]]
}

@test "acc-merge --help: names every option on stdout" {
	merge 0 --help
	[ -z "$stderr" ]
	for option in --priority --deny --rules --fields --key --partner --data --time --mode --updates --unlisted \
		--empty-is-missing --latest --explain --rejects -S -j -T --journal --log-format --progress --version; do
		[[ $output == *"$option"* ]]
	done
}

@test "acc-merge --version: says name and version" {
	merge 0 --version
	[[ ${lines[0]} == acc-merge*[0-9].[0-9]* ]]
	[ -z "$stderr" ]
}

@test "acc-merge --log-format json: every message is an object with its place" {
	{ bare A 1 '{}'; echo nonsense; } >in.jsonl
	merge 1 --log-format json in.jsonl
	[ "$(jq -c '[.level,.tool,.uri,.record,.code]' <<<"$stderr")" = '["error","acc-merge","in.jsonl",2,"invalid-json"]' ]
	[ "$(jq -r '(.time|type),(.message|type)' <<<"$stderr" | uniq)" = string ]
	merge 1 --log-format json missing in.jsonl
	[ "$(jq -sc '.[0] | [.level,.uri,.code]' <<<"$stderr")" = '["error","missing","missing"]' ]
}

@test "acc-merge -q: is silent about warnings, not about errors" {
	{ record A 1 '{}' '"time":"soon"'; echo nonsense; } >in.jsonl
	merge 1 -q in.jsonl
	[ "$(grep -c . <<<"$stderr")" -eq 1 ]
	[[ $stderr == *in.jsonl:2:* ]]
}

@test "acc-merge: a full disk is status 3, not success" {
	bare A 1 '{}' >in.jsonl
	run -3 --separate-stderr sh -c 'exec acc-merge in.jsonl >/dev/full'
	[[ $stderr == acc-merge:*"No space left on device"* ]]
}

@test "acc-merge: a closed stdout ends it quietly" {
	numbered 60000 '{}' >in.jsonl
	run --separate-stderr bash -c 'acc-merge in.jsonl | head -n 1; echo "${PIPESTATUS[0]}"'
	[ "${lines[1]}" -eq 141 ]
	[ -z "$stderr" ]
}

@test "acc-merge: a rejects file that cannot be written is status 3, a bad place for it status 2 or 3" {
	{ bare A 1 '{}'; echo nonsense; } >in.jsonl
	merge 3 --rejects /dev/full in.jsonl
	[[ $stderr == *"/dev/full"* ]]
	run --separate-stderr acc-merge --rejects nowhere/rejects in.jsonl
	[ "$status" -ge 2 ]
	[ -z "$output" ]
}

@test "acc-merge: a signal in the middle ends it as that signal does and leaves no temporary" {
	mkdir tmp
	mkfifo pipe
	numbered 5000 '{"x":"........................................"}' >in.jsonl
	for signal in TERM HUP; do
		env --default-signal=HUP acc-merge -S 64K -T tmp <pipe >out &
		pid=$!
		exec 9>pipe
		cat in.jsonl >&9
		kill -s "$signal" "$pid"
		code=0
		wait "$pid" || code=$?
		exec 9>&-
		[ "$code" -eq "$((128 + $(kill -l "$signal")))" ]
		[ -z "$(ls -A tmp)" ]
		[ ! -s out ]
	done
}

@test "acc-merge: a temporary directory that is not there is status 3 when it is needed" {
	numbered 5000 '{"x":"........................................"}' >in.jsonl
	run --separate-stderr sh -c 'acc-merge -S 64K -T nowhere <in.jsonl >out'
	[ "$status" -ge 2 ]
	[[ $stderr == acc-merge:*nowhere*"No such file or directory"* ]]
	[ ! -s out ]
}

# cut_short SIZE OPTION...: acc-merge reads short.jsonl, and then waits for its second input while the first is cut
cut_short() {
	local size=$1 pid
	shift
	rm -f wait journal
	mkfifo wait
	acc-merge "$@" -T tmp --journal journal short.jsonl wait >out 2>err 3>&- &
	pid=$!
	exec 9>"$PWD/wait"
	truncate -s "$size" short.jsonl
	exec 9>&-
	wait "$pid"
}

@test "acc-merge: inputs may be more than a process may open" {
	for n in $(seq 300); do bare A "$n" '{}' >"in.$n"; done
	run -0 bash -c 'ulimit -n 64; acc-merge in.*'
	[ "${#lines[@]}" -eq 300 ]
}

@test "acc-merge: a file that is cut short while it is read is status 3 and named, and leaves nothing behind" {
	[ "$SANITIZE" != thread ] || skip "its runtime forbids what is safe in this handler"
	mkdir tmp
	jq -nc '("x" * 200) as $x | range(4000) | {partner_name:"A",accommodation_id:.,accommodation_data:{x:$x}}' >whole.jsonl
	acc-merge whole.jsonl >right
	for size in 0 5000 800000; do
		for format in text json; do
			cp whole.jsonl short.jsonl
			status=0
			cut_short "$size" --log-format "$format" || status=$?
			[ "$status" -eq 3 ]
			[ "$(wc -l <err)" -eq 1 ]
			grep -qF "cannot read 'short.jsonl': it was cut short while it was being read" err
			[ "$(jq -r 'select(.event == "done").status' journal)" -eq 3 ]
			[ -z "$(ls tmp)" ]
		done
		cp whole.jsonl short.jsonl
		status=0
		cut_short "$size" -S 64K || status=$? # most of it is on disk by then
		[ "$status" -eq 3 ] || { [ "$status" -eq 0 ] && cmp out right; }
		[ -z "$(ls tmp)" ]
	done
	head -n 1 whole.jsonl >short.jsonl # within a page what is gone reads as zeros
	status=0
	cut_short 20 || status=$?
	[ "$status" -eq 3 ]
	[ "$(cat err)" = "acc-merge: cannot read 'short.jsonl': it was cut short while it was being read" ]
	head -n 1 whole.jsonl >short.jsonl # one that has another name by then
	mkfifo begun
	acc-merge short.jsonl begun >out 2>err 3>&- &
	pid=$!
	exec 9>begun
	mv short.jsonl moved.jsonl
	truncate -s 20 moved.jsonl
	exec 9>&-
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 3 ]
}

@test "acc-merge: one that is killed while its runs are on disk leaves nothing behind" {
	mkdir tmp
	mkfifo in
	jq -nc '("x" * 200) as $x | range(20000) | {partner_name:"A",accommodation_id:.,accommodation_data:{x:$x}}' >whole.jsonl
	acc-merge -S 64K -T tmp <in >out 3>&- &
	pid=$!
	exec 9>"$PWD/in"
	cat whole.jsonl >&9
	for _ in $(seq 100); do # until it has a run
		[ "$(find "/proc/$pid/fd" -lname "$PWD/tmp/*" | wc -l)" -gt 0 ] && break
		sleep 0.05
	done
	[ "$(find "/proc/$pid/fd" -lname "$PWD/tmp/*" | wc -l)" -gt 0 ]
	kill -s KILL "$pid"
	exec 9>&-
	wait "$pid" || true
	[ -z "$(ls -A tmp)" ]
}

@test "acc-merge: an id within the data, and long, makes no difference between a file and a pipe" {
	long=$(head -c 40000 /dev/zero | tr '\0' x)
	for partner in '"p","n"' '"q",null'; do
		echo '{"partner_name":'"${partner%,*}"',"accommodation_data":{"id":"'"$long"'","name":'"${partner#*,}"',"c":"d"}}'
	done >in.jsonl
	run -0 acc-merge --key .accommodation_data.id --priority q, in.jsonl
	[[ "$output" = *'","name":"n","c":"d"}}' ]]
	[ "$(acc-merge --key .accommodation_data.id --priority q, < <(cat in.jsonl))" = "$output" ]
}

@test "acc-merge: what comes through a pipe gives the same as a file, whatever of a record is kept" {
	for id in 1 2 3; do
		for data in '{"a":"x","b":[1, 2]}' '{"a":"y","b":null,"c":1.50}' '{"b":{"d":"\\u00e9"},"a":null}' '{ "a":"z","b":2 }' \
			'{"a":1,"b":2,"c":3}'; do
			n=$((n + 1))
			printf '{"partner_name":"p%d","accommodation_id":"%d","accommodation_data": %b}\n' "$n" "$id" "$data"
		done
	done >in.jsonl
	printf '{"partner_name":"same","accommodation_id":"1","accommodation_data":{"a":%s},"_source":{"uri":"u","record":1}}\n' \
		1 12 '"1"' 1 >>in.jsonl
	for options in '-p p3,p1' '-p p2,p4,p9' '-p p5,p10' '-p same,p1' '--fields b' '--explain' '--latest' '--updates patch' \
		'--empty-is-missing' '-S 1K'; do
		# shellcheck disable=SC2086 # several options
		run -0 acc-merge $options in.jsonl
		jq -e . <<<"$output" >/dev/null
		# shellcheck disable=SC2086
		[ "$(acc-merge $options - < <(cat in.jsonl) | sed 's/"uri":"-"/"uri":"in.jsonl"/g')" = "$output" ]
	done
}

@test "acc-merge: the record's number may be its time" {
	for n in 5 50; do
		echo '{"partner_name":"p'$n'","accommodation_id":"1","accommodation_data":{"a":'$n'},"_source":{"uri":"u","record":'$n'}}'
	done >in.jsonl
	[ "$(acc-merge --time ._source.record in.jsonl)" = '{"accommodation_id":"1","accommodation_data":{"a":50}}' ]
}

@test "acc-merge: a record of millions of values takes its time, and no more in small pieces" {
	{
		printf '{"partner_name":"p","accommodation_id":"1","accommodation_data":{"y":[1'
		head -c 6000000 /dev/zero | sed 's/\x00/,1/g'
		echo ']}}'
	} >in.jsonl
	for memory in 64K 64M; do
		timeout 30 acc-merge -S $memory in.jsonl >from-file
		timeout 30 acc-merge -S $memory <in.jsonl >from-stdin
		timeout 30 acc-merge -S $memory < <(cat in.jsonl) >from-pipe
		cmp from-file from-stdin
		cmp from-file from-pipe
	done
	[ "$(wc -c <from-file)" -gt 12000000 ]
}

@test "acc-merge: standard input is read once, by the one who asks for it" {
	echo '{"partner_name":"A","accommodation_id":"1","accommodation_data":{"a":1}}' >in.jsonl
	run -2 --separate-stderr acc-merge --rules - <in.jsonl
	[ "$stderr" = "acc-merge: standard input cannot be read twice, for --rules and for the records (see acc-merge --help)" ]
	run -2 --separate-stderr acc-merge --deny - in.jsonl - <<<A
	[[ "$stderr" = *" for --deny and for the records "* ]]
	run -2 --separate-stderr acc-merge -p - --rules - in.jsonl <<<A
	[[ "$stderr" = *" for --rules and for --priority "* ]]
	[ "$(echo '{"default":"max"}' | acc-merge --rules - in.jsonl)" = '{"accommodation_id":"1","accommodation_data":{"a":1}}' ]
}

@test "acc-merge: what it writes to is neither read nor takes the rejects" {
	echo '{"partner_name":"A","accommodation_id":"1"}' | tee in.jsonl >same.jsonl
	run -1 --separate-stderr sh -c 'acc-merge same.jsonl >same.jsonl'
	[ "$stderr" = "acc-merge: cannot read 'same.jsonl': this command writes to it; write elsewhere, or leave it out" ]
	for tool in acc-merge acc-fetch; do
		run -2 --separate-stderr sh -c "$tool -r out in.jsonl >out"
		[ "$stderr" = "$tool: standard output goes to 'out', too, and would overwrite the refused records; name another file" ]
	done
	acc-merge -r /dev/null in.jsonl >/dev/null || [ $? -eq 1 ]
}
