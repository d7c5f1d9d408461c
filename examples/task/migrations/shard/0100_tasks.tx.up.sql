CREATE TABLE tasks (
  {{.Record}},
  external_id {{.From "externalId"}},
  external_id_fold {{.Text}},
  title {{.From "title"}} NOT NULL,
  title_fold {{.Text}} NOT NULL,
  done {{.Bool "done"}} NOT NULL,
  client_id {{.From "clientId"}} NOT NULL,
  PRIMARY KEY (account_id, id),
  FOREIGN KEY (account_id, client_id) REFERENCES clients (account_id, id)
) {{.Options}};
--bun:split
CREATE UNIQUE INDEX tasks_external_id ON tasks (account_id, external_id);
--bun:split
CREATE INDEX tasks_external_id_fold ON tasks (account_id, external_id_fold, id);
--bun:split
CREATE INDEX tasks_title_fold ON tasks (account_id, title_fold, id);
--bun:split
CREATE INDEX tasks_done ON tasks (account_id, done, created_at, id);
--bun:split
CREATE INDEX tasks_created_at ON tasks (account_id, created_at, id);
--bun:split
CREATE INDEX tasks_updated_at ON tasks (account_id, updated_at, id);
--bun:split
CREATE INDEX tasks_client_id ON tasks (account_id, client_id, created_at, id);
