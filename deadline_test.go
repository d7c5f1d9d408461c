package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// endless stands in the place of the history of a shard: whoever reads it waits
// until the statement is interrupted.
const endless = `DROP TABLE change;
	CREATE VIEW change AS WITH RECURSIVE forever(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM forever)
		SELECT CAST(n AS TEXT) account_id, n seq, n, '' kind, '' record_table, '' record_id, n version, '' patch, '' actor, '' request_id, '' at FROM forever`

// TestStatementsEndWithTheirRequest: the log has a request's line once its last
// statement has ended, so that is where the end is seen.
func TestStatementsEndWithTheirRequest(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, nil, "dev", "--data", data, "--listen", "127.0.0.1:0")
	token := strings.TrimSpace(ok(t, "token", "initech", "--data", data))
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "shards", "shard-3.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), endless); err != nil {
		t.Fatal(err)
	}
	send := func(ctx context.Context, id string, headers ...string) (string, error) {
		return query(ctx, s.url, token, "{ changes { hasMore } }", append(headers, "X-Request-Id: "+id)...)
	}
	ended := func(id string) bool {
		return strings.Contains(s.stderr.String(), "msg=request") && strings.Contains(s.stderr.String(), "request="+id)
	}

	// A deadline of the client's reaches the statement.
	got, err := send(t.Context(), "deadline", "Request-Timeout: 200")
	if err != nil || !strings.Contains(got, `"UNAVAILABLE"`) {
		t.Fatalf("got %s, %v", got, err)
	}

	// So does its leaving.
	var took []time.Duration
	for _, id := range []string{"one", "two", "three", "four", "five", "six", "seven"} {
		ctx, leave := context.WithTimeout(t.Context(), 150*time.Millisecond)
		_, err := send(ctx, id)
		leave()
		left := time.Now()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%s: the statement ended by itself: %v", id, err)
		}
		for !ended(id) {
			if time.Since(left) > 4*time.Second { // the deadline of the gateway is later
				t.Fatalf("%s: the statement runs on: %s", id, s.stderr.String())
			}
			time.Sleep(time.Millisecond)
		}
		took = append(took, time.Since(left))
	}
	slices.Sort(took)
	t.Logf("from a client's leaving to the end of its statement: median %v, most %v", took[len(took)/2], took[len(took)-1])
	if median := took[len(took)/2]; median > 100*time.Millisecond*slack {
		t.Errorf("the median is %v", median)
	}
}

// TestStatementsOnPostgreSQLEndWithTheirRequest: the server itself says when.
func TestStatementsOnPostgreSQLEndWithTheirRequest(t *testing.T) {
	t.Parallel()
	cluster := postgres.Cluster(t)
	database, data := cluster.Database(t), t.TempDir()
	ok(t, "migrate", "--data", data)
	ok(t, "shards", "add", "uk-1", "--engine", "postgres", "--dsn", database.App(cluster.Primary), "--owner-dsn", database.Owner(cluster.Primary), "--region", "UK", "--data", data)
	ok(t, "accounts", "create", "acme", "--residency", "UK", "--data", data)
	key := makeKey(t, data)
	s := startServe(t, data)
	owner, err := sql.Open("pgx", database.Owner(cluster.Primary))
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if _, err := owner.ExecContext(t.Context(), `DROP TABLE groups CASCADE;
		CREATE VIEW groups AS SELECT slow account_id, slow id, 1::bigint AS version, '' created_at, '' updated_at, '{}'::json body
			FROM (SELECT CASE WHEN pg_sleep(60) IS NULL THEN '' END slow OFFSET 0) s;
		GRANT SELECT ON groups TO PUBLIC`, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	running := func() bool { // only a superuser sees what others run
		return cluster.Primary.Value(t, "SELECT count(*)::text FROM pg_stat_activity WHERE datname = '"+database.Name+"' AND wait_event = 'PgSleep'") != "0"
	}
	var took []time.Duration
	for range 5 {
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := query(ctx, s.url, key, `{ group(id: "`+demoIDs().groups[0]+`") { name } }`)
			gone <- err
		}()
		until(t, running)
		leave()
		left := time.Now()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		for running() {
			if time.Since(left) > 4*time.Second { // the deadline of the gateway is later
				t.Fatal("the statement runs on")
			}
			time.Sleep(time.Millisecond)
		}
		took = append(took, time.Since(left))
	}
	slices.Sort(took)
	t.Logf("from a client's leaving to the end of its statement: median %v, most %v", took[len(took)/2], took[len(took)-1])
	if median := took[len(took)/2]; median > 100*time.Millisecond*slack {
		t.Errorf("the median is %v", median)
	}
}

// query sends a query without variables.
func query(ctx context.Context, url, credential, document string, headers ...string) (string, error) {
	body := `{"query":` + strconv.Quote(document) + `}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/graphql", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// slack is how much slower than promised a test machine may be, which runs
// many tests at once, under the race detector.
const slack = 10
