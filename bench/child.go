package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// child is this program again, in a process of its own: it reads orders and
// writes an answer to each, as lines of JSON.
type child struct {
	cmd *exec.Cmd
	in  *json.Encoder
	out *json.Decoder
	end io.Closer
}

// failed is what a child answers where it can't answer.
type failed struct{ Error string }

// startChild starts one of the program's other modes, and tells it how to begin.
func startChild(mode string, begin any) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, mode)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, in: json.NewEncoder(in), out: json.NewDecoder(out), end: in}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return c, c.in.Encode(begin)
}

// order gives an order and reads the answer.
func (c *child) order(order, answer any) error {
	if err := c.in.Encode(order); err != nil {
		return err
	}
	var text json.RawMessage
	if err := c.out.Decode(&text); err != nil {
		return fmt.Errorf("a child has ended: %w", err)
	}
	var f failed
	if err := json.Unmarshal(text, &f); err == nil && f.Error != "" {
		return errors.New(f.Error)
	}
	return json.Unmarshal(text, answer)
}

func (c *child) stop() error {
	c.end.Close()
	return c.cmd.Wait()
}

// obey is a child's main: prepare gets what the child is told at first and
// returns what answers each order.
func obey[B, O, A any](in io.Reader, out io.Writer, prepare func(B) (answer func(O) (A, error), end func() error, err error)) error {
	orders, answers := json.NewDecoder(in), json.NewEncoder(out)
	var begin B
	if err := orders.Decode(&begin); err != nil {
		return err
	}
	answer, end, err := prepare(begin)
	if err != nil {
		return err
	}
	for {
		var order O
		if err := orders.Decode(&order); errors.Is(err, io.EOF) {
			return end()
		} else if err != nil {
			return errors.Join(err, end())
		}
		a, err := answer(order)
		if err != nil {
			err = answers.Encode(failed{err.Error()})
		} else {
			err = answers.Encode(a)
		}
		if err != nil {
			return errors.Join(err, end())
		}
	}
}
