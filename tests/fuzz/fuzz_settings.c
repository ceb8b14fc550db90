/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any file is refused with a reason, or gives settings that are the same when they are
 * printed and read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/settings.h"
#include "service/core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory with these bytes, and a path settings_load can open. */
static const char *
file_of(const void *p, size_t n)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("settings", MFD_CLOEXEC);
	CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
	CHECK(pwrite(fd, p, n, 0) == (ssize_t)n);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return path;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct errinfo why = {0};
	struct settings s, again;
	struct str first, second;

	if (settings_load(file_of(data, size), &s, &why) != ERR_OK) {
		CHECK(why.code == ERR_CONFIG && why.text[0] != '\0');
		return 0;
	}
	str_init(&first, 16u << 20);
	str_init(&second, 16u << 20);
	settings_print(&s, &first);
	CHECK(!str_failed(&first));
	CHECK(settings_load(file_of(first.p, first.n), &again, NULL) == ERR_OK);
	settings_print(&again, &second);
	CHECK(bytes_eq(str_bytes(&first), str_bytes(&second)));
	str_release(&first);
	str_release(&second);
	settings_release(&s);
	settings_release(&again);
	return 0;
}
