package resolvers

import (
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"gatehouse/graph"
	"gatehouse/shards"
)

// faults collects what the caller can mend. A fault is reported with the path
// of the input that is to blame.
type faults struct {
	path   []string // where the record's fields are: input, patch, inputs.3.patch
	upsert bool
	list   []*graph.UserError
}

func (f *faults) add(reason shards.Reason, field, format string, args ...any) {
	e := &graph.UserError{Code: graph.UserErrorCode(reason), Message: fmt.Sprintf(format, args...)}
	if field != "" {
		e.Field = append(append([]string{}, f.path...), strings.Split(field, ".")...)
		if f.upsert && field == "externalId" { // which stands beside the patch
			e.Field = append(append([]string{}, f.path[:2]...), field)
		}
	}
	f.list = append(f.list, e)
}

func (f *faults) invalid(field, format string, args ...any) {
	f.add(shards.Invalid, field, format, args...)
}

// text checks a required text: not blank, at most limit characters.
func (f *faults) text(field, s string, limit int) {
	switch {
	case strings.TrimSpace(s) == "":
		f.add(shards.Required, field, "%s must not be blank", field)
	case utf8.RuneCountInString(s) > limit:
		f.invalid(field, "%s must be at most %d characters", field, limit)
	}
}

// optional checks a text that may be absent.
func (f *faults) optional(field string, s *string, limit int) {
	if s != nil {
		f.text(field, *s, limit)
	}
}

// email checks an address as people write it: name@host, nothing around it.
func (f *faults) email(field string, s *string) {
	if s == nil {
		return
	}
	a, err := mail.ParseAddress(*s)
	if err != nil || a.Address != *s || len(*s) > 254 {
		f.invalid(field, "%s must be an email address of at most 254 characters", field)
	}
}

func (f *faults) phone(field string, s *string) { f.optional(field, s, 40) }

func (f *faults) tags(tags []string) {
	if len(tags) > 50 {
		f.invalid("tags", "there may be at most 50 tags")
		return
	}
	for i, t := range tags {
		f.text(fmt.Sprintf("tags.%d", i), t, 50)
	}
}

func (f *faults) customFields(o graph.JSONObject) {
	const maxKeys, maxBytes = 50, 16 << 10
	n := 0
	gjson.ParseBytes(o).ForEach(func(_, _ gjson.Result) bool { n++; return true })
	if n > maxKeys || len(o) > maxBytes {
		f.invalid("customFields", "customFields may have at most %d keys and %d bytes", maxKeys, maxBytes)
	}
}

// capitals reports whether s is n capital letters, as ISO's codes are.
func capitals(s string, n int) bool {
	for _, c := range s {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(s) == n
}

// refused reports what the database found.
func (f *faults) refused(r shards.Refusal) {
	message := map[shards.Reason]string{
		shards.Taken:    "another record has this " + r.Field + " already",
		shards.NotFound: "there is no record with this id",
		shards.Conflict: "the record has changed",
		shards.InUse:    "other records still refer to this one",
	}[r.Reason]
	f.add(r.Reason, r.Field, "%s", message)
}
