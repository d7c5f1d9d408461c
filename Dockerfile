# gatehouse in a container. Not run where it was written; docs/deploy-postgres.md
# is what the tests run.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The profile makes reads a few percent faster, and the build of all
# dependencies another one: see bench/README.md.
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -pgo=bench/gatehouse.pgo -o /gatehouse .

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /gatehouse /gatehouse
ENTRYPOINT ["/gatehouse"]
CMD ["serve", "--config", "/etc/gatehouse.yml"]
