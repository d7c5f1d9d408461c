// Command gatehouse is a GraphQL API gateway in front of sharded, multi-tenant
// data. This package reads the configuration, wires the others together, and
// holds the commands; it has no rules of its own about accounts or records.
//
// One process owns a data folder, by its lock. While that is a server, the
// other commands reach it over its private socket, and it runs them on its own
// open directory and shards: a command is the same code in both cases.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"gatehouse/shards"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs one command line and returns the exit code: 0 it is done, 1 it
// failed, 2 the command line is wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command, code := parse(args, stdout, stderr)
	switch c := command.(type) {
	case localCommand:
		return report(c.run(ctx, stdout, stderr), stderr)
	case officeCommand:
		return runInOffice(ctx, c, args, stdout, stderr)
	}
	return code
}

// report prints an error as one line, or each of several as one, and returns
// the exit code.
func report(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	var several problems
	if !errors.As(err, &several) {
		several = problems{plain(err)}
	}
	for _, line := range several {
		fmt.Fprintln(stderr, "gatehouse: "+line)
	}
	return 1
}

// plain words an error for whoever gave the command.
func plain(err error) string {
	text := err.Error()
	var refusal *shards.Error
	if errors.As(err, &refusal) && refusal.Code == shards.BadRequest {
		text = refusal.Message
	}
	return strings.Join(strings.Split(strings.TrimSpace(text), "\n"), "; ")
}

// problems are several things that are wrong, one line each.
type problems []string

func (p problems) Error() string { return strings.Join(p, "; ") }
