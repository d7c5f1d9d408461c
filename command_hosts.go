package main

import (
	"context"
	"fmt"
	"io"
)

type hostRow struct {
	Host      string `json:"host"`
	AccountID string `json:"accountId"`
}

func hostColumns() []column[hostRow] {
	return []column[hostRow]{
		{"HOST", func(h hostRow) string { return h.Host }},
		{"ACCOUNT", func(h hostRow) string { return h.AccountID }},
	}
}

func showHosts(ctx context.Context, o *office, stdout io.Writer, asJSON bool, account string) error {
	hosts, err := o.directory.Hosts(ctx, account)
	if err != nil {
		return err
	}
	rows := make([]hostRow, len(hosts))
	for i, h := range hosts {
		rows[i] = hostRow{h.Name, h.AccountID}
	}
	return show(stdout, asJSON, rows, hostColumns()...)
}

type hostsAdd struct {
	directoryFlags
	jsonFlag
	accountArg
	Host string `arg:"" help:"A domain name, for example crm.example.org."`
}

func (c *hostsAdd) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	if err := o.directory.AddHost(ctx, c.Account, c.Host); err != nil {
		return err
	}
	return showHosts(ctx, o, stdout, c.JSON, c.Account)
}

type hostsRemove struct {
	directoryFlags
	jsonFlag
	Host string `arg:"" help:"The domain name."`
}

func (c *hostsRemove) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	if err := o.directory.RemoveHost(ctx, c.Host); err != nil {
		return err
	}
	if c.JSON {
		return showJSON(stdout, struct {
			Host string `json:"host"`
		}{c.Host})
	}
	_, err := fmt.Fprintf(stdout, "The host %s is nobody's now.\n", c.Host)
	return err
}

type hostsList struct {
	directoryFlags
	jsonFlag
	accountArg
}

func (c *hostsList) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	return showHosts(ctx, o, stdout, c.JSON, c.Account)
}
