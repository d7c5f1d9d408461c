CREATE TABLE documents (
  {{.Record}},
  external_id {{.From "externalId"}},
  external_id_fold {{.Text}},
  title {{.From "title"}} NOT NULL,
  title_fold {{.Text}} NOT NULL,
  kind {{.From "kind"}},
  kind_fold {{.Text}},
  client_id {{.From "clientId"}} NOT NULL,
  author_id {{.From "authorId"}},
  PRIMARY KEY (account_id, id),
  FOREIGN KEY (account_id, client_id) REFERENCES clients (account_id, id),
  FOREIGN KEY (account_id, author_id) REFERENCES users (account_id, id)
) {{.Options}};
--bun:split
CREATE UNIQUE INDEX documents_external_id ON documents (account_id, external_id) WHERE external_id IS NOT NULL;
--bun:split
CREATE INDEX documents_external_id_fold ON documents (account_id, external_id_fold, id) WHERE external_id_fold IS NOT NULL;
--bun:split
CREATE INDEX documents_title_fold ON documents (account_id, title_fold, id);
--bun:split
CREATE INDEX documents_kind_fold ON documents (account_id, kind_fold, created_at, id);
--bun:split
CREATE INDEX documents_created_at ON documents (account_id, created_at, id);
--bun:split
CREATE INDEX documents_updated_at ON documents (account_id, updated_at, id);
--bun:split
CREATE INDEX documents_client_id ON documents (account_id, client_id, created_at, id);
--bun:split
CREATE INDEX documents_author_id ON documents (account_id, author_id, created_at, id);
