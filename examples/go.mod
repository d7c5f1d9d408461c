// The files below are copied into a gateway, not built here; see the README.
module examples

go 1.26.0
