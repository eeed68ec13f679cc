#include "common/codec/append.h"
#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_reply.h"
#include "frontend/protocol/frame_request.h"
#include "tests/fuzz/seeds.h"

static void
seed_request(const struct frame_request *request)
{
	struct buffer bytes = {0};

	frame_request_encode(&bytes, request);
	seed_write("frame_request", buffer_slice(&bytes));
	buffer_deinit(&bytes);
}

static void
seed_requests(void)
{
	static const uint8_t opcodes[] = {FRAME_OPCODE_PING, FRAME_OPCODE_INFO,
	    FRAME_OPCODE_GET, FRAME_OPCODE_STAT, FRAME_OPCODE_SCAN,
	    FRAME_OPCODE_PUT, FRAME_OPCODE_DELETE, FRAME_OPCODE_INCREMENT,
	    FRAME_OPCODE_EXPIRE, FRAME_OPCODE_PERSIST,
	    FRAME_OPCODE_DELETE_RANGE};
	struct frame_request request = {.id = 5,
	    .ttl_ms = 60000,
	    .sequence = 12,
	    .delta = -3,
	    .key = slice_of("key", 3),
	    .value = slice_of("value", 5),
	    .start = slice_of("a", 1),
	    .end = slice_of("b", 1)};
	struct buffer keys = {0};
	struct buffer commands = {0};

	for (size_t i = 0; i < sizeof(opcodes); i++) {
		request.opcode = (enum frame_opcode)opcodes[i];
		seed_request(&request);
		frame_list_add_key(&keys, slice_of(opcodes + i, 1));
		if (frame_opcode_is_write(opcodes[i]))
			frame_list_add_command(&commands, &request);
	}
	request.opcode = FRAME_OPCODE_MULTI_GET;
	request.list = buffer_slice(&keys);
	request.count = sizeof(opcodes);
	seed_request(&request);
	request.opcode = FRAME_OPCODE_BATCH;
	request.list = buffer_slice(&commands);
	request.count = 6;
	seed_request(&request);
	buffer_deinit(&keys);
	buffer_deinit(&commands);
}

static void
seed_lists(struct buffer *out)
{
	struct frame_entry entry = {.key = slice_of("k", 1),
	    .value = slice_of("v", 1),
	    .sequence = 7,
	    .state = FRAME_KEY_FOUND};
	struct frame_result result = {.affected = true,
	    .has_old = true,
	    .has_number = true,
	    .old = slice_of("old", 3),
	    .number = -1};
	struct frame_reply_list list;

	frame_reply_list_begin(&list, out, FRAME_OPCODE_INFO, 1);
	frame_reply_list_add_pair(&list, "version", slice_of("1", 1));
	frame_reply_list_end(&list);
	frame_reply_list_begin(&list, out, FRAME_OPCODE_MULTI_GET, 2);
	frame_reply_list_add_value(&list, &entry);
	entry.state = FRAME_KEY_ABSENT;
	frame_reply_list_add_value(&list, &entry);
	frame_reply_list_end(&list);
	frame_reply_list_begin(&list, out, FRAME_OPCODE_SCAN, 3);
	frame_reply_list_add_entry(&list, &entry);
	frame_reply_list_end_scan(&list, true, slice_of("next", 4));
	frame_reply_list_begin(&list, out, FRAME_OPCODE_BATCH, 4);
	frame_reply_list_add_result(&list, &result);
	frame_reply_list_end(&list);
	frame_reply_result(out, FRAME_OPCODE_PUT, 5, &result);
	frame_reply_get(out, 6, &entry);
	frame_reply_stat(out, 7, &entry);
}

static void
seed_replies(void)
{
	struct frame_failure failure = {.status = FRAME_STATUS_INVALID,
	    .outcome = FRAME_OUTCOME_UNKNOWN,
	    .retry_after_ms = 100,
	    .text = slice_of("why", 3)};
	struct buffer bytes = {0};

	frame_reply_ping(&bytes, 1, slice_of("echo", 4));
	seed_write("frame_reply", buffer_slice(&bytes));
	buffer_clear(&bytes, SIZE_MAX);
	frame_reply_failure(&bytes, FRAME_OPCODE_PUT, 2, &failure);
	seed_write("frame_reply", buffer_slice(&bytes));
	buffer_clear(&bytes, SIZE_MAX);
	seed_lists(&bytes);
	seed_write("frame_reply", buffer_slice(&bytes));
	buffer_deinit(&bytes);
}

/* The first byte of each is the size of the pieces. */
static void
seed_redis(void)
{
	static const char *const texts[] = {
	    "\x07*1\r\n$4\r\nPING\r\n",
	    "\x03*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nv\r\n12\r\n"
	    "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
	    "\x01PING\r\nset key \"a \\x41\\n\" 'b\\''\r\nget key\r\n",
	    "\x05*0\r\n*-1\r\n*1\r\n$0\r\n\r\n",
	    "\x0a*2\r\n$6000\r\n",
	    "\x02*1\r\n$-1\r\n",
	    "\x02*01\r\n$04\r\nPING\r\n",
	    "\x02set \"open\r\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		seed_write_text("resp", texts[i]);
}

static void
seed_http(void)
{
	static const char *const requests[] = {
	    "\x09GET /key HTTP/1.1\r\nHost: a\r\n\r\n",
	    "\x01PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n"
	    "Content-Type: application/json\r\n\r\n{\"value\":\"abc\"}"
	    "DELETE /k HTTP/1.0\r\nIf-Match: \"12\"\r\n\r\n",
	    "\x11PUT /k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	    "Expect: 100-continue\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1"
	    "\r\n\r\n",
	    "\x05POST /-/batch HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	    "Content-Length: 13\r\n\r\n{\"get\":[\"a\"]}",
	    "\x0aHEAD /%41?a=1+2&b HTTP/1.1\r\nHost: a\r\nAccept: "
	    "*/*\r\nOrigin: x\r\n"
	    "If-None-Match: W/\"1\", *\r\n\r\n",
	    "\x0aGET /k HTTP/2.0\r\n a: b\r\n\r\n",
	    "\x0aPUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: "
	    "999999\r\n\r\nxxx",
	};
	static const char *const targets[] = {"/key", "/%41%00+%zz",
	    "/-/kv/a%2Fb?ttl=5", "/-/keys?prefix=a&limit=10", "/-/batch",
	    "/-/openapi.json", "/", "*", "http://h/x", "/a?b=c&d=%41+e&&f"};
	static const char *const chunks[] = {
	    "\x01"
	    "5\r\nhello\r\n0\r\n\r\nrest",
	    "\x04"
	    "A;x=y\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n",
	    "\x02"
	    "0fffffffffffffff\r\n",
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		seed_write_text("http_assembler", requests[i]);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		seed_write_text("http_target", targets[i]);
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++)
		seed_write_text("http_chunks", chunks[i]);
}

static void
seed_bodies(void)
{
	static const char *const bodies[] = {
	    "{\"value\":\"abc\",\"ttl\":3600}",
	    "{ \"ttl\" : 0.5 , \"value\" : \"\" }",
	    "{\"value_b64\":\"YQ==\",\"ttl\":null}",
	    "{\"value\":\"\\u00e9\\ud83d\\ude00\\n\"}",
	    "{\"get\":[\"a\",{\"key\":\"b\"},{\"key_b64\":\"Yw==\"}]}",
	    "{\"write\":[{\"op\":\"put\",\"key_b64\":\"YQ==\",\"value_b64\":"
	    "\"Yg==\",\"ttl\":0.5,\"if_none_match\":\"*\"},"
	    "{\"op\":\"delete\",\"key\":\"b\",\"if_match\":\"17\"},"
	    "{\"op\":\"increment\",\"key\":\"n\",\"delta\":-5},"
	    "{\"op\":\"expire\",\"key\":\"c\",\"ttl\":60,\"if_match\":\"*\"},"
	    "{\"op\":\"persist\",\"key\":\"c\"}]}",
	    "\"12\"",
	    "W/\"12\", \"13\" , *",
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		seed_write_text("http_body", bodies[i]);
}

void
seeds_clients(void)
{
	seed_requests();
	seed_replies();
	seed_redis();
	seed_http();
	seed_bodies();
}
