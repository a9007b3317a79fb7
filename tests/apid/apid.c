// SPDX-License-Identifier: AGPL-3.0-or-later
/* apid --root DIR --token TOKEN --port PORT [--tls NAMES [--expired] --ca FILE] [--misbehave FILE]
 * [--deaf]: answers the part of Proxmox VE's API that we ask, from a folder laid out like /etc/pve,
 * on the loopback address. A request without the token gets a 401 after 3 s, as there. Configs go
 * through the project's own reader, which the conformance cases check. With --tls it makes itself a
 * certificate for NAMES ("IP:127.0.0.1") and writes its CA to FILE. The first line of the file of
 * --misbehave names the fault of the next requests: see misbehave.h; "other" answers with the next
 * guest's config, "http10" in HTTP/1.0. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <microhttpd.h>
#include <openssl/evp.h>
#include <signal.h>

#include "lib/pci/inventory.h"
#include "lib/base/json.h"
#include "pve/config/guest.h"
#include "pve/config/mapping.h"
#include "tests/apid/misbehave.h"
#include "tests/identity.h"

#define UNAUTHORIZED_DELAY_S 3

struct server {
	struct pt_host *root;  /* the folder laid out like /etc/pve */
	struct pt_host *host;  /* the machine */
	char *authorization;   /* the header that is asked for */
	const char *misbehave; /* a file, or NULL */
	bool tls;
	struct identity identity;
};

/* An answer: data (a reference) or a status other than 200. */
struct answer {
	unsigned int status;
	struct json_object *data;
};

static struct answer refuse(unsigned int status)
{
	return (struct answer){status, NULL};
}

static struct answer give(struct json_object *data)
{
	return (struct answer){MHD_HTTP_OK, data};
}

static void add_digest(struct json_object *json, const char *text, size_t length)
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	char hex[2 * EVP_MAX_MD_SIZE + 1] = "";

	EVP_Digest(text, length, raw, &size, EVP_sha1(), NULL);
	for (unsigned int i = 0; i < size; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", raw[i]);
	json_object_object_add(json, "digest", json_object_new_string(hex));
}

static int read_config(const struct server *server, const char *node, const char *vmid, char **text,
	size_t *length)
{
	PT_FREE char *path = pt_format("/nodes/%s/qemu-server/%s.conf", node, vmid);

	return pt_host_read(server->root, path, 1 << 20, text, length);
}

/* Whole numbers come as numbers, as the schema of most such keys has it; the rest as text. */
static struct json_object *config_value(const struct pt_guest_key *key)
{
	bool number = key->length > 0 && key->length < 10 &&
		      strspn(key->value, "0123456789") == key->length;

	if (number && !pt_starts_with(key->key, "hostpci"))
		return json_object_new_int64(atoll(key->value));
	return json_object_new_string_len(key->value, (int)key->length);
}

static struct answer guest_config(const struct server *server, struct MHD_Connection *connection,
	const char *node, const char *vmid)
{
	const char *current =
		MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "current");
	const char *snapshot =
		MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "snapshot");
	struct pt_guest_query query = {.node = node, .snapshot = snapshot};
	struct pt_guest PT_GUEST *guest = NULL;
	PT_FREE char *text = NULL;
	struct json_object *json;
	size_t length;

	query.view = snapshot		      ? PT_VIEW_SNAPSHOT
		     : pt_streq(current, "1") ? PT_VIEW_CURRENT
					      : PT_VIEW_NEXT;
	if (!pt_vmid_parse(vmid, &query.vmid) || !pt_node_name_valid(node))
		return refuse(MHD_HTTP_BAD_REQUEST);
	if (read_config(server, node, vmid, &text, &length) < 0 ||
		pt_guest_parse(text, length, &query, &guest, NULL) < 0)
		return refuse(MHD_HTTP_INTERNAL_SERVER_ERROR);
	json = json_object_new_object();
	pt_guest_foreach (key, guest)
		json_object_object_add(json, key.key, config_value(&key));
	add_digest(json, text, length);
	return give(json);
}

static struct json_object *guest_entry(const char *node, const char *file)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "vmid", json_object_new_int(atoi(file)));
	json_object_object_add(json, "node", json_object_new_string(node));
	json_object_object_add(json, "type", json_object_new_string("qemu"));
	return json;
}

static void add_guests(const struct server *server, const char *node, struct json_object *list)
{
	PT_FREE char *path = pt_format("/nodes/%s/qemu-server", node);
	struct pt_names PT_NAMES files = {0};

	if (!path || pt_host_list(server->root, path, &files) < 0)
		return;
	pt_foreach (file, files.name, files.count)
		json_object_array_add(list, guest_entry(node, *file));
}

static struct answer guests(const struct server *server, const char *node)
{
	struct json_object *list = json_object_new_array();

	if (pt_node_name_valid(node))
		add_guests(server, node, list);
	return give(list);
}

/* A file in its folder says so. */
static bool is_offline(const struct server *server, const char *node)
{
	PT_FREE char *path = pt_format("/nodes/%s/offline", node);

	return path && pt_host_exists(server->root, path);
}

/* One object a node; with_guests: the guests of all nodes instead. */
static struct answer nodes(const struct server *server, bool with_guests)
{
	struct json_object *list = json_object_new_array();
	struct pt_names PT_NAMES names = {0};

	pt_host_list(server->root, "/nodes", &names);
	pt_foreach (name, names.name, names.count) {
		struct json_object *node;

		if (with_guests) {
			add_guests(server, *name, list);
			continue;
		}
		node = json_object_new_object();
		json_object_object_add(node, "node", json_object_new_string(*name));
		json_object_object_add(node, "name", json_object_new_string(*name));
		json_object_object_add(node, "type", json_object_new_string("node"));
		json_object_object_add(node, "status",
			json_object_new_string(is_offline(server, *name) ? "offline" : "online"));
		json_object_array_add(list, node);
	}
	return give(list);
}

/* The cluster itself comes first, then its nodes. */
static struct answer cluster_status(const struct server *server)
{
	struct answer rest = nodes(server, false);
	struct json_object *list = json_object_new_array(), *cluster = json_object_new_object();
	size_t count = json_object_array_length(rest.data);

	json_object_object_add(cluster, "type", json_object_new_string("cluster"));
	json_object_object_add(cluster, "name", json_object_new_string("lab"));
	json_object_object_add(cluster, "nodes", json_object_new_uint64(count));
	json_object_object_add(cluster, "quorate", json_object_new_int(1));
	json_object_array_add(list, cluster);
	for (size_t i = 0; i < count; i++)
		json_object_array_add(
			list, json_object_get(json_object_array_get_idx(rest.data, i)));
	json_object_put(rest.data);
	return give(list);
}

/* The first function of a path "0000:01:00;0000:02:00.0", "0000:01:00.0". The caller's. */
static char *first_function(const char *path)
{
	PT_FREE char *first = path ? strndup(path, strcspn(path, ";")) : NULL;

	return first ? pt_format("%s%s", first, strchr(first, '.') ? "" : ".0") : NULL;
}

/* Lists the misfits on the node that is checked; nothing is known of another node. */
static struct json_object *mapping_checks(
	const struct server *server, const struct pt_mapping *mapping, const char *node)
{
	struct json_object *checks = json_object_new_array();

	pt_foreach (entry, mapping->entry, mapping->count) {
		struct pt_function function = {0};
		struct pt_err err = {0};
		struct json_object *check;
		PT_FREE char *path = first_function(entry->path);
		struct pt_bdf bdf;
		int r = -EINVAL;

		if (!pt_streq(entry->node, node))
			continue;
		if (path && pt_bdf_parse(path, &bdf))
			r = pt_function_read(server->host, &bdf, &function, &err);
		if (r == 0)
			r = pt_map_entry_check(mapping, entry, &function, true, &err);
		pt_function_clear(&function);
		if (r == 0)
			continue;
		check = json_object_new_object();
		json_object_object_add(check, "severity", json_object_new_string("error"));
		json_object_object_add(check, "message",
			json_object_new_string(err.text[0] ? err.text : "no such device"));
		json_object_array_add(checks, check);
	}
	return checks;
}

static struct answer mappings(const struct server *server, const char *check_node)
{
	struct json_object *list = json_object_new_array();
	struct pt_mappings PT_MAPPINGS all = {0};
	PT_FREE char *text = NULL;

	if (pt_host_read(server->root, "/mapping/pci.cfg", 1 << 20, &text, NULL) == 0)
		pt_mappings_parse(text, &all);
	pt_foreach (mapping, all.mapping, all.count) {
		struct json_object *json = json_object_new_object();
		struct json_object *map = json_object_new_array();

		pt_foreach (entry, mapping->entry, mapping->count)
			json_object_array_add(map, json_object_new_string(entry->raw));
		json_object_object_add(json, "id", json_object_new_string(mapping->id));
		json_object_object_add(json, "map", map);
		if (check_node)
			json_object_object_add(
				json, "checks", mapping_checks(server, mapping, check_node));
		json_object_array_add(list, json);
	}
	return give(list);
}

static void add_hex(struct json_object *json, const char *key, const char *value)
{
	PT_FREE char *text = *value ? pt_format("0x%s", value) : NULL;

	if (text)
		json_object_object_add(json, key, json_object_new_string(text));
}

/* Another node's devices, from a file in its folder. NULL: there is none. */
static struct json_object *canned_hardware(const struct server *server, const char *node)
{
	PT_FREE char *path = pt_format("/nodes/%s/hardware.json", node);
	PT_FREE char *text = NULL;
	size_t length;

	if (!path || pt_host_read(server->root, path, 1 << 20, &text, &length) < 0)
		return NULL;
	return pt_json_parse(text, length, NULL);
}

static struct answer hardware(const struct server *server, const char *node)
{
	struct pt_inventory PT_INVENTORY inventory = {0};
	struct json_object *canned = canned_hardware(server, node);
	struct json_object *list;

	if (canned)
		return give(canned);
	list = json_object_new_array();

	if (pt_inventory_read_all(server->host, &inventory, NULL) < 0) {
		json_object_put(list);
		return refuse(MHD_HTTP_INTERNAL_SERVER_ERROR);
	}
	pt_foreach (function, inventory.function, inventory.count) {
		struct json_object *json = json_object_new_object();
		char class[16];

		snprintf(class, sizeof(class), "0x%06x", function->class);
		json_object_object_add(json, "id", json_object_new_string(PT_BDF(&function->bdf)));
		json_object_object_add(json, "class", json_object_new_string(class));
		add_hex(json, "vendor", function->vendor);
		add_hex(json, "device", function->device);
		add_hex(json, "subsystem_vendor", function->subvendor);
		add_hex(json, "subsystem_device", function->subdevice);
		json_object_object_add(json, "iommugroup", json_object_new_int(function->group));
		if (function->has_mdev)
			json_object_object_add(json, "mdev", json_object_new_boolean(true));
		json_object_array_add(list, json);
	}
	return give(list);
}

/* Sections "TYPE: ID" with lines "KEY VALUE" below, as objects; HA's resources are known by
 * "TYPE:ID". */
static struct answer sections(const struct server *server, const char *path, const char *id_key)
{
	struct json_object *list = json_object_new_array(), *section = NULL;
	PT_FREE char *text = NULL;
	char *line, *rest;

	if (pt_host_read(server->root, path, 1 << 20, &text, NULL) < 0)
		text = NULL;
	for (line = text ? strtok_r(text, "\n", &rest) : NULL; line;
		line = strtok_r(NULL, "\n", &rest)) {
		char first[64], second[256], sid[400];

		if (sscanf(line, " %63[^: \t]%*[: \t]%255[^\n]", first, second) != 2)
			continue;
		if (*line == '\t') {
			json_object_object_add(section, first, json_object_new_string(second));
			continue;
		}
		snprintf(sid, sizeof(sid), "%s:%s", first, second);
		section = json_object_new_object();
		json_object_object_add(section, "type", json_object_new_string(first));
		json_object_object_add(section, id_key,
			json_object_new_string(pt_streq(id_key, "sid") ? sid : second));
		json_object_array_add(list, section);
	}
	return give(list);
}

/* What a user may do on a path, from /permissions.json: {USER: {PATH: {PRIVILEGE: 1}}}. */
static struct answer permissions(const struct server *server, const char *user, const char *path)
{
	struct json_object *data = json_object_new_object(), *all, *found = NULL;
	PT_FREE char *text = NULL;

	if (!user || !path ||
		pt_host_read(server->root, "/permissions.json", 1 << 20, &text, NULL) < 0)
		return refuse(MHD_HTTP_BAD_REQUEST);
	all = json_tokener_parse(text);
	if (json_object_object_get_ex(all, user, &found))
		json_object_object_get_ex(found, path, &found);
	json_object_object_add(
		data, path, found ? json_object_get(found) : json_object_new_object());
	json_object_put(all);
	return give(data);
}

static struct answer answer(
	const struct server *server, struct MHD_Connection *connection, const char *url)
{
	char node[64], vmid[16];
	int end = 0;

	if (!pt_starts_with(url, "/api2/json/"))
		return refuse(MHD_HTTP_NOT_FOUND);
	url += strlen("/api2/json");
	if (sscanf(url, "/nodes/%63[^/]/qemu/%15[^/]/config%n", node, vmid, &end) == 2 && end &&
		!url[end])
		return guest_config(server, connection, node, vmid);
	if (sscanf(url, "/nodes/%63[^/]/qemu%n", node, &end) == 1 && end && !url[end])
		return guests(server, node);
	if (sscanf(url, "/nodes/%63[^/]/hardware/pci%n", node, &end) == 1 && end && !url[end])
		return hardware(server, node);
	if (pt_streq(url, "/access/permissions"))
		return permissions(server,
			MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "userid"),
			MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "path"));
	if (pt_streq(url, "/nodes"))
		return nodes(server, false);
	if (pt_streq(url, "/cluster/status"))
		return cluster_status(server);
	if (pt_streq(url, "/cluster/resources"))
		return nodes(server, true);
	if (pt_streq(url, "/cluster/ha/resources"))
		return sections(server, "/ha/resources.cfg", "sid");
	if (pt_streq(url, "/cluster/ha/groups"))
		return sections(server, "/ha/groups.cfg", "group");
	if (pt_streq(url, "/cluster/ha/rules"))
		return sections(server, "/ha/rules.cfg", "rule");
	if (pt_streq(url, "/cluster/mapping/pci"))
		return mappings(server, MHD_lookup_connection_value(
						connection, MHD_GET_ARGUMENT_KIND, "check-node"));
	return refuse(MHD_HTTP_NOT_IMPLEMENTED);
}

static enum MHD_Result send_answer(
	struct MHD_Connection *connection, struct answer answer, enum MHD_ResponseFlags flags)
{
	struct json_object *json = json_object_new_object();
	struct MHD_Response *response;
	const char *text;
	enum MHD_Result result;

	json_object_object_add(json, "data", answer.data);
	text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN);
	response = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	MHD_set_response_options(response, flags, MHD_RO_END);
	MHD_add_response_header(response, "Content-Type", "application/json;charset=UTF-8");
	result = MHD_queue_response(connection, answer.status, response);
	MHD_destroy_response(response);
	json_object_put(json);
	return result;
}

/* The fault of now; "" for none. */
static void read_wish(const struct server *server, char wish[static 32])
{
	PT_FREE char *line = NULL;

	wish[0] = '\0';
	if (server->misbehave && pt_host_read_line(server->host, server->misbehave, &line) == 0)
		snprintf(wish, 32, "%s", line);
}

/* The config of the guest behind the one that is asked for. */
static struct answer answer_other(const struct server *server, struct MHD_Connection *connection)
{
	return guest_config(server, connection, "node1", "101");
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **state)
{
	const struct server *server = data;
	const char *authorization =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
	enum MHD_Result result;
	char wish[32];

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)state;
	if (!pt_streq(authorization, server->authorization)) {
		sleep(UNAUTHORIZED_DELAY_S);
		return send_answer(connection, refuse(MHD_HTTP_UNAUTHORIZED), MHD_RF_NONE);
	}
	if (!pt_streq(method, "GET"))
		return send_answer(connection, refuse(MHD_HTTP_NOT_IMPLEMENTED), MHD_RF_NONE);
	read_wish(server, wish);
	if (misbehave(wish, connection, &result))
		return result;
	return send_answer(connection,
		pt_streq(wish, "other") ? answer_other(server, connection)
					: answer(server, connection, url),
		pt_streq(wish, "http10") ? MHD_RF_HTTP_VERSION_1_0_RESPONSE : MHD_RF_NONE);
}

static int serve(struct server *server, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	PT_FREE char *key = server->tls ? identity_key_pem(&server->identity) : NULL;
	PT_FREE char *certificate =
		server->tls ? identity_certificate_pem(&server->identity) : NULL;
	const struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_KEY, 0, key},
		{MHD_OPTION_HTTPS_MEM_CERT, 0, certificate},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_Daemon *daemon =
		MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
					 (server->tls ? MHD_USE_TLS : 0),
			0, NULL, NULL, handle, server, MHD_OPTION_SOCK_ADDR, &address,
			MHD_OPTION_ARRAY, server->tls ? tls : tls + 2, MHD_OPTION_END);

	if (!daemon) {
		perror("apid: cannot listen");
		return 1;
	}
	for (;;)
		pause();
}

/* Makes the certificate and writes its CA, which is itself. */
static bool identify(struct server *server, const char *names, bool expired, const char *ca)
{
	PT_FREE char *text = NULL;
	PT_FCLOSE FILE *out = fopen(ca, "we");

	server->tls = true;
	server->identity = identity_make(names, expired);
	text = identity_certificate_pem(&server->identity);
	return out && fputs(text, out) >= 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"root", required_argument, NULL, 'r'},
		{"token", required_argument, NULL, 't'},
		{"port", required_argument, NULL, 'p'},
		{"tls", required_argument, NULL, 's'},
		{"expired", no_argument, NULL, 'e'},
		{"ca", required_argument, NULL, 'c'},
		{"misbehave", required_argument, NULL, 'm'},
		{"deaf", no_argument, NULL, 'd'},
		{0},
	};
	const char *value['z'] = {NULL};
	struct server server = {0};
	struct pt_err err;
	int option, port;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return 2;
		value[option] = optarg ? optarg : "";
	}
	port = value['p'] ? atoi(value['p']) : 0;
	if (!value['r'] || !value['t'] || port <= 0 || port > 65535 || optind != argc ||
		!value['s'] != !value['c']) {
		fputs("usage: apid --root DIR --token TOKEN --port PORT [--tls NAMES --ca FILE "
		      "[--expired]] [--misbehave FILE] [--deaf]\n",
			stderr);
		return 2;
	}
	if (value['d'])
		be_deaf((uint16_t)port);
	server.misbehave = value['m'];
	server.authorization = pt_format("PVEAPIToken=%s", value['t']);
	if (value['s'] && !identify(&server, value['s'], value['e'], value['c'])) {
		perror(value['c']);
		return 1;
	}
	if (pt_host_open(&server.root, value['r'], NULL, &err) < 0 ||
		pt_host_open(&server.host, "/", NULL, &err) < 0) {
		fprintf(stderr, "apid: %s\n", err.text);
		return 1;
	}
	return serve(&server, (uint16_t)port);
}
