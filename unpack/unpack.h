/* The archive parser, which writes the frames of unpack/frame.h in a child process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits; beyond them the parser fails with EFBIG. */
#define UNPACK_MAX_STREAM (UINT64_C(10) << 30) /* bytes of an unpacked archive, its headers too */
#define UNPACK_MAX_CONTROL ((size_t)1 << 20)   /* bytes of a package's control file */
#define OCI_LAYERS_MAX 2000
#define OCI_PINS_MAX ((size_t)1 << 20)

/* Confines itself (base/confine.h), then reads the .deb from archive and writes frames to out. */
__attribute__((noreturn)) void unpack_deb(int archive, int out);

/* As unpack_deb, but writes no more than the fields of struct control (dpkg/control.h): a FIELD for each
 * relation, after a comma as well. */
__attribute__((noreturn)) void unpack_deb_control(int archive, int out);

enum unpack_kind {
	UNPACK_DEB,
	UNPACK_RPM,
	UNPACK_PKG, /* pacman's, or apk's of format 2 */
};

/* The same for a package of another distribution (not UNPACK_DEB). only_control: name, version, architecture, and the
 * sonames that it provides, as fields "Provides". */
__attribute__((noreturn)) void unpack_foreign(enum unpack_kind kind, bool only_control, int archive,
					      int out);
void unpack_foreign_stream(enum unpack_kind kind, bool only_control, int archive, int out);

/* As unpack_deb, but in the calling process, unconfined: for fuzzing. */
void unpack_stream(int archive, int out);

/* The same of an image layout in a tar archive (intake/oci.h), which is a file. part 0 is the text
 * of pins, as a FILE, and the END frame's mode is how many versions follow; from 1 on, a version.
 */
__attribute__((noreturn)) void unpack_oci(int archive, unsigned int part, int out);
void unpack_oci_stream(int archive, unsigned int part, int out);

/* The part of an image that becomes a version. */
struct unpack_pick {
	const char *name;    /* a package ("zlib1g", "zlib1g:i386") or a library ("libz.so.1") */
	const char *tag;     /* of the image; "": there is one */
	const char *arch;    /* this machine's, by image-spec: "amd64" */
	const char *triplet; /* and its multiarch triplet */
	bool docker; /* as docker save and skopeo's docker-archive write it; else an OCI layout */
	bool directory; /* BLOB frames ask for its files through a socket at 0; else input is a tar archive */
};

__attribute__((noreturn)) void unpack_image(const struct unpack_pick *pick, int input, int out);
void unpack_image_stream(const struct unpack_pick *pick, int input, int out);
