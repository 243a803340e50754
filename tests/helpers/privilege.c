/*
 * demo-privilege: prints its privileges and its library, to show whether a setuid program got its privilege and
 * loaded a pinned library with it:
 *
 *	VERSION EUID EGID CAPABILITIES SECRET
 *
 * VERSION is libdemo's, CAPABILITIES the effective ones in hexadecimal, SECRET "open" if it can
 * read /opt/secret, which only root may. (Root of a user namespace has the EUID 0 too.)
 */
#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *demo_version(void);

int main(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	FILE *secret = fopen("/opt/secret", "r");

	if (syscall(SYS_capget, &header, data) < 0)
		return 1;
	printf("%s %d %d %x %s\n", demo_version(), (int)geteuid(), (int)getegid(),
	       data[0].effective, secret ? "open" : "shut");
	return 0;
}
