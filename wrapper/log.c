#include "wrapper/log.h"

#include "base/cleanup.h"
#include "wrapper/caps.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MESSAGE_MAX 1024 /* RFC 3164, section 4.1 */

void log_clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			text[i] = '?';
}

static void send_datagram(const char *message, size_t len)
{
	static const struct sockaddr_un log = {AF_UNIX, "/dev/log"};
	AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ssize_t sent;

	if (fd < 0)
		return;
	sent = sendto(fd, message, len, MSG_NOSIGNAL, (const struct sockaddr *)&log, sizeof log);
	(void)sent;
}

/* LOG_USER and LOG_ERR, and syslog(3)'s prefix without the time of day. Local time takes the file of a time zone, which
 * the caller's TZ names; and log daemons note when a message arrived. */
void log_refusal(const char *app, const char *why)
{
	const struct caps none = {0};
	char message[MESSAGE_MAX];
	struct err ignored;
	int n;

	if (isatty(2) || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0 || caps_drop(&none, &ignored) < 0)
		return;
	n = snprintf(message, sizeof message, "<11>pinlib-wrapper[%d]: %s: %s", getpid(), app, why);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof message)
		n = sizeof message - 1;
	log_clean(message, (size_t)n);
	send_datagram(message, (size_t)n);
}
