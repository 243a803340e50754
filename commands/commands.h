/* All commands. Each file of this room ends in its own; main.c lists them in the order of the help. */
#pragma once

#include "cli/arguments.h"

extern const struct command command_add, command_apply, command_audit, command_check,
	command_complete, command_deps, command_doctor, command_exec, command_export,
	command_forecast, command_freeze, command_gc, command_history, command_import, command_keep,
	command_libs, command_outdated, command_ps, command_refresh, command_report,
	command_rollback, command_sbom, command_set, command_show, command_stage, command_seal,
	command_thaw, command_trace, command_try, command_unit, command_unset, command_upgrade,
	command_why;
