CREATE TABLE leads (
  {{.Record}},
  external_id {{.From "externalId"}},
  external_id_fold {{.Text}},
  name {{.From "name"}} NOT NULL,
  name_fold {{.Text}} NOT NULL,
  email {{.From "email"}},
  email_fold {{.Text}},
  stage {{.From "stage"}} NOT NULL,
  value {{.Int "value"}},
  source {{.From "source"}},
  source_fold {{.Text}},
  owner_id {{.From "ownerId"}},
  client_id {{.From "clientId"}},
  group_id {{.From "groupId"}},
  PRIMARY KEY (account_id, id),
  FOREIGN KEY (account_id, owner_id) REFERENCES users (account_id, id),
  FOREIGN KEY (account_id, client_id) REFERENCES clients (account_id, id),
  FOREIGN KEY (account_id, group_id) REFERENCES groups (account_id, id)
) {{.Options}};
--bun:split
CREATE UNIQUE INDEX leads_external_id ON leads (account_id, external_id) WHERE external_id IS NOT NULL;
--bun:split
CREATE INDEX leads_external_id_fold ON leads (account_id, external_id_fold, id) WHERE external_id_fold IS NOT NULL;
--bun:split
CREATE INDEX leads_name_fold ON leads (account_id, name_fold, id);
--bun:split
CREATE INDEX leads_email_fold ON leads (account_id, email_fold, id) WHERE email_fold IS NOT NULL;
--bun:split
CREATE INDEX leads_source_fold ON leads (account_id, source_fold, created_at, id);
--bun:split
CREATE INDEX leads_created_at ON leads (account_id, created_at, id);
--bun:split
CREATE INDEX leads_updated_at ON leads (account_id, updated_at, id);
--bun:split
CREATE INDEX leads_value ON leads (account_id, value {{.NullsFirst}}, id);
--bun:split
CREATE INDEX leads_stage ON leads (account_id, stage, created_at, id);
--bun:split
CREATE INDEX leads_owner_id ON leads (account_id, owner_id, created_at, id);
--bun:split
CREATE INDEX leads_client_id ON leads (account_id, client_id, created_at, id);
--bun:split
CREATE INDEX leads_group_id ON leads (account_id, group_id, created_at, id);
