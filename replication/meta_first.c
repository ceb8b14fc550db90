/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/meta_first.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "replication/meta_copy.h"
#include "service/core/clock.h"
#include "storage/location.h"

enum { PATH_SIZE = 4096 };

enum err
meta_first_copy(struct store *store, const char *root, uint64_t seq, struct errinfo *why)
{
	char path[PATH_SIZE], name[META_COPY_NAME_SIZE];
	enum err e;
	int fd;

	meta_copy_name(seq, clock_wall_ms(), name);
	(void)snprintf(path, sizeof path, "%s/" LOCATION_META_DIR "/%s", root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errinfo_sys(why, ERR_IO, errno, "cannot make %s", path);
	e = store_copy(store, fd, why);
	if (e == ERR_OK && fsync(fd) != 0)
		e = errinfo_sys(why, ERR_IO, errno, "fsync of %s", path);
	(void)close(fd);
	return e;
}
