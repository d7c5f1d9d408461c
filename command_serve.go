package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

type serveCommand struct {
	Config string `default:"gatehouse.yml" env:"GATEHOUSE_CONFIG" placeholder:"FILE" help:"The configuration (${default})."`
}

func (c *serveCommand) run(ctx context.Context, _, stderr io.Writer) error {
	config, err := loadConfig(c.Config, os.LookupEnv)
	if err != nil {
		return err
	}
	as := logHandler(config)
	lines := newLogWriter(stderr, as)
	defer lines.Close()
	log := slog.New(as(lines))
	files, err := loadFiles(config, log)
	if err != nil {
		return err
	}
	h, m := &health{}, newMetrics()
	private, err := startPrivate(config.Private, h, m.handler(), log)
	if err != nil {
		return err
	}
	defer private.close()
	o, err := openServing(ctx, config, officeOptions{Directory: config.Directory, Keys: files.keys, Log: log, Metrics: m})
	if err != nil {
		return err
	}
	defer closeOffice(o, log)
	auth, tokens, err := newAuthenticator(ctx, config, o, log)
	if err != nil {
		return err
	}
	processors := favourLatency()
	collectSeldom()
	gateway, err := newGateway(o, settings{
		Auth: auth, Keys: files.keys, Log: log, Served: m.served, Manifests: files.manifests, Plain: !config.Projection, Cache: int(config.Cache),
		Introspection: config.Introspection, IntrospectionRoles: config.IntrospectionRoles,
		// The page of the schema asks nobody who they are.
		ServeSchema: config.Introspection && len(config.IntrospectionRoles) == 0, Limits: config.Limits, Processors: processors, GiveWay: giveWay(),
		Origins: config.CORS.Origins, Credentials: config.CORS.Credentials,
	})
	if err != nil {
		return err
	}
	m.streams(gateway.streams)
	listener, err := listen(config.Listen)
	if err != nil {
		return err
	}
	check := auth.Ready
	h.check.Store(&check)
	f := front{
		listener: listener, handler: m.inFlight(gateway), stop: gateway.stop, certificate: files.certificate,
		h2c: config.HTTP.H2C, idle: config.HTTP.IdleTimeout, reading: config.Limits.Timeout, drain: config.HTTP.Drain,
	}
	return serve(ctx, o, f, h, log, func() {
		if !tokens {
			log.Warn("no tokens are configured: only API keys are accepted")
		}
		log.Info("serving", "address", listener.Addr().String(), "regions", config.Regions, "version", version())
	})
}

// files are what a configuration holds and names beside plain values.
type files struct {
	keys        *shards.Keyring
	certificate *certificate      // nil where there is no TLS
	manifests   map[string][]byte // of trusted documents, by path
}

func loadFiles(c config, log *slog.Logger) (f files, err error) {
	var secrets [][]byte
	for _, secret := range c.Secrets.Bookmarks {
		secrets = append(secrets, []byte(secret))
	}
	if f.keys, err = shards.NewKeyring(secrets...); err != nil {
		return f, err
	}
	if c.TLS.Certificate != "" {
		if f.certificate, err = loadCertificate(c.TLS.Certificate, c.TLS.Key, log); err != nil {
			return f, err
		}
	}
	f.manifests, err = c.manifests()
	return f, err
}

// openServing opens the directory and the shards: now rather than at the first
// request, because whoever starts the gateway is still looking.
func openServing(ctx context.Context, c config, options officeOptions) (*office, error) {
	var at *folder
	var err error
	if c.Data != "" {
		if at, err = claimSoon(c.Data); err != nil {
			return nil, err
		}
	}
	o, err := openOffice(ctx, at, options)
	if err != nil {
		_ = at.release()
		return nil, err
	}
	var shut problems
	err = o.openShards(ctx, options.Log)
	if !c.RequireShards && errors.As(err, &shut) {
		options.Log.Error("serving without some shards", "error", err)
		err = nil
	}
	if err != nil {
		closeOffice(o, options.Log)
		return nil, err
	}
	return o, nil
}

// logHandler returns how lines of the log are written.
func logHandler(c config) func(io.Writer) slog.Handler {
	level, _ := logLevel(c.Log.Level)
	options := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "text" {
		return func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }
	}
	return func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, options) }
}

// newAuthenticator also returns whether tokens are accepted, beside API keys.
func newAuthenticator(ctx context.Context, c config, o *office, log *slog.Logger) (*tenancy.Authenticator, bool, error) {
	roles, err := tenancy.NewRoles(o.scopes).With(c.Tokens.Roles)
	if err != nil {
		return nil, false, fmt.Errorf("tokens.roles: %s", plain(err))
	}
	var verifier *tenancy.Tokens
	t, tokens := c.tokens(roles)
	if tokens {
		t.OnKeySetError = func(err error) { log.Warn("the issuer's keys can't be fetched", "error", err) }
		if verifier, err = tenancy.NewTokens(ctx, t); err != nil {
			return nil, false, err
		}
	}
	auth, err := tenancy.NewAuthenticator(o.directory, verifier, c.Regions)
	if err != nil {
		return nil, false, fmt.Errorf("regions: %w", err)
	}
	return auth, tokens, nil
}
