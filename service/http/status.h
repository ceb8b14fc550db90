/* SPDX-License-Identifier: Apache-2.0 */
/* status - reason phrases (RFC 9110 section 15). */
#ifndef QUARTET_HTTP_STATUS_H
#define QUARTET_HTTP_STATUS_H

const char *http_reason(int status); /* "Unknown" for others */

#endif
