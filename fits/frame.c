/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/frame.h"

#include <string.h>

enum { E_TERM_STEPS = 10 };

static const double mas_per_degree = 3600e3;
static const double as_per_degree = 3600;

typedef double matrix[3][3];

static void
multiply(matrix a, matrix b, matrix out)
{
	matrix r;

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			r[i][j] =
			    a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
	memcpy(out, r, sizeof r);
}

/* The axes turned by `angle` degrees about axis 0, 1 or 2; it goes before what is in m. */
static void
turn(matrix m, int axis, double angle)
{
	double c = cos(radians(angle)), s = sin(radians(angle));
	int j = (axis + 1) % 3, k = (axis + 2) % 3;
	matrix r = {{0}};

	r[axis][axis] = 1;
	r[j][j] = r[k][k] = c;
	r[j][k] = s;
	r[k][j] = -s;
	multiply(r, m, m);
}

/* FK5 of J2000 stands a little askew in ICRS (Mignard & Froeschle 2000). */
static void
to_fk5(matrix m)
{
	turn(m, 2, -22.9 / mas_per_degree);
	turn(m, 1, 9.1 / mas_per_degree);
	turn(m, 0, 19.9 / mas_per_degree);
}

/* From J2000 (Capitaine et al. 2003, A&A 412, 567, equation 40). */
static void
precess(matrix m, double equinox)
{
	double t = (equinox - 2000) / 100;
	double zeta =
	    2.650545 +
	    t * (2306.083227 + t * (0.2988499 + t * (0.01801828 + t * -0.000005971)));
	double z =
	    -2.650545 +
	    t * (2306.077181 + t * (1.0927348 + t * (0.01826837 + t * -0.000028596)));
	double theta =
	    t * (2004.191903 + t * (-0.4294934 + t * (-0.04182264 + t * -0.000007089)));

	turn(m, 2, -zeta / as_per_degree);
	turn(m, 1, theta / as_per_degree);
	turn(m, 2, -z / as_per_degree);
}

/* The Galactic pole and the position angle of the centre, in FK5 of J2000. */
static void
to_galactic(matrix m)
{
	turn(m, 2, 192.8594812065348);
	turn(m, 1, 90 - 27.12825118085622);
	turn(m, 2, 180 - 122.9319185680026);
}

/* FK4 of B1950, without E-terms, at the epoch 1950 (Murray 1989, A&A 218, 325). */
static void
to_fk4(matrix m)
{
	static matrix from_fk5 = {
	    {0.9999256794956877, 0.0111814832391717, 0.0048590037723143},
	    {-0.0111814832204662, 0.9999374848933135, -0.0000271702937440},
	    {-0.0048590038153592, -0.0000271625947142, 0.9999881946023742}};

	multiply(from_fk5, m, m);
}

static struct vec3
apply(const double m[3][3], struct vec3 v)
{
	return (struct vec3){m[0][0] * v.x + m[0][1] * v.y + m[0][2] * v.z,
	    m[1][0] * v.x + m[1][1] * v.y + m[1][2] * v.z,
	    m[2][0] * v.x + m[2][1] * v.y + m[2][2] * v.z};
}

static struct vec3
apply_back(const double m[3][3], struct vec3 v)
{
	return (struct vec3){m[0][0] * v.x + m[1][0] * v.y + m[2][0] * v.z,
	    m[0][1] * v.x + m[1][1] * v.y + m[2][1] * v.z,
	    m[0][2] * v.x + m[1][2] * v.y + m[2][2] * v.z};
}

bool
frame_init(struct frame *f, enum frame_kind kind, double equinox)
{
	*f = (struct frame){.kind = kind, .m = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
	if (kind == FRAME_ICRS)
		return true;
	to_fk5(f->m);
	switch (kind) {
	case FRAME_FK5:
		if (!(fabs(equinox - 2000) <= 200))
			return false;
		precess(f->m, equinox);
		return true;
	case FRAME_FK4:
		to_fk4(f->m);
		return fabs(equinox - 1950) < 0.01;
	case FRAME_GALACTIC:
		to_galactic(f->m);
		return true;
	case FRAME_ICRS:
		break;
	}
	return true;
}

/* What the eccentricity of the Earth's orbit adds to aberration, at B1950. */
static const struct vec3 e_terms = {-1.62557e-6, -0.31919e-6, -0.13843e-6};

static struct vec3
with_e_terms(struct vec3 v)
{
	struct vec3 r = v;

	for (int i = 0; i < E_TERM_STEPS; i++)
		r = vec_sum(1, vec_sum(1, v, 1, e_terms), -vec_dot(e_terms, r), r);
	return vec_unit(r);
}

static struct vec3
without_e_terms(struct vec3 v)
{
	return vec_unit(vec_sum(1, vec_sum(1, v, -1, e_terms), vec_dot(e_terms, v), v));
}

struct vec3
frame_from_icrs(const struct frame *f, struct vec3 v)
{
	v = apply(f->m, v);
	return f->kind == FRAME_FK4 ? with_e_terms(v) : v;
}

struct vec3
frame_to_icrs(const struct frame *f, struct vec3 v)
{
	if (f->kind == FRAME_FK4)
		v = without_e_terms(v);
	return apply_back(f->m, v);
}
