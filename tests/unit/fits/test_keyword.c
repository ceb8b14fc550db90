/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "fits/keyword.h"

static void
keywords_have_axes_and_alternates(void **state)
{
	static const struct {
		const char *key;
		struct keyword k;
	} cases[] = {
	    {"CRPIX1", {KEYWORD_CRPIX, 1, 0, 0}},
	    {"CRPIX12Z", {KEYWORD_CRPIX, 12, 0, 26}},
	    {"CTYPE3A", {KEYWORD_CTYPE, 3, 0, 1}},
	    {"CRVAL2", {KEYWORD_CRVAL, 2, 0, 0}},
	    {"CDELT4P", {KEYWORD_CDELT, 4, 0, 16}},
	    {"CD1_2", {KEYWORD_CD, 1, 2, 0}},
	    {"CD10_12B", {KEYWORD_CD, 10, 12, 2}},
	    {"PC2_1A", {KEYWORD_PC, 2, 1, 1}},
	    {"LTV1", {KEYWORD_LTV, 1, 0, 0}},
	    {"LTM2_1", {KEYWORD_LTM, 2, 1, 0}},
	    {"A_0_2", {KEYWORD_SIP_1, 0, 2, 0}},
	    {"AP_1_0", {KEYWORD_SIP_1, 1, 0, 0}},
	    {"B_3_1", {KEYWORD_SIP_2, 3, 1, 0}},
	    {"BP_0_0", {KEYWORD_SIP_2, 0, 0, 0}},
	    {"A_DMAX", {KEYWORD_SIP_1_MAX, 0, 0, 0}},
	    {"B_DMAX", {KEYWORD_SIP_2_MAX, 0, 0, 0}},
	    {"CNPIX2", {KEYWORD_CNPIX, 2, 0, 0}},
	    {"AMDX13", {KEYWORD_AMD, 13, 0, 0}},
	    {"AMDY1", {KEYWORD_AMD, 1, 0, 0}},
	    {"PS3_0B", {KEYWORD_PS, 3, 0, 2}},
	    {"PV2_1", {KEYWORD_PV, 2, 1, 0}},
	    {"CPDIS1", {KEYWORD_CPDIS, 1, 0, 0}},
	    {"DP2", {KEYWORD_DP, 2, 0, 0}},
	    {"D2IMDIS2", {KEYWORD_D2IMDIS, 2, 0, 0}},
	    {"D2IM1", {KEYWORD_D2IM, 1, 0, 0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct keyword *want = &cases[i].k;
		struct keyword k;

		if (!keyword_read(bytes_of(cases[i].key), &k))
			fail_msg("%s is not known", cases[i].key);
		if (k.word != want->word || k.i != want->i || k.j != want->j ||
		    k.alternate != want->alternate)
			fail_msg("%s: word %d, %u, %u, alternate %u", cases[i].key,
			    (int)k.word, k.i, k.j, k.alternate);
	}
}

static void
others_are_not_taken_for_them(void **state)
{
	static const char *const cases[] = {"", "CRPIX", "CRPIX01", "CRPIX1a", "CRPIX1AB",
	    "CRPIX100", "CRPIX-1", "CD1", "CD1_", "CD_1", "CD1_1_1", "CDELT", "CDELT1_1",
	    "PCOUNT", "PC001001", "LTV1A", "LTM1", "A_ORDER", "A_2", "AP_ORDER",
	    "A_DMAXX", "CNPIX", "CROTA2", "CUNIT1", "CTYPE", "XCRPIX1", "AMD1",
	    "D2IMERR1", "DPI", "CPDIS"};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct keyword k;

		if (keyword_read(bytes_of(cases[i]), &k))
			fail_msg("%s is taken for word %d", cases[i], (int)k.word);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keywords_have_axes_and_alternates),
	    cmocka_unit_test(others_are_not_taken_for_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
