package tenancy

import (
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Issuer and audience of the tokens that SignDev makes.
const (
	DevIssuer   = "gatehouse-dev"
	DevAudience = "gatehouse"
)

// DevClaims is what a development token says.
type DevClaims struct {
	Account  string // id
	Subject  string
	Name     string   // optional
	Role     string   // optional
	Scopes   []string // nil: no scope claim
	IssuedAt time.Time
	Lifetime time.Duration
}

// SignDev makes an HS256 token under the default claim names, for trying
// things out. It takes no secret that NewTokens would refuse.
func SignDev(secret []byte, c DevClaims) (string, error) {
	if len(secret) < minSecret {
		return "", fmt.Errorf("a secret must have at least %d bytes", minSecret)
	}
	names := ClaimNames{}.withDefaults()
	claims := jwt.MapClaims{
		"iss": DevIssuer, "aud": DevAudience,
		"iat": c.IssuedAt.Unix(), "exp": c.IssuedAt.Add(c.Lifetime).Unix(),
		names.Account: c.Account, names.Subject: c.Subject,
	}
	if c.Name != "" {
		claims[names.Name] = c.Name
	}
	if c.Role != "" {
		claims[names.Role] = c.Role
	}
	if c.Scopes != nil {
		claims[names.Scopes] = strings.Join(c.Scopes, " ")
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
}
