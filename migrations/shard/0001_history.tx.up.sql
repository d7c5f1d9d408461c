-- The account's history: its head, its changes, and what it remembers of writes.
CREATE TABLE head (
  account_id {{.Text}} NOT NULL,
  seq bigint NOT NULL,
  epoch bigint NOT NULL,
  state {{.Text}} NOT NULL CHECK (state IN ('active', 'fenced', 'gone')),
  -- The last write that the change log no longer has.
  trimmed bigint NOT NULL,
  PRIMARY KEY (account_id)
) {{.Busy}};
--bun:split
-- Where an epoch's history ended, so that its bookmarks stay good.
CREATE TABLE epoch_end (
  account_id {{.Text}} NOT NULL,
  epoch bigint NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (account_id, epoch)
) {{.Options}};
--bun:split
CREATE TABLE change (
  account_id {{.Text}} NOT NULL,
  seq bigint NOT NULL,
  n bigint NOT NULL,
  kind {{.Text}} NOT NULL,
  record_table {{.Text}} NOT NULL,
  record_id {{.Text}} NOT NULL,
  version bigint NOT NULL,
  patch {{.JSON}},
  actor {{.JSON}} NOT NULL,
  request_id {{.Text}} NOT NULL,
  at {{.Text}} NOT NULL,
  PRIMARY KEY (account_id, seq, n)
) {{.Options}};
--bun:split
CREATE UNIQUE INDEX change_record ON change (account_id, record_id, seq);
--bun:split
CREATE TABLE idempotency (
  account_id {{.Text}} NOT NULL,
  key {{.Text}} NOT NULL,
  field {{.Text}} NOT NULL,
  input {{.Text}} NOT NULL,
  seq bigint NOT NULL,
  result {{.JSON}} NOT NULL,
  at {{.Text}} NOT NULL,
  PRIMARY KEY (account_id, key, field)
) {{.Options}};
--bun:split
CREATE INDEX idempotency_at ON idempotency (account_id, at);
