// Command bench compares gatehouse with a handler written by hand for the same
// operations: requests per second, latency, processor time and memory. Its
// README says how. Imported by nobody.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the command's flags.
type options struct {
	rounds      int
	duration    time.Duration
	concurrency []int // those of the operation where empty
	operations  []*operation
	size        size
	// without names contestants that do not take part.
	without []string
	chart   string // a file, none where empty
	// profile is a file that gets a profile of gatehouse; nothing is compared then.
	profile string
}

func main() {
	var err error
	switch mode := strings.Join(os.Args[1:], " "); mode {
	case "load":
		err = generate(os.Stdin, os.Stdout)
	case "serve":
		err = serve(os.Stdin, os.Stdout)
	default:
		err = run(os.Args[1:], os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	o := options{size: usual, operations: operations}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 3, "how often everything is measured; medians are reported")
	seconds := flags.Float64("seconds", 1, "how long each measurement takes")
	concurrency := flags.String("concurrency", "", "how many connections ask at once; several, with commas (each operation's own)")
	only := flags.String("only", "", "operations, with commas: client, page, pipeline, groups, create, queue, update, amend or upsert (all)")
	without := flags.String("without", "", "contestants to leave out, with semicolons")
	flags.IntVar(&o.size.accounts, "accounts", usual.accounts, "how many accounts there are")
	records := flags.Int("records", groups+users+usual.clients+usual.leads, "how many records each of them has")
	flags.StringVar(&o.chart, "chart", "", "a file for the chart")
	flags.StringVar(&o.profile, "profile", "", "a file for a CPU profile of gatehouse, instead of a comparison")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.duration = time.Duration(*seconds * float64(time.Second))
	for _, text := range split(*concurrency, ',') {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("%q is no number of connections", text)
		}
		o.concurrency = append(o.concurrency, n)
	}
	if *only != "" {
		o.operations = nil
		for _, name := range split(*only, ',') {
			op := operationNamed(name)
			if op == nil {
				return o, fmt.Errorf("there is no operation %q", name)
			}
			o.operations = append(o.operations, op)
		}
	}
	o.without = split(*without, ';')
	o.size.clients = (*records - groups - users) / 2
	o.size.leads = o.size.clients
	if o.rounds < 1 || o.duration <= 0 || o.size.accounts < 1 || o.size.clients <= upsertOld {
		return o, fmt.Errorf("at least one round, some time for it, an account and %d records are needed", groups+users+2*upsertOld+2)
	}
	return o, nil
}

func split(list string, by rune) []string {
	out := strings.FieldsFunc(list, func(r rune) bool { return r == by })
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

// at returns how many connections are to ask for an operation at once.
func (o options) at(op *operation) []int {
	if len(o.concurrency) > 0 {
		return o.concurrency
	}
	return op.concurrency
}

// contestants returns those that take part.
func (o options) contestants() (out []*contestant) {
	for _, c := range contestants {
		if !slices.Contains(o.without, c.name) && slices.ContainsFunc(o.operations, c.takes) {
			out = append(out, c)
		}
	}
	return out
}

func run(args []string, out, progress io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.profile != "" {
		return profile(context.Background(), files{dir}, o, progress)
	}
	r, err := compare(context.Background(), files{dir}, o, progress)
	if err != nil {
		return err
	}
	r.print(out)
	if o.chart == "" {
		return nil
	}
	return r.draw(o.chart)
}
