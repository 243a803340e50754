/* The archive parser's side of store/frame.h: runs in a child of its own and never returns. */
#pragma once

/* Confines itself (store/confine.h), then reads the .deb from archive and writes frames to out. */
__attribute__((noreturn)) void unpack_deb(int archive, int out);

/* The second half alone, in the calling process as it is: for fuzzing. */
void unpack_stream(int archive, int out);
