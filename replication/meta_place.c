/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/meta_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/core/clock.h"

enum { FILE_SIZE = META_PLACE_PATH_SIZE + 32 };

void
meta_place_end(struct meta_place *place)
{
	static const char *const names[] = {"data.mdb", "lock.mdb"};
	char path[FILE_SIZE];

	if (place->dir[0] == '\0')
		return;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", place->dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(place->dir);
}

enum err
meta_place_begin(struct meta_place *place, struct errinfo *why)
{
	if (mkdir(place->meta_dir, 0700) != 0 && errno != EEXIST)
		return errinfo_sys(why, ERR_IO, errno, "cannot make %s", place->meta_dir);
	(void)snprintf(place->dir, sizeof place->dir, "%s/restore.tmp", place->meta_dir);
	meta_place_end(place); /* of an earlier try */
	return mkdir(place->dir, 0700) == 0
		   ? ERR_OK
		   : errinfo_sys(why, ERR_IO, errno, "cannot make %s", place->dir);
}

static int
sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int failed = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		(void)close(fd);
	return failed;
}

enum err
meta_place_commit(struct meta_place *place, struct errinfo *why)
{
	const char *meta = place->meta_dir;
	char old[FILE_SIZE], aside[FILE_SIZE], made[FILE_SIZE], lock[FILE_SIZE];

	(void)snprintf(old, sizeof old, "%s/data.mdb", meta);
	(void)snprintf(
	    aside, sizeof aside, "%s/data.mdb.%lld", meta, (long long)clock_wall_ms());
	(void)snprintf(made, sizeof made, "%s/data.mdb", place->dir);
	(void)snprintf(lock, sizeof lock, "%s/lock.mdb", meta);
	if (rename(old, aside) != 0 && errno != ENOENT)
		return errinfo_sys(why, ERR_IO, errno, "cannot move %s aside", old);
	if (rename(made, old) != 0)
		return errinfo_sys(why, ERR_IO, errno, "cannot move %s to %s", made, old);
	(void)unlink(lock); /* of the old one */
	return sync_directory(meta) == 0
		   ? ERR_OK
		   : errinfo_sys(why, ERR_IO, errno, "fsync of %s", meta);
}
