#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2016,SC2012,SC1003 # bats sets stderr; inner shells expand; names are ours
bats_require_minimum_version 1.5.0
load helpers

setup() {
	in_own_directory
}

teardown() {
	if mountpoint -q dest; then umount dest; fi
}

# spool N: N files of a few records each in spool/, their manifest in the file manifest
spool() {
	jq -nc "range($1) | {n: ., pad: \"some text\"}" | acc-split -l 2 --dir spool --at 2021-01-31T12:00:00Z >manifest
}

path_of() { # receipt
	jq -r '.uri | ltrimstr("file://")' <<<"$1"
}

day=year=2021/month=01/day=31

@test "acc-put: files of a manifest arrive whole under their key, with receipts, and leave the spool" {
	spool 5
	cp -r spool copy
	run -0 --separate-stderr acc-put --at 2021-01-31 dest <manifest
	[ "$stderr" = "" ]
	[ "${#lines[@]}" -eq 3 ]
	[ "$(jq -c 'keys_unsorted' <<<"$output" | sort -u)" = '["uri","bytes","records","sha256"]' ]
	[ "$(path_of "${lines[0]}")" = "$PWD/dest/$day/output_object-1612094400000000.jsonl" ]
	diff -r copy "dest/$day"
	[ "$(jq -c '[.bytes,.records,.sha256]' <<<"$output")" = "$(jq -c '[.bytes,.records,.sha256]' manifest)" ]
	[ -z "$(ls -A spool)" ]
}

@test "acc-put: receipts keep the manifest's order whatever -j is" {
	spool 200
	for jobs in 1 3 32; do
		run -0 acc-put --keep -j "$jobs" --at 2021-01-31 "dest-$jobs" <manifest
		[ "$(jq -r '.uri | split("/") | last' <<<"$output")" = "$(jq -r '.path | split("/") | last' manifest)" ]
		diff -r spool "dest-$jobs/$day"
	done
}

@test "acc-put: --keep leaves the files; bare file names are never removed" {
	spool 2
	acc-put --keep dest <manifest
	[ -f "$(jq -r .path manifest)" ]
	printf 'a\n\nb' >bare.jsonl
	run -0 acc-put --at 2021-01-31 dest < <(echo bare.jsonl)
	[ "$(jq -c '[.bytes,.records,.sha256]' <<<"$output")" = "[4,2,\"$(sha256sum <bare.jsonl | cut -d' ' -f1)\"]" ]
	cmp bare.jsonl "dest/$day/bare.jsonl"
}

@test "acc-put: what has another name or a writer, or is named by a link, is stored as it was and its own" {
	spool 6
	{ read -r first && read -r second && read -r third; } < <(jq -r .path manifest)
	inodes=$(stat -c %i spool/*)
	ln "$first" other
	mv "$second" real && ln -s ../real "$second"
	exec 9>>"$third"
	run -0 --separate-stderr acc-put --key '{name}' dest <manifest
	[ "$stderr" = "" ]
	[ -z "$(ls -A spool)" ]
	[ -z "$(comm -12 <(stat -c %i dest/* | sort) <(sort <<<"$inodes"))" ]
	echo later | tee -a other real >&9
	exec 9>&-
	[ "$(jq -r .sha256 manifest | sort)" = "$(sha256sum dest/* | cut -d ' ' -f 1 | sort)" ]
}

@test "acc-put: a file with two names that lies where it is to be stored stays" {
	spool 6
	mkdir names
	ln spool/* names
	for how in rename fail skip overwrite; do
		run -0 --separate-stderr acc-put --key '{name}' --if-exists "$how" "./names/../spool" <manifest
		diff -r names spool
		[[ "$stderr" != *"cannot remove"* ]]
	done
}

@test "acc-put: a file that is stored beside itself keeps its new name alone" {
	spool 6
	cp -r spool copy
	run -0 acc-put --key 'stored-{name}' spool <manifest
	(cd copy && for name in *; do mv "$name" "stored-$name"; done)
	diff -r copy spool
}

@test "acc-put: a stored file has the mode and the group of a new one" {
	touch -d '1 hour ago' before
	mkdir dest
	for group in same other; do
		spool 4
		{ read -r first && read -r second; } < <(jq -r .path manifest)
		chmod 400 "$first"
		chmod 4777 "$second"
		touch -d 2001-01-01 "$first" "$second"
		if [ "$group,$(id -u)" = other,0 ]; then chgrp 1234 dest && chmod g+s dest; fi
		(umask 027 && touch "dest/$group" && acc-put --key "$group-{name}" dest <manifest)
		[ "$(stat -c '%a %g %u' "dest/$group"* | sort -u)" = "$(stat -c '%a %g %u' "dest/$group")" ]
		[ "$(find dest -newer before -name "$group-*" | wc -l)" -eq 2 ]
	done
}

# big is stored slowly, so that small waits for its turn to be removed
@test "acc-put: a file that was replaced or changed since it was read stays" {
	for way in replaced changed; do
		rm -rf spool dest
		mkdir spool
		printf '{"a":1}\n' >spool/small
		head -c 300M /dev/zero | tr '\0' x >spool/big
		for name in big small; do
			jq -nc --arg path "spool/$name" --argjson bytes "$(stat -c %s "spool/$name")" \
				--arg sum "$(sha256sum "spool/$name" | cut -d ' ' -f 1)" \
				'{path: $path, bytes: $bytes, sha256: $sum}'
		done >manifest
		acc-put -j 2 --key '{name}' dest <manifest >receipts 2>err &
		until [ -e dest/small ]; do sleep 0.005; done
		[ ! -e dest/big ]
		echo '{"new":2}' >new
		if [ "$way" = replaced ]; then mv new spool/small; else cat new >>spool/small; fi
		wait $!
		[ "$(wc -l <receipts)" -eq 2 ]
		[ "$(cat dest/small)" = '{"a":1}' ]
		[ "$(ls spool)" = small ]
		tail -n 1 spool/small | grep -q new
		grep -q "cannot remove 'spool/small', which is dealt with: it has changed since it was read" err
	done
}

@test "acc-put: too many open files are no fault of the file that is to be stored" {
	spool 400
	run -3 --separate-stderr bash -c 'ulimit -n 20 && acc-put -j 64 dest <manifest'
	[[ "$stderr" = *"Too many open files" ]]
	[ "$(grep -c . <<<"$stderr")" -eq 1 ]
	(ulimit -Sn 20 && acc-put -j 64 dest <manifest)
	[ -z "$(ls -A spool)" ]
}

@test "acc-put: a file that lies where it is to be stored stays, as its own object" {
	for how in rename fail skip overwrite; do
		rm -rf spool
		spool 2
		ln -sfn spool way
		cp -r spool copy
		run -0 acc-put --key '{name}' --if-exists "$how" way <manifest
		[ "$(path_of "$output")" = "$PWD/$(jq -r .path manifest)" ]
		diff -r copy spool
		rm -r copy
	done
}

@test "acc-put: FILE operands are stored instead of standard input" {
	echo 1 >a.jsonl
	echo 2 >'{b}'
	run -0 acc-put --key '{name}' dest a.jsonl '{b}' < <(echo missing)
	cmp a.jsonl dest/a.jsonl
	cmp '{b}' 'dest/{b}'
	[ "${#lines[@]}" -eq 2 ]
}

@test "acc-put: a FILE is taken as it is; an empty one is wrong usage" {
	printf 1 >$'a\r'
	run -0 acc-put --key '{name}' dest $'a\r'
	[ "$(cat dest/$'a\r')" = 1 ]
	echo 1 >a
	run -2 --separate-stderr acc-put dest a ''
	[ "$stderr" = "acc-put: '' is no FILE (see acc-put --help)" ]
	[ ! -e "dest/$day" ] && [ "$(ls dest)" = $'a\r' ]
}

@test "acc-put: without a manifest's word, the records of a compressed file are not guessed" {
	seq 10 | gzip >a.jsonl.gz
	run -0 acc-put dest < <(echo a.jsonl.gz)
	[ "$(jq -c 'has("records")' <<<"$output")" = false ]
}

@test "acc-put: without --at the date is today's in UTC" {
	spool 1
	before=$(date -u +year=%Y/month=%m/day=%d)
	run -0 acc-put dest <manifest
	after=$(date -u +year=%Y/month=%m/day=%d)
	[ -d "dest/$before" ] || [ -d "dest/$after" ]
}

@test "acc-put: --key takes times in UTC and the name's parts" {
	echo 1 >n.tar.gz
	TZ=America/New_York run -0 acc-put --at 2021-03-01T00:30:05.25+01:00 \
		--key '%F/%H-%M-%S/%j-%y/%s/%f/{base}/{ext}/{{%%}}{name}' dest n.tar.gz
	[ -f "dest/2021-02-28/23-30-05/059-21/1614555005/1614555005250000/n/.tar.gz/{%}n.tar.gz" ]
}

@test "acc-put: --key {shard} is the manifest's shard; a line without one is refused" {
	jq -nc 'range(20) | {k: .}' | acc-split --shards 2 --shard-by .k --dir spool >manifest
	acc-put --key '{shard}/{name}' dest <manifest >/dev/null
	[ "$(ls dest)" = $'0\n1' ]
	echo x >bare
	run -1 --separate-stderr acc-put --key '{shard}/{name}' dest bare
	[[ "$stderr" = "acc-put: cannot store 'bare': "*"{shard}"* ]]
}

@test "acc-put: a key template that means nothing is wrong usage" {
	echo 1 >a
	for key in '{nam}' '{name' 'x}' '%Q' '%' '' 'dir/'; do
		run -2 --separate-stderr acc-put --key "$key" dest a
		[[ "$stderr" = "acc-put: --key '"* ]]
		[ ! -e dest ]
	done
	for key in '{name}' '{shard}' 'list-{shard}'; do
		run -2 --separate-stderr acc-put --manifest "$key" dest a
		[[ "$stderr" = "acc-put: --manifest '$key': '{"*"}' stands for nothing here"* ]]
		[ ! -e dest ]
	done
}

@test "acc-put: a list of receipts that another run has under its name is not passed over" {
	echo 1 >a
	echo 2 >b
	acc-put --keep --key '{name}' --if-exists skip --manifest list dest a
	run -1 --separate-stderr acc-put --keep --key '{name}' --if-exists skip --manifest list dest b
	[ "$stderr" = "acc-put: the list of receipts is not stored: 'file://$PWD/dest/list' exists, and has another run's" ]
	[ "$(jq -r .uri <<<"$output")" = "file://$PWD/dest/b" ]
	[ "$(jq -r .uri dest/list)" = "file://$PWD/dest/a" ]
	run -0 acc-put --keep --key '{name}' --if-exists overwrite --manifest list dest b
	[ "$(jq -r .uri dest/list)" = "file://$PWD/dest/b" ]
}

@test "acc-put: a --manifest key that leads out of the destination is wrong usage, with nothing stored" {
	spool 2
	for key in ../x a/./b x/..; do
		run -2 --separate-stderr acc-put --manifest "$key" dest <manifest
		[[ "$stderr" = "acc-put: --manifest: the key '$key' does not name a file inside the destination (see "* ]]
		[ ! -e dest ] && [ -f "$(jq -r .path manifest)" ]
	done
}

@test "acc-put: --if-exists rename advances the microsecond until a name is free" {
	spool 2
	mkdir -p "dest/$day"
	echo other >"dest/$day/output_object-1612094400000000.jsonl"
	echo other >"dest/$day/output_object-1612094400000001.jsonl"
	run -0 acc-put --at 2021-01-31 dest <manifest
	[ "$(path_of "$output")" = "$PWD/dest/$day/output_object-1612094400000002.jsonl" ]
	[ "$(cat "dest/$day/output_object-1612094400000000.jsonl")" = other ]
	[ "$(ls "dest/$day" | wc -l)" -eq 3 ]
}

@test "acc-put: --if-exists rename counts up where the name has no microsecond" {
	mkdir dest
	echo other | tee dest/a.tar.gz >dest/a-1.tar.gz
	echo mine >a.tar.gz
	run -0 acc-put --key '{name}' dest a.tar.gz
	[ "$(path_of "$output")" = "$PWD/dest/a-2.tar.gz" ]
	cmp a.tar.gz dest/a-2.tar.gz
}

@test "acc-put: what is there with the same content is our own earlier attempt: a receipt, no second copy" {
	for how in rename fail skip overwrite; do
		rm -rf spool
		spool 4
		acc-put --keep --at 2021-01-31 "dest-$how" <manifest >first
		run -0 --separate-stderr acc-put --if-exists "$how" --at 2021-01-31 "dest-$how" <manifest
		[ "$output" = "$(cat first)" ]
		[ "$(ls "dest-$how/$day" | wc -l)" -eq 2 ]
		[ -z "$(ls -A spool)" ]
	done
}

@test "acc-put: a file that is gone and stored already is our own earlier attempt, too" {
	for how in rename fail skip overwrite; do
		spool 4
		mkdir -p "dest-$how/$day"
		[ "$how" != rename ] || echo other >"dest-$how/$day/output_object-1612094400000000.jsonl"
		acc-put --if-exists "$how" --at 2021-01-31 "dest-$how" <manifest >first
		[ -z "$(ls -A spool)" ]
		run -0 --separate-stderr acc-put --if-exists "$how" --at 2021-01-31 "dest-$how" < <(cat manifest manifest)
		[ "$output$stderr" = "$(cat first first)" ]
		echo other >"dest-$how/$day/$(jq -rs 'last.uri | split("/") | last' first)"
		run -1 --separate-stderr acc-put --if-exists "$how" --at 2021-01-31 "dest-$how" <manifest
		[ "$output" = "$(head -n 1 first)" ]
		[[ "$stderr" = "acc-put: cannot store 'spool/"*"': cannot open it: No such file or directory" ]]
	done
	for jobs in 1 4; do
		seq 9 >a
		printf '{"path":"a","bytes":18,"sha256":"%s"}\n' "$(sha256sum <a | cut -d ' ' -f 1)" >manifest
		run -0 acc-put -j "$jobs" --key "{name}-$jobs" dest < <(cat manifest manifest manifest)
		[ "$(jq -r .uri <<<"$output" | sort -u)" = "file://$PWD/dest/a-$jobs" ]
	done
}

@test "acc-put: --if-exists fail refuses that file, keeps it, goes on, and ends with 1" {
	spool 4
	mkdir -p "dest/$day"
	echo other >"dest/$day/output_object-1612094400000000.jsonl"
	ACC_JOURNAL=journal run -1 --separate-stderr acc-put --if-exists fail --at 2021-01-31 dest <manifest
	[ "${#lines[@]}" -eq 1 ]
	[[ "$stderr" = "acc-put: cannot store 'spool/output_object-1612094400000000.jsonl': '"*"' exists (see --if-exists)" ]]
	[ "$(ls spool)" = output_object-1612094400000000.jsonl ]
	[ "$(cat "dest/$day/output_object-1612094400000000.jsonl")" = other ]
	[ "$(jq -c 'select(.event=="failed")|[.uri,.code]' journal)" = '["spool/output_object-1612094400000000.jsonl","exists"]' ]
	[ "$(jq -c 'select(.event=="done")|[.status,.counts.stored,.counts.refused]' journal)" = '[1,2,1]' ]
}

@test "acc-put: --if-exists overwrite replaces, also a link, not what it points to" {
	echo mine >a
	mkdir dest
	echo precious >precious
	ln -s ../precious dest/a
	run -0 acc-put --if-exists overwrite --key '{name}' dest a
	[ ! -L dest/a ]
	cmp a dest/a
	[ "$(cat precious)" = precious ]
	[ "$(ls -A dest)" = a ]
}

@test "acc-put: --if-exists skip passes over, without a receipt, and leaves the file" {
	spool 4
	mkdir -p "dest/$day"
	echo other >"dest/$day/output_object-1612094400000000.jsonl"
	ACC_JOURNAL=journal run -0 acc-put --if-exists skip --at 2021-01-31 dest <manifest
	[ "${#lines[@]}" -eq 1 ]
	[ "$(cat "dest/$day/output_object-1612094400000000.jsonl")" = other ]
	[ "$(ls spool)" = output_object-1612094400000000.jsonl ]
	[ "$(jq -c 'select(.event=="done").counts|[.stored,.skipped,.objects]' journal)" = '[4,1,1]' ]
	run -0 acc-put --if-exists skip --discard-refused --at 2021-01-31 dest <<<"$(head -n 1 manifest)"
	[ -z "$(ls -A spool)" ]
}

@test "acc-put: two files of one run do not share a key where one would be lost" {
	for how in skip overwrite; do
		for jobs in 1 4; do
			rm -rf dest
			seq 9 | acc-split -l 3 --dir spool --at 2021-01-31 >manifest
			ACC_JOURNAL=journal run -1 --separate-stderr acc-put -j "$jobs" --if-exists "$how" -k one dest <manifest
			[ "${#lines[@]}" -eq 1 ]
			[[ "$stderr" = "acc-put: cannot store 'spool/output_object-"*"': another file of this run has 'file:///"*"/dest/one'; let --key tell them apart, as with {name}"* ]]
			[ "$(ls spool | wc -l)" -eq 2 ]
			[ "$(cat dest/one spool/* | sort | paste -sd ' ')" = '1 2 3 4 5 6 7 8 9' ]
			[ "$(jq -c 'select(.event=="done").counts|[.stored,.skipped,.refused]' journal)" = '[3,0,2]' ]
			rm journal spool/*
		done
	done
	mkdir x y
	echo 1 >x/a
	echo 1 >y/a
	run -0 acc-put --if-exists overwrite -k '{name}' dest x/a y/a
	echo 2 >y/a
	run -1 acc-put --if-exists overwrite -k '{name}' dest x/a y/a
}

@test "acc-put: links planted in the destination are not followed" {
	mkdir -p elsewhere dest
	ln -s "$PWD/elsewhere/file" dest/a
	ln -s "$PWD/elsewhere" dest/sub
	echo mine >a
	run -0 acc-put --key '{name}' dest a
	[ "$(path_of "$output")" = "$PWD/dest/a-1" ]
	echo other >b
	run -1 --separate-stderr acc-put -j 1 --key 'sub/{name}' dest a b
	[ "${stderr_lines[0]}" = "acc-put: cannot store 'a': cannot make or open the directory 'sub/': Not a directory" ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	[ -z "$(ls -A elsewhere)" ]
	echo theirs >elsewhere/a
	printf '{"path":"gone","bytes":7,"sha256":"%s"}\n' "$(sha256sum <elsewhere/a | cut -d ' ' -f 1)" >manifest
	run -1 acc-put --key 'sub/a' dest <manifest
}

@test "acc-put: a name that the file system cannot have is refused, and the others are stored" {
	mkdir dest
	touch dest/file
	echo mine >a
	name=$(printf '%0300d' 0)
	printf '{"path":"%s","bytes":5,"sha256":"%s"}\n' a "$(sha256sum <a | cut -d ' ' -f 1)" >manifest
	run -1 --separate-stderr acc-put --key "$name" dest <manifest
	[[ "$stderr" = *": File name too long" ]]
	run -1 --separate-stderr acc-put --key 'file/{name}' dest <manifest
	[[ "$stderr" = *": Not a directory" ]]
	[ "$(cat a)" = mine ]
}

@test "acc-put: what has a key is looked at where it is put, though the destination was named anew" {
	mkdir one two
	ln -s one out
	echo there >one/b
	echo other >two/b
	mkfifo names
	acc-put -j 1 --key '{base}' --if-exists skip out <names >receipts 3>&- &
	pid=$!
	exec 9>names
	echo first >a.1
	echo '{"path":"a.1","bytes":6}' >&9
	for _ in $(seq 100); do [ -s one/a ] && break; sleep 0.05; done
	[ "$(cat one/a)" = first ]
	ln -sfn two out
	mkdir more
	echo other >more/b.2
	echo '{"path":"more/b.2","bytes":6}' >&9
	exec 9>&-
	wait "$pid"
	[ "$(cat one/a)" = first ]
	[ "$(wc -l <receipts)" -eq 1 ]
}

@test "acc-put: a journal that is a pipe has no sources" {
	echo mine >a
	run -0 timeout 20 bash -c "acc-put --journal /dev/stderr --keep --key '{name}' dest a 2> >(cat >events); wait"
	[ "$(cat dest/a)" = mine ]
	eventually has_lines events 2
}

@test "acc-put: a key that leads out of the destination is refused" {
	echo mine >a
	for key in '../{name}' 'x/../../{name}' './{name}' 'x/..'; do
		run -2 --separate-stderr acc-put --key "$key" dest a
		[[ "$stderr" = "acc-put: --key: the key '"*"' does not name a file inside the destination (see acc-put --help)" ]]
		[ ! -e dest ] && [ ! -e "$PWD/../a" ]
	done
	cp a a.
	run -1 --separate-stderr acc-put --key '.{ext}' dest a.
	[ "$stderr" = "acc-put: cannot store 'a.': the key '..' does not name a file inside the destination" ]
}

@test "acc-put: a file that is not what its manifest says is refused and kept" {
	spool 6
	{ read -r _; read -r second; read -r third; } < <(jq -r .path manifest)
	printf x | dd of="$second" bs=1 seek=3 conv=notrunc status=none
	printf x >>"$third"
	run -1 --separate-stderr acc-put --at 2021-01-31 dest <manifest
	[ "${#lines[@]}" -eq 1 ]
	[[ "$stderr" = *"acc-put: cannot store '$second': its sha256 is not what the manifest says; it stays where it is"* ]]
	[[ "$stderr" = *"acc-put: cannot store '$third': it has "*" bytes, but the manifest says "* ]]
	[ "$(ls spool | wc -l)" -eq 2 ]
	[ "$(ls -A "dest/$day" | wc -l)" -eq 1 ]
}

@test "acc-put: a file that is not what its manifest says is no more passed over than stored" {
	mkdir dest
	echo old >dest/o
	for how in skip rename fail overwrite; do
		echo new >h
		printf '{"path":"h","bytes":4,"sha256":"%s"}\n' "$(sha256sum <dest/o | cut -d ' ' -f 1)" >same
		printf '{"path":"h","bytes":4,"sha256":"%064d"}\n' 0 >other
		for manifest in same other; do
			run -1 --separate-stderr acc-put -k o --if-exists "$how" dest <"$manifest"
			[ "$output" = "" ]
			[[ "$stderr" = "acc-put: cannot store 'h': "* ]]
			[ "$(cat h dest/*)" = $'new\nold' ]
		done
	done
}

@test "acc-put: --discard-refused removes what is refused" {
	spool 2
	printf x >>"$(jq -r .path manifest)"
	run -1 acc-put --discard-refused dest <manifest
	[ -z "$(ls -A spool)" ]
}

@test "acc-put: missing files, directories, pipes and bad lines are refused by name; the rest is stored" {
	echo 1 >good
	mkfifo pipe
	mkdir dir
	printf '%s\n' missing dir pipe '{"path":7}' '{"path":"good","bytes":-1}' '{broken' '{"path":"good","sha256":"xyz"}' '' good >names
	run -1 --separate-stderr acc-put --key '{name}' dest <names
	[ "${#lines[@]}" -eq 1 ]
	[ "${#stderr_lines[@]}" -eq 7 ]
	[[ "$stderr" = *"cannot store 'missing': cannot open it: No such file or directory"* ]]
	[[ "$stderr" = *"cannot store 'dir': it is not a regular file"* ]]
	[[ "$stderr" = *"cannot store 'pipe': it is not a regular file"* ]]
	[[ "$stderr" = *'acc-put: -:4: the manifest line has no "path"'* ]]
	[[ "$stderr" = *'acc-put: -:7: the manifest line has a "sha256"'* ]]
	cmp good dest/good
}

@test "acc-put: --log-format json says which file, or which line of the manifest" {
	run -1 --separate-stderr acc-put --log-format json dest < <(printf '%s\n' '' '{}' missing)
	[ "$(jq -sc 'sort_by(.uri)[] | [.level, .uri, .record, .code]' <<<"$stderr")" = \
		$'["error","-",2,"invalid-manifest"]\n["error","missing",null,"missing"]' ]
}

@test "acc-put: a manifest that does not tell the records has them counted" {
	seq 3 >a
	run -0 acc-put --key '{name}' dest <<<'{"path":"a"}'
	[ "$(jq .records <<<"$output")" -eq 3 ]
}

@test "acc-put: names with odd characters arrive unchanged, and the address is a proper URI" {
	local names=('a b' 'a%b' 'a#b?c' $'a\tb' 'é"\' '*' 'a+b&c=d;e')
	for name in "${names[@]}"; do
		printf '%s' "$name" >"$name"
		run -0 acc-put --key '{name}' dest "$name"
		[ "$(cat "dest/$name")" = "$name" ]
		python3 - "$(jq -r .uri <<<"$output")" "$PWD/dest/$name" <<-'PYTHON'
			import sys, urllib.parse
			u = urllib.parse.urlsplit(sys.argv[1])
			assert u.scheme == "file" and urllib.parse.unquote(u.path) == sys.argv[2] and not u.query and not u.fragment
		PYTHON
	done
}

@test "acc-put: DEST may be a path, a link to a directory, or file:///; other schemes are wrong usage" {
	echo 1 >a
	mkdir real
	ln -s real link
	acc-put --key '{name}' link a
	cmp a real/a
	run -0 acc-put --key '{name}' "file://$PWD/with%20space/" a
	cmp a 'with space/a'
	[ "$(jq -r .uri <<<"$output")" = "file://$PWD/with%20space/a" ]
	for dest in gopher://x/ - 'file://host/x' ''; do
		run -2 --separate-stderr acc-put "$dest" a
		[[ "$stderr" = "acc-put: "* ]]
	done
	run -2 acc-put
}

@test "acc-put: --dry-run tells what would be stored where, and touches nothing" {
	spool 4
	mkdir -p "dest/$day"
	echo other >"dest/$day/output_object-1612094400000000.jsonl"
	find . -type f | sort >before
	run -0 acc-put --dry-run --at 2021-01-31 dest <manifest
	[ "$(path_of "${lines[0]}")" = "$PWD/dest/$day/output_object-1612094400000001.jsonl" ]
	[ "$(jq -r .sha256 <<<"$output")" = "$(jq -r .sha256 manifest)" ]
	find . -type f ! -name before | sort | diff - <(grep -v before before)
	run -0 acc-put --dry-run nowhere <manifest
	[ ! -e nowhere ]
}

@test "acc-put: --dry-run knows the keys that it would have taken itself" {
	spool 4
	mkdir -p "dest/$day"
	echo other >"dest/$day/output_object-1612094400000000.jsonl"
	run -0 acc-put --dry-run --at 2021-01-31 dest <manifest
	planned=$output
	run -0 acc-put -j 1 --keep --at 2021-01-31 dest <manifest
	[ "$output" = "$planned" ]
	echo 1 >a
	echo 2 >b
	cp a c
	run -0 acc-put --dry-run --key one.jsonl dest a b c
	[ "$(jq -r '.uri | split("/") | last' <<<"$output" | paste -sd ' ')" = 'one.jsonl one-1.jsonl one.jsonl' ]
	run -1 acc-put --dry-run --if-exists fail --key one.jsonl dest a b c
	for how in skip overwrite; do
		run -1 --separate-stderr acc-put --dry-run --if-exists "$how" --key one.jsonl dest a b c
		[ "${#lines[@]}" -eq 2 ]
	done
}

@test "acc-put: --manifest stores the list of receipts as one object, last" {
	spool 10
	run -0 acc-put --at 2021-01-31 --manifest 'lists/%Y-%m-%d.jsonl' dest <manifest
	diff dest/lists/2021-01-31.jsonl <(printf '%s\n' "$output")
	[ "${#lines[@]}" -eq 5 ]
	run -0 acc-put --at 2021-02-01 --manifest 'list' dest </dev/null
	[ ! -e dest/list ]
}

@test "acc-put: nothing to store, nothing made, status 0" {
	run -0 --separate-stderr acc-put dest </dev/null
	[ "$output$stderr" = "" ]
	[ ! -e dest ]
}

@test "acc-put: a destination inside a source that the journal names is refused before anything is stored" {
	spool 2
	local destination source
	while read -r source destination; do
		jq -nc --arg uri "$source" '{event: "source", tool: "acc-fetch", $uri}' >journal
		ACC_JOURNAL=journal run -2 --separate-stderr acc-put "$destination" <manifest
		[[ "$stderr" = "acc-put: '"*"' lies inside the source '$source'"* ]]
		[ -f "$(jq -r .path manifest)" ]
		[ ! -e "$destination/$day" ]
	done <<-END
		in/ in/out
		in in
		./in/../in $PWD/in/x
		file://$PWD/in/ in
		$PWD in
		**/*.jsonl in
		in/**/*.jsonl in/a
		i*/ in/out
		i?/a*/ in/ab/out
		in\\[1\\]/ in[1]/out
	END
}

@test "acc-put: a list of receipts inside a source is refused before anything is stored" {
	spool 2
	printf '{"event":"source","tool":"acc-fetch","uri":"dest/lists/"}\n' >journal
	ACC_JOURNAL=journal run -2 --separate-stderr acc-put --manifest 'lists/%F' --at 2021-01-31 dest <manifest
	[ "$stderr" = "acc-put: 'file://$PWD/dest/lists/2021-01-31' lies inside the source 'dest/lists/' and would be read \
again; choose another --manifest (see acc-put --help)" ]
	[ ! -e dest ]
}

@test "acc-put: a source that the journal calls literal is no pattern" {
	spool 2
	printf '{"event":"source","tool":"acc-fetch","uri":"in[1]/","literal":true}\n' >journal
	ACC_JOURNAL=journal run -2 --separate-stderr acc-put 'in[1]/out' <manifest
	[[ "$stderr" = "acc-put: '"*"' lies inside the source 'in[1]/'"* ]]
	ACC_JOURNAL=journal run -0 acc-put in1/out <manifest
}

@test "acc-put: a destination beside the sources is not refused" {
	spool 2
	mkdir in
	echo 1 >in/file.jsonl
	local source
	for source in in/ in/file.jsonl '*.jsonl' 'in/*' 's3://bucket/' 'inside/' 'out/day=*/x' '**/*.json' 'ou?/in*/'; do
		printf '{"event":"source","tool":"acc-fetch","uri":"%s"}\n' "$source" >journal
		ACC_JOURNAL=journal run -0 acc-put --keep out <manifest
	done
}

@test "acc-put: a source that the journal tells of only later is still seen before the first file" {
	spool 2
	mkfifo names
	ACC_JOURNAL=journal acc-put in/out <names >receipts 2>errors &
	exec 9>names
	sleep 0.2
	printf '{"event":"source","tool":"acc-fetch","uri":"in/"}\n' >>journal
	cat manifest >&9
	exec 9>&-
	wait $! && false
	[ $? -eq 2 ]
	[ ! -s receipts ]
	[ ! -e in ]
}

@test "acc-put: a full disk is status 3, names file and place, leaves nothing half-stored, keeps the file" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to mount"
	mkdir dest
	head -c 3000000 /dev/zero | tr '\0' x | fold -w 99 | acc-split -b 1000000 --dir spool >manifest
	mount -t tmpfs -o size=1500k none dest 2>/dev/null || skip "cannot mount"
	run -3 --separate-stderr acc-put -j 1 --key '{name}' dest <manifest
	left=$(cd dest && find . -type f)
	umount dest
	[[ "$stderr" = "acc-put: cannot store 'spool/"*"' as 'file://"*"': cannot write: No space left on device" ]]
	[ "$(wc -l <<<"$left")" -eq 1 ]
	[ "$(ls spool | wc -l)" -eq 3 ]
}

@test "acc-put: a file-size limit is status 3 and leaves nothing" {
	head -c 300000 /dev/zero | tr '\0' x | fold -w 99 >big
	run -3 bash -c 'trap "" XFSZ; ulimit -f 100; acc-put --key "{name}" dest big'
	[ -z "$(ls -A dest)" ]
	run -3 bash -c 'trap "" XFSZ; ulimit -f 100; acc-put --if-exists overwrite --key "{name}" dest big'
	[ -z "$(ls -A dest)" ]
}

@test "acc-put: what is stored when the command fails has a receipt, and no more is begun" {
	head -c 40000000 /dev/zero >big
	for n in $(seq 60); do echo "{\"n\":$n}" >"small$n"; done
	for i in 1 2 3; do
		rm -rf dest && mkdir dest
		run -3 --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 30000; acc-put -j 4 --key "{name}" dest big small*'
		[ "$(jq -r '.uri | split("/")[-1]' <<<"$output" | sort)" = "$(ls -A dest)" ]
		[[ "$stderr" = "acc-put: cannot store 'big' as 'file://"*"': cannot write: File too large" ]]
		[ "$(ls dest | wc -l)" -lt 60 ]
	done
}

@test "acc-put: a manifest, or a list of names, may begin with a byte order mark" {
	spool 4
	run -0 acc-put dest < <(printf '\xef\xbb\xbf' && cat manifest)
	[ -n "$output" ] && [ -z "$(ls -A spool)" ]
	echo '{}' >a
	run -0 acc-put --key '{name}' dest < <(printf '\xef\xbb\xbfa\n')
	[ -f dest/a ]
}

@test "acc-put: a file may be named by its address, as an operand, in a list and in a manifest" {
	mkdir 'in 1'
	echo '{}' >'in 1/a'
	cp 'in 1/a' 'in 1/b'
	cp 'in 1/a' 'in 1/c'
	run -0 acc-put --key '{name}' dest "file://$PWD/in%201/a"
	echo "file://$PWD/in%201/b" | acc-put --key '{name}' dest
	printf '{"path":"file://%s/in%%201/c"}\n' "$PWD" | acc-put --key '{name}' dest
	[ "$(cat dest/a dest/b dest/c)" = $'{}\n{}\n{}' ]
	[ "$(ls 'in 1')" = $'a\nb' ]
	run -1 acc-put dest file:///not/there file:///broken%
}

@test "acc-put: an address that lacks its slashes makes no directory" {
	echo '{}' >a
	for destination in s3:/bucket/prefix/ s3:bucket file:/tmp; do
		run -2 --separate-stderr acc-put "$destination" a
		[[ "$stderr" = "acc-put: cannot store to '$destination': an address begins with '${destination%%:*}://', a path of that name with './'"* ]]
		[ ! -e "${destination%%/*}" ]
	done
	run -0 acc-put --key '{name}' ./s3:/bucket a
	[ -f s3:/bucket/a ]
}

@test "acc-put: a file in the place of DEST is wrong usage" {
	echo >a
	for destination in dest s3://bucket/; do
		run -2 --separate-stderr acc-put a "$destination"
		[ "$stderr" = "acc-put: 'a' is a file; DEST, a directory or an address, comes before the files (see acc-put --help)" ]
	done
}

@test "acc-put: a destination that cannot be made is status 3" {
	echo >file
	echo >a
	run -3 --separate-stderr acc-put file/x a
	[[ "$stderr" = "acc-put: cannot store 'a' as "*": Not a directory" ]]
}

@test "acc-put: receipts that cannot be written are status 3, and the spool file is still there" {
	spool 2
	run -3 bash -c 'acc-put dest <manifest >/dev/full'
	[ "$(ls spool | wc -l)" -eq 1 ]
	run -0 acc-put dest <manifest
	[ "$(find dest -type f | wc -l)" -eq 1 ]
}

@test "acc-put: a closed standard output ends it quietly by SIGPIPE" {
	spool 4
	run -141 --separate-stderr bash -c '(sleep 0.3; exec acc-put dest <manifest) | true; exit "${PIPESTATUS[0]}"'
	[ "$stderr" = "" ]
}

@test "acc-put: two writers at once never overwrite one another" {
	mkdir a b
	for i in $(seq 50); do echo "a $i" >"a/output_object-16120944000000$((i + 10)).jsonl"; done
	for i in $(seq 50); do echo "b $i" >"b/output_object-16120944000000$((i + 10)).jsonl"; done
	find "$PWD/a" -type f | sort | acc-put --at 2021-01-31 -j 4 dest >receipts-a &
	find "$PWD/b" -type f | sort | acc-put --at 2021-01-31 -j 4 dest >receipts-b
	wait $!
	[ "$(ls -A "dest/$day" | wc -l)" -eq 100 ]
	cat dest/"$day"/* | sort | diff - <(cat a/* b/* | sort)
}

@test "acc-put: a signal leaves no temporary file" {
	mkfifo names
	echo 1 >a
	acc-put --if-exists overwrite dest <names >receipts &
	pid=$!
	exec 9>names
	echo a >&9
	for _ in $(seq 50); do [ -s receipts ] && break; sleep 0.05; done
	kill "$pid"
	wait "$pid" && false
	[ $? -eq 143 ]
	[ "$(find dest -type f | wc -l)" -eq 1 ]
	[ -z "$(find dest -name '.*')" ]
}

@test "acc-put: options that only object stores know are accepted, and noted with -v" {
	echo 1 >a
	run -0 --separate-stderr acc-put -v --sse aws:kms:alias/x --storage-class STANDARD_IA --content-type text/plain \
		--checksum crc32c --tag a=b --metadata c=d --key '{name}' dest a
	[[ "$stderr" = *"options for object stores have no effect"* ]]
	run -2 acc-put --tag nonsense dest a
	run -2 acc-put --checksum md5 dest a
	run -2 acc-put --sse none dest a
	for kind in aws:kms: aws:kms:dsse: aws:kmsx AES256x; do
		run -2 acc-put --sse "$kind" dest a
	done
	run -0 acc-put --sse aws:kms:dsse dest a
	run -0 acc-put --sse aws:kms:dsse:alias/x dest a
}

@test "acc-put: the journal's counts balance with acc-split's" {
	jq -nc 'range(100)' | ACC_JOURNAL=journal acc-split -l 7 --dir spool | ACC_JOURNAL=journal acc-put dest >receipts
	[ "$(jq 'select(.event=="done" and .tool=="acc-split").counts.written' journal)" -eq 100 ]
	[ "$(jq 'select(.event=="done" and .tool=="acc-put").counts.stored' journal)" -eq 100 ]
}

@test "acc-put: files are taken out of the spool while acc-split still waits for room" {
	jq -nc 'range(5000)' | timeout 20 acc-split -b 2000 --max-spool 4000 --dir spool | timeout 20 acc-put --key '{name}' dest >receipts
	find dest -type f | sort | xargs cat | diff - <(seq 0 4999)
	[ -z "$(ls -A spool)" ]
}

@test "acc-put --progress: objects, of a total where the files are named" {
	seq 3 | tee a b >c
	run -0 --separate-stderr acc-put --progress always dest a b c
	[[ $stderr = *"acc-put: 3/3 objects, "* ]]
	run -0 --separate-stderr acc-put --progress always dest a - < <(printf 'b\nc\n')
	[[ $stderr = *"acc-put: 3 objects, "* ]]
}
