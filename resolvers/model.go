package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"gatehouse/graph"
	"gatehouse/shards"
)

// model is what the schema says of records, read once at the start. It is
// never changed afterwards.
type model struct {
	kinds  map[string]*kind // by the name of the type
	tables map[string]*kind
	edges  map[string]*edge // by coordinate: Group.clients
	lists  map[string]*edge // the root fields that list: Query.clients
	scopes []string
}

// kind is one type of records.
type kind struct {
	name   string // Client
	table  string // clients
	prefix string // client, of its ids
	read   string // clients:read
	// satisfies are the names by which a fragment may select it.
	satisfies []string
	// defaults is the body of a record of which nothing is said.
	defaults shards.Object
	required []string
	// fixed are the fields that have a default and can't be cleared.
	fixed []string
}

// edge is a field that leads from one object to records.
type edge struct {
	name   string // its coordinate; cursors are bound to it
	target *kind
	// ref is the body's field with the id of a single record: groupId.
	ref string
	// by is the column that leads back, through the link table that has the pairs.
	by      string
	through *shards.Link
	paged   bool
}

// newModel reads the schema. A schema that breaks a convention does not start.
func newModel(schema *ast.Schema) (*model, error) {
	m := &model{kinds: map[string]*kind{}, tables: map[string]*kind{}, edges: map[string]*edge{}, lists: map[string]*edge{}}
	for _, f := range schema.Query.Fields {
		m.addScope(f)
		connection := schema.Types[f.Type.Name()]
		if !strings.HasSuffix(connection.Name, "Connection") {
			continue
		}
		k, err := newKind(schema, schema.Types[strings.TrimSuffix(connection.Name, "Connection")], f)
		if err != nil {
			return nil, err
		}
		m.kinds[k.name], m.tables[k.table] = k, k
		m.lists["Query."+f.Name] = &edge{name: "Query." + f.Name, target: k, paged: true}
	}
	for _, f := range schema.Subscription.Fields {
		m.addScope(f)
	}
	for _, f := range schema.Mutation.Fields {
		m.addScope(f)
	}
	slices.Sort(m.scopes)
	for _, t := range schema.Types {
		for _, f := range t.Fields {
			if e, err := m.newEdge(t, f); err != nil {
				return nil, err
			} else if e != nil {
				m.edges[e.name] = e
			}
		}
	}
	return m, nil
}

func (m *model) addScope(f *ast.FieldDefinition) {
	if s := scopeOf(f); s != "" && !slices.Contains(m.scopes, s) {
		m.scopes = append(m.scopes, s)
	}
}

func scopeOf(f *ast.FieldDefinition) string {
	if d := f.Directives.ForName("scope"); d != nil {
		return d.Arguments.ForName("requires").Value.Raw
	}
	return ""
}

func newKind(schema *ast.Schema, t *ast.Definition, list *ast.FieldDefinition) (*kind, error) {
	k := &kind{
		name: t.Name, table: shards.Column(list.Name), prefix: shards.Column(lowerFirst(t.Name)), read: scopeOf(list),
		satisfies: append([]string{t.Name}, t.Interfaces...),
	}
	if k.read == "" {
		return nil, fmt.Errorf("schema: Query.%s has no @scope", list.Name)
	}
	input := schema.Types["Create"+t.Name+"Input"]
	if input == nil {
		return nil, fmt.Errorf("schema: there is no Create%sInput", t.Name)
	}
	defaults := map[string]any{}
	for _, f := range t.Fields {
		if !f.Type.NonNull || len(f.Arguments) > 0 || slices.Contains(systemFields, f.Name) {
			continue
		}
		switch in := input.Fields.ForName(f.Name); {
		case in != nil && in.DefaultValue != nil:
			v, err := in.DefaultValue.Value(nil)
			if err != nil {
				return nil, err
			}
			defaults[f.Name] = v
			k.fixed = append(k.fixed, f.Name)
		case f.Directives.ForName("edge") != nil:
		case f.Type.Elem != nil:
			defaults[f.Name] = []any{}
		case f.Type.Name() == "JSONObject":
			defaults[f.Name] = map[string]any{}
		default:
			k.required = append(k.required, f.Name)
		}
	}
	for _, f := range input.Fields { // a reference that must be there: clientId
		if f.Type.NonNull && f.DefaultValue == nil && !slices.Contains(k.required, f.Name) {
			k.required = append(k.required, f.Name)
		}
	}
	text, err := json.Marshal(defaults)
	if err != nil {
		return nil, err
	}
	k.defaults, err = shards.ParseObject(text)
	return k, err
}

// recordType returns the kind's value of the schema's enum.
func (k *kind) recordType() graph.RecordType {
	return graph.RecordType(strings.ToUpper(shards.Column(lowerFirst(k.name))))
}

// coordinate returns the name of the field that is being resolved: Group.clients.
func coordinate(ctx context.Context) string {
	fc := graphql.GetFieldContext(ctx)
	return fc.Object + "." + fc.Field.Name
}

// systemFields are those that the gateway gives to every record.
var systemFields = []string{"id", "version", "createdAt", "updatedAt"}

func (m *model) newEdge(t *ast.Definition, f *ast.FieldDefinition) (*edge, error) {
	if t.Kind != ast.Object {
		return nil, nil
	}
	e := &edge{name: t.Name + "." + f.Name}
	name, paged := strings.CutSuffix(f.Type.Name(), "Connection")
	if e.target = m.kinds[name]; e.target == nil {
		return nil, nil
	}
	e.paged = paged
	d := f.Directives.ForName("edge")
	_, record := m.kinds[t.Name]
	switch {
	case record && !paged && f.Type.Elem == nil:
		e.ref = f.Name + "Id"
	case d == nil:
		return nil, nil // a payload's field, or a connection's
	default:
		if by := d.Arguments.ForName("by"); by != nil {
			e.by = shards.Column(by.Value.Raw)
		}
		if through := d.Arguments.ForName("through"); through != nil {
			e.through = &shards.Link{
				Table:  shards.Column(through.Value.Raw),
				Parent: shards.Column(lowerFirst(t.Name)) + "_id",
				Child:  e.target.prefix + "_id",
			}
		}
		if e.by == "" && e.through == nil {
			return nil, fmt.Errorf("schema: %s has an @edge that says neither by nor through", e.name)
		}
	}
	return e, nil
}

// kindOf returns the kind that an id names, nil where there is none.
func (m *model) kindOf(id string) *kind {
	prefix, ok := shards.IDPrefix(id)
	if !ok {
		return nil
	}
	for _, k := range m.kinds {
		if k.prefix == prefix {
			return k
		}
	}
	return nil
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
