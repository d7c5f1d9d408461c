package main

import (
	"context"
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
	log := newLog(config, stderr)
	var secrets [][]byte
	for _, secret := range config.Secrets.Bookmarks {
		secrets = append(secrets, []byte(secret))
	}
	keys, err := shards.NewKeyring(secrets...)
	if err != nil {
		return err
	}
	var certificate *certificate
	if config.TLS.Certificate != "" {
		if certificate, err = loadCertificate(config.TLS.Certificate, config.TLS.Key, log); err != nil {
			return err
		}
	}
	manifests, err := config.manifests()
	if err != nil {
		return err
	}
	h, m := &health{}, newMetrics()
	private, err := startPrivate(config.Private, h, m.handler(), log)
	if err != nil {
		return err
	}
	defer private.close()
	var at *folder
	if config.Data != "" {
		if at, err = claimSoon(config.Data); err != nil {
			return err
		}
	}
	o, err := openOffice(ctx, at, officeOptions{Directory: config.Directory, Keys: keys, Log: log, Metrics: m})
	if err != nil {
		_ = at.release()
		return err
	}
	defer closeOffice(o, log)
	// Now rather than at the first request: whoever starts it is still looking.
	if err := o.openShards(ctx, log); err != nil && config.RequireShards {
		return err
	} else if err != nil {
		log.Error("serving without some shards", "error", err)
	}
	auth, tokens, err := newAuthenticator(ctx, config, o, log)
	if err != nil {
		return err
	}
	gateway, err := newGateway(o, settings{
		Auth: auth, Keys: keys, Log: log, Served: m.served, Manifests: manifests, Plain: !config.Projection,
		Introspection: config.Introspection, IntrospectionRoles: config.IntrospectionRoles,
		// The page of the schema asks nobody who they are.
		ServeSchema: config.Introspection && len(config.IntrospectionRoles) == 0, Limits: config.Limits,
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
		listener: listener, handler: m.inFlight(gateway), stop: gateway.stop, certificate: certificate,
		h2c: config.HTTP.H2C, idle: config.HTTP.IdleTimeout, drain: config.HTTP.Drain,
	}
	return serve(ctx, o, f, h, log, func() {
		if !tokens {
			log.Warn("no tokens are configured: only API keys are accepted")
		}
		log.Info("serving", "address", listener.Addr().String(), "regions", config.Regions, "version", version())
	})
}

func newLog(c config, w io.Writer) *slog.Logger {
	level, _ := logLevel(c.Log.Level)
	options := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
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
