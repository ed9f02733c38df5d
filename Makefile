# acc - a toolkit that consolidates accommodation catalogs
#
#   make                 the commands, in build/bin
#   make check           all tests        make demo      the chain at work on files
#   make install         PREFIX=/usr/local, DESTDIR=
#   make CC=clang BUILD=build/clang WERROR=1      V=1 shows the commands, JOBS=1 one at a time
#
# New commands, library files, tests and pages are found by their place; see also tests/*/*.mk.

VERSION = 1.0.0

BUILD   ?= build
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share
INSTALL ?= install
ARCH    := $(shell uname -m)
OPTIMIZE ?= -O3 -g

ifeq ($(origin CC),default)
CC := gcc
endif

WARNINGS = -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wundef -Wvla -Wformat=2 \
	-Wimplicit-fallthrough $(if $(WERROR),-Werror)
HARDENING = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection
HARDENING_LINK = -Wl,-z,relro,-z,now -Wl,-z,noexecstack

# SANITIZE=address,undefined or thread: a variant build, see the target sanitize.
ifdef SANITIZE
HARDENING = -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDENING_LINK = -fsanitize=$(SANITIZE)
OPTIMIZE = -O1 -g
endif
ifdef COVERAGE
HARDENING = --coverage -DACC_COVERAGE
HARDENING_LINK = --coverage
OPTIMIZE = -O0 -g
endif

ALL_CPPFLAGS = -D_GNU_SOURCE -Ilib $(CPPFLAGS)
ALL_CFLAGS   = -std=gnu11 $(OPTIMIZE) -fPIE -pthread $(WARNINGS) $(HARDENING) $(CFLAGS)
ALL_LDFLAGS  = -pie -pthread $(HARDENING_LINK) -Wl,--as-needed $(LDFLAGS)
LDLIBS       = -ldl -lnettle -lsodium -lz -lzstd -lexpat -lpthread -lm

COMMANDS := $(notdir $(basename $(wildcard cmd/*.c)))
SCRIPTS  := $(notdir $(filter-out %.c %.h %.mk,$(wildcard cmd/*)))
SOURCES  := $(wildcard lib/*/*.c)
ifeq ($(filter aarch64 arm64,$(ARCH)),)
SOURCES  := $(filter-out %_neon.c,$(SOURCES))
endif
ifeq ($(filter x86_64 amd64,$(ARCH)),)
SOURCES  := $(filter-out %_avx2.c %_avx512.c,$(SOURCES))
endif
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o)
BINARIES := $(COMMANDS:%=$(BUILD)/bin/%) $(SCRIPTS:%=$(BUILD)/bin/%)
UNITS    := $(notdir $(basename $(wildcard tests/unit/test_*.c)))
PAGES    := $(wildcard man/*.[1-9])

DEPS_BUILD = gcc make libc6-dev libcurl4-openssl-dev nettle-dev libjq-dev libsodium-dev zlib1g-dev \
	libzstd-dev libxxhash-dev libexpat1-dev
DEPS_CHECK = bats jq libcmocka-dev mandoc python3 git zsh fish busybox dash zstd
DEPS_LINT  = clang clang-format clang-tidy cppcheck shellcheck shfmt mandoc

# What `check` consists of; fragments append their own targets, and to CHECKED what takes its time to make and comes
# first. The checks run at the same time, begun in this order.
CHECKS  = check-unit check-bats check-man
CHECKED =

# Of races only the commands with threads can tell: acc-split has none, acc-consolidate is a shell script, and the
# tests of completions, manners and the README start everything once more and do no work.
ifeq ($(SANITIZE),thread)
BATS ?= $(wildcard tests/acc-fetch.bats tests/acc-merge.bats tests/acc-put.bats tests/acc-sqs-drain.bats \
	tests/cloud-*.bats)
endif
BATS ?= $(wildcard tests/*.bats)

# One more than there are processors: much of what is tested waits.
JOBS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS) $(if $(filter check-%,$(MAKECMDGOALS)),$(if $(word 2,$(BATS)),--output-sync))
endif
MAKEFLAGS += --no-print-directory

all: $(BINARIES)

include $(wildcard tests/*/*.mk)

# ---- build

say = $(if $(V),,@printf '  %-5s %s\n' '$(1)' '$(2)' && )

# Changes only when the compiler or its flags do; then everything is built anew.
FLAGS = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(VERSION)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(FILE_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/lib/base/command.o: FILE_CFLAGS = -DACC_VERSION='"$(VERSION)"'
FLAGS_avx2   = -mavx2 -mpclmul -mbmi
FLAGS_avx512 = $(FLAGS_avx2) -mpopcnt -mavx512f -mavx512bw -mavx512vbmi2
%_avx2.o: FILE_CFLAGS = $(FLAGS_avx2)
%_avx512.o: FILE_CFLAGS = $(FLAGS_avx512)

$(BUILD)/libacc.a: $(OBJECTS)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

$(COMMANDS:%=$(BUILD)/bin/%): $(BUILD)/bin/%: $(BUILD)/cmd/%.o $(BUILD)/libacc.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

$(SCRIPTS:%=$(BUILD)/bin/%): $(BUILD)/bin/%: cmd/% $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,SED,$@)sed 's/@VERSION@/$(VERSION)/g' $< >$@.new
	@chmod 755 $@.new && mv -f $@.new $@

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libacc.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)

# ---- tests

# Every check runs in the same surroundings: our commands first, no settings of the user's own.
ENVIRONMENT = env -u ACC_JOURNAL -u CDPATH LC_ALL=C.UTF-8 BUILD='$(abspath $(BUILD))' \
	SANITIZE='$(SANITIZE)' CC='$(CC)' PATH="$(abspath $(BUILD))/bin:$$PATH" \
	BATS_TEST_TIMEOUT=$(if $(SANITIZE)$(COVERAGE),300,120)

# The output of each comes when it is over, in one piece.
check: deps
	@$(MAKE) $(CHECKED) all $(UNITS:%=$(BUILD)/unit/%)
	@$(MAKE) --output-sync check-all || { echo "== a check failed: its output is above, before '***'"; exit 1; }
	@echo "== all checks passed"

check-all: $(CHECKS)

check-unit: $(UNITS:%=$(BUILD)/unit/%)
	@echo "== $@"
	@set -e; for unit in $^; do echo "$$unit"; $(ENVIRONMENT) CMOCKA_MESSAGE_OUTPUT=TAP \
		"$$unit" >"$$unit.tap" 2>&1 || { cat "$$unit.tap"; exit 1; }; done

check-bats: $(BATS:%=check-%)

$(BATS:%=check-%): check-%: all
	@echo "== $*"
	@$(ENVIRONMENT) bats $(BATS_FLAGS) $*

check-man:
	@echo "== $@"
	$(if $(PAGES),mandoc -T lint -W warning $(PAGES))

demo: deps-demo
	@$(MAKE) all
	@$(ENVIRONMENT) sh tests/demo/demo

# What the instrumented builds run.
SANITIZE_CHECKS = check-unit check-bats
COVERAGE_CHECKS = check-unit check-bats

# Memory that is refused is part of the tests, thus not an error by itself.
SANITIZED_ENVIRONMENT = \
	ASAN_OPTIONS=allocator_may_return_null=1:strict_string_checks=1:detect_stack_use_after_return=1 \
	LSAN_OPTIONS=print_suppressions=0:suppressions=$(CURDIR)/.ci/leaks \
	UBSAN_OPTIONS=print_stacktrace=1 \
	TSAN_OPTIONS=allocator_may_return_null=1:second_deadlock_stack=1:report_thread_leaks=0

sanitize: deps
	@$(MAKE) sanitize-asan
	@$(MAKE) sanitize-tsan

sanitize-asan:
	@$(SANITIZED_ENVIRONMENT) $(MAKE) --output-sync BUILD=build/asan SANITIZE=address,undefined check-sanitized
sanitize-tsan:
	@$(SANITIZED_ENVIRONMENT) $(MAKE) --output-sync BUILD=build/tsan SANITIZE=thread check-sanitized
check-sanitized: $(SANITIZE_CHECKS)

coverage: deps
	@$(MAKE) --output-sync BUILD=build/coverage COVERAGE=1 coverage-report

coverage-report: all
	@find $(BUILD) -name '*.gcda' -delete
	@$(MAKE) $(COVERAGE_CHECKS)
	@.ci/coverage $(BUILD)

# ---- lint

C_FILES     = $(wildcard cmd/*.[ch] lib/*/*.[ch] tests/*/*.[ch])
SHELL_FILES = $(shell grep -lE '^\#!.*[/ ](ba)?sh$$' cmd/* .ci/* tests/*/* 2>/dev/null)
LINTED      = $(wildcard cmd/*.c) $(SOURCES)
LINT_FLAGS  = $(ALL_CPPFLAGS) -DACC_VERSION='"0"' \
	$(if $(findstring _avx2,$<),$(FLAGS_avx2)) $(if $(findstring _avx512,$<),$(FLAGS_avx512))

lint: deps-lint
	@$(MAKE) lint-style lint-shell lint-man lint-cppcheck lint-tidy lint-analyzer

lint-style:
	.ci/style $(C_FILES)
	clang-format --dry-run -Werror $(wildcard cmd/*.[ch] lib/*/*.[ch])
lint-shell:
	shellcheck -x -P SCRIPTDIR $(SHELL_FILES) $(wildcard tests/*.bats tests/*/*.bats)
	shfmt -d $(SHELL_FILES)
lint-man: check-man
# internalAstError is of its own making: it does not know compound literals within "?:".
lint-cppcheck:
	cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr \
		--error-exitcode=1 --suppress=missingIncludeSystem --suppress=internalAstError \
		$(ALL_CPPFLAGS) cmd lib
lint-tidy: $(LINTED:%.c=$(BUILD)/%.tidy)
lint-analyzer: $(LINTED:%.c=$(BUILD)/%.analyzed)

$(BUILD)/%.tidy: %.c .clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY,$<)clang-tidy --quiet $< -- $(LINT_FLAGS) -std=gnu11 2>$@.log || { cat $@.log; exit 1; }
	@touch $@
$(BUILD)/%.analyzed: %.c
	@mkdir -p $(@D)
	$(call say,CHECK,$<)gcc $(LINT_FLAGS) -std=gnu11 -O1 -fanalyzer -Werror -c -o $@ $<

# ---- completions, installation

completions: all
	@$(ENVIRONMENT) completions/generate completions $(filter $(BUILD)/bin/acc-%,$(BINARIES))

SHELLS_bash = $(DATADIR)/bash-completion/completions
SHELLS_zsh  = $(DATADIR)/zsh/site-functions
SHELLS_fish = $(DATADIR)/fish/vendor_completions.d
INSTALLED   = $(filter-out %/bootstrap,$(BINARIES))

install: all
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)'
	$(INSTALL) -m 755 $(INSTALLED) '$(DESTDIR)$(BINDIR)'
	@set -e; for page in $(PAGES); do \
		directory='$(DESTDIR)$(MANDIR)'/man$${page##*.}; \
		$(INSTALL) -d "$$directory"; $(INSTALL) -m 644 "$$page" "$$directory"; done
	$(foreach shell,bash zsh fish,$(if $(wildcard completions/$(shell)/*),\
		$(INSTALL) -d '$(DESTDIR)$(SHELLS_$(shell))' && \
		$(INSTALL) -m 644 completions/$(shell)/* '$(DESTDIR)$(SHELLS_$(shell))' &&)) :

uninstall:
	rm -f $(patsubst $(BUILD)/bin/%,'$(DESTDIR)$(BINDIR)/%',$(INSTALLED))
	rm -f $(foreach page,$(PAGES),'$(DESTDIR)$(MANDIR)/man$(patsubst .%,%,$(suffix $(page)))/$(notdir $(page))')
	rm -f $(foreach shell,bash zsh fish,$(patsubst completions/$(shell)/%,\
		'$(DESTDIR)$(SHELLS_$(shell))/%',$(wildcard completions/$(shell)/*)))

deps:
	@.ci/deps $(DEPS_BUILD) $(DEPS_CHECK)
deps-demo:
	@.ci/deps $(DEPS_BUILD) jq
deps-build:
	@.ci/deps $(DEPS_BUILD)
deps-lint:
	@.ci/deps $(DEPS_LINT)

clean:
	rm -rf build

FORCE:
.PHONY: all check check-all check-unit check-bats $(BATS:%=check-%) check-man demo sanitize sanitize-asan sanitize-tsan \
	check-sanitized coverage coverage-report lint lint-style lint-shell lint-man \
	lint-cppcheck lint-tidy lint-analyzer completions install uninstall deps deps-build deps-demo deps-lint clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d)
