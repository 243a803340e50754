/*
 * Candidates for the last word of a command line, for the completions of shells (completions/), read from the tables of
 * the commands (cli/command.h).
 *
 * Prints a line for each candidate, with a tab and a description, or a request to the shell to complete the word itself:
 * ":files", ":directories" or ":commands".
 */
#pragma once

/* The words after "pinlib"; the last one, which may be empty, is to be completed. There is at least one. */
void complete_words(int count, char **words);
