# sshipc: make help lists the targets.  V=1 shows the commands.
VERSION := 0.1.0

CC      ?= cc
BUILD   ?= build
PREFIX  ?= /usr/local
WERROR  ?=
CFLAGS  ?= -O2 -g
PKGS    := libssh libconfig libevent_core libseccomp libcrypto

FORTIFY ?= 3
HARDEN  := -fPIE -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(FORTIFY)
ifeq ($(shell uname -m),x86_64)
HARDEN  += -fcf-protection
endif
LDHARD  := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed

WARN    := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
           -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wvla -Wwrite-strings $(WERROR)

CPPFLAGS += -D_GNU_SOURCE -DSSHIPC_VERSION='"$(VERSION)"' -Ilib $(shell pkg-config --cflags $(PKGS))
LDLIBS   := $(shell pkg-config --libs $(PKGS))
ALL_CFLAGS = -std=c11 $(CFLAGS) $(HARDEN) $(WARN) $(EXTRA_CFLAGS)

LIB    := $(wildcard lib/*.c)
SERVER := $(wildcard sshipc-server/*.c)
CLIENT := $(wildcard sshipc-client/*.c)
UNIT   := $(wildcard tests/unit/*.c)
obj     = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

ifeq ($(V),1)
Q :=
else
Q := @
say = @printf '  %-5s %s\n' '$(1)' '$(2)'
endif

all: $(BUILD)/sshipc-server $(BUILD)/sshipc-client ## build both programs into build/

$(BUILD)/sshipc-server: $(call obj,$(SERVER)) $(BUILD)/libsshipc.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $(call obj,$(SERVER)) $(BUILD)/libsshipc.a $(LDLIBS)

$(BUILD)/sshipc-client: $(call obj,$(CLIENT)) $(BUILD)/libsshipc.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $(call obj,$(CLIENT)) $(BUILD)/libsshipc.a $(LDLIBS)

$(BUILD)/libsshipc.a: $(call obj,$(LIB))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Unit tests: tests/unit/test_X.c links lib/; server_test_X.c and client_test_X.c also that program but its main.c.
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT))
UNIT_SERVER := $(call obj,$(filter-out %/main.c,$(SERVER)))
UNIT_CLIENT := $(call obj,$(filter-out %/main.c,$(CLIENT)))
$(BUILD)/unit/server_%: $(UNIT_SERVER)
$(BUILD)/unit/client_%: $(UNIT_CLIENT)
$(UNIT_BIN): $(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libsshipc.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARD) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libsshipc.a $(LDLIBS) -lcriterion

-include $(patsubst %.o,%.d,$(call obj,$(LIB) $(SERVER) $(CLIENT) $(UNIT)))

clean: ## remove everything that was built
	rm -rf $(BUILD)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

.PHONY: all clean help
.SECONDARY:
