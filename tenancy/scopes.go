package tenancy

import (
	"database/sql/driver"
	"encoding/json"
	"slices"
	"strings"
)

// Scopes is an immutable set of scopes such as "clients:read". The zero value
// is the empty set. Safe for concurrent use; Has does not allocate.
type Scopes struct {
	sorted []string
	text   string
}

// NewScopes returns the set of the given scopes; blanks and repeats are dropped.
func NewScopes(scopes ...string) Scopes {
	sorted := slices.Clone(scopes)
	slices.Sort(sorted)
	sorted = slices.DeleteFunc(slices.Compact(sorted), func(s string) bool { return s == "" })
	return Scopes{sorted: sorted, text: strings.Join(sorted, " ")}
}

// Has reports whether scope is in the set.
func (s Scopes) Has(scope string) bool {
	_, found := slices.BinarySearch(s.sorted, scope)
	return found
}

// List returns the scopes in order, never nil.
func (s Scopes) List() []string { return append([]string{}, s.sorted...) }

// String returns the scopes in order, separated by spaces: equal sets have
// equal strings, so it serves as a part of cache keys. It does not allocate.
func (s Scopes) String() string { return s.text }

// Empty reports whether there is no scope in the set.
func (s Scopes) Empty() bool { return len(s.sorted) == 0 }

// intersect returns the scopes that are in both sets.
func (s Scopes) intersect(other Scopes) Scopes {
	return NewScopes(slices.DeleteFunc(s.List(), func(scope string) bool { return !other.Has(scope) })...)
}

// Value implements driver.Valuer: a JSON list.
func (s Scopes) Value() (driver.Value, error) {
	text, err := json.Marshal(s.List())
	return string(text), err
}

// Scan implements sql.Scanner.
func (s *Scopes) Scan(src any) error {
	var list []string
	if err := readJSON("scopes", src, &list); err != nil {
		return err
	}
	*s = NewScopes(list...)
	return nil
}
