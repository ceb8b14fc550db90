/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyword - the keywords that tie pixels to coordinates: WCS (Greisen & Calabretta 2002),
 * SIP, IRAF's LTV and LTM, DSS, distortion lookups.
 * Thread: any; these are values.
 */
#ifndef QUARTET_FITS_KEYWORD_H
#define QUARTET_FITS_KEYWORD_H

#include <stdbool.h>

#include "service/core/bytes.h"

enum keyword_word {
	KEYWORD_CRPIX, /* i: pixel axis */
	KEYWORD_CTYPE, /* i: world axis; so CRVAL, CDELT */
	KEYWORD_CRVAL,
	KEYWORD_CDELT,
	KEYWORD_CD, /* i: world axis, j: pixel axis */
	KEYWORD_PC,
	KEYWORD_LTV, /* i: pixel axis */
	KEYWORD_LTM, /* i: pixel axis, j: axis of the original */
	KEYWORD_SIP_1, /* A_i_j, AP_i_j: correction of the first pixel axis */
	KEYWORD_SIP_2, /* B_i_j, BP_i_j: of the second */
	KEYWORD_SIP_1_MAX, /* A_DMAX */
	KEYWORD_SIP_2_MAX,
	KEYWORD_CNPIX, /* i: pixel axis */
	KEYWORD_AMD, /* AMDXn, AMDYn: plate solution of the DSS */
	KEYWORD_PS, /* parameter j of world axis i, a string */
	KEYWORD_PV, /* the same, a number */
	KEYWORD_CPDIS, /* CPDISi, type of a distortion; DPi, a record about it */
	KEYWORD_DP,
	KEYWORD_D2IMDIS, /* the same for D2IMDISi and D2IMi */
	KEYWORD_D2IM,
};

enum { ALTERNATES = 27 }; /* the primary description, and A to Z */

struct keyword {
	enum keyword_word word;
	unsigned i, j; /* axes count from 1, powers of SIP from 0 */
	unsigned alternate; /* 0: the primary description */
};

/* False if `key` is none of them. */
bool keyword_read(struct bytes key, struct keyword *out);

#endif
