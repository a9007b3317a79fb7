// SPDX-License-Identifier: AGPL-3.0-or-later
/* A cluster of canned replies, some of them missing or odd. */
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "pve/node/node-api.h"
#include "pve/config/paths.h"
#include "tests/unit/shown.h"
#include "tests/unit/unit.h"

struct canned {
	const char *path; /* behind /api2/json */
	const char *body; /* of a 200; NULL: 501 */
};

#define CARD(bdf, group)                                                                           \
	"{\"id\":\"" bdf "\",\"class\":\"0x030000\",\"vendor\":\"0x10de\",\"device\":\"0x2204\","  \
	"\"subsystem_vendor\":\"0x1043\",\"subsystem_device\":\"0x87d5\",\"iommugroup\":" group    \
	"}"
#define MAP "id=10de:2204,iommugroup=1,path=0000:01:00.0,subsystem-id=1043:87d5,node="

static const struct canned cluster[] = {
	{"/nodes",
		"{\"data\":[{\"node\":\"node1\",\"status\":\"online\"},{\"node\":\"node2\",\"status\":"
		"\"online\"},{\"node\":\"node3\",\"status\":\"offline\"},{\"node\":\"../x\"}]}"},
	{"/nodes/node1/hardware/pci?pci-class-blacklist=&verbose=1",
		"{\"data\":[" CARD(
			"0000:01:00.0", "1") ",{\"id\":\"0000:00:01.0\",\"class\":\"0x060400\","
					     "\"iommugroup\":1},{\"id\":\"odd\"}]}"},
	{"/nodes/node2/hardware/pci?pci-class-blacklist=&verbose=1",
		"{\"data\":[" CARD("0000:01:00.0", "\"4\"") "," CARD("0000:02:00.0", "-1") "]}"},
	{"/cluster/mapping/pci", "{\"data\":[{\"id\":\"gpu\",\"map\":[\"" MAP "node1\",\"" MAP
				 "node2\"]},{\"id\":\"one\",\"map\":[\"" MAP "node1\"]}]}"},
	{"/cluster/resources?type=vm",
		"{\"data\":[{\"type\":\"qemu\",\"vmid\":101,\"node\":\"node2\"},{\"type\":\"qemu\",\"vmid\":"
		"\"100\",\"node\":\"node1\"},{\"type\":\"lxc\",\"vmid\":105,\"node\":\"node1\"},"
		"{\"type\":\"qemu\",\"vmid\":102,\"node\":\"node2\"},{\"type\":\"qemu\",\"vmid\":103,"
		"\"node\":\"node2\"}]}"},
	{"/cluster/ha/resources", "{\"data\":[{\"sid\":\"vm:100\",\"group\":\"some\\nvm: 103\"},"
				  "{\"sid\":\"ct:105\"},{\"sid\":7}]}"},
	{"/cluster/ha/groups", NULL},
	{"/cluster/ha/rules", "{\"data\":[{\"rule\":\"r\",\"type\":\"node-affinity\",\"resources\":"
			      "\"vm:100\",\"nodes\":\"node1,node2\",\"strict\":1}]}"},
	{"/nodes/node1/qemu/100/config",
		"{\"data\":{\"digest\":\"x\",\"hostpci0\":\"mapping=one\"}}"},
	{"/nodes/node2/qemu/101/config",
		"{\"data\":{\"digest\":\"x\",\"hostpci0\":\"mapping=gpu\"}}"},
	{"/nodes/node2/qemu/102/config", "{\"data\":{\"digest\":\"x\",\"memory\":64}}"},
};

static struct canned odd; /* an answer in place of the usual one */

struct server {
	pid_t pid;
	uint16_t port;
};

static void answer(int client)
{
	char request[4096] = "", path[512] = "";
	const char *status = "404 not there", *body = "";

	if (read(client, request, sizeof(request) - 1) <= 0)
		return;
	sscanf(request, "GET /api2/json%511s", path);
	pt_foreach (one, cluster, PT_ARRAY_SIZE(cluster)) {
		if (!pt_streq(one->path, path))
			continue;
		status = one->body ? "200 OK" : "501 not here";
		body = one->body ? one->body : "";
		if (odd.path && pt_streq(path, odd.path))
			body = odd.body;
	}
	dprintf(client, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", status,
		strlen(body), body);
}

static void serve(struct fake *fake, struct server *server)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	char conf[160], path[128];

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 32), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	server->port = ntohs(address.sin_port);
	server->pid = fork();
	if (server->pid == 0) {
		for (;;) {
			int client = accept(listener, NULL, NULL);

			answer(client);
			close(client);
		}
	}
	close(listener);
	snprintf(
		conf, sizeof(conf), "token = a@pve!b=c\nurl = http://127.0.0.1:%u\n", server->port);
	fake_file(fake, PT_API_CONF, conf);
	snprintf(path, sizeof(path), "%s" PT_API_CONF, fake->root);
	assert_int_equal(chmod(path, 0600), 0);
}

static void end(struct server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}

/* The tags that the guest's check finds on the node, "a b "; the caller's. */
static char *tags_of(struct pt_node *node, const struct pt_guest *guest)
{
	struct pt_findings PT_FINDINGS findings = {0};
	struct pt_facts PT_FACTS facts = {0};
	char *list = strdup("");

	assert_int_equal(pt_facts_gather(node, guest, PT_DEPTH_CHECK, &facts, NULL), 0);
	pt_check_run(&facts, &findings);
	pt_foreach (finding, findings.finding, findings.count) {
		char *longer = pt_format("%s%s ", list, finding->check->tag);

		free(list);
		list = longer;
	}
	return list;
}

static void nodes_are_listed(void **state)
{
	struct pt_names PT_NAMES online = {0}, offline = {0};
	struct pt_api PT_API *api = NULL;
	struct pt_err err = {0};
	struct server server;

	serve(*state, &server);
	assert_int_equal(pt_api_open(((struct fake *)*state)->host, &api, &err), 0);
	assert_int_equal(pt_api_nodes(api, 20000, &online, &offline, &err), 0);
	end(&server);
	assert_int_equal(online.count, 2);
	assert_string_equal(online.name[1], "node2");
	assert_int_equal(offline.count, 1);
	assert_true(pt_api_nodes(api, 500, &online, &offline, &err) < 0);
}

static void expect_no_node(struct fake *fake, const char *reason)
{
	static const char *const names[] = {"node1"};
	struct pt_node *node = NULL;
	struct pt_err why = {0}, err = {0};
	struct pt_api PT_API *api = NULL;
	struct server server;

	serve(fake, &server);
	assert_int_equal(pt_api_open(fake->host, &api, &err), 0);
	assert_true(pt_api_read_nodes(api, names, 1, 20000, NULL, &node, &why, &err) < 0);
	end(&server);
	pt_node_close(node);
	assert_string_equal(err.text, reason);
}

/* A reply of another form is none. */
static void a_reply_must_be_a_list(void **state)
{
	static const struct {
		struct canned odd;
		const char *err;
	} cases[] = {
		{{"/cluster/mapping/pci", "{\"data\":{}}"},
			"mappings: the reply holds no list \"data\""},
		{{"/cluster/mapping/pci", "null"}, "mappings: is null"},
		{{"/cluster/mapping/pci", "{\"data\":[null]}"},
			"mappings: element 0 of the reply is no object"},
		{{"/cluster/mapping/pci", "{\"data\":[{\"id\":\"gpu\"}]}"},
			"mappings: mapping gpu has no list \"map\""},
		{{"/cluster/mapping/pci", "{\"data\":[{\"id\":\"gpu\",\"map\":[null]}]}"},
			"mappings: mapping gpu: map[0] is no text"},
		{{"/cluster/resources?type=vm", "{\"data\":[{\"vmid\":[100]}]}"},
			"guests: element 0 of the reply: \"vmid\" is neither text nor number"},
		{{"/cluster/resources?type=vm", "{\"data\":[{\"type\":\"qemu\"}]}"},
			"guests: element 0 of the reply has no \"vmid\""},
		{{"/cluster/ha/resources", "{\"data\":[{\"sid\":null}]}"},
			"HA: element 0 of the reply: \"sid\" is neither text nor number"},
	};

	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		odd = one->odd;
		expect_no_node(*state, one->err);
	}
	odd = (struct canned){0};
}

/* Of a node's devices, that node is unknown. */
static void a_device_must_be_an_object(void **state)
{
	static const char *const names[] = {"node1"};
	struct pt_node *node = NULL;
	struct pt_err why = {0}, err = {0};
	struct pt_api PT_API *api = NULL;
	struct server server;

	odd = (struct canned){"/nodes/node1/hardware/pci?pci-class-blacklist=&verbose=1",
		"{\"data\":[" CARD("0000:01:00.0", "{}") "]}"};
	serve(*state, &server);
	assert_int_equal(pt_api_open(((struct fake *)*state)->host, &api, &err), 0);
	assert_int_equal(pt_api_read_nodes(api, names, 1, 20000, NULL, &node, &why, &err), 0);
	end(&server);
	odd = (struct canned){0};
	assert_null(node);
	assert_string_equal(
		why.text, "element 0 of the reply: \"iommugroup\" is neither text nor number");
}

static void nodes_are_judged(void **state)
{
	static const char *const names[] = {"node1", "node2", "node9"};
	static const char config[] = "hostpci0: mapping=gpu\n";
	struct pt_guest_query query = {.vmid = 107, .node = "node1", .view = PT_VIEW_CURRENT};
	const struct pt_finding *unfit;
	struct pt_guest *guest = NULL;
	struct pt_findings findings = {0};
	struct pt_facts facts = {0};
	struct fake *fake = *state;
	struct pt_node *node[3] = {0};
	struct pt_err why[3] = {0}, err = {0};
	struct pt_api PT_API *api = NULL;
	struct server server;
	char *tags;

	serve(fake, &server);
	assert_int_equal(pt_api_open(fake->host, &api, &err), 0);
	assert_int_equal(pt_api_read_nodes(api, names, 3, 20000, &fake->log, node, why, &err), 0);
	end(&server);
	/* one that does not answer does not keep the others from it */
	assert_null(node[2]);
	assert_string_equal(why[2].text, "it answered with HTTP status 404: not there");
	/* nor does a guest; one without passthrough is left out */
	assert_holds(fake->said,
		"warning: guest 103 of node node2: it answered with HTTP status 404: not there");
	assert_int_equal(node[0]->guest_count, 1);
	assert_int_equal(node[1]->guest_count, 1);
	assert_int_equal(node[1]->vmid_count, 1);
	assert_int_equal(node[1]->vmid[0], 101);
	assert_int_equal(node[0]->inventory.count, 2);
	assert_true(node[0]->inventory.function[0].is_bridge);
	/* HA may start guest 100 on node2, for which its mapping has nothing; a name cannot begin a
	 * section */
	assert_int_equal(node[0]->ha.count, 1);
	tags = tags_of(node[0], node[0]->guest[0]);
	assert_string_equal(tags, "node-unfit not-migratable hook-not-attached ");
	free(tags);
	/* the group is not the one that the mapping has; unknown facts lead to no finding */
	tags = tags_of(node[1], node[1]->guest[0]);
	assert_string_equal(tags, "mapping-mismatch not-migratable ");
	free(tags);
	/* node2's device under the mapping's address is known, too */
	assert_int_equal(pt_guest_parse(config, strlen(config), &query, &guest, NULL), 0);
	assert_int_equal(pt_facts_gather(node[0], guest, PT_DEPTH_CHECK, &facts, NULL), 0);
	pt_check_run(&facts, &findings);
	unfit = NULL;
	pt_foreach (finding, findings.finding, findings.count) {
		if (pt_streq(finding->check->tag, "node-unfit"))
			unfit = finding;
	}
	assert_non_null(unfit);
	assert_holds(message_of(unfit),
		"mapping gpu is wrong on node2, where the guest may run: 0000:01:00.0: ");
	assert_holds(message_of(unfit), "iommugroup");
	pt_findings_clear(&findings);
	pt_facts_clear(&facts);
	pt_guest_free(guest);
	for (size_t i = 0; i < 2; i++)
		pt_node_close(node[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(nodes_are_listed),
		MACHINE_TEST(nodes_are_judged),
		MACHINE_TEST(a_reply_must_be_a_list),
		MACHINE_TEST(a_device_must_be_an_object),
	};

	return cmocka_run_group_tests_name("node-api", tests, NULL, NULL);
}
