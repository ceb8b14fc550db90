/* SPDX-License-Identifier: Apache-2.0 */
/* Calls nothing: only the whole archive brings the upward call in. */
int
main(void)
{
	return 0;
}
