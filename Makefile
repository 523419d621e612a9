# sn-tools: one Makefile for everything.
#
#   make            build              make check      the tests
#   make demo       set up, build, run the main job    make bench   the measurements
#   make install    PREFIX, DESTDIR    make fuzz       FUZZTIME=60 seconds a target
#   make completions   write completions/ again        make lint    mandoc, shellcheck
#
#   DEVELOPER=1  warnings are errors   CC=clang        either compiler
#   V=1          show the commands
#   SAN=1        ASan and UBSan        COV=1           gcov    (each builds in a place of its own)
#   USE_CUDA=auto|yes|no               the GPU backend, when this version has one

PREFIX   ?= /usr/local
DESTDIR  ?=
USE_CUDA ?= auto
FUZZTIME ?= 60
MODEL    ?= tiny

B := build$(if $(findstring clang,$(CC)),/clang)$(if $(SAN),/san)$(if $(COV),/cov)

Q := $(if $(V),,@)
OPT      ?= -O2
CFLAGS   ?= $(OPT) -g
# scores are bits: no contraction, no fast-math, anywhere (SCORING: f32-exact)
FP       := -ffp-contract=off -fno-fast-math
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wno-unused-parameter -Wno-missing-field-initializers
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Ilib -pthread -fno-strict-aliasing $(WARN) $(CFLAGS) $(FP)
ifdef DEVELOPER
ALL_CFLAGS += -Werror
endif
ifdef SAN
ALL_CFLAGS += -DSN_INSTRUMENTED -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else
ALL_CFLAGS += -D_FORTIFY_SOURCE=2 -fstack-protector-strong
endif
ifdef COV
ALL_CFLAGS += -DSN_INSTRUMENTED --coverage -O0 -U_FORTIFY_SOURCE
endif
ALL_LDFLAGS := $(LDFLAGS) -pthread
LIBS := -Wl,--as-needed -lmicrohttpd -lcurl -ljansson -lzstd -lz -lsqlite3 -lsodium -lcrypto \
        -lpcre2-8 -lutf8proc -lseccomp -lm -ldl

ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))

# lib/infer/cpu/*_avx2.c and the like are built only where the architecture has them
isa_src = $(wildcard $(foreach x,$(1),lib/*/*_$(x).c lib/*/*/*_$(x).c))
ISA_x86_64  := $(call isa_src,avx2 avx512)
ISA_aarch64 := $(call isa_src,neon)
LIB_SRC  := $(filter-out $(ISA_x86_64) $(ISA_aarch64),$(wildcard lib/*/*.c lib/*/cpu/*.c))
LIB_SRC  += $(ISA_$(ARCH))
PROG_SRC := $(wildcard cmd/*.c)
PROG_DIR := $(patsubst %/,%,$(dir $(wildcard cmd/*/main.c)))
UNIT_SRC := $(wildcard tests/unit/*.c)
FUZZ_SRC := $(filter-out tests/fuzz/driver.c,$(wildcard tests/fuzz/*.c))

# the GPU backend: lib/infer/cuda/*.cu by nvcc, into a shared object that is loaded at
# run time; `yes' fails loudly when it cannot be built
CUDA_SRC := $(wildcard lib/infer/cuda/*.cu)
NVCC     := $(shell command -v nvcc 2>/dev/null)
ifeq ($(filter $(USE_CUDA),auto yes no),)
$(error USE_CUDA=$(USE_CUDA): auto, yes or no)
endif
ifeq ($(USE_CUDA),yes)
$(if $(CUDA_SRC),,$(error USE_CUDA=yes: this version has no CUDA backend))
$(if $(NVCC),,$(error USE_CUDA=yes: no nvcc; install the CUDA toolkit))
endif

LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
PROGS    := $(PROG_SRC:cmd/%.c=$(B)/bin/%) $(PROG_DIR:cmd/%=$(B)/bin/%)
UNITS    := $(UNIT_SRC:tests/unit/%.c=$(B)/tests/unit/%)
HELPERS  := $(patsubst tests/helper/%.c,$(B)/tests/helper/%,$(wildcard tests/helper/*.c))
FUZZERS  := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/tests/fuzz/%)
FAULT    := $(B)/tests/fault.so $(B)/tests/trace.so
BENCHES  := $(patsubst tests/bench/%.c,$(B)/tests/bench/%,$(wildcard tests/bench/*.c))
OBJS      = $(LIB_OBJ) $(PROG_SRC:%.c=$(B)/%.o) $(foreach d,$(PROG_DIR),$(patsubst %.c,$(B)/%.o,$(wildcard $(d)/*.c)))

all: $(PROGS)

# Packages: `make demo' and `make check' install what is missing when they may;
# the others only say what it is.
WANT := $(if $(filter demo,$(MAKECMDGOALS)),demo)$(if $(filter check,$(MAKECMDGOALS)), check)$(if $(filter bench,$(MAKECMDGOALS)), bench)
# one stamp for what building needs, one more for each of demo, check and bench
SETUP := $(B)/.setup$(subst $() ,,$(WANT))
$(SETUP): scripts/setup
	@mkdir -p $(@D)
	@scripts/setup $(if $(strip $(WANT)),--install $(WANT),--check)
	@touch $@

$(B)/lib/libsn.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(B)/%.o: %.c Makefile | $(SETUP)
	@mkdir -p $(@D)
	@echo '  CC   $<'
	$(Q)$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

%_avx2.o: ALL_CFLAGS += -mavx2 -mfma -mf16c
%_avx512.o: ALL_CFLAGS += -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c
%_bf16_avx512.o: ALL_CFLAGS += -mavx512bf16

ifeq ($(ARCH),x86_64)
# AVX-512 sources once more, by way of AVX2 (SIMDe)
$(B)/tests/unit/kernels_simde.o: ALL_CFLAGS += -mavx2 -mfma -mf16c -Wno-psabi
endif

LINK = $(Q)mkdir -p $(@D) && echo '  LINK $@' && $(CC) $(ALL_CFLAGS) -o $@ $(filter %.o,$^) $(B)/lib/libsn.a $(ALL_LDFLAGS) $(LIBS)

$(B)/bin/%: $(B)/cmd/%.o $(B)/lib/libsn.a
	$(LINK)
define progdir
$(B)/bin/$(1): $(patsubst %.c,$(B)/%.o,$(wildcard cmd/$(1)/*.c)) $(B)/lib/libsn.a
	$$(LINK)
endef
$(foreach d,$(PROG_DIR:cmd/%=%),$(eval $(call progdir,$(d))))
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/lib/libsn.a
	$(LINK)
$(B)/tests/helper/%: $(B)/tests/helper/%.o $(B)/lib/libsn.a
	$(LINK)
$(B)/tests/bench/%: $(B)/tests/bench/%.o $(B)/lib/libsn.a
	$(LINK)
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/driver.o $(B)/lib/libsn.a
	$(LINK)
$(B)/tests/%.so: tests/fault/%.c | $(SETUP)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O1 -g -fPIC -shared -Wall -Wextra -o $@ $< -ldl

build-tests: all $(UNITS) $(HELPERS) $(FUZZERS) $(FAULT)

# T="tests/t/opt.t ..." runs some of them
check: build-tests
	@B=$(B) tests/run $(T)

demo: all
	@B=$(B) scripts/demo $(MODEL)

bench: all $(HELPERS) $(BENCHES)
	@B=$(B) tests/bench/run $(T)

fuzz:
	@FUZZTIME=$(FUZZTIME) tests/fuzz/run $(T)

# what a program links, for tests/fuzz/run
libs:
	@echo $(LIBS)

lint:
	@mandoc -Tlint -Wwarning man/*.[1578]
	@shellcheck $$(scripts/list-shell)

completions: all
	@scripts/gen-completions $(B)/bin completions

install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(PROGS) $(DESTDIR)$(PREFIX)/bin
	for s in 1 5 7 8; do \
		set -- man/*.$$s; [ -e "$$1" ] || continue; \
		install -d $(DESTDIR)$(PREFIX)/share/man/man$$s && \
		install -m 644 "$$@" $(DESTDIR)$(PREFIX)/share/man/man$$s || exit; done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	for p in $(notdir $(PROGS)); do \
		install -m 644 completions/$$p.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p && \
		install -m 644 completions/_$$p $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$p && \
		install -m 644 completions/$$p.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$p.fish || exit; done

uninstall:
	for p in $(notdir $(PROGS)); do rm -f $(DESTDIR)$(PREFIX)/bin/$$p \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$p \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$p.fish; done
	for m in $(notdir $(wildcard man/*.[1578])); do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$$m; done

coverage:
	$(MAKE) COV=1 check
	@gcov -n $$(find build/cov/lib -name '*.gcda') 2>/dev/null | \
		awk '/^File .lib/ { f = $$2 } /^Lines/ && f { print f, $$0; f = "" }' | sort

clean:
	rm -rf build

.PHONY: all build-tests check demo bench fuzz libs lint completions install uninstall coverage clean
.SECONDARY:
.DELETE_ON_ERROR:
-include $(OBJS:.o=.d) $(UNITS:%=%.d) $(FUZZERS:%=%.d)
