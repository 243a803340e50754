#include "wrapper/caps.h"

#include "base/cleanup.h"
#include "base/kernel.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>

#define BIT(cap) (UINT64_C(1) << (cap))
/* CAP_FOWNER: before Linux 5.11 overlayfs opened lower files with O_NOATIME and the mounter's rights. The wrapper uses
 * it if the administrator set it on the file, and works without it. */
#define WANTED (BIT(CAP_SYS_ADMIN) | BIT(CAP_FOWNER))

static int call_with_caps(long call, struct caps *caps)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(caps->effective >> (32 * i));
		data[i].permitted = (uint32_t)(caps->permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(caps->inheritable >> (32 * i));
	}
	if (syscall(call, &header, data) < 0)
		return -1;
	caps->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	caps->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	caps->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	return 0;
}

int caps_read(struct caps *out, struct err *err)
{
	*out = (struct caps){0};
	if (call_with_caps(SYS_capget, out) < 0)
		return err_sys(err, errno, "cannot read the capabilities");
	return 0;
}

bool caps_suffice(const struct caps *caps)
{
	return caps->permitted & BIT(CAP_SYS_ADMIN);
}

bool caps_may_mount(const struct caps *entry)
{
	return entry->effective & BIT(CAP_SYS_ADMIN);
}

int caps_raise(const struct caps *entry, struct err *err)
{
	struct caps raised = *entry;

	raised.effective |= raised.permitted & WANTED;
	if (call_with_caps(SYS_capset, &raised) < 0)
		return err_sys(err, errno, "cannot raise CAP_SYS_ADMIN");
	return 0;
}

int caps_lower(const struct caps *entry, struct err *err)
{
	struct caps lowered = *entry, now;
	int r;

	if (call_with_caps(SYS_capset, &lowered) < 0)
		return err_sys(err, errno, "cannot lower the capabilities");
	r = caps_read(&now, err);
	if (r < 0)
		return r;
	if (now.effective != entry->effective)
		return err_set(err, EPERM, "the capabilities were lowered but are still there");
	return 0;
}

int caps_drop(const struct caps *entry, struct err *err)
{
	struct caps dropped = {.effective = entry->effective,
			       .permitted = entry->effective,
			       .inheritable = entry->inheritable};
	struct caps now;
	int r;

	if (call_with_caps(SYS_capset, &dropped) < 0)
		return err_sys(err, errno, "cannot drop the capabilities");
	/* A system-call filter of the caller's could have faked the call. */
	r = caps_read(&now, err);
	if (r < 0)
		return r;
	if (now.effective != entry->effective || now.permitted != entry->effective)
		return err_set(err, EPERM, "the capabilities were dropped but are still there");
	return 0;
}

/* Reads the first part of a small file in /proc; "" if it cannot be read. */
static void read_start(const char *path, char *buf, size_t size)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
}

bool caps_in_user_namespace(void)
{
	char map[256];
	const char *p = map;
	static const char *const initial[3] = {"0", "0", "4294967295"};

	read_start("/proc/self/uid_map", map, sizeof map);
	if (!*map)
		return false;
	for (int i = 0; i < 3; i++) {
		size_t len;

		p += strspn(p, " ");
		len = strcspn(p, " \n");
		if (len != strlen(initial[i]) || strncmp(p, initial[i], len) != 0)
			return true;
		p += len;
	}
	return false;
}

static bool is_traced(void)
{
	char status[2048];
	const char *line;

	read_start("/proc/self/status", status, sizeof status);
	line = strstr(status, "\nTracerPid:\t");
	return line && line[12] != '0';
}

const char *caps_reason(void)
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return "no_new_privs is set for this process";
	if (caps_in_user_namespace())
		return "this process is in a user namespace";
	if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0)
		return "the capability bounding set of this process lacks it (a container?)";
	if (is_traced())
		return "this process is being traced";
	return "the wrapper has no file capability, it is on a nosuid mount, or this process "
	       "shares its root and working directory with another (CLONE_FS)";
}
