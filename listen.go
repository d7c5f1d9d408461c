package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

// inherited, in place of an address, is the listening socket that whoever
// started the process hands over, as systemd does (LISTEN_FDS). It outlives the
// process, and with it the connections that nobody has accepted yet.
const inherited = "inherited"

// firstHandedOver is the descriptor of the first socket that is handed over.
const firstHandedOver = 3

func listen(address string) (net.Listener, error) {
	if address == inherited {
		return inherit(os.LookupEnv)
	}
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("can't listen on %s: the port is in use", address)
	}
	if err != nil {
		return nil, fmt.Errorf("can't listen on %s: %w", address, err)
	}
	return listener, nil
}

// inherit returns the one socket that is handed over to this process.
func inherit(lookup lookupEnv) (net.Listener, error) {
	count, _ := lookup("LISTEN_FDS")
	process, given := lookup("LISTEN_PID")
	if count == "" || given && process != strconv.Itoa(os.Getpid()) {
		return nil, errors.New("listen: no socket was handed over (LISTEN_FDS); a socket unit of systemd does that")
	}
	if count != "1" {
		return nil, fmt.Errorf("listen: one socket must be handed over, not %s", count)
	}
	syscall.CloseOnExec(firstHandedOver)
	file := os.NewFile(firstHandedOver, inherited)
	defer file.Close() // the listener has a copy
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("listen: what was handed over is no listening socket: %w", err)
	}
	if _, ok := listener.(*net.TCPListener); !ok {
		return nil, errors.Join(errors.New("listen: the socket that was handed over must be one of TCP"), listener.Close())
	}
	return listener, nil
}
