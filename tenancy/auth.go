package tenancy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"gatehouse/shards"
)

// AnyRegion in an Authenticator's regions stands for every region.
const AnyRegion = "*"

// Authenticator turns credentials into Callers. Safe for concurrent use.
type Authenticator struct {
	directory *Directory
	tokens    *Tokens
	regions   []string
	now       func() time.Time
}

// NewAuthenticator returns an authenticator for accounts whose residency allows
// one of regions (invariant 5); for every account only if AnyRegion is among them.
// Without tokens (nil) only API keys are accepted.
func NewAuthenticator(directory *Directory, tokens *Tokens, regions []string) (*Authenticator, error) {
	if len(regions) == 0 {
		return nil, fmt.Errorf("name the regions that this gateway may serve, or %s for all", AnyRegion)
	}
	for _, region := range regions {
		if region != AnyRegion && checkRegion(region) != nil {
			return nil, fmt.Errorf("%q is no region: 2 to 10 upper-case letters and digits", region)
		}
	}
	return &Authenticator{directory: directory, tokens: tokens, regions: slices.Clone(regions), now: directory.options.Now}, nil
}

// Authorization returns the one Authorization header, UNAUTHENTICATED where
// there is none or more than one: which of two would count is not for us to guess.
func Authorization(header http.Header) (string, error) {
	values := header["Authorization"]
	if len(values) != 1 {
		return "", badAuthorization()
	}
	return values[0], nil
}

// Authenticate returns who bears the credential in authorization, "Bearer
// <token or API key>" as in the HTTP header. Errors, all of them shards.Error:
//
//   - UNAUTHENTICATED: the credential is missing, malformed, not to be
//     believed, expired or revoked, or its account is unknown or closed, which
//     answers the same as a credential that is not valid;
//   - MISDIRECTED: the account's region is none of this gateway's;
//   - ACCOUNT_SUSPENDED;
//   - UNAVAILABLE: the directory or the issuer's keys can't be reached.
func (a *Authenticator) Authenticate(ctx context.Context, authorization string) (*Caller, error) {
	scheme, credential, _ := strings.Cut(authorization, " ")
	credential = strings.Trim(credential, " ")
	if !strings.EqualFold(scheme, "Bearer") || credential == "" || !oneWord(credential) {
		return nil, badAuthorization()
	}
	if strings.HasPrefix(credential, keyPrefix) {
		return a.bearerOfKey(ctx, credential)
	}
	return a.bearerOfToken(ctx, credential)
}

// oneWord reports whether nothing divides s. Each search is as fast as one for
// any of several characters is slow.
func oneWord(s string) bool {
	return strings.IndexByte(s, ' ') < 0 && strings.IndexByte(s, '\t') < 0 && strings.IndexByte(s, ',') < 0
}

func (a *Authenticator) bearerOfToken(ctx context.Context, token string) (*Caller, error) {
	if a.tokens == nil {
		return nil, badToken(errors.New("no tokens are accepted"))
	}
	// The directory is not asked before this succeeds (invariant 2).
	id, err := a.tokens.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	account, err := a.account(ctx, id.accountID)
	if errors.Is(err, ErrNotFound) {
		return nil, badToken(err)
	}
	if err != nil {
		return nil, err
	}
	return id.at(account), nil
}

func (a *Authenticator) bearerOfKey(ctx context.Context, text string) (*Caller, error) {
	keyID, secret, ok := splitKey(text)
	if !ok {
		return nil, badKey(errors.New("malformed"))
	}
	key, err := a.directory.LookupKey(ctx, keyID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if !key.matches(secret) {
		return nil, badKey(errors.New("unknown key or wrong secret"))
	}
	if !key.usableAt(a.now()) {
		return nil, badKey(errors.New("revoked or expired"))
	}
	account, err := a.account(ctx, key.AccountID)
	if errors.Is(err, ErrNotFound) {
		return nil, badKey(err)
	}
	if err != nil {
		return nil, err
	}
	return &Caller{
		Account: *account, Actor: shards.Actor{Kind: shards.ActorAPIKey, ID: key.ID, Name: key.Name},
		Scopes: key.Scopes, KeyTrustedOnly: key.TrustedOnly,
		Credential: key.credential, ExpiresAt: key.ExpiresAt.Time,
	}, nil
}

// confirm returns a caller with what may have changed since they were
// authenticated: the account.
func (a *Authenticator) confirm(ctx context.Context, caller *Caller) (*Caller, error) {
	bad := badToken
	if caller.Actor.Kind == shards.ActorAPIKey {
		bad = badKey
		key, err := a.directory.LookupKey(ctx, caller.Actor.ID)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if err != nil || !key.usableAt(a.now()) {
			return nil, badKey(errors.New("revoked or expired"))
		}
	} else if !caller.ExpiresAt.IsZero() && !a.now().Before(caller.ExpiresAt) {
		return nil, expiredToken()
	}
	account, err := a.account(ctx, caller.Account.ID)
	if errors.Is(err, ErrNotFound) {
		return nil, bad(err)
	}
	if err != nil || *account == caller.Account {
		return caller, err
	}
	now := *caller
	now.Account = *account
	return &now, nil
}

// account returns an account that may be served here; it is shared, and must not be
// changed. ErrNotFound stands for unknown and for closed. The region comes before the
// state: a gateway outside the region says nothing about the account.
func (a *Authenticator) account(ctx context.Context, id string) (*Account, error) {
	account, err := a.directory.accounts.get(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case account.State == Closed:
		return nil, ErrNotFound
	case !slices.ContainsFunc(a.regions, account.Residency.Allows) && !slices.Contains(a.regions, AnyRegion):
		return nil, &shards.Error{Code: shards.Misdirected, Message: "this account is served in another region"}
	case account.State == Suspended:
		return nil, &shards.Error{Code: shards.AccountSuspended, Message: "this account is suspended"}
	case account.State != Active:
		return nil, fmt.Errorf("the account %s is in an unknown state: %w", id, ErrNotFound)
	}
	return account, nil
}

// Ready returns nil where credentials can be checked: the directory answers, and
// the issuer's keys have been there at least once. The error may be shown to
// operators.
func (a *Authenticator) Ready(ctx context.Context) error {
	if _, err := a.directory.Shards(ctx); err != nil {
		return errors.New("the account directory does not answer")
	}
	if a.tokens != nil && !a.tokens.loaded(ctx) {
		return errKeysUnavailable
	}
	return nil
}

// CheckHost returns MISDIRECTED where host (of the request, with or without
// port) is registered for another account than the caller's, nil where it is
// the caller's or nobody's, and UNAVAILABLE where the directory can't say.
func (a *Authenticator) CheckHost(ctx context.Context, caller *Caller, host string) error {
	name, ok := hostName(withoutPort(host))
	if !ok {
		return nil // no domain name (an IP address, say), so nobody's
	}
	owner, err := a.directory.LookupHost(ctx, name)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	case owner != caller.Account.ID:
		return &shards.Error{Code: shards.Misdirected, Message: "this host name does not belong to the caller's account"}
	}
	return nil
}

func badAuthorization() error {
	return &shards.Error{
		Code:    shards.Unauthenticated,
		Message: "send one Authorization header: Bearer, a space, and a token or an API key",
	}
}

// badKey is one message for every fault (invariant 6); err is for the log.
func badKey(err error) error {
	return &shards.Error{Code: shards.Unauthenticated, Message: "the API key is not valid", Err: err}
}
