package tenancy

import (
	"fmt"
	"strings"
)

// Roles maps the roles that tokens name to scopes. Immutable.
type Roles struct {
	known  Scopes
	scopes map[string]Scopes
}

// defaultRoles is written in patterns; see Roles.Expand.
func defaultRoles() map[string][]string {
	return map[string][]string{
		"admin":  {"*:*"},
		"member": {"*:*", "!groups:write", "!users:write"},
		"viewer": {"*:read"},
	}
}

// NewRoles returns the default roles over the known scopes (those which the
// schema asks for): admin holds all, member all but groups:write and
// users:write, viewer every scope that ends in :read.
func NewRoles(known []string) Roles {
	// The patterns are constants; one that fits no known scope is no mistake here.
	roles := Roles{known: NewScopes(known...), scopes: make(map[string]Scopes)}
	for role, patterns := range defaultRoles() {
		roles.scopes[role], _ = roles.expand(patterns)
	}
	return roles
}

// With returns these roles with some replaced or added: role to patterns, as
// in Expand. A pattern that fits no known scope is an error that names it.
func (r Roles) With(patterns map[string][]string) (Roles, error) {
	out := Roles{known: r.known, scopes: make(map[string]Scopes, len(r.scopes)+len(patterns))}
	for role, scopes := range r.scopes {
		out.scopes[role] = scopes
	}
	for role, list := range patterns {
		scopes, err := r.Expand(list)
		if err != nil {
			return Roles{}, fmt.Errorf("role %q: %w", role, err)
		}
		out.scopes[role] = scopes
	}
	return out, nil
}

// Known returns all scopes there are.
func (r Roles) Known() Scopes { return r.known }

// Expand returns the known scopes which the patterns select, applied in order:
// "clients:write" is that scope, "*" in place of either half stands for every
// value, and a leading "!" takes scopes away. A pattern that fits no known
// scope is an error: it is a misspelling, or a scope that is gone.
func (r Roles) Expand(patterns []string) (Scopes, error) {
	scopes, misfits := r.expand(patterns)
	if len(misfits) > 0 {
		return Scopes{}, refuse("unknown scope or pattern %q; known are: %s", misfits[0], r.known)
	}
	return scopes, nil
}

func (r Roles) expand(patterns []string) (scopes Scopes, misfits []string) {
	selected := make(map[string]bool)
	for _, pattern := range patterns {
		bare, without := strings.CutPrefix(pattern, "!")
		fits := false
		for _, scope := range r.known.sorted {
			if scopeMatches(bare, scope) {
				selected[scope], fits = !without, true
			}
		}
		if !fits {
			misfits = append(misfits, pattern)
		}
	}
	var list []string
	for scope, in := range selected {
		if in {
			list = append(list, scope)
		}
	}
	return NewScopes(list...), misfits
}

func scopeMatches(pattern, scope string) bool {
	wantThing, wantVerb, ok := strings.Cut(pattern, ":")
	thing, verb, _ := strings.Cut(scope, ":")
	if !ok {
		return false
	}
	return (wantThing == "*" || wantThing == thing) && (wantVerb == "*" || wantVerb == verb)
}

// granted returns what a token may do: its role's scopes and its scope claim,
// whichever is there, and what both have in common where both are. claimed is
// nil where the token has no scope claim. Unknown roles grant nothing, and
// scopes that this gateway doesn't know (openid, email) are dropped.
func (r Roles) granted(role string, claimed []string) Scopes {
	switch {
	case role == "" && claimed == nil:
		return Scopes{}
	case role == "":
		return NewScopes(claimed...).intersect(r.known)
	case claimed == nil:
		return r.scopes[role]
	}
	return r.scopes[role].intersect(NewScopes(claimed...))
}
