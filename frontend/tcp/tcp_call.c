#include "frontend/tcp/tcp_call.h"

#include "frontend/tcp/resp_selection.h"

void
tcp_task_deinit(struct tcp_task *task)
{
	buffer_deinit(&task->resume);
	buffer_deinit(&task->gathered);
	resp_selection_close(task->selection);
	*task = (struct tcp_task){0};
}
