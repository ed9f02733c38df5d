#!/usr/bin/env bats
# The manners that all commands share, held against every command there is.
# shellcheck disable=SC2016,SC2154 # sh -c expands its own; bats sets stderr
bats_require_minimum_version 1.5.0

setup_file() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	bin=${BUILD:-$root/build}/bin
	commands=$(cd "$bin" && echo acc-*)
	export root bin commands
	[ "$commands" != "acc-*" ]
}

setup() {
	load helpers
	in_own_directory
}

# is_binary COMMAND: it is made from C, not a script
is_binary() {
	[ -f "$root/cmd/$1.c" ]
}

# option_list COMMAND: each of its options on a line
option_list() {
	"$bin/$1" --help-options | awk -F '\t' '$1 != "-" { print "-" $1 } { print "--" $2 }' | sort
}

# documented PAGE: each option that heads a paragraph of the page
documented() {
	awk '$1 == ".It" { for (i = 2; i < NF; i++) if ($i == "Fl") print "-" $(i + 1) }' "$root/man/$1" | sort -u
}

@test "every command: --help goes to standard output, begins with the usage and lists every option" {
	for command in $commands; do
		echo "$command"
		run -0 --separate-stderr "$command" --help
		[ "$stderr" = "" ]
		[[ $output = "Usage: $command"* ]]
		while read -r option; do
			grep -qE -- "(^| )$option([ ,=]|\$)" <<<"$output" || { echo "no $option"; return 1; }
		done < <(option_list "$command")
	done
}

@test "every command: no line of the help is wider than a terminal" {
	for command in $commands; do
		echo "$command"
		"$command" --help >help
		run -1 grep -nE '^.{81,}' help
	done
}

@test "every command: --version names command and version" {
	for command in $commands; do
		run -0 --separate-stderr "$command" --version
		[ "$stderr" = "" ]
		[[ $output =~ ^$command\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "$output"; return 1; }
	done
}

@test "bootstrap: --help and --version, and no argument but these" {
	run -0 --separate-stderr bootstrap --help
	[[ $stderr = "" && $output = "Usage: bootstrap"* ]]
	run -0 --separate-stderr bootstrap --version
	[ "$output" = "bootstrap $(acc-consolidate --version | cut -d ' ' -f 2)" ]
	run -2 --separate-stderr env AWS_LAMBDA_RUNTIME_API=127.0.0.1:9 bootstrap --nonsense
	[[ $stderr = *--nonsense*--help* ]]
	for option in --help --version; do
		run -3 --separate-stderr sh -c 'bootstrap "$0" >/dev/full' "$option"
		[ "$stderr" = "bootstrap: cannot write to standard output: No space left on device" ]
		run -3 --separate-stderr sh -c 'bootstrap "$0" >&-' "$option"
		[ "$stderr" = "bootstrap: cannot write to standard output: Bad file descriptor" ]
	done
	run -2 --separate-stderr bootstrap $'\x1b[31m\xff\n'
	[ "$stderr" = "bootstrap: unexpected argument '?[31m? ' (see bootstrap --help)" ]
}

@test "every command: an unknown option is wrong usage, and says where help is" {
	for command in $commands; do
		echo "$command"
		run -2 --separate-stderr "$command" --no-such-option </dev/null
		[ "$output" = "" ]
		[ "$stderr" = "$command: unrecognized option '--no-such-option' (see $command --help)" ]
	done
}

@test "every command: what is meant for a closed standard output or error goes nowhere" {
	echo '{"partner_name":"a","accommodation_id":1,"accommodation_data":{}}' >in
	for arguments in 'acc-fetch in' 'acc-merge in' 'acc-split in' 'acc-put dest in'; do
		echo "$arguments"
		rm -f journal
		run -3 --separate-stderr sh -c "$arguments --journal journal >&-"
		[[ $stderr = "${arguments%% *}: cannot write to standard output: Bad file descriptor" ]]
		[ "$(jq -r .event journal | grep -v source)" = $'start\ndone' ]
		rm -f journal
		run -1 sh -c "$arguments missing --journal journal 2>&-"
		[ "$(jq -r .event journal | grep -v source)" = $'start\nfailed\ndone' ]
	done
}

@test "every command: standard input that is closed, or a directory, is status 3" {
	for arguments in acc-fetch 'acc-fetch -' acc-merge 'acc-merge -' acc-split 'acc-split -' 'acc-put dest' 'acc-put dest -' \
		'acc-consolidate dest' 'acc-consolidate - dest'; do
		run -3 --separate-stderr bash -c "$arguments <&-"
		[[ $stderr == *"Bad file descriptor"* ]] || { echo "$arguments: $stderr"; return 1; }
		run -3 --separate-stderr bash -c "$arguments <."
		[[ $stderr == *directory* ]] || { echo "$arguments: $stderr"; return 1; }
	done
}

@test "every command: an option without its argument is wrong usage" {
	for command in $commands; do
		echo "$command"
		run -2 --separate-stderr "$command" --journal </dev/null
		[ "$output" = "" ]
		[[ $stderr = "$command: option '--journal' requires an argument"* ]]
	done
}

@test "every command: has the common options" {
	for command in $commands; do
		echo "$command"
		option_list "$command" >options
		for option in -q --quiet -v --verbose --log-format --progress --journal --help --version; do
			grep -qx -- "$option" options || { echo "no $option"; return 1; }
		done
	done
}

@test "every command: --log-format json writes an object per message" {
	for command in $commands; do
		echo "$command"
		run -2 --separate-stderr "$command" --log-format json --no-such-option </dev/null
		jq -e --arg tool "$command" '.tool == $tool and .level == "error" and (.message | length > 0)
			and (.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$"))' <<<"$stderr"
	done
}

@test "every command: wrong usage is in the journal, as started and done with 2" {
	for command in $commands; do
		is_binary "$command" || continue # a script leaves the journal to the commands it runs
		echo "$command"
		rm -f journal
		run -2 "$command" --journal journal --no-such-option </dev/null
		[ "$(jq -c '[.event, .tool, .status]' journal)" = \
			"[\"start\",\"$command\",null]"$'\n'"[\"done\",\"$command\",2]" ]
	done
}

@test "every command: a full disk under --help is not success" {
	for command in $commands; do
		is_binary "$command" || continue
		echo "$command"
		run -3 --separate-stderr sh -c '"$0" --help >/dev/full' "$command"
		[ "$stderr" = "$command: cannot write to standard output: No space left on device" ]
	done
}

@test "every command: a reader that has left ends it quietly" {
	for command in $commands; do
		is_binary "$command" || continue
		echo "$command"
		bash -c '{ sleep 0.2; "$0" --help 2>stderr; echo "${PIPESTATUS[0]}" >status; } | true' "$command"
		[ ! -s stderr ]
		[ "$(cat status)" -eq 141 ]
	done
}

@test "a parent that ignores the ends of children makes no failure a success" {
	deaf() { python3 -c 'import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])' "$@"; }
	echo '{"Records":[{"messageId":"m1","body":"{\"Records\":[{\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"k\"}}}]}"}]}' >event
	run -1 --separate-stderr deaf acc-sqs-drain --event event --trust-status -- false
	[ "$output" = '{"batchItemFailures":[{"itemIdentifier":"m1"}]}' ]
	run -2 --separate-stderr deaf env AWS_ACCESS_KEY_ID= AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null \
		AWS_EC2_METADATA_DISABLED=true acc-merge --priority s3://b/list /dev/null
	[[ "$stderr" = *"no AWS credentials found"* ]]
	run -1 --separate-stderr deaf acc-fetch --jq-timeout 1 --select 'last(repeat(1))' - <<<'{}'
	[[ "$stderr" = *"the program took longer than 1000 ms"* ]]
}

@test "every command: its page documents its options, the common ones there or in acc(7), and no others" {
	for command in $commands; do
		echo "$command"
		option_list "$command" >has
		documented "$command.1" >page
		[ "$(comm -13 has page)" = "" ] || { echo "not options: $(comm -13 has page)"; return 1; }
		{ cat page && documented acc.7; } | sort -u >pages
		[ "$(comm -23 has pages)" = "" ] || { echo "not documented: $(comm -23 has pages)"; return 1; }
	done
}

@test "every page: its examples run and print what it says" {
	for page in "$root"/man/*.[157]; do
		echo "$page"
		directory=$BATS_TEST_TMPDIR/$(basename "$page")
		mkdir "$directory"
		"$root/tests/manners/examples.py" "$page" "$directory"
	done
}

# true takes 1 ms; where it takes longer all does.
@test "every command in C: starts within 5 ms, or 5 times the time of true" {
	[ "$bin" = "$root/build/bin" ] || skip "a build for tests"
	for command in $commands; do
		is_binary "$command" || continue
		for _ in 1 2 3; do # others may keep the machine busy
			median=$("$root/tests/manners/startup.py" "$bin/$command")
			least=$("$root/tests/manners/startup.py" "$(type -P true)")
			echo "$command: $median ms, true: $least ms"
			awk -v ms="$median" -v least="$least" 'BEGIN { exit !(ms < 5 || ms < 5 * least) }' && continue 2
		done
		return 1
	done
}
