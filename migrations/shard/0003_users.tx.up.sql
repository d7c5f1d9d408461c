CREATE TABLE users (
  {{.Record}},
  external_id {{.From "externalId"}},
  external_id_fold {{.Text}},
  name {{.From "name"}} NOT NULL,
  name_fold {{.Text}} NOT NULL,
  email {{.From "email"}} NOT NULL,
  email_fold {{.Text}} NOT NULL,
  role {{.From "role"}} NOT NULL,
  active {{.Bool "active"}} NOT NULL,
  PRIMARY KEY (account_id, id)
) {{.Options}};
--bun:split
CREATE UNIQUE INDEX users_external_id ON users (account_id, external_id) WHERE external_id IS NOT NULL;
--bun:split
CREATE INDEX users_external_id_fold ON users (account_id, external_id_fold, id) WHERE external_id_fold IS NOT NULL;
--bun:split
CREATE UNIQUE INDEX users_email_fold ON users (account_id, email_fold);
--bun:split
CREATE INDEX users_name_fold ON users (account_id, name_fold, id);
--bun:split
CREATE INDEX users_created_at ON users (account_id, created_at, id);
--bun:split
CREATE INDEX users_updated_at ON users (account_id, updated_at, id);
--bun:split
CREATE INDEX users_role ON users (account_id, role, created_at, id);
--bun:split
CREATE INDEX users_active ON users (account_id, active, created_at, id);
--bun:split
-- Who is in which group. It goes with the group and with the user.
CREATE TABLE memberships (
  account_id {{.Text}} NOT NULL,
  group_id {{.Text}} NOT NULL,
  user_id {{.Text}} NOT NULL,
  PRIMARY KEY (account_id, group_id, user_id),
  FOREIGN KEY (account_id, group_id) REFERENCES groups (account_id, id) ON DELETE CASCADE,
  FOREIGN KEY (account_id, user_id) REFERENCES users (account_id, id) ON DELETE CASCADE
) {{.Options}};
--bun:split
CREATE UNIQUE INDEX memberships_user ON memberships (account_id, user_id, group_id);
