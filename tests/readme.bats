#!/usr/bin/env bats
# What the README and the pages say of the toolkit, held against the toolkit.
bats_require_minimum_version 1.5.0

setup() {
	load helpers
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	in_own_directory
}

@test "README: the tour's commands run after the demo and print what it says" {
	"$root/tests/demo/demo" "$PWD/demo"
	"$root/tests/manners/examples.py" "$root/README.md" "$PWD/demo"
}

@test "demo: names each refused record, keeps to the size, and loses none of the rest" {
	run -0 "$root/tests/demo/demo" "$PWD/demo"
	[[ $output = *"stayvia.jsonl:3: "*"the record is refused"* ]]
	[ "$(jq -r .code demo/refused.jsonl | sort | xargs)" = "invalid-json no-partner" ]
	[ "$(find demo/out -name '*.jsonl' -size +1000c)" = "" ]
	[ "$(cat demo/out/year=2026/month=03/day=16/*.jsonl | jq -r .accommodation_id | xargs)" = "20417 20533 20688 20712 20801" ]
	[ "$(jq -s 'map(.records) | add' demo/receipts.jsonl)" -eq 5 ]
}

@test "README: shows the rules and the map of the sample data as they are" {
	for file in rules.json roomatlas.jq; do
		awk -v fence="\`\`\`${file##*.}" '$0 == fence { inside = 1; next } /^```/ { inside = 0 } inside' "$root/README.md" |
			diff - "$root/tests/data/$file"
	done
}

@test "README: every make target that it names is there" {
	grep -o 'make [a-z][a-z -]*' "$root/README.md" | cut -d ' ' -f 2- | tr ' ' '\n' | grep -v '^-' | sort -u >named
	while read -r target; do
		grep -qE "^([a-z-]+ )*$target( [a-z-]+)*:" "$root/Makefile" "$root"/tests/*/*.mk || echo "$target"
	done < <(grep -xE 'demo|demo-cloud|check|install|deps|lint|sanitize|fuzz|coverage|bench|bench-check|lambda|check-infra|check-bats|torture|clean' named) >missing
	diff /dev/null missing
	[ "$(wc -l <named)" -gt 10 ]
}

@test "README: every directory of the layout is there, and each of the tree in it" {
	for directory in cmd lib man tests completions terraform .ci tests/unit tests/property tests/data tests/demo; do
		[ -d "$root/$directory" ]
	done
	for directory in "$root"/lib/*/; do
		grep -q "^      $(basename "$directory")/ " "$root/README.md" || { echo "$directory"; return 1; }
	done
}

@test "acc(7): lists the default in the environment of every option of acc-consolidate, and no others" {
	acc-consolidate --help-options | cut -f 2 | grep -vxE 'help|version' | tr 'a-z-' 'A-Z_' | sed 's/^/ACC_/' >options
	printf '%s\n' ACC_CHAIN ACC_DEST ACC_SIMD >>options
	sed -n '/^\.Sh ENVIRONMENT/,/^\.Sh EXIT/p' "$root/man/acc.7" | grep -oE 'ACC_[A-Z_]+' | sort -u | diff <(sort options) -
}

@test "acc(7): names every variable that the code reads" {
	grep -rhoE '"(ACC|AWS)_[A-Z0-9_]+"' "$root"/lib "$root"/cmd | tr -d '"' | sort -u | while read -r variable; do
		grep -qw -- "$variable" "$root/man/acc.7" || echo "$variable"
	done >missing
	diff /dev/null missing
}
