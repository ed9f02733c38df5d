#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2001

bats_require_minimum_version 1.5.0
load helpers

setup() {
	in_own_directory
}

fetch() {
	run -"$1" --separate-stderr acc-fetch "${@:2}"
}

# The records that standard output holds, without their _source.
records() {
	jq -c 'del(._source)' <<<"$output"
}

# ---- records

@test "acc-fetch: every record gets its source as last member" {
	printf '{"a":1}\n{ "b" : [1, 2] }\n' >in.jsonl
	touch -d '2021-02-01T11:07:57.885Z' in.jsonl
	fetch 0 in.jsonl
	[ "$output" = '{"a":1,"_source":{"uri":"in.jsonl","record":1,"time":"2021-02-01T11:07:57.885Z"}}
{ "b" : [1, 2] ,"_source":{"uri":"in.jsonl","record":2,"time":"2021-02-01T11:07:57.885Z"}}' ]
	[ -z "$stderr" ]
}

@test "acc-fetch: the time of a file has its microseconds, and none that are not there" {
	echo '{}' >in.jsonl
	touch -d '2021-02-01T11:07:57.123456789Z' in.jsonl
	fetch 0 in.jsonl
	[ "$output" = '{"_source":{"uri":"in.jsonl","record":1,"time":"2021-02-01T11:07:57.123456Z"}}' ]
	touch -d '2021-02-01T11:07:57Z' in.jsonl
	fetch 0 in.jsonl
	[ "$output" = '{"_source":{"uri":"in.jsonl","record":1,"time":"2021-02-01T11:07:57Z"}}' ]
}

@test "acc-fetch: --bare leaves the source out, and a _source that is there is kept as it is" {
	printf '{"a":1}\n{"_source":{"uri":"x"},"b":2}\n{"\\u005fsource":7}\n' >in.jsonl
	fetch 0 --bare in.jsonl
	[ "$output" = "$(cat in.jsonl)" ]
	fetch 0 in.jsonl
	[ "${lines[1]}" = '{"_source":{"uri":"x"},"b":2}' ]
	[ "${lines[2]}" = '{"\u005fsource":7}' ]
}

@test "acc-fetch: a record on one line is copied byte for byte" {
	printf '%s\n' '{"a": 1.10 ,"b":123456789012345678901234567890,"c":"\u00e9\/é\ud83d\ude00","d":1E+2,"a":2}' >in.jsonl
	fetch 0 --bare in.jsonl
	[ "$output" = "$(cat in.jsonl)" ]
}

@test "acc-fetch: a record over lines loses the white space between its tokens, and nothing else" {
	printf '{\n\t"a" : "x  y",\r\n  "b": [ 1.0 , {} ],\n "_source" : {\n "uri":"u" } }\n' >in.json
	fetch 0 in.json
	[ "$output" = '{"a":"x  y","b":[1.0,{}],"_source":{"uri":"u"}}' ]
}

@test "acc-fetch: reads arrays over any number of lines, concatenated values, BOM, CRLF and a last line without newline" {
	printf '\xef\xbb\xbf[{"a":1},\r\n{"a":2}\r\n,\r\n\r\n{"a":\r\n3}]\r\n{"a":4}{"a":5} {"a":6}\r\n[{"a":7}][]' >in.jsonl
	fetch 0 --bare in.jsonl
	[ "$output" = "$(printf '{"a":%d}\n' 1 2 3 4 5 6 7)" ]
}

@test "acc-fetch: record numbers count from 1 within each object" {
	jq -nc 'range(1100) | {}' >a.jsonl
	cp a.jsonl b.jsonl
	fetch 0 a.jsonl b.jsonl
	[ "$(jq -r '._source | "\(.uri) \(.record)"' <<<"$output")" = "$(
		for f in a b; do seq -f "$f.jsonl %g" 1100; done
	)" ]
}

@test "acc-fetch: an empty file gives nothing and is no error" {
	: >empty
	printf ' \n\n' >blank
	fetch 0 empty blank
	[ -z "$output" ] && [ -z "$stderr" ]
}

# ---- compression

@test "acc-fetch: gzip of several members and zstd of several frames are recognised by content" {
	for i in 1 2; do echo "{\"a\":$i}" | gzip; done >in.json
	{ head -c 20 /dev/zero; } >>in.json
	fetch 0 --bare in.json
	[ "$output" = $'{"a":1}\n{"a":2}' ]
	command -v zstd >/dev/null || skip "zstd is not installed"
	for i in 3 4; do echo "{\"a\":$i}" | zstd -q; done >in.gz
	fetch 0 --bare in.gz
	[ "$output" = $'{"a":3}\n{"a":4}' ]
}

@test "acc-fetch: compressed records come through standard input too" {
	echo '{"a":1}' | gzip >in
	run -0 sh -c 'cat in | acc-fetch --bare -'
	[ "$output" = '{"a":1}' ]
}

@test "acc-fetch: a truncated gzip keeps its good records, fails as an object, and the others go on" {
	seq -f '{"n":%.0f}' 20000 >all
	gzip -c all >cut.gz
	truncate -s -2000 cut.gz
	echo '{"last":1}' >z.jsonl
	ACC_JOURNAL=journal fetch 1 --bare cut.gz z.jsonl
	[ "${lines[0]}" = '{"n":1}' ]
	[ "${#lines[@]}" -gt 10000 ]
	[ "${lines[-1]}" = '{"last":1}' ]
	[ "$(head -n -1 <<<"$output")" = "$(head -n $((${#lines[@]} - 1)) all)" ]
	[ "$stderr" = "acc-fetch: cannot read all of 'cut.gz': gzip data: unexpected end" ]
	[ "$(jq -r 'select(.event == "failed") | "\(.uri) \(.code)"' journal)" = 'cut.gz truncated' ]
	[ "$(count_of journal failed_objects)" = 1 ] && [ "$(count_of journal objects)" = 1 ]
	[ "$(count_of journal refused)" = 0 ]
}

@test "acc-fetch: a corrupt gzip, and garbage behind one, are reported after the good records" {
	echo '{"a":1}' | gzip >garbage.gz
	echo nonsense >>garbage.gz
	fetch 1 --bare garbage.gz
	[ "$output" = '{"a":1}' ]
	[ "$stderr" = "acc-fetch: cannot read all of 'garbage.gz': gzip data: garbage follows" ]
	seq -f '{"n":%.0f}' 1000 | gzip >bad.gz
	size=$(stat -c %s bad.gz)
	printf '\xff\xff\xff\xff' | dd of=bad.gz bs=1 seek=$((size - 8)) conv=notrunc status=none
	fetch 1 --bare bad.gz
	[ "${#lines[@]}" = 1000 ]
	[[ $stderr = *'incorrect data check'* ]]
}

@test "acc-fetch: a truncated zstd keeps its good records and fails" {
	command -v zstd >/dev/null || skip "zstd is not installed"
	seq -f '{"n":%.0f,"x":"'"$(head -c 300 /dev/urandom | base64 -w0)"'"}' 5000 | zstd -q >cut.zst
	truncate -s -100 cut.zst
	fetch 1 --bare cut.zst
	[ "${lines[0]:0:7}" = '{"n":1,' ]
	[[ $stderr = *"cannot read all of 'cut.zst': zstd data: unexpected end" ]]
}

# ---- what is refused

@test "acc-fetch: each bad record is named with its line, the good ones come out, status 1" {
	printf '{"a":1}\nnope\n"text"\n{"b":"\xff"}\n[1,{"c":2}]\n{"d":}\n{"e":5}\n' >in.jsonl
	fetch 1 --bare in.jsonl
	[ "$output" = $'{"a":1}\n{"c":2}\n{"e":5}' ]
	[ "${#stderr_lines[@]}" = 5 ]
	[[ ${stderr_lines[0]} = 'acc-fetch: in.jsonl:2: '*'; the record is refused (see --rejects)' ]]
	[[ ${stderr_lines[1]} = 'acc-fetch: in.jsonl:3: not a JSON object '* ]]
	[[ ${stderr_lines[2]} = 'acc-fetch: in.jsonl:4: '*'UTF-8'* ]]
	[[ ${stderr_lines[3]} = 'acc-fetch: in.jsonl:5: not a JSON object '* ]]
	[[ ${stderr_lines[4]} = 'acc-fetch: in.jsonl:6: '* ]]
}

@test "acc-fetch: a comma that is missing in an array costs the one record before it, the first one, too" {
	for open in '[{' '[ {' ' [{' $'[\n{' $'[\n  {' $'\xef\xbb\xbf[{' $'{"x":0}\n[{'; do
		indent=''
		[ "$open" != $'[\n  {' ] || indent='  '
		[ "$open" != ' [{' ] || indent=' '
		printf '%s"a":1}\n%s{"a":2},\n%s{"a":3}\n%s{"a":4}\n]\n' "$open" "$indent" "$indent" "$indent" >in.jsonl
		fetch 1 --bare --rejects rejects in.jsonl
		[ "$(grep -v x <<<"$output")" = $'{"a":2}\n{"a":4}' ] || { echo "$open: $output"; return 1; }
		fetch 1 --bare - < <(while IFS= read -r -n 1 -d '' c; do printf %s "$c"; done <in.jsonl)
		[ "$(grep -v x <<<"$output")" = $'{"a":2}\n{"a":4}' ]
		[ "$(jq -r .record rejects)" = $'{"a":1}\n{"a":3}' ]
		rm rejects
	done
}

@test "acc-fetch: a line that only seems to begin an array costs none of those behind it" {
	printf '{"n":1}\n[ERROR oops\n{"n":2}\n{"n":3}\n{"n":4}\n' >in.jsonl
	fetch 1 --bare in.jsonl
	[ "$output" = $'{"n":1}\n{"n":2}\n{"n":3}\n{"n":4}' ]
	[[ ${stderr_lines[0]} == 'acc-fetch: in.jsonl:2: '* ]]
	[ "${stderr_lines[1]}" = "acc-fetch: cannot read all of 'in.jsonl': the array is not closed" ]
	[ "${#stderr_lines[@]}" = 2 ]
}

@test "acc-fetch: JSON Lines behind an array that was never closed cost one record" {
	printf '[{"n":1},\n{"n":2}\n{"n":3}\n{"n":4}\n{"n":5}\n' >in.jsonl
	fetch 1 --bare in.jsonl
	[ "$output" = $'{"n":1}\n{"n":3}\n{"n":4}\n{"n":5}' ]
}

@test "acc-fetch: a comma behind a record on one line has each such record refused" {
	printf '{"n":1},\n{"n":2},\n{"n":3}\n' >in.jsonl
	fetch 1 --bare in.jsonl
	[ "$output" = '{"n":3}' ] && [ "${#stderr_lines[@]}" = 2 ]
}

@test "acc-fetch: a bad element costs one element, however the lines of an array are indented" {
	while read -r indent bad; do
		jq --indent "$indent" . <<<'[{"n":1},{"n":"BAD","inner":[{"x":1}]},{"n":3},{"n":4}]' | sed "s/BAD\"/$bad/" >in.json
		[ "$indent" != 9 ] || sed -i 's/^ *//' in.json
		echo '{"n":5}' >>in.json
		fetch 1 --bare in.json
		[ "$(jq -c .n <<<"$output" | paste -sd ' ')" = "1 3 4 5" ] || { echo "$indent $bad: $output $stderr"; return 1; }
		[ "${#stderr_lines[@]}" = 1 ]
	done <<-'end'
		1 oops
		2 oops
		7 oops
		2 \\xff"
		2 oops\\q"
	end
}

@test "acc-fetch: a bad element of an array on one line costs none behind it" {
	for bad in '{"n":2}}' '{"n":2' '{"n":"2}' '{"n":"2,"x":[{"n":7}]}' '{"n":2,"x":[{"y":' '{"n":2]}' '{"n":tru,"x":[{"n":7}]}'; do
		printf '[{"n":1},%s,{"n":3},{"n":4,"x":[{"n":5}]}]\n' "$bad" >in.json
		fetch 1 --bare in.json
		[ "$output" = $'{"n":1}\n{"n":3}\n{"n":4,"x":[{"n":5}]}' ] || { echo "$bad: $output $stderr"; return 1; }
		[ "${#stderr_lines[@]}" = 1 ]
	done
}

@test "acc-fetch: a bad element of an array without indent costs none behind it" {
	jq . <<<'[{"n":1},{"n":"BAD","inner":[{"x":1}]},{"n":3},{"n":4}]' | sed 's/^ *//' >flush.json
	sed 's/BAD/\xff/' flush.json >in.json
	fetch 1 --bare in.json
	[ "$(jq -c .n <<<"$output" | paste -sd ' ')" = "1 3 4" ]
	[ "${#stderr_lines[@]}" = 1 ]
	sed 's/BAD"/oops/' flush.json >in.json
	fetch 1 --bare in.json
	[ "$(jq -c .n <<<"$output" | paste -sd ' ')" = "1 3 4" ]
}

@test "acc-fetch: the rejects hold the records as they came, with their place" {
	printf '{"a":1}\nnope \\ "x"\n{"b":"\xff\xc3\xa9"}\n' >in.jsonl
	touch -d 2021-02-03T00:00:00Z in.jsonl
	ACC_JOURNAL=journal fetch 1 --rejects rejects in.jsonl
	[ "$(jq -c '[.tool, .code, .source, .record, .record_base64]' rejects)" = \
'["acc-fetch","invalid-json",{"uri":"in.jsonl","record":2,"time":"2021-02-03T00:00:00Z"},"nope \\ \"x\"",null]
["acc-fetch","invalid-utf8",{"uri":"in.jsonl","record":3,"time":"2021-02-03T00:00:00Z"},"{\"b\":\"�é\"}","'"$(
		printf '{"b":"\xff\xc3\xa9"}' | base64)"'"]' ]
	[ "$(jq -c 'select(.event == "refused") | [.uri, .record, .code, .kept]' journal)" = \
'["in.jsonl",2,"invalid-json",true]
["in.jsonl",3,"invalid-utf8",true]' ]
	[ "$(count_of journal read)" = 3 ] && [ "$(count_of journal refused)" = 2 ] && [ "$(count_of journal written)" = 1 ]
}

@test "acc-fetch --rejects: may be a file address" {
	echo nope >in.jsonl
	fetch 1 --rejects "file://$PWD/re%20jects" in.jsonl
	[ "$(jq -r .record 're jects')" = nope ]
	fetch 2 --rejects file://elsewhere/x in.jsonl
	fetch 2 --rejects - in.jsonl
	[[ $stderr == *"cannot go to '-'"* ]] && [ ! -e ./- ]
}

@test "acc-fetch: the files it writes to are not read" {
	mkdir in
	printf '%s\n' '{"n":1}' '{nope' >in/a.jsonl
	echo '{"old":"reject"}' >in/rejects
	cat in/a.jsonl in/a.jsonl >in/z.jsonl
	run -1 --separate-stderr sh -c 'acc-fetch --bare --rejects in/rejects in >>in/z.jsonl'
	[[ $stderr == *"cannot read 'in/rejects': this command writes to it"* ]]
	[[ $stderr == *"cannot read 'in/z.jsonl': this command writes to it"* ]]
	[ "$(wc -l <in/z.jsonl)" = 5 ]
	[ "$(tail -n 1 in/z.jsonl)" = '{"n":1}' ]
	[ "$(wc -l <in/rejects)" = 2 ]
}

@test "acc-fetch: rejects are appended, so that a chain can share the file" {
	echo kept >rejects
	echo nope >in.jsonl
	fetch 1 --rejects rejects in.jsonl
	[ "$(head -n 1 rejects)" = kept ] && [ "$(wc -l <rejects)" = 2 ]
}

@test "acc-fetch: 512 levels are read, 513 are refused" {
	deep() { printf '{"a":%s%s}\n' "$(printf '[%.0s' $(seq "$1"))" "$(printf ']%.0s' $(seq "$1"))"; }
	{ deep 511; deep 512; echo '{"b":1}'; } >in.jsonl
	fetch 1 --bare --rejects rejects in.jsonl
	[ "$output" = "$(deep 511)
{\"b\":1}" ]
	[ "$(jq -r .code rejects)" = too-deep ]
	[[ $stderr = 'acc-fetch: in.jsonl:2: '* ]]
}

@test "acc-fetch: a record longer than --max-record is refused, in lines and in arrays" {
	long=$(head -c 5000 /dev/zero | tr '\0' x)
	printf '{"a":1}\n{"b":"%s"}\n{"c":3}\n' "$long" >lines.jsonl
	printf '[{"a":1},\n{"b":"%s"},\n{"c":3}]\n' "$long" >array.json
	for f in lines.jsonl array.json; do
		fetch 1 --bare --max-record 4K --rejects rejects "$f"
		[ "$output" = $'{"a":1}\n{"c":3}' ]
		[[ $stderr = "acc-fetch: $f:2: "* ]]
	done
	[ "$(jq -r .code rejects)" = $'too-long\ntoo-long' ]
	fetch 0 --bare --max-record 6K lines.jsonl
}

@test "acc-fetch: records longer than a block of reading come through whole" {
	for i in 1 2 3; do
		printf '{"n":%d,"x":"%s"}\n' "$i" "$(head -c 700000 /dev/zero | tr '\0' "$i")"
	done >in.jsonl
	acc-fetch --bare in.jsonl >out
	cmp in.jsonl out
}

@test "acc-fetch: a file of another format is named as what it is, and fails alone" {
	printf '\xfd7zXZ\x00\x00\x04' >a.xz
	printf 'BZh91AY&SY' >b.bz2
	printf 'PK\x03\x04\x14' >c.zip
	printf '\xff\xfe{\x00}\x00' >d.txt
	printf '\xfe\xff\x00{\x00}' >e.txt
	printf 'PAR1\x15' >f.parquet
	printf '\x04\x22\x4d\x18' >g.lz4
	printf '{"n":1}\nPK\n\xff\xfe\n' >h.jsonl
	ACC_JOURNAL=journal fetch 1 --bare [a-h].*
	[ "$output" = '{"n":1}' ]
	[ "$(grep -c 'decode it into JSON' <<<"$stderr")" = 7 ]
	[[ $stderr == *"acc-fetch: cannot read 'a.xz': it is xz data; decode it into JSON in UTF-8 first"* ]]
	[ "$(grep -c "UTF-16" <<<"$stderr")" = 2 ]
	[ "$(count_of journal failed_objects)" = 7 ] && [ "$(count_of journal refused)" = 2 ]
	[ "$(jq -r 'select(.event == "failed") | .code' journal | uniq -c | tr -s ' ')" = " 7 format" ]
	run -1 --separate-stderr acc-merge b.bz2
	[ "$stderr" = "acc-merge: cannot read 'b.bz2': it is bzip2 data; decode it into JSON in UTF-8 first" ]
}

@test "acc-fetch: an array that is never closed keeps its records and fails as an object" {
	echo '[{"a":1},{"a":2}' >in.json
	ACC_JOURNAL=journal fetch 1 --bare in.json
	[ "$output" = $'{"a":1}\n{"a":2}' ]
	[ "$(count_of journal failed_objects)" = 1 ] && [ "$(count_of journal refused)" = 0 ]
}

@test "acc-fetch: an unreadable file among readable ones fails alone" {
	echo '{"a":1}' >a.jsonl
	echo '{"c":1}' >c.jsonl
	mkdir -p b.jsonl.d
	ACC_JOURNAL=journal fetch 1 --bare a.jsonl nosuch.jsonl 'file:///nosuch%2' c.jsonl
	[ "$output" = $'{"a":1}\n{"c":1}' ]
	[ "${stderr_lines[0]}" = "acc-fetch: cannot open 'nosuch.jsonl': No such file or directory" ] ||
		[ "${stderr_lines[1]}" = "acc-fetch: cannot open 'nosuch.jsonl': No such file or directory" ]
	[ "$(count_of journal failed_objects)" = 1 ]
}

@test "acc-fetch: a file without permission is named with the cause" {
	[ "$(id -u)" != 0 ] || command -v setpriv >/dev/null || skip "root reads everything"
	[ -z "${COVERAGE:-}" ] || skip "another user cannot write down what was reached, and libgcov says so"
	echo '{"a":1}' >a.jsonl
	echo '{"b":1}' >b.jsonl
	chmod 0 b.jsonl
	chmod 755 .
	as=()
	[ "$(id -u)" != 0 ] || as=(setpriv --reuid 65534 --clear-groups --bounding-set=-all --inh-caps=-all)
	"${as[@]}" test -r a.jsonl || skip "the test directory is closed to others"
	run -1 --separate-stderr "${as[@]}" "$(command -v acc-fetch)" --bare b.jsonl a.jsonl
	[ "$output" = '{"a":1}' ]
	[ "$stderr" = "acc-fetch: cannot open 'b.jsonl': Permission denied" ]
}

@test "acc-fetch: --log-format json says the record, its uri and the code" {
	echo nope >in.jsonl
	fetch 1 --log-format json in.jsonl
	[ "$(jq -c '[.tool, .level, .uri, .record, .code]' <<<"$stderr")" = '["acc-fetch","error","in.jsonl",1,"invalid-json"]' ]
}

# ---- sources

@test "acc-fetch: a directory is read with all below it, in the order of whole paths as bytes" {
	mkdir -p d/a d/b/c
	for f in d/a.x d/a/1 d/b/c/2 d/b/3 d/é d/Z; do echo '{}' >$f; done
	fetch 0 d
	[ "$(jq -r ._source.uri <<<"$output")" = $'d/Z\nd/a.x\nd/a/1\nd/b/3\nd/b/c/2\nd/é' ]
	listed=$output
	fetch 0 d/
	[ "$output" = "$listed" ]
}

@test "acc-fetch: globs match within a segment, ** across them" {
	mkdir -p d/x/y
	for f in d/1.json d/2.jsonl d/x/3.json d/x/y/4.json d/x/y/n.txt; do echo '{}' >$f; done
	found() { jq -r ._source.uri <<<"$output" | paste -sd ' '; }
	fetch 0 'd/*.json'
	[ "$(found)" = d/1.json ]
	fetch 0 'd/**.json'
	[ "$(found)" = 'd/1.json d/x/3.json d/x/y/4.json' ]
	fetch 0 'd/**/[3-9].json'
	[ "$(found)" = 'd/x/3.json d/x/y/4.json' ]
	fetch 0 'd/**/1.json'
	[ "$(found)" = d/1.json ]
	fetch 0 'd/?.json*'
	[ "$(found)" = 'd/1.json d/2.jsonl' ]
	fetch 0 'd/*/'
	[ "$(found)" = 'd/x/3.json d/x/y/4.json d/x/y/n.txt' ]
	fetch 0 '*/x/[!n].json'
	[ "$(found)" = d/x/3.json ]
}

@test "acc-fetch: a source is taken literally when a file has that name, and with --raw always" {
	echo '{"a":1}' >'a*.json'
	echo '{"a":2}' >ab.json
	fetch 0 --bare 'a*.json'
	[ "$output" = '{"a":1}' ]
	rm 'a*.json'
	fetch 0 --bare 'a*.json'
	[ "$output" = '{"a":2}' ]
	fetch 1 --bare --raw 'a*.json'
	[ -z "$output" ]
}

@test "acc-fetch: file:/// is percent-decoded, and the uri stays as it was named" {
	echo '{"a":1}' >'b c%.json'
	fetch 0 "file://$PWD/b%20c%25.json"
	[ "$(jq -r ._source.uri <<<"$output")" = "file://$PWD/b%20c%25.json" ]
	mkdir d
	mv 'b c%.json' d
	fetch 0 --list "file://$PWD/d/"
	[ "$(jq -r .uri <<<"$output")" = "file://$PWD/d/b%20c%25.json" ]
}

@test "acc-fetch: a name that is not UTF-8 is given as an address, which is read back" {
	mkdir d
	echo '{"a":1}' >$'d/bad\xff'
	echo '{"a":2}' >$'d/bad\xfe'
	acc-fetch --list d/ $'d/bad\xff' >list
	[ "$(jq -r .uri list)" = "file://$PWD/d/bad%FE
file://$PWD/d/bad%FF
file://$PWD/d/bad%FF" ]
	fetch 0 <list
	[ "$(jq -c '[.a, ._source.uri]' <<<"$output")" = "[2,\"file://$PWD/d/bad%FE\"]
[1,\"file://$PWD/d/bad%FF\"]" ]
	[ "$(acc-fetch "$PWD/d/" | jq -r ._source.uri)" = "$(jq -r ._source.uri <<<"$output")" ]
}

@test "acc-fetch: a source that matches nothing is an error, unless --allow-empty" {
	echo '{}' >a.json
	fetch 1 --bare a.json '*.zip'
	[ "$output" = '{}' ]
	[ "$stderr" = "acc-fetch: '*.zip': no object matches (see --allow-empty)" ]
	fetch 0 --bare --allow-empty a.json '*.zip'
	[ "$output" = '{}' ] && [ -z "$stderr" ]
	mkdir empty
	fetch 1 empty
	fetch 1 "$PWD/empty*/*"
	[ "$stderr" = "acc-fetch: '$PWD/empty*/*': no object matches ('*' ends at a '/', '**' does not; see --allow-empty)" ]
	fetch 1 "empty/**"
	[ "$stderr" = "acc-fetch: 'empty/**': no object matches (see --allow-empty)" ]
	fetch 1 --include '*.x' .
}

@test "acc-fetch: - reads records from standard input" {
	echo '{"a":1}' >in
	run -0 sh -c 'cat in | acc-fetch -'
	[ "$output" = '{"a":1,"_source":{"uri":"-","record":1}}' ]
	echo '{"b":1}' >other
	run -0 sh -c 'acc-fetch --bare other - <in'
	[ "$output" = $'{"b":1}\n{"a":1}' ]
}

@test "acc-fetch: a reader downstream sees records of a slow standard input as they come" {
	mkfifo slow
	acc-fetch --bare - <slow >out &
	pid=$!
	exec 9>slow
	echo '{"a":1}' >&9
	for _ in $(seq 100); do
		[ ! -s out ] || break
		sleep 0.05
	done
	[ "$(cat out)" = '{"a":1}' ]
	printf '{"a":"%1000000s"}\n' x >&9
	for _ in $(seq 100); do
		[ "$(wc -l <out)" = 1 ] || break
		sleep 0.05
	done
	[ "$(wc <out | tr -s ' ')" = ' 2 3 1000017' ]
	exec 9>&-
	wait "$pid"
}

@test "acc-fetch: --include and --exclude match the path below the source directory, whole" {
	mkdir -p d/x
	for f in d/1.json d/2.txt d/x/3.json d/x/4.txt; do echo '{}' >$f; done
	found() { jq -r ._source.uri <<<"$output" | paste -sd ' '; }
	fetch 0 --include '*.json' d
	[ "$(found)" = d/1.json ]
	fetch 0 --include '**/*.json' d
	[ "$(found)" = 'd/1.json d/x/3.json' ]
	fetch 0 --include '**.json' --include '2.*' --exclude 'x/**' d
	[ "$(found)" = 'd/1.json d/2.txt' ]
}

@test "acc-fetch: --since and --until go by the date in the path, whole days at both ends" {
	for day in 2020/12/31 2021/01/31 2021/02/01 2021/02/02 2021/03/01; do
		IFS=/ read -r y m d <<<"$day"
		mkdir -p "p/year=$y/month=$m/day=$d"
		echo '{}' >"p/year=$y/month=$m/day=$d/f"
	done
	days() { jq -r '._source.uri' <<<"$output" | sed 's|p/year=||; s|/[a-z]*=|-|g; s|/f||' | paste -sd ' '; }
	fetch 0 --since 2021-01-31 --until 2021-02-01 p
	[ "$(days)" = '2021-01-31 2021-02-01' ]
	fetch 0 --since 2021-02-02 p
	[ "$(days)" = '2021-02-02 2021-03-01' ]
	fetch 0 --until 2020-12-31T00:00:00Z p
	[ "$(days)" = 2020-12-31 ]
	fetch 1 --since 2022-01-01 p
}

@test "acc-fetch: --since leaves out whole directories without looking into them" {
	mkdir -p p/year=2020/month=01 p/year=2021/month=05/day=01
	ln -s loop p/year=2020/month=01/loop
	echo '{"a":1}' >p/year=2021/month=05/day=01/f
	fetch 1 --bare p
	fetch 0 --bare --since 2021-01-01 p
	[ "$output" = '{"a":1}' ] && [ -z "$stderr" ]
}

@test "acc-fetch: --since and --until go by the file's time where the path has no date" {
	for day in 01 02 03; do
		echo '{}' >"f$day"
		touch -d "2021-02-${day}T23:59:59.5Z" "f$day"
	done
	fetch 0 --since 2021-02-02 --until 2021-02-02 .
	[ "$(jq -r ._source.uri <<<"$output")" = ./f02 ]
	printf '%s\n' f01 f02 f03 >names
	run -0 sh -c 'acc-fetch --since 2021-02-03 <names'
	[ "$(jq -r ._source.uri <<<"$output")" = f03 ]
}

@test "acc-fetch: a link that leads back to its own directory ends, and is named" {
	mkdir d
	echo '{"a":1}' >d/a
	ln -s . d/b
	fetch 1 --bare d
	[ "$output" = '{"a":1}' ]
	[[ $stderr = *"'d/b/'"* ]]
}

# ---- references

@test "acc-fetch: reads references and bare names from standard input, in their order" {
	for i in 1 2 3; do echo "{\"a\":$i}" >"f$i"; done
	printf 'f3\r\n\n{"uri":"f1","time":"2020-05-06T07:08:09.125Z","size":8}\n{"uri":"f2"}' >refs
	run -0 --separate-stderr sh -c 'acc-fetch <refs'
	[ "$(jq -c .a <<<"$output" | paste -sd ' ')" = '3 1 2' ]
	[ "$(jq -r 'select(.a == 1)._source.time' <<<"$output")" = 2020-05-06T07:08:09.125Z ]
}

@test "acc-fetch: references that the selection leaves out are accounted for, one that is gone is not left out" {
	mkdir in
	for name in new.jsonl old.jsonl new.txt; do echo '{}' >in/$name; done
	touch -d 2020-01-01 in/old.jsonl
	touch -d 2021-06-01 in/new.jsonl
	printf '%s\n' in/old.jsonl in/gone.jsonl in/new.txt in/new.jsonl in/year=2020/gone.jsonl >refs
	run -1 --separate-stderr sh -c 'ACC_JOURNAL=journal acc-fetch --since 2021-01-01 --include "**.jsonl" <refs'
	[ "$(jq -r '._source | "\(.uri) \(.time)"' <<<"$output")" = 'in/new.jsonl 2021-06-01T00:00:00Z' ]
	[[ $stderr == *"'in/gone.jsonl'"* && $stderr != *year* ]]
	[ "$(jq -c 'select(.event == "done").counts | [.references, .objects, .failed_objects, .skipped_objects]' journal)" = '[5,1,1,3]' ]
}

@test "acc-fetch: a reference names one object literally" {
	echo '{"a":1}' >'f[1]'
	echo '{"a":2}' >f1
	printf 'f[1]\n' >refs
	run -0 sh -c 'acc-fetch --bare <refs'
	[ "$output" = '{"a":1}' ]
	mkdir d
	run -1 --separate-stderr sh -c 'echo d | acc-fetch'
	[ "$stderr" = "acc-fetch: cannot read 'd': it is a directory" ]
}

@test "acc-fetch: blanks around a bare name are part of it, around a reference in JSON they are not" {
	local names=(' a' 'b ' $'\tc\t ' $'d\r')
	for name in "${names[@]}"; do echo '{}' >"$name"; done
	printf '%s\r\n' "${names[@]}" >refs
	printf ' \t{"uri":" a"} \t\r\n' >>refs
	printf ' \t\r\n\t\n\r\n \r\r\n' >>refs
	run -0 sh -c 'acc-fetch <refs'
	[ "$(jq -c ._source.uri <<<"$output" | paste -sd ' ')" = '" a" "b " "\tc\t " "d\r"' ]
	run -0 sh -c '{ printf "\357\273\277"; cat refs; } | acc-fetch'
	[ "${#lines[@]}" -eq 4 ]
}

@test "acc-fetch: what is announced twice appears once, the highest sequencer counts, every message is kept" {
	echo '{"a":1}' >f
	cat >refs <<-'END'
		{"uri":"f","sequencer":"0A","etag":"new","size":8,"messages":[{"id":"m1","receipt_handle":"r1"}]}
		{"uri":"g","version_id":"v1"}
		{"uri":"f","sequencer":"09FF","etag":"old","messages":[{"id":"m2"},{"id":"m1"}]}
		{"uri":"g","version_id":"v2"}
		{"uri":"f","sequencer":"0A00","messages":[{"id":"m3"}],"etag":"newest"}
	END
	run -0 sh -c 'acc-fetch --list <refs'
	[ "$output" = '{"uri":"f","etag":"newest","sequencer":"0A00","messages":[{"id":"m1","receipt_handle":"r1"},{"id":"m2"},{"id":"m3"}]}
{"uri":"g","version_id":"v1"}
{"uri":"g","version_id":"v2"}' ]
	head -n 1 refs >one
	sed -n 3p refs >>one
	run -0 sh -c 'acc-fetch --bare <one'
	[ "$output" = '{"a":1}' ]
}

@test "acc-fetch: the failure of an object names its messages in the journal" {
	echo '{"uri":"gone","messages":[{"id":"m1"},{"id":"m\"2"}]}' >refs
	run -1 --separate-stderr sh -c 'ACC_JOURNAL=journal acc-fetch <refs'
	[ "$(jq -c 'select(.event == "failed") | [.uri, .messages, .code]' journal)" = '["gone",["m1","m\"2"],"missing"]' ]
	[ "$(count_of journal references)" = 1 ]
}

@test "acc-fetch: in a file address a wildcard that is encoded stands for itself" {
	mkdir d1 'd[1]' 'd*'
	echo '{"n":1}' >d1/f
	fetch 1 --bare "file://$PWD/d%5B1%5D/f"
	[ -z "$output" ] && [[ $stderr == *"No such file"* ]]
	fetch 1 --bare "file://$PWD/d%2A/f"
	[ -z "$output" ]
	echo '{"n":2}' >'d[1]/f'
	echo '{"n":3}' >'d*/f'
	[ "$(acc-fetch --bare "file://$PWD/d%5B1%5D/*")" = '{"n":2}' ]
	[ "$(acc-fetch --bare "file://$PWD/d%2A/?")" = '{"n":3}' ]
	[ "$(acc-fetch --bare "file://$PWD/d?/f" | sort)" = $'{"n":1}\n{"n":3}' ]
	[ "$(acc-fetch --bare --raw "file://$PWD/d%5B1%5D/f")" = '{"n":2}' ]
}

@test "acc-fetch: a bad reference is refused with its line, the others are read" {
	echo '{"a":1}' >f
	printf 'f\n{"ur":"f"}\n{nope\n-\n' >refs
	run -1 --separate-stderr sh -c 'ACC_JOURNAL=journal acc-fetch --bare --rejects rejects <refs'
	[ "$output" = '{"a":1}' ]
	[[ ${stderr_lines[0]} = 'acc-fetch: -:2: no "uri" '* ]]
	[[ ${stderr_lines[1]} = 'acc-fetch: -:3: '* ]]
	[[ ${stderr_lines[2]} = 'acc-fetch: -:4: '* ]]
	[ "$(jq -r .record rejects)" = $'{"ur":"f"}\n{nope\n-' ]
	[ "$(count_of journal references)" = 4 ]
}

@test "acc-fetch: records in the place of references are told what to do" {
	for record in '[{"a":1},' '[' '[ {"a":1}]' '{"b"}' '{"a":1}'; do
		run -1 --separate-stderr acc-fetch <<<"$record"
		[[ "$stderr" = "acc-fetch: -:1: "*"; give SOURCE '-' if standard input holds records; the reference is refused" ]]
	done
	echo '{"a":1}' >'[1].jsonl'
	[ "$(acc-fetch --bare <<<'[1].jsonl')" = '{"a":1}' ]
}

@test "acc-fetch: no references are no error" {
	run -0 --separate-stderr sh -c 'acc-fetch </dev/null'
	[ -z "$output" ] && [ -z "$stderr" ]
}

@test "acc-fetch: --missing says what an object that is gone does" {
	echo '{"a":1}' >f
	printf 'f\ngone\n' >refs
	run -1 --separate-stderr sh -c 'ACC_JOURNAL=j1 acc-fetch --bare --missing fail <refs'
	[ "$output" = '{"a":1}' ]
	[ "$(count_of j1 failed_objects)" = 1 ]
	run -0 --separate-stderr sh -c 'ACC_JOURNAL=j2 acc-fetch --bare --missing skip <refs'
	[ "$output" = '{"a":1}' ]
	[[ $stderr = *"'gone'"*skipped ]]
	[ "$(count_of j2 skipped_objects)" = 1 ]
	[ -z "$(jq 'select(.event == "failed")' j2)" ]
	run -1 --separate-stderr sh -c 'ACC_JOURNAL=j3 acc-fetch --bare --missing refuse --rejects rejects <refs'
	[ "$(jq -c '[.code, .source.uri]' rejects)" = '["missing","gone"]' ]
	[ "$(jq -c 'select(.event == "refused") | [.uri, .kept]' j3)" = '["gone",true]' ]
}

@test "acc-fetch: --list prints what acc-fetch reads back" {
	mkdir d
	echo '{"a":1}' >d/1
	echo '{"a":22}' >d/2
	touch -d 2021-02-03T04:05:06.5Z d/1 d/2
	fetch 0 --list d
	[ "$output" = '{"uri":"d/1","size":8,"time":"2021-02-03T04:05:06.500Z"}
{"uri":"d/2","size":9,"time":"2021-02-03T04:05:06.500Z"}' ]
	fetch 0 d
	direct=$output
	run -0 sh -c 'acc-fetch --list d | acc-fetch'
	[ "$output" = "$direct" ]
}

@test "acc-fetch: --list names what is not there, as reading it would" {
	echo '{"a":1}' >there
	for source in gone gone/ there/below; do
		ACC_JOURNAL=journal fetch 1 --list "$source" there
		[ "$(jq -r .uri <<<"$output")" = there ]
		[[ $stderr == *"cannot open '$source': "* ]]
		[ "$(jq -r 'select(.event == "failed") | .code' journal)" = missing ]
		rm journal
		fetch 0 --list --allow-empty "$source"
		[ -z "$output" ]
		fetch 0 --list --missing skip "$source"
		[[ $stderr == *"; skipped"* ]]
	done
}

# ---- jq

@test "acc-fetch: --map gives none, one or many records, each with its source" {
	printf '{"id":1,"n":["x","y"]}\n{"id":2,"n":[]}\n' >in.jsonl
	echo '.n[] as $n | {id, name: $n, from: $source.record} # a comment' >map.jq
	ACC_JOURNAL=journal fetch 0 --map map.jq in.jsonl
	[ "$(records)" = '{"id":1,"name":"x","from":1}
{"id":1,"name":"y","from":1}' ]
	[ "$(jq -c ._source.record <<<"$output")" = $'1\n1' ]
	[ "$(count_of journal written)" = 2 ] && [ "$(count_of journal left_out)" = 1 ]
}

@test "acc-fetch: --select keeps records byte for byte, after --map" {
	printf '{"a": 1.0}\n{"a":2}\n{"a":\n3}\n{}\n' >in.jsonl
	ACC_JOURNAL=journal fetch 0 --bare --select '.a != 2 and .a' in.jsonl
	[ "$output" = $'{"a": 1.0}\n{"a":3}' ]
	[ "$(count_of journal left_out)" = 2 ]
	echo '{b: .a}, {b: 10}' >map.jq
	fetch 0 --bare --map map.jq --select '.b == 2 or .b == 10' in.jsonl
	[ "$output" = $'{"b":10}\n{"b":2}\n{"b":10}\n{"b":10}\n{"b":10}' ]
}

@test "acc-fetch: a reference's time that is none gives way to the object's, whatever is selected" {
	echo '{"a":1}' >in.jsonl
	touch -d 2021-03-04T05:06:07Z in.jsonl
	for option in '' --since=2021-01-01; do
		fetch 0 ${option:+"$option"} <<<'{"uri":"in.jsonl","time":"yesterday"}'
		[ "$(jq -r ._source.time <<<"$output")" = 2021-03-04T05:06:07Z ]
	done
	fetch 0 <<<'{"uri":"in.jsonl","time":"2021-01-01T00:00:00.1234567+01:00"}'
	[ "$(jq -r ._source.time <<<"$output")" = 2021-01-01T00:00:00.1234567+01:00 ]
}

@test "acc-fetch: \$source is a record's own _source where it has one" {
	printf '{"a":1,"_source":{"uri":"x","record":7}}\n' >in.jsonl
	echo '{u: $source.uri}' >map.jq
	fetch 0 --map map.jq in.jsonl
	[ "$output" = '{"u":"x","_source":{"uri":"x","record":7}}' ]
}

@test "acc-fetch: a jq error refuses that record with its position" {
	printf '{"a":[]}\n{"a":5}\n{"a":[1]}\n' >in.jsonl
	echo '{n: (.a | map(.) | length)}' >map.jq
	fetch 1 --bare --rejects rejects --map map.jq in.jsonl
	[ "$output" = $'{"n":0}\n{"n":1}' ]
	[ "$stderr" = 'acc-fetch: in.jsonl:2: map.jq: Cannot iterate over number (5); the record is refused' ]
	[ "$(jq -c '[.code, .record]' rejects)" = '["jq-error","{\"a\":5}"]' ]
	fetch 1 --bare --select 'error("no \(.a)")' in.jsonl
	[ "${stderr_lines[0]}" = 'acc-fetch: in.jsonl:1: --select: no []; the record is refused (see --rejects)' ]
}

@test "acc-fetch: outputs of --map that are no objects refuse the record whole" {
	printf '{"a":1}\n{"a":2}\n' >in.jsonl
	echo 'if .a == 1 then {}, 7 else . end' >map.jq
	fetch 1 --bare --map map.jq in.jsonl
	[ "$output" = '{"a":2}' ]
	[[ $stderr = 'acc-fetch: in.jsonl:1: map.jq: the program gave a number, not an object'* ]]
}

@test "acc-fetch: what --map makes is held to --max-record, and to what libjq can print" {
	printf '{"a":%s}\n{"a":2}\n' "$(printf '[%.0s' {1..253})$(printf ']%.0s' {1..253})" >in.jsonl
	fetch 1 --bare --rejects rejects --map <(echo '{w:{w:{w:{w:{w:.a}}}}}') in.jsonl
	[ "$output" = '{"w":{"w":{"w":{"w":{"w":2}}}}}' ]
	[[ $stderr = *': an output nests deeper than libjq can print; the record is refused' ]]
	[ "$(jq -r .code rejects)" = jq-error ]
	printf '{"a":180}\n{"a":10}\n' >in.jsonl
	rm rejects
	fetch 1 --bare --rejects rejects --max-record 100 --map <(echo '{}, {a: ("x" * .a)}') in.jsonl
	[ "$output" = $'{}\n{"a":"xxxxxxxxxx"}' ]
	[[ $stderr = 'acc-fetch: in.jsonl:1: '*': what the program gave is longer than --max-record; the record is refused' ]]
	[ "$(jq -c '[.code,.record]' rejects)" = '["too-long","{\"a\":180}"]' ]
}

@test "acc-fetch: what libjq cannot read is refused in few words" {
	{ nested=$(printf '{"a":%.0s' {1..130})
	  echo "${nested}1$(printf '}%.0s' {1..130})"; echo '{"a":"\ud800"}'; echo '{"a":1}'; } >in.jsonl
	fetch 1 --bare --select true in.jsonl
	[ "$output" = '{"a":1}' ]
	[ "$stderr" = 'acc-fetch: in.jsonl:1: --select: libjq cannot read the input: Exceeds depth limit for parsing; the record is refused (see --rejects)
acc-fetch: in.jsonl:2: --select: libjq cannot read the input: Invalid \uXXXX\uXXXX surrogate pair escape; the record is refused (see --rejects)' ]
	fetch 0 --bare in.jsonl
}

@test "acc-fetch: what jq refuses, and what the scanner refuses, is told in the order of the input" {
	printf '{"a":1}\nnope\n{"a":3}\n{"a":\n' >in.jsonl
	fetch 1 --select 'error' in.jsonl
	[ "$(sed 's/[^:]*: in.jsonl:\([0-9]*\).*/\1/' <<<"$stderr" | paste -sd ' ')" = '1 2 3 4' ]
}

@test "acc-fetch: a jq program that does not compile is shown where, and nothing is done" {
	echo '{}' >in.jsonl
	printf '.a\n| nosuch\n' >map.jq
	fetch 2 --map map.jq in.jsonl
	[ "$stderr" = 'acc-fetch: map.jq: nosuch/0 is not defined, line 2: | nosuch' ]
	fetch 2 --select '.a +' in.jsonl
	[[ $stderr = 'acc-fetch: --select: syntax error, unexpected '*', line 1: .a +' ]]
	fetch 2 --map nosuch.jq in.jsonl
	[ "$stderr" = "acc-fetch: cannot open 'nosuch.jq': No such file or directory" ]
}

@test "acc-fetch: a jq program that loops for ever ends for that record" {
	printf '{"a":1}\n{"a":2}\n{"a":3}\n' >in.jsonl
	fetch 1 --bare --jq-timeout 0.2s --rejects rejects --select 'def f: f; if .a == 2 then f else true end' in.jsonl
	[ "$output" = $'{"a":1}\n{"a":3}' ]
	[ "$stderr" = 'acc-fetch: in.jsonl:2: --select: the program took longer than 200 ms; the record is refused' ]
	[ "$(jq -r .code rejects)" = jq-timeout ]
}

@test "acc-fetch: jq programs get neither environment nor files nor other input" {
	printf '{"a":1}\n' >in.jsonl
	echo 'def f: "stolen";' >mod.jq
	echo '"stolen"' >data.json
	printf 'def nosuch: "stolen";' >.jq
	for program in '{x: env.SECRET}' '{x: $ENV.SECRET}' '{x: input}' '{x: [inputs]}' '{x: ("mod" | modulemeta)}' \
		'{x: input_filename}' '{x: get_search_list}' '{x: input_line_number}' '{} | halt' '{} | halt_error'; do
		SECRET=stolen fetch 1 --map <(echo "$program") in.jsonl
		[ -z "$output" ]
		[[ $stderr != *stolen* ]]
	done
	for program in 'import "mod" as m; {x: m::f}' 'import "data" as $d; {x: $d}' 'include "mod"; {x: f}' '{x: nosuch}'; do
		HOME=$PWD fetch 2 --map <(echo "$program") in.jsonl
		[ -z "$output" ]
		[[ $stderr != *stolen* ]]
	done
	fetch 0 --bare --map <(echo 'debug | stderr') in.jsonl
	[ "$output" = '{"a":1}' ] && [ -z "$stderr" ]
}

@test "acc-fetch: a jq program that takes all memory loses its record, and not the command" {
	[[ ${BUILD:-} != *san* ]] || skip "a sanitizer has no bound on memory"
	printf '{"a":1}\n{"a":2}\n' >in.jsonl
	fetch 1 --bare --select 'if .a == 1 then ("x" * 1000000 | [.,.,.,.] | tojson) as $s | [range(1000) | $s + "\(.)"] | length else true end' in.jsonl
	[ "$output" = '{"a":2}' ]
	[[ $stderr = 'acc-fetch: in.jsonl:1: --select: the program was ended by a lack of memory (it may use 1024 MiB)'* ]]
}

# ---- order, memory, ends

@test "acc-fetch: the output is in the order of the input whatever -j is, compressed, small and large" {
	mkdir d
	for i in $(seq 40); do
		seq -f "{\"f\":$i,\"n\":%.0f}" $((i % 7 * i % 5 * 3000 + 1)) >"d/$(printf %02d "$i")"
		[ $((i % 3)) != 0 ] || gzip -n "d/$(printf %02d "$i")"
	done
	acc-fetch -j 1 d >one
	acc-fetch -j 2 --buffer 1M d >two
	acc-fetch -j 16 d >sixteen
	cmp one two
	cmp one sixteen
	[ "$(wc -l <one)" -gt 100000 ]
}

@test "acc-fetch: refusals are told in the order of the input whatever -j is" {
	for i in 1 2 3 4 5 6; do printf '{}\nbad%s\n' "$i" >"f$i"; done
	fetch 1 -j 4 --rejects rejects f1 f2 f3 f4 f5 f6
	[ "$(jq -r .record rejects | paste -sd ' ')" = 'bad1 bad2 bad3 bad4 bad5 bad6' ]
	[ "$(grep -o 'f[1-6]:2' <<<"$stderr" | paste -sd ' ')" = 'f1:2 f2:2 f3:2 f4:2 f5:2 f6:2' ]
}

@test "acc-fetch: memory is bounded by --buffer, not by the size of the objects" {
	[[ ${BUILD:-} != *san* ]] || skip "a sanitizer has memory of its own"
	command -v python3 >/dev/null || skip "python3 is not installed"
	seq -f '{"n":%.0f,"text":"some text to make it longer, and longer, and longer still"}' 700000 >big
	cp big big2
	gzip -1 -c big >big3
	run -0 python3 - <<-'END'
		import resource, subprocess
		reader = subprocess.Popen("acc-fetch --bare --buffer 4M -j 4 big big2 big3 big | { sleep 1; wc -l; }", shell=True, stdout=subprocess.PIPE)
		lines = int(reader.communicate()[0])
		peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
		assert lines == 2800000, lines
		assert peak < 24 * 1024, peak
	END
}

@test "acc-fetch: a large object is read by several threads, in less memory than --buffer, in the order of one" {
	command -v python3 >/dev/null || skip "python3 is not installed"
	seq -f '{"n":%.0f,"text":"some text to make it longer, and longer, and longer still"}' 100000 >big.jsonl
	seq 1500000 | sed 's/.*/{}/' >short.jsonl
	echo bad | tee -a big.jsonl >>short.jsonl
	for file in big.jsonl short.jsonl; do
		run -1 bash -c 'acc-fetch -j 1 "$0" 2>err1 >out1' "$file"
		run -1 python3 - "$file" <<-'END'
			import os, resource, subprocess, sys
			file = sys.argv[1]
			done = subprocess.run(["acc-fetch", "-j", "8", file], stdout=open("out2", "w"), stderr=open("err2", "w"))
			peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
			assert peak < 64 * 1024 or "san" in os.environ.get("BUILD", ""), peak
			sys.exit(done.returncode)
		END
		cmp out1 out2
		cmp err1 err2
	done
}

@test "acc-fetch: what --map makes of many records is not held together, and keeps its order" {
	[[ ${BUILD:-} != *san* ]] || skip "a sanitizer has memory of its own"
	command -v python3 >/dev/null || skip "python3 is not installed"
	seq -f '{"k":%.0f}' 40 >in.jsonl
	echo 'if .k % 7 == 0 then error("seven") else range(1500) as $n | {k, $n, pad: ("x" * 500)} end' >map.jq
	run -0 --separate-stderr python3 - <<-'END'
		import json, subprocess
		command = ["acc-fetch", "--bare", "--rejects", "rejects", "--map", "map.jq", "--select", ".n % 2 == 1", "in.jsonl"]
		got = subprocess.run(command, stdout=subprocess.PIPE).stdout.splitlines()
		want = [(k, n) for k in range(1, 41) if k % 7 for n in range(1, 1500, 2)]
		assert [(r["k"], r["n"]) for r in map(json.loads, got)] == want
	END
	[ "$(jq -r .source.record rejects | paste -sd ' ')" = '7 14 21 28 35' ]
	run -0 python3 - <<-'END'
		import resource, subprocess
		command = "acc-fetch --bare --buffer 4M --map map.jq --select 'true' in.jsonl >/dev/null 2>&1"
		subprocess.run(command, shell=True)
		peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
		assert peak < 16 * 1024, peak
	END
}

@test "acc-fetch: a full disk is status 3" {
	echo '{}' >in.jsonl
	run -3 --separate-stderr sh -c 'acc-fetch in.jsonl >/dev/full'
	[ "$stderr" = 'acc-fetch: cannot write to standard output: No space left on device' ]
	echo nope >bad.jsonl
	run -3 --separate-stderr acc-fetch --rejects /dev/full bad.jsonl
	[[ $stderr = *"cannot write '/dev/full': No space left on device"* ]]
}

@test "acc-fetch: a closed standard output ends it quietly" {
	seq -f '{"n":%.0f}' 500000 >in.jsonl
	run -0 --separate-stderr bash -c 'acc-fetch in.jsonl | head -n 1; exit $((PIPESTATUS[0] == 141 ? 0 : 1))'
	[ -z "$stderr" ]
}

@test "acc-fetch: wrong usage is status 2 and reads nothing" {
	fetch 2 --since yesterday .
	[[ $stderr = "acc-fetch: --since 'yesterday': not a time"* ]]
	fetch 2 --since 2021-02-02 --until 2021-02-01 --allow-empty .
	[ "$stderr" = "acc-fetch: --since '2021-02-02' is later than --until '2021-02-01' (see acc-fetch --help)" ]
	fetch 2 --missing perhaps .
	fetch 2 --buffer 1 .
	fetch 2 --nosuch .
	fetch 2 --rejects /nosuch/rejects .
	command -v script >/dev/null || skip "script is not installed"
	run script -qec 'acc-fetch 2>err; echo "status $?"' /dev/null
	[[ $output = *'status 2'* ]]
	[[ $(cat err) = 'acc-fetch: no SOURCE, and standard input is a terminal'* ]]
}

@test "acc-fetch: an unknown scheme is named" {
	fetch 1 nosuch://bucket/key
	[ "$stderr" = "acc-fetch: cannot open 'nosuch://bucket/key': nosuch:// is not known here" ]
}

@test "acc-fetch: control characters of a name or a record do not reach the terminal" {
	printf 'nope' >$'a\033[31m.json'
	fetch 1 $'a\033[31m.json' $'gone\033]0;x\a'
	[[ $stderr != *$'\033'* ]]
}

@test "acc-fetch: every record read is written, left out or refused" {
	for i in $(seq 1000); do
		case $((i % 5)) in
		0) echo "{\"n\":$i}" ;; 1) echo "nope $i" ;; 2) echo "[{\"n\":$i},$i]" ;; 3) echo "{\"n\":$i}{\"n\":\"x\"}" ;; 4) echo "\"$i\"" ;;
		esac
	done >in.jsonl
	ACC_JOURNAL=journal fetch 1 -q --select '.n % 2 == 0' in.jsonl
	[ "$(jq -s 'map(select(.event == "done"))[0].counts | .read == .written + .left_out + .refused and .left_out > 0' journal)" = true ]
	[ "$(count_of journal written)" = "$(wc -l <<<"$output")" ]
}

@test "acc-fetch: the journal says which sources were taken literally" {
	mkdir 'x[1]' x2
	echo '{}' | tee 'x[1]/a' >x2/a
	ACC_JOURNAL=journal fetch 0 'x[1]/' 'x[2]/' "file://$PWD/x%5B1%5D/a" x2/a
	[ "$(jq -c 'select(.event == "source").literal' journal | tr '\n' ' ')" = 'true null true true ' ]
	ACC_JOURNAL=raw fetch 0 --raw 'x[1]/'
	[ "$(jq -c 'select(.event == "source") | [.uri, .literal]' raw)" = '["x[1]/",true]' ]
}

@test "acc-fetch: a source without a bucket is wrong usage, a reference without one fails by itself" {
	echo '{"a":1}' >f
	for source in s3:// s3:///x; do
		fetch 2 f "$source"
		[ -z "$output" ]
		[ "$stderr" = "acc-fetch: '$source' names no bucket (s3://BUCKET/KEY) (see acc-fetch --help)" ]
		export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret AWS_REGION=us-east-1
		run -1 --separate-stderr acc-fetch --bare < <(printf '%s\n' "$source" f)
		[ "$output" = '{"a":1}' ]
	done
}

@test "acc-fetch: rejects that cannot be opened are wrong usage, a journal that cannot is a failure" {
	echo '{"a":1}' >in.jsonl
	fetch 2 --rejects none/rejects in.jsonl
	[ "$output" = "" ]
	fetch 3 --journal none/journal in.jsonl
	[ "$output" = "" ]
}

@test "acc-fetch: of a record that is too long the rejects keep as much as --max-record allows" {
	echo '{"a":"0123456789012345678901234567890123456789"}' >in.jsonl
	fetch 1 --max-record 20 --rejects rejects in.jsonl
	[ "$(jq -c '[.code, .record]' rejects)" = '["too-long","{\"a\":\"01234567890123"]' ]
}
