/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_fault - a layer over an I/O engine that does to its operations what the rules of
 * storage/fault.h say. Whoever submits cannot tell it from a disk that does so.
 *
 * In builds without QUARTET_KILL_POINTS it is nothing; elsewhere io_new puts it over an
 * engine only if faults are wanted then. An operation that hangs stays out as it would at
 * a hung disk, and is done when its rule is gone.
 *
 * Thread: as storage/io.h.
 */
#ifndef QUARTET_STORAGE_IO_FAULT_H
#define QUARTET_STORAGE_IO_FAULT_H

#include "storage/io.h"

#ifdef QUARTET_KILL_POINTS
void io_fault_wrap(const struct io_config *config, struct io *io);
#else
static inline void
io_fault_wrap(const struct io_config *config, struct io *io)
{
	(void)config;
	(void)io;
}
#endif

#endif
