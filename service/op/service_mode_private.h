/* SPDX-License-Identifier: Apache-2.0 */
/* service_mode_private - where the mode is kept: store_note's name, and its limit. */
#ifndef QUARTET_OP_SERVICE_MODE_PRIVATE_H
#define QUARTET_OP_SERVICE_MODE_PRIVATE_H

#define MODE_NOTE "service.mode"

enum { MODE_NOTE_MAX = 300 };

#endif
