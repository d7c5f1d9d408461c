package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// seed makes the account's records through the gateway, as any client would.
func (a *isoAccount) seed() {
	w := a.w
	w.t.Helper()
	for i := range isoShared + isoOwn {
		for _, k := range w.kinds {
			id := isoID(k, "shared", i)
			if i >= isoShared {
				id = isoID(k, "acc"+a.name, i)
			}
			a.create(k, id, nil)
		}
	}
	for i := range isoShared + isoOwn {
		for _, k := range w.kinds { // what a record could not refer to when it was made
			f := w.schema.Mutation.Fields.ForName("update" + k.name)
			if f == nil {
				continue
			}
			patch := map[string]any{}
			for _, in := range w.schema.Types[f.Arguments.ForName("patch").Type.Name()].Fields {
				if to := w.target(k, in.Name); to != nil && a.records[k][i].input[in.Name] == nil {
					if first := a.first(to, i); first != a.records[k][i].id {
						patch[in.Name] = first
					}
				}
			}
			a.do(isoField{FieldDefinition: f, mutation: true}, map[string]any{"id": a.records[k][i].id, "patch": patch})
		}
	}
	// Pairs are joined differently in each account: they have the same ids.
	for _, f := range w.links() {
		for _, pair := range [][2]int{{0, 0}, {0, 1 + int(a.name[0]-'a')%2}, {isoShared, isoShared}, {isoShared, isoShared + 1}} {
			args := map[string]any{}
			for n, arg := range f.Arguments {
				args[arg.Name] = a.records[w.target(nil, arg.Name)][pair[n%2]].id
			}
			a.do(f, args)
		}
	}
}

// links returns the mutations that join two records: nothing but ids, to add.
func (w *isoWorld) links() []isoField {
	var out []isoField
	for _, f := range w.rootFields(w.schema.Mutation) {
		if len(f.Arguments) == 2 && strings.HasPrefix(f.Name, "add") &&
			!slices.ContainsFunc(f.Arguments, func(arg *ast.ArgumentDefinition) bool { return w.target(nil, arg.Name) == nil }) {
			out = append(out, f)
		}
	}
	return out
}

// first returns what the i-th records refer to: the first of their set.
func (a *isoAccount) first(k *isoKind, i int) string {
	at := i / isoShared * isoShared
	if len(a.records[k]) <= at {
		return ""
	}
	return a.records[k][at].id
}

// create makes a record with that id ("": the gateway's choice) and all that
// can be said of it; set are values that it must have.
func (a *isoAccount) create(k *isoKind, id string, set map[string]any) isoRecord {
	w := a.w
	w.t.Helper()
	i := len(a.records[k])
	for range 20 {
		input := a.object(k, k.input, func(to *isoKind) string { return a.first(to, min(i, isoShared+isoOwn-1)) })
		if id != "" {
			input["id"] = id
		}
		maps.Copy(input, set)
		x := a.all.ask(w.operation(isoField{FieldDefinition: k.create, mutation: true}, map[string]any{"input": input}, 1))
		errors, _ := x.data(k.create.Name, "errors").([]any)
		if len(errors) == 0 && len(x.codes()) == 0 {
			record := isoRecord{id, input}
			if i < isoShared+isoOwn && id != "" && set == nil {
				a.records[k] = append(a.records[k], record)
			}
			return record
		}
		learnt := false
		for _, e := range errors { // a text that must have a form of its own is left out
			e := e.(map[string]any)
			if field, _ := e["field"].([]any); e["code"] == "INVALID" && len(field) > 1 && field[1] != "id" {
				at := k.name + strings.TrimPrefix(fmt.Sprint(field), "[input")
				learnt, w.formed[strings.TrimSuffix(at, "]")] = true, true
			}
		}
		if !learnt {
			w.t.Fatalf("%s of account %s: %s\n%s", k.create.Name, a.name, x.body, input)
		}
	}
	w.t.Fatalf("%s: no input is accepted", k.create.Name)
	return isoRecord{}
}

// do runs a mutation that must succeed.
func (a *isoAccount) do(f isoField, args map[string]any) {
	a.w.t.Helper()
	x := a.all.ask(a.w.operation(f, args, 1))
	if errors, _ := x.data(f.Name, "errors").([]any); len(errors) > 0 || len(x.codes()) > 0 {
		a.w.t.Fatalf("%s of account %s: %v\n%s", f.Name, a.name, args, x.body)
	}
}

// text returns a new text with the account's canary.
func (a *isoAccount) text(k *isoKind) string {
	return fmt.Sprintf("canary-%s-%s-%06d", a.name, strings.ToLower(k.name), a.count.Add(1))
}

// object returns a value of an input type in which everything is said but what
// has a default. ref returns the id to refer to, "" for none.
func (a *isoAccount) object(k *isoKind, def *ast.Definition, ref func(*isoKind) string, path ...string) map[string]any {
	out := map[string]any{}
	for _, f := range def.Fields {
		if created := k.input.Fields.ForName(f.Name); f.DefaultValue != nil || len(path) == 0 && created != nil && created.DefaultValue != nil {
			continue
		}
		at := append(slices.Clone(path), f.Name)
		if f.Name == "patch" { // of an upsert: its fields are those of the record
			at = nil
		}
		if a.w.formed[k.name+" "+strings.Join(at, " ")] {
			continue
		}
		if v := a.value(k, f.Name, f.Type, ref, at...); v != nil {
			out[f.Name] = v
		}
	}
	return out
}

// value returns a value for an input, nil to leave it out.
func (a *isoAccount) value(k *isoKind, name string, t *ast.Type, ref func(*isoKind) string, path ...string) any {
	if t.Elem != nil {
		if v := a.value(k, name, t.Elem, ref, path...); v != nil {
			return []any{v}
		}
		return nil
	}
	switch def := a.w.schema.Types[t.NamedType]; {
	case def.Kind == ast.InputObject:
		return a.object(k, def, ref, path...)
	case def.Kind == ast.Enum:
		return def.EnumValues[0].Name
	}
	switch t.NamedType {
	case "ID":
		if to := a.w.target(k, name); to != nil && name != "id" {
			if id := ref(to); id != "" {
				return id
			}
		}
		return nil
	case "String":
		if strings.Contains(strings.ToLower(name), "email") {
			return a.text(k) + "@example.com"
		}
		return a.text(k)
	case "Boolean":
		return true
	case "Int", "SafeInt":
		return 1000 + int(a.name[0])
	case "Float":
		return 1.5
	case "Date":
		return "2026-11-22"
	case "DateTime":
		return "2026-11-22T14:32:00.000Z"
	case "JSONObject":
		return map[string]any{"text": a.text(k), "deeper": map[string]any{"list": []any{a.text(k)}}}
	}
	return nil
}
