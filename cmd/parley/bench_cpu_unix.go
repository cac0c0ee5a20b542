//go:build unix

package main

import (
	"syscall"
	"time"
)

// ownCPU is the processor time this process has used: what others do on the
// machine at the same time takes no part in it.
func ownCPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
