/* What a client sends about itself, as the gate wants it. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gate/gate.h"

const char *sn_gate_kind_name(enum sn_gate_kind kind)
{
	static const char *const name[] = { "ok", "no_key", "wrong_key", "expired_key",
		"revoked_key", "forbidden", "limited" };

	return name[kind];
}

const char *sn_gate_bearer(const char *header)
{
	if (!header)
		return NULL;
	header += strspn(header, " \t");
	if (strncasecmp(header, "bearer", 6) || !header[6] || !strchr(" \t", header[6]))
		return "";
	return header + 6 + strspn(header + 6, " \t");
}

char *sn_gate_client(const char *addr, char *out)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	struct in6_addr a;
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET6, addr, &a) != 1) {
		snprintf(out, SN_LIMIT_NAME, "%s", addr);
	} else if (!memcmp(&a, mapped, sizeof(mapped))) {
		inet_ntop(AF_INET, a.s6_addr + 12, out, SN_LIMIT_NAME);
	} else {
		memset(a.s6_addr + 8, 0, 8);
		inet_ntop(AF_INET6, &a, text, sizeof(text));
		snprintf(out, SN_LIMIT_NAME, "%s/64", text);
	}
	return out;
}
