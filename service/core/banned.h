/* SPDX-License-Identifier: Apache-2.0 */
/*
 * banned - functions nobody here calls: they overflow, keep hidden state, or run a shell.
 * Every file of ours is compiled with `-include` of this header, so a use does not build.
 */
#ifndef QUARTET_CORE_BANNED_H
#define QUARTET_CORE_BANNED_H

/* The declarations first, so that the names below only bite in our own code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BANNED(name) this_function_is_banned_##name

#undef strcpy
#define strcpy(a, b) BANNED(strcpy)
#undef strcat
#define strcat(a, b) BANNED(strcat)
#undef strncpy
#define strncpy(a, b, n) BANNED(strncpy)
#undef strncat
#define strncat(a, b, n) BANNED(strncat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef strtok
#define strtok(a, b) BANNED(strtok)
#undef gets
#define gets(a) BANNED(gets)
#undef asctime
#define asctime(a) BANNED(asctime)
#undef ctime
#define ctime(a) BANNED(ctime)
#undef localtime
#define localtime(a) BANNED(localtime)
#undef gmtime
#define gmtime(a) BANNED(gmtime)
#undef atoi
#define atoi(a) BANNED(atoi)
#undef rand
#define rand() BANNED(rand)
#undef system
#define system(a) BANNED(system)
#undef popen
#define popen(a, b) BANNED(popen)

#endif
