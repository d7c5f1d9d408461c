package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"gatehouse/resolvers"
	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport"
	"gatehouse/transport/cost"
	"gatehouse/transport/guard"
)

const (
	shardID = "shard-1"
	region  = "UK"
	// These are what serve sets; all but the last for all contestants.
	gcPercent  = 400
	minThreads = 4
	cacheBytes = 64 << 20
	// plenty is a budget that is never spent.
	plenty = tenancy.MaxLimit
)

// secret stands in for those of an operator.
func secret(c byte) []byte { return bytes.Repeat([]byte{c}, 32) }

func keyring() (*shards.Keyring, error) { return shards.NewKeyring(secret('k')) }

// sign gives the accounts their tokens.
func (d *dataset) sign() (err error) {
	for _, a := range d.Accounts {
		if a.Token, err = tenancy.SignDev(secret('t'), tenancy.DevClaims{
			Account: a.ID, Subject: d.Users[0], Name: "Robin Example", Role: "admin", IssuedAt: time.Now(), Lifetime: 24 * time.Hour,
		}); err != nil {
			return err
		}
	}
	return nil
}

// newDirectory makes the directory of a site: all accounts, on its shard.
func newDirectory(ctx context.Context, s *site) (err error) {
	d, err := openDirectory(ctx, s.Directory)
	if err != nil {
		return err
	}
	defer func() {
		if err2 := d.Close(); err == nil {
			err = err2
		}
	}()
	if err := d.AddShard(ctx, tenancy.Shard{ID: shardID, Engine: s.Shard.Engine, DSN: s.Shard.DSN, Region: region}); err != nil {
		return err
	}
	for _, a := range s.Data.Accounts {
		if _, err := d.CreateAccount(ctx, tenancy.NewAccount{ID: a.ID, Name: strings.ReplaceAll(a.ID, "_", "-"), Residency: region, ShardID: shardID}); err != nil {
			return err
		}
	}
	return nil
}

func openDirectory(ctx context.Context, path string) (*tenancy.Directory, error) {
	scopes, err := resolvers.Scopes()
	if err != nil {
		return nil, err
	}
	return tenancy.OpenDirectory(ctx, path, tenancy.Options{Scopes: scopes})
}

// gate is what admits requests, for gatehouse and for those by hand alike.
type gate struct {
	gate      *tenancy.Gate
	keys      *shards.Keyring
	directory *tenancy.Directory
	pool      *shards.Pool
}

func openGate(ctx context.Context, s *site, trace func(shards.Statement)) (*gate, error) {
	g := &gate{}
	var err error
	if g.keys, err = keyring(); err != nil {
		return nil, err
	}
	if g.directory, err = openDirectory(ctx, s.Directory); err != nil {
		return nil, err
	}
	scopes, err := resolvers.Scopes()
	if err != nil {
		return nil, err
	}
	tokens, err := tenancy.NewTokens(ctx, tenancy.TokenConfig{
		Issuer: tenancy.DevIssuer, Audience: tenancy.DevAudience, Secrets: [][]byte{secret('t')}, Roles: tenancy.NewRoles(scopes),
	})
	if err != nil {
		return nil, err
	}
	auth, err := tenancy.NewAuthenticator(g.directory, tokens, []string{region})
	if err != nil {
		return nil, err
	}
	g.pool = shards.NewPool(shards.Options{Keys: g.keys, Trace: trace})
	g.gate = tenancy.NewGate(auth, g.directory, g.pool, g.keys)
	return g, nil
}

func (g *gate) close() error {
	err := g.pool.Close()
	if err2 := g.directory.Close(); err == nil {
		err = err2
	}
	return err
}

// gateway is gatehouse as its main wires it, with so many bytes of read cache
// and budgets that are never spent.
func (g *gate) gateway(cache int) (http.Handler, error) {
	schema := resolvers.Schema()
	documents := guard.New(schema, guard.Options{})
	executor, err := resolvers.NewExecutor(resolvers.Options{Documents: documents, Cache: cache})
	if err != nil {
		return nil, err
	}
	return transport.NewHandler(transport.Config{
		Executor: executor, Guard: documents, Gate: g.gate,
		Admission: transport.Admission{
			Prices: cost.New(schema), Turns: tenancy.NewTurns(processors(), 0, nil), Budgets: tenancy.NewBudgets(tenancy.BudgetOptions{Points: plenty, Burst: plenty}),
		},
	}), nil
}

// walk collects the cursors of every account's list of clients. Since all
// accounts have the same, one of them is asked.
func (d *dataset) walk(h http.Handler, keys *shards.Keyring) error {
	op, first := operationNamed("page"), d.Accounts[0]
	var marks []shards.Mark
	for {
		answer, err := ask(h, "/"+op.name, first, op.bodies(d, true).next(first, randomOf(1, 1)))
		if err != nil {
			return err
		}
		var page struct {
			Data struct {
				Clients struct {
					PageInfo struct {
						HasNextPage bool
						EndCursor   string
					}
				}
			}
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return fmt.Errorf("%w in %s", err, answer)
		}
		info := page.Data.Clients.PageInfo
		if !info.HasNextPage {
			break
		}
		mark, err := keys.ParseCursor(first.ID, pageList, info.EndCursor)
		if err != nil {
			return err
		}
		marks, first.Cursors = append(marks, mark), []string{info.EndCursor}
	}
	for _, a := range d.Accounts {
		a.Cursors = make([]string, len(marks))
		for i, mark := range marks {
			a.Cursors[i] = keys.Cursor(a.ID, pageList, mark)
		}
	}
	return nil
}

// settle sets what gatehouse's main sets, for every contestant: seldom garbage
// collections, and threads enough that one which waits for the disk is not
// missed. It does without samples of what is allocated: there are none in a
// program that, as gatehouse, has nothing to read them.
func settle() {
	runtime.MemProfileRate = 0
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), minThreads))
	}
}

// processors is how many there are, whatever the number of threads.
func processors() int { return min(runtime.NumCPU(), runtime.GOMAXPROCS(0)) }
