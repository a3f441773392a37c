# salesops: build with PGXS. `make demo` shows the product, `make check` tests it; both install
# what they miss and touch no system cluster. See README.md.
EXTENSION    = salesops
EXTVERSION   = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(here)/salesops.control)
MODULE_big   = salesops

# A Makefile of its own folder: `make -f /path/to/Makefile` from elsewhere is a VPATH build.
here        := $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST))))
ifneq ($(here),.)
VPATH       := $(here)
endif

# Rooms in floor order; sql/<room>/order names the modules of a room, in their order.
ROOMS        = core crm forecast quality marts worker
C_ROOMS      = core crm forecast quality worker
MODULES_SQL := $(foreach room,$(ROOMS),$(addprefix $(here)/sql/$(room)/,\
                 $(shell cat $(here)/sql/$(room)/order 2>/dev/null)))
OBJS         = $(patsubst $(here)/%.c,%.o,$(foreach room,$(C_ROOMS),$(sort $(wildcard $(here)/src/$(room)/*.c))))
INSTALL_SQL  = salesops--$(EXTVERSION).sql
DATA_built   = $(INSTALL_SQL)
EXTRA_CLEAN  = $(OBJS:.o=.d) salesops--*.sql

PG_CONFIG   ?= pg_config

# The targets a newcomer types work before anything is installed, so they come before PGXS.
PROVISIONED  = demo demo-stop check check-matrix bench
ifneq ($(filter $(PROVISIONED),$(MAKECMDGOALS)),)

.PHONY: $(PROVISIONED)
$(PROVISIONED):
	@PG_CONFIG="$(PG_CONFIG)" DATA="$(DATA)" MAPPING="$(MAPPING)" AS_OF="$(AS_OF)" $(here)/scripts/$@

else

# -isystem: the server's headers are not ours to warn about.
PG_CPPFLAGS  = -I$(here)/src -isystem $(shell $(PG_CONFIG) --includedir-server) -MMD
# -ffp-contract=off: results agree bit for bit between machines with and without fused multiply-add.
PG_CFLAGS    = -Wall -Wextra -Werror -Wno-declaration-after-statement -ffp-contract=off
# No bitcode: our functions gain nothing from JIT inlining and building it would need clang.
override with_llvm = no

# `make installcheck` on a server that has the extension installed runs what needs no more than that; `make check` runs all.
REGRESS        = $(basename $(notdir $(wildcard $(here)/test/sql/*.sql)))
REGRESS_OPTS   = --inputdir=$(here)/test --outputdir=. --load-extension=salesops
ISOLATION      = $(basename $(notdir $(wildcard $(here)/test/specs/*.spec)))
ISOLATION_OPTS = $(REGRESS_OPTS)

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
-include $(OBJS:.o=.d)

$(OBJS): | object-dirs
.PHONY: object-dirs
object-dirs:
	@mkdir -p $(addprefix src/,$(C_ROOMS))

# The tests look for their expected output where they are run.
installcheck: expected-here
.PHONY: expected-here
expected-here:
	@[ -e expected ] || ln -s $(here)/expected expected

$(INSTALL_SQL): $(MODULES_SQL) $(foreach room,$(ROOMS),$(wildcard $(here)/sql/$(room)/order)) $(here)/salesops.control
	{ printf '%s\n' '-- Generated from sql/<room>/*.sql in floor order; do not edit.' \
	    '\echo Use "CREATE EXTENSION salesops" to load this file. \quit'; \
	  cat $(MODULES_SQL); } > $@

endif
