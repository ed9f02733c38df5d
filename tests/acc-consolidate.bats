#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016 # bats sets stderr; stand-ins expand their own variables
bats_require_minimum_version 1.5.0
load helpers

setup() {
	in_own_directory
	mkdir tmp stages
	export TMPDIR=$PWD/tmp
	unset ACC_DEST
	cp "$(command -v acc-consolidate)" "$(command -v acc-split)" "$(command -v acc-put)" stages
	stand_in acc-fetch cat
	stand_in acc-merge "$merge"
}

# As the real one, the stand-in of acc-merge prints nothing before it has read everything.
merge='cat >"merge.$$"; cat "merge.$$"; rm -f "merge.$$"'

teardown() {
	if mountpoint -q tmp; then umount tmp; fi
}

# stand_in COMMAND SCRIPT: a stage that leaves its arguments in COMMAND.arguments and then does as SCRIPT says
stand_in() {
	rm -f "stages/$1"
	printf '#!/bin/sh\nfor a; do echo "$a"; done >"%s/%s.arguments"\n%s\n' "$PWD" "$1" "$2" >"stages/$1"
	chmod +x "stages/$1"
}

consolidate() {
	stages/acc-consolidate "$@"
}

argument_of() { # COMMAND TEXT: one line of its arguments is TEXT
	grep -Fxq -- "$2" "$1.arguments"
}

stored() {
	find "${1:-dest}" -type f 2>/dev/null | wc -l
}

nothing_left() {
	[ -z "$(ls -A tmp)" ]
}

@test "acc-consolidate: the chain stores its output and prints the receipts" {
	run -0 --separate-stderr consolidate --at 2021-01-31 dest < <(seq 5)
	[ "$stderr" = "" ]
	[ "$(jq -c '[.uri,.bytes,.records]' <<<"$output")" = "[\"file://$PWD/dest/year=2021/month=01/day=31/output_object-1612051200000000.jsonl\",10,5]" ]
	seq 5 | cmp - dest/year=2021/month=01/day=31/output_object-1612051200000000.jsonl
	nothing_left
}

@test "acc-consolidate: works under every shell there is" {
	for shell in dash 'busybox sh' bash; do
		command -v "${shell%% *}" >/dev/null || continue
		# shellcheck disable=SC2086 # two words
		run -0 --separate-stderr $shell stages/acc-consolidate -vq --bytes=1K --max-spool 64K --include 'a b' --include="c'd" -j 2 "${shell%% *}" < <(seq 1000)
		[ "$stderr" = "" ]
		[ "$(jq -s 'map(.records)|add' <<<"$output")" -eq 1000 ]
		argument_of acc-fetch "--include=a b"
		argument_of acc-fetch "--include=c'd"
		# shellcheck disable=SC2086
		run -3 $shell stages/acc-consolidate --tmp /nonexistent dest </dev/null
	done
	nothing_left
}

@test "acc-consolidate: finds the other commands where it lies, when it is called by a link" {
	mkdir links
	ln -s ../stages/acc-consolidate links/acc
	ln -s acc links/again
	for link in links/acc links/again "$PWD/links/again"; do
		run -0 --separate-stderr env PATH=/usr/bin:/bin "$link" dest <<<1
	done
	[ "$(stored)" -gt 0 ]
}

@test "acc-consolidate: each option reaches the stages it belongs to, under the name they know" {
	consolidate --priority p.json --deny d --rules r.json --fields a,b --mode record --updates patch --unlisted drop \
		--empty-is-missing --latest --explain -S 64M --record-key .id --record-partner .p --record-data .d --record-time .t \
		--map m.jq --select '.a == "x"' --since 2021-01-01 --until 2021-02-01 --include '*.jsonl' --exclude 'x*' --raw \
		--allow-empty --missing skip --max-record 1M --buffer 32M --rejects rej --jobs 3 --at 2021-01-31 \
		--key '%Y/{name}' source1 'source 2' dest <<<1
	for argument in --priority=p.json --deny=d --rules=r.json --fields=a,b --mode=record --updates=patch --unlisted=drop \
		--empty-is-missing --latest --explain -S64M --key=.id --partner=.p --data=.d --time=.t --rejects=rej --jobs=3; do
		argument_of acc-merge "$argument"
	done
	for argument in --map=m.jq '--select=.a == "x"' --since=2021-01-01 --until=2021-02-01 '--include=*.jsonl' '--exclude=x*' \
		--raw --allow-empty --missing=skip --max-record=1M --buffer=32M --rejects=rej --jobs=3 source1 'source 2'; do
		argument_of acc-fetch "$argument"
	done
	[ "$(tail -n 3 acc-fetch.arguments)" = $'--\nsource1\nsource 2' ]
	[ -f dest/2021/output_object-1612051200000000.jsonl ]
}

@test "acc-consolidate: every option has a default in the environment, which arguments override" {
	ACC_PRIORITY=p.json ACC_EXPLAIN=1 ACC_LATEST=0 ACC_RECORD_KEY=.id ACC_INCLUDE=$'a*\nb c' ACC_KEY='{name}' ACC_AT=2021-01-31 \
		ACC_MODE=record ACC_REJECTS='' run -0 consolidate --mode field dest <<<1
	argument_of acc-merge --priority=p.json
	argument_of acc-merge --explain
	argument_of acc-merge --key=.id
	argument_of acc-merge --mode=field
	run -1 argument_of acc-merge --latest
	run -1 argument_of acc-merge --mode=record
	run -1 argument_of acc-merge --rejects=
	argument_of acc-fetch '--include=a*'
	argument_of acc-fetch '--include=b c'
	[ -f dest/output_object-1612051200000000.jsonl ]
	ACC_EXPLAIN=perhaps run -2 --separate-stderr consolidate dest <<<1
	[[ "$stderr" = "acc-consolidate: ACC_EXPLAIN must be 1 or 0, not 'perhaps'"* ]]
}

@test "acc-consolidate: ACC_DEST stands for DEST, and all operands are sources" {
	ACC_DEST="$PWD/de st" run -0 consolidate a b <<<1
	[ "$(stored 'de st')" -eq 1 ]
	[ "$(tail -n 3 acc-fetch.arguments)" = $'--\na\nb' ]
	ACC_DEST=dest run -0 consolidate <<<1
	[ "$(tail -n 1 acc-fetch.arguments)" = -- ]
}

@test "acc-consolidate: options in every form, operands between them, abbreviations, --" {
	run -0 consolidate --sel .a -v -b1K -qj 2 src --if-ex=skip -- -odd dest <<<1
	argument_of acc-fetch --select=.a
	argument_of acc-fetch --verbose
	argument_of acc-fetch --quiet
	argument_of acc-fetch --jobs=2
	[ "$(tail -n 2 acc-fetch.arguments)" = $'src\n-odd' ]
}

@test "acc-consolidate: wrong usage is status 2, says why, and starts nothing" {
	local arguments
	while read -r arguments; do
		rm -f ./*.arguments
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr consolidate $arguments </dev/null
		[ "$output" = "" ]
		[[ "$stderr" = *"(see acc-"*" --help)" ]]
		[ ! -e acc-fetch.arguments ]
		[ "$(stored)" -eq 0 ]
		nothing_left
	done <<-END
		--nonsense dest
		-Q dest
		--mode sideways dest
		--jobs many dest
		--explain=yes dest
		--ex dest
		--key
		--key %Q dest
		--at noon dest
		--name plain dest
		--bytes 0 dest
		--oversize no dest
		--key {shard}/{name} dest
		--key ../{name} dest
		--manifest ../x dest
		gopher://x

	END
}

@test "acc-consolidate: without DEST it says so" {
	run -2 --separate-stderr consolidate </dev/null
	[ "$stderr" = "acc-consolidate: no DEST (see acc-consolidate --help)" ]
}

@test "acc-consolidate: --help, --version and --help-options go to standard output" {
	run -0 --separate-stderr consolidate --help
	[ "$stderr" = "" ]
	[[ "$output" = "Usage: acc-consolidate [OPTION]... [SOURCE]... DEST"* ]]
	[[ "$output" = *"-k, --key=TEMPLATE"* ]]
	run -0 consolidate --version
	[ "$output" = "$(acc-split --version | sed s/acc-split/acc-consolidate/)" ]
	run -0 consolidate --help --bogus
	run -2 consolidate --bogus --help
	run -0 consolidate --help-options
	[ "$(awk -F '\t' 'NF != 6' <<<"$output")" = "" ]
	grep -Fxe $'-\tif-exists\tchoice\tWHAT\trename|fail|overwrite|skip\twhat to do when a key is taken [rename]' <<<"$output"
}

@test "acc-consolidate: a full disk under --help, --version and --help-options is told in one line" {
	for option in --help --version --help-options; do
		run -3 --separate-stderr bash -c 'stages/acc-consolidate "$0" >/dev/full' "$option"
		[ "$stderr" = "acc-consolidate: cannot write to standard output: No space left on device" ]
		run -3 --separate-stderr bash -c 'stages/acc-consolidate "$0" >&-' "$option"
		[ "$stderr" = "acc-consolidate: cannot write to standard output: Bad file descriptor" ]
		run -0 --separate-stderr bash -c '{ sleep 0.2; stages/acc-consolidate "$0"; echo $? >status; } | true' "$option"
		[ "$stderr" = "" ]
		[ "$(cat status)" -eq 141 ]
	done
}

@test "acc-consolidate: every option it passes on is one that the stage has" {
	command -v acc-merge >/dev/null && command -v acc-fetch >/dev/null || skip "stages missing"
	table=$(sed -n "/^	cat <<'END'/,/^END/p" stages/acc-consolidate | grep '|')
	while IFS='|' read -r _ name kind _ choices to _; do
		for stage in ${to//,/ }; do
			option=$name
			[[ "$stage" = *=--* ]] && option=${stage#*=--}
			[[ "$stage" = own || "$stage" = *=-? ]] && continue
			"acc-${stage%%=*}" --help-options | awk -F '\t' -v o="$option" -v k="$kind" -v c="${choices//,/|}" '
				$2 == o { found = 1; if ($3 != k || (c != "" && c != $5)) { print "differs: " $0; exit 1 } }
				END { if (!found) { print "missing: " o; exit 1 } }'
		done
	done <<<"$table"
}

@test "acc-consolidate: status 1 of a stage stores the rest and is the status of all" {
	for stage in acc-fetch acc-merge; do
		stand_in acc-fetch cat
		stand_in acc-merge "$merge"
		stand_in "$stage" 'cat; exit 1'
		run -1 --separate-stderr consolidate "dest-$stage" < <(seq 5)
		[ "$stderr" = "" ]
		[ "$(jq .records <<<"$output")" -eq 5 ]
	done
	nothing_left
}

@test "acc-consolidate: a stage that fails with 2 or 3 leaves nothing stored, spool bounded or not" {
	for failing in 'acc-fetch 3' 'acc-fetch 2' 'acc-merge 2' 'acc-merge 3' 'acc-split 3'; do
		read -r stage status <<<"$failing"
		cp "$(command -v acc-split)" stages/acc-split.real
		for spool in '' '--max-spool 1M'; do
			stand_in acc-fetch cat
			stand_in acc-merge "$merge"
			cp -f stages/acc-split.real stages/acc-split
			if [ "$stage" = acc-split ]; then
				[ -z "$spool" ] || continue # the bounded one has stored by then, see below
				stand_in acc-split "\"$PWD/stages/acc-split.real\" \"\$@\"; read -r _; [ -n \"\$ACC_JOURNAL\" ] || exit 0; exit $status"
			else
				stand_in "$stage" "$([ "$stage" = acc-merge ] && echo "$merge" || echo cat); exit $status"
			fi
			# shellcheck disable=SC2086 # two words
			run -"$status" --separate-stderr consolidate $spool dest < <(seq 5)
			if [ "$stage" = acc-merge ] && [ -n "$spool" ]; then
				[[ "$stderr" = *"what was stored until then is a part"* ]]
				rm -rf dest
			else
				[[ "$stderr" = "acc-consolidate: $stage failed with status $status"$'\n'"acc-consolidate: nothing is stored" ]]
				[ "$output" = "" ]
				[ "$(stored)" -eq 0 ]
			fi
			nothing_left
		done
	done
}

@test "acc-consolidate: a stage that is killed is status 3, named, and nothing is stored" {
	for stage in acc-fetch acc-merge; do
		stand_in acc-fetch cat
		stand_in acc-merge "$merge"
		stand_in "$stage" 'head -n 2; kill -KILL $$'
		run -3 --separate-stderr consolidate dest < <(seq 5)
		[[ "$stderr" = "acc-consolidate: $stage was killed by signal 9"$'\n'"acc-consolidate: nothing is stored" ]]
		[ "$(stored)" -eq 0 ]
		nothing_left
	done
}

@test "acc-consolidate: a stage that is cut off by another's failure is not blamed" {
	stand_in acc-fetch 'while echo x; do :; done 2>/dev/null; kill -PIPE $$'
	stand_in acc-merge 'head -n 1 >/dev/null; exit 2'
	run -2 --separate-stderr consolidate dest </dev/null
	[ "$stderr" = $'acc-consolidate: acc-merge failed with status 2\nacc-consolidate: nothing is stored' ]
	stand_in acc-merge 'head -n 1 >/dev/null; exit 0'
	run -3 --separate-stderr consolidate dest </dev/null
	[ "$stderr" = $'acc-consolidate: acc-fetch was killed by signal 13\nacc-consolidate: nothing is stored' ]
}

@test "acc-consolidate: the worst status counts" {
	stand_in acc-fetch 'cat; exit 1'
	stand_in acc-merge 'cat; exit 2'
	run -2 consolidate dest <<<1
	stand_in acc-fetch 'cat; exit 3'
	run -3 consolidate dest <<<1
	stand_in acc-fetch 'cat; exit 77'
	run -3 consolidate dest <<<1
}

@test "acc-consolidate: a missing command is status 2 before anything runs" {
	rm stages/acc-merge
	PATH=$(dirname "$(command -v env)") run -2 --separate-stderr consolidate dest <<<1
	[ "$stderr" = "acc-consolidate: cannot find acc-merge beside stages/acc-consolidate or in PATH" ]
	[ ! -e acc-fetch.arguments ]
}

@test "acc-consolidate: is found in PATH, and finds its commands beside itself" {
	PATH=$PWD/stages:$PATH run -0 acc-consolidate dest <<<1
	[ -f acc-fetch.arguments ]
}

@test "acc-consolidate: a signal stops all stages, removes the spool and ends it as that signal does" {
	stand_in acc-fetch 'echo $$ >fetch.pid; exec sleep 60'
	stand_in acc-merge 'exec cat'
	for signal in TERM HUP USR1 ALRM; do
		for spool in 1K ''; do
			rm -f fetch.pid
			env --default-signal=HUP setsid stages/acc-consolidate ${spool:+--bytes 1K --max-spool "$spool"} dest </dev/null >receipts 2>errors 3>&- &
			pid=$!
			for _ in $(seq 100); do [ -s fetch.pid ] && break; sleep 0.05; done
			kill -s "$signal" "$pid"
			wait "$pid" && false
			[ $? -eq $((128 + $(kill -l "$signal"))) ]
			run -1 kill -0 "$(cat fetch.pid)"
			nothing_left
		done
	done
}

@test "acc-consolidate: a signal while acc-put stores leaves no temporary and no spool" {
	rm stages/acc-put
	stand_in acc-put 'case " $* " in *" --quiet "*) exit 0 ;; esac; echo $$ >put.pid; exec sleep 60'
	stages/acc-consolidate dest <<<1 >receipts 2>errors 3>&- &
	pid=$!
	for _ in $(seq 100); do [ -s put.pid ] && break; sleep 0.05; done
	kill "$pid"
	wait "$pid" && false
	[ $? -eq 143 ]
	run -1 kill -0 "$(cat put.pid)"
	nothing_left
}

@test "acc-consolidate: a closed standard output ends it as SIGPIPE does" {
	run -141 --separate-stderr bash -c '(sleep 0.3; exec stages/acc-consolidate --bytes 1K dest < <(seq 2000)) | true; exit "${PIPESTATUS[0]}"'
	[ "$stderr" = "" ]
	nothing_left
}

@test "acc-consolidate: a full spool is status 3 and nothing is stored" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to mount"
	mount -t tmpfs -o size=300k none tmp 2>/dev/null || skip "cannot mount"
	run -3 --separate-stderr consolidate --bytes 50K dest < <(seq 200000)
	[[ "$stderr" = *"No space left on device"* ]]
	[ "$(stored)" -eq 0 ]
	nothing_left
}

@test "acc-consolidate: a full standard output is status 3" {
	run -3 bash -c 'stages/acc-consolidate dest >/dev/full <<<1'
	nothing_left
}

@test "acc-consolidate: --max-spool stores more than the spool holds" {
	run -0 --separate-stderr consolidate --bytes 10K --max-spool 20K --key '{name}' dest < <(seq 100000)
	[ "$stderr" = "" ]
	find dest -type f | sort | xargs cat | cmp - <(seq 100000)
	nothing_left
}

@test "acc-consolidate: --max-spool with refused files comes to its end" {
	consolidate --bytes 1000 --at 2021-01-31 --key '{name}' dest < <(seq 3000) >/dev/null
	for file in dest/*; do echo other >"$file"; done
	run -1 timeout 20 stages/acc-consolidate -q --bytes 1000 --max-spool 2000 --at 2021-01-31 --key '{name}' --if-exists fail dest < <(seq 3000)
	nothing_left
}

@test "acc-consolidate: --max-spool: an acc-put that dies before it did anything leaves nobody waiting for it" {
	for end in 'exit 3' 'kill -s KILL $$' 'head -c 10 >/dev/null; exit 3'; do
		rm -f stages/acc-put
		stand_in acc-put "case \" \$* \" in *' --quiet '*) exit 0 ;; esac; $end"
		for shell in '' bash; do
			# shellcheck disable=SC2086 # empty: none
			run -3 --separate-stderr timeout 20 $shell stages/acc-consolidate --bytes 100 --max-spool 1000 dest < <(seq 3000)
			[[ "$stderr" = "acc-consolidate: acc-put "*"what was stored until then is a part"* ]]
			nothing_left
		done
	done
}

@test "acc-consolidate: --max-spool: a failure behind acc-fetch is status 3, says so, and stores no list of receipts" {
	stand_in acc-merge 'cat >merge.in; head -n 1000 merge.in; sleep 0.5; exit 3'
	run -3 --separate-stderr consolidate --bytes 100 --max-spool 1000 --manifest list --key '{name}' dest < <(seq 3000)
	[[ "$stderr" = *"what was stored until then is a part"* ]]
	[ ! -e dest/list ]
	nothing_left
}

@test "acc-consolidate: --dry-run stores nothing, also with --max-spool" {
	run -0 --separate-stderr timeout 20 stages/acc-consolidate --dry-run --bytes 1000 --max-spool 1000 dest < <(seq 3000)
	[ "$(jq -s 'map(.records)|add' <<<"$output")" -eq 3000 ]
	[ "$(stored)" -eq 0 ]
	nothing_left
}

@test "acc-consolidate: the journal is its own unless one is named" {
	stand_in acc-fetch 'echo "$ACC_JOURNAL" >journal.name; cat'
	consolidate dest <<<1
	[[ "$(cat journal.name)" = "$PWD"/tmp/*/journal ]]
	ACC_JOURNAL=from-environment consolidate dest2 <<<1
	[ "$(cat journal.name)" = from-environment ]
	consolidate --journal from-option dest3 <<<1
	[ "$(jq -r 'select(.event == "done") | "\(.tool) \(.status)"' from-option)" = $'acc-split 0\nacc-put 0\nacc-consolidate 0' ]
	[ "$(jq -c 'select(.event == "start").tool' from-environment | tr '\n' ' ')" = '"acc-consolidate" "acc-split" "acc-put" ' ]
	[ "$(jq -r 'select(.tool == "acc-consolidate") | .pid' from-option | uniq | wc -l)" -eq 1 ]
	run -2 consolidate --journal failed --bytes nothing dest4 <<<1
	[ "$(jq -c 'select(.tool == "acc-consolidate") | [.event, .status]' failed)" = $'["start",null]\n["done",2]' ]
	run -3 --separate-stderr consolidate --journal /dev/full dest5 <<<1
	[ "$stderr" = "acc-consolidate: cannot write the journal '/dev/full'" ]
}

@test "acc-consolidate: lists and rules are looked at before anything is read; what comes from elsewhere is asked for once" {
	stand_in acc-fetch 'touch read; cat'
	stand_in acc-merge 'echo >>asked; exit 2'
	for option in --priority --deny --rules; do
		run -2 consolidate $option file dest <<<1
		[ ! -e read ]
	done
	rm asked
	run -2 consolidate --priority dynamodb://table dest <<<1
	[ -e read ]
	[ "$(wc -l <asked)" -eq 1 ]
}

@test "acc-consolidate: a destination inside a source given by name is refused before anything is read" {
	stand_in acc-fetch 'touch read'
	for source in 'my "in"/' "$PWD/my \"in\"" 'my */**' 'my*/' 'my "[hi]n"/'; do
		run -2 --separate-stderr consolidate other "$source" 'my "in"/out' <<<1
		[[ "$stderr" = "acc-put: '"*"' lies inside the source '$source'"* ]]
		[ ! -e read ]
		nothing_left
	done
}

@test "acc-consolidate: a source with wildcards that exists, or is --raw, is known by its name" {
	stand_in acc-fetch 'touch read'
	mkdir 'in[1]'
	run -2 --separate-stderr consolidate 'in[1]/' 'in[1]/out' <<<1
	[[ "$stderr" = "acc-put: '"*"' lies inside the source 'in[1]/'"* ]]
	run -2 consolidate --raw 's3://b/x[1]/' 's3://b/x[1]/out' <<<1
	[ ! -e read ]
	run -0 consolidate '**/*.json' out <<<1
	[ -e read ]
}

@test "acc-consolidate: a variable of no option is warned of" {
	ACC_PRIORTY=x ACC_SIMD=off ACC_BYTES=1K run -0 --separate-stderr consolidate dest <<<1
	[ "$stderr" = "acc-consolidate: ACC_PRIORTY is the variable of no option (see acc(7))" ]
	ACC_PRIORTY=x run -0 --separate-stderr consolidate -q dest <<<1
	[ "$stderr" = "" ]
	ACC_PRIORTY=x run -0 --separate-stderr consolidate --log-format json dest <<<1
	[ "$(jq -r .level <<<"$stderr")" = warning ]
}

@test "acc-consolidate: a forgotten SOURCE is told where nobody would type references" {
	run -2 script -qec "stages/acc-consolidate dest" /dev/null
	[[ $output = *"acc-consolidate: no SOURCE before DEST, and standard input is a terminal"* ]]
	run -0 script -qec "echo 1 | stages/acc-consolidate dest" /dev/null
}

@test "acc-consolidate: a destination inside a source is refused, with nothing stored" {
	stand_in acc-fetch 'printf "%s\n" "{\"event\":\"source\",\"tool\":\"acc-fetch\",\"uri\":\"in/\"}" >>"$ACC_JOURNAL"; cat'
	for spool in '' '--max-spool 1M'; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr consolidate $spool in/out <<<1
		[[ "$stderr" = "acc-put: '"*"' lies inside the source 'in/'"* ]]
		[ ! -e in ]
		nothing_left
	done
}

@test "acc-consolidate: --log-format json speaks JSON itself" {
	stand_in acc-merge 'exit 3'
	run -3 --separate-stderr consolidate --log-format json dest </dev/null
	[ "$(jq -r '"\(.level) \(.tool) \(.message)"' <<<"$stderr" | head -n 1)" = 'error acc-consolidate acc-merge failed with status 3' ]
	run -3 --separate-stderr consolidate --log-format json -T "$PWD/none" dest </dev/null
	[ "$(jq -r .message <<<"$stderr")" = "cannot make a spool directory in '$PWD/none': No such file or directory" ]
	ACC_LOG_FORMAT=json run -2 --separate-stderr consolidate --bogus dest
	[ "$(jq -r .message <<<"$stderr")" = "unrecognized option '--bogus' (see acc-consolidate --help)" ]
}

@test "acc-consolidate: no input, nothing stored, status 0" {
	run -0 --separate-stderr consolidate dest </dev/null
	[ "$output$stderr" = "" ]
	[ ! -e dest ]
}

@test "acc-consolidate: a standard input that is closed is no empty one" {
	for sources in '' - 'a -'; do
		# shellcheck disable=SC2086 # words
		run -3 --separate-stderr bash -c 'exec stages/acc-consolidate "$@" <&-' bash $sources dest
		[ "$stderr" = "acc-consolidate: cannot read '-': Bad file descriptor" ]
		[ ! -e acc-fetch.arguments ]
		nothing_left
	done
	run -0 bash -c 'exec stages/acc-consolidate a dest <&-'
}

@test "acc-consolidate: --key takes {shard} where there are --shards, and braces anywhere" {
	jq -nc 'range(9) | {accommodation_id: "\(.)"}' >records
	run -0 consolidate --shards 2 --key '{shard}/{name}' dest <records
	[ "$(ls dest)" = $'0\n1' ]
	ACC_SHARDS=2 ACC_KEY='x-{shard}' run -0 consolidate dest <records
	run -0 consolidate --key '{{shard}}-{name}' dest <records
	[ -n "$(find dest -name '{shard}-*')" ]
}

@test "acc-consolidate: an empty SOURCE is wrong usage" {
	run -2 --separate-stderr consolidate a '' dest <<<1
	[ "$stderr" = "acc-consolidate: SOURCE is empty (see acc-consolidate --help)" ]
	ACC_DEST=dest run -2 --separate-stderr consolidate '' <<<1
	[ "$stderr" = "acc-consolidate: SOURCE is empty (see acc-consolidate --help)" ]
	run -2 --separate-stderr consolidate '' <<<1
	[ "$stderr" = "acc-consolidate: DEST is empty (see acc-consolidate --help)" ]
}

@test "acc-consolidate: what was meant for another option or place is told so, before anything is done" {
	seq 3 >file
	run -2 --separate-stderr consolidate --key .hotel.id file dest
	[ "$stderr" = "acc-consolidate: --key '.hotel.id' names the objects; a record's id is at --record-key (see acc-consolidate --help)" ]
	run -2 --separate-stderr consolidate dest file
	[ "$stderr" = "acc-consolidate: DEST 'file' is a file; DEST comes last, behind the sources (see acc-consolidate --help)" ]
	[ ! -e dest ]
	run -0 consolidate --key '.hidden/{name}' dest <file
	[ "$(find dest/.hidden -type f | wc -l)" -eq 1 ]
}

@test "acc-consolidate: a list and rules may come from pipes that are read once" {
	printf '{"partner_name":"%s","accommodation_id":"1","accommodation_data":{"a":1,"b":%s}}\n' A 2 B 3 >in.jsonl
	run -0 --separate-stderr acc-consolidate -p <(echo B) --rules <(echo '{"fields":{"b":"min"}}') in.jsonl dest
	[ "$stderr" = "" ]
	[ "$(cat "$(jq -r '.uri | sub("file://"; "")' <<<"$output")")" = '{"accommodation_id":"1","accommodation_data":{"a":1,"b":2}}' ]
	mkfifo list
	echo B >list &
	run -0 --separate-stderr timeout 20 acc-consolidate -p list in.jsonl named
	[ "$(jq -r .records <<<"$output")" = 1 ]
}

@test "acc-consolidate: a refused record names the option of acc-consolidate" {
	echo '{"partner_name":"A"}' >in.jsonl
	run -1 --separate-stderr acc-consolidate in.jsonl dest
	[ "$stderr" = "acc-merge: in.jsonl:1: no \"accommodation_id\"; the record is refused (see --record-key)" ]
	run -1 --separate-stderr acc-merge in.jsonl
	[ "$stderr" = "acc-merge: in.jsonl:1: no \"accommodation_id\"; the record is refused (see --key)" ]
}

@test "acc-consolidate: a stage that dies before there is anything to do is named, with status 3" {
	for stage in acc-split acc-put; do
		for end in 'kill -s KILL $$' 'exit 77' 'exit 127'; do
			cp "$(command -v acc-split)" "$(command -v acc-put)" stages
			stand_in "$stage" "[ \"\$1\" != --claim-spool ] || exit 0; $end"
			run -3 --separate-stderr consolidate dest <<<1
			[[ "$stderr" = *"acc-consolidate: $stage "*[1-9] ]]
			[ ! -e acc-fetch.arguments ]
			nothing_left
		done
	done
}

@test "acc-consolidate: a list of receipts inside a source is refused before anything is read" {
	run -2 --separate-stderr consolidate --manifest cat/m --key 'o2/{name}' cat/ . <<<1
	[[ "$stderr" = "acc-put: '"*"/cat/m' lies inside the source 'cat/' and would be read again; choose another --manifest"* ]]
	[ ! -e acc-fetch.arguments ]
}

@test "acc-consolidate: what it says is printable, and JSON, whatever it was given" {
	for bytes in $'\xff' $'\xc2\x9b' $'\x1b[31m' $'\n'; do
		run -2 --separate-stderr consolidate "--$bytes" dest
		LC_ALL=C run -1 grep -qv '^[ -~]*$' <<<"$stderr"
		run -2 --separate-stderr consolidate --log-format json "--$bytes\"\\" dest
		printf '%s\n' "$stderr" | python3 -c 'import json, sys; [json.loads(line) for line in sys.stdin.buffer]'
	done
}

@test "acc-consolidate: the spool may lie in a directory with a leading dash" {
	mkdir -- -tmp
	run -0 --separate-stderr consolidate -T -tmp dest <<<1
	TMPDIR=-tmp run -0 --separate-stderr consolidate dest <<<1
	[ "$stderr" = "" ] && [ -z "$(ls -A -- -tmp)" ]
}

# A chain that waits in acc-fetch, in the background; sets pid and left, its spool.
start_waiting() {
	rm -f fetch.pid
	stand_in acc-fetch 'echo $$ >fetch.pid; exec sleep 60'
	stages/acc-consolidate "$@" dest </dev/null >receipts 2>errors 3>&- &
	pid=$!
	for _ in $(seq 200); do [ -s fetch.pid ] && break; sleep 0.05; done
	left=$(ls -d tmp/acc-consolidate.*)
	stand_in acc-fetch cat
}

@test "acc-consolidate: the spool of one that was killed goes with the next start, once its stages are gone" {
	for spool in '' '--max-spool 1M'; do
		# shellcheck disable=SC2086 # two words
		start_waiting $spool
		kill -s KILL "$pid"
		wait "$pid" || true
		[ -d "$left" ]
		run -0 consolidate dest <<<1
		[ -d "$left" ] # acc-fetch still lives
		kill "$(cat fetch.pid)"
		for _ in $(seq 50); do # the stages behind it end in a moment
			run -0 --separate-stderr consolidate dest <<<1
			[ "$stderr" = "" ]
			[ -d "$left" ] || break
			sleep 0.1
		done
		nothing_left
	done
}

@test "acc-consolidate: the spool of one that lives stays" {
	start_waiting
	run -0 consolidate dest <<<1
	[ "$(ls -d tmp/*)" = "$left" ]
	[ -p "$left/records" ]
	kill "$pid"
	wait "$pid" || true
	nothing_left
}

@test "acc-consolidate: only what is a stale spool of its own is removed" {
	mkdir -p outside/below
	echo keep >outside/file
	ln -s ../outside tmp/acc-consolidate.aaaaaa
	mkdir -m 755 tmp/acc-consolidate.bbbbbb
	mkdir -m 700 tmp/acc-consolidate.ccccccc tmp/acc-consolidate.ddddd tmp/acc-consolidate.ee-eee tmp/other.ffffff
	: >tmp/acc-consolidate.gggggg
	mkfifo tmp/acc-consolidate.hhhhhh
	[ "$(id -u)" -ne 0 ] || { mkdir -m 700 tmp/acc-consolidate.iiiiii && chown 65534 tmp/acc-consolidate.iiiiii; }
	mkdir -m 700 tmp/acc-consolidate.backup
	echo precious >tmp/acc-consolidate.backup/receipts
	touch -h -d '1 hour ago' tmp/*
	before=$(ls tmp)
	stale=tmp/acc-consolidate.0aZ9zz
	mkdir -m 700 "$stale"
	: >"$stale/sources"
	mkdir -p "$stale/files/deeper"
	echo 1 >"$stale/files/deeper/x"
	ln -s ../../outside "$stale/link"
	mkfifo "$stale/records"
	run -0 --separate-stderr consolidate dest <<<1
	[ "$stderr" = "" ]
	[ "$(ls tmp)" = "$before" ]
	[ "$(cat outside/file)" = keep ]
	[ -d outside/below ]
	[ "$(cat tmp/acc-consolidate.backup/receipts)" = precious ]
}

@test "acc-consolidate: an empty spool is stale when it is some seconds old, and until then another's to lock" {
	mkdir -m 700 tmp/acc-consolidate.abcdef
	touch -d '1 minute' tmp/acc-consolidate.abcdef # however long it takes to start
	run -0 consolidate dest <<<1
	[ -d tmp/acc-consolidate.abcdef ]
	touch -d '6 seconds ago' tmp/acc-consolidate.abcdef
	run -0 consolidate dest <<<1
	nothing_left
}

@test "acc-consolidate: many that start at once keep their spools" {
	for n in $(seq 12); do
		TMPDIR=$PWD/tmp stages/acc-consolidate "dest$n" <<<"$n" >"receipts.$n" 2>&1 3>&- &
		pids[n]=$!
	done
	for n in $(seq 12); do
		wait "${pids[n]}" || { cat "receipts.$n"; return 1; }
		[ "$(stored "dest$n")" -eq 1 ]
	done
	nothing_left
}

@test "acc-consolidate: another user's start leaves the spools of this one" {
	[ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null || skip "needs root to become another user"
	[ -z "${COVERAGE:-}" ] || skip "another user cannot write down what was reached"
	shared=$(mktemp -d /tmp/acc-shared.XXXXXX)
	chmod 777 "$shared"
	cp stages/acc-split "$shared"
	mkdir -m 700 "$shared/acc-consolidate.abcdef" "$shared/acc-consolidate.123456"
	touch -d '1 hour ago' "$shared"/acc-consolidate.*
	chown 65534 "$shared/acc-consolidate.123456"
	run setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'exec "$0"/acc-split --claim-spool "$0" <"$0"' "$shared"
	left=$(ls "$shared")
	rm -rf "$shared"
	[ "$status" -eq 0 ]
	[ "$left" = $'acc-consolidate.abcdef\nacc-split' ]
}
