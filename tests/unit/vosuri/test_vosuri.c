/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "service/vosuri.h"

static const struct bytes aliases[] = {
    {"cadc.nrc.ca!vault", 17}, {"opencadc.org~vault", 18}};
static const struct vosuri_names names = {{"example.org~vault", 17}, aliases, 2};

static struct arena arena;
static struct errinfo why;

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct vosuri
parsed(const char *text)
{
	struct vosuri uri = {0};

	assert_ok(vosuri_parse(&arena, bytes_of(text), &names, 4, &uri, &why), &why);
	return uri;
}

static void
assert_ours(const char *text, const char *path)
{
	struct vosuri uri = parsed(text);

	assert_true(uri.is_ours);
	assert_bytes(path_show(&arena, uri.path), path);
}

static void
assert_invalid(const char *text)
{
	struct vosuri uri;

	if (vosuri_parse(&arena, bytes_of(text), &names, 4, &uri, &why) !=
	    ERR_INVALID_URI)
		fail_msg("%s is accepted", text);
}

static void
a_node_of_ours_has_a_decoded_path(void **state)
{
	(void)state;
	assert_ours("vos://example.org~vault/a/b%20c", "/a/b c");
	assert_ours("vos://example.org~vault/%C3%A9/\xc3\xa9/x%23%3f%25",
	    "/\xc3\xa9/\xc3\xa9/x#?%");
	assert_ours("vos://example.org~vault/a[1]*+", "/a[1]*+");
}

static void
the_root_may_have_a_slash_or_none(void **state)
{
	(void)state;
	assert_ours("vos://example.org~vault", "/");
	assert_ours("vos://example.org~vault/", "/");
	assert_ours("ivo://example.org/vault", "/");
}

static void
one_slash_at_the_end_is_dropped(void **state)
{
	(void)state;
	assert_ours("vos://example.org~vault/a/", "/a");
	assert_invalid("vos://example.org~vault/a//");
	assert_invalid("vos://example.org~vault//a");
}

static void
the_authority_is_ours_in_every_spelling(void **state)
{
	(void)state;
	assert_ours("vos://example.org!vault/a", "/a");
	assert_ours("VOS://Example.ORG~Vault/a", "/a");
	assert_ours("vos://cadc.nrc.ca~vault/a", "/a");
	assert_ours("vos://CADC.nrc.ca!vault/a", "/a");
	assert_ours("vos://opencadc.org!vault/a", "/a");
	assert_ours("ivo://opencadc.org/vault/a", "/a");
}

static void
the_path_keeps_its_case(void **state)
{
	(void)state;
	assert_ours("vos://example.org~vault/A/b", "/A/b");
}

static void
another_authority_is_foreign(void **state)
{
	static const char *const foreign[] = {"vos://example.org/vault/a",
	    "vos://example.org~vault2/a", "vos://example.org~vaul/a",
	    "vos://example.org~vault~x/a", "vos://example.org:443~vault/a",
	    "ivo://example.org/vault2", "ivo://cadc.nrc.ca/vospace#biDirectional",
	    "vos://other~vault/a//b/%zz"};

	(void)state;
	for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
		assert_false(parsed(foreign[i]).is_ours);
}

static void
another_scheme_is_foreign(void **state)
{
	(void)state;
	assert_bytes(parsed("https://example.org~vault/a").scheme, "https");
	assert_false(parsed("https://example.org~vault/a").is_ours);
	assert_false(parsed("file:///etc/hosts").is_ours);
	assert_false(parsed("urn:x:y").is_ours);
}

static void
the_query_is_kept_and_the_fragment_dropped(void **state)
{
	(void)state;
	assert_ours("vos://example.org~vault/a?x=%20/y#z?/", "/a");
	assert_bytes(parsed("vos://example.org~vault/a?x=%20/y#z?/").query, "x=%20/y");
	assert_bytes(parsed("vos://example.org~vault?#").query, "");
	assert_null(parsed("vos://example.org~vault/a#b?c").query.p);
}

static void
what_is_no_uri_is_refused(void **state)
{
	static const char *const invalid[] = {"", "/a/b", "a", "vos", "vos:", "vos:a",
	    "vos:/a", "vos:///a", "vos://", "vos://?x", ":a", "1a://x", "v os://x/y",
	    "vos://example.org~vault/a b", "vos://example.org~vault/a\tb",
	    "vos://example.org~vault/a\n", "vos://example.org~vault/a\x7f",
	    "vos://other~vault/a b", "http://x/ y", "vos://example.org~vault/a?b c"};

	(void)state;
	for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
		assert_invalid(invalid[i]);
}

static void
names_that_cannot_be_are_refused(void **state)
{
	static const char *const invalid[] = {"vos://example.org~vault/a/../b",
	    "vos://example.org~vault/.", "vos://example.org~vault/%2e%2E",
	    "vos://example.org~vault/a%2Fb", "vos://example.org~vault/%00",
	    "vos://example.org~vault/%e9", "vos://example.org~vault/%",
	    "vos://example.org~vault/%4", "vos://example.org~vault/%g0",
	    "vos://example.org~vault/1/2/3/4/5"};

	(void)state;
	for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
		assert_invalid(invalid[i]);
}

static void
what_is_written_is_read_back(void **state)
{
	struct vosuri uri = parsed("vos://cadc.nrc.ca!vault/a%20b/%C3%A9%23?q#f");
	struct str s;

	(void)state;
	str_init(&s, 1000);
	vosuri_write(&s, names.authority, uri.path);
	assert_bytes(str_bytes(&s), "vos://example.org~vault/a%20b/%C3%A9%23");
	assert_ours(s.p, "/a b/\xc3\xa9#");
	str_clear(&s);
	vosuri_write(&s, names.authority, (struct path){NULL, 0});
	assert_bytes(str_bytes(&s), "vos://example.org~vault");
	str_release(&s);
}

static void
a_resource_id_gives_the_authority(void **state)
{
	static const char *const invalid[] = {"", "vos://a/b", "ivo://a", "ivo://a/",
	    "ivo:///a", "ivo://a/b/", "ivo://a/b?c", "ivo://a/b#c", "ivo://a/b c",
	    "ivo:a/b", "IVO"};
	struct bytes authority;

	(void)state;
	assert_ok(vosuri_from_resource_id(
		      &arena, BYTES("ivo://example.org/vault"), &authority, &why),
	    &why);
	assert_bytes(authority, "example.org~vault");
	assert_ok(vosuri_from_resource_id(
		      &arena, BYTES("ivo://example.org/a/vault"), &authority, &why),
	    &why);
	assert_bytes(authority, "example.org~a~vault");
	for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
		assert_err(vosuri_from_resource_id(
			       &arena, bytes_of(invalid[i]), &authority, &why),
		    ERR_INVALID_URI);
}

static void
a_link_target_is_any_absolute_uri(void **state)
{
	static const char *const yes[] = {"vos://a!b/c", "https://x:8443/y?z=[1]#f",
	    "file:///x", "urn:a:b", "x+y-z.1:w", "vos://a~b/%41", "http://x/\xc3\xa9"};
	static const char *const no[] = {"", "x", "/x", "http:", ":x", "1x:y",
	    "http://x/a b", "http://x/<", "http://x/\"", "http://x/%4", "http://x/%zz",
	    "http://x/#a#b", "http://x/\xe9", "http://x/\n", "http://x/{}"};

	(void)state;
	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
		if (!vosuri_is_absolute(bytes_of(yes[i])))
			fail_msg("%s is refused", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		if (vosuri_is_absolute(bytes_of(no[i])))
			fail_msg("%s is accepted", no[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_node_of_ours_has_a_decoded_path),
	    cmocka_unit_test(the_root_may_have_a_slash_or_none),
	    cmocka_unit_test(one_slash_at_the_end_is_dropped),
	    cmocka_unit_test(the_authority_is_ours_in_every_spelling),
	    cmocka_unit_test(the_path_keeps_its_case),
	    cmocka_unit_test(another_authority_is_foreign),
	    cmocka_unit_test(another_scheme_is_foreign),
	    cmocka_unit_test(the_query_is_kept_and_the_fragment_dropped),
	    cmocka_unit_test(what_is_no_uri_is_refused),
	    cmocka_unit_test(names_that_cannot_be_are_refused),
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(a_resource_id_gives_the_authority),
	    cmocka_unit_test(a_link_target_is_any_absolute_uri),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
