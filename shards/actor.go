package shards

// ActorKind says what an Actor is. Its values are those of the schema's enum.
type ActorKind string

const (
	ActorUser     ActorKind = "USER"
	ActorAPIKey   ActorKind = "API_KEY"
	ActorOperator ActorKind = "OPERATOR"
)

// Actor is whoever makes a change; it is written into every change row.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id"`
	Name string    `json:"name,omitzero"`
}
