# The unit tests once more where the processor's vectors are not to be used.

CHECKS += check-plain

.PHONY: check-plain
check-plain: $(UNITS:%=$(BUILD)/unit/%)
	@echo "== $@"
	@set -e; for unit in $^; do \
		$(ENVIRONMENT) ACC_SIMD=off CMOCKA_MESSAGE_OUTPUT=TAP "$$unit" >"$$unit.plain.tap" 2>&1 \
			|| { cat "$$unit.plain.tap"; exit 1; }; done
