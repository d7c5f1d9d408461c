package tenancy

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/shards"
)

// ClaimNames says where a token carries what. Empty names mean the defaults.
type ClaimNames struct {
	Account string // "account": the account's id; required
	Subject string // "sub": the user, 1 to 200 bytes; required
	Name    string // "name": the user's name, for the history
	Role    string // "role": see Roles
	// Scopes is "scope": a list, or a string with spaces. Where a token has
	// both a role and scopes, it holds what both allow. "-" disregards the
	// claim, for issuers that only put "openid profile" there.
	Scopes string
}

func (n ClaimNames) withDefaults() ClaimNames {
	return ClaimNames{
		Account: cmp.Or(n.Account, "account"), Subject: cmp.Or(n.Subject, "sub"), Name: cmp.Or(n.Name, "name"),
		Role: cmp.Or(n.Role, "role"), Scopes: cmp.Or(n.Scopes, "scope"),
	}
}

// identity is what a verified credential says about its bearer.
type identity struct {
	accountID  string
	actor      shards.Actor
	role       string
	scopes     Scopes
	credential string
	expiresAt  time.Time

	last atomic.Pointer[presence] // nil before the first
}

// presence is an identity in its account, as the directory had it in one lease.
type presence struct {
	account *Account
	caller  Caller
}

// at returns who the identity is in its account, as that is now.
func (id *identity) at(account *Account) *Caller {
	if last := id.last.Load(); last != nil && last.account == account {
		return &last.caller
	}
	now := &presence{account, Caller{
		Account: *account, Actor: id.actor, Role: id.role, Scopes: id.scopes,
		Credential: id.credential, ExpiresAt: id.expiresAt,
	}}
	id.last.Store(now)
	return &now.caller
}

// read takes the identity from claims that are verified already.
func (n ClaimNames) read(claims jwt.MapClaims, roles Roles, leeway time.Duration) (*identity, error) {
	accountID, _ := claims[n.Account].(string)
	if !validID(accountID) {
		return nil, errors.New("the account claim is missing or malformed")
	}
	subject, _ := claims[n.Subject].(string)
	if subject == "" || len(subject) > 200 || !printable(subject) {
		return nil, errors.New("the subject claim is missing or malformed")
	}
	role, ok := claims[n.Role].(string)
	if !ok && claims[n.Role] != nil {
		return nil, errors.New("the role claim is malformed")
	}
	claimed, err := scopeClaim(claims[n.Scopes])
	if err != nil {
		return nil, err
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil {
		return nil, errors.New("the expiry is missing or malformed")
	}
	scopes := roles.granted(role, claimed)
	if _, known := roles.scopes[role]; !known {
		role = ""
	}
	name, _ := claims[n.Name].(string)
	return &identity{
		accountID:  accountID,
		actor:      shards.Actor{Kind: shards.ActorUser, ID: subject, Name: displayName(name)},
		role:       role,
		scopes:     scopes,
		credential: "user:" + subject,
		expiresAt:  expires.Add(leeway),
	}, nil
}

// scopeClaim returns nil for an absent claim only.
func scopeClaim(claim any) ([]string, error) {
	switch v := claim.(type) {
	case nil:
		return nil, nil
	case string:
		return append([]string{}, strings.Fields(v)...), nil
	case []any:
		scopes := []string{}
		for _, item := range v {
			scope, ok := item.(string)
			if !ok {
				return nil, errors.New("the scope claim is malformed")
			}
			scopes = append(scopes, scope)
		}
		return scopes, nil
	}
	return nil, errors.New("the scope claim is malformed")
}

// displayName makes a name fit for the history: people choose theirs, so it is
// cut rather than refused.
func displayName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > 100 {
		name = string(runes[:100])
	}
	return strings.TrimSpace(name)
}

// checkHeader refuses what the JWT library would let pass in a token's header:
// critical extensions, of which none is known here, other kinds of token of
// the same issuer, such as logout tokens, and names that occur twice, which
// two readers can understand in two ways. The same goes for names of claims.
func checkHeader(token string) error {
	header, rest, _ := strings.Cut(token, ".")
	claims, _, _ := strings.Cut(rest, ".")
	fields, err := uniqueFields(header)
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if _, ok := fields["crit"]; ok {
		return errors.New("header: critical extensions are not supported")
	}
	if raw, ok := fields["typ"]; ok {
		var kind string
		if json.Unmarshal(raw, &kind) != nil {
			return errors.New("header: malformed typ")
		}
		switch strings.TrimPrefix(strings.ToLower(kind), "application/") {
		case "jwt", "at+jwt":
		default:
			return errors.New("header: another kind of token")
		}
	}
	if _, err := uniqueFields(claims); err != nil {
		return fmt.Errorf("claims: %w", err)
	}
	return nil
}

// uniqueFields reads one base64url segment that must be one JSON object whose
// names differ.
func uniqueFields(segment string) (map[string]json.RawMessage, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	fields := make(map[string]json.RawMessage)
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		name := token.(string) // in an object the decoder returns nothing else here
		if _, twice := fields[name]; twice {
			return nil, errors.New("a name occurs twice")
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		fields[name] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return fields, nil
}
