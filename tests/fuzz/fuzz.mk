# Fuzzing of what reads bytes from outside, with libFuzzer: each tests/fuzz/fuzz_NAME.c is a target, its
# seeds lie in tests/fuzz/corpus/NAME. What they find becomes a test.
#
#   make fuzz FUZZ_SECONDS=3600 FUZZ=scan      longer, and only this one
#   make check-fuzz                            a short run of all from one seed, part of `make check`

FUZZ_SECONDS ?= 60
FUZZ_ARGS    ?=
FUZZ         ?= $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BUILD   := build/fuzz

DEPS_CHECK += clang libclang-rt-dev
CHECKS     += check-fuzz

.PHONY: fuzz check-fuzz run-fuzzers
fuzz: deps
	@$(MAKE) run-fuzzers CC=clang BUILD=$(FUZZ_BUILD) SANITIZE=fuzzer-no-link,address,undefined
check-fuzz:
	@$(MAKE) run-fuzzers CC=clang BUILD=$(FUZZ_BUILD) SANITIZE=fuzzer-no-link,address,undefined \
		FUZZ_SECONDS=5 FUZZ_ARGS='-seed=1 -runs=50000'

# What is found on the way is kept in build/, and tried first in the next run.
run-fuzzers: $(FUZZ:%=$(BUILD)/fuzz_%)
	@set -e; echo "== $@"; for name in $(FUZZ); do mkdir -p $(BUILD)/found/$$name; \
		if $(BUILD)/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) $(FUZZ_ARGS) -timeout=10 -rss_limit_mb=2000 \
			-print_final_stats=1 -artifact_prefix=$(BUILD)/found/ \
			$(BUILD)/found/$$name tests/fuzz/corpus/$$name >$(BUILD)/$$name.log 2>&1; then \
			echo "fuzz $$name: $$(sed -n 's/.*number_of_executed_units: *//p' $(BUILD)/$$name.log) executions," \
				"$$(grep -o 'cov: [0-9]*' $(BUILD)/$$name.log | tail -n 1)"; \
		else tail -n 60 $(BUILD)/$$name.log; exit 1; fi; done

# It calls more of libjq than the commands do.
$(BUILD)/fuzz_jq: LDLIBS += -ljq
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/libacc.a
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)
