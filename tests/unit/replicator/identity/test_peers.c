#include <string.h>

#include "replicator/identity/peers.h"
#include "tests/support/suite.h"

static void
host_is_the_name_unless_one_is_given(void)
{
	struct peers peers;
	struct name_set names;
	struct error err;

	ASSERT_OK(peers_parse("node2:10002,n3=10.0.0.3:10003,[::1]:4", "node1",
		      &peers, &err),
	    &err);
	CU_ASSERT_EQUAL_FATAL(peers.count, 3);
	CU_ASSERT_STRING_EQUAL(peers.peers[0].name, "node2");
	CU_ASSERT_STRING_EQUAL(peers.peers[0].address.host, "node2");
	CU_ASSERT_EQUAL(peers.peers[0].address.port, 10002);
	CU_ASSERT_STRING_EQUAL(peers.peers[1].name, "n3");
	CU_ASSERT_STRING_EQUAL(peers.peers[1].address.host, "10.0.0.3");
	CU_ASSERT_STRING_EQUAL(peers.peers[2].name, "::1");
	peers_names(&peers, "node1", &names);
	CU_ASSERT_EQUAL(names.count, 4);
	CU_ASSERT_STRING_EQUAL(names.names[0], "::1");
	CU_ASSERT_STRING_EQUAL(names.names[2], "node1");
}

static void
mistakes_are_named_with_their_remedy(void)
{
	static const char *const cases[][2] = {
	    {"", "has no port"},
	    {"node2", "has no port"},
	    {"node2:0", "lacks the host or the port"},
	    {":10002", "lacks the host or the port"},
	    {"off", "lacks the host or the port"},
	    {"node2:x", "which is no number"},
	    {"node2:1,", "has no port"},
	    {"=host:1", "gives no proper name"},
	    {"a b=host:1", "gives no proper name"},
	    {"n_\xc3\xa9=host:1", "gives no proper name"},
	    {"a=b=c:1", "lacks the host or the port"},
	    {"node1:2", "is this node itself"},
	    {"node2:1,node2:2", "is there twice"},
	    {"1=h:1,2=h:1,3=h:1,4=h:1,5=h:1,6=h:1,7=h:1,8=h:1,9=h:1,10=h:1,"
	     "11=h:1,12=h:1,13=h:1,14=h:1,15=h:1,16=h:1",
		"more than 15 peers"},
	};
	char large[1000];
	struct peers peers;
	struct error err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(peers_parse(cases[i][0], "node1", &peers, &err),
		    STATUS_INVALID);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, cases[i][1]));
		if (strstr(err.text, cases[i][1]) == NULL)
			fprintf(stderr, "%s: %s\n", cases[i][0], err.text);
	}
	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	CU_ASSERT_EQUAL(
	    peers_parse(large, "node1", &peers, &err), STATUS_INVALID);
	CU_ASSERT_EQUAL(
	    peers_parse("node2:1", "no de", &peers, &err), STATUS_INVALID);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(host_is_the_name_unless_one_is_given),
	    SUITE_CASE(mistakes_are_named_with_their_remedy),
	};

	return suite_run("peers", cases, SUITE_COUNT(cases), argc, argv);
}
