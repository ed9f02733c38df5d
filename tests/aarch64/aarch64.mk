# The scanner and what it stands on for 64-bit ARM: built by the cross compiler, the unit tests run under
# qemu, with NEON and without. Part of `check` where both are installed.

AARCH64_CC    = aarch64-linux-gnu-gcc
AARCH64_RUN   = qemu-aarch64
AARCH64_BUILD = build/aarch64
AARCH64_UNITS = $(filter $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c)), \
	test_scan test_text test_utf8 test_buffer test_arena test_slice test_units test_instant)

DEPS_CHECK += gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
ifneq ($(and $(shell command -v $(AARCH64_CC)),$(shell command -v $(AARCH64_RUN))),)
CHECKS += check-aarch64
endif

# xxHash is a header alone, thus the system's own serves; it must come behind the cross compiler's headers.
AARCH64_FLAGS   = $(ALL_CPPFLAGS) -Itests/aarch64 -idirafter /usr/include -DACC_VERSION='"$(VERSION)"' \
	-std=gnu11 -O2 -g -pthread $(WARNINGS) -Werror
AARCH64_SOURCES = $(wildcard lib/base/*.c) $(filter-out %/jq.c %/jq_worker.c %_avx2.c,$(wildcard lib/json/*.c))
AARCH64_OBJECTS = $(AARCH64_SOURCES:%.c=$(AARCH64_BUILD)/%.o)

.PHONY: check-aarch64
check-aarch64: $(AARCH64_UNITS:%=$(AARCH64_BUILD)/%)
	@echo "== $@"
	@set -e; for unit in $^; do for simd in on off; do \
		echo "$$unit, ACC_SIMD=$$simd"; \
		ACC_SIMD=$$simd RUNS=300 $(AARCH64_RUN) "$$unit" >"$$unit.$$simd.log" 2>&1 \
			|| { cat "$$unit.$$simd.log"; exit 1; }; done; done

$(AARCH64_BUILD)/test_%: $(AARCH64_BUILD)/tests/unit/test_%.o $(AARCH64_OBJECTS)
	$(call say,LINK,$@)$(AARCH64_CC) -static -pthread -o $@ $^ -lm

$(AARCH64_BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CROSS,$@)$(AARCH64_CC) $(AARCH64_FLAGS) -MMD -MP -c -o $@ $<

-include $(wildcard $(AARCH64_BUILD)/*/*/*.d)
