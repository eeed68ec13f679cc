#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/log/log.h"
#include "tests/support/scratch.h"
#include "tests/support/transport/node.h"

static void
frames_of_every_size_arrive(const struct tls_files *tls)
{
	static const size_t sizes[] = {0, 1, 71, 72, 65536 - 72, 65536, 65537,
	    1 << 20, ENVELOPE_BODY_BYTES_MAX};
	struct loop *loop = loop_create();
	struct rng rng = rng_seeded(suite_seed());
	struct buffer body = {0};
	struct node one;
	struct node two;
	size_t peer = node_pair_init(&one, &two, loop, tls);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *bytes;

		buffer_clear(&body, SIZE_MAX);
		bytes = buffer_reserve(&body, sizes[i]);
		for (size_t j = 0; j < sizes[i]; j += 8)
			bytes[j] = (uint8_t)rng_next(&rng);
		memset(bytes + sizes[i] / 2, (int)i, sizes[i] - sizes[i] / 2);
		buffer_commit(&body, sizes[i]);
		two.frames = 0;
		/* On a slow machine the largest may look like silence. */
		for (int tries = 0; tries < 8 && two.frames == 0; tries++) {
			NODE_AWAIT(node_is_up, &one);
			transport_send(one.transport, peer, ENVELOPE_FRAME,
			    buffer_slice(&body));
			node_loop_await(loop, node_has_frame, &two, 4000);
		}
		CU_ASSERT_TRUE(
		    slice_equal(buffer_slice(&two.last), buffer_slice(&body)));
	}
	buffer_deinit(&body);
	node_deinit(&one);
	node_deinit(&two);
	loop_close(loop);
}

static void
frames_of_every_size_arrive_over_tcp(void)
{
	frames_of_every_size_arrive(NULL);
}

/* Certificates of one authority, in a folder. */
struct certificates {
	struct scratch folder;
	char paths[3][PATH_BYTES_MAX];
	struct tls_files files;
};

static void run(const char *format, ...) PRINTF_LIKE(1, 2);

static void
run(const char *format, ...)
{
	char command[4 * PATH_BYTES_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

static void
certificates_init(struct certificates *certificates, const char *name)
{
	static const char request[] = "openssl req -x509 -newkey ec -pkeyopt "
				      "ec_paramgen_curve:P-256 -nodes -days 2";
	const char *folder;

	scratch_init(&certificates->folder);
	folder = certificates->folder.path;
	run("%s -subj /CN=authority -keyout %s/a.key -out %s/a.pem 2>/dev/null",
	    request, folder, folder);
	run("%s -subj /CN=%s -addext subjectAltName=DNS:%s -CA %s/a.pem "
	    "-CAkey %s/a.key -keyout %s/n.key -out %s/n.pem 2>/dev/null",
	    request, name, name, folder, folder, folder, folder);
	path_join(certificates->paths[0], folder, "n.pem");
	path_join(certificates->paths[1], folder, "n.key");
	path_join(certificates->paths[2], folder, "a.pem");
	certificates->files = (struct tls_files){certificates->paths[0],
	    certificates->paths[1], certificates->paths[2]};
}

static void
frames_of_every_size_arrive_over_tls(void)
{
	struct certificates certificates;

	certificates_init(&certificates, "two");
	frames_of_every_size_arrive(&certificates.files);
	scratch_deinit(&certificates.folder);
}

/* Another authority, another name, no TLS on one side or the other. */
static void
who_has_no_right_certificate_is_not_let_in(void)
{
	struct loop *loop = loop_create();
	struct certificates right;
	struct certificates wrong;
	struct node two;
	struct node plain;
	struct node nodes[4];

	certificates_init(&right, "two");
	certificates_init(&wrong, "two");
	node_init(&two, loop, 2, &right.files);
	node_init(&plain, loop, 2, NULL);
	node_init(&nodes[0], loop, 3, &wrong.files);
	node_dial(&nodes[0], "two", two.address, 2);
	node_init(&nodes[1], loop, 4, &right.files);
	node_dial(&nodes[1], "three", two.address, 2);
	node_init(&nodes[2], loop, 5, NULL);
	node_dial(&nodes[2], "two", two.address, 2);
	node_init(&nodes[3], loop, 6, &right.files);
	node_dial(&nodes[3], "two", plain.address, 2);
	node_loop_pass(loop, 1000);
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(nodes[i].up, 0);
	/* And the right one still is, meanwhile. */
	node_dial(&nodes[1], "two", two.address, 2);
	NODE_AWAIT(node_is_up, &nodes[1]);
	CU_ASSERT_EQUAL(two.frames + two.hellos + plain.hellos, 0);
	for (int i = 0; i < 4; i++)
		node_deinit(&nodes[i]);
	node_deinit(&plain);
	node_deinit(&two);
	loop_close(loop);
	scratch_deinit(&right.folder);
	scratch_deinit(&wrong.folder);
}

static void
bad_certificates_are_told_at_the_start(void)
{
	struct loop *loop = loop_create();
	struct certificates certificates;
	struct tls_files files;
	struct node node;
	struct error err;

	certificates_init(&certificates, "two");
	files = certificates.files;
	files.key = "/nowhere/key.pem";
	CU_ASSERT_EQUAL(
	    node_open(&node, loop, 1, "127.0.0.1:0", &files, 64, &err),
	    STATUS_NOT_FOUND);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nowhere/key.pem"));
	files = certificates.files;
	files.key = files.certificate;
	CU_ASSERT_EQUAL(
	    node_open(&node, loop, 1, "127.0.0.1:0", &files, 64, &err),
	    STATUS_INVALID);
	files = certificates.files;
	files.authority = files.key;
	CU_ASSERT_EQUAL(
	    node_open(&node, loop, 1, "127.0.0.1:0", &files, 64, &err),
	    STATUS_INVALID);
	scratch_deinit(&certificates.folder);
	loop_close(loop);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(frames_of_every_size_arrive_over_tcp),
	    SUITE_CASE(frames_of_every_size_arrive_over_tls),
	    SUITE_CASE(who_has_no_right_certificate_is_not_let_in),
	    SUITE_CASE(bad_certificates_are_told_at_the_start),
	};

	log_open("test", LOG_ERROR);
	return suite_run("tls", cases, SUITE_COUNT(cases), argc, argv);
}
