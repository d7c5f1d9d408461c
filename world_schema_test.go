package main

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/resolvers"
	"gatehouse/shards"
)

// isoKind is a type of records, as its names in the schema say it. Whatever a
// new entity adds is found here by those names, without an edit.
type isoKind struct {
	name        string // Client
	prefix      string // client
	def         *ast.Definition
	read, write string // its scopes
	create      *ast.FieldDefinition
	input       *ast.Definition // of create
}

func (w *isoWorld) readSchema() {
	w.t.Helper()
	var err error
	w.schema, err = gqlparser.LoadSchema(&ast.Source{Name: "schema", Input: resolvers.SDL()})
	w.must(err)
	for _, def := range w.schema.PossibleTypes["Record"] {
		k := &isoKind{name: def.Name, prefix: shards.Column(strings.ToLower(def.Name[:1]) + def.Name[1:]), def: def}
		k.create, k.input = w.schema.Mutation.Fields.ForName("create"+def.Name), w.schema.Types["Create"+def.Name+"Input"]
		if k.create == nil || k.input == nil {
			w.t.Fatalf("there is no create%s: the test can't make such records", def.Name)
		}
		k.write = isoScope(k.create)
		for _, f := range w.schema.Query.Fields {
			if f.Type.Name() == def.Name {
				k.read = isoScope(f)
			}
		}
		w.kinds = append(w.kinds, k)
	}
	slices.SortFunc(w.kinds, func(a, b *isoKind) int { return strings.Compare(a.name, b.name) })
	// Those that a record can't do without come before it.
	for range w.kinds {
		for i, k := range w.kinds {
			for _, f := range k.input.Fields {
				if needed := w.target(k, f.Name); f.Type.NonNull && needed != nil {
					if at := slices.Index(w.kinds, needed); at > i {
						w.kinds[i], w.kinds[at] = needed, k
					}
				}
			}
		}
	}
	// Users first: the caller is one, and what is stamped with the caller needs the record.
	if at := slices.IndexFunc(w.kinds, func(k *isoKind) bool { return k.name == "User" }); at > 0 {
		k := w.kinds[at]
		w.kinds = slices.Insert(slices.Delete(w.kinds, at, at+1), 0, k)
	}
	w.fragment = map[string]string{}
	for _, k := range w.kinds {
		for level := range isoLevels {
			w.fragment[isoFragment(k, level)] = " fragment " + isoFragment(k, level) + " on " + k.name + " { " + w.body(k.def, level) + "}"
		}
	}
}

func (w *isoWorld) kind(name string) *isoKind {
	for _, k := range w.kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

func isoScope(f *ast.FieldDefinition) string {
	if d := f.Directives.ForName("scope"); d != nil {
		return d.Arguments.ForName("requires").Value.Raw
	}
	return ""
}

// target returns the kind whose id the input field holds: groupId of a Client
// is that of what Client.group leads to. Nil for no id, and for one that may be of any kind.
func (w *isoWorld) target(k *isoKind, field string) *isoKind {
	name, ok := strings.CutSuffix(strings.TrimSuffix(field, "s"), "Id")
	switch {
	case field == "id" || field == "ids":
		return k
	case !ok || name == "external":
		return nil
	}
	if k != nil {
		if f := k.def.Fields.ForName(name); f != nil {
			return w.kind(f.Type.Name())
		}
	}
	return w.kind(strings.ToUpper(name[:1]) + name[1:])
}

// about returns the kind that a field deals with, nil for all of them.
func (w *isoWorld) about(f isoField) *isoKind {
	if k := w.leads(f.FieldDefinition); k != nil {
		return k
	}
	var best *isoKind
	for _, k := range w.kinds { // the longest name: a GroupTask is no Group
		if strings.Contains(strings.ToLower(f.Name), strings.ToLower(k.name)) && (best == nil || len(k.name) > len(best.name)) {
			best = k
		}
	}
	return best
}

// leads returns the kind that a field leads to: itself, a list, or a page of it.
func (w *isoWorld) leads(f *ast.FieldDefinition) *isoKind {
	if k := w.kind(f.Type.Name()); k != nil {
		return k
	}
	if def := w.schema.Types[f.Type.Name()]; def.Fields.ForName("pageInfo") != nil {
		return w.kind(def.Fields.ForName("nodes").Type.Name())
	}
	return nil
}

// isoField is a field with the way to it from the root of queries or mutations.
type isoField struct {
	*ast.FieldDefinition
	at          string // Group.clients
	mutation    bool
	open, close string
}

// rootFields returns the fields of Query, Mutation or Subscription.
func (w *isoWorld) rootFields(root *ast.Definition) []isoField {
	var out []isoField
	for _, f := range root.Fields {
		if !strings.HasPrefix(f.Name, "__") {
			out = append(out, isoField{FieldDefinition: f, at: root.Name + "." + f.Name, mutation: root.Name == "Mutation"})
		}
	}
	return out
}

// edges returns every field of every object that queries reach without an
// argument, and of every record, which is reached by its id.
func (w *isoWorld) edges() []isoField {
	out, seen := []isoField{}, map[*ast.Definition]bool{}
	var walk func(def *ast.Definition, open, close string)
	walk = func(def *ast.Definition, open, close string) {
		if seen[def] {
			return
		}
		seen[def] = true
		for _, f := range def.Fields {
			if strings.HasPrefix(f.Name, "__") || slices.Contains(w.without, f.Type.Name()) {
				continue
			}
			if def != w.schema.Query {
				out = append(out, isoField{FieldDefinition: f, at: def.Name + "." + f.Name, open: open, close: close})
			}
			below := w.schema.Types[f.Type.Name()]
			needs := func(arg *ast.ArgumentDefinition) bool { return arg.Type.NonNull && arg.DefaultValue == nil }
			if below.Kind == ast.Object && w.kind(below.Name) == nil && !slices.ContainsFunc(f.Arguments, needs) {
				walk(below, open+f.Name+" { ", " }"+close)
			}
		}
	}
	walk(w.schema.Query, "", "")
	for _, k := range w.kinds {
		for _, f := range w.schema.Query.Fields {
			if f.Type.Name() == k.name && f.Arguments.ForName("id") != nil {
				walk(k.def, f.Name+`(id: "`+isoID(k, "shared", 0)+`") { `, " }")
			}
		}
	}
	return out
}

// selection returns what to select of a field: everything of its objects, and
// of records as many levels as are wanted, in fragments.
func (w *isoWorld) selection(typeName string, levels int) string {
	if body := w.body(w.schema.Types[typeName], levels); body != "" {
		return "{ " + body + "}"
	}
	return ""
}

// fragments returns the definitions of all fragments that a document spreads.
func (w *isoWorld) fragments(document string) string {
	var out strings.Builder
	for level := isoLevels - 1; level >= 0; level-- {
		for _, k := range w.kinds {
			spread := "..." + isoFragment(k, level) + " "
			if strings.Contains(document, spread) || strings.Contains(out.String(), spread) {
				out.WriteString(w.fragment[isoFragment(k, level)])
			}
		}
	}
	return out.String()
}

// isoLevels is how many levels of records a document may show.
const isoLevels = 3

func isoFragment(k *isoKind, level int) string { return k.name + string(rune('0'+level)) }

func (w *isoWorld) body(def *ast.Definition, levels int, above ...string) string {
	if def.Kind == ast.Interface || def.Kind == ast.Union {
		if levels == 0 {
			return ""
		}
		out := "__typename "
		for _, of := range w.schema.GetPossibleTypes(def) {
			if k := w.kind(of.Name); k != nil {
				out += "... on " + k.name + " { ..." + isoFragment(k, levels-1) + " } "
			}
		}
		return out
	}
	var out, alias string
	for _, f := range def.Fields {
		if w.kind(def.Name) != nil { // else fields of two kinds may conflict
			alias = def.Name + "_" + f.Name + ": "
		}
		below := w.schema.Types[f.Type.Name()]
		switch k := w.kind(below.Name); {
		case strings.HasPrefix(f.Name, "__") || slices.Contains(above, below.Name) || slices.Contains(w.without, below.Name):
		case len(below.Fields) == 0:
			out += alias + f.Name + " "
		case levels == 0 && (len(f.Arguments) > 0 || k != nil):
		case f.Name == "nodes" && def.Fields.ForName("edges") != nil:
			out += "nodes { __typename } "
		case k != nil:
			out += alias + f.Name + " { ..." + isoFragment(k, levels-1) + " } "
		default:
			if inner := w.body(below, levels, append(slices.Clone(above), def.Name)...); inner != "" {
				out += alias + f.Name + " { " + inner + "} "
			}
		}
	}
	return out
}
