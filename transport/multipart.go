package transport

import (
	"net/http"
	"time"

	"gatehouse/tenancy"
)

// writeMultipart writes an operation's responses as the parts of one body, each
// as soon as it is there. It ends with the operation, which has a deadline.
func (h *handler) writeMultipart(w http.ResponseWriter, r *http.Request, request *tenancy.Request, o *operation) {
	control := http.NewResponseController(w)
	header := w.Header()
	(&parts{}).describe(fieldsOf(w))
	header.Set("Content-Type", partsType+`; boundary="-"; deferSpec=20220824`)
	header.Set("X-Accel-Buffering", "no")
	header.Set("X-Content-Type-Options", "nosniff")
	send := func(text string, body []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeWithin))
		_, err := w.Write(append([]byte(text), body...))
		return err == nil && control.Flush() == nil
	}
	responses(r.Context(), request, o, func(p payload) bool {
		if p.bookmark != "" {
			header.Set("Bookmark", p.bookmark) // of the first; later it is of no effect
		}
		return send("\r\n---\r\nContent-Type: "+jsonType+"; charset=utf-8\r\n\r\n", p.text) && p.failed == nil
	})
	send("\r\n-----\r\n", nil)
}
