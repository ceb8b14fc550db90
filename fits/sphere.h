/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sphere - directions on the sky as unit vectors; angles in degrees.
 * Thread: any; these are values.
 */
#ifndef QUARTET_FITS_SPHERE_H
#define QUARTET_FITS_SPHERE_H

#include <math.h>

struct vec3 {
	double x, y, z;
};

static inline double
radians(double degrees)
{
	return degrees * (M_PI / 180);
}

static inline double
degrees(double rad)
{
	return rad * (180 / M_PI);
}

static inline struct vec3
vec_of(double lon, double lat)
{
	double l = radians(lon), b = radians(lat);

	return (struct vec3){cos(b) * cos(l), cos(b) * sin(l), sin(b)};
}

/* Longitude from 0 to below 360. */
static inline double
vec_lon(struct vec3 v)
{
	double lon = degrees(atan2(v.y, v.x));

	return lon < 0 ? lon + 360 : lon;
}

static inline double
vec_lat(struct vec3 v)
{
	return degrees(atan2(v.z, hypot(v.x, v.y)));
}

static inline double
vec_dot(struct vec3 a, struct vec3 b)
{
	return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline struct vec3
vec_cross(struct vec3 a, struct vec3 b)
{
	return (struct vec3){
	    a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

/* p * a + q * b */
static inline struct vec3
vec_sum(double p, struct vec3 a, double q, struct vec3 b)
{
	return (struct vec3){p * a.x + q * b.x, p * a.y + q * b.y, p * a.z + q * b.z};
}

static inline double
vec_length(struct vec3 v)
{
	return sqrt(vec_dot(v, v));
}

static inline struct vec3
vec_unit(struct vec3 v)
{
	double n = vec_length(v);

	return (struct vec3){v.x / n, v.y / n, v.z / n};
}

/* In radians, exact for small ones too. */
static inline double
vec_angle(struct vec3 a, struct vec3 b)
{
	return atan2(vec_length(vec_cross(a, b)), vec_dot(a, b));
}

/* A direction at a right angle to v. */
static inline struct vec3
vec_normal(struct vec3 v)
{
	struct vec3 axis =
	    fabs(v.z) < 0.5 ? (struct vec3){0, 0, 1} : (struct vec3){1, 0, 0};

	return vec_unit(vec_cross(axis, v));
}

#endif
