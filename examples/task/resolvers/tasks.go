package resolvers

import (
	"context"

	"gatehouse/graph"
)

var tasks = entity[graph.Task]{name: "Task", check: func(t *graph.Task, f *faults) {
	f.text("title", t.Title, 200)
	f.customFields(t.CustomFields)
}}

type task struct{}

// Task resolves the edges of Task.
func (Root) Task() graph.TaskResolver { return task{} }

func (task) Client(ctx context.Context, t *graph.Task) (*graph.Client, error) {
	return clients.ref(ctx, t.ClientID)
}

func (task) History(ctx context.Context, t *graph.Task, _ *int32, _ *string) (*graph.ChangeConnection, error) {
	return history(ctx, t.ID)
}

func (rootQuery) Task(ctx context.Context, id string) (*graph.Task, error) {
	return tasks.load(ctx, id)
}

func (rootQuery) Tasks(ctx context.Context, _ *int32, _ *string, _ *int32, _ *string, _ *graph.TaskWhere, _ *graph.TaskOrder) (*graph.TaskConnection, error) {
	return tasks.list(ctx)
}

func (rootMutation) CreateTask(ctx context.Context, input graph.CreateTaskInput) (*graph.CreateTaskPayload, error) {
	t, out, err := tasks.create(ctx, input)
	return &graph.CreateTaskPayload{Task: t, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpdateTask(ctx context.Context, id string, patch graph.TaskPatch, expectedVersion *int32) (*graph.UpdateTaskPayload, error) {
	t, out, err := tasks.update(ctx, id, patch, expectedVersion)
	return &graph.UpdateTaskPayload{Task: t, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) DeleteTask(ctx context.Context, id string, expectedVersion *int32) (*graph.DeleteTaskPayload, error) {
	deleted, out, err := tasks.remove(ctx, id, expectedVersion)
	return &graph.DeleteTaskPayload{DeletedID: deleted, Bookmark: out.Bookmark, Errors: out.Errors}, err
}

func (rootMutation) UpsertTasks(ctx context.Context, inputs []*graph.UpsertTaskInput) (*graph.UpsertTasksPayload, error) {
	results, out, err := upsert(ctx, tasks, inputs, func(t *graph.Task, created bool, errors []*graph.UserError) *graph.UpsertTaskResult {
		return &graph.UpsertTaskResult{Task: t, Created: created, Errors: errors}
	})
	return &graph.UpsertTasksPayload{Results: results, Bookmark: out.Bookmark, Errors: out.Errors}, err
}
