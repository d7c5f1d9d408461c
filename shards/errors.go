package shards

import (
	"errors"
	"time"
)

// Code says what kind of failure an Error is. Codes are part of the public
// contract: clients find them in extensions.code.
type Code string

const (
	Unauthenticated        Code = "UNAUTHENTICATED"
	Forbidden              Code = "FORBIDDEN"
	AccountSuspended       Code = "ACCOUNT_SUSPENDED"
	Misdirected            Code = "MISDIRECTED"
	BadRequest             Code = "BAD_REQUEST"
	DocumentLimit          Code = "DOCUMENT_LIMIT"
	PersistedQueryNotFound Code = "PERSISTED_QUERY_NOT_FOUND"
	CostLimit              Code = "COST_LIMIT"
	RateLimited            Code = "RATE_LIMITED"
	BookmarkInvalid        Code = "BOOKMARK_INVALID"
	BookmarkAhead          Code = "BOOKMARK_AHEAD"
	BookmarkLost           Code = "BOOKMARK_LOST"
	HistoryGone            Code = "HISTORY_GONE"
	IdempotencyMismatch    Code = "IDEMPOTENCY_MISMATCH"
	Unavailable            Code = "UNAVAILABLE"
	Internal               Code = "INTERNAL"
)

// Error is a failure that a caller may be told about. Message is written for
// the caller and holds nothing from inside; Err, which may, is only logged.
type Error struct {
	Code    Code
	Message string
	// RetryAfter is how long a caller should wait; zero where waiting does not help.
	RetryAfter time.Duration
	Err        error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return string(e.Code) + ": " + e.Message + ": " + e.Err.Error()
	}
	return string(e.Code) + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the Code of the first Error in err's chain, Internal for any
// other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
