package transport

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport/guard"
)

// Defaults of Config.
const (
	DefaultMaxBody = 4 << 20 // a document's content may have 1 MiB, and triples when it is escaped
	DefaultTimeout = 5 * time.Second
	// DefaultSockets lets 4,000 people of one account be connected at once, with
	// a second tab here and there.
	DefaultSockets = 5000
)

// Config of a GraphQL endpoint.
type Config struct {
	Executor Executor
	// Guard, where set, is the Executor's source of documents, and bounds them.
	Guard *guard.Guard
	// Admission bounds what operations take.
	Admission Admission
	// Gate finds out who asks, and for which account: a tenancy.Gate.
	Gate Gate
	// Documents are those that callers may name; without it those that they have
	// sent before.
	Documents *Documents
	// Log gets one line for each request. Nothing is logged where it is nil.
	Log *slog.Logger
	// MaxBody bounds a request's body, and its query string; in bytes, DefaultMaxBody where 0.
	MaxBody int64
	// Timeout bounds a request, from its header to the end of its execution;
	// DefaultTimeout where 0. Clients may ask for less.
	Timeout time.Duration
	// Sockets is how many WebSockets and streams of events an account has open at
	// once, unless its own limits say otherwise; DefaultSockets where 0.
	Sockets int64
	// Origins are those of the pages that may open a socket, beside the endpoint's
	// own; as for CORS, which does not cover sockets.
	Origins []string
}

// Executor is what the edge needs of resolvers. It is safe for concurrent use.
type Executor interface {
	graphql.GraphExecutor
	// Recall returns what was answered to the very same of the same account and
	// scopes, nil where that is not known. It is to be given only while it is
	// exact, and to a request that keeps to all else.
	Recall(request *tenancy.Request, asked tenancy.Asked) *tenancy.Answered
}

// Gate is what the edge needs of tenancy. It is safe for concurrent use.
type Gate interface {
	// Admit returns who bears a credential, sent as in an Authorization header
	// to the host of the request.
	Admit(ctx context.Context, authorization, host string) (*tenancy.Caller, error)
	// Confirm returns a caller who was admitted before as they are now, or why
	// they may not be served any more.
	Confirm(ctx context.Context, caller *tenancy.Caller, host string) (*tenancy.Caller, error)
	// Request returns a new request of a caller who was admitted.
	Request(caller *tenancy.Caller) *tenancy.Request
}

type handler struct {
	pipeline pipeline
	gate     Gate
	maxBody  int64
	timeout  time.Duration

	// bodies are room for those of requests: *[]byte, up to presized each.
	bodies sync.Pool

	compressor *compressor
	streams    *streams
	origins    []string
}

// NewHandler returns the GraphQL endpoint, whatever its path. Operations find
// their tenancy.Request in the context. A configuration without an executor or
// without a gate is a programmer's mistake.
func NewHandler(c Config) *Handler {
	if c.Executor == nil || c.Gate == nil {
		panic("transport: a handler needs an Executor and a Gate")
	}
	if c.Documents == nil {
		c.Documents = NewDocuments(nil, nil)
	}
	h := &handler{
		pipeline: pipeline{executor: c.Executor, guard: c.Guard, documents: c.Documents, limits: c.Admission}, gate: c.Gate,
		maxBody: c.MaxBody, timeout: c.Timeout, compressor: newCompressor(), streams: newStreams(c.Sockets), origins: c.Origins,
	}
	if h.maxBody == 0 {
		h.maxBody = DefaultMaxBody
	}
	if h.timeout == 0 {
		h.timeout = DefaultTimeout
	}
	return &Handler{Observe(h, Observer{Log: c.Log}), h.streams}
}

// Handler is a GraphQL endpoint.
type Handler struct {
	http.Handler
	streams *streams
}

// Shutdown refuses new sockets and streams of events, ends those that are open,
// so that their clients go elsewhere and go on from where they were, and waits
// for them until ctx ends. It does not touch single requests.
func (h *Handler) Shutdown(ctx context.Context) error { return h.streams.stop(ctx) }

// Streams returns how many sockets and streams of events are open.
func (h *Handler) Streams() int64 { return h.streams.count() }

// ServeHTTP runs behind Observe.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchangeFrom(r.Context())
	wanted, acceptable := x.connection.negotiate(r.Header["Accept"])
	mediaType := wanted.mediaType
	if isUpgrade(r) {
		if err := h.checkUpgrade(r); err != nil {
			refuse(r.Context(), w, mediaType, nil, err)
			return
		}
		h.serveSocket(w, r)
		return
	}
	timeout, err := timeoutOf(r.Header, h.timeout)
	ctx := x.limit.begin(r.Context(), x.began.Add(timeout))
	defer ctx.end()
	if r.Method != http.MethodGet {
		boundReading(w, x, ctx.at)
	}
	if content := checkContent(r, acceptable, h.maxBody); content != nil {
		err = content
	}
	if err != nil {
		refuse(ctx, w, mediaType, nil, err)
		return
	}
	request, err := h.admit(ctx, r)
	if err != nil {
		refuse(ctx, w, mediaType, nil, challenge(r.Header, err))
		return
	}
	x.account, request.ID = request.Caller.Account.ID, x.id
	if err := h.pipeline.limits.open(request); err != nil { // before anything of the body is read
		refuse(ctx, w, mediaType, request, err)
		return
	}
	defer (&admitted{request}).rest()
	if o := h.serve(ctx, w, r, request, wanted); o != nil {
		h.stream(ctx, w, r, request, o, wanted)
	}
}

// serve reads what is asked, and answers it; an operation whose responses are streamed
// it only begins, and returns.
func (h *handler) serve(ctx *deadline, w http.ResponseWriter, r *http.Request, request *tenancy.Request, wanted accepted) (streamed *operation) {
	room, _ := h.bodies.Get().(*[]byte)
	if room == nil {
		room = new([]byte)
	}
	defer h.bodies.Put(room)
	asked, err := h.read(ctx, w, r, request, room)
	if err != nil {
		refuse(ctx, w, wanted.mediaType, request, err)
		return nil
	}
	request.Incremental = wanted.always // or if it is asked for
	return h.compute(ctx, w, r, request, asked, wanted)
}

// compute is answer, in the background where it has to give way. Where it need
// not, which is nearly always, nothing is allocated for it.
func (h *handler) compute(ctx *deadline, w http.ResponseWriter, r *http.Request, request *tenancy.Request, asked tenancy.Asked, wanted accepted) *operation {
	if !request.Turn.Yields() {
		return h.answer(ctx, w, r, request, asked, wanted)
	}
	var streamed *operation
	request.Turn.Run(func() { streamed = h.answer(ctx, w, r, request, asked, wanted) })
	return streamed
}

// answer writes the one response of an operation. One whose responses are
// streamed it only begins, and returns.
func (h *handler) answer(ctx *deadline, w http.ResponseWriter, r *http.Request, request *tenancy.Request, asked tenancy.Asked, wanted accepted) (streamed *operation) {
	answered, err := h.pipeline.recall(ctx, request, r.Header, asked)
	if answered != nil {
		h.writeResponse(ctx, w, r, wanted.mediaType, http.StatusOK, request, &graphql.Response{Data: answered.Data})
		return nil
	}
	var operation *operation
	if err == nil {
		operation, err = h.begin(ctx, r, request, asked, wanted)
	}
	if err != nil {
		refuse(ctx, w, wanted.mediaType, request, err)
		return nil
	}
	if operation.faults == nil && (operation.subscription || request.Incremental) {
		return operation
	}
	defer operation.end()
	operation.cancel = ctx.end
	status, response, err := execute(operation, wanted.mediaType)
	if err != nil {
		refuse(ctx, w, wanted.mediaType, request, err)
		return nil
	}
	h.writeResponse(ctx, w, r, wanted.mediaType, status, request, response)
	return nil
}

// stream writes the responses of an operation as they come.
func (h *handler) stream(ctx *deadline, w http.ResponseWriter, r *http.Request, request *tenancy.Request, o *operation, wanted accepted) {
	defer o.end()
	if o.subscription {
		ctx.end() // it has a time of its own
	} else {
		o.cancel = ctx.end
	}
	if !o.subscription && !wanted.events {
		h.writeMultipart(w, r, request, o)
		return
	}
	if err := h.writeEvents(w, r, request, o); err != nil {
		o.end() // so that the refusal says what it cost
		refuse(r.Context(), w, wanted.mediaType, request, err)
	}
}

// admit returns a new request of whoever sent r.
func (h *handler) admit(ctx context.Context, r *http.Request) (*tenancy.Request, error) {
	authorization, err := tenancy.Authorization(r.Header)
	if err != nil {
		return nil, err
	}
	caller, err := h.gate.Admit(ctx, authorization, r.Host)
	if err != nil {
		return nil, err
	}
	return h.gate.Request(caller), nil
}

// execute returns the operation's one response and its status.
func execute(operation *operation, mediaType string) (int, *graphql.Response, error) {
	if operation.faults != nil {
		return documentStatus(mediaType, codeOf(operation.faults.Errors[0])), operation.faults, nil
	}
	response := operation.Next()
	switch {
	case response == nil:
		return 0, nil, operation.err()
	case response.Data == nil && len(response.Errors) > 0: // refused by an extension
		return documentStatus(mediaType, codeOf(response.Errors[0])), response, nil
	}
	return http.StatusOK, response, nil
}

// read returns what is asked, when it may be computed; it lies in room where there is
// enough.
func (h *handler) read(ctx context.Context, w http.ResponseWriter, r *http.Request, request *tenancy.Request, room *[]byte) (tenancy.Asked, error) {
	asked := tenancy.Asked{Method: r.Method}
	if r.Method == http.MethodGet {
		asked.Text = []byte(r.URL.RawQuery)
		return asked, h.pipeline.limits.wait(ctx, request)
	}
	var err error
	if asked.Text, err = readBody(w, r, h.maxBody, room); err == nil { // while it comes in nothing is computed
		err = h.pipeline.limits.wait(ctx, request)
	}
	return asked, err
}

// begin begins the operation that is asked for.
func (h *handler) begin(ctx context.Context, r *http.Request, request *tenancy.Request, asked tenancy.Asked, wanted accepted) (*operation, error) {
	if len(asked.Text) <= presized { // it may lie where the next request's will, and is kept
		asked.Text = bytes.Clone(asked.Text)
	}
	params, err := decode(asked)
	if err != nil {
		return nil, err
	}
	t, err := termsOf(r.Header, params.Extensions)
	if err == nil {
		err = t.apply(request)
	}
	if err != nil {
		return nil, err
	}
	request.LastEventID = r.Header.Get("Last-Event-Id")
	// A single response comes as an event only to those who want nothing else.
	if (wanted.events || wanted.parts) && strings.Contains(params.Query, "@defer") {
		request.Incremental = true
	}
	if saysAll(params) {
		request.Asked = &asked
	}
	return h.pipeline.begin(r.Context(), ctx, request, params, carrier{
		mutations: r.Method == http.MethodPost, subscriptions: wanted.events,
	})
}

// refuse answers with err. request is nil before admission.
func refuse(ctx context.Context, w http.ResponseWriter, mediaType string, request *tenancy.Request, err error) {
	refused := refusalOf(err)
	refused.cost = costOf(request)
	exchangeFrom(ctx).refused(refused)
	at := ""
	if refused.code != shards.RateLimited { // the shard is not asked for whom it must not be asked
		at = bookmark(ctx, request)
	}
	refused.write(w, mediaType, at)
}

// bookmark returns the request's position as its response says it, "" where
// that can't be found out (invariant 3).
func bookmark(ctx context.Context, request *tenancy.Request) string {
	if request == nil {
		return ""
	}
	text, err := request.Handle.Bookmark(ctx)
	if err != nil {
		exchangeFrom(ctx).failed(err)
		return ""
	}
	return text
}

// challenge adds to a 401 how to do better (RFC 6750: without a reason where
// no credential was sent).
func challenge(header http.Header, err error) error {
	refused := refusalOf(err)
	if refused.status != http.StatusUnauthorized {
		return err
	}
	text := `Bearer realm="gatehouse"`
	if len(header.Values("Authorization")) > 0 {
		text += `, error="invalid_token"`
	}
	return refused.with("WWW-Authenticate", text)
}
