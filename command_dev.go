package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"text/tabwriter"
	"time"

	"gatehouse/tenancy"
	"gatehouse/transport/graphiql"
)

type devCommand struct {
	folderFlag
	Listen string `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where to listen (${default}). Whoever reaches it can use the demo tokens."`
}

func (c *devCommand) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := makeFolder(c.Data); err != nil {
		return err
	}
	at, err := claimSoon(c.Data)
	if err != nil {
		return err
	}
	listener, err := listen(c.Listen)
	if err != nil {
		_ = at.release()
		return err
	}
	as := func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }
	lines := newLogWriter(stderr, as)
	defer lines.Close()
	log := slog.New(as(lines))
	o, secrets, err := openDemo(ctx, at, log)
	if err != nil {
		_, _ = listener.Close(), at.release()
		return err
	}
	defer closeOffice(o, log)
	gateway, tokens, err := c.gateway(ctx, o, secrets, log)
	if err != nil {
		_ = listener.Close()
		return err
	}
	return serve(ctx, o, front{listener: listener, handler: gateway, stop: gateway.stop}, &health{}, log, func() {
		if !isLoopback(listener.Addr()) {
			fmt.Fprintf(stderr, "gatehouse: warning: %s can be reached from other machines, and the demo tokens with it\n", listener.Addr())
		}
		c.welcome(stdout, listener.Addr(), tokens)
	})
}

// gateway returns dev's gateway and the demo tokens.
func (c *devCommand) gateway(ctx context.Context, o *office, secrets devSecrets, log *slog.Logger) (g *gateway, tokens []demoToken, err error) {
	keys, err := secrets.keyring()
	if err != nil {
		return nil, nil, err
	}
	verifier, err := tenancy.NewTokens(ctx, tenancy.TokenConfig{
		Issuer: tenancy.DevIssuer, Audience: tenancy.DevAudience, Secrets: [][]byte{secrets.Tokens}, Roles: tenancy.NewRoles(o.scopes),
	})
	if err != nil {
		return nil, nil, err
	}
	auth, err := tenancy.NewAuthenticator(o.directory, verifier, []string{tenancy.AnyRegion})
	if err != nil {
		return nil, nil, err
	}
	if tokens, err = demoTokens(ctx, o, secrets); err != nil {
		return nil, nil, err
	}
	page := &graphiql.Config{RecordID: demoIDs().clients[0]}
	for _, t := range tokens {
		page.Tokens = append(page.Tokens, graphiql.Token{Account: t.Account, Role: t.Role, Token: t.Token})
	}
	g, err = newGateway(o, settings{
		Auth: auth, Keys: keys, Log: log, Introspection: true, Cache: defaultCache, ServeSchema: true, GraphiQL: page,
	})
	return g, tokens, err
}

// demoToken is a token of a demo account.
type demoToken struct{ Account, Role, User, Token string }

// demoTokens returns a token for each demo account and role.
func demoTokens(ctx context.Context, o *office, secrets devSecrets) ([]demoToken, error) {
	var tokens []demoToken
	now := o.now()
	for _, demo := range demoAccounts() {
		a, err := o.directory.Account(ctx, demo.name)
		if err != nil {
			return nil, err
		}
		for _, role := range []string{"admin", "member", "viewer"} {
			_, user := demoUser(demo.name, role)
			token, err := signDemo(secrets, a, role, now)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, demoToken{demo.name, role, user, token})
		}
	}
	return tokens, nil
}

func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// welcome says where to look and with which token.
func (c *devCommand) welcome(w io.Writer, a net.Addr, tokens []demoToken) {
	host := a.String()
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		host = fmt.Sprintf("localhost:%d", tcp.Port)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nGraphiQL   http://%s/\nEndpoint   http://%s/graphql\nSchema     http://%s/schema.graphql\n\n", host, host, host)
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "ACCOUNT\tROLE\tUSER\tTOKEN")
	for _, t := range tokens {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", t.Account, t.Role, t.User, t.Token)
	}
	_ = table.Flush() // a strings.Builder takes everything
	hint := "gatehouse token acme --role member"
	if c.Data != defaultFolder {
		hint += fmt.Sprintf(" --data %q", c.Data)
	}
	fmt.Fprintf(&b, "\nThe tokens are good for %d days; `%s` prints a new one.\n", devTokenLifetime/(24*time.Hour), hint)
	_, _ = io.WriteString(w, b.String())
}
