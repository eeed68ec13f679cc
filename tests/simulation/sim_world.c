/* sim_world - time, the network, clients, an operator, and what goes wrong. */
#include <raft.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "replicator/core/frame.h"
#include "tests/simulation/sim.h"

#define TROUBLE_MS 20000
#define QUIET_MS 16000
#define CLIENTS_END_MS (TROUBLE_MS + QUIET_MS - 7000)
#define OPERATOR_END_MS (TROUBLE_MS + QUIET_MS - 8000)

enum sim_event_kind {
	EVENT_FRAME,
	EVENT_DISK,
	EVENT_TIMER,
	EVENT_RESTART,
	EVENT_FAULT,
	EVENT_HEAL,
	EVENT_CLIENT,
	EVENT_OPERATOR,
};

struct sim_event {
	uint64_t at_ms;
	uint64_t number; /* earlier first, at the same time */
	enum sim_event_kind kind;
	uint64_t server;
	unsigned incarnation;
	uint64_t detail; /* FRAME: the sender; TIMER: which one */
	uint8_t *frame; /* owned */
	size_t frame_size;
};

uint64_t
sim_below(struct sim *sim, uint64_t limit)
{
	return rng_below(&sim->rng, limit);
}

bool
sim_chance(struct sim *sim, double probability)
{
	return (double)(rng_next(&sim->rng) >> 11) * 0x1p-53 < probability;
}

/* The heap of events */

static bool
is_before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_ms < b->at_ms ||
	    (a->at_ms == b->at_ms && a->number < b->number);
}

static void
push_event(struct sim *sim, struct sim_event event)
{
	size_t place = sim->event_count++;

	if (sim->event_count > sim->event_capacity) {
		sim->event_capacity = sim->event_count * 2 + 64;
		sim->events = mem_resize(
		    sim->events, sim->event_capacity * sizeof(*sim->events));
	}
	event.number = sim->event_number++;
	if (event.server != 0)
		event.incarnation = sim->servers[event.server].incarnation;
	while (place > 0 && is_before(&event, &sim->events[(place - 1) / 2])) {
		sim->events[place] = sim->events[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	sim->events[place] = event;
}

static struct sim_event
pop_event(struct sim *sim)
{
	struct sim_event first = sim->events[0];
	struct sim_event last = sim->events[--sim->event_count];
	size_t place = 0;

	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= sim->event_count)
			break;
		if (child + 1 < sim->event_count &&
		    is_before(&sim->events[child + 1], &sim->events[child]))
			child++;
		if (!is_before(&sim->events[child], &last))
			break;
		sim->events[place] = sim->events[child];
		place = child;
	}
	sim->events[place] = last;
	return first;
}

/* What servers set going */

static void
put_on_wire(struct sim *sim, uint64_t from, uint64_t to, struct slice frame)
{
	uint64_t delay = sim->delay_min_ms +
	    sim_below(sim, sim->delay_max_ms - sim->delay_min_ms + 1);

	if (sim_chance(sim, 0.02))
		delay += sim_below(sim, 600);
	/* The content of a snapshot travels first. */
	if (frame.data[1] == RAFT_INSTALL_SNAPSHOT)
		delay += 10 + sim_below(sim, 150);
	push_event(sim,
	    (struct sim_event){.at_ms = sim->now_ms + delay,
		.kind = EVENT_FRAME,
		.server = to,
		.detail = from,
		.frame = mem_dup(frame.data, frame.size),
		.frame_size = frame.size});
}

void
sim_send(struct sim_server *from, uint64_t to, struct slice frame)
{
	struct sim *sim = from->sim;

	if (to == 0 || to > sim->count) {
		sim_fail(sim, "server %s sends to nobody", from->name);
		return;
	}
	if (sim->is_cut[from->id][to] ||
	    (sim->has_faults && sim_chance(sim, sim->loss)))
		return;
	if (sim->has_faults && sim_chance(sim, sim->doubling))
		put_on_wire(sim, from->id, to, frame);
	put_on_wire(sim, from->id, to, frame);
}

void
sim_set_timer(struct sim_server *server, uint64_t at_ms)
{
	push_event(server->sim,
	    (struct sim_event){.at_ms = at_ms,
		.kind = EVENT_TIMER,
		.server = server->id,
		.detail = ++server->timer});
}

void
sim_set_disk(struct sim_server *server)
{
	struct sim *sim = server->sim;
	uint64_t delay = sim_below(sim, 12);

	if (sim_chance(sim, 0.03))
		delay += sim_below(sim, 400);
	push_event(sim,
	    (struct sim_event){.at_ms = sim->now_ms + delay,
		.kind = EVENT_DISK,
		.server = server->id});
}

void
sim_set_restart(struct sim_server *server, uint64_t at_ms)
{
	push_event(server->sim,
	    (struct sim_event){
		.at_ms = at_ms, .kind = EVENT_RESTART, .server = server->id});
}

static void
set(struct sim *sim, enum sim_event_kind kind, uint64_t in_ms)
{
	push_event(sim,
	    (struct sim_event){.at_ms = sim->now_ms + in_ms, .kind = kind});
}

static struct sim_server *
leader_of(struct sim *sim)
{
	for (size_t i = 1; i <= sim->count; i++) {
		struct sim_server *server = &sim->servers[i];

		if (server->core != NULL &&
		    core_state(server->core) == CORE_LEADER)
			return server;
	}
	return NULL;
}

/* Faults */

static void
crash_one(struct sim *sim, struct sim_server *server, uint64_t down_ms)
{
	if (server->core == NULL)
		return;
	sim_server_crash(server);
	sim_set_restart(server, sim->now_ms + sim_below(sim, down_ms));
}

static void
cut_in_two(struct sim *sim)
{
	uint64_t sides = rng_next(&sim->rng);

	for (size_t i = 1; i <= sim->count; i++) {
		for (size_t j = 1; j <= sim->count; j++)
			sim->is_cut[i][j] =
			    (sides >> i & 1) != (sides >> j & 1);
	}
}

static void
cut_off(struct sim *sim, uint64_t server)
{
	for (size_t i = 1; i <= sim->count; i++) {
		sim->is_cut[i][server] = i != server;
		sim->is_cut[server][i] = i != server;
	}
}

static void
transfer(struct sim *sim, struct sim_server *leader)
{
	uint64_t to = sim_chance(sim, 0.3) ? 0 : 1 + sim_below(sim, sim->count);
	struct error err;

	sim->done.transfers++;
	sim_server_after(
	    leader, core_transfer(leader->core, sim->now_ms, to, &err), &err);
}

static void
fault(struct sim *sim)
{
	struct sim_server *leader = leader_of(sim);
	uint64_t a = 1 + sim_below(sim, sim->count);
	uint64_t b = 1 + sim_below(sim, sim->count);

	set(sim, EVENT_FAULT, 50 + sim_below(sim, 900));
	switch (sim_below(sim, 7)) {
	case 0:
	case 1:
		crash_one(sim, &sim->servers[a], 1500);
		return;
	case 2:
		cut_in_two(sim);
		set(sim, EVENT_HEAL, sim_below(sim, 2500));
		return;
	case 3: /* one way only */
		sim->is_cut[a][b] = a != b;
		set(sim, EVENT_HEAL, sim_below(sim, 2500));
		return;
	case 4:
		if (leader != NULL)
			transfer(sim, leader);
		return;
	case 5:
		if (leader != NULL) {
			cut_off(sim, leader->id);
			set(sim, EVENT_HEAL, sim_below(sim, 2500));
		}
		return;
	default:
		if (!sim_chance(sim, 0.2))
			return;
		for (size_t i = 1; i <= sim->count; i++)
			crash_one(sim, &sim->servers[i], 800);
		return;
	}
}

static void
end_of_trouble(struct sim *sim)
{
	sim->has_faults = false;
	memset(sim->is_cut, 0, sizeof(sim->is_cut));
	for (size_t i = 1; i <= sim->count && !sim_failed(sim); i++) {
		if (sim->servers[i].core == NULL)
			sim_server_start(&sim->servers[i]);
	}
}

/* The operator, who changes the members */

static void
change(struct sim *sim, struct sim_server *leader,
    const struct configuration *next)
{
	struct error err;

	sim_server_after(
	    leader, core_change(leader->core, sim->now_ms, next, &err), &err);
}

/* Promotes who has caught up; false if nobody has. */
static bool
promote(struct sim *sim, struct sim_server *leader)
{
	struct configuration next = *core_configuration(leader->core);

	for (size_t i = 0; i < next.count; i++) {
		struct server *server = &next.servers[i];

		if (server->role == SERVER_VOTER)
			continue;
		switch (core_catch_up_state(leader->core, server->id)) {
		case CATCH_UP_RUNNING:
			return true;
		case CATCH_UP_DONE:
			server->role = SERVER_VOTER;
			sim->done.promoted++;
			change(sim, leader, &next);
			return true;
		default:
			break;
		}
	}
	return false;
}

static void
bring_on(struct sim *sim, struct sim_server *leader, struct server *server,
    struct configuration *next)
{
	struct error err;

	if (server->id == leader->id)
		return;
	if (server->role == SERVER_SPARE && sim_chance(sim, 0.25)) {
		server->role = SERVER_STANDBY;
		change(sim, leader, next);
		return;
	}
	sim_server_after(leader,
	    core_catch_up(leader->core, sim->now_ms, server->id, &err), &err);
}

static void
add_one(struct sim *sim, struct sim_server *leader, struct configuration *next)
{
	for (uint64_t id = 1; id <= sim->count; id++) {
		struct server *added = &next->servers[next->count];

		if (configuration_find(next, id) != NULL)
			continue;
		*added = (struct server){.id = id, .role = SERVER_SPARE};
		memcpy(added->name, sim->servers[id].name,
		    sizeof(sim->servers[id].name));
		next->count++;
		change(sim, leader, next);
		return;
	}
}

static void
remove_one(
    struct sim *sim, struct sim_server *leader, struct configuration *next)
{
	size_t place = (size_t)sim_below(sim, next->count);
	struct server *server = &next->servers[place];

	if (server->role == SERVER_VOTER && sim_chance(sim, 0.5))
		server->role = SERVER_STANDBY;
	else
		*server = next->servers[--next->count];
	sim->done.removed++;
	change(sim, leader, next);
}

static void
operate(struct sim *sim)
{
	struct sim_server *leader = leader_of(sim);
	struct configuration next;
	struct server *other = NULL;

	if (leader == NULL || promote(sim, leader) || leader->core == NULL)
		return;
	if (sim->has_faults && !sim_chance(sim, 0.4))
		return;
	next = *core_configuration(leader->core);
	for (size_t i = 0; i < next.count; i++) {
		if (next.servers[i].role != SERVER_VOTER)
			other = &next.servers[i];
	}
	if (other != NULL && sim_chance(sim, 0.7))
		bring_on(sim, leader, other, &next);
	else if (sim_chance(sim, 0.5) && next.count < sim->count)
		add_one(sim, leader, &next);
	else if (configuration_voter_count(&next) > 3)
		remove_one(sim, leader, &next);
}

/* A run */

static void
propose_everywhere(struct sim *sim)
{
	for (size_t i = 1; i <= sim->count; i++) {
		struct sim_server *server = &sim->servers[i];

		if (server->core != NULL &&
		    core_state(server->core) == CORE_LEADER)
			sim_server_propose(server, 1 + sim_below(sim, 4));
	}
}

static void
happen_to_server(
    struct sim *sim, struct sim_server *server, const struct sim_event *event)
{
	bool is_same = event->incarnation == server->incarnation;

	if (event->kind == EVENT_RESTART) {
		if (server->core == NULL)
			sim_server_start(server);
		return;
	}
	if (server->core == NULL)
		return;
	if (event->kind == EVENT_FRAME &&
	    !sim->is_cut[event->detail][server->id])
		sim_server_receive(server, event->detail,
		    slice_of(event->frame, event->frame_size));
	else if (event->kind == EVENT_DISK && is_same)
		sim_server_disk(server);
	else if (event->kind == EVENT_TIMER && is_same &&
	    event->detail == server->timer)
		sim_server_timeout(server);
}

static void
happen(struct sim *sim, const struct sim_event *event)
{
	if (event->server != 0) {
		happen_to_server(sim, &sim->servers[event->server], event);
		return;
	}
	switch (event->kind) {
	case EVENT_FAULT:
		if (sim->has_faults)
			fault(sim);
		return;
	case EVENT_HEAL:
		memset(sim->is_cut, 0, sizeof(sim->is_cut));
		return;
	case EVENT_CLIENT:
		if (sim->now_ms >= CLIENTS_END_MS)
			return;
		propose_everywhere(sim);
		set(sim, EVENT_CLIENT, 3 + sim_below(sim, 40));
		return;
	case EVENT_OPERATOR:
		if (!sim->may_change || sim->now_ms >= OPERATOR_END_MS)
			return;
		operate(sim);
		set(sim, EVENT_OPERATOR, 50 + sim_below(sim, 250));
		return;
	default:
		return;
	}
}

static void
reset(struct sim *sim, uint64_t seed)
{
	struct sim fresh = {
	    .rng = rng_seeded(seed),
	    .seed = seed,
	    .guards_off = sim->guards_off,
	    .has_faults = true,
	    .events = sim->events,
	    .event_capacity = sim->event_capacity,
	    .history = sim->history,
	    .history_capacity = sim->history_capacity,
	    .leaders = sim->leaders,
	    .leaders_capacity = sim->leaders_capacity,
	    .votes = sim->votes,
	    .votes_capacity = sim->votes_capacity,
	    .done = sim->done,
	};

	for (size_t i = 1; i <= SIM_SERVERS_MAX; i++) {
		struct sim_server *server = &fresh.servers[i];

		server->log = sim->servers[i].log;
		server->disk = sim->servers[i].disk;
		server->log.first = server->disk.first = 1;
		server->log.count = server->disk.count = 0;
	}
	*sim = fresh;
	if (sim->leaders != NULL)
		memset(sim->leaders, 0,
		    sim->leaders_capacity * sizeof(*sim->leaders));
	if (sim->votes != NULL)
		memset(
		    sim->votes, 0, sim->votes_capacity * sizeof(*sim->votes));
}

/* Three or five voters, sometimes one, and joiners with empty disks. */
static void
populate(struct sim *sim)
{
	static const size_t sizes[] = {3, 5, 3, 5, 3, 1};
	struct sim_entry first = {.term = 1, .kind = LOG_ENTRY_CONFIGURATION};
	struct configuration members = {.count = 0};
	struct buffer bytes = {0};

	sim->voters = sizes[sim_below(sim, sizeof(sizes) / sizeof(*sizes))];
	sim->may_change = sim_chance(sim, 0.8);
	sim->count = sim->voters + (sim->may_change ? 2 : 0);
	sim->loss = sim_chance(sim, 0.3) ? 0 : (double)sim_below(sim, 20) / 100;
	sim->doubling = (double)sim_below(sim, 15) / 100;
	sim->delay_min_ms = sim_below(sim, 5);
	sim->delay_max_ms = sim->delay_min_ms + 1 + sim_below(sim, 40);
	sim->snapshot_entries = 8 + sim_below(sim, 60);
	for (size_t i = 1; i <= sim->count; i++) {
		struct sim_server *server = &sim->servers[i];

		server->sim = sim;
		server->id = i;
		snprintf(
		    server->name, sizeof(server->name), "n%u", (unsigned)i);
		if (i > sim->voters)
			continue;
		members.servers[members.count] =
		    (struct server){.id = i, .role = SERVER_VOTER};
		memcpy(members.servers[members.count].name, server->name,
		    sizeof(server->name));
		members.count++;
	}
	configuration_encode(&members, &bytes);
	first.size = buffer_size(&bytes);
	CHECK(first.size <= sizeof(first.data));
	memcpy(first.data, buffer_slice(&bytes).data, first.size);
	buffer_deinit(&bytes);
	for (size_t i = 1; i <= sim->voters; i++) {
		sim_log_push(&sim->servers[i].disk, &first);
		sim->servers[i].disk_term = 1;
	}
}

static void
tear_down(struct sim *sim)
{
	while (sim->event_count > 0)
		mem_free(sim->events[--sim->event_count].frame);
	for (size_t i = 1; i <= sim->count; i++) {
		if (sim->servers[i].core != NULL)
			sim_server_crash(&sim->servers[i]);
	}
}

bool
sim_run(struct sim *sim, uint64_t seed)
{
	uint64_t checked_s = 0;

	reset(sim, seed);
	populate(sim);
	for (size_t i = 1; i <= sim->count && !sim_failed(sim); i++)
		sim_server_start(&sim->servers[i]);
	set(sim, EVENT_CLIENT, 300);
	set(sim, EVENT_FAULT, 500);
	set(sim, EVENT_OPERATOR, 1500);
	while (sim->event_count > 0 && !sim_failed(sim)) {
		struct sim_event event = pop_event(sim);

		sim->now_ms = event.at_ms;
		if (sim->now_ms > TROUBLE_MS + QUIET_MS) {
			mem_free(event.frame);
			break;
		}
		if (sim->has_faults && sim->now_ms >= TROUBLE_MS)
			end_of_trouble(sim);
		happen(sim, &event);
		mem_free(event.frame);
		if (sim->now_ms / 1000 != checked_s) {
			checked_s = sim->now_ms / 1000;
			sim_check_second(sim);
		}
	}
	if (!sim_failed(sim))
		sim_check_end(sim);
	sim->done.seeds++;
	sim->done.committed += sim->history_last;
	tear_down(sim);
	return !sim_failed(sim);
}

void
sim_deinit(struct sim *sim)
{
	for (size_t i = 1; i <= SIM_SERVERS_MAX; i++) {
		mem_free(sim->servers[i].log.entries);
		mem_free(sim->servers[i].disk.entries);
	}
	mem_free(sim->events);
	mem_free(sim->history);
	mem_free(sim->leaders);
	mem_free(sim->votes);
	*sim = (struct sim){0};
}
