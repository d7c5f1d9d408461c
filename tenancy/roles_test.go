package tenancy

import (
	"slices"
	"testing"

	"gatehouse/shards"
)

func TestRolesAndScopesOfATokenMeet(t *testing.T) {
	t.Parallel()
	roles, err := NewRoles(testScopes).With(map[string][]string{
		"importer": {"clients:*", "groups:read"}, "auditor": {"*:*", "!*:write"}, "nobody": {},
	})
	must(t, err)
	all := "changes:read clients:read clients:write groups:read groups:write users:read users:write"
	for _, test := range []struct {
		role    string
		claimed []string // nil: no scope claim
		want    string
	}{
		{"", nil, ""},
		{"admin", nil, all},
		{"member", nil, "changes:read clients:read clients:write groups:read users:read"},
		{"viewer", nil, "changes:read clients:read groups:read users:read"},
		{"importer", nil, "clients:read clients:write groups:read"},
		{"auditor", nil, "changes:read clients:read groups:read users:read"},
		{"nobody", nil, ""},
		{"owner", nil, ""}, // unknown
		{"Admin", nil, ""},
		{"", []string{"users:write", "clients:read", "clients:read"}, "clients:read users:write"},
		{"", []string{"openid", "profile"}, ""},
		{"", []string{"*:*"}, ""}, // patterns are for configuration
		{"", []string{}, ""},
		{"admin", []string{}, ""},
		{"admin", []string{"clients:read", "email"}, "clients:read"},
		{"viewer", []string{"clients:read", "clients:write"}, "clients:read"},
		{"owner", []string{"clients:read"}, ""},
	} {
		if got := roles.granted(test.role, test.claimed).String(); got != test.want {
			t.Errorf("%q %q: got %q, want %q", test.role, test.claimed, got, test.want)
		}
	}
	for _, pattern := range []string{"client:read", "clients", "*", "", "!x:y", "clients:read:x"} {
		if _, err := roles.Expand([]string{pattern}); shards.CodeOf(err) != shards.BadRequest {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

func TestScopesAreAnImmutableSet(t *testing.T) {
	t.Parallel()
	given := []string{"b:read", "a:read", "", "b:read"}
	s := NewScopes(given...)
	given[0] = "z:write"
	s.List()[0] = "z:write"
	if !slices.Equal(s.List(), []string{"a:read", "b:read"}) || s.String() != "a:read b:read" {
		t.Errorf("got %v, %q", s.List(), s)
	}
	if !s.Has("a:read") || !s.Has("b:read") || s.Has("") || s.Has("a:") || s.Has("z:write") {
		t.Error("Has is wrong")
	}
	var none Scopes
	if none.Has("") || none.Has("a:read") || !none.Empty() || none.List() == nil || none.String() != "" {
		t.Error("the zero Scopes is not the empty set")
	}
}
