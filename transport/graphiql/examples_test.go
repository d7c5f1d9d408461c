package graphiql_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// The examples are the first thing that a newcomer runs: each must fit the public schema.
func TestExamplesFitTheSchema(t *testing.T) {
	t.Parallel()
	var sources []*ast.Source
	for _, name := range glob(t, "../../graph/sdl/*.graphqls") {
		sources = append(sources, &ast.Source{Name: name, Input: text(t, name)})
	}
	schema, err := gqlparser.LoadSchema(sources...)
	if err != nil {
		t.Fatal(err)
	}
	examples := glob(t, "ui/src/examples/*.graphql")
	if len(examples) == 0 {
		t.Fatal("no examples")
	}
	for _, name := range examples {
		if _, errs := gqlparser.LoadQueryWithRules(schema, text(t, name), rules.NewDefaultRules()); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func text(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
