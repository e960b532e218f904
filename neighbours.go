package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"tend.example/tend/internal/config"
	"tend.example/tend/internal/systemd"
	"tend.example/tend/services/handover"
	"tend.example/tend/supervise"
)

const (
	exitUnavailable = 69 // EX_UNAVAILABLE
	exitConfig      = 78 // EX_CONFIG
)

// neighbours are what is around this process: the one before it, the one after it, and the service manager.
type neighbours struct {
	process *handover.Process
	manager systemd.Notifier

	door net.Addr // of the admin side, where its socket was given to this process; nil: it was not

	upgrading sync.Mutex   // held by who says that an upgrade is under way
	patience  atomic.Int64 // a Duration: with the next process, at an upgrade
}

// meetNeighbours takes over what this process was given by them.
func meetNeighbours(cfg config.Config, log *slog.Logger) (*neighbours, error) {
	process, err := handover.Begin()
	if err != nil {
		return nil, &supervise.ExitError{Code: exitConfig, Err: err}
	}
	n := &neighbours{process: process, manager: systemd.Notifier{Log: log}}
	for _, name := range []string{config.Root + "/admin", "admin"} {
		if addr := process.Sockets.Addr(name); addr != nil && n.door == nil {
			n.door = addr
		}
	}
	process.Log, process.MainPID = log, n.manager.HandOver
	n.set(cfg)
	return n, nil
}

// set takes over what counts at the next upgrade.
func (n *neighbours) set(cfg config.Config) { n.patience.Store(int64(cfg.UpgradeTimeout)) }

// guard refuses an admin side without a token at a socket that others can reach. What the configuration says of its address
// has been looked at, but is not used then.
func (n *neighbours) guard(access config.Admin) error {
	tcp, ok := n.door.(*net.TCPAddr)
	if !ok || access.Token != "" || tcp.IP.IsLoopback() {
		return nil
	}
	return &supervise.ExitError{
		Code: exitUnavailable, Err: fmt.Errorf("the socket of admin, %s, can be reached by others: that wants a token, by --admin-token-file", tcp),
	}
}

// upgrade replaces this process by a newer one.
func (n *neighbours) upgrade(ctx context.Context) error {
	if !n.upgrading.TryLock() {
		n.process.Log.Warn("upgrade refused", slog.Any("err", handover.ErrUnderWay))
		return fmt.Errorf("upgrade: %w", handover.ErrUnderWay)
	}
	defer n.upgrading.Unlock()
	n.process.ReadyTimeout = time.Duration(n.patience.Load())
	n.manager.Note("an upgrade is under way")
	err := n.process.Upgrade(ctx)
	switch {
	case err == nil:
	case errors.Is(err, handover.ErrUnderWay), // of the process before, which has not ended
		errors.Is(err, handover.ErrStopping):
		n.manager.Note("")
	default:
		n.manager.Note("the last upgrade failed: " + err.Error())
	}
	return err
}

// serve serves the tree until ctx is done, the tree ends, or another process has taken over; asked is why ctx is done, or
// would be.
func (n *neighbours) serve(ctx context.Context, tree *supervise.Group) (err, asked error) {
	n.process.Tree, n.manager.Tree = tree, tree
	tree.OnEvent = each(tree.OnEvent, n.process.Observe, n.manager.Observe)
	ctx = n.process.Context(ctx)
	present, leave := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { n.manager.Run(present, n.process.InCharge()) })
	work.Go(func() { n.heed(present, ctx) })
	err = tree.Serve(ctx)
	asked = context.Cause(ctx)
	leave()
	work.Wait()
	n.process.Close()
	if err == nil && errors.Is(asked, handover.ErrOrphaned) {
		err = asked
	}
	return err, asked
}

// heed begins an upgrade at each signal that asks for one, until present is done.
func (n *neighbours) heed(present, ctx context.Context) {
	signals := make(chan os.Signal, 1)
	handover.Notify(signals)
	defer signal.Stop(signals)
	var work sync.WaitGroup
	defer work.Wait()
	for {
		select {
		case <-signals:
			work.Go(func() { _ = n.upgrade(ctx) }) // it is logged
		case <-present.Done():
			return
		}
	}
}
