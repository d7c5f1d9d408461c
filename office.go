package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// dataVariable stands for the data folder in the DSNs of shards, so that the
// folder can be moved with what is in it.
const dataVariable = "GATEHOUSE_DATA"

// office is where commands are carried out: an account directory, the shards
// that it names, and a data folder that this process owns. The folder holds the
// directory unless that is on PostgreSQL; then there may be no folder.
type office struct {
	at        *folder // nil where there is none
	url       string  // of a directory on PostgreSQL, as it was given
	directory *tenancy.Directory
	pool      *shards.Pool
	scopes    []string // all that the schema names
	now       func() time.Time
	mu        sync.Mutex // one command at a time
}

type officeOptions struct {
	Keys *shards.Keyring // nil where nobody reads
	Log  *slog.Logger    // may be nil
	// Directory is the URL of a directory on PostgreSQL; without it the directory
	// is in the folder.
	Directory string
	// Make makes the directory where there is none.
	Make bool
	// Migrate makes and migrates shards when they are opened.
	Migrate bool
	Metrics *metrics // nil where nobody counts
}

// openOffice opens the directory. at is nil where it is on PostgreSQL and there
// is no data folder. It does not open shards.
func openOffice(ctx context.Context, at *folder, options officeOptions) (*office, error) {
	scopes, err := knownScopes()
	if err != nil {
		return nil, err
	}
	o := &office{at: at, url: options.Directory, scopes: scopes, now: time.Now}
	dsn := options.Directory
	switch {
	case dsn == "":
		dsn = at.file(directoryFile)
	case !tenancy.IsPostgres(dsn):
		return nil, errors.New("the directory's URL must begin with postgres://; one on SQLite is in the data folder")
	}
	directory := tenancy.Options{
		Scopes: append(slices.Clone(scopes), tenancy.RegisterScope), LookupEnv: o.lookupEnv, Now: o.now, Existing: !options.Make,
		NewID: func() string { return shards.NewID("account") },
	}
	pool := shards.Options{Keys: options.Keys, Log: options.Log, Now: o.now, Create: options.Migrate}
	if m := options.Metrics; m != nil {
		directory.Looked, pool.Trace, pool.Committed = m.looked, m.ran, m.committed
		m.watch(o)
	}
	o.directory, err = tenancy.OpenDirectory(ctx, dsn, directory)
	switch {
	case errors.Is(err, tenancy.ErrNoDirectory) && options.Directory != "":
		return nil, fmt.Errorf("%w in the database that the directory's URL names; `gatehouse migrate` makes an empty one", tenancy.ErrNoDirectory)
	case errors.Is(err, tenancy.ErrNoDirectory):
		return nil, fmt.Errorf("%w in %s; `gatehouse migrate` makes an empty one, `gatehouse dev` one with demo data", tenancy.ErrNoDirectory, at.path)
	case err != nil:
		return nil, err
	}
	o.pool = shards.NewPool(pool)
	return o, nil
}

func (o *office) lookupEnv(name string) (string, bool) {
	if name == dataVariable {
		if o.at == nil {
			return "", false
		}
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
	if !o.directory.Here(s) {
		return nil, fmt.Errorf("the shard %s lies in the data folder of a gateway; give the command there, with --data", id)
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
	if url := c.place().directory; url != "" && url != o.url {
		return report(errors.New("the process that owns the data folder has another account directory"), stderr)
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
	in := c.place()
	if in.folder == "" {
		return runHere(ctx, nil, in, args, stdout, stderr)
	}
	path := in.folder
	if in.make {
		if err := makeFolder(path); err != nil {
			return report(err, stderr)
		}
	}
	// Another command may have the folder for a moment, and a server that
	// starts or stops has it without a socket.
	for deadline := time.Now().Add(10 * time.Second); ; {
		at, err := claim(path)
		if err == nil {
			return runHere(ctx, at, in, args, stdout, stderr)
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

func runHere(ctx context.Context, at *folder, in place, args []string, stdout, stderr io.Writer) int {
	o, err := openOffice(ctx, at, officeOptions{Directory: in.directory, Make: in.make})
	if err != nil {
		return report(errors.Join(err, at.release()), stderr)
	}
	code := o.execute(ctx, args, stdout, stderr)
	if err := o.close(); err != nil && code == 0 {
		return report(err, stderr)
	}
	return code
}
