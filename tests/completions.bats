#!/usr/bin/env bats
# shellcheck disable=SC2154 # bats sets stderr
bats_require_minimum_version 1.5.0

setup() {
	load helpers
	in_own_directory
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	bin=${BUILD:-$root/build}/bin
}

# bash_completes WORD...: what bash offers for the last of the words
bash_completes() {
	# shellcheck source=/dev/null
	source "$root/completions/bash/$1"
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	"_${1//-/_}"
	printf '%s\n' "${COMPREPLY[@]}"
}

# zsh_completes TEXT: what an interactive zsh shows when TAB is pressed after TEXT
zsh_completes() {
	TERM=dumb timeout 20 zsh -f -s "$root/completions/zsh" "$1" <<'END'
zmodload zsh/zpty
zpty -b shell 'zsh -f -i'
zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=1000; PS1=; echo re''ady"
zpty -r shell line '*ready*'
zpty -n -w shell "$2"$'\t'
sleep 1
zpty -n -w shell $'\C-u'"echo do''ne"$'\n'
while zpty -r shell line; do print -r -- "$line"; [[ $line == *done* ]] && break; done
zpty -d shell
END
}

@test "completions: are in step with the options of the commands" {
	"$root/completions/generate" made "$bin"/acc-*
	for shell in bash zsh fish; do
		diff -r "$root/completions/$shell" "made/$shell" || { echo "run: make completions"; return 1; }
	done
}

@test "completions: bash offers options, choices and files" {
	touch catalog.jsonl
	for file in "$root"/completions/bash/*; do
		command=$(basename "$file")
		bash -n "$file"
		run -0 bash_completes "$command" --log
		[ "$output" = "--log-format" ]
		run -0 bash_completes "$command" --log-format j
		[ "$output" = "json" ]
		run -0 bash_completes "$command" --progress = al
		[ "$output" = "always" ]
		run -0 bash_completes "$command" --progress =
		[ "$output" = $'auto\nalways\nnever' ]
		run -0 bash_completes "$command" cat
		[ "$output" = "catalog.jsonl" ]
		run -0 bash_completes "$command" --journal cat
		[ "$output" = "catalog.jsonl" ]
	done
}

@test "completions: bash offers nothing where any text may stand" {
	touch 5
	run -0 bash_completes acc-split --lines ""
	[ "$output" = "" ]
}

@test "completions: fish offers options and choices with what they do" {
	for file in "$root"/completions/fish/*; do
		command=$(basename "$file" .fish)
		fish -n "$file"
		run -0 fish -c "source $file; complete -C '$command --log'"
		[[ $output = --log-format$'\t'* ]]
		run -0 fish -c "source $file; complete -C '$command --progress al'"
		[[ $output = always* ]]
	done
}

@test "completions: zsh offers options and choices" {
	for file in "$root"/completions/zsh/*; do
		zsh -n "$file"
		command=$(basename "$file")
		command=${command#_}
		run -0 zsh_completes "$command --log-f"
		[[ $output = *"$command --log-format="* ]]
		run -0 zsh_completes "$command --progress=al"
		[[ $output = *"$command --progress=always"* ]]
	done
}
