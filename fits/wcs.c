/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/wcs.h"

#include <limits.h>
#include <stdlib.h>
#include <wcslib/wcs.h>
#include <wcslib/wcsfix.h>
#include <wcslib/wcshdr.h>
#include <wcslib/wcsmath.h>

enum { FIX_UNITS = 7, NOT_SEPARABLE = 13, OUT_OF_MEMORY = 2 };

static const double fk4_until = 1984; /* an equinox without RADESYS */
static const double lat_max = 90, slack = 1e-9, full_turn = 360; /* degrees */

/* On a cylinder a place has many pixels: the one nearest to the image's middle. */
static void
bring_near(const struct wcs *w, double xy[2])
{
	double square = w->turn[0] * w->turn[0] + w->turn[1] * w->turn[1], along = 0, n;

	if (square == 0)
		return;
	for (int i = 0; i < 2; i++)
		along += w->turn[i] * (((double)w->map.size[i] + 1) / 2 - xy[i]);
	n = round(along / square);
	for (int i = 0; i < 2; i++)
		xy[i] += n * w->turn[i];
}

static bool
to_pixel(void *arg, struct vec3 v, double xy[2])
{
	struct wcs *w = arg;
	struct vec3 there = frame_from_icrs(&w->frame, v);
	double world[2], phi, theta, plane[2];
	int stat = 0;

	world[w->two->lng] = vec_lon(there);
	world[w->two->lat] = vec_lat(there);
	if (wcss2p(w->two, 1, 2, world, &phi, &theta, plane, xy, &stat) != 0 || stat != 0)
		return false;
	bring_near(w, xy);
	return true;
}

static bool
to_sky(void *arg, const double xy[2], struct vec3 *v)
{
	struct wcs *w = arg;
	double world[2], phi, theta, plane[2];
	int stat = 0;

	if (wcsp2s(w->two, 1, 2, xy, plane, &phi, &theta, world, &stat) != 0 ||
	    stat != 0 || !(fabs(theta) <= lat_max + slack))
		return false;
	*v = frame_to_icrs(&w->frame, vec_of(world[w->two->lng], world[w->two->lat]));
	return true;
}

/* What the two axes are called, and of which equinox. */
static bool
find_frame(struct wcs *w)
{
	const struct wcsprm *p = w->two;
	double equinox = p->equinox;
	bool is_given = !undefined(equinox);

	if (strcmp(p->lngtyp, "GLON") == 0)
		return frame_init(&w->frame, FRAME_GALACTIC, 0);
	if (strcmp(p->lngtyp, "RA") != 0)
		return false;
	if (strcmp(p->radesys, "ICRS") == 0 || (p->radesys[0] == '\0' && !is_given))
		return frame_init(&w->frame, FRAME_ICRS, 0);
	if (strcmp(p->radesys, "FK5") == 0 ||
	    (p->radesys[0] == '\0' && equinox >= fk4_until))
		return frame_init(&w->frame, FRAME_FK5, is_given ? equinox : 2000);
	if (strcmp(p->radesys, "FK4") == 0 || p->radesys[0] == '\0')
		return frame_init(&w->frame, FRAME_FK4, is_given ? equinox : 1950);
	return false;
}

/* The first description with a longitude and a latitude; wcssub's status. */
static int
find_two(struct wcs *w, int axes[2])
{
	int status = 0;

	for (int i = 0; i < w->n_all && w->two == NULL; i++) {
		struct wcsprm *two = calloc(1, sizeof *two);
		int n = 2;

		if (two == NULL)
			return OUT_OF_MEMORY;
		axes[0] = WCSSUB_LONGITUDE;
		axes[1] = WCSSUB_LATITUDE;
		two->flag = -1;
		status = wcssub(1, &w->all[i], &n, axes, two);
		if (status == 0 && n == 2) {
			w->two = two;
			return 0;
		}
		(void)wcsfree(two);
		free(two);
		if (status == NOT_SEPARABLE || status == OUT_OF_MEMORY)
			return status;
	}
	return status;
}

/*
 * Images cut from a map on a cylinder may have their reference far away and lie further
 * around than half a turn, which wcslib's checks forbid.
 */
static void
find_turn(struct wcs *w)
{
	struct wcsprm *p = w->two;
	double plane[4] = {0, 0, 0, 0}, xy[4];

	if (p->cel.prj.category != CYLINDRICAL || p->lin.dispre != NULL ||
	    p->lin.disseq != NULL)
		return;
	plane[p->lng] = full_turn * p->cel.prj.w[0];
	if (wcsbchk(p, 0) != 0 || linx2p(&p->lin, 2, 2, plane, xy) != 0)
		return;
	w->turn[0] = xy[0] - xy[2];
	w->turn[1] = xy[1] - xy[3];
}

static void
find_poles(struct wcs *w)
{
	const double *euler = w->two->cel.euler;
	struct vec3 pole = frame_to_icrs(&w->frame, vec_of(euler[0], 90 - euler[1]));

	w->map.pole[0] = pole;
	w->map.pole[1] = vec_sum(-1, pole, 0, pole);
}

/* False if wcslib makes nothing of what the header says. */
static bool
set_up(struct wcs *w, const int axes[2], unsigned naxis, const uint64_t *axis)
{
	int fixed[NWCSFIX], size[2];

	for (int i = 0; i < 2; i++) {
		if (axes[i] < 1 || (unsigned)axes[i] > naxis)
			return false;
		w->axis[i] = (unsigned)axes[i] - 1;
		w->map.size[i] = axis[w->axis[i]];
		size[i] = w->map.size[i] < INT_MAX ? (int)w->map.size[i] : INT_MAX;
	}
	(void)wcsfix(FIX_UNITS, size, w->two, fixed);
	return wcsset(w->two) == 0 && w->two->lng >= 0 && w->two->lat >= 0;
}

enum wcs_answer
wcs_open(struct wcs *w, char *cards, size_t n_cards, unsigned naxis, const uint64_t *axis,
    char *why, size_t why_size)
{
	int rejected = 0, axes[2] = {0, 0}, status;

	*w = (struct wcs){.map = {.to_pixel = to_pixel, .to_sky = to_sky}};
	w->map.arg = w;
	status =
	    wcspih(cards, (int)n_cards, WCSHDR_all, 0, &rejected, &w->n_all, &w->all);
	if (status != 0)
		return status == OUT_OF_MEMORY ? WCS_NO_MEMORY : WCS_NONE;
	status = find_two(w, axes);
	if (status == OUT_OF_MEMORY)
		return WCS_NO_MEMORY;
	if (status == NOT_SEPARABLE) {
		(void)snprintf(
		    why, why_size, "other axes are mixed into those of the sky");
		return WCS_UNSUPPORTED;
	}
	if (w->two == NULL || !set_up(w, axes, naxis, axis))
		return WCS_NONE;
	if (!find_frame(w)) {
		(void)snprintf(why, why_size, "the sky of %s%s%s is not supported",
		    w->two->lngtyp, w->two->radesys[0] != '\0' ? " in " : "",
		    w->two->radesys);
		return WCS_UNSUPPORTED;
	}
	find_poles(w);
	find_turn(w);
	return WCS_READY;
}

void
wcs_close(struct wcs *w)
{
	if (w->two != NULL)
		(void)wcsfree(w->two);
	free(w->two);
	(void)wcsvfree(&w->n_all, &w->all);
}
