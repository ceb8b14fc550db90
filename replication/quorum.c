/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/quorum.h"

enum quorum_verdict
quorum_judge(unsigned good, unsigned pending, unsigned needed)
{
	if (good >= needed)
		return pending == 0 ? QUORUM_ALL : QUORUM_REACHED;
	return good + pending >= needed ? QUORUM_OPEN : QUORUM_LOST;
}

bool
quorum_may_drop(unsigned live, unsigned needed)
{
	return live > needed;
}

enum err
quorum_loss(unsigned failed, unsigned full)
{
	return failed > 0 && full == failed ? ERR_NO_SPACE : ERR_QUORUM;
}

unsigned
quorum_journal(unsigned wanted, unsigned write_quorum, unsigned locations)
{
	if (wanted > write_quorum)
		wanted = write_quorum;
	return wanted < locations ? wanted : locations;
}
