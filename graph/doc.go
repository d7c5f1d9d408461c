// Package graph is the schema and what gqlgen makes of it. The SDL in schema/
// is the model: the struct that is generated for a record is its JSON body. An
// entity has only its own fields there; sdl/ has the whole schema.
//
// By hand are only schema/, this file, the scalars and the connection; all else
// is made by go generate. Imported by resolvers and by main.
package graph

//go:generate go run ./generate
