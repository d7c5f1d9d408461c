package main

import (
	"context"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

const description = `GraphQL API gateway for software that many accounts share.

The data folder (--data) holds the account directory. While "dev" or "serve" runs on it, the other commands are carried out by that process, so that what they change is in force at once. A directory on PostgreSQL (--directory) is shared by many gateways; what changes there is in force everywhere within a second.

Exit codes: 0 done, 1 failed, with one line on stderr, 2 wrong command line.`

// commandLine is everything that can be said on the command line.
type commandLine struct {
	Dev   devCommand   `cmd:"" group:"run" help:"Serve demo data on this machine, with GraphiQL."`
	Token tokenCommand `cmd:"" group:"run" help:"Print a token for the data folder of dev."`
	Serve serveCommand `cmd:"" group:"run" help:"Serve in production, as a configuration file says."`

	Accounts struct {
		Create  accountsCreate  `cmd:"" help:"Create an account."`
		List    accountsList    `cmd:"" help:"List all accounts."`
		Show    accountsShow    `cmd:"" help:"Show one account."`
		Limit   accountsLimit   `cmd:"" help:"Set in what an account deviates from the default limits."`
		Suspend accountsSuspend `cmd:"" help:"Refuse an account's callers, until it is resumed."`
		Resume  accountsResume  `cmd:"" help:"Serve a suspended account again."`
		Close   accountsClose   `cmd:"" help:"Close an account. This is final."`
	} `cmd:"" group:"directory" help:"Create, list, show, limit, suspend, resume and close accounts."`
	Keys struct {
		Create keysCreate `cmd:"" help:"Create an API key and print it, this once."`
		List   keysList   `cmd:"" help:"List the API keys of an account."`
		Revoke keysRevoke `cmd:"" help:"Revoke an API key. This is final."`
	} `cmd:"" group:"directory" help:"Create, list and revoke API keys."`
	Hosts struct {
		Add    hostsAdd    `cmd:"" help:"Reserve a host for an account."`
		Remove hostsRemove `cmd:"" help:"Make a host nobody's."`
		List   hostsList   `cmd:"" help:"List the hosts of an account."`
	} `cmd:"" group:"directory" help:"Add, remove and list the custom domains of accounts."`

	Shards struct {
		Add      shardsAdd      `cmd:"" help:"Add a shard. Its database is made where there is none."`
		List     shardsList     `cmd:"" help:"List all shards."`
		Replicas shardsReplicas `cmd:"" help:"Say which replicas a shard has. Gateways learn of it when they start."`
	} `cmd:"" group:"data" help:"Add and list the databases that hold accounts."`
	Migrate migrateCommand `cmd:"" group:"data" help:"Bring the directory and all shards up to date."`

	Schema  schemaCommand  `cmd:"" group:"about" help:"Print the GraphQL schema."`
	Version versionCommand `cmd:"" group:"about" help:"Print the version."`
}

// localCommand is carried out by the process that was called.
type localCommand interface {
	run(ctx context.Context, stdout, stderr io.Writer) error
}

// officeCommand is carried out by the process that owns the data folder; where
// the command needs none, by this one.
type officeCommand interface {
	run(ctx context.Context, o *office, stdout, stderr io.Writer) error
	place() place
}

// place says where an office is.
type place struct {
	folder    string // the data folder, "" where there is none
	directory string // the URL of a directory on PostgreSQL, "" where it is in the folder
	make      bool   // folder and directory are made where there are none
}

const defaultFolder = "./data"

// directoryFlags are of all commands on an account directory.
type directoryFlags struct {
	Data      string `env:"GATEHOUSE_DATA" placeholder:"FOLDER" help:"The data folder (./data, and none with --directory)."`
	Directory string `env:"GATEHOUSE_DIRECTORY" placeholder:"URL" help:"The account directory where it is on PostgreSQL: postgres://USER:$${VARIABLE}@HOST/DATABASE, with the password in an environment variable."`
}

func (f directoryFlags) place() place {
	p := place{folder: f.Data, directory: f.Directory}
	if p == (place{}) {
		p.folder = defaultFolder
	}
	return p
}

type folderFlag struct {
	Data string `default:"./data" env:"GATEHOUSE_DATA" placeholder:"FOLDER" help:"The data folder (${default})."`
}

func (f folderFlag) place() place { return place{folder: f.Data} }

type jsonFlag struct {
	JSON bool `name:"json" help:"Print JSON, for programs."`
}

// parse returns the command that args name. Where there is nothing to run
// (help, or a usage error, both printed) it returns nil and the exit code.
func parse(args []string, stdout, stderr io.Writer) (command any, code int) {
	type exit int
	defer func() { // kong ends the process after --help; here it may be a server's
		if r := recover(); r != nil {
			e, ok := r.(exit)
			if !ok {
				panic(r)
			}
			command, code = nil, int(e)
		}
	}()
	parser, err := kong.New(&commandLine{},
		kong.Name("gatehouse"), kong.Description(description),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "run", Title: "Run:"}, {Key: "directory", Title: "Accounts:"},
			{Key: "data", Title: "Data:"}, {Key: "about", Title: "About:"},
		}),
	)
	if err != nil {
		panic(err) // the tags above are wrong
	}
	found, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "gatehouse: %v (see gatehouse --help)\n", err)
		return nil, 2
	}
	return found.Selected().Target.Addr().Interface(), 0
}
