package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// server is the store on PostgreSQL: what is known together travels together,
// as pgx's batches do it, with as many connections as gatehouse has.
type server struct {
	reads, writes *pgxpool.Pool
	texts         sync.Map // PostgreSQL's, by those that are written here
}

func openServer(ctx context.Context, dsn string) (*server, error) {
	s := &server{}
	for _, p := range []struct {
		pool **pgxpool.Pool
		size int
	}{{&s.reads, 16}, {&s.writes, 8}} {
		separator := "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
		var err error
		if *p.pool, err = pgxpool.New(ctx, fmt.Sprintf("%s%spool_max_conns=%d", dsn, separator, p.size)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *server) close() error {
	s.reads.Close()
	s.writes.Close()
	return nil
}

func (s *server) read(ctx context.Context, account string, f func(session) error) error {
	return s.transact(ctx, s.reads, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "ROLLBACK", account, f)
}

func (s *server) write(account string, f func(context.Context, session) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.transact(ctx, s.writes, "BEGIN", "COMMIT", account, func(s session) error { return f(ctx, s) })
}

// insert needs no BEGIN: a batch is a transaction.
func (s *server) insert(account string, one statement) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.writes.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		return (&transaction{server: s, conn: c, before: []statement{setAccount(account)}}).run(ctx, one)
	})
}

// setAccount is for the policies, until the transaction ends.
func setAccount(account string) statement {
	return statement{"SELECT set_config('app.account_id', $1, true)", []any{account}, func(scanner) error { return nil }}
}

func (s *server) transact(ctx context.Context, pool *pgxpool.Pool, begin, end, account string, f func(session) error) error {
	return pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		t := &transaction{server: s, conn: c, before: []statement{{text: begin, row: func(scanner) error { return nil }}, setAccount(account)}}
		err := f(t)
		if err != nil {
			end = "ROLLBACK"
		}
		if _, err2 := c.Exec(context.WithoutCancel(ctx), end); err == nil {
			err = err2
		}
		return err
	})
}

// transaction begins with its first statement.
type transaction struct {
	*server
	conn   *pgxpool.Conn
	before []statement
}

func (t *transaction) run(ctx context.Context, statements ...statement) error {
	statements, t.before = append(t.before, statements...), nil
	batch := &pgx.Batch{}
	for _, s := range statements {
		batch.Queue(t.text(s.text), s.args...)
	}
	results := t.conn.SendBatch(ctx, batch)
	defer results.Close()
	for _, s := range statements {
		if s.row == nil {
			if tag, err := results.Exec(); err != nil {
				return err
			} else if tag.RowsAffected() != 1 {
				return errUnchanged
			}
			continue
		}
		rows, err := results.Query()
		if err != nil {
			return err
		}
		for rows.Next() {
			if err := s.row(rows); err != nil {
				return err
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return results.Close()
}

func (s *server) text(of string) string {
	text, ok := s.texts.Load(of)
	if !ok {
		text, _ = s.texts.LoadOrStore(of, dialect.Replace(of))
	}
	return text.(string)
}

// dialect turns the statements by hand into PostgreSQL's.
var dialect = strings.NewReplacer(
	"?", "$",
	" INDEXED BY clients_status", "", " INDEXED BY clients_external_id", "", " INDEXED BY leads_stage", "", " INDEXED BY groups_created_at", "",
	"IN (SELECT value FROM json_each(?2))", "= ANY (ARRAY(SELECT json_array_elements_text($2::json)))",
	stageLeads, ofParents("leads c WHERE c.account_id = $1 AND c.stage = p.value AND c.value >= $3 ORDER BY c.created_at DESC, c.id DESC LIMIT $4"),
	groupClients, ofParents("clients c WHERE c.account_id = $1 AND c.group_id = p.value AND c.created_at >= $3 ORDER BY c.created_at DESC, c.id DESC LIMIT $4"),
	userGroups, ofParents("memberships m JOIN groups c ON c.account_id = m.account_id AND c.id = m.group_id"+
		" WHERE m.account_id = $1 AND m.user_id = p.value ORDER BY c.created_at DESC, c.id DESC"),
)

// ofParents selects the records of each parent in a list.
func ofParents(records string) string {
	return "SELECT t.account_id, t.id, t.version, t.created_at, t.updated_at, t.body, p.value FROM json_array_elements_text($2::json) WITH ORDINALITY p(value, key)" +
		" CROSS JOIN LATERAL (SELECT c.* FROM " + records + ") t ORDER BY p.key, t.created_at DESC, t.id DESC"
}
