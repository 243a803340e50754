# pinlib: build, install, test. `make help` lists the targets.

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build

# The other tools follow from the compiler's machine, under Debian's names: CC=aarch64-linux-gnu-gcc means
# aarch64-linux-musl-gcc, aarch64-linux-gnu-strip, and so on. Each can be given too.
ifeq ($(origin CC),default)
CC = gcc
endif
machine_of = $(patsubst i%86,i386,$(firstword $(subst -, ,$(1))))
machine := $(call machine_of,$(shell $(CC) -dumpmachine 2>/dev/null))
own_machine := $(call machine_of,$(shell uname -m))
cross := $(if $(filter-out $(own_machine),$(machine)),$(machine:i386=i686)-linux-gnu-)
MUSL_CC ?= $(machine)-linux-musl-gcc
PKG_CONFIG ?= $(cross)pkg-config
STRIP ?= $(cross)strip
OBJCOPY ?= $(cross)objcopy
ifeq ($(origin AR),default)
AR = $(cross)ar
endif

bindir = $(PREFIX)/bin
libdir = $(PREFIX)/lib/pinlib
datadir = $(PREFIX)/share/pinlib
mandir = $(PREFIX)/share/man
bashdir ?= $(PREFIX)/share/bash-completion/completions
zshdir ?= $(PREFIX)/share/zsh/site-functions
# fish reads nothing below /usr/local, unless a desktop sets XDG_DATA_DIRS.
fishdir ?= $(if $(filter /usr,$(PREFIX)),$(PREFIX)/share/fish/vendor_completions.d,/etc/fish/completions)
# initramfs-tools and dracut read no other directories, whatever PREFIX is.
initramfsdir ?= /usr/share/initramfs-tools
# Empty: debhelper installs the units.
unitdir ?= $(PREFIX)/lib/systemd/system
units = pinlib-doctor.service pinlib-doctor.timer
adminhooksdir ?= /etc/initramfs-tools/hooks
dracutdir ?= /usr/lib/dracut
wrapper_path = $(libdir)/pinlib-wrapper
stub_path = $(libdir)/pinlib-stub

VERSION := $(shell sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)

WERROR ?= -Werror
WARN = -Wall -Wextra $(WERROR) -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wvla
DEFS = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DPINLIB_LIBDIR='"$(libdir)"' \
	-DPINLIB_DATADIR='"$(datadir)"' -DPINLIB_VERSION='"$(VERSION)"' \
	-DPINLIB_COMMAND='"$(bindir)/pinlib"'
HARDEN = -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -fPIE
LINK_HARDEN = -pie -Wl,-z,relro,-z,now,-z,noexecstack
LIBS = sqlite3 libcap libseccomp mount libarchive libcrypto zlib

CFLAGS ?= -O2 -g
# Each asks pkg-config when it is needed first, and only then.
pkg_cflags = $(eval pkg_cflags := $$(shell $$(PKG_CONFIG) --cflags $$(LIBS)))$(pkg_cflags)
pkg_libs = $(eval pkg_libs := $$(shell $$(PKG_CONFIG) --libs $$(LIBS)))$(pkg_libs)
ALL_CFLAGS = -std=gnu17 $(CFLAGS) $(WARN) $(DEFS) -I. $(pkg_cflags)
ALL_LIBS = $(pkg_libs) -lpthread $(COVERAGE_LIBS)
UNIT_LIBS = -lelf # what the labeler reads is held against it
SAN = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1

# In the order in which they may include one another: each its own files and those of earlier rooms.
rooms = base plan dpkg elf loader late store provenance unpack intake policy proof labeler trace host view seal ephemeral change freeze upgrade \
	renewal advisory sbom doctor
room_src = $(foreach r,$(rooms),$(wildcard $(r)/*.c))
cli_src = $(wildcard cli/*.c) $(wildcard commands/*.c)
obj = $(patsubst %.c,$(BUILD)/%.o,$(room_src) $(cli_src))
# All that the privileged program is made of.
wrapper_src = $(filter-out wrapper/stub.c,$(wildcard wrapper/*.c)) plan/read.c plan/stub.c base/err.c base/cover.c base/mount.c \
	base/mountinfo.c base/trust.c
wrapper_obj = $(patsubst %.c,$(BUILD)/musl/%.o,$(wrapper_src))

unit_src = $(wildcard tests/unit/*.c)
unit = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(unit_src))
san_obj = $(patsubst %.c,$(BUILD)/san/%.o,$(room_src))
# Fuzz targets, and the same targets as programs that replay the kept cases.
fuzz = $(patsubst tests/fuzz/%.c,%,$(filter-out tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))
replay = $(fuzz:%=$(BUILD)/replay/%)
fuzz_obj = $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(room_src))
profiles = $(wildcard profiles/*)
man_pages = $(wildcard man/*.[1578])
initramfs = $(patsubst debian/%,$(BUILD)/%,$(wildcard debian/initramfs/*))

.PHONY: all
all: $(BUILD)/pinlib $(BUILD)/pinlib-wrapper $(BUILD)/pinlib-stub $(initramfs) ## build the three programs (the default)

$(BUILD)/pinlib: $(obj)
	$(CC) $(CFLAGS) $(LINK_HARDEN) $(LDFLAGS) -o $@ $^ $(ALL_LIBS)

# Why these tools cannot build for one machine: a sentence, or nothing.
musl_machine = $(call machine_of,$(shell $(MUSL_CC) -dumpmachine 2>/dev/null))
pkg_libdir = $(shell $(PKG_CONFIG) --variable=libdir libseccomp 2>/dev/null)
pkg_machine = $(call machine_of,$(filter %-linux-gnu,$(notdir $(pkg_libdir))))
comma = ,
package = $(1)$(if $(cross),:$(patsubst aarch64,arm64,$(machine:x86_64=amd64)))
unfit_tools = $(or \
	$(if $(machine),,CC=$(CC) does not run: install gcc or name another compiler),\
	$(if $(musl_machine),,MUSL_CC=$(MUSL_CC) does not run: install $(call package,musl-dev)),\
	$(if $(filter-out $(machine),$(musl_machine)),MUSL_CC=$(MUSL_CC) compiles for $(musl_machine)$(comma) but CC=$(CC) compiles for $(machine)),\
	$(if $(pkg_libdir),,PKG_CONFIG=$(PKG_CONFIG) does not find libseccomp: install $(call package,pkgconf) and $(call package,libseccomp-dev)),\
	$(if $(filter-out $(machine),$(pkg_machine)),PKG_CONFIG=$(PKG_CONFIG) finds libraries for $(pkg_machine)$(comma) but CC=$(CC) compiles for $(machine)))

# Objects contain these paths and are for one machine: `make install PREFIX=...` after a plain `make` compiles again.
places = $(bindir) $(libdir) $(datadir) $(machine)
.PHONY: FORCE
$(BUILD)/places: FORCE
	$(if $(unfit_tools),$(error $(unfit_tools)))
	@mkdir -p $(@D)
	@echo '$(places)' | cmp -s - $@ || echo '$(places)' >$@

$(BUILD)/%.o: %.c Makefile $(BUILD)/places
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(HARDEN) -MMD -MP -c -o $@ $<

# The scripts that keep stubs out of an initial RAM disk.
stub_magic = $(shell sed -n 's/^\#define STUB_MAGIC "\([^"]*\)".*/\1/p' plan/stub.h)
$(BUILD)/initramfs/%: debian/initramfs/% plan/stub.h Makefile $(BUILD)/places
	@mkdir -p $(@D)
	sed 's,@bindir@,$(bindir),g; s,@stub@,$(stub_path),g; s,@datadir@,$(datadir),g; s,@magic@,$(stub_magic),g' $< >$@

# The wrapper: static, musl, and the kernel's own headers (musl brings none).
uapi = $(BUILD)/uapi/$(machine)
$(uapi):
	@mkdir -p $@.tmp
	@ln -sfn /usr/include/linux $@.tmp/linux
	@ln -sfn /usr/include/asm-generic $@.tmp/asm-generic
	@ln -sfn $(firstword $(wildcard /usr/include/$(machine)-linux-gnu/asm) /usr/include/asm) $@.tmp/asm
	@mv $@.tmp $@

WRAPPER_CFLAGS = -std=gnu17 -Os -g $(WARN) $(DEFS) -I. -idirafter $(uapi) \
	-fstack-protector-strong -D_FORTIFY_SOURCE=0 -ffunction-sections -fdata-sections -fno-pie -fno-asynchronous-unwind-tables
WRAPPER_LDFLAGS = -static -no-pie -Wl,-z,noexecstack,-z,relro,-z,now -Wl,--gc-sections \
	-Wl,-e,wrapper_entry -Wl,--build-id=none -Wl,-z,noseparate-code

$(BUILD)/musl/%.o: %.c Makefile $(BUILD)/places | $(uapi)
	@mkdir -p $(@D)
	$(MUSL_CC) $(WRAPPER_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/pinlib-wrapper: $(wrapper_obj)
	$(MUSL_CC) $(WRAPPER_LDFLAGS) -o $@.dbg $^
	$(STRIP) -o $@ $@.dbg

# The stub: no libc, one page, and headers of its own (wrapper/stub.ld).
stub_place = STUB_ADDRESS=0x400000 STUB_SIZE=4096
STUB_CFLAGS = $(WRAPPER_CFLAGS) $(stub_place:%=-D%) -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables
$(BUILD)/pinlib-stub: wrapper/stub.c wrapper/freestanding.h wrapper/stub.ld plan/stub.h base/paths.h Makefile $(BUILD)/places | $(uapi)
	$(MUSL_CC) $(STUB_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none,-z,noexecstack $(stub_place:%=-Wl,--defsym=%) \
		-Wl,-T,wrapper/stub.ld -o $@.dbg $<
	$(OBJCOPY) -O binary $@.dbg $@
	chmod 0755 $@

# Unit tests: one program a file, with sanitizers.
$(BUILD)/san/%.o: %.c Makefile $(BUILD)/places
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(SAN) -MMD -MP -c -o $@ $<
$(BUILD)/san/librooms.a: $(san_obj)
	@rm -f $@
	$(AR) rcs $@ $^
# These tests stand in for the reader of ELF files with one of their own (tests/unit/store_help.h).
$(patsubst tests/%.c,$(BUILD)/%,$(shell grep -l store_help.h tests/unit/*.c)): WRAP = -Wl,--wrap=elf_facts
$(BUILD)/unit/store_layer: WRAP += -Wl,--wrap=ioctl
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/san/librooms.a $(wildcard tests/unit/*.h) Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(SAN) -MMD -MP $(WRAP) -o $@ $< $(BUILD)/san/librooms.a $(ALL_LIBS) $(UNIT_LIBS)

$(BUILD)/replay/%: tests/fuzz/%.c tests/fuzz/replay.c $(BUILD)/san/librooms.a $(wildcard tests/fuzz/*.h) Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(SAN) -o $@ $< tests/fuzz/replay.c $(BUILD)/san/librooms.a $(ALL_LIBS)

# How parsers are confined is tested without them: they need more system calls than parsers do.
$(BUILD)/librooms.a: $(patsubst %.c,$(BUILD)/%.o,$(room_src))
	@rm -f $@
	$(AR) rcs $@ $^
$(BUILD)/unit/intake_confined $(BUILD)/unit/elf_confined $(BUILD)/unit/advisory_confined: $(BUILD)/unit/%: tests/unit/%.c $(BUILD)/librooms.a $(wildcard tests/unit/*.h) Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(WRAP) -o $@ $< $(BUILD)/librooms.a $(ALL_LIBS)

# What tests strike other programs with.
$(BUILD)/inject: tests/helpers/inject.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g $(WARN) -D_GNU_SOURCE $(shell $(PKG_CONFIG) --cflags libseccomp) \
		-o $@ $< $(shell $(PKG_CONFIG) --libs libseccomp)

$(BUILD)/hostilefs: tests/helpers/hostilefs.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O1 -g $(WARN) -D_GNU_SOURCE -o $@ $<

.PHONY: unit
unit: $(unit) $(replay) $(BUILD)/inject $(BUILD)/hostilefs
.PRECIOUS: $(BUILD)/san/%.o $(BUILD)/fuzz/obj/%.o

# Fuzzing: clang's libFuzzer.
FUZZ_CC ?= clang
TIME ?= 60
$(BUILD)/fuzz/obj/%.o: %.c Makefile $(BUILD)/places
	@mkdir -p $(@D)
	$(FUZZ_CC) $(ALL_CFLAGS) $(SAN) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/librooms.a: $(fuzz_obj)
	@rm -f $@
	$(AR) rcs $@ $^
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/fuzz/librooms.a $(wildcard tests/fuzz/*.h) Makefile
	$(FUZZ_CC) $(ALL_CFLAGS) $(SAN) -fsanitize=fuzzer -o $@ $< $(BUILD)/fuzz/librooms.a $(ALL_LIBS)

.PHONY: check-kernels
check-kernels: deps all ## boot Debian 11's, 12's and 13's kernels, emulated, and launch in each
	tests/helpers/fixtures $(BUILD)/fixtures
	tests/bed tests/e2e/kernels

.PHONY: check-arm64
check-arm64: deps all ## build the package for arm64, and launch in Debian 12's and 13's kernels for it, emulated
	tests/bed tests/e2e/arm64

.PHONY: trial
trial: all ## keep programs of Debian 12 through an upgrade to 13, and bring those of 11 (as root; up to 30 minutes each)
	status=0; for part in frozen aside; do tests/trial/$$part.sh || status=1; done; exit $$status

.PHONY: trial-brought
trial-brought: all ## bring seven interpreters of Debian 11 to Debian 12 and 13 (as root, with network)
	tests/bed tests/trial/brought.sh trixie

.PHONY: check-debian12 check-debian13
check-debian12: SUITE = bookworm
check-debian13: SUITE = trixie
check-debian12: ## run the tests in a Debian 12 root (as root, with network; GROUP=scenarios/try: that group alone)
check-debian13: ## the same in a Debian 13 root
check-debian12 check-debian13:
	tests/trial/suite.sh $(SUITE) $(GROUP)

.PHONY: trial-containers
trial-containers: all ## pin in containers of podman, systemd-nspawn and chroot (as root, with network)
	tests/helpers/fixtures $(BUILD)/fixtures
	tests/trial/containers.sh

.PHONY: fuzz
fuzz: ## fuzz each reader of foreign bytes for TIME seconds (needs clang)
	@echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' | \
		$(FUZZ_CC) -fsanitize=fuzzer -x c -o /dev/null - 2>/dev/null || { \
		echo "make fuzz: needs clang and its libFuzzer: apt-get install clang libclang-rt-14-dev" >&2; \
		exit 1; }
	$(MAKE) $(fuzz:%=$(BUILD)/fuzz/%)
	tests/fuzz/run $(TIME)

-include $(obj:.o=.d) $(wrapper_obj:.o=.d) $(san_obj:.o=.d) $(fuzz_obj:.o=.d)

.PHONY: deps
deps: ## install what debian/control's Build-Depends name, with apt
	tests/deps

.PHONY: check
check: ## install what is missing, build, run every test (as root)
	tests/deps
	$(MAKE) $(parallel) all unit fixtures
	tests/run

# Packages and programs of the tests (tests/helpers/fixtures), which finds out itself whether anything changed.
.PHONY: fixtures
fixtures:
	tests/helpers/fixtures $(BUILD)/fixtures
# A build that nobody gave a number of jobs uses all processors.
parallel = $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc))

.PHONY: check-fast
check-fast: all unit ## run the tests that need neither root nor network; under a minute once built
	tests/run --fast

# Programs that count which lines run, also in confined parsers: tests/helpers/coverage.c says how.
COVERAGE_CFLAGS = -Og -g --coverage -fdata-sections -fno-builtin-fork -fno-builtin-execv -fno-builtin-execve \
	-fno-builtin-execvp -fno-builtin-execl
COVERAGE_LIBS =
$(BUILD)/coverage/coverage.o: tests/helpers/coverage.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 $(WARN) -D_GNU_SOURCE -DCOUNTERS='"$(abspath $(@D))/counters"' -c -o $@ $<

.PHONY: coverage
coverage: $(BUILD)/coverage/coverage.o ## print the lines that unit tests, the fuzz corpus and (as root) scenarios run
	$(MAKE) BUILD=$(BUILD)/coverage WERROR= CFLAGS='$(COVERAGE_CFLAGS)' \
		COVERAGE_LIBS='$< -Wl,-T,tests/helpers/coverage.ld -Wl,--wrap=__gcov_exit' all unit
	BUILD=$(BUILD)/coverage tests/helpers/coverage $$($(MAKE) -s rooms)

# The list of rooms in the order of inclusion, for tests/source/rooms.sh.
.PHONY: rooms
rooms:
	@echo $(rooms) cli commands

.PHONY: demo
demo: ## install what is missing, build, show the main job on real libraries (as root)
	@tests/demo --announce
	tests/deps --build $(demo_needs)
	$(MAKE) -s $(parallel) all
	tests/demo
demo_needs = binutils curl debian-archive-keyring libxml2-utils python3 xz-utils

# What measures: the clock around a launch, and the least that a view can cost.
$(BUILD)/bench/runner: tests/bench/runner.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -g $(WARN) -D_GNU_SOURCE -o $@ $< -lpthread
$(BUILD)/bench/steady: tests/bench/steady.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -g $(WARN) -D_GNU_SOURCE -o $@ $<
$(BUILD)/bench/floor: tests/bench/floor.c wrapper/freestanding.h Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -Os $(WARN) -D_GNU_SOURCE -I. -ffreestanding -fno-stack-protector -fno-pie -nostdlib \
		-static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -s -o $@ $<

.PHONY: bench
bench: all $(BUILD)/bench/runner $(BUILD)/bench/floor $(BUILD)/bench/steady ## measure, against others doing the same (BENCH=launch: that group alone)
	BUILD=$(BUILD) tests/bench/run $(BENCH)

.PHONY: install
install: all ## install below PREFIX (and DESTDIR); sets the capability when DESTDIR is empty
	$(if $(DESTDIR),,$(if $(cross),$(error cannot install programs for $(machine) on this machine ($(own_machine)): set DESTDIR)))
	install -D -m 0755 $(BUILD)/pinlib $(DESTDIR)$(bindir)/pinlib
	$(if $(DESTDIR),install -D -m 0755,wrapper/put) $(BUILD)/pinlib-wrapper $(DESTDIR)$(wrapper_path)
	$(if $(DESTDIR),install -D -m 0755 $(BUILD)/pinlib-stub $(DESTDIR)$(stub_path))
	install -D -m 0644 -t $(DESTDIR)$(datadir)/profiles $(profiles)
	install -D -m 0644 policy/programs.conf $(DESTDIR)$(datadir)/programs.conf
	install -D -m 0755 -t $(DESTDIR)$(datadir)/initramfs \
		$(BUILD)/initramfs/ldd $(BUILD)/initramfs/put-originals $(BUILD)/initramfs/dracut-ldconfig
	install -D -m 0755 $(BUILD)/initramfs/hook $(DESTDIR)$(initramfsdir)/hooks/pinlib
	install -D -m 0644 $(BUILD)/initramfs/conf-hook $(DESTDIR)$(initramfsdir)/conf-hooks.d/pinlib
	install -D -m 0755 $(BUILD)/initramfs/hook $(DESTDIR)$(adminhooksdir)/pinlib
	install -D -m 0644 $(BUILD)/initramfs/dracut-conf $(DESTDIR)$(dracutdir)/dracut.conf.d/pinlib.conf
	install -D -m 0644 completions/pinlib.bash $(DESTDIR)$(bashdir)/pinlib
	install -D -m 0644 completions/_pinlib $(DESTDIR)$(zshdir)/_pinlib
	install -D -m 0644 completions/pinlib.fish $(DESTDIR)$(fishdir)/pinlib.fish
	for unit in $(if $(unitdir),$(units)); do \
		install -D -m 0644 debian/pinlib.$$unit $(DESTDIR)$(unitdir)/$$unit && \
		sed -i 's,/usr/bin/pinlib,$(bindir)/pinlib,' $(DESTDIR)$(unitdir)/$$unit || exit 1; done
	for page in $(man_pages); do \
		install -D -m 0644 $$page \
			$(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/} || exit 1; done

.PHONY: uninstall
uninstall: ## remove what install put there; refuses while programs are wrapped
	$(if $(DESTDIR),,@if [ -n "$$(ls -A /var/lib/pinlib/plans 2>/dev/null)" ]; then \
		echo "make uninstall: programs are still wrapped: see 'pinlib show';" \
		"unwrap them all with: pinlib unset --all" >&2; exit 1; fi)
	$(if $(DESTDIR),rm -f $(DESTDIR)$(stub_path),wrapper/put --remove) $(DESTDIR)$(wrapper_path)
	rm -f $(DESTDIR)$(bindir)/pinlib
	rm -f $(profiles:%=$(DESTDIR)$(datadir)/%) $(DESTDIR)$(datadir)/programs.conf
	rm -f $(DESTDIR)$(bashdir)/pinlib $(DESTDIR)$(zshdir)/_pinlib $(DESTDIR)$(fishdir)/pinlib.fish
	rm -f $(DESTDIR)$(initramfsdir)/hooks/pinlib $(DESTDIR)$(initramfsdir)/conf-hooks.d/pinlib $(DESTDIR)$(adminhooksdir)/pinlib
	rm -f $(DESTDIR)$(dracutdir)/dracut.conf.d/pinlib.conf
	rm -rf $(DESTDIR)$(datadir)/initramfs
	$(if $(unitdir),rm -f $(units:%=$(DESTDIR)$(unitdir)/%))
	-$(if $(unitdir),rmdir $(DESTDIR)$(unitdir) $(dir $(DESTDIR)$(unitdir)) 2>/dev/null)
	-[ -e /usr/bin/fish ] || rmdir -p $(DESTDIR)$(fishdir) 2>/dev/null
	-rmdir $(DESTDIR)$(libdir) $(DESTDIR)$(datadir)/profiles $(DESTDIR)$(datadir) 2>/dev/null
	-[ -e /usr/sbin/mkinitramfs ] || [ -e /usr/bin/dracut ] || rmdir -p $(addprefix $(DESTDIR),$(initramfsdir)/hooks $(initramfsdir)/conf-hooks.d $(adminhooksdir) $(dracutdir)/dracut.conf.d) 2>/dev/null
	for page in $(man_pages); do \
		rm -f $(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}; done

c_files = $(shell git ls-files '*.c' '*.h')

.PHONY: format
format: ## lay out the sources with clang-format
	clang-format -i $(c_files)

.PHONY: lint
lint: ## check the layout, and the sources with cppcheck and both compilers
	clang-format --dry-run -Werror $(c_files)
	! grep -nE '^ \*[A-Za-z(]' $(c_files)
	cppcheck --quiet --error-exitcode=1 --std=c11 -I. $(DEFS) -D__x86_64__ -D'__asm__(register)=' \
		--enable=warning,performance,portability --suppress=missingIncludeSystem \
		$(cleanup_unknown) $(room_src) $(cli_src) $(wildcard wrapper/*.c)
	$(MAKE) BUILD=$(BUILD)/gcc CC=gcc all
	$(MAKE) BUILD=$(BUILD)/clang CC=clang all

# cppcheck knows nothing of the cleanup attribute, nor of a struct that is only written to. Leaks are LeakSanitizer's
# business, in the unit tests. Debian 13's cppcheck also warns where a null pointer is returned as the error -ENOMEM, and
# where it has not followed all branches.
cleanup_unknown = --suppress=memleak --suppress=memleakOnRealloc --suppress=resourceLeak \
	--suppress=ctuuninitvar --suppress=nullPointerOutOfMemory \
	--suppress=ctunullpointerOutOfMemory --suppress=normalCheckLevelMaxBranches

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BUILD)

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 16
