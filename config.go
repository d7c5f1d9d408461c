package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"gatehouse/tenancy"
	"gatehouse/transport"
	"gatehouse/transport/guard"
)

// config is what serve is told: a YAML file, in which an unknown key is an
// error, and over it the environment. examples/gatehouse.yml explains the keys.
type config struct {
	Listen  string `yaml:"listen"`
	Private string `yaml:"private"` // none where empty
	Data    string `yaml:"data"`
	// Directory is the URL of a directory on PostgreSQL; with it Data may be empty.
	Directory string   `yaml:"directory"`
	Regions   []string `yaml:"regions"`
	// RequireShards stops the start where a shard can't be opened.
	RequireShards bool `yaml:"requireShards"`
	Secrets       struct {
		Bookmarks []string `yaml:"bookmarks"` // the first signs, all are accepted
	} `yaml:"secrets"`
	Tokens tokensConfig `yaml:"tokens"`
	CORS   struct {
		Origins     []string `yaml:"origins"`
		Credentials bool     `yaml:"credentials"`
	} `yaml:"cors"`
	Limits             limitsConfig `yaml:"limits"`
	HTTP               httpConfig   `yaml:"http"`
	TLS                tlsConfig    `yaml:"tls"`
	Introspection      bool         `yaml:"introspection"`
	IntrospectionRoles []string     `yaml:"introspectionRoles"` // empty: everybody
	// Projection answers reads from the stored bodies; without it each field is resolved by itself.
	Projection       bool     `yaml:"projection"`
	Cache            int64    `yaml:"cache"`            // bytes of answers that are kept; 0: none
	TrustedDocuments []string `yaml:"trustedDocuments"` // manifests: files
	Log              struct {
		Level  string `yaml:"level"`
		Format string `yaml:"format"`
	} `yaml:"log"`
}

type httpConfig struct {
	H2C         bool          `yaml:"h2c"`
	IdleTimeout time.Duration `yaml:"idleTimeout"`
	Drain       time.Duration `yaml:"drain"`
}

type tlsConfig struct {
	Certificate string `yaml:"certificate"` // files; both or none
	Key         string `yaml:"key"`
}

type tokensConfig struct {
	Issuer     string        `yaml:"issuer"`
	Audience   string        `yaml:"audience"`
	JWKS       string        `yaml:"jwks"`
	Secrets    []string      `yaml:"secrets"`
	Algorithms []string      `yaml:"algorithms"`
	Leeway     time.Duration `yaml:"leeway"`
	Claims     struct {
		Account string `yaml:"account"`
		Subject string `yaml:"subject"`
		Name    string `yaml:"name"`
		Role    string `yaml:"role"`
		Scopes  string `yaml:"scopes"`
	} `yaml:"claims"`
	Roles map[string][]string `yaml:"roles"` // replaced or added: role to patterns of scopes
}

// limitsConfig bounds what a request may ask for and use. Where a limit of an
// account says otherwise, that counts.
type limitsConfig struct {
	MaxBody     int64         `yaml:"maxBody"` // bytes
	Timeout     time.Duration `yaml:"timeout"`
	Cost        int64         `yaml:"cost"`        // points of one operation, at most
	Points      int64         `yaml:"points"`      // a second, of each credential
	Burst       int64         `yaml:"burst"`       // points that may be saved up
	Concurrency int64         `yaml:"concurrency"` // operations of one account at once
	Sockets     int64         `yaml:"sockets"`     // of one account
	Documents   guard.Limits  `yaml:"documents"`
}

// defaultCache holds some ten thousand pages.
const defaultCache = 64 << 20

func defaultConfig() config {
	c := config{Listen: "127.0.0.1:8080", RequireShards: true}
	c.HTTP.IdleTimeout, c.HTTP.Drain = defaultIdle, defaultDrain
	c.Projection, c.Cache = true, defaultCache
	c.Limits = limitsConfig{
		MaxBody: transport.DefaultMaxBody, Timeout: transport.DefaultTimeout, Cost: transport.DefaultMaxCost,
		Points: tenancy.DefaultPoints, Burst: tenancy.DefaultBurst, Concurrency: tenancy.DefaultConcurrency,
		Sockets:   transport.DefaultSockets,
		Documents: guard.Limits{}.WithDefaults(),
	}
	c.Log.Level, c.Log.Format = "info", "json"
	return c
}

type lookupEnv func(name string) (value string, ok bool)

// loadConfig reads and checks a configuration. Where several things are wrong
// with it the error is problems.
func loadConfig(path string, lookup lookupEnv) (config, error) {
	c := defaultConfig()
	text, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("read the configuration: %w", err)
	}
	if err := c.decode(filepath.Base(path), text); err != nil {
		return c, err
	}
	var wrong problems
	wrong = append(wrong, c.override(lookup)...)
	wrong = append(wrong, c.expandSecrets(lookup)...)
	wrong = append(wrong, c.check()...)
	if len(wrong) > 0 {
		return c, wrong
	}
	return c, nil
}

// manifests reads the files of trusted documents.
func (c *config) manifests() (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, path := range c.TrustedDocuments {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("trustedDocuments: %w", err)
		}
		out[path] = text
	}
	return out, nil
}

// decode reads the YAML text over what c holds.
func (c *config) decode(name string, text []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	err := decoder.Decode(c)
	if errors.Is(err, io.EOF) { // empty: all of it may come from the environment
		return nil
	}
	if err == nil {
		var more any
		if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: there must be one document only", name)
		}
		return nil
	}
	var at yaml.Error
	if !errors.As(err, &at) { // a duration that can't be read
		return fmt.Errorf("%s: %s; write for example 10s", name, strings.TrimPrefix(err.Error(), "time: "))
	}
	message := strings.Replace(at.GetMessage(), "unknown field", "unknown key", 1)
	var mismatch *yaml.TypeError
	if errors.As(err, &mismatch) {
		message = "this value must be a " + kindOf(mismatch.DstType.String())
	}
	return fmt.Errorf("%s:%d: %s", name, at.GetToken().Position.Line, message)
}

func kindOf(goType string) string {
	switch goType {
	case "time.Duration":
		return "duration, for example 10s"
	case "bool":
		return "truth value: true or false"
	case "int", "int64":
		return "whole number"
	case "string":
		return "text"
	}
	return "section"
}

// tokens returns what makes a verifier of tokens, and false where none are
// configured: then only API keys are accepted.
func (c *config) tokens(roles tenancy.Roles) (tenancy.TokenConfig, bool) {
	t := c.Tokens
	out := tenancy.TokenConfig{
		Issuer: t.Issuer, Audience: t.Audience, JWKSURL: t.JWKS, Algorithms: t.Algorithms, Leeway: t.Leeway, Roles: roles,
		Claims: tenancy.ClaimNames{
			Account: t.Claims.Account, Subject: t.Claims.Subject, Name: t.Claims.Name, Role: t.Claims.Role, Scopes: t.Claims.Scopes,
		},
	}
	for _, secret := range t.Secrets {
		out.Secrets = append(out.Secrets, []byte(secret))
	}
	return out, t.Issuer != "" || t.Audience != "" || t.JWKS != "" || len(t.Secrets) > 0 ||
		len(t.Algorithms) > 0 || t.Leeway != 0 || len(t.Roles) > 0 || t.Claims != tokensConfig{}.Claims
}
