/* SPDX-License-Identifier: Apache-2.0 */
/*
 * letter - letters to people, by the program of the setting mail_command: it is given each
 * one (RFC 5322) on its standard input, and has `mail_timeout` to take it.
 *
 * A letter is sent, or the log says why not; nobody waits for it. At most WAITING are on
 * their way, and letters_per_hour are taken in an hour. Order: letters_new -> letter_send*
 * -> letters_free, which waits for what is on its way. Thread: any.
 */
#ifndef QUARTET_LETTER_LETTER_H
#define QUARTET_LETTER_LETTER_H

#include "conf/settings.h"
#include "service/core/bytes.h"
#include "service/core/err.h"

struct letters;

static inline bool
letters_are_on(const struct settings *settings)
{
	return settings->mail_command.n > 0;
}

/* ERR_CONFIG names the setting that is wrong. */
enum err letters_new(const struct settings *settings, struct letters **out,
    struct errinfo *why) ERR_CHECKED;
void letters_free(struct letters *letters); /* NULL is fine */

/*
 * All is copied. ERR_INVALID_ARGUMENT: `to` is no address, or a text would break the
 * letter's head; ERR_BUSY: too many letters.
 */
enum err letter_send(struct letters *letters, struct bytes to, struct bytes subject,
    struct bytes text, struct errinfo *why) ERR_CHECKED;

#endif
