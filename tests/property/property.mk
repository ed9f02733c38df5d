# The laws of consolidation on random input, against an independent reference.

PROPERTY_RUNS ?= 200

.PHONY: check-property
check-property:
	python3 tests/property/test_reference.py
	python3 tests/property/laws.py --runs $(PROPERTY_RUNS)
