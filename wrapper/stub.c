/*
 * The stub: stands at the path of a wrapped ELF program, or is named in the first line of a wrapped script, and executes
 * the wrapper (plan/stub.h). It has no privilege. Because the exec of a file with a capability takes some of the
 * caller's attributes, the stub reads these before and hands them over.
 *
 * It MUST
 *
 *  1. hand over argument, environment and auxiliary strings unread, but for a script's first line;
 *  2. start nothing with rights that are not the caller's: where somebody made the stub setuid, or where binfmt_misc(5)
 *     gives it the rights of a foreign program;
 *  3. start the original without its pins only if its own file says so.
 *
 * No libc: the start of one would cost more than all that the stub does. All memory is the initial stack and one
 * read-only page.
 */
#include "plan/stub.h"
#include "base/exit.h"
#include "wrapper/freestanding.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/stat.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__i386__)
#define MACHINE EM_386
#else
#error "wrapper/stub.c does not know this machine"
#endif

void stub_entry(void);

/* The file's headers. The linker would add section headers, and strip(1) would then rewrite stubs. */
__attribute__((section(".headers"), used)) static const struct {
	ElfW(Ehdr) file;
	ElfW(Phdr) segments[2];
} headers = {
	.file = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
			     sizeof(long) == 8 ? ELFCLASS64 : ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
		 .e_type = ET_EXEC,
		 .e_machine = MACHINE,
		 .e_version = EV_CURRENT,
		 .e_entry = (uintptr_t)stub_entry,
		 .e_phoff = sizeof(ElfW(Ehdr)),
		 .e_ehsize = sizeof(ElfW(Ehdr)),
		 .e_phentsize = sizeof(ElfW(Phdr)),
		 .e_phnum = 2},
	.segments = {{.p_type = PT_LOAD,
		      .p_flags = PF_R | PF_X,
		      .p_vaddr = STUB_ADDRESS,
		      .p_filesz = STUB_SIZE,
		      .p_memsz = STUB_SIZE,
		      .p_align = 4096},
		     {.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W}},
};

/* Filled in after the compiler has seen it: own_stub hides that from the compiler. */
__attribute__((section(".stub"), used)) static const struct stub template = {.magic = STUB_MAGIC};

static const struct stub *own_stub(void)
{
	const struct stub *own = &template;

	__asm__("" : "+r"(own));
	return own;
}

__attribute__((used)) static const char mark[] = STUB_MARK;

/* The kernel's stack: argc, argv..., NULL, envp..., NULL, pairs of type and value up to AT_NULL. */
__attribute__((noreturn)) void stub_main(unsigned long *stack);

/* stub_main writes STUB_ARGS pointers below argv[0]: one of them over argc, the others into the room that the entry
 * leaves. */
#if defined(__x86_64__)
__asm__(".text\n"
	".globl stub_entry\n"
	"stub_entry:\n"
	"	mov %rsp, %rdi\n"
	"	sub $64, %rsp\n"
	"	call stub_main\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl stub_entry\n"
	"stub_entry:\n"
	"	mov x0, sp\n"
	"	sub sp, sp, #64\n"
	"	bl stub_main\n");
#elif defined(__i386__)
__asm__(".text\n"
	".globl stub_entry\n"
	"stub_entry:\n"
	"	mov %esp, %eax\n"
	"	sub $60, %esp\n"
	"	push %eax\n"
	"	call stub_main\n");
#endif

/* What the kernel tells about this start. */
struct stub_start {
	char **args; /* the app's */
	char **env;
	const char *name; /* the caller's for the app */
	const char *word;
	bool interprets; /* binfmt_misc opened a foreign program for this one (AT_EXECFD) */
	bool own_rights; /* real and effective user and group agree */
};

/* Text that is put together on the stack. */
struct stub_line {
	size_t used;
	char bytes[1024];
};

static void append(struct stub_line *text, const char *s)
{
	for (; *s && text->used < sizeof text->bytes - 1; s++)
		text->bytes[text->used++] = *s < ' ' || *s > '~' ? '?' : *s;
	text->bytes[text->used] = '\0';
}

static void append_number(struct stub_line *text, unsigned long number, unsigned int base)
{
	char digits[24], *p = digits + sizeof digits;

	*--p = '\0';
	do {
		*--p = "0123456789abcdef"[number % base];
	} while (number /= base);
	append(text, p);
}

static void append_hex(struct stub_line *text, unsigned long number)
{
	append_number(text, number, 16);
	append(text, ":");
}

static void append_errno(struct stub_line *text, long error)
{
	append(text, ": ");
	if (error == ENOENT)
		append(text, "No such file or directory");
	else if (error == EACCES)
		append(text, "Permission denied");
	else if (error == E2BIG)
		append(text, "Argument list too long");
	else
		append_number(text, (unsigned long)error, 10); /* see errno(3) */
}

/* The path in a word; in a script's first line more follows it. */
static void append_app(struct stub_line *text, const char *word)
{
	while (*word && *word != '/')
		word++;
	for (; *word && *word != ' '; word++)
		append(text, (const char[]){*word, '\0'});
}

static void print_error(const struct stub_start *start, const char *what, long error)
{
	struct stub_line line;

	line.used = 0;
	append(&line, "pinlib: ");
	append_app(&line, start->word);
	append(&line, ": ");
	append(&line, what);
	if (error) {
		append_errno(&line, error);
		append(&line, "; run 'pinlib doctor'");
	}
	line.bytes[line.used++] = '\n';
	call(SYS_write, 2, (long)line.bytes, (long)line.used, 0, 0);
}

static void read_vector(const unsigned long *vector, struct stub_start *out)
{
	unsigned long ids[4] = {0};

	for (; vector[0] != AT_NULL; vector += 2)
		switch (vector[0]) {
		case AT_EXECFN:
			out->name = (const char *)vector[1];
			break;
		case AT_EXECFD:
			out->interprets = true;
			break;
		case AT_UID:
			ids[0] = vector[1];
			break;
		case AT_EUID:
			ids[1] = vector[1];
			break;
		case AT_GID:
			ids[2] = vector[1];
			break;
		case AT_EGID:
			ids[3] = vector[1];
			break;
		}
	out->own_rights = ids[0] == ids[1] && ids[2] == ids[3];
}

/* "chmod u+s" of the stub, by a package's script for example, would let everybody run the app as root, with libraries
 * of another version. With binfmt_misc's flag C the stub gets the rights of a foreign setuid program; but the app would
 * get no descriptor of that file, and would open whatever has its name by then. A caller whose own user numbers differ
 * is refused nothing. */
static void refuse_borrowed_rights(const struct stub_start *start)
{
	struct statx st;

	if (start->own_rights)
		return;
	st.stx_mode = S_ISUID; /* stays so if a filter fakes the call */
	if (start->interprets) {
		print_error(start,
			    "binfmt_misc (flag C) would give a program with pins the rights of a "
			    "setuid program",
			    0);
		leave(EXIT_CANNOT);
	}
	if (call(SYS_statx, AT_FDCWD, (long)"/proc/self/exe", 0, STATX_MODE, (long)&st) < 0 ||
	    st.stx_mode & (S_ISUID | S_ISGID)) {
		print_error(start,
			    "its file is setuid or setgid, or there is no /proc to tell; as root: "
			    "pinlib doctor --repair",
			    0);
		leave(EXIT_OWN);
	}
}

/* The kernel starts PINLIB_STUB for a script with its own path, the rest of the first line, the script's path and the
 * caller's arguments from argument 1 on. */
static void read_script(struct stub_start *start, unsigned long argc)
{
	if (argc < 3 || start->args[0][0] != '/') {
		start->word = "/pinlib-stub";
		print_error(start, "only the first line of a script with pins starts this program",
			    0);
		leave(EXIT_NOT_FOUND);
	}
	start->word = start->args[1];
	start->args += 2;
	start->name = start->args[0];
}

/* Writes struct stub_kept, or "-" if the kernel takes nothing. stack: the limit, if this process has changed it. */
static void write_kept(struct stub_line *out, unsigned long stack)
{
	struct rlimit limit = {0, 0}; /* musl's is the kernel's rlimit64 on every machine */
	unsigned int signal = 0;
	long personality = call(SYS_personality, 0xffffffff, 0, 0, 0, 0);

	call(SYS_prctl, PR_GET_PDEATHSIG, (long)&signal, 0, 0, 0);
	personality = personality < 0 ? 0 : personality & STUB_PERSONALITY;
	if (!stack)
		call(SYS_prlimit64, 0, RLIMIT_STACK, 0, (long)&limit, 0);
	if (limit.rlim_cur > STUB_STACK_KEPT)
		stack = limit.rlim_cur > ~0UL ? ~0UL : (unsigned long)limit.rlim_cur;
	out->used = 0;
	if (!stack && !personality && !signal) {
		append(out, "-");
		return;
	}
	append_hex(out, stack);
	append_hex(out, (unsigned long)personality);
	append_hex(out, signal);
	append_hex(out, (unsigned long)call(SYS_getppid, 0, 0, 0, 0, 0));
}

/* Returns the error. The pointers below args are argc, and the room that the entry left. */
static long execute_wrapper(const struct stub_start *start, unsigned long stack)
{
	struct stub_line kept;
	char **args = start->args - STUB_ARGS;

	write_kept(&kept, stack);
	args[0] = (char *)"pinlib-wrapper";
	args[1] = (char *)STUB_START;
	args[2] = (char *)start->word;
	args[3] = kept.bytes;
	args[4] = (char *)start->name;
	return -call(SYS_execve, (long)PINLIB_WRAPPER, (long)args, (long)start->env, 0, 0);
}

/* Arguments that fill the kernel's limit leave no room for the stub's. That limit is a quarter of the stack's, at least
 * 128 KiB and at most 6 MiB. */
static long execute_with_more_stack(const struct stub_start *start)
{
	struct rlimit limit, more;
	long error;

	if (call(SYS_prlimit64, 0, RLIMIT_STACK, 0, (long)&limit, 0) < 0)
		return E2BIG;
	more = limit;
	if (more.rlim_cur < 4 * 131072)
		more.rlim_cur = 4 * 131072;
	more.rlim_cur += 16384;
	if (more.rlim_cur < limit.rlim_cur || /* unlimited */
	    call(SYS_prlimit64, 0, RLIMIT_STACK, (long)&more, 0, 0) < 0)
		return E2BIG;
	error = execute_wrapper(start, (unsigned long)limit.rlim_cur);
	call(SYS_prlimit64, 0, RLIMIT_STACK, (long)&limit, 0, 0);
	return error;
}

static char hex_value(char c)
{
	return (char)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* Writes DIR/.pinlib/NAME for the word's DIR/NAME. False: the word is malformed, or there is no room. */
static bool write_original(struct stub_line *out, const char *word)
{
	const char *end, *last_slash = 0;

	for (end = word; *end && *end != ' '; end++)
		if (*end == '/')
			last_slash = end;
	while (word < end && *word != '/')
		word++;
	for (out->used = 0; word < end; word++) {
		if (out->used + sizeof PINLIB_REAL_DIR + 2 > sizeof out->bytes)
			return false;
		out->bytes[out->used++] = *word;
		if (word == last_slash)
			append(out, PINLIB_REAL_DIR "/");
		if (*word == '%' && end - word > 2) {
			out->bytes[out->used - 1] =
				(char)(hex_value(word[1]) * 16 + hex_value(word[2]));
			word += 2;
		}
	}
	out->bytes[out->used] = '\0';
	return last_slash;
}

/* The wrapper cannot be executed: does as the stub says. */
__attribute__((noreturn)) static void start_without_wrapper(const struct stub_start *start,
							    long error)
{
	struct stub_line original;

	if (start->word[0] == 'u' && write_original(&original, start->word)) {
		print_error(start, "starting without its pins: cannot execute " PINLIB_WRAPPER,
			    error);
		error = -call(SYS_execve, (long)original.bytes, (long)start->args, (long)start->env,
			      0, 0);
		print_error(start, "cannot execute its original", error);
	} else {
		print_error(start, "cannot execute " PINLIB_WRAPPER, error);
	}
	leave(EXIT_CANNOT);
}

void stub_main(unsigned long *stack)
{
	const struct stub *own = own_stub();
	struct stub_start start = {
		.args = (char **)(stack + 1),
		.env = (char **)(stack + 1) + stack[0] + 1,
		.name = "",
		.word = own->word,
	};
	unsigned long *vector = (unsigned long *)start.env;
	long error;

	while (*vector)
		vector++;
	read_vector(vector + 1, &start);
	if (!own->word[0])
		read_script(&start, stack[0]);
	refuse_borrowed_rights(&start);
	error = execute_wrapper(&start, 0);
	if (error == E2BIG)
		error = execute_with_more_stack(&start);
	start_without_wrapper(&start, error);
}
