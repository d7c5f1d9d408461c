CREATE TABLE clients (
  {{.Record}},
  external_id {{.From "externalId"}},
  external_id_fold {{.Text}},
  name {{.From "name"}} NOT NULL,
  name_fold {{.Text}} NOT NULL,
  email {{.From "email"}},
  email_fold {{.Text}},
  status {{.From "status"}} NOT NULL,
  group_id {{.From "groupId"}},
  owner_id {{.From "ownerId"}},
  PRIMARY KEY (account_id, id),
  FOREIGN KEY (account_id, group_id) REFERENCES groups (account_id, id),
  FOREIGN KEY (account_id, owner_id) REFERENCES users (account_id, id)
) {{.Options}};
--bun:split
CREATE UNIQUE INDEX clients_external_id ON clients (account_id, external_id) WHERE external_id IS NOT NULL;
--bun:split
CREATE INDEX clients_external_id_fold ON clients (account_id, external_id_fold, id) WHERE external_id_fold IS NOT NULL;
--bun:split
CREATE INDEX clients_name_fold ON clients (account_id, name_fold, id);
--bun:split
CREATE INDEX clients_email_fold ON clients (account_id, email_fold, id) WHERE email_fold IS NOT NULL;
--bun:split
CREATE INDEX clients_created_at ON clients (account_id, created_at, id);
--bun:split
CREATE INDEX clients_updated_at ON clients (account_id, updated_at, id);
--bun:split
CREATE INDEX clients_status ON clients (account_id, status, created_at, id);
--bun:split
CREATE INDEX clients_group_id ON clients (account_id, group_id, created_at, id);
--bun:split
CREATE INDEX clients_owner_id ON clients (account_id, owner_id, created_at, id);
