/* Suggestions for a word that is not a command. */
#pragma once

/* What the user may have meant, as it follows "pinlib "; NULL if there is nothing like it. */
const char *suggest(const char *word);
