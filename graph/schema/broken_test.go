package schema_test

import (
	"slices"
	"strings"
	"testing"
)

// TestRulesSeeWhatIsBroken breaks the schema in one place at a time.
func TestRulesSeeWhatIsBroken(t *testing.T) {
	for _, c := range []struct{ file, old, new, want string }{
		{"leads", `"What leads can be sorted by."`, ``, "LeadOrderField has no description"},
		{"leads", `"By when it was last changed."`, `" "`, "LeadWhere.updatedAt has no description"},
		{"leads", `"The lead to convert."`, ``, "Mutation.convertLead(id) has no description"},
		{"leads", `"An offer was made."`, ``, "LeadStage.PROPOSAL has no description"},
		{"internal", `"The link table between`, `"" # `, "@edge(through) has no description"},
		{"users", `UserEdge`, `UsersEdge`, "UserEdge is missing"},
		{"users", "  totalCount: Int!", "  totalCount: Int", "UserConnection: want totalCount: Int!, got totalCount: Int"},
		{"users", "  updateUser(", "  changeUser(", "Mutation.updateUser is missing"},
		{"users", "inputs: [UpsertUserInput!]!", "inputs: [UpsertUserInput!]", "Mutation: want upsertUsers(inputs: [UpsertUserInput!]!)"},
		{"users", `): User @scope(requires: "users:read")`, `): User @scope(requires: "clients:read")`, `Query: want user(id: ID!): User @scope(requires: "users:read")`},
		{"users", "  role: UserRole\n", "  role: UserRole!\n", "UserPatch.role must be UserRole without default"},
		{"users", "  active: Boolean! = true\n", "  activ: Boolean! = true\n", "UserPatch.active is not in CreateUserInput"},
		{"users", "  role: UserRoleFilter\n", "  role: StringFilter\n", "UserWhere.role must be a UserRoleFilter"},
		{"users", "  in: [UserRole!]\n", "  in: [UserRole]\n", "UserRoleFilter needs in: [UserRole!]"},
		{"users", "  NAME\n", "  NICKNAME\n", "UserOrderField.NICKNAME is no field of User"},
		{"users", ` @edge(through: "memberships")`, ``, "User.groups leads to records but has no @edge"},
		{"users", `@edge(by: "ownerId")`, `@edge(by: "userId")`, "User.clients: ClientWhere has no userId"},
		{"leads", ` @scope(requires: "leads:write")`, ``, "Mutation.convertLead has no @scope"},
		{"leads", "`leads:read`", "it", "Query.leads: its description does not name `leads:read`"},
		{"leads", "  LEAD\n", "  LEED\n", "RecordType.LEAD is missing"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			srcs := sources(t)
			for _, src := range srcs {
				if src.Name != c.file+".graphqls" {
					continue
				}
				if !strings.Contains(src.Input, c.old) {
					t.Fatalf("%s has no %q to break", src.Name, c.old)
				}
				src.Input = strings.ReplaceAll(src.Input, c.old, c.new)
			}
			var got []string
			s := load(t, srcs)
			for _, rule := range rules {
				got = append(got, rule.check(s)...)
			}
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, c.want) }) {
				t.Errorf("got %q", got)
			}
		})
	}
}
