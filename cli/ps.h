/* What ps and label have in common: a process with a label, for people and as JSON. */
#pragma once

#include "labeler/process.h"

/* Several lines: the app and its state, then label, program and libraries. */
void process_print(const struct process *process);
void process_json(const struct process *process, bool with_libs);
