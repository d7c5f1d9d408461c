package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// override puts the environment over the file: every key that holds a single
// value has a variable, named after its place.
func (c *config) override(lookup lookupEnv) (wrong problems) {
	variables := map[string]any{
		"GATEHOUSE_LISTEN":                &c.Listen,
		"GATEHOUSE_PRIVATE":               &c.Private,
		"GATEHOUSE_DATA":                  &c.Data,
		"GATEHOUSE_DIRECTORY":             &c.Directory,
		"GATEHOUSE_REQUIRE_SHARDS":        &c.RequireShards,
		"GATEHOUSE_HTTP_H2C":              &c.HTTP.H2C,
		"GATEHOUSE_HTTP_IDLE_TIMEOUT":     &c.HTTP.IdleTimeout,
		"GATEHOUSE_HTTP_DRAIN":            &c.HTTP.Drain,
		"GATEHOUSE_TLS_CERTIFICATE":       &c.TLS.Certificate,
		"GATEHOUSE_TLS_KEY":               &c.TLS.Key,
		"GATEHOUSE_TOKENS_ISSUER":         &c.Tokens.Issuer,
		"GATEHOUSE_TOKENS_AUDIENCE":       &c.Tokens.Audience,
		"GATEHOUSE_TOKENS_JWKS":           &c.Tokens.JWKS,
		"GATEHOUSE_TOKENS_LEEWAY":         &c.Tokens.Leeway,
		"GATEHOUSE_TOKENS_CLAIMS_ACCOUNT": &c.Tokens.Claims.Account,
		"GATEHOUSE_TOKENS_CLAIMS_SUBJECT": &c.Tokens.Claims.Subject,
		"GATEHOUSE_TOKENS_CLAIMS_NAME":    &c.Tokens.Claims.Name,
		"GATEHOUSE_TOKENS_CLAIMS_ROLE":    &c.Tokens.Claims.Role,
		"GATEHOUSE_TOKENS_CLAIMS_SCOPES":  &c.Tokens.Claims.Scopes,
		"GATEHOUSE_CORS_CREDENTIALS":      &c.CORS.Credentials,
		"GATEHOUSE_LIMITS_MAX_BODY":       &c.Limits.MaxBody,
		"GATEHOUSE_LIMITS_TIMEOUT":        &c.Limits.Timeout,
		"GATEHOUSE_LIMITS_SOCKETS":        &c.Limits.Sockets,
		"GATEHOUSE_LIMITS_COST":           &c.Limits.Cost,
		"GATEHOUSE_LIMITS_POINTS":         &c.Limits.Points,
		"GATEHOUSE_LIMITS_BURST":          &c.Limits.Burst,
		"GATEHOUSE_LIMITS_CONCURRENCY":    &c.Limits.Concurrency,
		"GATEHOUSE_INTROSPECTION":         &c.Introspection,
		"GATEHOUSE_PROJECTION":            &c.Projection,
		"GATEHOUSE_CACHE":                 &c.Cache,
		"GATEHOUSE_LOG_LEVEL":             &c.Log.Level,
		"GATEHOUSE_LOG_FORMAT":            &c.Log.Format,
	}
	for _, limit := range c.Limits.Documents.All() {
		variables["GATEHOUSE_LIMITS_DOCUMENTS_"+screaming(limit.Name)] = limit.Value
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		value, ok := lookup(name)
		if !ok {
			continue
		}
		want := ""
		switch field := variables[name].(type) {
		case *string:
			*field = value
		case *bool:
			want = set(field, value, strconv.ParseBool, "true or false")
		case *int:
			want = set(field, value, strconv.Atoi, "a whole number")
		case *int64:
			want = set(field, value, wholeNumber, "a whole number")
		case *time.Duration:
			want = set(field, value, time.ParseDuration, "a duration such as 10s")
		}
		if want != "" {
			wrong = append(wrong, fmt.Sprintf("%s must be %s, not %q", name, want, value))
		}
	}
	return wrong
}

// screaming returns a key as a part of a variable's name: rootFields as ROOT_FIELDS.
func screaming(key string) string {
	var b strings.Builder
	for _, c := range key {
		if unicode.IsUpper(c) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(c))
	}
	return b.String()
}

// set leaves field as it is where value can't be read, and returns what was wanted.
func set[V any](field *V, value string, read func(string) (V, error), want string) string {
	v, err := read(value)
	if err != nil {
		return want
	}
	*field = v
	return ""
}

func wholeNumber(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }

const minSecret = 32 // bytes

// expandSecrets replaces ${NAME} in the secrets by the variable's value, and
// checks what comes of it. No secret is repeated in the problems.
func (c *config) expandSecrets(lookup lookupEnv) (wrong problems) {
	reference := regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	expand := func(key string, secrets []string) {
		for i, secret := range secrets {
			missing := ""
			secrets[i] = reference.ReplaceAllStringFunc(secret, func(r string) string {
				name := r[2 : len(r)-1]
				value, _ := lookup(name)
				if value == "" {
					missing = name
				}
				return value
			})
			if missing != "" {
				wrong = append(wrong, fmt.Sprintf("%s[%d]: the environment variable %s is not set", key, i, missing))
			} else if len(secrets[i]) < minSecret {
				wrong = append(wrong, fmt.Sprintf("%s[%d] is shorter than %d bytes", key, i, minSecret))
			}
		}
	}
	expand("secrets.bookmarks", c.Secrets.Bookmarks)
	expand("tokens.secrets", c.Tokens.Secrets)
	return wrong
}
