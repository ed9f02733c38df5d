# The Lambda function's archive.
#
#   make lambda             build/acc-lambda-x86_64.zip and -arm64.zip. That of another architecture than this
#                           machine's is left out, and it is said why, when it cannot be built here
#   make lambda-arm64       just this one, which then has to work; lambda-x86_64 likewise
#   make check-lambda       run this machine's archive where there is nothing but a base image's shell
#   make lambda-measure     its size and how fast it starts
#
# The programs bring their libraries and the loader, because the function's image has older ones, and name both by
# their place there. They look for libraries there first, whatever LD_LIBRARY_PATH says.
#
# Settings: LAMBDA_CURL=DIRECTORY  where libcurl without its 25 libraries is built, or already was: it takes a minute

LAMBDA_SOURCE := $(dir $(lastword $(MAKEFILE_LIST)))
LAMBDA_NATIVE := $(patsubst aarch64,arm64,$(ARCH))
LAMBDA_OTHER  := $(filter-out $(LAMBDA_NATIVE),x86_64 arm64)
LAMBDA_DIR    := $(BUILD)/lambda
LAMBDA_CURL   ?= $(LAMBDA_DIR)/libcurl

# libssl-dev: libcurl is built with it.
DEPS_LAMBDA = $(DEPS_BUILD) libssl-dev binutils curl dpkg-dev patch python3
DEPS_CHECK += libssl-dev binutils coreutils curl dpkg-dev openssl patch util-linux

CHECKS  += check-lambda
CHECKED += lambda-$(LAMBDA_NATIVE)

LAMBDA_MACHINE_x86_64 = x86_64
LAMBDA_MACHINE_arm64  = aarch64
LAMBDA_DEBIAN_x86_64  = amd64
LAMBDA_DEBIAN_arm64   = arm64
LAMBDA_LOADER_x86_64  = ld-linux-x86-64.so.2
LAMBDA_LOADER_arm64   = ld-linux-aarch64.so.1
LAMBDA_CROSS_x86_64   = x86-64-linux-gnu
LAMBDA_CROSS_arm64    = aarch64-linux-gnu
LAMBDA_PREFIX_x86_64  = x86_64-linux-gnu
LAMBDA_PREFIX_arm64   = aarch64-linux-gnu

# $(1): architecture. The object files are kept, so that only what changed is compiled again.
lambda_make = $(MAKE) BUILD=$(LAMBDA_DIR)/$(1) ARCH=$(LAMBDA_MACHINE_$(1)) OPTIMIZE=-O2 \
	LDFLAGS='-Wl,-dynamic-linker=/var/task/lib/$(LAMBDA_LOADER_$(1)) -Wl,--disable-new-dtags,-rpath=/var/task/lib' \
	CPPFLAGS= CFLAGS= SANITIZE= COVERAGE=
lambda_libraries = $(wildcard $(LAMBDA_CURL)-$(1)/libcurl.so.4) \
	$(foreach root,/lib /usr/lib,$(2)$(root)/$(LAMBDA_PREFIX_$(1))) $(2)/lib $(2)/lib64
lambda_other = $(LAMBDA_PREFIX_$(LAMBDA_OTHER))
lambda_root  = $(abspath $(LAMBDA_DIR))/sysroot-$(LAMBDA_OTHER)

.PHONY: lambda lambda-x86_64 lambda-arm64 check-lambda check-archive check-bootstrap deps-lambda lambda-measure

lambda: deps-lambda
	@$(MAKE) lambda-$(LAMBDA_NATIVE)
	@$(MAKE) lambda-$(LAMBDA_OTHER) || { rm -f $(BUILD)/acc-lambda-$(LAMBDA_OTHER).zip; \
		echo "lambda: there is no archive for $(LAMBDA_OTHER), for the reason above" >&2; }

deps-lambda:
	@.ci/deps $(DEPS_LAMBDA)

# Where Debian's sources cannot be had, its own libcurl does as well.
lambda_without = \
	echo "lambda: for the reason above Debian's own libcurl goes into the archive: 4 MB more, and a slower start" >&2

lambda-$(LAMBDA_NATIVE): $(LAMBDA_CURL)-$(LAMBDA_NATIVE)/done
	+@$(call lambda_make,$(LAMBDA_NATIVE)) CC='$(CC)' all
	@$(LAMBDA_SOURCE)archive $(LAMBDA_DIR)/$(LAMBDA_NATIVE)/bin $(BUILD)/acc-lambda-$(LAMBDA_NATIVE).zip \
		$(call lambda_libraries,$(LAMBDA_NATIVE),)

lambda-$(LAMBDA_OTHER): $(LAMBDA_CURL)-$(LAMBDA_OTHER)/done
	+@$(call lambda_make,$(LAMBDA_OTHER)) CC='$(lambda_other)-gcc --sysroot=$(lambda_root)' AR=$(lambda_other)-ar all
	@$(LAMBDA_SOURCE)archive --root $(lambda_root) --strip $(lambda_other)-strip $(LAMBDA_DIR)/$(LAMBDA_OTHER)/bin \
		$(BUILD)/acc-lambda-$(LAMBDA_OTHER).zip $(call lambda_libraries,$(LAMBDA_OTHER),$(lambda_root))

$(LAMBDA_DIR)/sysroot-$(LAMBDA_OTHER)/PACKAGES: $(LAMBDA_SOURCE)sysroot Makefile $(LAMBDA_SOURCE)lambda.mk
	@.ci/deps gcc-$(LAMBDA_CROSS_$(LAMBDA_OTHER))
	@command -v $(lambda_other)-gcc >/dev/null || { \
		echo "lambda: cannot compile for $(LAMBDA_OTHER): no $(lambda_other)-gcc here" >&2; exit 1; }
	@$(LAMBDA_SOURCE)sysroot $(LAMBDA_DEBIAN_$(LAMBDA_OTHER)) $(@D) curl $(filter %-dev,$(DEPS_LAMBDA))

$(LAMBDA_CURL)-$(LAMBDA_NATIVE)/done: $(LAMBDA_SOURCE)libcurl
	+@$(LAMBDA_SOURCE)libcurl $(@D) $(LAMBDA_PREFIX_$(LAMBDA_NATIVE)) '$(CC)' strip && touch $@ || $(lambda_without)

$(LAMBDA_CURL)-$(LAMBDA_OTHER)/done: $(LAMBDA_SOURCE)libcurl $(LAMBDA_DIR)/sysroot-$(LAMBDA_OTHER)/PACKAGES
	+@$(LAMBDA_SOURCE)libcurl $(@D) $(lambda_other) '$(lambda_other)-gcc --sysroot=$(lambda_root)' $(lambda_other)-strip && \
		touch $@ || $(lambda_without)

check-lambda: check-archive check-bootstrap

check-archive: servers lambda-$(LAMBDA_NATIVE)
check-archive check-bootstrap: check-%: all
	@echo "== $@"
	@$(ENVIRONMENT) LAMBDA_ZIP='$(abspath $(BUILD))/acc-lambda-$(LAMBDA_NATIVE).zip' \
		bats $(BATS_FLAGS) $(LAMBDA_SOURCE)$*.bats

lambda-measure: servers lambda-$(LAMBDA_NATIVE)
	@$(LAMBDA_SOURCE)measure $(BUILD)/acc-lambda-$(LAMBDA_NATIVE).zip
