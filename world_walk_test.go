package main

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/shards/pgtest"
)

// operation returns the request for a field with these arguments, and so many
// levels of records below it.
func (w *isoWorld) operation(f isoField, args map[string]any, levels int) isoRequest {
	root, declared, given := "query", "", ""
	switch {
	case f.mutation:
		root = "mutation"
	case w.schema.Subscription.Fields.ForName(f.Name) == f.FieldDefinition:
		root = "subscription"
	}
	for _, arg := range f.Arguments {
		if _, ok := args[arg.Name]; ok {
			declared += "$" + arg.Name + ": " + arg.Type.String() + " "
			given += arg.Name + ": $" + arg.Name + " "
		}
	}
	if declared != "" {
		declared, given = "("+declared+")", "("+given+")"
	}
	return isoRequest{
		document:  root + declared + " { " + f.open + f.Name + given + " " + w.selection(f.Type.Name(), levels) + f.close + " }",
		variables: args,
	}
}

// isoLeaf is a place for one value in a field's arguments.
type isoLeaf struct {
	at   string // Group.clients(where.ownerId.eq)
	arg  *ast.ArgumentDefinition
	path []string // within the argument
	name string   // of the field that the value is for: ownerId
	typ  string   // ID, String, ...
}

// leaves returns every place for a value in the arguments of a field.
func (w *isoWorld) leaves(f isoField) []isoLeaf {
	var out []isoLeaf
	var walk func(t *ast.Type, l isoLeaf, above []string)
	walk = func(t *ast.Type, l isoLeaf, above []string) {
		def := w.schema.Types[t.Name()]
		if def.Kind != ast.InputObject {
			l.at = fmt.Sprintf("%s(%s)", f.at, strings.Join(append([]string{l.arg.Name}, l.path...), "."))
			l.typ = def.Name
			out = append(out, l)
			return
		}
		if slices.Contains(above, def.Name) {
			return
		}
		for _, in := range def.Fields {
			next := l
			next.path = append(slices.Clone(l.path), in.Name)
			if !strings.HasSuffix(def.Name, "Filter") {
				next.name = in.Name
			}
			walk(in.Type, next, append(slices.Clone(above), def.Name))
		}
	}
	for _, arg := range f.Arguments {
		walk(arg.Type, isoLeaf{arg: arg, name: arg.Name}, nil)
	}
	return out
}

// arguments returns arguments of a's for the field, with v in the leaf's place.
// A mutation's are complete, so that nothing else is wrong; of a query's only
// what is needed is there, so that nothing else decides.
func (a *isoAccount) arguments(f isoField, leaf *isoLeaf, v any) map[string]any {
	k := a.w.about(f)
	if k == nil { // any will do
		k = a.w.kinds[0]
	}
	out := map[string]any{}
	ref := func(to *isoKind) string { return a.first(to, 0) }
	for _, arg := range f.Arguments {
		switch {
		case leaf != nil && arg.Name == leaf.arg.Name:
			out[arg.Name] = a.argument(k, f.mutation, arg.Type, leaf.path, v, ref)
		case !arg.Type.NonNull || arg.DefaultValue != nil:
		case arg.Name == "id":
			out[arg.Name] = a.records[k][1].id
		default:
			out[arg.Name] = a.value(k, arg.Name, arg.Type, ref)
		}
	}
	return out
}

// argument returns a value of type t with v at the path.
func (a *isoAccount) argument(k *isoKind, whole bool, t *ast.Type, path []string, v any, ref func(*isoKind) string) any {
	if t.Elem != nil {
		return []any{a.argument(k, whole, t.Elem, path, v, ref)}
	}
	if len(path) == 0 {
		return v
	}
	def := a.w.schema.Types[t.NamedType]
	out := map[string]any{}
	if whole {
		out = a.object(k, def, ref)
	}
	out[path[0]] = a.argument(k, whole, def.Fields.ForName(path[0]).Type, path[1:], v, ref)
	return out
}

// ids returns the kinds whose ids fit a leaf.
func (w *isoWorld) ids(f isoField, l isoLeaf) []*isoKind {
	if k := w.target(w.about(f), l.name); k != nil {
		return []*isoKind{k}
	}
	return w.kinds
}

// dump returns all rows of the account, of every table, as its shard has them.
func (a *isoAccount) dump() string {
	a.w.t.Helper()
	var out strings.Builder
	names := `SELECT m.name FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND c.name = 'account_id' ORDER BY m.name`
	if pgtest.Wanted() {
		names = "SELECT table_name AS name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'account_id' ORDER BY 1"
	}
	tables := a.query(names)
	for _, t := range tables {
		name := t["name"].(string)
		for _, row := range a.query("SELECT * FROM "+name+" WHERE account_id = $1 ORDER BY 1, 2, 3", a.id) {
			out.WriteString(name)
			for _, column := range slices.Sorted(maps.Keys(row)) {
				fmt.Fprintf(&out, " %s=%v", column, row[column])
			}
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// untouched reports whether the account's data is what it was.
func (a *isoAccount) untouched(at, before string) {
	a.w.t.Helper()
	if after := a.dump(); after != before {
		was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
		for i := range min(len(was), len(is)) {
			if was[i] != is[i] {
				a.w.finding("%s: the data of account %s has changed\n  from %s\n  to %s", at, a.name, isoCut(was[i]), isoCut(is[i]))
				return
			}
		}
		a.w.finding("%s: account %s has %d rows, and had %d", at, a.name, len(is), len(was))
	}
}

// head returns the number of the account's last write.
func (a *isoAccount) head() int64 {
	a.w.t.Helper()
	return a.query("SELECT seq FROM head WHERE account_id = $1", a.id)[0]["seq"].(int64)
}

func (a *isoAccount) query(text string, args ...any) []map[string]any {
	a.w.t.Helper()
	rows, err := a.db.Query(text, args...)
	a.w.must(err)
	defer rows.Close()
	out, err := isoRows(rows)
	a.w.must(err)
	return out
}

func isoRows(rows *sql.Rows) ([]map[string]any, error) {
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := map[string]any{}
		for i, name := range names {
			row[name] = values[i]
		}
		out = append(out, row)
	}
	return out, rows.Err()
}
