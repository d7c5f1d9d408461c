-- Documents that callers may name instead of sending: what is registered for an
-- account with an API key.

CREATE TABLE IF NOT EXISTS trusted_document (
  key        TEXT NOT NULL PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES account (id),
  text       TEXT NOT NULL,
  created_at TEXT NOT NULL
);

--bun:split

CREATE INDEX IF NOT EXISTS trusted_document_account_id ON trusted_document (account_id);
