# The unit tests once more where the processor's vectors are not to be used.

CHECKS += check-plain

.PHONY: check-plain
check-plain: $(UNITS:%=$(BUILD)/unit/%)
	@set -e; for unit in $^; do \
		$(ENVIRONMENT) ACC_SIMD=off CMOCKA_MESSAGE_OUTPUT=TAP "$$unit" >"$$unit.plain.tap" 2>&1 \
			|| { cat "$$unit.plain.tap"; exit 1; }; done

# A command that runs as another user cannot write down what it reached, and must not complain in a test's output.
coverage-report: export GCOV_ERROR_FILE = /dev/null
