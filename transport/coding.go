package transport

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// The content codings of a response, beside none.
const (
	zstdCoding = "zstd"
	gzipCoding = "gzip"
)

const (
	// minCompressed is from how many bytes on a body is worth compressing.
	minCompressed = 1 << 10
	// maxKept bounds the buffers that are kept for the next response, in bytes.
	maxKept = 1 << 20
)

// negotiateCoding returns the content coding that the Accept-Encoding headers
// prefer, "" for none: where the client prefers none, and where it says nothing.
func negotiateCoding(accept []string) string {
	if len(accept) == 0 {
		return ""
	}
	wished := map[string]float64{}
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		if name, q, ok := weighted(item); ok {
			wished[name] = max(q, wished[name])
		}
	}
	wish := func(coding string) float64 {
		if q, named := wished[coding]; named {
			return q
		}
		return wished["*"]
	}
	best, most := "", 0.0
	for _, coding := range []string{zstdCoding, gzipCoding} { // in our order, where the client has none
		if q := wish(coding); q > most {
			best, most = coding, q
		}
	}
	if wished["identity"] > most {
		return ""
	}
	return best
}

// encoder is a compressor that begins anew with each Reset.
type encoder interface {
	io.WriteCloser
	Reset(io.Writer)
}

// compressor compresses bodies, and keeps what is costly to make. It is safe for
// concurrent use.
type compressor struct{ zstds, gzips, buffers sync.Pool }

func newCompressor() *compressor {
	return &compressor{
		zstds: sync.Pool{New: func() any {
			// Without goroutines of its own, so that the pool may drop it. The window
			// is far below what browsers allow, and takes memory in each encoder.
			e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(256<<10))
			if err != nil {
				panic("transport: zstd: " + err.Error()) // constants are good or never
			}
			return e
		}},
		gzips: sync.Pool{New: func() any {
			e, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
			if err != nil {
				panic("transport: gzip: " + err.Error())
			}
			return e
		}},
		buffers: sync.Pool{New: func() any { return &bytes.Buffer{} }},
	}
}

// coding is how one body is to be compressed. The zero value is not at all.
type coding struct {
	name string
	by   *compressor
}

// choose returns what the Accept-Encoding headers prefer.
func (c *compressor) choose(accept []string) coding { return coding{negotiateCoding(accept), c} }

// lend calls use with a buffer that is used again afterwards.
func (c coding) lend(use func(*bytes.Buffer)) {
	if c.by == nil {
		use(&bytes.Buffer{})
		return
	}
	buffer := c.by.buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	use(buffer)
	if buffer.Cap() <= maxKept {
		c.by.buffers.Put(buffer)
	}
}

func lengthOf(parts [][]byte) (n int) {
	for _, part := range parts {
		n += len(part)
	}
	return n
}

// compress calls use with the encoded parts, in memory that is used again
// afterwards. It does not where there is no coding or the parts are too short
// for one; then it returns false.
func (c coding) compress(parts [][]byte, use func(body []byte)) bool {
	if c.name == "" || lengthOf(parts) <= minCompressed {
		return false
	}
	encoders := &c.by.zstds
	if c.name == gzipCoding {
		encoders = &c.by.gzips
	}
	c.lend(func(buffer *bytes.Buffer) {
		e := encoders.Get().(encoder)
		e.Reset(buffer)
		for _, part := range parts {
			_, _ = e.Write(part) // a bytes.Buffer takes everything
		}
		_ = e.Close()
		encoders.Put(e)
		use(buffer.Bytes())
	})
	return true
}
