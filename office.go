package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// dataVariable stands for the data folder in the DSNs of shards, so that the
// folder can be moved with what is in it.
const dataVariable = "GATEHOUSE_DATA"

// office is where commands are carried out: a data folder that this process
// owns, with its directory and the shards that it names.
type office struct {
	at        *folder
	directory *tenancy.Directory
	pool      *shards.Pool
	scopes    []string // all that the schema names
	now       func() time.Time
	mu        sync.Mutex // one command at a time
}

type officeOptions struct {
	Keys *shards.Keyring // nil where nobody reads
	Log  *slog.Logger    // may be nil
	// Make makes the directory where there is none.
	Make bool
	// Migrate makes and migrates shards when they are opened.
	Migrate bool
}

// openOffice opens the directory of a data folder. It does not open shards.
func openOffice(ctx context.Context, at *folder, options officeOptions) (*office, error) {
	if !options.Make && !at.has(directoryFile) {
		return nil, fmt.Errorf("there is no account directory in %s; `gatehouse migrate` makes an empty one, `gatehouse dev` one with demo data", at.path)
	}
	scopes, err := knownScopes()
	if err != nil {
		return nil, err
	}
	o := &office{at: at, scopes: scopes, now: time.Now}
	o.directory, err = tenancy.OpenDirectory(ctx, at.file(directoryFile), tenancy.Options{
		Scopes: scopes, LookupEnv: o.lookupEnv, Now: o.now,
		NewID: func() string { return shards.NewID("account") },
	})
	if err != nil {
		return nil, err
	}
	o.pool = shards.NewPool(shards.Options{Keys: options.Keys, Log: options.Log, Now: o.now, Create: options.Migrate})
	return o, nil
}

func (o *office) lookupEnv(name string) (string, bool) {
	if name == dataVariable {
		return o.at.path, true
	}
	return os.LookupEnv(name)
}

// shard returns the open shard of that id, and opens it first where it is not open.
func (o *office) shard(ctx context.Context, id string) (*shards.Shard, error) {
	if shard, ok := o.pool.Get(id); ok {
		return shard, nil
	}
	s, err := o.directory.Shard(ctx, id)
	if err != nil {
		return nil, err
	}
	spec, err := s.Spec(o.lookupEnv)
	if err != nil {
		return nil, fmt.Errorf("open shard %s: %w", id, err)
	}
	return o.pool.Shard(ctx, spec)
}

// execute carries out one command line and returns the exit code.
func (o *office) execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command, code := parse(args, stdout, stderr)
	if command == nil {
		return code
	}
	c, ok := command.(officeCommand)
	if !ok {
		return report(errors.New("this command is not one for the owner of a data folder"), stderr)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return report(c.run(ctx, o, stdout, stderr), stderr)
}

// close closes the shards and the directory, and gives the folder back.
func (o *office) close() error {
	return errors.Join(o.pool.Close(), o.directory.Close(), o.at.release())
}

// runInOffice carries a command out in the process that owns its data folder:
// this one where nobody does, else the server that does.
func runInOffice(ctx context.Context, c officeCommand, args []string, stdout, stderr io.Writer) int {
	path, create := c.folder()
	if create {
		if err := makeFolder(path); err != nil {
			return report(err, stderr)
		}
	}
	// Another command may have the folder for a moment, and a server that
	// starts or stops has it without a socket.
	for deadline := time.Now().Add(10 * time.Second); ; {
		at, err := claim(path)
		if err == nil {
			return runHere(ctx, at, create, args, stdout, stderr)
		}
		if !errors.Is(err, errInUse) {
			return report(err, stderr)
		}
		answer, callErr := call(ctx, path, args)
		if callErr == nil {
			_, _ = io.WriteString(stdout, answer.Stdout)
			_, _ = io.WriteString(stderr, answer.Stderr)
			return answer.Code
		}
		if !errors.Is(callErr, errNoServer) {
			return report(callErr, stderr)
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return report(err, stderr)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func runHere(ctx context.Context, at *folder, create bool, args []string, stdout, stderr io.Writer) int {
	o, err := openOffice(ctx, at, officeOptions{Make: create})
	if err != nil {
		return report(errors.Join(err, at.release()), stderr)
	}
	code := o.execute(ctx, args, stdout, stderr)
	if err := o.close(); err != nil && code == 0 {
		return report(err, stderr)
	}
	return code
}
