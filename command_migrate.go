package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

type migrateCommand struct {
	directoryFlags
	jsonFlag
}

// place implements officeCommand: this command makes what is missing.
func (c *migrateCommand) place() place {
	p := c.directoryFlags.place()
	p.make = true
	return p
}

type migrated struct {
	Database string `json:"database"`
	Result   string `json:"result"`
}

func migratedColumns() []column[migrated] {
	return []column[migrated]{
		{"DATABASE", func(m migrated) string { return m.Database }},
		{"RESULT", func(m migrated) string { return m.Result }},
	}
}

// run migrates the shards one by one; the directory was when it was opened.
// One that fails does not keep the others.
func (c *migrateCommand) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	all, err := o.directory.Shards(ctx)
	if err != nil {
		return err
	}
	rows := []migrated{{"directory", "up to date"}}
	var wrong problems
	for _, s := range all {
		result, err := o.migrate(ctx, s)
		if err != nil {
			wrong, result = append(wrong, plain(err)), "failed"
		}
		rows = append(rows, migrated{s.ID, result})
	}
	if err := show(stdout, c.JSON, rows, migratedColumns()...); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

func (o *office) migrate(ctx context.Context, s tenancy.Shard) (result string, err error) {
	if o.pool.Serves(s.ID) {
		return "up to date", nil // or it would not have been opened
	}
	if !o.directory.Here(s) {
		return "elsewhere", nil
	}
	spec, err := s.Spec(o.lookupEnv)
	if err != nil {
		return "", fmt.Errorf("shard %s: %w", s.ID, err)
	}
	db, err := shards.Open(ctx, spec, shards.Options{})
	switch {
	case err == nil:
		return "up to date", db.Close()
	case errors.Is(err, fs.ErrNotExist):
		return "", err // lost, or not mounted: an empty one in its place would hide that
	}
	return "migrated", o.makeShard(ctx, s, nil)
}
