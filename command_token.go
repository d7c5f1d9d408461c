package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"gatehouse/tenancy"
)

// devTokenLifetime is long: the tokens open demo data only.
const devTokenLifetime = 30 * 24 * time.Hour

type tokenCommand struct {
	folderFlag
	Account string `arg:"" help:"The account's name or id, for example acme."`
	Role    string `default:"admin" enum:"admin,member,viewer" placeholder:"ROLE" help:"admin, member or viewer (${default})."`
}

func (c *tokenCommand) run(ctx context.Context, o *office, stdout, _ io.Writer) error {
	secrets, err := readSecrets(o.at)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the data folder %s is not one of dev, so it has no tokens to give", o.at.path)
	}
	if err != nil {
		return err
	}
	a, err := o.directory.Account(ctx, c.Account)
	if err != nil {
		return err
	}
	token, err := signDemo(secrets, a, c.Role, o.now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, token)
	return err
}

// signDemo makes a token for the demo user with that role.
func signDemo(secrets devSecrets, a tenancy.Account, role string, now time.Time) (string, error) {
	subject, name := demoUser(a.Name, role)
	return tenancy.SignDev(secrets.Tokens, tenancy.DevClaims{
		Account: a.ID, Subject: subject, Name: name, Role: role, IssuedAt: now, Lifetime: devTokenLifetime,
	})
}
