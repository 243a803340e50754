#include "loader/object.h"

const char *rule_name(enum load_rule rule)
{
	static const char *const names[] = {
		[RULE_NONE] = "missing",
		[RULE_PROGRAM] = "program",
		[RULE_INTERPRETER] = "interpreter",
		[RULE_PATH] = "path",
		[RULE_RPATH] = "rpath",
		[RULE_LIBRARY_PATH] = "LD_LIBRARY_PATH",
		[RULE_RUNPATH] = "runpath",
		[RULE_CACHE] = "ld.so.cache",
		[RULE_DEFAULT] = "default",
		[RULE_LOADED] = "loaded",
	};

	return names[rule];
}
