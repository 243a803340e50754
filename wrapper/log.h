/* The system's log (syslog(3)), for a refusal on a standard error that nobody reads. */
#pragma once

#include <stddef.h>

/* Drops all capabilities, root's too, and sends the message as one datagram to /dev/log, if that exists. Never waits: if
 * the log's queue is full, the message is lost. Sends nothing if standard error is a terminal, or under a system-call
 * filter, which might kill the process instead of refusing the call. Call it before the process ends. */
void log_refusal(const char *app, const char *why);

/* Leaves printable ASCII only: an argument must not send commands to a terminal or into a log, by control characters of
 * one byte or two, or by those that change the direction of writing. */
void log_clean(char *text, size_t len);
