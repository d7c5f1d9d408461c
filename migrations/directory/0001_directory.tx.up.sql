-- The account directory: who there is and where their data lies. One text for
-- SQLite and PostgreSQL. Instants are RFC 3339 in UTC with milliseconds, lists
-- and settings are JSON in text. IF NOT EXISTS, so that a process which died
-- between the commit and its mark in the migration table can start again.

CREATE TABLE IF NOT EXISTS shard (
  id           TEXT NOT NULL PRIMARY KEY,
  engine       TEXT NOT NULL CHECK (engine IN ('sqlite', 'postgres')),
  dsn          TEXT NOT NULL UNIQUE,
  owner_dsn    TEXT NOT NULL DEFAULT '',
  replica_dsns TEXT NOT NULL DEFAULT '[]',
  region       TEXT NOT NULL,
  dedicated    BOOLEAN NOT NULL DEFAULT FALSE,
  state        TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'draining'))
);

--bun:split

CREATE TABLE IF NOT EXISTS account (
  id          TEXT NOT NULL PRIMARY KEY,
  name        TEXT NOT NULL UNIQUE,
  db_shard_id TEXT NOT NULL REFERENCES shard (id),
  epoch       BIGINT NOT NULL CHECK (epoch >= 1),
  state       TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'closed')),
  residency   TEXT NOT NULL,
  limits      TEXT NOT NULL DEFAULT '{}',
  created_at  TEXT NOT NULL
);

--bun:split

CREATE INDEX IF NOT EXISTS account_db_shard_id ON account (db_shard_id);

--bun:split

CREATE TABLE IF NOT EXISTS host (
  name       TEXT NOT NULL PRIMARY KEY CHECK (name = lower(name)),
  account_id TEXT NOT NULL REFERENCES account (id)
);

--bun:split

CREATE INDEX IF NOT EXISTS host_account_id ON host (account_id);

--bun:split

CREATE TABLE IF NOT EXISTS api_key (
  id          TEXT NOT NULL PRIMARY KEY,
  account_id  TEXT NOT NULL REFERENCES account (id),
  name        TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  scopes      TEXT NOT NULL,
  created_at  TEXT NOT NULL,
  expires_at  TEXT,
  revoked_at  TEXT,
  trusted_only BOOLEAN NOT NULL DEFAULT FALSE
);

--bun:split

CREATE INDEX IF NOT EXISTS api_key_account_id ON api_key (account_id);
