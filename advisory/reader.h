/* The confined process that reads vulnerability data (base/parser.h): it gets descriptors of files and answers with
 * advice (advisory/advice.h). */
#pragma once

#include "advisory/judged.h"
#include "base/parser.h"

enum data_question {
	QUESTION_FILE = 1, /* with a file; the answer ends in FILE */
	QUESTION_RELEASES, /* without; the answer is RELEASEs and DONE */
};

int data_reader_start(struct parser *out, const struct judged_index *index, struct err *err);

/* Answers for one file, unconfined: for fuzzing. */
struct osv;
void data_read(struct osv *osv, const struct judged_index *index, int fd);
