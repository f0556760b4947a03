# sshipc: make help lists the targets.  V=1 shows the commands.
VERSION := 0.1.0

CC      ?= cc
BUILD   ?= build
PREFIX  ?= /usr/local
WERROR  ?=
CFLAGS  ?= -O2 -g

# Where make install puts things; sysconfdir, and the way from sbindir to libexecdir, are built in.
bindir     ?= $(PREFIX)/bin
sbindir    ?= $(PREFIX)/sbin
libexecdir ?= $(PREFIX)/libexec
sysconfdir ?= /etc
datadir    ?= $(PREFIX)/share
mandir     ?= $(datadir)/man
docdir     ?= $(datadir)/doc/sshipc
zshdir     ?= $(datadir)/zsh/site-functions
unitdir    ?= $(PREFIX)/lib/systemd/system
SYSTEMD    ?= yes
TO_LIBEXEC := $(shell realpath -ms --relative-to=$(sbindir) $(libexecdir))

PKGS    := libssh libconfig libevent_core libseccomp libcrypto

FORTIFY ?= 3
HARDEN  := -fPIE -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(FORTIFY)
ifeq ($(shell uname -m),x86_64)
HARDEN  += -fcf-protection
endif
LDHARD  := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed

# A callback has parameters that not every one needs.
WARN    := -Wall -Wextra -Wno-unused-parameter -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
           -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wvla -Wwrite-strings $(WERROR)

CPPFLAGS += -D_GNU_SOURCE -DSSHIPC_VERSION='"$(VERSION)"' -DSSHIPC_ETC='"$(sysconfdir)/sshipc"' \
            -DSSHIPC_LIBEXEC='"$(TO_LIBEXEC)/sshipc"' $(shell pkg-config --cflags $(PKGS))
LDLIBS   := $(shell pkg-config --libs $(PKGS))
ALL_CFLAGS = -std=c11 $(CFLAGS) $(HARDEN) $(WARN) $(EXTRA_CFLAGS)

# The tree says which process a file runs in.  A row says which other folders the files of a folder may include from and call:
# a header from elsewhere is not found, and tests/e2e/92-layers holds the calls to the same rows.
ALL_LIB := $(addprefix lib/,base net ssh sandbox)
MAY_lib/base              :=
MAY_lib/net               := lib/base
MAY_lib/sandbox           := lib/base
MAY_lib/ssh               := lib/base lib/net lib/sandbox
MAY_sshipc-server/proto   := $(ALL_LIB)
MAY_sshipc-server/policy  := lib/base lib/net lib/ssh sshipc-server/proto
MAY_sshipc-server/dialler := $(ALL_LIB) sshipc-server/proto
MAY_sshipc-server/session := $(ALL_LIB) sshipc-server/proto
MAY_sshipc-server/monitor := $(ALL_LIB) sshipc-server $(addprefix sshipc-server/,proto policy dialler)
MAY_sshipc-server/keeper  := $(ALL_LIB) sshipc-server
MAY_sshipc-server/ctl     := lib/base lib/net lib/ssh sshipc-server $(addprefix sshipc-server/,proto policy monitor)
MAY_sshipc-server         := $(ALL_LIB) $(addprefix sshipc-server/,proto policy dialler monitor keeper ctl)
MAY_sshipc-client/link    := $(ALL_LIB) sshipc-client
MAY_sshipc-client/listen  := $(ALL_LIB) sshipc-client $(addprefix sshipc-client/,link)
MAY_sshipc-client/run     := $(ALL_LIB) sshipc-client $(addprefix sshipc-client/,link listen)
MAY_sshipc-client/doctor  := $(ALL_LIB) sshipc-client $(addprefix sshipc-client/,link)
MAY_sshipc-client/service := $(ALL_LIB) sshipc-client $(addprefix sshipc-client/,link listen run)
MAY_sshipc-client         := $(ALL_LIB) $(addprefix sshipc-client/,link listen run doctor service)

LIB    := $(wildcard lib/*/*.c)
# Interpose functions of libc and libssh: beside the archive, so that only the programs that link libssh get them.
INTERPOSED := lib/ssh/random.c lib/ssh/sshsocket.c
SERVER := $(wildcard sshipc-server/*.c sshipc-server/*/*.c)
MONITOR := $(filter-out sshipc-server/session/%,$(SERVER))
SESSION := $(wildcard sshipc-server/proto/*.c sshipc-server/session/*.c) $(INTERPOSED)
CLIENT := $(wildcard sshipc-client/*.c sshipc-client/*/*.c)
UNIT   := $(wildcard tests/unit/*.c)
FOLDERS := $(patsubst %/,%,$(sort $(dir $(LIB) $(SERVER) $(CLIENT))))

# What stands in the way of $(1), a source: its own folder and its row; a test has those of what it links.
folder   = $(patsubst %/,%,$(dir $(1)))
linked   = $(if $(filter server_% fuzz_server_%,$(notdir $(1))),sshipc-server,$(if $(filter client_% fuzz_client_%,$(notdir $(1))),sshipc-client,lib/ssh))
place    = $(if $(filter tests/unit/% tests/fuzz/%,$(1)),$(call linked,$(1)),$(call folder,$(1)))
tested   = $(if $(filter server_% fuzz_server_%,$(notdir $(1))),sshipc-server/session)
includes = $(addprefix -iquote,$(sort $(call folder,$(1)) $(call place,$(1)) $(call tested,$(1)) $(MAY_$(call place,$(1)))))
obj     = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

ifeq ($(V),1)
Q :=
else
Q := @
say = @printf '  %-5s %s\n' '$(1)' '$(2)'
endif

all: $(BUILD)/sshipc-server $(BUILD)/sshipc-session $(BUILD)/sshipc-client ## build the programs into build/

# The monitor has no libssh: what needs it does not link.
$(BUILD)/sshipc-server: $(call obj,$(MONITOR)) $(BUILD)/libsshipc.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $(call obj,$(MONITOR)) $(BUILD)/libsshipc.a $(filter-out -lssh,$(LDLIBS))

$(BUILD)/sshipc-session: $(call obj,$(SESSION)) $(BUILD)/libsshipc.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $(call obj,$(SESSION)) $(BUILD)/libsshipc.a $(LDLIBS)

$(BUILD)/sshipc-client: $(call obj,$(CLIENT) $(INTERPOSED)) $(BUILD)/libsshipc.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libsshipc.a $(LDLIBS)

$(BUILD)/libsshipc.a: $(call obj,$(filter-out $(INTERPOSED),$(LIB)))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(call includes,$<) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Unit tests: tests/unit/test_X.c links lib/; server_test_X.c and client_test_X.c also that program but its main.c.
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT))
UNIT_SERVER := $(call obj,$(filter-out %/main.c,$(SERVER)))
UNIT_CLIENT := $(call obj,$(filter-out %/main.c,$(CLIENT)))
$(filter $(BUILD)/unit/server_%,$(UNIT_BIN)): $(UNIT_SERVER)
$(filter $(BUILD)/unit/client_%,$(UNIT_BIN)): $(UNIT_CLIENT)
$(UNIT_BIN): $(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(call obj,$(INTERPOSED)) $(BUILD)/libsshipc.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libsshipc.a $(LDLIBS) -lcriterion

# For LD_PRELOAD: system calls that fail by rule; a server that confirms channels as no libssh does.
SHIMS := $(patsubst tests/shim/%.c,$(BUILD)/%.so,$(wildcard tests/shim/*.c))
$(SHIMS): $(BUILD)/%.so: tests/shim/%.c Makefile
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=c11 -O2 -g $(WARN) -fPIC -shared -o $@ $<

# The peer that the end-to-end tests set on a server.
HOSTILE := $(wildcard tests/hostile/*.c)
$(BUILD)/hostile-peer: $(call obj,$(HOSTILE))
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $^ -lcrypto

# The load of tests/bench/run, and its measure.
LOAD := $(wildcard tests/bench/*.c)
$(BUILD)/bench-load: $(call obj,$(LOAD))
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $^

# Fuzz targets: tests/fuzz/fuzz_X.c with its corpus in tests/fuzz/X, named and linked as the unit tests are; always with clang,
# into a folder of their own.
FUZZ         := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 30
FUZZ_FLAGS   := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_BIN     := $(FUZZ:%=$(BUILD)/fuzz_%)
$(filter $(BUILD)/fuzz_server_%,$(FUZZ_BIN)): $(UNIT_SERVER)
$(filter $(BUILD)/fuzz_client_%,$(FUZZ_BIN)): $(UNIT_CLIENT)
$(FUZZ_BIN): $(BUILD)/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(call obj,$(INTERPOSED)) $(BUILD)/libsshipc.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libsshipc.a $(LDLIBS)

fuzz-build:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang FORTIFY=0 CFLAGS='-O1 -g $(FUZZ_FLAGS)' $(FUZZ:%=$(BUILD)/fuzz/fuzz_%)

fuzz: fuzz-build ## fuzz each target for FUZZ_SECONDS (30); what is found is kept in build/fuzz
	$(Q)failed=; for t in $(FUZZ); do mkdir -p $(BUILD)/fuzz/$$t && $(BUILD)/fuzz/fuzz_$$t -max_total_time=$(FUZZ_SECONDS) \
		-artifact_prefix=$(BUILD)/fuzz/$$t- $(BUILD)/fuzz/$$t tests/fuzz/$$t || failed="$$failed $$t"; done; \
	[ -z "$$failed" ] || { echo "fuzz: something was found by:$$failed"; exit 1; }

fuzz-corpora: fuzz-build
	$(Q)for t in $(FUZZ); do $(BUILD)/fuzz/fuzz_$$t -runs=0 -artifact_prefix=$(BUILD)/fuzz/$$t- tests/fuzz/$$t || exit 1; done

-include $(patsubst %.o,%.d,$(call obj,$(LIB) $(SERVER) $(CLIENT) $(UNIT) $(HOSTILE) $(LOAD) $(wildcard tests/fuzz/*.c)))

C_FILES := $(LIB) $(SERVER) $(CLIENT) $(UNIT) $(wildcard tests/fuzz/*.[ch] tests/hostile/*.[ch] tests/bench/*.[ch] tests/interop/*.c tests/shim/*.c tests/unit/*.h) \
           $(wildcard $(FOLDERS:%=%/*.h))

unit: $(UNIT_BIN) $(BUILD)/hostile-peer $(BUILD)/bench-load $(SHIMS) ## build the unit tests and what the end-to-end tests need

check: ## format, both compilers, hardening, lint, fuzz corpora, unit and end-to-end tests
	@scripts/run-checks

check-long: ## check, the long end-to-end tests (scripts/install-deps check-long), gcc -fanalyzer, both suites under ASan and UBSan, the mutants, and Debian 13
	@scripts/run-checks --long

mutants: unit all ## take a guard of each security claim away, one at a time: its test must fail
	@scripts/mutants

coverage: ## which lines the tests reach, into build/coverage (scripts/install-deps coverage)
	@scripts/coverage

asan: ## build in build/asan with ASan and UBSan and run the unit and end-to-end tests
	@scripts/run-checks asan

format: ## clang-format the C files
	clang-format -i $(C_FILES)

format-check:
	clang-format --dry-run -Werror $(C_FILES)

lint: ## clang-tidy
	$(Q)printf '%s\n' $(foreach f,$(LIB) $(SERVER) $(CLIENT),"$f $(call includes,$f)") | \
		xargs -P"$$(nproc)" -I{} sh -c 'set -- {}; f=$$1; shift; clang-tidy --quiet "$$f" -- -std=c11 $(subst ','"'"',$(CPPFLAGS)) "$$@"'

# Off is what its version 12 gets wrong about this code: members that a list owns, a length or a verdict that
# vouches for a pointer.
ANALYZE := -fanalyzer $(addprefix -Wno-analyzer-,malloc-leak use-after-free null-dereference null-argument)
analyze: ## gcc -fanalyzer
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/analyze CC=gcc WERROR=-Werror EXTRA_CFLAGS='$(ANALYZE)' all

hardening: all ## do the programs have what the flags ask for?
	$(Q)scripts/check-hardening $(BUILD)/sshipc-server $(BUILD)/sshipc-session $(BUILD)/sshipc-client

SOAK_SECONDS ?= 1800
soak: all ## mixed traffic and random kills for SOAK_SECONDS (1800), every byte checked
	@BUILD=$(BUILD) SOAK_SECONDS=$(SOAK_SECONDS) tests/e2e/run --long --timeout $$(($(SOAK_SECONDS) + 900)) 96-soak-long

bench: all $(BUILD)/bench-load ## speed beside other tunnels on this machine: medians and ratios, a table, a plot
	@BUILD=$(BUILD) tests/bench/run $(BENCH)

interop: all ## try sshipc with every other SSH that is installed: the table of README.md
	@tests/interop/run

demo: ## a real D-Bus client and daemon through the tunnel
	@scripts/quickstart

# make install: what goes where, each as FILE:PATH.  SYSTEMD=no leaves out what only systemd reads.
MANUALS      = $(foreach m,$(wildcard $(1)/*.[1-8]),$m:$(mandir)/man$(subst .,,$(suffix $m))/$(notdir $m))
COMPLETIONS  = etc/completions/bash:$(datadir)/bash-completion/completions/$(1) etc/completions/zsh:$(zshdir)/_$(1)
ifneq ($(SYSTEMD),no)
UNITS        = $(foreach u,$(wildcard etc/systemd/$(1)*),$u:$(unitdir)/$(notdir $u))
FOLDERS_USER = $(foreach d,sysusers tmpfiles,etc/$d.d/sshipc-server.conf:$(PREFIX)/lib/$d.d/sshipc-server.conf)
endif
SERVER_FILES = $(BUILD)/sshipc-server:$(sbindir)/sshipc-server $(BUILD)/sshipc-session:$(libexecdir)/sshipc/sshipc-session \
               $(foreach kind,MANUALS COMPLETIONS UNITS,$(call $(kind),sshipc-server)) $(FOLDERS_USER)
CLIENT_FILES = $(BUILD)/sshipc-client:$(bindir)/sshipc-client $(foreach kind,MANUALS COMPLETIONS UNITS,$(call $(kind),sshipc-client))
# With the paths that they have here, so that their links hold.
DOCUMENTS    = $(wildcard *.md etc/*.conf etc/apparmor etc/container etc/grafana etc/prometheus etc/logrotate etc/fail2ban) LICENSE etc/recipes scripts/from-stunnel tests/bench/results.svg

# $(1): such files.  Texts name the folders of this installation, manual pages its version.
HERE = s|^\.Os$$|.Os sshipc $(VERSION)|; s|/usr/share/doc/sshipc/|$(docdir)/|g; s|/etc/sshipc|$(sysconfdir)/sshipc|g; s|/usr/sbin/sshipc|$(sbindir)/sshipc|g; s|/usr/bin/sshipc|$(bindir)/sshipc|g
put  = @set -e; for file in $(1); do from=$${file%%:*} to="$(DESTDIR)$${file\#*:}"; echo "  PUT   $$to"; \
	case $$from in \
	$(BUILD)/*) install -D -m 755 "$$from" "$$to" ;; \
	*) install -D -m 644 "$$from" "$$to" && sed -i '$(HERE)' "$$to" ;; \
	esac; done

install: install-server install-client install-documents ## into DESTDIR and PREFIX (/usr/local); settings are in sysconfdir (/etc)

install-server: all
	$(call put,$(SERVER_FILES))
	@[ -e "$(DESTDIR)$(sysconfdir)/sshipc/server.conf" ] || $(MAKE) --no-print-directory install-settings

install-settings:
	$(call put,etc/server.conf:$(sysconfdir)/sshipc/server.conf)

install-client: all
	$(call put,$(CLIENT_FILES))

install-documents:
	install -d "$(DESTDIR)$(docdir)"
	cp -r --parents $(DOCUMENTS) "$(DESTDIR)$(docdir)"
	chmod -R u=rwX,go=rX "$(DESTDIR)$(docdir)"

uninstall: ## remove what install put there, but for settings that were changed
	@for file in $(SERVER_FILES) $(CLIENT_FILES); do rm -f "$(DESTDIR)$${file#*:}"; done
	@settings="$(DESTDIR)$(sysconfdir)/sshipc/server.conf"; ! sed '$(HERE)' etc/server.conf | cmp -s - "$$settings" || rm "$$settings"
	@for document in $(DOCUMENTS); do rm -rf "$(DESTDIR)$(docdir)/$$document"; done
	@cd "$(DESTDIR)/" && rmdir -p --ignore-fail-on-non-empty .$(libexecdir)/sshipc .$(sysconfdir)/sshipc \
		$(addprefix .$(docdir)/,etc scripts tests/bench) 2>/dev/null || :

deb: ## build the Debian packages sshipc-server and sshipc-client, into build/deb (scripts/install-deps deb)
	@env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL scripts/make-deb $(BUILD)/deb

clean: ## remove everything that was built
	rm -rf $(BUILD)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

layers: # for tests/e2e/92-layers
	@$(foreach f,$(FOLDERS),echo '$f: $(MAY_$f)';)

.PHONY: layers all unit check check-long coverage asan fuzz fuzz-build fuzz-corpora format format-check lint analyze hardening mutants soak bench interop demo install install-server install-settings install-client install-documents uninstall deb clean help
.SECONDARY:
