#include "cli/frame.h"
#include "commands/commands.h"

static const struct command *const commands[] = {
	/* GROUP_PIN */
	&command_add,
	&command_libs,
	&command_set,
	&command_unset,
	&command_freeze,
	&command_thaw,
	&command_try,
	/* GROUP_LOOK */
	&command_show,
	&command_deps,
	&command_why,
	&command_ps,
	&command_check,
	&command_report,
	/* GROUP_BACK */
	&command_history,
	&command_rollback,
	/* GROUP_UPGRADES */
	&command_keep,
	&command_outdated,
	&command_upgrade,
	&command_apply,
	&command_export,
	&command_import,
	/* GROUP_CARE */
	&command_audit,
	&command_sbom,
	&command_doctor,
	&command_gc,
	/* GROUP_RUN */
	&command_seal,
	&command_exec,
	&command_trace,
	&command_unit,
	/* GROUP_HIDDEN */
	&command_refresh,
	&command_forecast,
	&command_stage,
	&command_complete,
	NULL,
};

int main(int argc, char **argv)
{
	return frame_run(commands, argc, argv);
}
