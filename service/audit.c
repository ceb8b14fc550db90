/* SPDX-License-Identifier: Apache-2.0 */
#include "service/audit.h"

#include "service/core/clock.h"
#include "service/core/isotime.h"
#include "service/core/log.h"
#include "service/xml/json_out.h"

enum { LINE_MAX = 64 * 1024 };

void
audit_request(
    const struct op_call *call, const char *peer, struct bytes method, struct bytes path)
{
	const struct caller *caller = call->caller;
	char when[ISOTIME_SIZE];
	struct str line;

	if (call->audit == NULL || !log_has_audit())
		return;
	isotime_format(clock_wall_ms(), when);
	str_init(&line, LINE_MAX);
	str_addf(&line, "{\"time\":\"%sZ\",\"event\":\"%s\",", when, call->audit);
	json_out_member(&line, "user", caller->name);
	if (call->audit_subject.p != NULL) {
		str_addc(&line, ',');
		json_out_member(&line, "subject", call->audit_subject);
	}
	str_addf(&line, ",\"status\":%d,", call->reply.status);
	json_out_member(&line, "method", method);
	str_addc(&line, ',');
	json_out_member(&line, "path", path);
	str_addc(&line, ',');
	json_out_member(&line, "peer", bytes_of(peer));
	str_addc(&line, ',');
	json_out_member(&line, "request", call->request_id);
	str_addc(&line, '}');
	if (!str_failed(&line))
		log_audit(str_bytes(&line));
	str_release(&line);
}
