package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// override puts the environment over the file: every key that holds a single
// value has a variable, named after its place.
func (c *config) override(lookup lookupEnv) (wrong problems) {
	for name, field := range map[string]any{
		"GATEHOUSE_LISTEN":                &c.Listen,
		"GATEHOUSE_DATA":                  &c.Data,
		"GATEHOUSE_TOKENS_ISSUER":         &c.Tokens.Issuer,
		"GATEHOUSE_TOKENS_AUDIENCE":       &c.Tokens.Audience,
		"GATEHOUSE_TOKENS_JWKS":           &c.Tokens.JWKS,
		"GATEHOUSE_TOKENS_LEEWAY":         &c.Tokens.Leeway,
		"GATEHOUSE_TOKENS_CLAIMS_ACCOUNT": &c.Tokens.Claims.Account,
		"GATEHOUSE_TOKENS_CLAIMS_SUBJECT": &c.Tokens.Claims.Subject,
		"GATEHOUSE_TOKENS_CLAIMS_NAME":    &c.Tokens.Claims.Name,
		"GATEHOUSE_TOKENS_CLAIMS_ROLE":    &c.Tokens.Claims.Role,
		"GATEHOUSE_TOKENS_CLAIMS_SCOPES":  &c.Tokens.Claims.Scopes,
		"GATEHOUSE_LIMITS_MAX_BODY":       &c.Limits.MaxBody,
		"GATEHOUSE_LIMITS_TIMEOUT":        &c.Limits.Timeout,
		"GATEHOUSE_INTROSPECTION":         &c.Introspection,
		"GATEHOUSE_LOG_LEVEL":             &c.Log.Level,
		"GATEHOUSE_LOG_FORMAT":            &c.Log.Format,
	} {
		value, ok := lookup(name)
		if !ok {
			continue
		}
		var err error
		switch field := field.(type) {
		case *string:
			*field = value
		case *bool:
			if *field, err = strconv.ParseBool(value); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s must be true or false, not %q", name, value))
			}
		case *int64:
			if *field, err = strconv.ParseInt(value, 10, 64); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s must be a whole number, not %q", name, value))
			}
		case *time.Duration:
			if *field, err = time.ParseDuration(value); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s must be a duration such as 10s, not %q", name, value))
			}
		}
	}
	return wrong
}

// expandSecrets replaces ${NAME} in the secrets by the variable's value.
func (c *config) expandSecrets(lookup lookupEnv) (wrong problems) {
	reference := regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	expand := func(key string, secrets []string) {
		for i, secret := range secrets {
			secrets[i] = reference.ReplaceAllStringFunc(secret, func(r string) string {
				name := r[2 : len(r)-1]
				value, _ := lookup(name)
				if value == "" {
					wrong = append(wrong, fmt.Sprintf("%s[%d]: the environment variable %s is not set", key, i, name))
				}
				return value
			})
		}
	}
	expand("secrets.bookmarks", c.Secrets.Bookmarks)
	expand("tokens.secrets", c.Tokens.Secrets)
	return wrong
}
