/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outline of the shape is a closed curve, outline(t) for t from 0 to n. The bounding
 * box is that of its places at whole t, made exact around each extreme, and of what else
 * may reach further: edges of the image and poles of the projection that lie inside the
 * shape. Points that have no place in the image's plane (beyond the horizon of a tangent
 * plane) are left out. Then, or where the image has pixels without a place on the sky, the
 * outline says not all, and each side of the box is moved out as long as there are pixels
 * of the shape behind it.
 *
 * A bounding box alone may overlap where the shape is elsewhere: on the two sides of a seam,
 * or far off, where the polynomials of distortions have no meaning. So a pixel of the image
 * must be met by the outline, or lie inside.
 */
#include "fits/sky.h"

#include <stdlib.h>

enum {
	CIRCLE_STEPS = 256,
	RANGE_STEPS = 128, /* of each side */
	POLYGON_STEPS = 4096, /* of all edges */
	EDGE_STEPS_MAX = 64,
	EDGE_STEPS_MIN = 8,
	BORDER_STEPS = 64, /* of each edge of the image */
	POLE_STEPS = 64,
	GRID_STEPS = 64,
	LINE_STEPS = 256,
	REFINE_STEPS = 40, /* of a golden section: to 1e-8 of its start */
	CROSS_DEPTH = 24,
};

static const double snap = 1e-6; /* pixels */
static const double golden = 0.6180339887498949;
static const double near_pole = 1e-12; /* degrees: no way, but longitudes differ there */
static const double notable = 0.02; /* share of the box, of extremes that are refined */
static const double full_turn = 360;
static const double bulge = 0.1; /* of a short way, over the straight line, in lengths */
static const double least_step =
    0.01; /* pixels: how near a side comes to what is there */
static const double short_way = 0.5; /* pixels: not looked at closer */

struct point {
	double xy[2];
	bool is_there;
};

struct work {
	const struct shape *shape;
	const struct sky_map *map;
	size_t steps; /* of the whole outline */
	size_t edge_steps;
	struct point *point; /* of the outline, `steps` of them */
	double low[2], high[2];
	bool is_met; /* a pixel of the image is touched */
	bool is_partial; /* the outline, or the image, has points without a place */
};

/* --- shapes ------------------------------------------------------------------------ */

static double
range_width(const double *v)
{
	double width = v[1] - v[0];

	while (width < 0)
		width += full_turn;
	return width < full_turn ? width : full_turn;
}

static struct vec3
circle_at(const double *v, double t)
{
	struct vec3 centre = vec_of(v[0], v[1]), a = vec_normal(centre);
	struct vec3 b = vec_cross(centre, a);
	double angle = 2 * M_PI * t / CIRCLE_STEPS, r = radians(v[2]);
	struct vec3 side = vec_sum(cos(angle), a, sin(angle), b);

	return vec_sum(cos(r), centre, sin(r), side);
}

static struct vec3
range_at(const double *v, double t)
{
	double width = range_width(v), side = floor(t / RANGE_STEPS);
	double f = t / RANGE_STEPS - side;

	if (side < 1)
		return vec_of(v[0] + f * width, v[2]);
	if (side < 2)
		return vec_of(v[0] + width, v[2] + f * (v[3] - v[2]));
	if (side < 3)
		return vec_of(v[0] + (1 - f) * width, v[3]);
	return vec_of(v[0], v[3] - f * (v[3] - v[2]));
}

static struct vec3
corner(const struct shape *s, size_t i)
{
	i = i % (s->n / 2) * 2;
	return vec_of(s->value[i], s->value[i + 1]);
}

static struct vec3
polygon_at(const struct work *w, double t)
{
	size_t edge = (size_t)(t / (double)w->edge_steps);
	double f = t / (double)w->edge_steps - (double)edge;
	struct vec3 a = corner(w->shape, edge), b = corner(w->shape, edge + 1);
	double angle = vec_angle(a, b);

	return vec_unit(vec_sum(sin((1 - f) * angle), a, sin(f * angle), b));
}

/* The outline is closed: t may lie outside of it. */
static struct vec3
outline(const struct work *w, double t)
{
	double n = (double)w->steps;

	t -= n * floor(t / n);
	if (t >= n)
		t = 0;
	switch (w->shape->kind) {
	case SHAPE_CIRCLE:
		return circle_at(w->shape->value, t);
	case SHAPE_RANGE:
		return range_at(w->shape->value, t);
	case SHAPE_POLYGON:
		break;
	}
	return polygon_at(w, t);
}

static bool
in_range(const double *v, struct vec3 p)
{
	double lat = vec_lat(p), east = vec_lon(p) - v[0];

	east -= full_turn * floor(east / full_turn);
	return lat >= v[2] && lat <= v[3] && east <= range_width(v);
}

/* In the plane that touches the sphere in the middle great circles are straight lines. */
static bool
in_polygon(const struct shape *s, struct vec3 p)
{
	struct vec3 middle = shape_middle(s), x = vec_normal(middle);
	struct vec3 y = vec_cross(middle, x), a, b;
	double depth = vec_dot(middle, p), px, py;
	bool inside = false;

	if (depth <= 0)
		return false;
	px = vec_dot(x, p) / depth;
	py = vec_dot(y, p) / depth;
	b = corner(s, s->n / 2 - 1);
	for (size_t i = 0; i < s->n / 2; i++) {
		double ax, ay, bx, by;

		a = b;
		b = corner(s, i);
		ax = vec_dot(x, a) / vec_dot(middle, a);
		ay = vec_dot(y, a) / vec_dot(middle, a);
		bx = vec_dot(x, b) / vec_dot(middle, b);
		by = vec_dot(y, b) / vec_dot(middle, b);
		if ((ay > py) != (by > py) && px < ax + (py - ay) / (by - ay) * (bx - ax))
			inside = !inside;
	}
	return inside;
}

bool
sky_inside(const struct shape *s, struct vec3 p)
{
	switch (s->kind) {
	case SHAPE_CIRCLE:
		return vec_angle(vec_of(s->value[0], s->value[1]), p) <=
		       radians(s->value[2]);
	case SHAPE_RANGE:
		return in_range(s->value, p);
	case SHAPE_POLYGON:
		break;
	}
	return in_polygon(s, p);
}

/* --- the box ----------------------------------------------------------------------- */

static bool
in_image(const struct work *w, const double xy[2])
{
	for (int i = 0; i < 2; i++)
		if (!(xy[i] > 0.5 + snap && xy[i] < (double)w->map->size[i] + 0.5 - snap))
			return false;
	return true;
}

static struct point
place(const struct work *w, double t)
{
	struct point p = {.is_there = false};

	p.is_there = w->map->to_pixel(w->map->arg, outline(w, t), p.xy) &&
		     isfinite(p.xy[0]) && isfinite(p.xy[1]);
	return p;
}

static void
take(struct work *w, const double xy[2])
{
	for (int i = 0; i < 2; i++) {
		w->low[i] = fmin(w->low[i], xy[i]);
		w->high[i] = fmax(w->high[i], xy[i]);
	}
	if (in_image(w, xy))
		w->is_met = true;
}

static double
value_at(const struct work *w, double t, int axis, double sign, struct point *p)
{
	*p = place(w, t);
	return p->is_there ? sign * p->xy[axis] : -HUGE_VAL;
}

/* The greatest sign * xy[axis] about the step k. */
static void
refine(struct work *w, size_t k, int axis, double sign)
{
	double a = (double)k - 1, d = (double)k + 1;
	double b = d - golden * (d - a), c = a + golden * (d - a);
	struct point pb, pc;
	double vb = value_at(w, b, axis, sign, &pb);
	double vc = value_at(w, c, axis, sign, &pc);

	for (int i = 0; i < REFINE_STEPS; i++) {
		if (vb > vc) {
			d = c;
			c = b;
			vc = vb;
			pc = pb;
			b = d - golden * (d - a);
			vb = value_at(w, b, axis, sign, &pb);
		} else {
			a = b;
			b = c;
			vb = vc;
			pb = pc;
			c = a + golden * (d - a);
			vc = value_at(w, c, axis, sign, &pc);
		}
	}
	if (pb.is_there)
		take(w, pb.xy);
	if (pc.is_there)
		take(w, pc.xy);
}

static double
sampled(const struct work *w, size_t k, int axis, double sign)
{
	const struct point *p = &w->point[k % w->steps];

	return p->is_there ? sign * p->xy[axis] : -HUGE_VAL;
}

static void
refine_side(struct work *w, int axis, double sign)
{
	double best = sign > 0 ? w->high[axis] : -w->low[axis];
	double least = best - notable * (w->high[axis] - w->low[axis]);

	for (size_t k = 0; k < w->steps; k++) {
		double v = sampled(w, k, axis, sign);

		if (v >= least && v >= sampled(w, k + 1, axis, sign) &&
		    v >= sampled(w, k + w->steps - 1, axis, sign))
			refine(w, k, axis, sign);
	}
}

/* Whether the way from a to b may lead through the image, as far as one can see. */
static bool
is_near(const struct work *w, const struct point *a, const struct point *b, double length)
{
	double slack = length * bulge;

	for (int i = 0; i < 2; i++)
		if (fmax(a->xy[i], b->xy[i]) + slack < 0.5 ||
		    fmin(a->xy[i], b->xy[i]) - slack > (double)w->map->size[i] + 0.5)
			return false;
	return true;
}

/* Whether the outline is in the image between two points that are not. */
static bool
crosses(struct work *w, double ta, struct point a, double tb, struct point b, int depth)
{
	double t = (ta + tb) / 2, length;
	struct point p;

	if (depth == 0 || !a.is_there || !b.is_there)
		return false;
	length = fmax(fabs(a.xy[0] - b.xy[0]), fabs(a.xy[1] - b.xy[1]));
	if (length < short_way || !is_near(w, &a, &b, length))
		return false;
	p = place(w, t);
	if (!p.is_there)
		return false;
	return in_image(w, p.xy) || crosses(w, ta, a, t, p, depth - 1) ||
	       crosses(w, t, p, tb, b, depth - 1);
}

static void
follow_outline(struct work *w)
{
	for (size_t k = 0; k < w->steps; k++) {
		w->point[k] = place(w, (double)k);
		if (w->point[k].is_there)
			take(w, w->point[k].xy);
		else
			w->is_partial = true;
	}
	for (int axis = 0; axis < 2; axis++) {
		refine_side(w, axis, 1);
		refine_side(w, axis, -1);
	}
	for (size_t k = 0; k < w->steps && !w->is_met; k++)
		w->is_met = crosses(w, (double)k, w->point[k], (double)k + 1,
		    w->point[(k + 1) % w->steps], CROSS_DEPTH);
}

/* True if the place xy of the image lies inside the shape. */
static bool
is_inside(struct work *w, const double xy[2])
{
	struct vec3 v;

	if (!w->map->to_sky(w->map->arg, xy, &v)) {
		w->is_partial = true;
		return false;
	}
	return sky_inside(w->shape, v);
}

static void
look_at(struct work *w, double x, double y)
{
	double xy[2] = {x, y};

	if (!is_inside(w, xy))
		return;
	take(w, xy);
	w->is_met = true;
}

static void
look_at_edges(struct work *w)
{
	double nx = (double)w->map->size[0], ny = (double)w->map->size[1];

	for (int i = 0; i <= BORDER_STEPS; i++) {
		double x = 0.5 + nx * i / BORDER_STEPS, y = 0.5 + ny * i / BORDER_STEPS;

		look_at(w, x, 0.5);
		look_at(w, x, ny + 0.5);
		look_at(w, 0.5, y);
		look_at(w, nx + 0.5, y);
	}
}

static void
look_at_pole(struct work *w, struct vec3 pole)
{
	struct vec3 a = vec_normal(pole), b = vec_cross(pole, a);
	double r = radians(near_pole), xy[2];

	if (!sky_inside(w->shape, pole))
		return;
	for (int i = 0; i < POLE_STEPS; i++) {
		double angle = 2 * M_PI * i / POLE_STEPS;
		struct vec3 side = vec_sum(cos(angle), a, sin(angle), b);

		if (w->map->to_pixel(
			w->map->arg, vec_sum(cos(r), pole, sin(r), side), xy) &&
		    isfinite(xy[0]) && isfinite(xy[1]))
			take(w, xy);
	}
}

static double
clamp(double v, double low, double high)
{
	return fmin(fmax(v, low), high);
}

/* Whether a pixel on the line across the image at `v` of the axis lies inside. */
static bool
line_is_inside(struct work *w, int axis, double v)
{
	double n = (double)w->map->size[1 - axis];
	double low = clamp(w->low[1 - axis], 0.5, n + 0.5);
	double high = clamp(w->high[1 - axis], 0.5, n + 0.5);

	for (int i = 0; i <= LINE_STEPS; i++) {
		double xy[2];

		xy[axis] = v;
		xy[1 - axis] = low + (high - low) * i / LINE_STEPS;
		if (is_inside(w, xy)) {
			take(w, xy);
			return true;
		}
	}
	return false;
}

/* Moves one side of the box out, in smaller and smaller steps. */
static void
push_side(struct work *w, int axis, double sign)
{
	double n = (double)w->map->size[axis];

	for (double step = n / GRID_STEPS; step > least_step; step /= 2)
		for (;;) {
			double v =
			    (sign > 0 ? w->high[axis] : w->low[axis]) + sign * step;

			if (v < 0.5 || v > n + 0.5 || !line_is_inside(w, axis, v))
				break;
		}
}

static void
look_inside(struct work *w)
{
	double nx = (double)w->map->size[0], ny = (double)w->map->size[1];

	for (int i = 1; i < GRID_STEPS; i++)
		for (int j = 1; j < GRID_STEPS; j++)
			look_at(w, 0.5 + nx * i / GRID_STEPS, 0.5 + ny * j / GRID_STEPS);
	if (!w->is_met)
		return;
	for (int axis = 0; axis < 2; axis++) {
		push_side(w, axis, 1);
		push_side(w, axis, -1);
	}
}

/* To the border between two pixels if it is as near as that. */
static double
snapped(double v)
{
	double border = floor(v) + 0.5;

	return fabs(v - border) < snap ? border : v;
}

static bool
round_axis(double low, double high, uint64_t size, uint64_t *first, uint64_t *last)
{
	double n = (double)size;
	double f = floor(snapped(clamp(low, -1, n + 2)) + 0.5);
	double l = ceil(snapped(clamp(high, -1, n + 2)) - 0.5);

	if (l < f)
		l = f; /* thinner than a pixel, on a border */
	if (l < 1 || f > n)
		return false;
	*first = (uint64_t)fmax(f, 1);
	*last = (uint64_t)fmin(l, n);
	return true;
}

static size_t
edge_steps(const struct shape *s)
{
	size_t n = POLYGON_STEPS / (s->n / 2);

	if (n > EDGE_STEPS_MAX)
		return EDGE_STEPS_MAX;
	return n < EDGE_STEPS_MIN ? EDGE_STEPS_MIN : n;
}

static size_t
count_steps(struct work *w)
{
	switch (w->shape->kind) {
	case SHAPE_CIRCLE:
		return CIRCLE_STEPS;
	case SHAPE_RANGE:
		return (size_t)4 * RANGE_STEPS;
	case SHAPE_POLYGON:
		break;
	}
	w->edge_steps = edge_steps(w->shape);
	return w->edge_steps * (w->shape->n / 2);
}

enum sky_answer
sky_box(const struct shape *shape, const struct sky_map *map, struct sky_box *out)
{
	struct work w = {.shape = shape,
	    .map = map,
	    .low = {HUGE_VAL, HUGE_VAL},
	    .high = {-HUGE_VAL, -HUGE_VAL}};
	bool found = true;

	w.steps = count_steps(&w);
	w.point = calloc(w.steps, sizeof *w.point);
	if (w.point == NULL)
		return SKY_NO_MEMORY;
	follow_outline(&w);
	look_at_edges(&w);
	look_at_pole(&w, map->pole[0]);
	look_at_pole(&w, map->pole[1]);
	if (w.is_partial)
		look_inside(&w);
	free(w.point);
	for (int i = 0; i < 2 && found; i++)
		found = w.is_met && round_axis(w.low[i], w.high[i], map->size[i],
					&out->first[i], &out->last[i]);
	return found ? SKY_FOUND : SKY_NO_OVERLAP;
}
