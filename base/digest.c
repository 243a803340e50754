#include "base/digest.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

/* struct digest_stream is an EVP_MD_CTX, so that only this file includes libcrypto's headers. */
static EVP_MD_CTX *context(struct digest_stream *s)
{
	return (EVP_MD_CTX *)s;
}

static EVP_MD *sha256; /* NULL: libcrypto does not offer it */

/* Without openssl.cnf: objects are named by SHA-256 on every machine, whatever that file allows. */
static void fetch_sha256(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
}

struct digest_stream *digest_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	EVP_MD_CTX *c = pthread_once(&once, fetch_sha256) == 0 ? EVP_MD_CTX_new() : NULL;

	if (c && (!sha256 || EVP_DigestInit_ex2(c, sha256, NULL) != 1)) {
		EVP_MD_CTX_free(c);
		c = NULL;
	}
	return (struct digest_stream *)c;
}

int digest_update(struct digest_stream *s, const void *data, size_t len, struct err *err)
{
	if (EVP_DigestUpdate(context(s), data, len) != 1)
		return err_set(err, EIO, "SHA-256 failed in libcrypto");
	return 0;
}

int digest_end(struct digest_stream **s, struct digest *out, struct err *err)
{
	unsigned int len = 0;
	int ok = EVP_DigestFinal_ex(context(*s), out->bytes, &len);

	digest_abandon(s);
	if (ok != 1 || len != DIGEST_SIZE)
		return err_set(err, EIO, "SHA-256 failed in libcrypto");
	return 0;
}

void digest_abandon(struct digest_stream **s)
{
	if (*s)
		EVP_MD_CTX_free(context(*s));
	*s = NULL;
}

int digest_data(const void *data, size_t len, struct digest *out, struct err *err)
{
	CLEANUP(digest_abandon) struct digest_stream *s = digest_begin();
	int r = s ? digest_update(s, data, len, err) : err_nomem(err);

	return r < 0 ? r : digest_end(&s, out, err);
}

int digest_fd(int fd, struct digest *out, struct err *err)
{
	CLEANUP(digest_abandon) struct digest_stream *s = digest_begin();
	char buf[64 * 1024];
	off_t at = 0;
	ssize_t n;

	if (!s)
		return err_nomem(err);
	while ((n = file_read_part(fd, buf, sizeof buf, at, err)) > 0) {
		int r = digest_update(s, buf, (size_t)n, err);

		if (r < 0)
			return r;
		at += n;
	}
	return n < 0 ? (int)n : digest_end(&s, out, err);
}

void digest_hex(const struct digest *d, char hex[DIGEST_HEX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		hex[2 * i] = digits[d->bytes[i] >> 4];
		hex[2 * i + 1] = digits[d->bytes[i] & 15];
	}
	hex[2 * DIGEST_SIZE] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool digest_parse(const char *s, struct digest *out)
{
	if (strlen(s) != DIGEST_HEX - 1)
		return false;
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		int high = hex_digit(s[2 * i]), low = hex_digit(s[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out->bytes[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

int digest_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}
