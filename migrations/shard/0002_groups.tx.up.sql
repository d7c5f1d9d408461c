CREATE TABLE groups (
  {{.Record}},
  external_id {{.From "externalId"}},
  external_id_fold {{.Text}},
  name {{.From "name"}} NOT NULL,
  name_fold {{.Text}} NOT NULL,
  parent_id {{.From "parentId"}},
  PRIMARY KEY (account_id, id),
  FOREIGN KEY (account_id, parent_id) REFERENCES groups (account_id, id)
) {{.Options}};
--bun:split
CREATE UNIQUE INDEX groups_external_id ON groups (account_id, external_id) WHERE external_id IS NOT NULL;
--bun:split
CREATE INDEX groups_external_id_fold ON groups (account_id, external_id_fold, id) WHERE external_id_fold IS NOT NULL;
--bun:split
CREATE UNIQUE INDEX groups_name ON groups (account_id, name);
--bun:split
CREATE INDEX groups_name_fold ON groups (account_id, name_fold, id);
--bun:split
CREATE INDEX groups_created_at ON groups (account_id, created_at, id);
--bun:split
CREATE INDEX groups_updated_at ON groups (account_id, updated_at, id);
--bun:split
CREATE INDEX groups_parent_id ON groups (account_id, parent_id, created_at, id);
