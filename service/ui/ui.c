/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assembler puts the files into the program as they are: C11 has no way to, and a
 * generated source would be one more step. UI_DIR is where they are.
 */
#include "service/ui/ui.h"

#include <stddef.h>

#define UI_INCLUDE(symbol, file)                                                         \
	__asm__(".section .rodata\n" #symbol ":\n.incbin \"" UI_DIR "/" file             \
		"\"\n" #symbol "_end:\n.byte 0\n.previous\n");                           \
	extern const char symbol[], symbol##_end[];

UI_INCLUDE(ui_file_index, "index.html")
UI_INCLUDE(ui_file_style, "style.css")

#define UI_FILE(symbol, file, type) UI_INCLUDE(ui_file_##symbol, file)
#include "service/ui/ui.def"
#undef UI_FILE

#define JAVASCRIPT "text/javascript; charset=utf-8"

static struct bytes
between(const char *begin, const char *end)
{
	return (struct bytes){begin, (size_t)(end - begin)};
}

/* How long a file is, only the linker knows: it is reckoned when it is asked. */
static const struct {
	struct bytes name;
	const char *type;
	const char *begin, *end;
} files[] = {
#define UI_FILE(symbol, file, type)                                                      \
	{{file, sizeof(file) - 1}, type, ui_file_##symbol, ui_file_##symbol##_end},
#include "service/ui/ui.def"
#undef UI_FILE
};

enum { N_FILES = sizeof files / sizeof files[0] };

bool
ui_find(struct bytes name, struct ui_file *out)
{
	for (size_t i = 0; i < N_FILES; i++)
		if (bytes_eq(files[i].name, name)) {
			*out = (struct ui_file){files[i].name, files[i].type,
			    between(files[i].begin, files[i].end)};
			return true;
		}
	return false;
}

struct bytes
ui_index(void)
{
	return between(ui_file_index, ui_file_index_end);
}

struct bytes
ui_style(void)
{
	return between(ui_file_style, ui_file_style_end);
}
