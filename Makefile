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
ROOMS        = core crm forecast quality account territory marts worker access
C_ROOMS      = core crm forecast quality account territory worker
MODULES_SQL := $(foreach room,$(ROOMS),$(addprefix $(here)/sql/$(room)/,\
                 $(shell cat $(here)/sql/$(room)/order 2>/dev/null)))
OBJS         = $(patsubst $(here)/%.c,%.o,$(foreach room,$(C_ROOMS),$(sort $(wildcard $(here)/src/$(room)/*.c))))
INSTALL_SQL  = salesops--$(EXTVERSION).sql
# sql/update/<from>--<to>/order names what leads from one version to the next: files below sql/, whole modules or changes.
UPDATE_SQL   = $(patsubst %,salesops--%.sql,$(notdir $(wildcard $(here)/sql/update/*--*)))
DATA_built   = $(INSTALL_SQL) $(UPDATE_SQL)
EXTRA_CLEAN  = $(OBJS:.o=.d) salesops--*.sql

PG_CONFIG   ?= pg_config

# The targets a newcomer types work before anything is installed, so they come before PGXS.
PROVISIONED  = demo demo-stop backtest check check-faults check-matrix check-variants check-assert check-valgrind check-ubsan check-fuzz check-forecast check-territory check-account bench bench-territory bench-account bench-routing
ifneq ($(filter $(PROVISIONED),$(MAKECMDGOALS)),)

.PHONY: $(PROVISIONED)
$(PROVISIONED):
	@PG_CONFIG="$(PG_CONFIG)" DATA="$(DATA)" MAPPING="$(MAPPING)" AS_OF="$(AS_OF)" QUARTERS="$(QUARTERS)" $(here)/scripts/$@

else

# -isystem: the server's headers are not ours to warn about.
PG_CPPFLAGS  = -I$(here)/src -isystem $(shell $(PG_CONFIG) --includedir-server) -MMD -MP
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

# Loops over arrays of numbers, in vector registers. Nobody looks at floating-point exceptions; results do not depend on either option.
src/core/numerics.o src/forecast/outcome_list.o src/forecast/outcome_pairs.o src/forecast/pearson.o src/forecast/smooth_total.o: CFLAGS += -O3 -fno-trapping-math
src/forecast/win_newton.o: CFLAGS += -O3
src/account/match%.o src/territory/%.o: CFLAGS += -O3 -fno-trapping-math -fno-math-errno

# The tests look for their expected output where they are run.
installcheck: expected-here
.PHONY: expected-here
expected-here:
	@[ -e expected ] || ln -s $(here)/expected expected

# No line of a script runs in psql by accident.
script_head = printf '%s\n' '-- Generated from sql/ by make; do not edit.' '\echo Use "$(1)" to load this file. \quit'

$(INSTALL_SQL): $(MODULES_SQL) $(here)/sql/core/script_ends.sql $(wildcard $(here)/sql/*/order) $(here)/salesops.control
	{ $(call script_head,CREATE EXTENSION salesops); cat $(MODULES_SQL) $(here)/sql/core/script_ends.sql; } > $@

$(UPDATE_SQL): salesops--%.sql: $(here)/sql/update/%/order $(wildcard $(here)/sql/*/*.sql $(here)/sql/update/*/*.sql)
	{ $(call script_head,ALTER EXTENSION salesops UPDATE); cat $(here)/sql/core/update_begins.sql \
	    $$(sed 's,^,$(here)/sql/,' $<) $(here)/sql/core/script_ends.sql; } > $@

# The day a version is released: from then on its script stays what it is.
.PHONY: freeze
freeze: $(INSTALL_SQL)
	@[ ! -e $(here)/sql/frozen/$(INSTALL_SQL) ] || { echo "$(EXTVERSION) is frozen already: bump default_version in salesops.control." >&2; exit 1; }
	mkdir -p $(here)/sql/frozen && cp $(INSTALL_SQL) $(here)/sql/frozen/

endif
