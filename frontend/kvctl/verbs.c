#include "frontend/kvctl/verbs.h"

#include <stdio.h>
#include <string.h>

#include "common/base/nearest.h"
#include "frontend/kvctl/arguments.h"

#define BIT(option) (UINT32_C(1) << OPTION_##option)

#define ESCAPED                                                       \
	"  --escaped      KEY is written as scan prints it: \\t \\n " \
	"\\r \\\\ \\xHH\n"

static const struct verb verbs[] = {
    {{"put", NULL}, kvctl_put, 1, 2,
	BIT(TTL) | BIT(IF_ABSENT) | BIT(IF_PRESENT) | BIT(ESCAPED),
	"put KEY [VALUE]",
	"store a value; without VALUE, or with -, it is read from stdin",
	"  --ttl TIME     let it expire: 90, 90s, 1h30m, 500ms (default: "
	"never)\n"
	"  --if-absent    only if the key is not there\n"
	"  --if-present   only if the key is there\n" ESCAPED,
	"kvctl put session:7 --ttl 1h < session.bin"},
    {{"get", NULL}, kvctl_get, 1, 1, BIT(ESCAPED), "get KEY",
	"write the value to stdout, byte for byte",
	ESCAPED "On a terminal a line feed follows the value.\n",
	"kvctl get session:7 > session.bin"},
    {{"delete", NULL}, kvctl_delete, 1, 1, BIT(ESCAPED), "delete KEY",
	"delete a key; exit code 1 if it was not there", ESCAPED,
	"kvctl delete session:7"},
    {{"ttl", NULL}, kvctl_ttl, 1, 2, BIT(ESCAPED), "ttl KEY [TIME|never]",
	"print the seconds until a key expires, or set them",
	ESCAPED "Prints \"never\" for a key without a deadline.\n",
	"kvctl ttl session:7 30m"},
    {{"scan", NULL}, kvctl_scan, 0, 0,
	BIT(PREFIX) | BIT(START) | BIT(END) | BIT(LIMIT) | BIT(KEYS) |
	    BIT(ESCAPED),
	"scan", "list keys and values in the order of the keys",
	"  --prefix TEXT  only keys that begin with it\n"
	"  --start KEY    from this key on\n"
	"  --end KEY      up to, not including, this key\n"
	"  --limit N      at most N entries\n"
	"  --keys         keys alone\n"
	"  --escaped      the keys given are written as those printed\n"
	"A line is a key, a tab, a value; \\t \\n \\r \\\\ and \\xHH stand "
	"for\n"
	"bytes that would not fit in a line. With -o json each line is an\n"
	"object; bytes that are no UTF-8 are in key_b64 and value_b64.\n",
	"kvctl scan --prefix session: --limit 20"},
    {{"help", NULL}, kvctl_help, 0, 2, 0, "help [VERB]",
	"tell what there is, or more on a verb", "", "kvctl help put"},
    {{"status", NULL}, kvctl_status, 0, 0, 0, "status",
	"tell how the node on this host is", "", "kvctl status -o json"},
    {{"worker", "list"}, kvctl_worker_list, 0, 0, 0, "worker list",
	"list the processes of the node on this host", "",
	"kvctl worker list --data-dir /var/lib/kvstore"},
    {{"worker", "restart"}, kvctl_worker_restart, 1, 1, 0,
	"worker restart NAME", "restart one of them; clients see a delay", "",
	"kvctl worker restart http-0"},
    {{"checkpoint", NULL}, kvctl_checkpoint, 1, 1, 0, "checkpoint DIR",
	"make a data directory with all that the running node holds",
	"DIR must not exist, and lie on the file system of the data "
	"directory: the\n"
	"files are hard links, so it takes next to no space or time, and "
	"writes go on.\n"
	"Everything written before the call is in it. It is a whole data "
	"directory:\n"
	"start one with server -data-dir DIR, copy it away, or check it "
	"with\n"
	"kvctl db check DIR. It has the id of the store that it was made "
	"from.\n"
	"The node's process makes it: its user must be able to write "
	"there.\n",
	"kvctl checkpoint /var/lib/kvstore-monday"},
    {{"db", "check"}, kvctl_db_check, 1, 1, 0, "db check DIR",
	"verify every byte of a data directory that no server has open",
	"Reads the identity, the manifest, all tables and the journal, and "
	"changes\n"
	"nothing. Prints a line for each thing found: \"damaged\" (exit code "
	"1;\n"
	"kvctl db repair says what can be saved)\n"
	"or \"note\", which harms nobody. A running node's data is checked by "
	"making a\n"
	"checkpoint and checking that.\n",
	"kvctl db check /var/lib/kvstore"},
    {{"db", "dump"}, kvctl_db_dump, 1, 1,
	BIT(PREFIX) | BIT(START) | BIT(END) | BIT(LIMIT) | BIT(RAW),
	"db dump DIR", "print what such a directory holds, as lines of JSON",
	"  --prefix TEXT  only keys that begin with it\n"
	"  --start KEY    from this key on\n"
	"  --end KEY      up to, not including, this key\n"
	"  --limit N      at most N lines\n"
	"  --raw          what each file holds, newest files first: of every "
	"key its\n"
	"                 newest version there, deletions and expired ones "
	"included\n"
	"The journal is applied in memory, so the lines are what a server "
	"that starts\n"
	"now would show; nothing in DIR is changed. deadline_ms is in "
	"milliseconds\n"
	"since 1970, or null. Bytes that are no UTF-8 are in key_b64 and "
	"value_b64.\n",
	"kvctl db dump /var/lib/kvstore --prefix session:"},
    {{"db", "repair"}, kvctl_db_repair, 1, 1, BIT(APPLY), "db repair DIR",
	"say what can be saved of a damaged directory; with --apply, save it",
	"  --apply        do it, instead of only saying so\n"
	"Prints what is damaged, what is lost with it (lose), what may be "
	"wrong\n"
	"afterwards (doubt), and what is done (do). Intact blocks of damaged "
	"tables go\n"
	"into new tables; a lost manifest is made from the tables; the "
	"intact beginning\n"
	"of the journal is kept. Nothing is deleted: what is replaced is "
	"moved to\n"
	"lost+found-N in DIR. The exit code is 1 while there is something to "
	"repair.\n",
	"kvctl db repair /var/lib/kvstore"},
    {{"flush", NULL}, kvctl_flush, 0, 0, 0, "flush",
	"write what is in memory to tables", "", "kvctl flush"},
    {{"compact", NULL}, kvctl_compact, 0, 0, 0, "compact",
	"do so, and merge tables until nothing is due",
	"With much data that takes long; see --timeout.\n",
	"kvctl compact --timeout 1h"},
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const char common_options[] =
    "Options of every verb:\n"
    "  --endpoint HOST:PORT  the node's TCP door, for put, get, delete, ttl\n"
    "                        and scan (default 127.0.0.1:9090)\n"
    "  --data-dir DIR        whose node the other verbs speak to (default\n"
    "                        ./data, else the system's)\n"
    "  --timeout TIME        how long to wait for an answer (default 30s)\n"
    "  -o, --output FORM     text (default) or json\n";

static const char exit_codes[] =
    "Exit codes:\n"
    "  0   done\n"
    "  1   not found; db: damaged\n"
    "  2   refused: a condition does not hold, a limit, no such worker, ...\n"
    "  3   unreachable: nobody there, or no answer; nothing was changed\n"
    "  4   outcome unknown: the change may or may not have been made\n"
    "  64  the command line is wrong\n"
    "  74  the output cannot be written\n";

size_t
verb_word_count(const struct verb *verb)
{
	return verb->words[1] != NULL ? 2 : 1;
}

const struct verb *
verb_find(const char *const *words, size_t count)
{
	for (size_t i = 0; i < VERBS; i++) {
		size_t own = verb_word_count(&verbs[i]);
		size_t same = 0;

		while (same < own && same < count &&
		    strcmp(verbs[i].words[same], words[same]) == 0)
			same++;
		if (same == own)
			return &verbs[i];
	}
	return NULL;
}

/* Joins the words, at most two, as one types them. */
static void
join(const char *const *words, size_t count, char out[NEAREST_BYTES_MAX + 1])
{
	snprintf(out, NEAREST_BYTES_MAX + 1, "%s%s%s", words[0],
	    count > 1 ? " " : "", count > 1 ? words[1] : "");
}

enum exit_code
verb_unknown(const char *const *words, size_t count)
{
	char names[VERBS][NEAREST_BYTES_MAX + 1];
	char given[NEAREST_BYTES_MAX + 1];
	struct nearest one = {.wrong = words[0]};
	struct nearest both = {.wrong = given};

	join(words, count, given);
	for (size_t i = 0; i < VERBS; i++) {
		size_t own = verb_word_count(&verbs[i]);

		join(verbs[i].words, own, names[i]);
		nearest_offer(own == 1 ? &one : &both, names[i]);
	}
	if (one.best == NULL)
		one.best = both.best;
	fprintf(stderr, "kvctl: there is no verb %s", given);
	if (one.best != NULL)
		fprintf(stderr, "; did you mean %s?", one.best);
	fprintf(stderr, "; kvctl --help\n");
	return EXIT_MISUSED;
}

void
verb_help(const struct verb *verb)
{
	if (verb == NULL) {
		printf("Usage: kvctl VERB [ARGUMENTS] [OPTIONS]\n\n");
		for (size_t i = 0; i < VERBS; i++)
			printf("  %-22s %s\n  %-22s   %s\n", verbs[i].usage,
			    verbs[i].summary, "", verbs[i].example);
		printf("\nMore on one of them: kvctl VERB --help\n\n%s\n%s",
		    common_options, exit_codes);
		return;
	}
	printf("Usage: kvctl %s [OPTIONS]\n\n%c%s.\n\n", verb->usage,
	    verb->summary[0] - 'a' + 'A', verb->summary + 1);
	printf("%s%sExample: %s\n\n%s", verb->details,
	    verb->details[0] != '\0' ? "\n" : "", verb->example,
	    common_options);
}

enum exit_code
kvctl_help(const struct kvctl *kvctl)
{
	const struct verb *verb = verb_find(kvctl->words, kvctl->word_count);

	if (verb == NULL && kvctl->word_count > 0)
		return verb_unknown(kvctl->words, kvctl->word_count);
	verb_help(verb);
	return EXIT_DONE;
}
